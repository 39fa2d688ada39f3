//! patches/26-early-data-rejected.patch: what a server does not take as 0-RTT is sent again at
//! once, or refused where that cannot be.

mod support;

use quicd_quiche::session::*;
use quicd_quiche::state::*;
use support::*;

const STREAM: u64 = 0;
const TICKET_KEY: [u8; 48] = [7; 48];
const TRANSPORT_PARAMETER_ERROR: u64 = 0x8;

fn server(options: &mut quicd_quiche::config::Options) {
    options.ticket_key = TICKET_KEY.as_ptr();
    options.early_data = true;
}

fn pipe(adjust: impl FnOnce(&mut quicd_quiche::config::Options)) -> Pipe {
    let options = |options: &mut quicd_quiche::config::Options| {
        server(options);
        adjust(options);
    };
    Pipe::with(|client| client.early_data = true, options, CID_BYTES)
}

/// What a server that takes 0-RTT gives.
fn session() -> Vec<u8> {
    session_of(pipe(|_| {}))
}

fn session_of(pipe: Pipe) -> Vec<u8> {
    pipe.establish();
    let mut out = vec![0; 16_384];
    let waiting = unsafe { qd_session_bytes(pipe.client.connection) };
    let bytes =
        unsafe { qd_take_session(pipe.client.connection, out.as_mut_ptr(), out.len()) };
    assert!(bytes > 0 && bytes == waiting);
    assert_eq!(unsafe { qd_session_bytes(pipe.client.connection) }, -1, "taken once");
    out.truncate(bytes as usize);
    out
}

/// A client in the midst of 0-RTT: |data| is on its way to |pipe|'s server.
fn begin(pipe: &Pipe, session: &[u8], data: &[u8]) {
    let set = unsafe {
        qd_set_session(pipe.client.connection, session.as_ptr(), session.len(), true)
    };
    assert_eq!(set, 0);
    assert!(pipe.client_to_server() > 0);
    assert!(pipe.client.state().in_early_data);
    assert_eq!(pipe.client.send(STREAM, data, true), data.len() as isize);
}

#[test]
fn what_is_taken_arrives_once() {
    let (session, data) = (session(), vec![0xea; 5000]);
    let pipe = pipe(|_| {});
    begin(&pipe, &session, &data);
    pipe.establish();
    assert!(pipe.client.state().early_accepted);
    assert_eq!(pipe.server.read(STREAM), (data, true));
    assert_eq!(pipe.client.stats().lost_packets, 0);
}

/// No timeout is needed: nothing but the handshake goes back and forth.
#[test]
fn what_is_not_taken_is_sent_again_at_once() {
    let (session, data) = (session(), vec![0xea; 5000]);
    let pipe = pipe(|options| options.early_data = false);
    begin(&pipe, &session, &data);
    pipe.establish();
    let state = pipe.client.state();
    assert!(state.resumed && !state.early_accepted && !state.in_early_data);
    assert_eq!(pipe.server.read(STREAM), (data, true));
    assert_eq!(pipe.client.stats().in_flight_bytes, 0);
}

#[test]
fn after_a_whole_handshake_too() {
    let (session, data) = (session(), vec![0xea; 5000]);
    let other = [8; 48];
    let pipe = pipe(|options| options.ticket_key = other.as_ptr());
    begin(&pipe, &session, &data);
    pipe.establish();
    assert!(!pipe.client.state().resumed);
    assert_eq!(pipe.server.read(STREAM), (data, true));
}

#[test]
fn not_where_the_wish_is_missing() {
    let session = session();
    let pipe = pipe(|_| {});
    let set = unsafe {
        qd_set_session(pipe.client.connection, session.as_ptr(), session.len(), false)
    };
    assert_eq!(set, 0);
    assert!(pipe.client_to_server() > 0);
    assert!(!pipe.client.state().in_early_data);
    pipe.establish();
    assert!(pipe.client.state().resumed);
}

/// RFC 9000 §7.4.1: a server that takes none of it may have lower limits.
#[test]
fn limits_that_fell_end_the_connection() {
    let session = session();
    let pipe = pipe(|options| {
        options.early_data = false;
        options.initial_max_stream_data_bidi_remote = 1000;
    });
    begin(&pipe, &session, &[0xea; 5000]);
    pipe.exchange();
    let null = std::ptr::null();
    let mut reason =
        CloseReason { application: false, error_code: 0, reason: null, reason_bytes: 0 };
    assert!(unsafe { qd_local_error(pipe.client.connection, &mut reason) });
    assert_eq!((reason.application, reason.error_code), (false, TRANSPORT_PARAMETER_ERROR));
}

/// Within the lower limits everything goes on by them.
#[test]
fn limits_that_fell_are_kept() {
    let session = session();
    let pipe = pipe(|options| {
        options.early_data = false;
        options.initial_max_stream_data_bidi_remote = 6000;
        options.initial_max_streams_bidi = 1;
    });
    let set = unsafe {
        qd_set_session(pipe.client.connection, session.as_ptr(), session.len(), true)
    };
    assert_eq!(set, 0);
    assert!(pipe.client_to_server() > 0);
    assert_eq!(pipe.client.send(STREAM, &[0xea; 5000], false), 5000);
    pipe.establish();
    assert_eq!(pipe.client.send(STREAM + 4, b"?", true), -12, "stream limit");
    assert_eq!(pipe.client.send(STREAM, &[0xea; 5000], false), 1000);
    pipe.exchange();
    assert_eq!(pipe.server.read(STREAM), (vec![0xea; 6000], false));
}

/// A stream that met the remembered limit goes on by the one that there is now.
#[test]
fn limits_that_rose_are_used() {
    let small = pipe(|options| options.initial_max_stream_data_bidi_remote = 1000);
    let session = session_of(small);
    let pipe = pipe(|options| options.early_data = false);
    let set = unsafe {
        qd_set_session(pipe.client.connection, session.as_ptr(), session.len(), true)
    };
    assert_eq!(set, 0);
    assert!(pipe.client_to_server() > 0);
    assert_eq!(pipe.client.send(STREAM, &[0xea; 5000], false), 1000);
    pipe.establish();
    assert_eq!(pipe.client.send(STREAM, &[0xea; 5000], true), 5000);
    pipe.exchange();
    assert_eq!(pipe.server.read(STREAM), (vec![0xea; 6000], true));
}
