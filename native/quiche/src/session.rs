//! What a client keeps from one connection for the next one to the same server, as one opaque blob.
//!
//! Version byte, then quiche's session: TLS ticket and the transport parameters that 0-RTT goes by
//! (RFC 9000 §7.4.1).

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;

use crate::buffer::{slice, slice_mut};
use crate::connection::Connection;
use crate::result::{unit, ERROR_OTHER, ERROR_PANIC};

const VERSION: u8 = 1;
const DONE: isize = -1;
const BUFFER_TOO_SHORT: isize = -2;

fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// The newest session, if it is another than the last one that was taken.
fn fresh(connection: &Connection) -> Option<(Vec<u8>, u64)> {
    let tls = connection.quic.session()?;
    let mut blob = vec![VERSION];
    blob.extend_from_slice(tls);
    let mark = digest(&blob);
    (connection.session_taken != Some(mark)).then_some((blob, mark))
}

#[no_mangle]
pub unsafe extern "C" fn qd_take_session(
    connection: *mut Connection,
    out: *mut u8,
    capacity: usize,
) -> isize {
    Connection::enter(connection, ERROR_PANIC as isize, |c| {
        let Some((blob, mark)) = fresh(c) else { return DONE };
        let Some(out) = slice_mut(out, capacity).get_mut(..blob.len()) else {
            return BUFFER_TOO_SHORT;
        };
        out.copy_from_slice(&blob);
        c.session_taken = Some(mark);
        blob.len() as isize
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_set_session(
    connection: *mut Connection,
    session: *const u8,
    bytes: usize,
) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| match slice(session, bytes) {
        [VERSION, tls @ ..] => unit(c.quic.set_session(tls)),
        _ => ERROR_OTHER,
    })
}
