//! qd_send_train: what UDP_SEGMENT needs, and nothing lost on the way there.

mod support;

use quicd_quiche::datagrams::*;
use quicd_quiche::train::Train;
use std::time::Duration;
use support::*;

/// A server with |bytes| to send, whose congestion window is open.
fn loaded(bytes: usize) -> (Pipe, Vec<u8>) {
    let pipe = Pipe::with(|_| {}, |options| options.initial_window_packets = 200, CID_BYTES);
    pipe.establish();
    pipe.client.send(0, b"?", true);
    pipe.exchange();
    let body: Vec<u8> = (0..bytes).map(|i| (i % 251) as u8).collect();
    assert_eq!(pipe.server.send(0, &body, true), bytes as isize);
    (pipe, body)
}

fn check(train: &Train, bytes: &[u8]) {
    let segments = bytes.len().div_ceil(train.segment_bytes as usize);
    assert_eq!(segments, train.segments as usize, "only the last may be shorter");
    assert!(bytes.len() <= 65_507);
}

fn deliver(pipe: &Pipe, train: &Train, bytes: &[u8]) {
    for segment in bytes.chunks(train.segment_bytes as usize) {
        let packet = Packet { bytes: segment.to_vec(), from: address(SERVER), to: pipe.nat };
        assert!(pipe.client.receive(&packet, packet.from, address(CLIENT)) > 0);
    }
}

#[test]
fn bulk_fills_trains_of_equal_packets() {
    let (pipe, body) = loaded(120_000);
    let (first, bytes) = pipe.server.train(64, 65_536).unwrap();
    check(&first, &bytes);
    assert!((1300..=1350).contains(&first.segment_bytes), "{first:?}");
    assert!(first.segments >= 48 && first.more, "{first:?}");
    assert_eq!(first.release_ns, 0, "CUBIC is not paced");
    deliver(&pipe, &first, &bytes);
    while let Some((train, bytes)) = pipe.server.train(64, 65_536) {
        check(&train, &bytes);
        deliver(&pipe, &train, &bytes);
    }
    // In order and complete without any retransmission.
    assert_eq!(pipe.client.read(0), (body, true));
}

#[test]
fn limits_stop_a_train_and_say_so() {
    let (pipe, _) = loaded(60_000);
    let (one, _) = pipe.server.train(1, 65_536).unwrap();
    assert_eq!((one.segments, one.more), (1, true));
    let (eight, bytes) = pipe.server.train(8, 65_536).unwrap();
    assert_eq!((eight.segments, eight.more), (8, true));
    check(&eight, &bytes);
    let (short, bytes) = pipe.server.train(64, 5000).unwrap();
    assert_eq!((short.segments, short.more), (3, true));
    check(&short, &bytes);
}

#[test]
fn nothing_left_is_not_more() {
    let (pipe, _) = loaded(60_000);
    let mut last = true;
    while let Some((train, _)) = pipe.server.train(64, 65_536) {
        last = train.more && train.bytes % train.segment_bytes == 0;
    }
    assert!(!last || pipe.server.train(64, 65_536).is_none());
    assert!(pipe.server.train(64, 65_536).is_none());
}

/// Answers of different small sizes on many streams.
#[test]
fn small_answers_are_neither_cut_nor_lost() {
    let pipe = Pipe::established();
    for stream in 0..30u64 {
        pipe.client.send(stream * 4, b"?", true);
    }
    pipe.exchange();
    let before = pipe.server.stats().sent_packets;
    for stream in 0..30u64 {
        let body = vec![stream as u8; 10 + (stream as usize * 37) % 90];
        assert_eq!(pipe.server.send(stream * 4, &body, true), body.len() as isize);
    }
    let mut segments = 0;
    while let Some((train, bytes)) = pipe.server.train(64, 65_536) {
        check(&train, &bytes);
        deliver(&pipe, &train, &bytes);
        segments += train.segments as u64;
    }
    assert_eq!(
        pipe.server.stats().sent_packets - before,
        segments,
        "every packet that quiche made went out"
    );
    for stream in 0..30u64 {
        let body = vec![stream as u8; 10 + (stream as usize * 37) % 90];
        assert_eq!(pipe.client.read(stream * 4), (body, true), "stream {stream}");
    }
}

/// A datagram travels without STREAM frames, so a larger packet is behind a smaller one: it waits
/// for the next train.
#[test]
fn a_larger_packet_behind_a_smaller_one() {
    let queues = |options: &mut quicd_quiche::config::Options| {
        options.datagram_receive_queue = 16;
        options.datagram_send_queue = 16;
    };
    let pipe = Pipe::with(queues, queues, CID_BYTES);
    pipe.establish();
    pipe.client.send(0, b"?", true);
    pipe.exchange();
    let body = [7; 400];
    for round in 0..4 {
        assert_eq!(pipe.server.send(0, &body, round == 3), 400);
        assert_eq!(unsafe { qd_datagram_send_copy(pipe.server.connection, body.as_ptr(), 30) }, 0);
        let before = pipe.server.stats().sent_packets;
        let mut trains = Vec::new();
        while let Some((train, bytes)) = pipe.server.train(64, 65_536) {
            check(&train, &bytes);
            deliver(&pipe, &train, &bytes);
            trains.push(train.segments as u64);
        }
        assert_eq!(pipe.server.stats().sent_packets - before, trains.iter().sum::<u64>());
        let mut datagram = [0; 64];
        let bytes = unsafe {
            qd_datagram_recv(pipe.client.connection, datagram.as_mut_ptr(), datagram.len())
        };
        assert_eq!(bytes, 30);
    }
    assert_eq!(pipe.client.read(0), (vec![7; 1600], true));
}

/// A train never mixes two 4-tuples, though the new path's challenge and the data are due at once.
#[test]
fn one_path_per_train() {
    let (mut pipe, body) = loaded(60_000);
    let (train, bytes) = pipe.server.train(4, 65_536).unwrap();
    deliver(&pipe, &train, &bytes);
    let mut received = pipe.client.read(0).0;
    pipe.rebind();
    pipe.client_to_server();
    let mut fin = false;
    assert!(pipe.exchange_until(Duration::from_secs(5), |pipe| {
        let (more, end) = pipe.client.read(0);
        received.extend(more);
        fin |= end;
        fin
    }));
    assert!(received == body);
}

#[test]
fn bbr2_gives_release_times_that_do_not_go_back() {
    let pipe = Pipe::with(|_| {}, |options| options.congestion = 2, CID_BYTES);
    pipe.establish();
    pipe.client.send(0, b"?", true);
    pipe.exchange();
    let body = vec![5; 300_000];
    let (mut sent, mut received, mut last) = (0, 0, 0);
    let mut fin = false;
    for _ in 0..10_000 {
        if sent < body.len() {
            sent += pipe.server.send(0, &body[sent..], true).max(0) as usize;
        }
        if let Some((train, bytes)) = pipe.server.train(64, 65_536) {
            check(&train, &bytes);
            assert!(train.release_ns == 0 || train.release_ns >= last);
            last = last.max(train.release_ns);
            deliver(&pipe, &train, &bytes);
        }
        pipe.client_to_server();
        let (more, end) = pipe.client.read(0);
        received += more.len();
        fin |= end;
        if fin {
            break;
        }
        pipe.server.timers();
    }
    assert_eq!((received, fin), (body.len(), true));
}
