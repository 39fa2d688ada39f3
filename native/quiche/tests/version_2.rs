//! patches/61-version-2.patch: QUIC version 2 (RFC 9369), and how two ends agree on it (RFC 9368).

mod support;

use quicd_quiche::config::Options;
use quicd_quiche::connection::Connection;
use quicd_quiche::session::*;
use quicd_quiche::state::*;
use quicd_quiche::stateless::qd_negotiate_version;
use quicd_quiche::versions::*;
use support::*;

const LIMIT: std::time::Duration = std::time::Duration::from_secs(20);
static TICKET_KEY: [u8; 48] = [5; 48];
const VERSION_NEGOTIATION_ERROR: u64 = 0x11;

fn pipe(client: u32, server: u32) -> Pipe {
    let with = |versions| {
        move |options: &mut Options| {
            options.versions = versions;
            options.early_data = true;
            options.ticket_key = TICKET_KEY.as_ptr();
        }
    };
    Pipe::with(with(client), with(server), CID_BYTES)
}

/// Versions of the long headers in a datagram, with their types in version 1's numbers (RFC 9369
/// §3.2).
fn long_headers(datagram: &[u8]) -> Vec<(u32, u8)> {
    let mut found = Vec::new();
    let mut rest = datagram;
    while rest.len() > 50 && rest[0] & 0x80 != 0 {
        let version = u32::from_be_bytes(rest[1..5].try_into().unwrap());
        let bits = rest[0] >> 4 & 3;
        let kind = if version == V2 { (bits + 3) & 3 } else { bits };
        found.push((version, kind));
        let scid_at = 6 + usize::from(rest[5]);
        let mut at = scid_at + 1 + usize::from(rest[scid_at]);
        if kind == 0 {
            assert!(rest[at] < 0x40, "a short token");
            at += 1 + usize::from(rest[at]);
        }
        let length = usize::from(u16::from_be_bytes([rest[at], rest[at + 1]]) & 0x3fff);
        rest = &rest[at + 2 + length..];
    }
    found
}

/// The handshake, and all long headers that either side sent for it.
fn watch(pipe: &Pipe) -> (Vec<(u32, u8)>, Vec<(u32, u8)>) {
    let (mut up, mut down) = (Vec::new(), Vec::new());
    loop {
        let (to_server, to_client) = (pipe.client.packets(), Vec::new());
        for packet in &to_server {
            up.extend(long_headers(&packet.bytes));
            pipe.server.receive(packet, pipe.nat, packet.to);
        }
        let to_client = [to_client, pipe.server.packets()].concat();
        for packet in &to_client {
            down.extend(long_headers(&packet.bytes));
            pipe.client.receive(packet, packet.from, address(CLIENT));
        }
        if to_server.is_empty() && to_client.is_empty() {
            return (up, down);
        }
    }
}

fn versions(pipe: &Pipe) -> (u32, u32) {
    assert!(pipe.client.state().established && pipe.server.state().established);
    (pipe.client.state().version, pipe.server.state().version)
}

fn talk(pipe: &Pipe, stream: u64) {
    pipe.client.send(stream, b"there", true);
    pipe.exchange();
    assert_eq!(pipe.server.read(stream), (b"there".to_vec(), true));
    pipe.server.send(stream, b"and back", true);
    pipe.exchange();
    assert_eq!(pipe.client.read(stream), (b"and back".to_vec(), true));
}

fn error_of(
    ask: unsafe extern "C" fn(*mut Connection, *mut CloseReason) -> bool,
    end: &End,
) -> Option<u64> {
    let mut reason: CloseReason = unsafe { std::mem::zeroed() };
    unsafe { ask(end.connection, &mut reason) }.then_some(reason.error_code)
}

const INITIAL: u8 = 0;
const ZERO_RTT: u8 = 1;
const HANDSHAKE: u8 = 2;

/// RFC 9369 §4.1: the first flight in version 1, and all else but 0-RTT in what the server chose.
#[test]
fn a_server_moves_its_client_to_version_2() {
    let pipe = pipe(ANY, PREFER_TWO);
    let (up, down) = watch(&pipe);
    assert_eq!(versions(&pipe), (V2, V2));
    assert!(up.contains(&(V1, INITIAL)) && up.contains(&(V2, HANDSHAKE)));
    assert!(!up.contains(&(V1, HANDSHAKE)));
    assert!(down.contains(&(V2, INITIAL)) && down.contains(&(V2, HANDSHAKE)));
    assert!(down.iter().all(|(version, _)| *version == V2), "{down:?}");
    talk(&pipe, 0);
    unsafe { qd_update_keys(pipe.client.connection) };
    talk(&pipe, 4);
    assert_eq!((pipe.client.stats().key_updates, pipe.server.stats().key_updates), (1, 1));
}

#[test]
fn who_asks_for_what() {
    for (client, server, version) in [
        (ANY, ANY, V1),
        (PREFER_TWO, ANY, V1),
        (ONE_ALONE, PREFER_TWO, V1),
        (PREFER_TWO, ONE_ALONE, V1),
        (PREFER_TWO, PREFER_TWO, V2),
        (BEGIN_WITH_TWO, ANY, V2),
        (BEGIN_WITH_TWO, PREFER_TWO, V2),
        (ONE_ALONE, ONE_ALONE, V1),
    ] {
        let pipe = pipe(client, server);
        let (up, down) = watch(&pipe);
        assert_eq!(versions(&pipe), (version, version), "{client} {server}");
        let both = [up, down].concat();
        assert!(
            client != ONE_ALONE && server == PREFER_TWO
                || both.iter().all(|(found, _)| *found == version)
        );
        talk(&pipe, 0);
    }
}

/// A ClientHello in two packets: the first is acknowledged in the original version, and Initial
/// packets in it are read until a Handshake packet has come.
#[test]
fn a_first_flight_in_pieces_and_out_of_order() {
    let alpn = [b"\x04test".to_vec(), [&[200][..], &[b'x'; 200]].concat().repeat(5)].concat();
    for reversed in [false, true] {
        let pipe = Pipe::with(
            |options| {
                options.alpn = alpn.as_ptr();
                options.alpn_bytes = alpn.len();
            },
            |options| options.versions = PREFER_TWO,
            CID_BYTES,
        );
        let mut first = pipe.client.packets();
        assert!(first.len() > 1, "a ClientHello of more than a packet");
        if reversed {
            first.reverse();
        }
        let (last, others) = first.split_last().unwrap();
        for packet in others {
            pipe.server.receive(packet, pipe.nat, packet.to);
            for packet in pipe.server.packets() {
                assert_eq!(long_headers(&packet.bytes), [(V1, INITIAL)], "an ACK alone");
                pipe.client.receive(&packet, packet.from, address(CLIENT));
            }
        }
        pipe.server.receive(last, pipe.nat, last.to);
        let answer = pipe.server.packets();
        // Once more, late: the server still has the keys for it.
        pipe.server.receive(&first[0], pipe.nat, first[0].to);
        for packet in &answer {
            pipe.client.receive(packet, packet.from, address(CLIENT));
        }
        assert!(pipe.exchange_until(LIMIT, |pipe| pipe.client.state().established));
        assert_eq!(versions(&pipe), (V2, V2));
        talk(&pipe, 0);
    }
}

fn take(pipe: &Pipe) -> Vec<u8> {
    let mut out = vec![0; 16384];
    let bytes = unsafe { qd_take_session(pipe.client.connection, out.as_mut_ptr(), out.len()) };
    out.truncate(usize::try_from(bytes).expect("a session"));
    out
}

fn set(pipe: &Pipe, session: &[u8]) -> i32 {
    unsafe { qd_set_session(pipe.client.connection, session.as_ptr(), session.len(), true) }
}

fn session(client: u32, server: u32) -> Vec<u8> {
    let pipe = pipe(client, server);
    pipe.establish();
    take(&pipe)
}

/// Resumes, with 0-RTT; the versions of first flight and connection.
fn resume(pipe: &Pipe, session: &[u8]) -> (u32, u32) {
    assert_eq!(set(pipe, session), 0);
    assert_eq!(pipe.client.send(0, b"early", true), 5);
    let (up, down) = watch(pipe);
    let version = versions(pipe).1;
    assert!(pipe.server.state().resumed && pipe.client.state().early_accepted);
    assert_eq!(pipe.server.read(0), (b"early".to_vec(), true));
    let early: Vec<u32> =
        up.iter().filter(|(_, kind)| *kind == ZERO_RTT).map(|(version, _)| *version).collect();
    assert!(!early.is_empty() && early.iter().all(|found| *found == up[0].0), "{up:?}");
    assert!(down.iter().all(|(found, _)| *found == version));
    talk(pipe, 4);
    (up[0].0, version)
}

/// RFC 9369 §5: a session is of the version that its connection had in the end, and is for
/// connections that begin in it; their 0-RTT stays in it (§4.1).
#[test]
fn resumption_in_each_version() {
    let (one, two) = (session(ANY, ANY), session(ANY, PREFER_TWO));
    assert_eq!(resume(&pipe(ANY, ANY), &one), (V1, V1));
    assert_eq!(resume(&pipe(ANY, PREFER_TWO), &one), (V1, V2), "0-RTT, and then another version");
    assert_eq!(resume(&pipe(ANY, PREFER_TWO), &two), (V2, V2));
    assert_eq!(resume(&pipe(ANY, ANY), &two), (V2, V2));
    assert_eq!(set(&pipe(ONE_ALONE, ANY), &two), -3, "a session of a version it does not speak");
    let again = pipe(ANY, PREFER_TWO);
    resume(&again, &one);
    assert_eq!(resume(&pipe(ANY, ANY), &take(&again)), (V2, V2), "the new session's version");
}

/// A client that breaks the rule gets a whole handshake, without 0-RTT.
#[test]
fn a_ticket_of_another_version_resumes_nothing() {
    for (mut lie, first) in [(session(ANY, ANY), V2), (session(ANY, PREFER_TWO), V1)] {
        let at = lie.len() - 4;
        lie[at..].copy_from_slice(&first.to_be_bytes());
        let pipe = pipe(ANY, ANY);
        assert_eq!(set(&pipe, &lie), 0);
        pipe.client.send(0, b"early", true);
        pipe.establish();
        assert_eq!(versions(&pipe), (first, first));
        assert!(!pipe.server.state().resumed && !pipe.client.state().early_accepted);
        pipe.exchange();
        assert_eq!(pipe.server.read(0), (b"early".to_vec(), true));
    }
}

/// What a server of |versions| answers to the client's first packet.
fn version_negotiation(pipe: &Pipe, versions: u32) -> Packet {
    let first = &pipe.client.packets()[0];
    let dcid_bytes = usize::from(first.bytes[5]);
    let dcid = &first.bytes[6..6 + dcid_bytes];
    let scid = &first.bytes[7 + dcid_bytes..][..CID_BYTES];
    let mut bytes = vec![0; 200];
    let written = unsafe {
        let (scid_bytes, capacity) = (scid.len(), bytes.len());
        let (scid, dcid, out) = (scid.as_ptr(), dcid.as_ptr(), bytes.as_mut_ptr());
        qd_negotiate_version(scid, scid_bytes, dcid, dcid_bytes, versions, out, capacity)
    };
    bytes.truncate(written as usize);
    Packet { bytes, from: first.to, to: first.from }
}

fn negotiate(pipe: &Pipe, versions: u32) -> i32 {
    let packet = version_negotiation(pipe, versions);
    pipe.client.receive(&packet, packet.from, packet.to)
}

/// RFC 9368 §2.1: a server that does not know version 2 says so, and the client begins again.
#[test]
fn version_negotiation_leads_to_a_second_connection() {
    let pipe = pipe(BEGIN_WITH_TWO, ONE_ALONE);
    negotiate(&pipe, ONE_ALONE);
    let (up, _) = watch(&pipe);
    assert_eq!(versions(&pipe), (V1, V1));
    assert!(up.iter().all(|(version, _)| *version == V1));
    talk(&pipe, 0);
}

/// A session and early data for version 2 are nothing to it; the data is sent again.
#[test]
fn version_negotiation_ends_early_data() {
    let session = session(ANY, PREFER_TWO);
    let pipe = pipe(ANY, ONE_ALONE);
    assert_eq!(set(&pipe, &session), 0);
    pipe.client.send(0, b"early", true);
    negotiate(&pipe, ONE_ALONE);
    pipe.establish();
    assert_eq!(versions(&pipe), (V1, V1));
    assert!(!pipe.server.state().resumed && !pipe.client.state().early_accepted);
    pipe.exchange();
    assert_eq!(pipe.server.read(0), (b"early".to_vec(), true));
    talk(&pipe, 4);
}

/// RFC 9368 §4: ignored when it names the version that was tried; and an attacker's is found out by
/// the server's version information.
#[test]
fn forged_version_negotiation() {
    let ignored = pipe(BEGIN_WITH_TWO, ANY);
    negotiate(&ignored, ANY);
    assert!(ignored.exchange_until(LIMIT, |pipe| pipe.server.state().established));
    assert_eq!(versions(&ignored), (V2, V2));
    let attacked = pipe(BEGIN_WITH_TWO, ANY);
    negotiate(&attacked, ONE_ALONE);
    attacked.exchange();
    assert!(!attacked.client.state().established);
    assert_eq!(error_of(qd_local_error, &attacked.client), Some(VERSION_NEGOTIATION_ERROR));
    assert_eq!(error_of(qd_peer_error, &attacked.server), Some(VERSION_NEGOTIATION_ERROR));
}
