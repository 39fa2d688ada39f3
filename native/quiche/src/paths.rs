//! Path events, RFC 9000 §9.

use std::net::SocketAddr;

use quiche::PathEvent;

use crate::address::Address;
use crate::connection::Connection;

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
