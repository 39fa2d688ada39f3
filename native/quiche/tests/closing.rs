//! patches/13-close-beyond-window.patch: a CONNECTION_CLOSE leaves whatever is in flight.

mod support;

use quicd_quiche::state::*;
use support::*;

const STREAM: u64 = 0;
const CODE: u64 = 0x1;
const CUBIC: u32 = 0;
const BBR2: u32 = 2;

/// A server that has sent all that its congestion window lets it, and heard nothing since; what it
/// sent is not delivered.
fn with_full_window(congestion: u32) -> Pipe {
    let pipe = Pipe::with(|_| {}, |options| options.congestion = congestion, CID_BYTES);
    pipe.establish();
    assert_eq!(pipe.client.send(STREAM, b"?", true), 1);
    pipe.exchange();
    assert_eq!(pipe.server.read(STREAM), (b"?".to_vec(), true));
    assert!(pipe.server.send(STREAM, &vec![0xda; 1 << 20], false) > 0);
    assert!(pipe.server.packets().len() > 5, "a window full of packets");
    assert!(pipe.server.packets().is_empty(), "the window is full");
    pipe
}

/// The client hears of it from the first packets after the call, with no ACK and no timeout first.
fn closes_at_once(pipe: &Pipe, application: bool) {
    let null = std::ptr::null();
    let closed = unsafe { qd_close(pipe.server.connection, application, CODE, null, 0) };
    assert_eq!(closed, 0);
    assert_eq!(pipe.server_to_client(), 1);
    let mut reason =
        CloseReason { application: false, error_code: 0, reason: null, reason_bytes: 0 };
    assert!(unsafe { qd_peer_error(pipe.client.connection, &mut reason) });
    assert_eq!((reason.application, reason.error_code), (application, CODE));
    assert!(pipe.server.packets().is_empty(), "nothing else follows");
}

#[test]
fn of_the_transport_beyond_a_full_window() {
    closes_at_once(&with_full_window(CUBIC), false);
}

#[test]
fn of_an_application_beyond_a_full_window() {
    closes_at_once(&with_full_window(CUBIC), true);
}

#[test]
fn beyond_a_full_window_of_bbr2() {
    closes_at_once(&with_full_window(BBR2), false);
}

#[test]
fn with_nothing_in_flight() {
    closes_at_once(&Pipe::established(), false);
}

/// patches/35-close-in-handshake.patch: a client whose last flight is not out, or not answered.
#[test]
fn a_client_closes_right_after_its_handshake() {
    let pipe = Pipe::new();
    pipe.client_to_server();
    pipe.server_to_client();
    assert!(pipe.client.state().established && !pipe.server.state().established);
    unsafe { qd_close(pipe.client.connection, true, CODE, std::ptr::null(), 0) };
    assert!(pipe.client_to_server() > 0);
    assert!(pipe.server.state().established && pipe.server.state().draining);
    assert!(pipe.client.packets().is_empty());
}

#[test]
fn a_probe_of_the_handshake_does_not_keep_a_close_back() {
    let pipe = Pipe::new();
    pipe.client_to_server();
    pipe.server_to_client();
    // The last flight is lost, and its loss is noticed.
    assert!(!pipe.client.packets().is_empty());
    quicd_quiche::time::qd_set_now(now_ns() + 5_000_000_000);
    unsafe { quicd_quiche::time::qd_on_timeout(pipe.client.connection) };
    unsafe { qd_close(pipe.client.connection, true, CODE, std::ptr::null(), 0) };
    let mut sent = 0;
    while pipe.client.train(1, 65_536).is_some() {
        sent += 1;
        assert!(sent < 10, "a close is few packets");
    }
    assert!(sent > 0);
    quicd_quiche::time::qd_set_now(0);
}
