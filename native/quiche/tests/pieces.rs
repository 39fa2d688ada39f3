//! patches/23-received-pieces.patch: what a peer sends in small pieces costs memory in proportion
//! to the window, not to their number.

mod support;

use std::time::Duration;

use quicd_quiche::state::*;
use support::allocator::live_bytes;
use support::*;

const STREAM: u64 = 0;
const OTHER: u64 = 4;
const WINDOW: u64 = 1 << 20;
/// 1024 and one for 512 bytes of window; half of them may be left after merging.
const HOLES_MAX: usize = (1024 + (WINDOW / 512) as usize) / 2;
const INTERNAL_ERROR: u64 = 0x01;

/// A client that may have many packets on their way, and a server with a small window.
fn pipe() -> Pipe {
    let pipe = Pipe::with(
        |options| options.initial_window_packets = 4000,
        |options| {
            options.initial_max_data = WINDOW;
            options.initial_max_stream_data_bidi_remote = WINDOW;
            options.max_connection_window = WINDOW;
        },
        CID_BYTES,
    );
    pipe.establish();
    pipe.exchange();
    pipe
}

/// |count| packets with a byte each, of those streams in turn.
fn bytes_one_by_one(pipe: &Pipe, streams: &[u64], count: usize) -> Vec<Packet> {
    (0..count)
        .map(|i| {
            let byte = [i as u8];
            assert_eq!(pipe.client.send(streams[i % streams.len()], &byte, false), 1, "byte {i}");
            let mut packets = pipe.client.packets();
            assert_eq!(packets.len(), 1, "a packet for each byte");
            packets.remove(0)
        })
        .collect()
}

fn deliver(pipe: &Pipe, packet: &Packet) {
    pipe.server.receive(packet, packet.from, packet.to);
}

fn error_of(pipe: &Pipe) -> Option<u64> {
    let mut reason = CloseReason {
        application: false,
        error_code: 0,
        reason: std::ptr::null(),
        reason_bytes: 0,
    };
    unsafe { qd_local_error(pipe.server.connection, &mut reason) }.then_some(reason.error_code)
}

#[test]
fn too_many_holes_close_the_connection() {
    let pipe = pipe();
    let packets = bytes_one_by_one(&pipe, &[STREAM], 4 * HOLES_MAX + 4096);
    let before = live_bytes();
    let mut most = 0;
    for packet in packets.iter().skip(1).step_by(2) {
        deliver(&pipe, packet);
        most = most.max(live_bytes() - before);
        if error_of(&pipe).is_some() {
            break;
        }
    }
    assert_eq!(error_of(&pipe), Some(INTERNAL_ERROR));
    assert!(most < WINDOW as isize, "{most} bytes for a window of {WINDOW}");
}

/// The server's stream once the client has sent again what was lost. (A packet that comes more than
/// 128 packets late counts as seen before.)
fn read_all(pipe: &Pipe, stream: u64, count: usize) -> (Vec<u8>, bool) {
    let (mut all, mut fin) = (Vec::new(), false);
    pipe.exchange_until(Duration::from_secs(5), |pipe| {
        let (mut bytes, end) = pipe.server.read(stream);
        all.append(&mut bytes);
        fin |= end;
        all.len() >= count
    });
    (all, fin)
}

#[test]
fn holes_of_full_packets_are_welcome() {
    let pipe = pipe();
    // Every second packet of a window is lost.
    assert_eq!(pipe.client.send(STREAM, &vec![7; WINDOW as usize], false), WINDOW as isize);
    let packets = pipe.client.packets();
    for packet in packets.iter().skip(1).step_by(2) {
        deliver(&pipe, packet);
    }
    let (bytes, _) = read_all(&pipe, STREAM, WINDOW as usize);
    assert_eq!(error_of(&pipe), None);
    assert!(bytes == vec![7; WINDOW as usize], "{} bytes", bytes.len());
}

#[test]
fn pieces_that_touch_are_merged_and_arrive() {
    let pipe = pipe();
    let count = 9000;
    let packets = bytes_one_by_one(&pipe, &[STREAM, OTHER], count);
    let before = live_bytes();
    for packet in &packets[2..] {
        deliver(&pipe, packet);
    }
    assert_eq!(error_of(&pipe), None);
    // A piece for each byte would be more than a million.
    let held = live_bytes() - before;
    assert!(held < 700_000, "{held} bytes for {count} bytes in pieces");
    for (at, stream) in [STREAM, OTHER].into_iter().enumerate() {
        let wanted: Vec<u8> = (0..count).filter(|i| i % 2 == at).map(|i| i as u8).collect();
        let (bytes, fin) = read_all(&pipe, stream, wanted.len());
        assert!(bytes == wanted && !fin, "{} bytes of {}", bytes.len(), wanted.len());
    }
}

#[test]
fn merged_pieces_keep_the_end() {
    let pipe = pipe();
    let mut packets = bytes_one_by_one(&pipe, &[STREAM], 6000);
    assert_eq!(pipe.client.send(STREAM, b"end", true), 3);
    packets.append(&mut pipe.client.packets());
    for packet in &packets[1..] {
        deliver(&pipe, packet);
    }
    let (bytes, fin) = read_all(&pipe, STREAM, 6003);
    assert_eq!(error_of(&pipe), None);
    assert_eq!((bytes.len(), fin), (6003, true));
    assert_eq!(&bytes[6000..], b"end");
}
