//! The rest of the border: configurations, states, timeouts, logs, stateless answers.

mod support;

use std::io::{Read, Seek};
use std::os::fd::AsRawFd;

use quicd_quiche::connection::*;
use quicd_quiche::logs::*;
use quicd_quiche::state::*;
use quicd_quiche::stateless::*;
use quicd_quiche::stats::*;
use quicd_quiche::time::*;
use support::*;

#[track_caller]
fn refused(words: &str, adjust: impl FnOnce(&mut quicd_quiche::config::Options)) {
    let error = try_config(true, adjust).err().expect("it must be refused");
    assert!(error.contains(words), "{error:?} does not say {words:?}");
}

#[test]
fn refusals_are_readable() {
    let other = certificate::make();
    refused("does not belong to the certificate", |options| {
        options.private_key_pem = other.key.as_ptr().cast();
        options.private_key_pem_bytes = other.key.len();
    });
    refused("without its private key", |options| options.private_key_pem_bytes = 0);
    refused("private key is not valid PEM", |options| {
        options.private_key_pem = options.certificate_pem;
        options.private_key_pem_bytes = options.certificate_pem_bytes;
    });
    refused("holds no certificate", |options| options.certificate_pem_bytes = 5);
    refused("needs a certificate", |options| options.certificate_pem = std::ptr::null());
    refused("length-prefixed", |options| options.alpn_bytes = 3);
    refused("at least 2", |options| options.active_connection_id_limit = 1);
    refused("1200 to 65527", |options| options.max_send_udp_payload_bytes = 1000);
    refused("below 16384", |options| options.max_ack_delay_ms = 1 << 14);
    refused("list of ciphers is refused", |options| {
        static UNKNOWN: [u16; 1] = [0x1304];
        options.ciphers = UNKNOWN.as_ptr();
        options.cipher_count = 1;
    });
    refused("no qd_congestion", |options| options.congestion = 9);
    refused("trust anchors holds no certificate", |options| {
        options.verify_peer = true;
        options.ca_pem = c"nothing".as_ptr();
        options.ca_pem_bytes = 7;
    });
}

#[test]
fn a_client_trusts_only_its_anchors() {
    let stranger = certificate::make().certificate;
    for (anchor, trusted) in [(&certificate::identity().certificate, true), (&stranger, false)] {
        let verifying = |options: &mut quicd_quiche::config::Options| {
            options.verify_peer = true;
            options.ca_pem = anchor.as_ptr().cast();
            options.ca_pem_bytes = anchor.len();
        };
        let pipe = Pipe::with(verifying, |_| {}, CID_BYTES);
        pipe.exchange();
        assert_eq!(pipe.server.state().established, trusted);
        let mut reason = CloseReason {
            application: true,
            error_code: 0,
            reason: std::ptr::null(),
            reason_bytes: 0,
        };
        assert_eq!(unsafe { qd_local_error(pipe.client.connection, &mut reason) }, !trusted);
        assert_eq!(
            reason.application, trusted,
            "a TLS alert is a transport error, RFC 9001 §4.8"
        );
    }
}

#[test]
fn negotiated_names() {
    let pipe = Pipe::established();
    let mut text = std::ptr::null();
    let bytes = unsafe { qd_alpn(pipe.server.connection, &mut text) };
    assert_eq!(unsafe { std::slice::from_raw_parts(text, bytes) }, b"test");
    let mut name = std::ptr::null();
    let bytes = unsafe { qd_server_name(pipe.server.connection, &mut name) };
    assert_eq!(unsafe { std::slice::from_raw_parts(name.cast::<u8>(), bytes) }, b"example.test");
}

#[test]
fn peer_parameters_and_stats() {
    let pipe = Pipe::with(|options| options.datagram_receive_queue = 1, |_| {}, CID_BYTES);
    let mut parameters = PeerParameters::default();
    unsafe { qd_get_peer_parameters(pipe.server.connection, &mut parameters) };
    assert_eq!(parameters.active_connection_id_limit, 0, "not yet known");
    pipe.establish();
    unsafe { qd_get_peer_parameters(pipe.server.connection, &mut parameters) };
    assert_eq!(parameters.active_connection_id_limit, 8);
    assert_eq!(parameters.max_idle_timeout_ms, 60_000);
    assert_eq!(parameters.max_datagram_frame_bytes, 65_536);
    unsafe { qd_get_peer_parameters(pipe.client.connection, &mut parameters) };
    assert_eq!(parameters.max_datagram_frame_bytes, -1);

    pipe.server.send(1, &[0; 1000], false);
    let sent = pipe.server.packets();
    let stats = pipe.server.stats();
    assert!(stats.in_flight_bytes >= 1000 && stats.in_flight_bytes < 2000, "{stats:?}");
    assert_eq!((stats.paths, sent.len()), (1, 1));
    assert!(stats.congestion_window_bytes > 0 && stats.path_mtu_bytes >= 1200);
}

#[test]
fn close_reasons_reach_the_peer() {
    let pipe = Pipe::established();
    let text = b"enough";
    assert_eq!(unsafe { qd_close(pipe.server.connection, true, 9, text.as_ptr(), text.len()) }, 0);
    assert_eq!(unsafe { qd_close(pipe.server.connection, true, 9, std::ptr::null(), 0) }, -1);
    pipe.exchange();
    assert!(pipe.client.state().draining && pipe.server.state().draining);
    let mut reason = CloseReason {
        application: false,
        error_code: 0,
        reason: std::ptr::null(),
        reason_bytes: 0,
    };
    assert!(unsafe { qd_peer_error(pipe.client.connection, &mut reason) });
    assert!(reason.application && reason.error_code == 9);
    assert_eq!(unsafe { std::slice::from_raw_parts(reason.reason, reason.reason_bytes) }, text);
    assert!(!unsafe { qd_local_error(pipe.client.connection, &mut reason) });
}

#[test]
fn timeouts_lie_ahead_and_end_the_connection() {
    let pipe = Pipe::with(|options| options.max_idle_timeout_ms = 50, |_| {}, CID_BYTES);
    pipe.establish();
    let mut last = 0;
    let start = now_ns();
    while !pipe.server.state().closed {
        let at = unsafe { qd_timeout_ns(pipe.server.connection) };
        assert!(at != u64::MAX && at >= last, "{at} after {last}");
        last = at;
        std::thread::sleep(std::time::Duration::from_nanos(at.saturating_sub(now_ns())));
        // Never early: what is due at |at| happens then.
        unsafe { qd_on_timeout(pipe.server.connection) };
        assert!(now_ns() - start < 5_000_000_000);
        pipe.server.packets();
    }
    assert!(pipe.server.state().timed_out);
    assert_eq!(unsafe { qd_timeout_ns(pipe.server.connection) }, u64::MAX);
}

/// Two connections a whole idle timeout later, without waiting for it; and the real clock again.
#[test]
fn the_time_is_what_was_set() {
    let pipe = Pipe::established();
    let start = now_ns();
    qd_set_now(start + 59_000_000_000);
    unsafe { qd_on_timeout(pipe.server.connection) };
    assert!(!pipe.server.state().timed_out);
    pipe.client.send(0, b"?", true);
    pipe.exchange();
    let timeout = unsafe { qd_timeout_ns(pipe.server.connection) };
    assert!(timeout > start + 59_000_000_000, "counted from the time that was set");
    qd_set_now(start + 120_000_000_000);
    unsafe { qd_on_timeout(pipe.server.connection) };
    assert!(pipe.server.state().timed_out);
    qd_set_now(0);
    unsafe { qd_on_timeout(pipe.client.connection) };
    assert!(!pipe.client.state().timed_out);
}

fn scratch(name: &str) -> std::fs::File {
    let path = std::env::temp_dir().join(format!("quicd-{}-{name}", std::process::id()));
    let file =
        std::fs::File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

fn contents(mut file: std::fs::File) -> String {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn logs_go_to_a_duplicate_of_the_descriptor() {
    let pipe = Pipe::with(|_| {}, |options| options.log_keys = true, CID_BYTES);
    let (keys, qlog) = (scratch("keys"), scratch("qlog"));
    assert_eq!(unsafe { qd_set_keylog_fd(pipe.server.connection, keys.as_raw_fd()) }, 0);
    assert_eq!(
        unsafe {
            let (fd, title) = (qlog.as_raw_fd(), c"a title".as_ptr());
            qd_begin_qlog(pipe.server.connection, fd, title, 1, 1 << 20)
        },
        0
    );
    assert_eq!(unsafe { qd_set_keylog_fd(pipe.server.connection, -1) }, -98);
    pipe.establish();
    drop(pipe);
    assert!(contents(keys).contains("SERVER_TRAFFIC_SECRET_0 "));
    let qlog = contents(qlog);
    assert!(qlog.contains("a title") && qlog.contains("packet_received"), "{qlog}");
}

#[test]
fn stateless_answers() {
    let mut out = [0; 200];
    let (scid, dcid) = ([1; 8], [2; 20]);
    for (versions, count) in [(0, 2), (1, 1), (2, 2)] {
        let bytes = unsafe {
            let (scid, dcid) = (scid.as_ptr(), dcid.as_ptr());
            qd_negotiate_version(scid, 8, dcid, 20, versions, out.as_mut_ptr(), out.len())
        };
        assert!(bytes == 35 + 4 * count && out[0] & 0x80 != 0 && out[1..5] == [0; 4]);
        let end = usize::try_from(bytes).unwrap();
        assert!(out[35..end].chunks(4).any(|version| *version == [0, 0, 0, 1]));
    }
    let token = b"token";
    let bytes = unsafe {
        let new = [3u8; CID_BYTES];
        let (scid_bytes, dcid_bytes) = (scid.len(), dcid.len());
        let (scid, dcid, token_bytes) = (scid.as_ptr(), dcid.as_ptr(), token.len());
        let (new, token, out, capacity) =
            (new.as_ptr(), token.as_ptr(), out.as_mut_ptr(), out.len());
        qd_retry(scid, scid_bytes, dcid, dcid_bytes, new, token, token_bytes, 1, out, capacity)
    };
    assert!(bytes > 40 && out[0] >> 4 == 0xf, "a Retry packet, RFC 9000 §17.2.5");
}

/// Three connection IDs of full length in the transport parameters
/// (patches/14-parameters-after-retry.patch). The handshake is test/native/retry_test.c's.
#[test]
fn a_connection_after_retry_is_accepted() {
    let config = config(true, |_| {});
    let (scid, reset) = ([1; CID_BYTES], [2; RESET_TOKEN_BYTES]);
    let (odcid, retry) = ([3u8; 20], [4u8; 20]);
    let (local, peer) = (address(SERVER).into(), address(CLIENT).into());
    let mut error = 0;
    unsafe {
        let (odcid, retry) = (odcid.as_ptr(), retry.as_ptr());
        let (scid, reset) = (scid.as_ptr(), reset.as_ptr());
        let connection =
            qd_accept(config, scid, reset, odcid, 20, retry, 20, &local, &peer, &mut error);
        assert!(!connection.is_null(), "error {error}");
        qd_free(connection);
        quicd_quiche::config::qd_config_free(config);
    }
}

#[test]
fn null_and_empty_are_survived() {
    let null = std::ptr::null_mut();
    unsafe {
        assert_eq!(qd_recv(null, std::ptr::null_mut(), 0, std::ptr::null(), std::ptr::null()), -99);
        assert_eq!(qd_timeout_ns(null), u64::MAX);
        qd_on_timeout(null);
        let mut state = State::default();
        qd_get_state(null, &mut state);
        assert!(state.closed);
    }
    let pipe = Pipe::established();
    let (from, to) = (address(CLIENT).into(), address(SERVER).into());
    assert_eq!(unsafe { qd_recv(pipe.server.connection, std::ptr::null_mut(), 0, &from, &to) }, -2);
    assert_eq!(pipe.client.send(0, &[], true), 0);
}
