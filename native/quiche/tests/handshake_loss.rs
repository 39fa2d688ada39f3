//! patches/55-early-handshake-probe.patch: whoever hears from its peer that something of the
//! handshake was lost sends it again, and does not wait for its own timeout (RFC 9002 §6.2.3).

mod support;

use std::time::Duration;

use support::*;

const LATER_NS: u64 = 2_000_000_000;
/// Longer than a packet with acknowledgements and Finished, shorter than one with a certificate.
const SHORT_BYTES: usize = 200;

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

/// Of the Initial packet with an empty token that a datagram begins with (RFC 9000 §17.2.2).
fn first_packet_bytes(datagram: &[u8]) -> usize {
    let source = 6 + datagram[5] as usize;
    let token = source + 1 + datagram[source] as usize;
    let length = u16::from_be_bytes([datagram[token + 1] & 0x3f, datagram[token + 2]]);
    token + 3 + length as usize
}

/// A server that hears nothing gives up: a client asks again until its handshake is complete, also
/// when all that it sent was acknowledged: patches/72-client-asks-on.patch.
#[test]
fn a_client_without_the_servers_certificate_asks_on() {
    let pipe = Pipe::new();
    pipe.client_to_server();
    let mut flight = pipe.server.packets();
    // Without what is behind the last Initial packet.
    let last = &mut flight.last_mut().expect("the server's flight").bytes;
    let end = first_packet_bytes(last);
    assert!(end < last.len(), "a Handshake packet");
    last.truncate(end);
    for packet in &flight {
        pipe.client.receive(packet, packet.from, address(CLIENT));
    }
    let mut asked = [0, 0];
    let begin = now_ns();
    for step in 0..100 {
        quicd_quiche::time::qd_set_now(begin + step as u64 * 100_000_000);
        pipe.client.timers();
        for packet in pipe.client.packets() {
            asked[step / 50] += 1;
            pipe.server.receive(&packet, pipe.nat, packet.to);
        }
        let answers = pipe.server.packets();
        for packet in answers.iter().filter(|packet| packet.bytes.len() < SHORT_BYTES) {
            pipe.client.receive(packet, packet.from, address(CLIENT));
        }
    }
    assert!(!pipe.client.state().established);
    assert!(asked[0] > 0 && asked[1] > 0, "{asked:?}");
}
