//! Path events, RFC 9000 §9.

use std::net::SocketAddr;

use quiche::PathEvent;

use crate::address::Address;
use crate::connection::Connection;
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
