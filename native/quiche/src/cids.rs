//! Connection IDs that we issue, RFC 9000 §5.1.

use quiche::ConnectionId;

use crate::buffer::{slice, slice_mut};
use crate::connection::{reset_token, Connection, CID_BYTES};
use crate::result::{code, unit, ERROR_OTHER, ERROR_PANIC};

#[no_mangle]
pub unsafe extern "C" fn qd_scids_left(connection: *mut Connection) -> usize {
    Connection::enter(connection, 0, |c| c.quic.scids_left())
}

#[no_mangle]
pub unsafe extern "C" fn qd_new_scid(
    connection: *mut Connection,
    scid: *const u8,
    scid_bytes: usize,
    token: *const u8,
    retire_if_needed: bool,
) -> i64 {
    Connection::enter(connection, ERROR_PANIC as i64, |c| {
        let Some(token) = reset_token(token) else { return ERROR_OTHER as i64 };
        let scid = ConnectionId::from_ref(slice(scid, scid_bytes));
        match c.quic.new_scid(&scid, token, retire_if_needed) {
            Ok(sequence) => sequence as i64,
            Err(error) => code(error) as i64,
        }
    })
}

/// Those of a connection have one length (RFC 9000 §5.1); |scid| has CID_BYTES, the rest is zero.
#[no_mangle]
pub unsafe extern "C" fn qd_retired_scid(connection: *mut Connection, scid: *mut u8) -> bool {
    Connection::enter(connection, false, |c| {
        let Some(retired) = c.quic.retired_scid_next() else { return false };
        let out = slice_mut(scid, CID_BYTES);
        out.fill(0);
        let bytes = retired.len().min(out.len());
        out[..bytes].copy_from_slice(&retired[..bytes]);
        true
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_retire_dcid(connection: *mut Connection, sequence: u64) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| unit(c.quic.retire_dcid(sequence)))
}
