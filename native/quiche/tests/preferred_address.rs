//! patches/62-preferred-address.patch: a server that has the client come to another address of its
//! own, RFC 9000 §9.6.

mod support;

use std::net::SocketAddr;

use quicd_quiche::address::Address;
use quicd_quiche::paths::*;
use support::*;

const PREFERRED: &str = "192.0.2.9:4434";
const STRANGER: &str = "203.0.113.7:999";
const STREAM: u64 = 0;
const VALIDATED: u32 = 1;
const PEER_MIGRATED: u32 = 5;
/// Of the packet with the connection ID: it lies behind the first byte.
const PREFERRED_CID: [u8; CID_BYTES] = [0xad; CID_BYTES];

fn announce(pipe: &Pipe) {
    let ipv4 = Address::from(address(PREFERRED));
    let (ipv6, token) = (std::ptr::null(), [9; 16]);
    let (server, cid) = (pipe.server.connection, PREFERRED_CID.as_ptr());
    let result = unsafe { qd_set_preferred_address(server, &ipv4, ipv6, cid, token.as_ptr()) };
    assert_eq!(result, 0);
}

fn announced(pipe: &Pipe, family: u8) -> Option<SocketAddr> {
    let mut out = Address::default();
    let there = unsafe { qd_preferred_address(pipe.client.connection, family, &mut out) };
    there.then(|| SocketAddr::from(&out))
}

fn ask(
    pipe: &Pipe,
    what: unsafe extern "C" fn(
        *mut quicd_quiche::connection::Connection,
        *const Address,
        *const Address,
    ) -> i32,
) -> i32 {
    let (local, peer) = (Address::from(address(CLIENT)), Address::from(address(PREFERRED)));
    unsafe { what(pipe.client.connection, &local, &peer) }
}

/// An established connection whose server has told of its address.
fn pipe() -> Pipe {
    let mut pipe = Pipe::new();
    announce(&pipe);
    pipe.establish();
    pipe.client.offer_cids();
    pipe.server.offer_cids();
    pipe.exchange();
    pipe
}

fn server_has_come(pipe: &Pipe) -> bool {
    let (local, peer) = (Address::from(address(CLIENT)), Address::from(address(PREFERRED)));
    unsafe { qd_peer_uses_path(pipe.client.connection, &local, &peer) }
}

fn validated(pipe: &Pipe) -> bool {
    let events = pipe.client.drain_events();
    events.iter().any(|e| e.kind == VALIDATED && SocketAddr::from(&e.peer) == address(PREFERRED))
}

/// Where the server's packets come from that carry more than a probe: they are not padded.
fn sources(pipe: &Pipe, data: &[u8]) -> Vec<SocketAddr> {
    assert_eq!(pipe.server.send(STREAM, data, false), data.len() as isize);
    let packets = pipe.server.packets();
    for packet in &packets {
        pipe.client.receive(packet, packet.from, address(CLIENT));
    }
    packets.iter().map(|packet| packet.from).collect()
}

#[test]
fn the_client_learns_of_it_when_the_handshake_is_confirmed() {
    let pipe = Pipe::new();
    announce(&pipe);
    pipe.client_to_server();
    pipe.server_to_client();
    // Complete on the client, but HANDSHAKE_DONE is still to come (RFC 9001 §4.1.2).
    assert!(pipe.client.state().established && !pipe.client.state().confirmed);
    assert_eq!(announced(&pipe, 4), None);
    pipe.establish();
    assert!(pipe.client.state().confirmed);
    assert_eq!(announced(&pipe, 4), Some(address(PREFERRED)));
    assert_eq!(announced(&pipe, 6), None);
}

#[test]
fn it_comes_too_late_once_a_packet_was_received() {
    let pipe = Pipe::established();
    let (none, ipv4) = (std::ptr::null(), Address::from(address(PREFERRED)));
    let (server, cid) = (pipe.server.connection, PREFERRED_CID.as_ptr());
    let result = unsafe { qd_set_preferred_address(server, &ipv4, none, cid, [9; 16].as_ptr()) };
    assert_eq!(result, -6);
}

#[test]
fn a_client_goes_there_by_the_connection_id_that_came_with_it() {
    let pipe = pipe();
    pipe.client.send(STREAM, b"before", false);
    pipe.exchange();
    assert_eq!(ask(&pipe, qd_probe_path), 0);
    let probes = pipe.client.packets();
    assert_eq!(probes.len(), 1);
    assert_eq!(probes[0].to, address(PREFERRED));
    assert_eq!(probes[0].bytes[1..=CID_BYTES], PREFERRED_CID);
    pipe.server.receive(&probes[0], pipe.nat, probes[0].to);
    // One datagram with the answer and the server's own question; it acknowledges from home.
    let answers = pipe.server.packets();
    let there = answers.iter().filter(|packet| packet.from == address(PREFERRED));
    assert_eq!((there.count(), answers[0].from), (1, address(PREFERRED)));
    pipe.client.receive(&answers[0], answers[0].from, address(CLIENT));
    assert!(validated(&pipe));
    assert!(!server_has_come(&pipe));
    assert_eq!(ask(&pipe, qd_migrate), 0);
    pipe.client.send(STREAM, b" after", true);
    pipe.exchange();
    assert!(server_has_come(&pipe));
    assert_eq!(pipe.server.read(STREAM), (b"before after".to_vec(), true));
    let events = pipe.server.drain_events();
    let migrated = |e: &Event| e.kind == PEER_MIGRATED && e.local == address(PREFERRED).into();
    assert_eq!(events.iter().filter(|e| migrated(e)).count(), 1);
    assert_eq!(sources(&pipe, b"answer"), [address(PREFERRED)]);
    // What was under way to the old address is taken all the same.
    assert_eq!(pipe.client.read(STREAM).0, b"answer");
}

#[test]
fn nothing_but_probes_leaves_from_there_before_the_path_is_validated() {
    let pipe = pipe();
    pipe.client.send(STREAM, b"request", false);
    pipe.exchange();
    ask(&pipe, qd_probe_path);
    pipe.client_to_server();
    pipe.server_to_client();
    assert!(validated(&pipe));
    // The client's PATH_RESPONSE is lost; what follows it is not.
    let responses = pipe.client.packets();
    assert!(responses.iter().any(|packet| packet.to == address(PREFERRED)));
    ask(&pipe, qd_migrate);
    pipe.client.send(STREAM, b" more", false);
    pipe.client_to_server();
    let sources = sources(&pipe, &[7; 3000]);
    let home = sources.iter().filter(|from| **from == address(SERVER)).count();
    assert!(home >= 3, "{sources:?}");
    assert!(!server_has_come(&pipe), "the old path is still needed");
    assert!(pipe.server.drain_events().iter().all(|e| e.kind != PEER_MIGRATED));
}

#[test]
fn somebody_who_copies_packets_to_it_moves_nothing() {
    let pipe = pipe();
    pipe.client.send(STREAM, b"request", false);
    let copied = pipe.client.packets();
    for packet in &copied {
        // The copy is faster than what it was made of.
        pipe.server.receive(packet, address(STRANGER), address(PREFERRED));
        pipe.server.receive(packet, pipe.nat, packet.to);
    }
    assert_eq!(pipe.server.read(STREAM).0, b"request");
    pipe.server.send(STREAM, &[7; 20_000], false);
    let packets = pipe.server.packets();
    let to_stranger: usize = packets
        .iter()
        .filter(|packet| packet.to == address(STRANGER))
        .map(|packet| packet.bytes.len())
        .sum();
    let copied: usize = copied.iter().map(|packet| packet.bytes.len()).sum();
    assert!(to_stranger <= 3 * copied, "{to_stranger} of {copied}");
    let home = packets.iter().filter(|packet| packet.to == pipe.nat);
    assert!(home.map(|packet| packet.bytes.len()).sum::<usize>() > 10_000);
    assert!(pipe.server.drain_events().iter().all(|e| e.kind != PEER_MIGRATED));
}

#[test]
fn a_client_that_moves_too_is_validated_from_where_it_comes() {
    let pipe = pipe();
    ask(&pipe, qd_probe_path);
    let probes = pipe.client.packets();
    // Another binding of its NAT (RFC 9000 §9.6.3).
    let elsewhere = address(STRANGER);
    pipe.server.receive(&probes[0], elsewhere, address(PREFERRED));
    let answers = pipe.server.packets();
    assert_eq!((answers[0].from, answers[0].to), (address(PREFERRED), elsewhere));
    pipe.client.receive(&answers[0], answers[0].from, address(CLIENT));
    assert!(validated(&pipe));
    ask(&pipe, qd_migrate);
    pipe.client.send(STREAM, b"request", true);
    for packet in pipe.client.packets() {
        pipe.server.receive(&packet, elsewhere, address(PREFERRED));
    }
    assert_eq!(pipe.server.read(STREAM), (b"request".to_vec(), true));
    let events = pipe.server.drain_events();
    let moved = |e: &&Event| e.kind == PEER_MIGRATED && e.peer == elsewhere.into();
    assert_eq!(events.iter().filter(moved).count(), 1);
}
