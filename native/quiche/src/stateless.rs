//! Answers that need no connection.

use quiche::ConnectionId;

use crate::buffer::{slice, slice_mut};
use crate::connection::CID_BYTES;
use crate::guard::guard;
use crate::result::{size, ERROR_OTHER, ERROR_PANIC};
use crate::versions;

#[no_mangle]
pub unsafe extern "C" fn qd_negotiate_version(
    scid: *const u8,
    scid_bytes: usize,
    dcid: *const u8,
    dcid_bytes: usize,
    policy: u32,
    out: *mut u8,
    capacity: usize,
) -> isize {
    guard(ERROR_PANIC as isize, || {
        let (scid, dcid) = (slice(scid, scid_bytes), slice(dcid, dcid_bytes));
        version_negotiation(scid, dcid, policy, slice_mut(out, capacity))
            .unwrap_or(ERROR_OTHER as isize)
    })
}

/// RFC 9000 §17.2.1, with the versions of RFC 9368 §2.1.
fn version_negotiation(scid: &[u8], dcid: &[u8], policy: u32, out: &mut [u8]) -> Option<isize> {
    let mut unused = [0];
    boring::rand::rand_bytes(&mut unused).ok()?;
    let mut packet = vec![0x80 | unused[0], 0, 0, 0, 0];
    for cid in [scid, dcid] {
        packet.push(u8::try_from(cid.len()).ok()?);
        packet.extend(cid);
    }
    packet.extend(versions::spoken(policy).iter().flat_map(|version| version.to_be_bytes()));
    out.get_mut(..packet.len())?.copy_from_slice(&packet);
    Some(packet.len() as isize)
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
