//! patches/55-early-handshake-probe.patch: whoever hears from its peer that something of the
//! handshake was lost sends it again, and does not wait for its own timeout (RFC 9002 §6.2.3).

mod support;

use std::time::Duration;

use support::*;

const LATER_NS: u64 = 2_000_000_000;

/// Lets the timers of one end run out, and of that end only.
fn wait_at(end: &End) {
    quicd_quiche::time::qd_set_now(now_ns() + LATER_NS);
    end.timers();
}

/// The server's first flight is lost; the client's probe tells, and the answer completes the
/// handshake at the client.
fn lost_flight(congestion: u32) {
    let pipe = Pipe::with(|_| {}, |options| options.congestion = congestion, CID_BYTES);
    pipe.client_to_server();
    assert!(!pipe.server.packets().is_empty(), "lost");
    wait_at(&pipe.client);
    assert!(pipe.client_to_server() > 0, "the client's probe");
    pipe.server_to_client();
    assert!(pipe.client.state().established);
}

#[test]
fn the_servers_flight_of_cubic() {
    lost_flight(0);
}

#[test]
fn the_servers_flight_of_bbr2() {
    lost_flight(2);
}

#[test]
fn the_clients_finished() {
    let pipe = Pipe::new();
    pipe.client_to_server();
    pipe.server_to_client();
    assert!(!pipe.client.packets().is_empty(), "lost");
    // One probe may be an Initial, whose keys the client has no more.
    for _ in 0..2 {
        wait_at(&pipe.server);
        assert!(pipe.server_to_client() > 0, "the server's probe");
        pipe.client_to_server();
    }
    assert!(pipe.server.state().established);
}

#[test]
fn handshake_done() {
    let pipe = Pipe::new();
    pipe.client_to_server();
    pipe.server_to_client();
    pipe.client_to_server();
    assert!(pipe.server.state().established);
    assert!(!pipe.server.packets().is_empty(), "HANDSHAKE_DONE, lost");
    wait_at(&pipe.client);
    assert!(pipe.client_to_server() > 0, "Finished once more");
    assert!(pipe.server_to_client() > 0, "HANDSHAKE_DONE once more");
    // Confirmed: its Handshake keys are gone, and nothing of the handshake is sent any more.
    pipe.exchange();
    wait_at(&pipe.client);
    let handshake = |packet: &Packet| packet.bytes[0] & 0xf0 == 0xe0;
    assert!(!pipe.client.packets().iter().any(handshake));
}

/// A peer that repeats itself without end does not make us do so.
#[test]
fn a_limited_number_of_times() {
    let pipe = Pipe::new();
    pipe.client_to_server();
    pipe.server.packets();
    let mut answers = 0;
    for _ in 0..100 {
        quicd_quiche::time::qd_set_now(now_ns() + Duration::from_millis(100).as_nanos() as u64);
        pipe.client.timers();
        for packet in pipe.client.packets() {
            pipe.server.receive(&packet, pipe.nat, packet.to);
        }
        answers += pipe.server.packets().iter().filter(|packet| packet.bytes.len() > 200).count();
    }
    assert!(answers < 100, "{answers} packets");
}
