//! A window that is nearly full waits for a packet's room; the end of the data does not wait.

mod support;

use std::collections::VecDeque;
use std::time::Duration;

use support::*;

const STREAM: u64 = 0;
const BYTES: usize = 600_000;
const PACKET: usize = 1350;
/// Of so many packets one is lost.
const LOSSES: usize = 97;

/// Sizes of what a server sends that always has more to send, and loses a packet on the way.
fn sizes() -> Vec<usize> {
    let pipe = Pipe::with(
        |options| {
            options.initial_max_data = 2_000_000;
            options.max_connection_window = 2_000_000;
            options.initial_max_stream_data_bidi_local = 2_000_000;
            options.max_stream_window = 2_000_000;
        },
        |options| {
            options.max_send_udp_payload_bytes = PACKET as u64;
        },
        CID_BYTES,
    );
    pipe.establish();
    pipe.client.send(STREAM, b"?", true);
    pipe.client_to_server();
    pipe.server.read(STREAM);
    let data = vec![7; BYTES];
    let (mut taken, mut got, mut over) = (0, 0, false);
    let (mut sizes, mut path) = (Vec::new(), VecDeque::new());
    while !over {
        if taken < BYTES {
            taken += pipe.server.send(STREAM, &data[taken..], true).max(0) as usize;
        }
        for packet in pipe.server.packets() {
            sizes.push(packet.bytes.len());
            // Each loss leaves a window that is no multiple of a packet.
            if sizes.len() % LOSSES != 0 {
                path.push_back(packet);
            }
        }
        // One packet arrives at a time, so the window is full but for what that one gives back.
        if let Some(packet) = path.pop_front() {
            pipe.client.receive(&packet, packet.from, address(CLIENT));
        } else {
            std::thread::sleep(Duration::from_millis(1));
            pipe.server.timers();
            pipe.client.timers();
        }
        pipe.client_to_server();
        let (bytes, fin) = pipe.client.read(STREAM);
        got += bytes.len();
        over = fin;
    }
    assert_eq!(got, BYTES);
    sizes
}

#[test]
fn a_full_window_does_not_break_packets_into_crumbs() {
    let sizes = sizes();
    let whole = sizes.iter().filter(|size| **size == PACKET).count();
    // ACKs and the like are far smaller.
    let broken = sizes.iter().filter(|size| (100..PACKET - 30).contains(size)).count();
    println!("{} packets, {whole} whole, {broken} broken", sizes.len());
    assert!(whole >= BYTES / PACKET, "{whole} of {}", sizes.len());
    assert!(broken * 50 < whole, "{broken} broken ones beside {whole}");
}
