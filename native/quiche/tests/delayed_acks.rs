//! RFC 9000 §13.2.1 and §13.2.2: which packet is acknowledged at once, and which one waits, for how
//! long and for what. On a clock of our own.

mod support;

use quicd_quiche::connection::qd_set_received_ecn;
use quicd_quiche::state::qd_send_ack_eliciting;
use quicd_quiche::time::*;
use support::*;

const MS: u64 = 1_000_000;
const MAX_ACK_DELAY_MS: u64 = 25;
const ALARM_MS: u64 = 20;
const STREAM: u64 = 0;

struct Bench {
    pipe: Pipe,
    now: u64,
}

impl Bench {
    /// Both ends delay, and neither owes the other an ACK.
    fn new() -> Self {
        let delay = |options: &mut quicd_quiche::config::Options| {
            options.max_ack_delay_ms = MAX_ACK_DELAY_MS;
        };
        let now = now_ns();
        qd_set_now(now);
        let mut bench = Bench { pipe: Pipe::with(delay, delay, CID_BYTES), now };
        bench.pipe.establish();
        // The numbers before the first 1-RTT packet's are those of the handshake: a gap.
        bench.deliver(&bench.packet());
        bench.pipe.exchange();
        bench.pass(100);
        bench.pipe.exchange();
        assert_eq!(bench.pipe.client.stats().in_flight_bytes, 0);
        assert_eq!(bench.pipe.server.stats().in_flight_bytes, 0);
        bench
    }

    /// Time passes, and what is due happens.
    fn pass(&mut self, ms: u64) {
        self.now += ms * MS;
        qd_set_now(self.now);
        self.pipe.client.timers();
        self.pipe.server.timers();
    }

    /// One packet of the client's, with a byte of data.
    fn packet(&self) -> Packet {
        assert_eq!(self.pipe.client.send(STREAM, b"?", false), 1);
        let mut packets = self.pipe.client.packets();
        assert_eq!(packets.len(), 1);
        packets.remove(0)
    }

    fn deliver(&self, packet: &Packet) {
        assert!(self.pipe.server.receive(packet, self.pipe.nat, packet.to) > 0);
    }

    fn acknowledged(&self) -> bool {
        self.pipe.server_to_client();
        self.pipe.client.stats().in_flight_bytes == 0
    }
}

#[test]
fn one_packet_waits_for_the_alarm() {
    let mut bench = Bench::new();
    bench.deliver(&bench.packet());
    assert!(!bench.acknowledged());
    let due = unsafe { qd_timeout_ns(bench.pipe.server.connection) };
    assert!(due.abs_diff(bench.now + ALARM_MS * MS) < 1000, "{}", due.abs_diff(bench.now));
    bench.pass(ALARM_MS - 1);
    assert!(!bench.acknowledged());
    bench.pass(1);
    assert!(bench.acknowledged());
    // It is the alarm of this one packet.
    let next = unsafe { qd_timeout_ns(bench.pipe.server.connection) };
    assert!(next > bench.now + 1000 * MS);
}

#[test]
fn the_second_packet_does_not_wait() {
    let bench = Bench::new();
    for _ in 0..3 {
        bench.deliver(&bench.packet());
        assert!(!bench.acknowledged());
        bench.deliver(&bench.packet());
        assert!(bench.acknowledged());
    }
}

#[test]
fn an_answer_carries_it() {
    let mut bench = Bench::new();
    bench.deliver(&bench.packet());
    bench.pass(3);
    bench.pipe.server.send(STREAM, b"!", false);
    assert!(bench.acknowledged());
    bench.pipe.client_to_server();
    // Nothing is left for the alarm to send.
    bench.pass(ALARM_MS);
    assert_eq!(bench.pipe.server.packets().len(), 0);
}

#[test]
fn a_gap_and_what_fills_it_do_not_wait() {
    let bench = Bench::new();
    let (late, early) = (bench.packet(), bench.packet());
    bench.deliver(&early);
    assert_eq!(bench.pipe.server_to_client(), 1, "the gap is told");
    bench.deliver(&late);
    assert!(bench.acknowledged());
    bench.deliver(&bench.packet());
    assert!(!bench.acknowledged(), "in order again");
}

#[test]
fn congestion_is_told_at_once() {
    let bench = Bench::new();
    unsafe { qd_set_received_ecn(bench.pipe.server.connection, 2) };
    bench.deliver(&bench.packet());
    assert!(!bench.acknowledged());
    bench.deliver(&bench.packet());
    assert!(bench.acknowledged());
    unsafe { qd_set_received_ecn(bench.pipe.server.connection, 3) };
    bench.deliver(&bench.packet());
    assert!(bench.acknowledged());
}

#[test]
fn a_probe_is_answered_at_once() {
    let bench = Bench::new();
    unsafe { qd_send_ack_eliciting(bench.pipe.client.connection) };
    assert_eq!(bench.pipe.client_to_server(), 1);
    assert!(bench.acknowledged());
}

#[test]
fn no_probe_is_sent_for_what_is_delayed() {
    let mut bench = Bench::new();
    for _ in 0..50 {
        bench.deliver(&bench.packet());
        for _ in 0..ALARM_MS {
            bench.pass(1);
            assert_eq!(bench.pipe.client.packets().len(), 0);
        }
        assert!(bench.acknowledged());
    }
    // What the ACK waited for is not the network's.
    assert!(bench.pipe.client.stats().round_trip_ns < MS);
}

#[test]
fn two_can_be_held_for_a_while() {
    let mut bench = Bench::new();
    let hold = |bench: &Bench| unsafe {
        qd_hold_acks(bench.pipe.server.connection, bench.now + 5 * MS)
    };
    bench.deliver(&bench.packet());
    bench.deliver(&bench.packet());
    assert!(hold(&bench));
    assert!(!bench.acknowledged());
    bench.pass(2);
    bench.deliver(&bench.packet());
    assert!(hold(&bench), "no longer than the first ones");
    bench.pass(2);
    assert!(!bench.acknowledged());
    bench.pass(1);
    assert!(!hold(&bench));
    assert!(bench.acknowledged());
}

#[test]
fn what_is_urgent_is_not_held() {
    let bench = Bench::new();
    let lost = bench.packet();
    bench.deliver(&bench.packet());
    drop(lost);
    assert!(!unsafe { qd_hold_acks(bench.pipe.server.connection, bench.now + 5 * MS) });
    assert_eq!(bench.pipe.server_to_client(), 1);
}

#[test]
fn the_handshake_does_not_wait() {
    let delay = |options: &mut quicd_quiche::config::Options| {
        options.max_ack_delay_ms = MAX_ACK_DELAY_MS;
    };
    qd_set_now(now_ns());
    let pipe = Pipe::with(delay, delay, CID_BYTES);
    pipe.client_to_server();
    pipe.server_to_client();
    // The client's Finished, and with it 1-RTT data; its handshake is not confirmed yet.
    pipe.client.send(STREAM, b"?", true);
    pipe.client_to_server();
    pipe.server.send(STREAM, b"!", true);
    pipe.server_to_client();
    assert!(pipe.client.state().established && pipe.server.state().established);
    pipe.client_to_server();
    assert_eq!(pipe.server.stats().in_flight_bytes, 0);
}
