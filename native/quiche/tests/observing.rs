//! qlog within its limit, and what bounds sending (patches/18-end-qlog.patch,
//! patches/19-send-limits.patch).

mod support;

use std::io::{Read, Seek};
use std::os::fd::AsRawFd;

use quicd_quiche::limits::*;
use quicd_quiche::logs::*;
use support::*;

const STREAM: u64 = 0;
const WINDOW: u64 = 20_000;
const EXTRA: u32 = 2;

fn scratch(name: &str) -> std::fs::File {
    let path = std::env::temp_dir().join(format!("quicd-{}-{name}", std::process::id()));
    let file =
        std::fs::File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

/// Every one begins with RS and ends with a line feed (RFC 7464 §2.2).
fn records(file: &mut std::fs::File) -> Vec<String> {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    assert!(text.is_empty() || (text.starts_with('\u{1e}') && text.ends_with('\n')), "{text}");
    text.split_terminator('\n').map(|line| line.strip_prefix('\u{1e}').unwrap().into()).collect()
}

fn begin(peer: &End, file: &std::fs::File, limit: u64) {
    let fd = file.as_raw_fd();
    assert_eq!(unsafe { qd_begin_qlog(peer.connection, fd, c"title".as_ptr(), EXTRA, limit) }, 0);
}

fn state(peer: &End) -> QlogState {
    let mut state = QlogState::default();
    unsafe { qd_get_qlog(peer.connection, &mut state) };
    state
}

fn limits(peer: &End) -> Limits {
    let mut limits = Limits::default();
    unsafe { qd_get_limits(peer.connection, &mut limits) };
    limits
}

#[test]
fn a_log_never_grows_beyond_its_limit() {
    const LIMIT: u64 = 5000;
    let pipe = Pipe::new();
    let mut file = scratch("limited");
    begin(&pipe.server, &file, LIMIT);
    pipe.establish();
    let length = file.metadata().unwrap().len();
    assert!(length > LIMIT - 2000 && length <= LIMIT, "{length}");
    assert_eq!(
        state(&pipe.server),
        QlogState { written_bytes: length, ended: true, ..QlogState::default() }
    );
    let records = records(&mut file);
    assert!(records.last().unwrap().contains("its limit is 5000 bytes"), "{records:?}");
    assert!(records[records.len() - 2].contains("\"time\""));
    assert_eq!(pipe.client.send(STREAM, b"more", true), 4);
    pipe.exchange();
    assert_eq!(file.metadata().unwrap().len(), length);
}

#[test]
fn a_log_ends_on_demand_and_begins_anew() {
    let pipe = Pipe::new();
    let (mut first, mut second) = (scratch("first"), scratch("second"));
    begin(&pipe.server, &first, 1 << 20);
    pipe.establish();
    assert!(state(&pipe.server).waiting_bytes > 0, "it is gathered in memory");
    unsafe { qd_flush_qlog(pipe.server.connection) };
    let flushed = state(&pipe.server);
    assert_eq!((flushed.waiting_bytes, flushed.ended), (0, false));
    assert_eq!(first.metadata().unwrap().len(), flushed.written_bytes);
    unsafe { qd_end_qlog(pipe.server.connection) };
    assert_eq!(pipe.client.send(STREAM, b"unseen", true), 6);
    pipe.exchange();
    assert_eq!(first.metadata().unwrap().len(), flushed.written_bytes);
    assert!(state(&pipe.server).ended);

    begin(&pipe.server, &second, 1 << 20);
    assert_eq!(pipe.client.send(4, b"seen", true), 4);
    pipe.exchange();
    drop(pipe);
    assert!(records(&mut first).iter().any(|record| record.contains("packet_received")));
    let records = records(&mut second);
    assert!(records.iter().any(|record| record.contains("packet_received")), "{records:?}");
}

#[test]
fn a_log_that_cannot_be_written_disturbs_nobody() {
    let pipe = Pipe::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    begin(&pipe.server, &full, 1 << 20);
    pipe.establish();
    unsafe { qd_flush_qlog(pipe.server.connection) };
    let state = state(&pipe.server);
    assert!(state.failed && state.ended && state.written_bytes == 0, "{state:?}");
    assert_eq!(pipe.client.send(STREAM, b"works", true), 5);
    pipe.exchange();
    assert_eq!(pipe.server.read(STREAM), (b"works".to_vec(), true));
}

#[test]
fn each_bound_of_sending_is_told_by_itself() {
    let windows = |stream: u64, connection: u64| {
        let pipe = Pipe::with(
            |client| {
                client.initial_max_stream_data_bidi_local = stream;
                client.initial_max_data = connection;
            },
            |_| {},
            20,
        );
        pipe.establish();
        assert_eq!(pipe.client.send(STREAM, b"?", true), 1);
        pipe.exchange();
        pipe
    };
    let left = |pipe: &Pipe| unsafe { qd_stream_window_left(pipe.server.connection, STREAM) };

    let pipe = windows(1000, WINDOW);
    assert_eq!(pipe.server.send(STREAM, &[1; 3000], false), 1000);
    let bounds = limits(&pipe.server);
    assert_eq!((left(&pipe), bounds.peer_data_left), (0, WINDOW - 1000));
    assert_eq!((bounds.unsent_bytes, bounds.amplification_left), (1000, u64::MAX));

    let pipe = windows(WINDOW, 1000);
    assert_eq!(pipe.server.send(STREAM, &[1; 3000], false), 1000);
    assert_eq!((left(&pipe), limits(&pipe.server).peer_data_left), (WINDOW as i64 - 1000, 0));

    let pipe = windows(1 << 20, 1 << 20);
    assert!(pipe.server.send(STREAM, &vec![1; 1 << 20], false) > 0);
    assert!(limits(&pipe.server).congestion_left > 1200);
    assert!(pipe.server.packets().len() > 5, "a window full of packets");
    let bounds = limits(&pipe.server);
    assert!(bounds.congestion_left < 1350 && bounds.peer_data_left > 900_000, "{bounds:?}");
    assert_eq!(unsafe { qd_stream_window_left(pipe.server.connection, 400) }, -1);
}

#[test]
fn an_address_that_is_not_proven_bounds_sending() {
    let pipe = Pipe::new();
    let packets = pipe.client.packets();
    let (from, to) = (pipe.nat, address(SERVER));
    let got: usize = packets.iter().map(|packet| packet.bytes.len()).sum();
    for packet in &packets {
        assert!(pipe.server.receive(packet, from, to) >= 0);
    }
    let bounds = limits(&pipe.server);
    assert_eq!(bounds.amplification_left, 3 * got as u64);
}
