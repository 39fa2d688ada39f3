//! What bounds sending, for telling what a connection waits for.

use crate::connection::Connection;
use crate::result::DONE;
use crate::time::instant_ns;

/// struct qd_limits.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    pub peer_data_left: u64,
    pub congestion_left: u64,
    pub amplification_left: u64,
    pub unsent_bytes: u64,
    pub release_ns: u64,
    pub datagrams_unsent: u64,
}

fn collect(c: &Connection) -> Limits {
    let limits = c.quic.send_limits();
    Limits {
        peer_data_left: limits.peer_data_left,
        congestion_left: limits.congestion_left as u64,
        amplification_left: limits.amplification_left.map_or(u64::MAX, |bytes| bytes as u64),
        unsent_bytes: limits.unsent_bytes as u64,
        release_ns: c.release_time().map_or(0, instant_ns),
        datagrams_unsent: c.quic.dgram_send_queue_len() as u64,
    }
}

#[no_mangle]
pub unsafe extern "C" fn qd_get_limits(connection: *mut Connection, limits: *mut Limits) {
    let now = Connection::enter(connection, Limits::default(), |c| collect(c));
    if let Some(limits) = limits.as_mut() {
        *limits = now;
    }
}

#[no_mangle]
pub unsafe extern "C" fn qd_stream_window_left(connection: *mut Connection, stream_id: u64) -> i64 {
    Connection::enter(connection, DONE as i64, |c| {
        c.quic.stream_window_left(stream_id).map_or(DONE as i64, |bytes| bytes as i64)
    })
}
