//! Numbers: counters of a connection, and what the peer allows.

use crate::connection::Connection;

/// struct qd_stats.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    pub received_packets: u64,
    pub sent_packets: u64,
    pub lost_packets: u64,
    pub retransmitted_packets: u64,
    pub received_bytes: u64,
    pub sent_bytes: u64,
    pub lost_bytes: u64,
    pub stream_retransmitted_bytes: u64,
    pub round_trip_ns: u64,
    pub minimum_round_trip_ns: u64,
    pub congestion_window_bytes: u64,
    pub in_flight_bytes: u64,
    pub delivery_rate: u64,
    pub paths: u64,
    pub path_challenges_received: u64,
    pub reset_streams_remote: u64,
    pub stopped_streams_remote: u64,
    pub path_mtu_bytes: u64,
    pub datagrams_received: u64,
    pub datagrams_waiting: u64,
    pub datagrams_sent: u64,
    pub datagrams_lost: u64,
    pub spurious_lost_packets: u64,
    pub round_trip_variation_ns: u64,
    pub probe_timeouts: u64,
    pub acknowledged_bytes: u64,
    pub key_updates: u64,
    pub ecn_state: u64,
    pub ecn_sent: u64,
    pub ecn_ce: u64,
}

/// struct qd_peer_parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct PeerParameters {
    pub max_idle_timeout_ms: u64,
    pub max_udp_payload_bytes: u64,
    pub initial_max_data: u64,
    pub initial_max_streams_bidi: u64,
    pub initial_max_streams_uni: u64,
    pub active_connection_id_limit: u64,
    pub max_datagram_frame_bytes: i64,
    pub disable_active_migration: bool,
}

fn collect(c: &Connection) -> Stats {
    let all = c.quic.stats();
    let (ecn, ecn_sent, ecn_ce) = c.quic.ecn();
    let mut stats = Stats {
        received_packets: all.recv as u64,
        sent_packets: all.sent as u64,
        lost_packets: all.lost as u64,
        retransmitted_packets: all.retrans as u64,
        received_bytes: all.recv_bytes,
        sent_bytes: all.sent_bytes,
        lost_bytes: all.lost_bytes,
        stream_retransmitted_bytes: all.stream_retrans_bytes,
        paths: all.paths_count as u64,
        path_challenges_received: all.path_challenge_rx_count,
        reset_streams_remote: all.reset_stream_count_remote,
        stopped_streams_remote: all.stopped_stream_count_remote,
        datagrams_received: all.dgram_recv as u64,
        datagrams_waiting: c.quic.dgram_recv_queue_len() as u64,
        datagrams_sent: all.dgram_sent as u64,
        spurious_lost_packets: all.spurious_lost as u64,
        acknowledged_bytes: all.acked_bytes,
        key_updates: c.quic.key_updates(),
        ecn_state: ecn as u64,
        ecn_sent,
        ecn_ce,
        ..Stats::default()
    };
    for path in c.quic.path_stats() {
        stats.datagrams_lost += path.dgram_lost as u64;
        stats.probe_timeouts += path.total_pto_count as u64;
        if !path.active {
            continue;
        }
        stats.round_trip_variation_ns = path.rttvar.as_nanos() as u64;
        stats.round_trip_ns = path.rtt.as_nanos() as u64;
        stats.minimum_round_trip_ns = path.min_rtt.unwrap_or_default().as_nanos() as u64;
        stats.congestion_window_bytes = path.cwnd as u64;
        stats.in_flight_bytes = path.bytes_in_flight as u64;
        stats.delivery_rate = path.delivery_rate;
        stats.path_mtu_bytes = path.pmtu as u64;
    }
    stats
}

#[no_mangle]
pub unsafe extern "C" fn qd_get_stats(connection: *mut Connection, stats: *mut Stats) {
    let now = Connection::enter(connection, Stats::default(), |c| collect(c));
    if let Some(stats) = stats.as_mut() {
        *stats = now;
    }
}

#[no_mangle]
pub unsafe extern "C" fn qd_get_peer_parameters(
    connection: *mut Connection,
    parameters: *mut PeerParameters,
) {
    let known = Connection::enter(connection, PeerParameters::default(), |c| {
        c.quic.peer_transport_params().map_or_else(PeerParameters::default, |peer| PeerParameters {
            max_idle_timeout_ms: peer.max_idle_timeout,
            max_udp_payload_bytes: peer.max_udp_payload_size,
            initial_max_data: peer.initial_max_data,
            initial_max_streams_bidi: peer.initial_max_streams_bidi,
            initial_max_streams_uni: peer.initial_max_streams_uni,
            active_connection_id_limit: peer.active_conn_id_limit,
            max_datagram_frame_bytes: peer.max_datagram_frame_size.map_or(-1, |bytes| bytes as i64),
            disable_active_migration: peer.disable_active_migration,
        })
    });
    if let Some(parameters) = parameters.as_mut() {
        *parameters = known;
    }
}
