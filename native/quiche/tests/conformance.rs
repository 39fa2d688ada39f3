//! patches/39-error-in-first-packet.patch to patches/42-ecn-counts.patch: what a peer does
//! wrong from its first packet on, and datagrams of which only a part can be read.

mod support;

use quicd_quiche::address::Address;
use quicd_quiche::connection::{qd_recv, qd_set_received_ecn, Connection};
use quicd_quiche::state::*;
use support::*;

const TRANSPORT_PARAMETER_ERROR: u64 = 0x8;

fn server_error(pipe: &Pipe) -> Option<u64> {
    let mut reason: CloseReason = unsafe { std::mem::zeroed() };
    let connection: *mut Connection = pipe.server.connection;
    unsafe { qd_local_error(connection, &mut reason) }.then_some(reason.error_code)
}

/// RFC 9000 §7.4: the first packet of a client tells of a limit that no client may have, and is
/// answered with the error in an Initial packet, which the client can read.
#[test]
fn an_error_in_the_first_packet_is_told() {
    let pipe = Pipe::new();
    let mut config = quiche::Config::new(quiche::PROTOCOL_VERSION).unwrap();
    config.set_application_protos(&[b"test"]).unwrap();
    config.verify_peer(false);
    config.set_max_recv_udp_payload_size(1000);
    let scid = quiche::ConnectionId::from_ref(&[9; 8]);
    let (here, there) = (address(NAT), address(SERVER));
    let mut client = quiche::connect(None, &scid, here, there, &mut config).unwrap();
    let mut out = [0; 1350];
    while let Ok((bytes, _)) = client.send(&mut out) {
        let (from, to) = (Address::from(here), Address::from(there));
        unsafe { qd_recv(pipe.server.connection, out.as_mut_ptr(), bytes, &from, &to) };
    }
    assert_eq!(server_error(&pipe), Some(TRANSPORT_PARAMETER_ERROR));
    for mut packet in pipe.server.packets() {
        let info = quiche::RecvInfo { from: there, to: here };
        client.recv(&mut packet.bytes, info).unwrap();
    }
    assert_eq!(client.peer_error().map(|error| error.error_code), Some(TRANSPORT_PARAMETER_ERROR));
}

/// What no key opens is junk as before: no answer to it.
#[test]
fn junk_is_not_answered() {
    let pipe = Pipe::new();
    for mut packet in pipe.client.packets() {
        *packet.bytes.last_mut().unwrap() ^= 1;
        pipe.server.receive(&packet, pipe.nat, packet.to);
    }
    assert!(pipe.server.packets().is_empty() && pipe.server.state().closed);
}

/// The Handshake packet (type 2 of v1, RFC 9000 §17.2.4) in a client's datagram.
fn handshake_packet(datagram: &[u8]) -> Option<Vec<u8>> {
    let mut rest = datagram;
    while rest.len() > 50 && rest[0] & 0x80 != 0 {
        // Type, version, two connection IDs with their lengths; a token's length in an Initial.
        let is_initial = rest[0] & 0x30 == 0;
        let scid_at = 1 + 4 + 1 + usize::from(rest[5]);
        let at = scid_at + 1 + usize::from(rest[scid_at]) + usize::from(is_initial);
        let length = usize::from(u16::from_be_bytes([rest[at], rest[at + 1]]) & 0x3fff);
        let (packet, behind) = rest.split_at(at + 2 + length);
        if packet[0] & 0x30 == 0x20 {
            return Some(packet.to_vec());
        }
        rest = behind;
    }
    None
}

/// RFC 9000 §12.2: a Handshake packet whose keys are gone, or that was damaged on its way, before a
/// packet that can be read.
#[test]
fn the_rest_of_a_datagram_is_read() {
    let pipe = Pipe::new();
    let mut handshake = None;
    for _ in 0..4 {
        for packet in pipe.client.packets() {
            handshake = handshake.or_else(|| handshake_packet(&packet.bytes));
            pipe.server.receive(&packet, pipe.nat, packet.to);
        }
        pipe.server_to_client();
    }
    pipe.establish();
    let mut handshake = handshake.expect("the last flight of a client");
    for stream in [0, 4] {
        pipe.client.send(stream, b"behind it", true);
        for mut packet in pipe.client.packets() {
            packet.bytes.splice(0..0, handshake.iter().copied());
            pipe.server.receive(&packet, pipe.nat, packet.to);
        }
        assert_eq!(pipe.server.read(stream), (b"behind it".to_vec(), true));
        *handshake.last_mut().unwrap() ^= 1;
    }
}

/// patches/42-ecn-counts.patch, RFC 9000 §13.4.1 and §19.3.2: packets by mark, in ACK frames.
/// quiche itself reads them and no more, so that what shows here is their size; others validate a
/// path by them.
#[test]
fn marks_are_counted_for_the_peer() {
    let sizes = [0u8, 2].map(|ecn| {
        let pipe = Pipe::established();
        unsafe { qd_set_received_ecn(pipe.server.connection, ecn) };
        pipe.client.send(0, b"marked", true);
        pipe.client_to_server();
        let acks = pipe.server.packets();
        let bytes = acks[0].bytes.len();
        for packet in &acks {
            pipe.client.receive(packet, packet.from, address(CLIENT));
        }
        assert!(!pipe.client.state().draining, "the frame is well formed");
        assert_eq!(pipe.client.stats().in_flight_bytes, 0, "and acknowledges");
        bytes
    });
    assert_eq!(sizes[1], sizes[0] + 3, "three counts of a byte each");
}
