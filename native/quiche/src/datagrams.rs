//! Datagrams, RFC 9221.

use std::ffi::c_void;

use crate::buffer::{slice, slice_mut, Datagram, Lend, LentDatagram, DROPPED};
use crate::connection::Connection;
use crate::result::{code, size, DONE, ERROR_PANIC};

const PANIC: isize = ERROR_PANIC as isize;

/// Makes room for a datagram of |bytes|, which is known to be sendable then: what is old is worth
/// least. True: the oldest was given up for it.
fn make_room(c: &mut Connection, bytes: usize) -> quiche::Result<bool> {
    let max = c.quic.dgram_max_writable_len().ok_or(quiche::Error::InvalidState)?;
    if bytes > max {
        return Err(quiche::Error::BufferTooShort);
    }
    if !c.quic.is_dgram_send_queue_full() {
        return Ok(false);
    }
    // Without one the queue has no room at all.
    c.quic.dgram_take_outgoing().ok_or(quiche::Error::Done)?.note(DROPPED);
    Ok(true)
}

fn send(c: &mut Connection, bytes: usize, datagram: impl FnOnce() -> Datagram) -> i32 {
    match make_room(c, bytes) {
        Ok(dropped) => match c.quic.dgram_send_buf(datagram()) {
            Ok(()) => dropped as i32,
            Err(error) => code(error),
        },
        Err(error) => code(error),
    }
}

#[no_mangle]
pub unsafe extern "C" fn qd_datagram_send_copy(
    connection: *mut Connection,
    data: *const u8,
    bytes: usize,
) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| {
        send(c, bytes, || Datagram::Owned(slice(data, bytes).to_vec()))
    })
}

/// The loan ends when the datagram was put into a packet: a lost one is not sent again. On an error
/// it ends here.
#[no_mangle]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C" fn qd_datagram_send_ref(
    connection: *mut Connection,
    data: *const u8,
    bytes: usize,
    owner: *mut c_void,
    slab: u32,
    index: u32,
    request: u32,
) -> i32 {
    let lend = Lend::new(data, bytes, owner, slab, index);
    Connection::enter(connection, ERROR_PANIC, move |c| {
        send(c, bytes, || Datagram::Lent(LentDatagram::new(lend, request)))
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
