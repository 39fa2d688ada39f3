//! Streams, RFC 9000 §2.

use std::ffi::c_void;

use bytes::Bytes;
use quiche::{Error, Shutdown};

use crate::buffer::{slice, slice_mut, Lend};
use crate::connection::Connection;
use crate::result::{stream_code, unit, ERROR_OTHER, ERROR_PANIC};

const PANIC: isize = ERROR_PANIC as isize;

/// Bytes taken. quiche says Done when capacity is all used up: for the caller that is 0 taken, and
/// wait for writable.
unsafe fn taken(result: quiche::Result<usize>, error_code: *mut u64) -> isize {
    match result {
        Ok(bytes) => bytes as isize,
        Err(Error::Done) => 0,
        Err(error) => stream_code(error, error_code),
    }
}

#[no_mangle]
pub unsafe extern "C" fn qd_stream_send_copy(
    connection: *mut Connection,
    stream_id: u64,
    data: *const u8,
    bytes: usize,
    fin: bool,
    error_code: *mut u64,
) -> isize {
    Connection::enter(connection, PANIC, |c| {
        taken(c.quic.stream_send(stream_id, slice(data, bytes), fin), error_code)
    })
}

/// quiche drops the buffer on every error and hands the untaken tail back, which we drop: both end
/// in `Lend`, so the loan ends here unless some bytes were taken.
#[no_mangle]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C" fn qd_stream_send_ref(
    connection: *mut Connection,
    stream_id: u64,
    data: *const u8,
    bytes: usize,
    fin: bool,
    owner: *mut c_void,
    slab: u32,
    index: u32,
    error_code: *mut u64,
) -> isize {
    // Made before anything can fail: from here on every way out releases.
    let lend = Lend::new(data, bytes, owner, slab, index);
    Connection::enter(connection, PANIC, move |c| {
        if lend.as_ref().is_empty() {
            return taken(c.quic.stream_send(stream_id, &[], fin), error_code);
        }
        let result = c.quic.stream_send_zc(stream_id, Bytes::from_owner(lend), fin);
        taken(result.map(|(bytes, _tail)| bytes), error_code)
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_stream_capacity(
    connection: *mut Connection,
    stream_id: u64,
    error_code: *mut u64,
) -> isize {
    Connection::enter(connection, PANIC, |c| match c.quic.stream_capacity(stream_id) {
        Ok(bytes) => bytes as isize,
        Err(error) => stream_code(error, error_code),
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_stream_recv(
    connection: *mut Connection,
    stream_id: u64,
    out: *mut u8,
    capacity: usize,
    fin: *mut bool,
    error_code: *mut u64,
) -> isize {
    Connection::enter(connection, PANIC, |c| {
        match c.quic.stream_recv(stream_id, slice_mut(out, capacity)) {
            Ok((bytes, finished)) => {
                if let Some(fin) = fin.as_mut() {
                    *fin = finished;
                }
                bytes as isize
            }
            Err(error) => stream_code(error, error_code),
        }
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_stream_readable_bytes(
    connection: *mut Connection,
    stream_id: u64,
) -> usize {
    Connection::enter(connection, 0, |c| c.quic.stream_readable_len(stream_id, usize::MAX))
}

#[no_mangle]
pub unsafe extern "C" fn qd_stream_is_readable(
    connection: *mut Connection,
    stream_id: u64,
) -> bool {
    Connection::enter(connection, false, |c| c.quic.stream_readable(stream_id))
}

#[no_mangle]
pub unsafe extern "C" fn qd_stream_shutdown(
    connection: *mut Connection,
    stream_id: u64,
    direction: u32,
    error_code: u64,
) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| {
        let direction = match direction {
            0 => Shutdown::Read,
            1 => Shutdown::Write,
            _ => return ERROR_OTHER,
        };
        unit(c.quic.stream_shutdown(stream_id, direction, error_code))
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_stream_reset_at(
    connection: *mut Connection,
    stream_id: u64,
    error_code: u64,
    reliable_bytes: u64,
) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| {
        unit(c.quic.stream_reset_at(stream_id, error_code, reliable_bytes))
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_stream_priority(
    connection: *mut Connection,
    stream_id: u64,
    urgency: u8,
    incremental: bool,
) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| {
        unit(c.quic.stream_priority(stream_id, urgency, incremental))
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_stream_finished(connection: *mut Connection, stream_id: u64) -> bool {
    Connection::enter(connection, true, |c| c.quic.stream_finished(stream_id))
}

/// Fills |out| from |next|, which takes an id out of quiche's queue: so it is only asked while
/// there is room.
fn fill(out: &mut [u64], mut next: impl FnMut() -> Option<u64>) -> usize {
    for (count, slot) in out.iter_mut().enumerate() {
        match next() {
            Some(stream_id) => *slot = stream_id,
            None => return count,
        }
    }
    out.len()
}

unsafe fn ids<'a>(stream_ids: *mut u64, capacity: usize) -> &'a mut [u64] {
    if stream_ids.is_null() || capacity == 0 {
        return &mut [];
    }
    std::slice::from_raw_parts_mut(stream_ids, capacity)
}

#[no_mangle]
pub unsafe extern "C" fn qd_next_readable(
    connection: *mut Connection,
    stream_ids: *mut u64,
    capacity: usize,
) -> usize {
    Connection::enter(connection, 0, |c| {
        fill(ids(stream_ids, capacity), || c.quic.stream_readable_next())
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_next_writable(
    connection: *mut Connection,
    stream_ids: *mut u64,
    capacity: usize,
) -> usize {
    Connection::enter(connection, 0, |c| {
        fill(ids(stream_ids, capacity), || c.quic.stream_writable_next())
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_streams_left(connection: *mut Connection, bidirectional: bool) -> u64 {
    Connection::enter(connection, 0, |c| match bidirectional {
        true => c.quic.peer_streams_left_bidi(),
        false => c.quic.peer_streams_left_uni(),
    })
}
