//! What a server gives for the next connection: sessions and tokens
//! (patches/28-early-data-context.patch, patches/29-new-token.patch).

mod support;

use quicd_quiche::config::Options;
use quicd_quiche::connection::*;
use quicd_quiche::session::*;
use support::*;

static TICKET_KEY: [u8; 48] = [9; 48];
const TOKEN: &[u8] = b"a token of some length";

fn early(options: &mut Options) {
    options.early_data = true;
    options.ticket_key = TICKET_KEY.as_ptr();
}

fn take(pipe: &Pipe) -> Option<Vec<u8>> {
    let mut out = vec![0; 16384];
    let bytes = unsafe { qd_take_session(pipe.client.connection, out.as_mut_ptr(), out.len()) };
    if bytes == -1 {
        return None;
    }
    out.truncate(usize::try_from(bytes).expect("a session"));
    Some(out)
}

fn session() -> Vec<u8> {
    let pipe = Pipe::with(early, early, CID_BYTES);
    pipe.establish();
    take(&pipe).expect("a session after the handshake")
}

fn set(pipe: &Pipe, session: &[u8]) -> i32 {
    unsafe { qd_set_session(pipe.client.connection, session.as_ptr(), session.len(), true) }
}

/// Whether the server took the bytes as 0-RTT that were written before anything was sent.
fn early_data_is_taken(session: &[u8], server: impl FnOnce(&mut Options)) -> bool {
    let adjust = |options: &mut Options| {
        early(options);
        server(options);
    };
    let pipe = Pipe::with(early, adjust, CID_BYTES);
    assert_eq!(set(&pipe, session), 0);
    assert_eq!(pipe.client.send(0, b"early", true), 5);
    pipe.client_to_server();
    let taken = pipe.server.state().in_early_data;
    pipe.establish();
    assert!(pipe.server.state().resumed);
    assert_eq!(pipe.client.state().early_accepted, taken);
    taken
}

#[test]
fn early_data_goes_by_limits_and_settings() {
    let session = session();
    assert!(early_data_is_taken(&session, |_| {}));
    assert!(!early_data_is_taken(&session, |o| o.initial_max_data -= 1));
    assert!(!early_data_is_taken(&session, |o| o.initial_max_streams_uni += 1));
    assert!(!early_data_is_taken(&session, |o| o.active_connection_id_limit -= 1));
    let settings = b"settings";
    assert!(!early_data_is_taken(&session, |o| {
        o.early_context = settings.as_ptr();
        o.early_context_bytes = settings.len();
    }));
}

#[test]
fn a_session_is_for_one_server_under_one_rule() {
    let session = session();
    let pipe = Pipe::with(|o| o.verify_peer = true, early, CID_BYTES);
    assert_eq!(set(&pipe, &session), -98, "made by a client that looked at no certificate");
    let pipe = Pipe::with(early, early, CID_BYTES);
    for bytes in [0, 1, 18, 19, 40] {
        assert_ne!(set(&pipe, &session[..bytes]), 0);
    }
    for byte in 0..17 {
        let mut other = session.clone();
        other[byte] ^= 1;
        assert_eq!(set(&pipe, &other), -98, "byte {byte}");
    }
    assert_eq!(set(&pipe, &session), 0);
    pipe.establish();
    assert!(pipe.server.state().resumed);
}

#[test]
fn a_session_is_given_once() {
    let pipe = Pipe::with(early, early, CID_BYTES);
    assert_eq!(take(&pipe), None);
    pipe.establish();
    let mut small = [0; 10];
    let connection = pipe.client.connection;
    assert_eq!(unsafe { qd_take_session(connection, small.as_mut_ptr(), small.len()) }, -2);
    assert!(take(&pipe).is_some());
    assert_eq!(take(&pipe), None);
}

fn send_token(pipe: &Pipe, token: &[u8]) -> i32 {
    unsafe { qd_send_new_token(pipe.server.connection, token.as_ptr(), token.len()) }
}

fn holds(session: &[u8], token: &[u8]) -> bool {
    session.windows(token.len()).any(|window| window == token)
}

#[test]
fn a_token_comes_with_the_session_and_goes_into_the_next_initial() {
    let pipe = Pipe::with(early, early, CID_BYTES);
    assert_eq!(send_token(&pipe, TOKEN), -6, "before the handshake is complete");
    pipe.establish();
    let without = take(&pipe).expect("a session");
    assert_eq!(send_token(&pipe, b""), -6);
    assert_eq!(send_token(&pipe, TOKEN), 0);
    pipe.exchange();
    let with = take(&pipe).expect("another session, for the token's sake");
    assert!(!holds(&without, TOKEN) && holds(&with, TOKEN));
    let next = Pipe::with(early, early, CID_BYTES);
    assert_eq!(set(&next, &with), 0);
    let first = next.client.packets();
    assert!(holds(&first[0].bytes[..100], TOKEN), "in the clear, RFC 9000 §17.2.2");
    for packet in &first {
        next.server.receive(packet, next.nat, packet.to);
    }
    next.establish();
}

#[test]
fn a_lost_token_comes_again_and_an_older_one_does_not() {
    let pipe = Pipe::with(early, early, CID_BYTES);
    pipe.establish();
    take(&pipe);
    assert_eq!(send_token(&pipe, b"the older token"), 0);
    assert_eq!(pipe.server.packets().len(), 1);
    assert_eq!(send_token(&pipe, TOKEN), 0);
    assert_eq!(pipe.server.packets().len(), 1);
    let limit = std::time::Duration::from_secs(10);
    let mut session = None;
    assert!(pipe.exchange_until(limit, |pipe| {
        session = take(pipe).or(session.take());
        session.is_some()
    }));
    let session = session.unwrap();
    assert!(holds(&session, TOKEN) && !holds(&session, b"the older token"));
}
