//! BBR2's release times: who waits for them sends no burst, and who does not is not stopped.

mod support;

use std::time::Duration;

use quicd_quiche::time::qd_set_now;
use quicd_quiche::train::qd_release_ns;
use support::*;

const CUBIC: u32 = 0;
const BBR2: u32 = 2;
const BBR2_UNPACED: u32 = 3;

/// A server that has as much to send as it may, with a round trip of 20 ms behind it.
fn loaded(congestion: u32) -> (Pipe, u64) {
    let mut now = now_ns();
    unsafe { qd_set_now(now) };
    let pipe = Pipe::with(|_| {}, |options| options.congestion = congestion, CID_BYTES);
    for _ in 0..4 {
        pipe.client_to_server();
        now += 10_000_000;
        unsafe { qd_set_now(now) };
        pipe.server_to_client();
        now += 10_000_000;
        unsafe { qd_set_now(now) };
    }
    assert!(pipe.server.state().established);
    pipe.client.send(0, b"?", true);
    pipe.client_to_server();
    assert!(pipe.server.send(0, &[7; 400_000], true) > 0);
    (pipe, now)
}

fn release(pipe: &Pipe) -> u64 {
    unsafe { qd_release_ns(pipe.server.connection) }
}

#[test]
fn without_pacing_everything_goes_at_once() {
    for congestion in [CUBIC, BBR2_UNPACED] {
        let (pipe, _) = loaded(congestion);
        while let Some((train, _)) = pipe.server.train(64, 65_536) {
            assert_eq!((train.release_ns, release(&pipe)), (0, 0), "congestion {congestion}");
        }
    }
    unsafe { qd_set_now(0) };
}

#[test]
fn bbr2_spreads_a_window_over_a_round_trip() {
    let (pipe, start) = loaded(BBR2);
    let (mut now, mut packets, mut largest) = (start, 0, 0);
    loop {
        let at = release(&pipe);
        if at != 0 {
            assert!(at > now, "a release time is in the future");
            now = at;
            unsafe { qd_set_now(now) };
            assert_eq!(release(&pipe), 0, "at its time it goes");
        }
        let Some((train, _)) = pipe.server.train(64, 65_536) else { break };
        packets += train.segments;
        if at != 0 {
            largest = largest.max(train.segments);
        }
    }
    let spread = Duration::from_nanos(now - start);
    println!(
        "BBR2: {packets} packets over {spread:?}, trains of at most {largest} after the first"
    );
    assert!(packets >= 10, "{packets}");
    assert!(spread >= Duration::from_millis(1), "{spread:?}");
    assert!(largest <= 4, "{largest}");
    unsafe { qd_set_now(0) };
}
