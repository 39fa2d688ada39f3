//! Several STREAM frames in one packet: how many packets it takes, and that each frame is on its
//! own when one is lost.

mod support;

use std::time::Duration;

use quicd_quiche::streams::*;
use support::*;

/// A server that owes an answer on each of |streams| streams, with a wide open congestion window.
fn asked(streams: u64) -> Pipe {
    let pipe = Pipe::with(|_| {}, |options| options.initial_window_packets = 200, CID_BYTES);
    pipe.establish();
    for stream in 0..streams {
        assert_eq!(pipe.client.send(stream * 4, b"?", true), 1);
    }
    pipe.exchange();
    (0..streams).for_each(|stream| assert_eq!(pipe.server.read(stream * 4).0, b"?"));
    pipe
}

fn answer(pipe: &Pipe, stream: u64, bytes: usize) {
    assert_eq!(pipe.server.send(stream * 4, &body(stream, bytes), true), bytes as isize);
}

fn body(stream: u64, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at as u64 * 7 + stream * 13 + (at as u64 >> 8)) as u8).collect()
}

fn deliver(pipe: &Pipe, packets: &[Packet]) {
    for packet in packets {
        assert!(pipe.client.receive(packet, packet.from, address(CLIENT)) > 0);
    }
}

fn priority(end: &End, stream: u64, urgency: u8, incremental: bool) {
    assert_eq!(unsafe { qd_stream_priority(end.connection, stream * 4, urgency, incremental) }, 0);
}

#[test]
fn small_answers_share_a_packet() {
    let pipe = asked(10);
    (0..10).for_each(|stream| answer(&pipe, stream, 40));
    let packets = pipe.server.packets();
    assert_eq!(packets.len(), 1);
    deliver(&pipe, &packets);
    for stream in 0..10 {
        assert_eq!(pipe.client.read(stream * 4), (body(stream, 40), true), "stream {stream}");
    }
}

#[test]
fn bare_ends_share_a_packet() {
    let pipe = asked(20);
    for stream in 0..20 {
        assert_eq!(pipe.server.send(stream * 4, b"data", false), 4);
    }
    pipe.exchange();
    for stream in 0..20 {
        assert_eq!(pipe.server.send(stream * 4, b"", true), 0);
    }
    let packets = pipe.server.packets();
    assert_eq!(packets.len(), 1);
    deliver(&pipe, &packets);
    assert!((0..20).all(|stream| pipe.client.read(stream * 4) == (b"data".to_vec(), true)));
}

/// RFC 9000 §13.3: what a lost packet carried is sent again, every frame of it.
#[test]
fn all_frames_of_a_lost_packet_come_again() {
    let pipe = asked(12);
    (0..10).for_each(|stream| answer(&pipe, stream, 40 + stream as usize));
    assert_eq!(pipe.server.packets().len(), 1, "and it is lost");
    // Found out by a timeout.
    let mut received = vec![Vec::new(); 10];
    let mut ended = [false; 10];
    assert!(pipe.exchange_until(Duration::from_secs(5), |pipe| {
        for stream in 0..10u64 {
            let (bytes, fin) = pipe.client.read(stream * 4);
            received[stream as usize].extend(bytes);
            ended[stream as usize] |= fin;
        }
        ended.iter().all(|fin| *fin)
    }));
    for stream in 0..10u64 {
        assert_eq!(
            received[stream as usize],
            body(stream, 40 + stream as usize),
            "stream {stream}"
        );
    }
    assert!(pipe.server.stats().retransmitted_packets >= 10, "counted by frame");
    // Acknowledged, all of them: the server has forgotten the streams.
    pipe.exchange();
    for stream in 0..10u64 {
        let capacity =
            unsafe { qd_stream_capacity(pipe.server.connection, stream * 4, std::ptr::null_mut()) };
        assert_eq!(capacity, -7, "stream {stream} is collected");
    }
}

/// Found out by the ACK of later packets; only what was lost comes again.
#[test]
fn a_packet_lost_in_the_middle() {
    let pipe = asked(40);
    let mut packets = Vec::new();
    for group in 0..8u64 {
        (group * 5..group * 5 + 5).for_each(|stream| answer(&pipe, stream, 50));
        packets.extend(pipe.server.packets());
    }
    assert_eq!(packets.len(), 8);
    let sent = pipe.server.stats().sent_packets;
    packets.remove(2);
    deliver(&pipe, &packets);
    pipe.exchange();
    for stream in 0..40 {
        assert_eq!(pipe.client.read(stream * 4), (body(stream, 50), true), "stream {stream}");
    }
    assert_eq!(pipe.server.stats().retransmitted_packets, 5);
    assert!(pipe.server.stats().sent_packets <= sent + 2);
}

#[test]
fn urgent_streams_come_first() {
    let pipe = asked(9);
    for stream in 0..9 {
        priority(&pipe.server, stream, if stream == 7 { 0 } else { 3 }, false);
        answer(&pipe, stream, 400);
    }
    let (_, first) = pipe.server.train(1, 65_536).unwrap();
    deliver(&pipe, &[Packet { bytes: first, from: address(SERVER), to: pipe.nat }]);
    // The urgent one, then by number; the last one of the packet is cut.
    assert_eq!(pipe.client.read(7 * 4), (body(7, 400), true));
    assert_eq!(pipe.client.read(0), (body(0, 400), true));
    assert_eq!(pipe.client.read(4), (body(1, 400), true));
    let (cut, end) = pipe.client.read(8);
    assert!(cut.len() > 32 && cut.len() < 400 && !end);
    assert_eq!(pipe.client.read(12), (vec![], false));
    pipe.exchange();
    assert_eq!([cut, pipe.client.read(8).0].concat(), body(2, 400));
}

/// RFC 9218 §10: incremental streams of one urgency share the bandwidth, packet by packet while
/// they are large.
#[test]
fn incremental_streams_take_turns() {
    let pipe = asked(3);
    for stream in 0..3 {
        priority(&pipe.server, stream, 3, true);
        answer(&pipe, stream, 20_000);
    }
    let mut packets = pipe.server.packets();
    packets.truncate(9);
    deliver(&pipe, &packets);
    let read: Vec<usize> = (0..3).map(|stream| pipe.client.read(stream * 4).0.len()).collect();
    assert!(read.iter().all(|bytes| (3500..4000).contains(bytes)), "{read:?}");
}

#[test]
fn a_large_answer_fills_up_what_small_ones_leave() {
    let pipe = asked(11);
    answer(&pipe, 10, 26_000);
    (0..10).for_each(|stream| answer(&pipe, stream, 40));
    let packets = pipe.server.packets();
    assert_eq!(packets.len(), 26_400_usize.div_ceil(1300));
    // The large one was first in the queue; then it takes turns.
    deliver(&pipe, &packets[..2]);
    assert!((0..10).all(|stream| pipe.client.read(stream * 4) == (body(stream, 40), true)));
    deliver(&pipe, &packets[2..]);
    assert_eq!(pipe.client.read(40), (body(10, 26_000), true));
}

/// As long as there is more to send, packets are full to the byte: one train.
#[test]
fn answers_of_any_size_make_equal_packets() {
    let pipe = asked(200);
    let bytes = |stream: u64| 20 + (stream as usize * 97) % 230;
    (0..200).for_each(|stream| answer(&pipe, stream, bytes(stream)));
    let (train, datagrams) = pipe.server.train(64, 65_536).unwrap();
    assert!(pipe.server.train(64, 65_536).is_none(), "one train");
    assert!(train.segments >= 20, "{train:?}");
    for segment in datagrams.chunks(train.segment_bytes as usize) {
        deliver(&pipe, &[Packet { bytes: segment.to_vec(), from: address(SERVER), to: pipe.nat }]);
    }
    for stream in 0..200 {
        assert_eq!(
            pipe.client.read(stream * 4),
            (body(stream, bytes(stream)), true),
            "stream {stream}"
        );
    }
}

/// A stream whose frame header does not fit is not forgotten.
#[test]
fn a_long_header_in_a_short_packet() {
    let pipe = Pipe::with(|_| {}, |options| options.initial_max_streams_bidi = 1 << 40, CID_BYTES);
    pipe.establish();
    let (stream, data) = (1 << 32, body(1, 40_000));
    let mut sent = 0;
    while sent < 20_000 {
        sent += pipe.client.send(stream, &data[sent..20_000], false).max(0) as usize;
        pipe.exchange();
    }
    assert_eq!(pipe.client.send(stream, &data[sent..sent + 5000], false), 5000);
    for capacity in 20..90 {
        let mut out = vec![0; capacity];
        let mut train = Default::default();
        let bytes = unsafe {
            quicd_quiche::train::qd_send_train(
                pipe.client.connection,
                out.as_mut_ptr(),
                capacity,
                1,
                &mut train,
            )
        };
        if bytes > 0 {
            out.truncate(bytes as usize);
            let packet = Packet { bytes: out, from: pipe.nat, to: address(SERVER) };
            assert!(pipe.server.receive(&packet, packet.from, packet.to) > 0);
        }
    }
    pipe.exchange();
    assert!(pipe.server.read(stream).0 == data[..sent + 5000]);
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Bytes sent (one more than there are: the end was taken), bytes received, end seen.
type StreamEnd = (usize, Vec<u8>, bool);

/// One side reads what came and writes what fits, on a random third less of its streams.
fn read_and_write(end: &End, states: &mut [StreamEnd], sizes: &[usize], random: &mut Random) {
    for (stream, (sent, received, fin)) in states.iter_mut().enumerate() {
        let stream = stream as u64;
        let all = body(stream, sizes[stream as usize]);
        if !*fin {
            let (bytes, seen) = end.read(stream * 4);
            received.extend(bytes);
            *fin = seen;
        }
        if *sent <= all.len() && random.below(3) > 0 {
            let result = end.send(stream * 4, &all[*sent..], true);
            if result >= 0 {
                *sent += result as usize;
                *sent += (*sent == all.len()) as usize;
            }
        }
    }
}

/// One packet in eight is lost, both ways.
fn lossy_exchange(pipe: &Pipe, random: &mut Random) {
    for packet in pipe.client.packets() {
        if random.below(8) > 0 {
            pipe.server.receive(&packet, pipe.nat, packet.to);
        }
    }
    for packet in pipe.server.packets() {
        if random.below(8) > 0 {
            pipe.client.receive(&packet, packet.from, address(CLIENT));
        }
    }
    pipe.client.timers();
    pipe.server.timers();
    std::thread::sleep(Duration::from_micros(200));
}

fn all_collected(pipe: &Pipe, streams: u64) -> bool {
    [&pipe.client, &pipe.server].iter().all(|end| {
        (0..streams).all(|stream| {
            let none = std::ptr::null_mut();
            unsafe { qd_stream_capacity(end.connection, stream * 4, none) == -7 }
        })
    })
}

/// Both directions, all sizes and priorities, with loss: byte-exact, and nothing is left behind.
fn survives_loss(seed: u64) {
    let mut random = Random(seed * 0x9e37_79b9_7f4a_7c15);
    let small_windows = |options: &mut quicd_quiche::config::Options| {
        options.initial_max_stream_data_bidi_remote = 3000;
        options.initial_max_data = 40_000;
        options.max_stream_window = 6000;
        options.max_connection_window = 60_000;
    };
    let pipe = Pipe::with(|_| {}, small_windows, CID_BYTES);
    pipe.establish();
    let streams = 60;
    let size = |random: &mut Random| match random.below(4) {
        0 => random.below(20_000) as usize,
        1 => 0,
        _ => random.below(200) as usize,
    };
    let sizes: Vec<usize> = (0..streams).map(|_| size(&mut random)).collect();
    for stream in 0..streams {
        let (urgency, incremental) = (random.below(8) as u8, random.below(2) == 0);
        assert_eq!(pipe.client.send(stream * 4, b"", false), 0);
        priority(&pipe.client, stream, urgency, incremental);
    }
    let fresh: Vec<StreamEnd> = vec![(0, Vec::new(), false); streams as usize];
    let mut ends = [fresh.clone(), fresh];
    let limit = now_ns() + 30_000_000_000;
    loop {
        read_and_write(&pipe.client, &mut ends[0], &sizes, &mut random);
        read_and_write(&pipe.server, &mut ends[1], &sizes, &mut random);
        if ends.iter().flatten().all(|(_, _, fin)| *fin) {
            break;
        }
        assert!(now_ns() < limit, "seed {seed} hangs");
        lossy_exchange(&pipe, &mut random);
    }
    for (stream, (_, received, _)) in ends.iter().flat_map(|end| end.iter().enumerate()) {
        assert!(*received == body(stream as u64, sizes[stream]), "seed {seed}, stream {stream}");
    }
    // All is acknowledged and collected on both sides.
    assert!(pipe.exchange_until(Duration::from_secs(5), |pipe| all_collected(pipe, streams)));
}

#[test]
fn many_streams_under_loss() {
    (1..=8).for_each(survives_loss);
}

/// An open stream waits to be repeated by a probe, behind a longer one, when its ACK comes after
/// all: patches/71-acknowledged-after-all.patch. HTTP/3's control streams are such.
#[test]
fn what_was_acknowledged_after_all_holds_up_no_stream() {
    let pipe = Pipe::with(|_| {}, |options| options.initial_window_packets = 10, CID_BYTES);
    pipe.establish();
    let (long, open, other) = (0, 1, 2);
    for stream in [long, open, other] {
        assert_eq!(pipe.client.send(stream * 4, b"?", true), 1);
    }
    pipe.exchange();
    for stream in [long, open, other] {
        assert_eq!(pipe.server.read(stream * 4).0, b"?");
        priority(&pipe.server, stream, 3, false);
    }
    let data = body(long, 40_000);
    let write = |from: usize| pipe.server.send(long * 4, &data[from..], false) as usize;
    assert_eq!(pipe.server.send(open * 4, b"settings", false), 8);
    let late = pipe.server.packets();
    assert_eq!(pipe.server.send(long * 4, &data[..8_000], false), 8_000);
    let rest = pipe.server.packets();
    // Probes and what is left of the window go to the long stream; the open one waits.
    std::thread::sleep(pipe.server.timers().expect("a probe timeout"));
    pipe.server.timers();
    let written = 8_000 + write(8_000);
    assert!(written < data.len(), "the window is full");
    let more = pipe.server.packets();
    deliver(&pipe, &late);
    pipe.client_to_server();
    deliver(&pipe, &rest);
    deliver(&pipe, &more);
    pipe.exchange();
    assert_eq!(pipe.client.read(long * 4), (data[..written].to_vec(), false));
    assert_eq!(pipe.client.read(open * 4), (b"settings".to_vec(), false));
    answer(&pipe, other, 100);
    assert!(pipe.exchange_until(Duration::from_secs(5), |pipe| pipe.client.read(other * 4).1));
}
