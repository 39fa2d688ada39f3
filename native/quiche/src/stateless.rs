//! Answers that need no connection.

use quiche::ConnectionId;

use crate::buffer::{slice, slice_mut};
use crate::connection::CID_BYTES;
use crate::guard::guard;
use crate::result::{size, ERROR_PANIC};

#[no_mangle]
pub unsafe extern "C" fn qd_negotiate_version(
    scid: *const u8,
    scid_bytes: usize,
    dcid: *const u8,
    dcid_bytes: usize,
    out: *mut u8,
    capacity: usize,
) -> isize {
    guard(ERROR_PANIC as isize, || {
        let scid = ConnectionId::from_ref(slice(scid, scid_bytes));
        let dcid = ConnectionId::from_ref(slice(dcid, dcid_bytes));
        size(quiche::negotiate_version(&scid, &dcid, slice_mut(out, capacity)))
    })
}

#[no_mangle]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C" fn qd_retry(
    scid: *const u8,
    scid_bytes: usize,
    dcid: *const u8,
    dcid_bytes: usize,
    new_scid: *const u8,
    token: *const u8,
    token_bytes: usize,
    version: u32,
    out: *mut u8,
    capacity: usize,
) -> isize {
    guard(ERROR_PANIC as isize, || {
        let scid = ConnectionId::from_ref(slice(scid, scid_bytes));
        let dcid = ConnectionId::from_ref(slice(dcid, dcid_bytes));
        let new_scid = ConnectionId::from_ref(slice(new_scid, CID_BYTES));
        let token = slice(token, token_bytes);
        size(quiche::retry(&scid, &dcid, &new_scid, token, version, slice_mut(out, capacity)))
    })
}
