//! patches/70-ecn.patch: which packets are marked, and what the peer's counts do to a path and to
//! the congestion window (RFC 9000 §13.4.2, RFC 9002 §7.1).

mod support;

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use quicd_quiche::config::Options;
use quicd_quiche::connection::{qd_set_received_ecn, CID_BYTES};
use quicd_quiche::stats::Stats;
use quicd_quiche::time::qd_set_now;
use support::*;

const OFF: u64 = 0;
const UNKNOWN: u64 = 2;
const CAPABLE: u64 = 3;
const FAILED: u64 = 4;

const NOT_ECT: u8 = 0;
const ECT1: u8 = 1;
const ECT0: u8 = 2;
const CE: u8 = 3;

const ROUND_TRIP: Duration = Duration::from_millis(10);

/// Lets this thread's time, which stands still from then on, go on.
fn pass(time: Duration) {
    thread_local!(static NOW_NS: Cell<u64> = Cell::new(now_ns()));
    let now = NOW_NS.get() + time.as_nanos() as u64;
    NOW_NS.set(now);
    qd_set_now(now);
}

/// What becomes of a datagram that was sent with this ECN field: the field that it arrives with, or
/// None where it is lost.
type Network = fn(u8) -> Option<u8>;

const CLEAN: Network = |ecn| Some(ecn);
const BLEACHES: Network = |_| Some(NOT_ECT);
const SLOW: Network = |ecn| {
    pass(ROUND_TRIP);
    Some(ecn)
};
const DROPS_MARKED: Network = |ecn| (ecn == NOT_ECT).then_some(ecn);

fn with_ecn(options: &mut Options) {
    options.ecn = true;
    options.initial_rtt_ms = 10;
}

fn pipe(adjust: fn(&mut Options)) -> Pipe {
    Pipe::with(
        |options| {
            with_ecn(options);
            adjust(options);
        },
        |options| {
            with_ecn(options);
            adjust(options);
        },
        CID_BYTES,
    )
}

/// All that |from| has to send, each packet with its mark.
fn marked(from: &End) -> Vec<(Packet, u8)> {
    let mut all = Vec::new();
    while let Some((train, bytes)) = from.train(64, 65_536) {
        for segment in bytes.chunks(train.segment_bytes as usize) {
            let (from, to) = (SocketAddr::from(&train.from), SocketAddr::from(&train.to));
            let ecn = if train.ecn { ECT0 } else { NOT_ECT };
            all.push((Packet { bytes: segment.to_vec(), from, to }, ecn));
        }
    }
    all
}

fn deliver(packet: &Packet, ecn: u8, to: &End, from_address: SocketAddr, to_address: SocketAddr) {
    unsafe { qd_set_received_ecn(to.connection, ecn) };
    to.receive(packet, from_address, to_address);
}

fn to_server(pipe: &Pipe, mut network: impl FnMut(u8) -> Option<u8>) -> usize {
    let packets = marked(&pipe.client);
    for (packet, ecn) in &packets {
        if let Some(ecn) = network(*ecn) {
            deliver(packet, ecn, &pipe.server, pipe.nat, packet.to);
        }
    }
    packets.len()
}

fn to_client(pipe: &Pipe, mut network: impl FnMut(u8) -> Option<u8>) -> usize {
    let packets = marked(&pipe.server);
    for (packet, ecn) in &packets {
        if let (Some(ecn), true) = (network(*ecn), packet.to == pipe.nat) {
            deliver(packet, ecn, &pipe.client, packet.from, address(CLIENT));
        }
    }
    packets.len()
}

fn exchange(pipe: &Pipe, network: Network) {
    while to_server(pipe, network) + to_client(pipe, network) > 0 {}
}

/// As `exchange`, with what timeouts bring.
fn exchange_until(pipe: &Pipe, network: Network, done: impl Fn(&Pipe) -> bool) {
    let end = now_ns() + 20_000_000_000;
    exchange(pipe, network);
    while !done(pipe) {
        assert!(now_ns() < end, "the exchange does not come to its end");
        std::thread::sleep(Duration::from_millis(1));
        pipe.client.timers();
        pipe.server.timers();
        exchange(pipe, network);
    }
}

fn established(network: Network) -> Pipe {
    let pipe = pipe(|_| {});
    exchange_until(&pipe, network, |pipe| {
        pipe.client.state().established && pipe.server.state().established
    });
    pipe
}

/// |bytes| from the server to the client, whole.
fn download(pipe: &Pipe, stream: u64, bytes: usize, network: Network) {
    pipe.client.send(stream, b"get", true);
    exchange(pipe, network);
    pipe.server.read(stream);
    let data = vec![7; 50_000];
    let (mut sent, mut received, mut ended) = (0, 0, false);
    let end = now_ns() + 20_000_000_000;
    while !ended {
        if sent < bytes {
            let part = data.len().min(bytes - sent);
            sent += pipe.server.send(stream, &data[..part], sent + part == bytes).max(0) as usize;
        }
        exchange(pipe, network);
        let (part, fin) = pipe.client.read(stream);
        received += part.len();
        ended = fin;
        pipe.client.timers();
        pipe.server.timers();
        assert!(now_ns() < end, "{received} of {bytes} bytes");
    }
    assert_eq!(received, bytes);
}

fn states(pipe: &Pipe) -> [u64; 2] {
    [pipe.client.stats().ecn_state, pipe.server.stats().ecn_state]
}

/// Nothing that is sent now is marked, both ways.
fn marks_no_more(pipe: &Pipe) {
    pipe.client.send(40, b"plain", true);
    let packets = marked(&pipe.client);
    assert!(!packets.is_empty() && packets.iter().all(|(_, ecn)| *ecn == NOT_ECT));
    for (packet, _) in &packets {
        deliver(packet, NOT_ECT, &pipe.server, pipe.nat, packet.to);
    }
    let answers = marked(&pipe.server);
    assert!(!answers.is_empty() && answers.iter().all(|(_, ecn)| *ecn == NOT_ECT));
}

#[test]
fn a_path_that_bears_marks_is_marked_on() {
    let pipe = established(CLEAN);
    assert_eq!(states(&pipe), [CAPABLE; 2]);
    download(&pipe, 0, 400_000, CLEAN);
    let stats = pipe.server.stats();
    assert_eq!((stats.ecn_state, stats.ecn_ce), (CAPABLE, 0));
    assert_eq!(stats.ecn_sent, stats.sent_packets, "each of them");
}

#[test]
fn who_does_not_want_marks_sends_none() {
    let pipe = Pipe::new();
    while to_server(&pipe, |ecn| (ecn == NOT_ECT).then_some(ecn))
        + to_client(&pipe, |ecn| (ecn == NOT_ECT).then_some(ecn))
        > 0
    {}
    assert!(pipe.server.state().established);
    assert_eq!(states(&pipe), [OFF; 2]);
    assert_eq!(pipe.server.stats().ecn_sent, 0);
}

/// RFC 9000 §13.4.2.1, each of its checks: the path is marked no more, all arrives.
#[test]
fn wrong_counts_end_it() {
    let networks: [(&str, Network); 5] = [
        ("no counts", BLEACHES),
        ("another mark", |ecn| Some(if ecn == ECT0 { ECT1 } else { ecn })),
        ("everything marked by the network", |ecn| Some(if ecn == ECT0 { CE } else { ecn })),
        ("a mark where none was", |_| Some(ECT1)),
        ("marked packets lost", DROPS_MARKED),
    ];
    for (name, network) in networks {
        let pipe = established(network);
        for stream in [0, 4, 8] {
            download(&pipe, stream, 50_000, network);
        }
        assert_eq!(states(&pipe), [FAILED; 2], "{name}");
        let marked = pipe.server.stats().ecn_sent;
        assert!(marked <= 10, "{name}: {marked} packets");
        marks_no_more(&pipe);
    }
}

/// Counts may lag behind, never by less than what is acknowledged.
#[test]
fn counts_that_are_too_small_end_it() {
    let pipe = established(CLEAN);
    assert_eq!(states(&pipe), [CAPABLE; 2]);
    pipe.client.send(0, &[1; 5000], true);
    let mut odd = false;
    to_server(&pipe, |ecn| {
        odd = !odd;
        Some(if odd { ecn } else { NOT_ECT })
    });
    to_client(&pipe, CLEAN);
    assert_eq!(states(&pipe), [FAILED, CAPABLE]);
}

/// More than were sent: a network marks what it should not, which shows on the next path.
#[test]
fn counts_that_are_too_large_end_it() {
    let mut pipe = established(CLEAN);
    pipe.server.offer_cids();
    pipe.client.offer_cids();
    exchange(&pipe, CLEAN);
    download(&pipe, 0, 10_000, BLEACHES);
    assert_eq!(pipe.server.stats().ecn_state, FAILED);
    pipe.client.send(4, b"get", true);
    exchange(&pipe, CLEAN);
    pipe.server.read(4);
    pipe.server.send(4, &vec![1; 60_000], false);
    while to_client(&pipe, |_| Some(ECT0)) > 0 {}
    marked(&pipe.client); // what it says of them is lost
    pipe.rebind();
    pipe.client.send(8, b"from another port", true);
    while to_server(&pipe, CLEAN) + to_client(&pipe, CLEAN) > 0 {}
    assert_eq!(pipe.server.stats().ecn_state, FAILED);
    marks_no_more(&pipe);
}

/// The kernel marks a train as a whole.
#[test]
fn a_train_is_marked_or_not() {
    let pipe = pipe(|_| {});
    let mut marks = Vec::new();
    // The server's first flight, and all data it may send before it hears of the client again.
    to_server(&pipe, CLEAN);
    pipe.server.timers();
    for _ in 0..8 {
        while let Some((train, _)) = pipe.server.train(64, 65_536) {
            marks.extend(std::iter::repeat(train.ecn).take(train.segments as usize));
        }
        std::thread::sleep(Duration::from_millis(15));
        pipe.server.timers();
    }
    assert!(marks[0] && !marks[marks.len() - 1], "{marks:?}");
    assert!(marks.windows(2).all(|two| two[0] || !two[1]), "tests come first: {marks:?}");
    assert_eq!(pipe.server.stats().ecn_state, UNKNOWN);
}

/// What was overtaken is older than what is known: no reason to doubt the path.
#[test]
fn acks_may_overtake_each_other() {
    let pipe = established(CLEAN);
    let mut acks = Vec::new();
    for stream in [0, 4, 8] {
        pipe.client.send(stream, &[1; 3000], true);
        to_server(&pipe, CLEAN);
        acks.extend(marked(&pipe.server));
    }
    for (packet, ecn) in acks.iter().rev() {
        deliver(packet, *ecn, &pipe.client, packet.from, address(CLIENT));
    }
    assert_eq!(states(&pipe), [CAPABLE; 2]);
    download(&pipe, 12, 50_000, CLEAN);
    assert_eq!(states(&pipe), [CAPABLE; 2]);
}

/// RFC 9000 §13.4.2: a new path is tested anew.
#[test]
fn a_new_path_is_tested_anew() {
    let mut pipe = established(CLEAN);
    pipe.server.offer_cids();
    pipe.client.offer_cids();
    exchange(&pipe, CLEAN);
    pipe.rebind();
    download(&pipe, 0, 100_000, BLEACHES);
    assert_eq!(pipe.server.stats().ecn_state, FAILED, "behind a network that bleaches");
    pipe.rebind();
    download(&pipe, 4, 100_000, CLEAN);
    assert_eq!(pipe.server.stats().ecn_state, CAPABLE, "and back");
}

/// A server with a window full of data on its way, and the window.
fn sending(congestion: u32) -> (Pipe, Stats) {
    let (pipe, network) = match congestion {
        0 => (pipe(|_| {}), CLEAN),
        1 => (pipe(|options| options.congestion = 1), CLEAN),
        // Its window follows the round trip.
        _ => (pipe(|options| options.congestion = 2), SLOW),
    };
    exchange(&pipe, network);
    download(&pipe, 0, 20_000, network);
    pipe.client.send(4, b"get", true);
    exchange(&pipe, network);
    pipe.server.read(4);
    let stats = pipe.server.stats();
    (pipe, stats)
}

/// Sends a window, of which the network marks the packets that |marks| says; each is acknowledged
/// by itself.
fn window(pipe: &Pipe, marks: impl Fn(usize) -> bool) {
    pipe.server.send(4, &vec![1; 500_000], false);
    let packets = marked(&pipe.server);
    pass(ROUND_TRIP);
    assert!(packets.len() > 5, "{} packets in a window", packets.len());
    for (number, (packet, ecn)) in packets.iter().enumerate() {
        pass(Duration::from_micros(10));
        let ecn = if marks(number) { CE } else { *ecn };
        deliver(packet, ecn, &pipe.client, packet.from, address(CLIENT));
        pipe.client.read(4);
        to_server(pipe, CLEAN);
    }
}

/// RFC 9002 §7.1, §7.3.2: a mark is as a loss, once in a round trip, and nothing was lost.
#[test]
fn one_reduction_for_the_marks_of_a_window() {
    for (congestion, factor) in [(0, 0.7), (1, 0.5)] {
        let (pipe, before) = sending(congestion);
        let reduced = |window: u64| {
            let least = (window as f64 * factor) as u64;
            least..=least + 5 * 1350
        };
        window(&pipe, |number| number == 1);
        let first = pipe.server.stats();
        assert_eq!(first.ecn_ce, before.ecn_ce + 1);
        let expected = reduced(before.congestion_window_bytes);
        assert!(expected.contains(&first.congestion_window_bytes), "{expected:?}, {first:?}");
        // All of this window are sent after the reduction: it is a new one, of several marks.
        window(&pipe, |number| (1..6).contains(&number));
        let second = pipe.server.stats();
        assert_eq!(second.ecn_ce, before.ecn_ce + 6);
        let expected = reduced(first.congestion_window_bytes);
        assert!(expected.contains(&second.congestion_window_bytes), "{expected:?}, {second:?}");
        // ... and it is never taken back as one that was not due.
        window(&pipe, |_| false);
        window(&pipe, |_| false);
        let third = pipe.server.stats();
        assert!(third.congestion_window_bytes < first.congestion_window_bytes, "{third:?}");
        assert_eq!((third.lost_packets, third.ecn_state), (0, CAPABLE));
    }
}

/// The mean queue in a second at a link of 13.5 MB/s with a base round trip of ROUND_TRIP; where it
/// |marks|, it does from a queue of 2 ms on.
fn mean_queue(congestion: u32, marks: bool) -> Duration {
    let (pipe, _) = sending(congestion);
    let mut link: VecDeque<(Packet, u8, Duration)> = VecDeque::new();
    let (mut now, mut last, mut sum, mut count) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO, 0);
    while now < Duration::from_secs(1) {
        pipe.server.send(4, &[1; 50_000], false);
        pipe.server.timers();
        for (packet, ecn) in marked(&pipe.server) {
            last = (last + Duration::from_micros(100)).max(now + ROUND_TRIP);
            let queue = last - now - ROUND_TRIP;
            let congested = marks && queue > Duration::from_millis(2);
            link.push_back((packet, if congested { CE } else { ecn }, last));
            (sum, count) = (sum + queue, count + 1);
        }
        let Some((packet, ecn, arrives)) = link.pop_front() else {
            pass(Duration::from_millis(1));
            now += Duration::from_millis(1);
            continue;
        };
        pass(arrives - now);
        now = arrives;
        deliver(&packet, ecn, &pipe.client, packet.from, address(CLIENT));
        pipe.client.read(4);
        to_server(&pipe, CLEAN);
    }
    let stats = pipe.server.stats();
    assert_eq!((stats.lost_packets, stats.ecn_state), (0, CAPABLE));
    assert_eq!(stats.ecn_ce > 0, marks);
    sum / count
}

/// What marks are for: a shorter queue, and nothing was lost for it. BBR2 takes marked bytes for
/// lost ones, and bears some of them by its nature.
#[test]
fn a_queue_that_marks_stays_short() {
    for (congestion, most) in [(0, 0.5), (1, 0.5), (2, 0.95)] {
        let queues = [false, true].map(|marks| mean_queue(congestion, marks));
        assert!(queues[1] < queues[0].mul_f64(most), "congestion {congestion}: {queues:?}");
    }
}
