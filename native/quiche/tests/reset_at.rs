//! patches/50-reset-stream-at.patch: a stream is reset, and its beginning arrives all the same.

mod support;

use std::time::Duration;

use quicd_quiche::streams::*;
use support::*;

const STREAM: u64 = 0;
const CODE: u64 = 0x52e4;
const FINAL_SIZE: i32 = -13;
const DONE: isize = -1;
const RESET: isize = -16;
const PATIENCE: Duration = Duration::from_secs(5);

fn asked_within(window: u64) -> Pipe {
    let limit = |options: &mut quicd_quiche::config::Options| {
        options.initial_max_data = window;
        options.max_connection_window = window;
    };
    let pipe = Pipe::with(limit, |_| {}, CID_BYTES);
    pipe.establish();
    assert_eq!(pipe.client.send(STREAM, b"?", true), 1);
    pipe.exchange();
    assert_eq!(pipe.server.read(STREAM), (b"?".to_vec(), true));
    pipe
}

fn asked() -> Pipe {
    asked_within(1 << 20)
}

fn data(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i * 7 / 3) as u8).collect()
}

fn reset_at(end: &End, bytes: u64) -> i32 {
    unsafe { qd_stream_reset_at(end.connection, STREAM, CODE, bytes) }
}

/// One read: what it returned, and the peer's code if it was reset.
fn read_once(end: &End, capacity: usize) -> (isize, bool, Option<u64>) {
    let (mut out, mut fin, mut code) = (vec![0; capacity], false, 0);
    let bytes = unsafe {
        qd_stream_recv(end.connection, STREAM, out.as_mut_ptr(), capacity, &mut fin, &mut code)
    };
    (bytes, fin, (bytes == RESET).then_some(code))
}

/// Reads until the reset, which comes behind |bytes| and only there, and once.
fn reads_then_reset(pipe: &Pipe, expected: &[u8]) {
    let mut got = Vec::new();
    let mut last = 0;
    let done = pipe.exchange_until(PATIENCE, |pipe| {
        let (mut out, mut fin, mut code) = ([0; 700], false, 0);
        let to = out.as_mut_ptr();
        loop {
            last = unsafe {
                qd_stream_recv(pipe.client.connection, STREAM, to, 700, &mut fin, &mut code)
            };
            if last < 0 {
                assert!(last != RESET || code == CODE);
                return last == RESET;
            }
            assert!(!fin, "a stream that was reset has no clean end");
            got.extend_from_slice(&out[..last as usize]);
        }
    });
    assert!(done, "{} bytes, then {last}", got.len());
    assert!(got == expected, "{} bytes, expected {}", got.len(), expected.len());
    assert!(read_once(&pipe.client, 10).0 < 0 && read_once(&pipe.client, 10).2.is_none());
}

#[test]
fn the_beginning_arrives_although_it_was_lost() {
    let pipe = asked();
    let data = data(5000);
    assert_eq!(pipe.server.send(STREAM, &data, false), 5000);
    assert!(pipe.server.packets().len() > 3, "these are lost");
    assert_eq!(reset_at(&pipe.server, 1500), 0);
    reads_then_reset(&pipe, &data[..1500]);
}

#[test]
fn what_was_not_sent_yet_is_sent_up_to_there_and_no_further() {
    let pipe = asked();
    let data = data(9000);
    assert_eq!(pipe.server.send(STREAM, &data, false), 9000);
    assert_eq!(reset_at(&pipe.server, 7000), 0);
    reads_then_reset(&pipe, &data[..7000]);
}

#[test]
fn all_of_it() {
    let pipe = asked();
    let data = data(3000);
    assert_eq!(pipe.server.send(STREAM, &data, false), 3000);
    assert_eq!(reset_at(&pipe.server, 3000), 0);
    reads_then_reset(&pipe, &data);
}

#[test]
fn nothing_of_it() {
    let pipe = asked();
    assert_eq!(pipe.server.send(STREAM, &data(3000), false), 3000);
    assert_eq!(reset_at(&pipe.server, 0), 0);
    reads_then_reset(&pipe, &[]);
}

#[test]
fn behind_what_was_read_already() {
    let pipe = asked();
    assert_eq!(pipe.server.send(STREAM, &data(3000), false), 3000);
    pipe.exchange();
    assert_eq!(read_once(&pipe.client, 2000), (2000, false, None));
    assert_eq!(reset_at(&pipe.server, 1000), 0);
    pipe.exchange();
    assert_eq!(read_once(&pipe.client, 2000), (RESET, false, Some(CODE)));
}

#[test]
fn after_the_end_was_written() {
    let pipe = asked();
    let data = data(3000);
    assert_eq!(pipe.server.send(STREAM, &data, true), 3000);
    assert_eq!(reset_at(&pipe.server, 2000), 0);
    reads_then_reset(&pipe, &data[..2000]);
}

#[test]
fn a_lost_frame_is_sent_again() {
    let pipe = asked();
    let data = data(1000);
    assert_eq!(pipe.server.send(STREAM, &data, false), 1000);
    pipe.exchange();
    assert_eq!(reset_at(&pipe.server, 500), 0);
    assert_eq!(pipe.server.packets().len(), 1, "RESET_STREAM_AT, lost");
    // All had come before it.
    reads_then_reset(&pipe, &data);
}

#[test]
fn less_may_be_asked_for_later_and_never_more() {
    let pipe = asked();
    let data = data(5000);
    assert_eq!(pipe.server.send(STREAM, &data, false), 5000);
    assert_eq!(reset_at(&pipe.server, 5001), FINAL_SIZE);
    assert_eq!(reset_at(&pipe.server, 4000), 0);
    assert!(!pipe.server.packets().is_empty(), "lost, the first RESET_STREAM_AT too");
    assert_eq!(reset_at(&pipe.server, 4001), FINAL_SIZE);
    assert_eq!(reset_at(&pipe.server, 2500), 0);
    reads_then_reset(&pipe, &data[..2500]);
}

#[test]
fn the_window_of_what_is_not_delivered_comes_back() {
    let pipe = asked_within(20_000);
    assert_eq!(pipe.server.send(STREAM, &data(12_000), false), 12_000);
    pipe.exchange();
    assert_eq!(reset_at(&pipe.server, 1000), 0);
    reads_then_reset(&pipe, &data(1000));
    pipe.exchange();
    // A second stream gets it: the 1000 that were read are not worth a MAX_DATA yet.
    assert_eq!(pipe.client.send(4, b"?", true), 1);
    pipe.exchange();
    assert_eq!(pipe.server.read(4), (b"?".to_vec(), true));
    let mut sent = 0;
    let done = pipe.exchange_until(PATIENCE, |pipe| {
        sent += pipe.server.send(4, &data(19_000 - sent), sent == 19_000).max(0) as usize;
        sent == 19_000
    });
    assert!(done, "{sent} bytes of 19000");
}

#[test]
fn a_reader_that_stops_gives_the_window_back_once() {
    let pipe = asked_within(20_000);
    assert_eq!(pipe.server.send(STREAM, &data(12_000), false), 12_000);
    pipe.exchange();
    assert_eq!(reset_at(&pipe.server, 9000), 0);
    pipe.exchange();
    assert_eq!(read_once(&pipe.client, 3000).0, 3000);
    assert_eq!(unsafe { qd_stream_shutdown(pipe.client.connection, STREAM, 0, 1) }, 0);
    assert_eq!(read_once(&pipe.client, 3000).0, DONE);
    pipe.exchange();
    assert!(!pipe.client.state().closed && !pipe.server.state().closed);
}
