//! Path events, RFC 9000 §9.

use std::net::SocketAddr;

use quiche::{ConnectionId, PathEvent, PreferredAddress};

use crate::address::Address;
use crate::buffer::slice;
use crate::connection::{reset_token, Connection, CID_BYTES};
use crate::result::{unit, ERROR_OTHER, ERROR_PANIC};

/// struct qd_path_event.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub kind: u32,
    pub local: Address,
    pub peer: Address,
}

fn event(kind: u32, local: SocketAddr, peer: SocketAddr) -> Event {
    Event { kind, local: local.into(), peer: peer.into() }
}

/// The numbers are enum qd_path_event_kind. A kind that this version of the header does not know is
/// not reported.
fn translate(from: PathEvent) -> Option<Event> {
    Some(match from {
        PathEvent::New(local, peer) => event(0, local, peer),
        PathEvent::Validated(local, peer) => event(1, local, peer),
        PathEvent::FailedValidation(local, peer) => event(2, local, peer),
        PathEvent::Closed(local, peer) => event(3, local, peer),
        PathEvent::ReusedSourceConnectionId(_, _, (local, peer)) => event(4, local, peer),
        PathEvent::PeerMigrated(local, peer) => event(5, local, peer),
        PathEvent::PmtuUpdated { local, peer, .. } => event(6, local, peer),
        _ => return None,
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_path_event_next(connection: *mut Connection, out: *mut Event) -> bool {
    Connection::enter(connection, false, |c| {
        while let Some(next) = c.quic.path_event_next() {
            if let (Some(event), Some(out)) = (translate(next), out.as_mut()) {
                *out = event;
                return true;
            }
        }
        false
    })
}

/// Calls |ask| with both addresses of a path.
unsafe fn on_path(
    connection: *mut Connection,
    local: *const Address,
    peer: *const Address,
    ask: impl FnOnce(&mut Connection, SocketAddr, SocketAddr) -> quiche::Result<()>,
) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| match (local.as_ref(), peer.as_ref()) {
        (Some(local), Some(peer)) => unit(ask(c, local.into(), peer.into())),
        _ => ERROR_OTHER,
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_probe_path(
    connection: *mut Connection,
    local: *const Address,
    peer: *const Address,
) -> i32 {
    on_path(connection, local, peer, |c, local, peer| c.quic.probe_path(local, peer).map(|_| ()))
}

#[no_mangle]
pub unsafe extern "C" fn qd_migrate(
    connection: *mut Connection,
    local: *const Address,
    peer: *const Address,
) -> i32 {
    on_path(connection, local, peer, |c, local, peer| c.quic.migrate(local, peer).map(|_| ()))
}

#[no_mangle]
pub unsafe extern "C" fn qd_leave_path(
    connection: *mut Connection,
    local: *const Address,
    peer: *const Address,
) -> i32 {
    on_path(connection, local, peer, |c, local, peer| c.quic.leave_path(local, peer))
}

#[no_mangle]
pub unsafe extern "C" fn qd_peer_uses_path(
    connection: *mut Connection,
    local: *const Address,
    peer: *const Address,
) -> bool {
    Connection::enter(connection, false, |c| match (local.as_ref(), peer.as_ref()) {
        (Some(local), Some(peer)) => c.quic.peer_uses_path(local.into(), peer.into()),
        _ => false,
    })
}

/// Null and an address of the other family stand for none.
unsafe fn of_family(address: *const Address, family: u8) -> Option<SocketAddr> {
    address.as_ref().filter(|address| address.family == family).map(SocketAddr::from)
}

#[no_mangle]
pub unsafe extern "C" fn qd_set_preferred_address(
    connection: *mut Connection,
    ipv4: *const Address,
    ipv6: *const Address,
    scid: *const u8,
    token: *const u8,
) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| {
        let Some(reset_token) = reset_token(token) else { return ERROR_OTHER };
        let ipv4 = match of_family(ipv4, 4) {
            Some(SocketAddr::V4(address)) => Some(address),
            _ => None,
        };
        let ipv6 = match of_family(ipv6, 6) {
            Some(SocketAddr::V6(address)) => Some(address),
            _ => None,
        };
        let cid = ConnectionId::from_vec(slice(scid, CID_BYTES).to_vec());
        unit(c.quic.set_preferred_address(PreferredAddress { ipv4, ipv6, cid, reset_token }))
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_preferred_address(
    connection: *mut Connection,
    family: u8,
    out: *mut Address,
) -> bool {
    Connection::enter(connection, false, |c| {
        let peer = c.quic.peer_transport_params().filter(|_| c.quic.is_handshake_confirmed());
        let preferred = peer.and_then(|peer| peer.preferred_address.as_ref());
        let address = preferred.and_then(|preferred| match family {
            4 => preferred.ipv4.map(SocketAddr::from),
            _ => preferred.ipv6.map(SocketAddr::from),
        });
        match (address, out.as_mut()) {
            (Some(address), Some(out)) => *out = address.into(),
            _ => return false,
        }
        true
    })
}
