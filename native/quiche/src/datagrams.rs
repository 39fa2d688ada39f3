//! Datagrams, RFC 9221.

use std::ffi::c_void;

use crate::buffer::{slice, slice_mut, Datagram, Lend};
use crate::connection::Connection;
use crate::result::{size, unit, DONE, ERROR_PANIC};

const PANIC: isize = ERROR_PANIC as isize;

#[no_mangle]
pub unsafe extern "C" fn qd_datagram_send_copy(
    connection: *mut Connection,
    data: *const u8,
    bytes: usize,
) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| unit(c.quic.dgram_send(slice(data, bytes))))
}

/// The loan ends when the datagram was put into a packet: a lost one is not sent again. On an error
/// it ends here.
#[no_mangle]
pub unsafe extern "C" fn qd_datagram_send_ref(
    connection: *mut Connection,
    data: *const u8,
    bytes: usize,
    owner: *mut c_void,
    slab: u32,
    index: u32,
) -> i32 {
    let lend = Lend::new(data, bytes, owner, slab, index);
    Connection::enter(connection, ERROR_PANIC, move |c| {
        unit(c.quic.dgram_send_buf(Datagram::Lent(lend)))
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_datagram_recv(
    connection: *mut Connection,
    out: *mut u8,
    capacity: usize,
) -> isize {
    Connection::enter(connection, PANIC, |c| size(c.quic.dgram_recv(slice_mut(out, capacity))))
}

#[no_mangle]
pub unsafe extern "C" fn qd_datagram_front_bytes(connection: *mut Connection) -> isize {
    Connection::enter(connection, PANIC, |c| {
        c.quic.dgram_recv_front_len().map_or(DONE as isize, |bytes| bytes as isize)
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_datagram_max_bytes(connection: *mut Connection) -> isize {
    Connection::enter(connection, PANIC, |c| {
        c.quic.dgram_max_writable_len().map_or(DONE as isize, |bytes| bytes as isize)
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_datagram_send_queue(connection: *mut Connection) -> usize {
    Connection::enter(connection, 0, |c| c.quic.dgram_send_queue_len())
}
