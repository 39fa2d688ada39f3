//! patches/38-key-update.patch: new 1-RTT keys from either side, and the limits of old ones (RFC
//! 9001 §6).

mod support;

use std::time::Duration;

use quicd_quiche::config::Options;
use quicd_quiche::connection::Connection;
use quicd_quiche::state::*;
use support::*;

const LIMIT: Duration = Duration::from_secs(20);
const AEAD_LIMIT_REACHED: u64 = 0xf;

fn updates(pipe: &Pipe) -> (u64, u64) {
    (pipe.client.stats().key_updates, pipe.server.stats().key_updates)
}

/// A round of data both ways, so that packets with the newest keys are acknowledged.
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
    let known = unsafe { ask(end.connection, &mut reason) };
    (known && !reason.application).then_some(reason.error_code)
}

fn is_open(end: &End) -> bool {
    let state = end.state();
    !state.closed && !state.draining
}

#[test]
fn either_side_updates() {
    let pipe = Pipe::established();
    talk(&pipe, 0);
    unsafe { qd_update_keys(pipe.client.connection) };
    talk(&pipe, 4);
    assert_eq!(updates(&pipe), (1, 1));
    // A second one waits until three times the PTO have passed (RFC 9001 §6.5).
    unsafe { qd_update_keys(pipe.server.connection) };
    talk(&pipe, 8);
    assert_eq!(updates(&pipe), (1, 1));
    let mut stream = 8;
    assert!(pipe.exchange_until(LIMIT, |pipe| {
        stream += 4;
        talk(pipe, stream);
        updates(pipe) == (2, 2)
    }));
    talk(&pipe, stream + 4);
    assert!(is_open(&pipe.client) && is_open(&pipe.server));
}

#[test]
fn both_at_once_are_one_update() {
    let pipe = Pipe::established();
    talk(&pipe, 0);
    for end in [&pipe.client, &pipe.server] {
        unsafe { qd_update_keys(end.connection) };
        end.send(if end.connection == pipe.client.connection { 4 } else { 1 }, b"x", true);
    }
    let (up, down) = (pipe.client.packets(), pipe.server.packets());
    for packet in &up {
        pipe.server.receive(packet, pipe.nat, packet.to);
    }
    for packet in &down {
        pipe.client.receive(packet, packet.from, address(CLIENT));
    }
    talk(&pipe, 8);
    assert_eq!(updates(&pipe), (1, 1));
}

#[test]
fn it_waits_for_the_handshake_to_be_confirmed() {
    let pipe = Pipe::new();
    unsafe { qd_update_keys(pipe.client.connection) };
    unsafe { qd_update_keys(pipe.server.connection) };
    pipe.establish();
    talk(&pipe, 0);
    assert_eq!(updates(&pipe), (1, 1));
}

/// What was sent with the old keys and comes late, and in another order, is read.
#[test]
fn late_packets_under_old_keys_are_read() {
    let pipe = Pipe::established();
    talk(&pipe, 0);
    pipe.server.send(1, &[1; 4000], true);
    let late = pipe.server.packets();
    unsafe { qd_update_keys(pipe.client.connection) };
    pipe.client.send(4, b"new", true);
    pipe.client_to_server();
    pipe.server_to_client();
    assert_eq!(updates(&pipe), (1, 1));
    for packet in late.iter().rev() {
        pipe.client.receive(packet, packet.from, address(CLIENT));
    }
    assert_eq!(pipe.client.read(1), (vec![1; 4000], true));
    pipe.exchange();
    assert!(is_open(&pipe.client) && is_open(&pipe.server));
}

fn few_packets(packets: u64) -> impl Fn(&mut Options) {
    move |options| options.packets_per_key = packets
}

#[test]
fn keys_are_updated_before_they_wear_out() {
    let pipe = Pipe::with(|_| {}, few_packets(600), CID_BYTES);
    pipe.establish();
    let mut sent = 0;
    assert!(pipe.exchange_until(LIMIT, |pipe| {
        for _ in 0..20 {
            let stream = 4 * sent;
            sent += 1;
            talk(pipe, stream);
        }
        std::thread::sleep(Duration::from_millis(5));
        pipe.server.stats().key_updates >= 3 || sent > 900
    }));
    assert!(pipe.server.stats().key_updates >= 3 && is_open(&pipe.server));
    assert_eq!(updates(&pipe).0, updates(&pipe).1);
}

/// A peer that acknowledges nothing leaves no way to update (RFC 9001 §6.6).
#[test]
fn worn_out_keys_end_the_connection() {
    let pipe = Pipe::with(|_| {}, few_packets(60), CID_BYTES);
    pipe.establish();
    let mut closed = false;
    for stream in 0..100u64 {
        pipe.server.send(1 + 4 * stream, b"x", true);
        pipe.server_to_client();
        closed = error_of(qd_local_error, &pipe.server).is_some();
        if closed {
            // One update after the first half, which the client does not acknowledge.
            assert_eq!(pipe.server.stats().key_updates, 1);
            assert!(pipe.server.stats().sent_packets <= 30 + 60);
            break;
        }
    }
    assert!(closed);
    assert_eq!(error_of(qd_local_error, &pipe.server), Some(AEAD_LIMIT_REACHED));
    pipe.server_to_client();
    assert_eq!(error_of(qd_peer_error, &pipe.client), Some(AEAD_LIMIT_REACHED));
}

#[test]
fn too_many_forged_packets_end_the_connection() {
    let pipe = Pipe::with(|_| {}, |options| options.forged_packets_max = 10, CID_BYTES);
    pipe.establish();
    for number in 0..10u8 {
        assert!(is_open(&pipe.server));
        pipe.client.send(4 * u64::from(number), b"forged", true);
        for mut packet in pipe.client.packets() {
            *packet.bytes.last_mut().unwrap() ^= 1;
            pipe.server.receive(&packet, pipe.nat, packet.to);
        }
    }
    assert_eq!(error_of(qd_local_error, &pipe.server), Some(AEAD_LIMIT_REACHED));
}

/// A server may update before its client knows that the handshake is confirmed; ours waits for it.
#[test]
fn a_server_waits_until_its_client_has_confirmed() {
    let pipe = Pipe::new();
    unsafe { qd_update_keys(pipe.server.connection) };
    loop {
        pipe.client_to_server();
        if pipe.server.state().established {
            break;
        }
        pipe.server_to_client();
    }
    assert!(!pipe.server.packets().is_empty(), "HANDSHAKE_DONE is lost");
    let mut stream = 0;
    assert!(pipe.exchange_until(LIMIT, |pipe| {
        stream += 4;
        pipe.client.send(stream, b"there", true);
        pipe.exchange();
        pipe.client.stats().key_updates == 1
    }));
    talk(&pipe, 0);
}
