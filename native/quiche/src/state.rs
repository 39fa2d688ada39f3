//! What a connection is in, what it negotiated, why it ended.

use std::ffi::c_char;

use boring::ssl::SslRef;
use quiche::ConnectionError;

use crate::buffer::slice;
use crate::connection::Connection;
use crate::result::{unit, ERROR_PANIC};

/// ssl_early_data_accepted of BoringSSL's ssl_early_data_reason_t.
const EARLY_DATA_ACCEPTED: u32 = 2;

/// RFC 9000 §20.1: what a TLS alert is added to.
const CRYPTO_ERROR: u64 = 0x100;
/// bad_certificate to unknown_ca (RFC 8446 §6.2).
const CERTIFICATE_ALERTS: std::ops::RangeInclusive<u64> = 42..=48;

/// RFC 8446 §4.1.2.
const CLIENT_RANDOM_BYTES: usize = 32;

/// struct qd_state.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct State {
    pub established: bool,
    pub in_early_data: bool,
    pub resumed: bool,
    pub readable: bool,
    pub draining: bool,
    pub closed: bool,
    pub timed_out: bool,
    pub early_accepted: bool,
    pub reset: bool,
    pub peer_resets_at: bool,
    pub confirmed: bool,
    pub version: u32,
}

/// struct qd_close_reason.
#[repr(C)]
pub struct CloseReason {
    pub application: bool,
    pub error_code: u64,
    pub reason: *const u8,
    pub reason_bytes: usize,
}

/// A connection that a panic has killed is closed: that is what makes its owner free it.
#[no_mangle]
pub unsafe extern "C" fn qd_get_state(connection: *mut Connection, state: *mut State) {
    let dead = State { closed: true, ..State::default() };
    let now = Connection::enter(connection, dead, |c| State {
        // What TLS has completed may still fail by the parameters of the peer (RFC 9000 §7.4).
        established: c.quic.is_established() && c.quic.peer_transport_params().is_some(),
        in_early_data: c.quic.is_in_early_data(),
        resumed: c.quic.is_resumed(),
        readable: c.quic.is_readable(),
        draining: c.quic.is_draining(),
        closed: c.quic.is_closed(),
        timed_out: c.quic.is_timed_out(),
        early_accepted: c.quic.early_data_reason() == EARLY_DATA_ACCEPTED,
        reset: c.quic.is_reset(),
        peer_resets_at: c.quic.peer_transport_params().is_some_and(|peer| peer.reset_stream_at),
        confirmed: c.quic.is_handshake_confirmed(),
        version: c.quic.version(),
    });
    if let Some(state) = state.as_mut() {
        *state = now;
    }
}

#[no_mangle]
pub unsafe extern "C" fn qd_client_random(
    connection: *mut Connection,
    random: *mut [u8; CLIENT_RANDOM_BYTES],
) {
    let found = Connection::enter(connection, [0; CLIENT_RANDOM_BYTES], |c| c.quic.client_random());
    if let Some(random) = random.as_mut() {
        *random = found;
    }
}

#[no_mangle]
pub unsafe extern "C" fn qd_alpn(connection: *mut Connection, alpn: *mut *const u8) -> usize {
    Connection::enter(connection, 0, |c| lend_out(c.quic.application_proto(), alpn))
}

#[no_mangle]
pub unsafe extern "C" fn qd_server_name(
    connection: *mut Connection,
    name: *mut *const c_char,
) -> usize {
    Connection::enter(connection, 0, |c| {
        lend_out(c.quic.server_name().unwrap_or("").as_bytes(), name.cast())
    })
}

/// Borrowed by the caller until the next call on the connection.
unsafe fn lend_out(bytes: &[u8], out: *mut *const u8) -> usize {
    if let Some(out) = out.as_mut() {
        *out = bytes.as_ptr();
    }
    bytes.len()
}

unsafe fn close_reason(error: Option<&ConnectionError>, out: *mut CloseReason) -> bool {
    let (Some(error), Some(out)) = (error, out.as_mut()) else { return false };
    *out = CloseReason {
        application: error.is_app,
        error_code: error.error_code,
        reason: error.reason.as_ptr(),
        reason_bytes: error.reason.len(),
    };
    true
}

#[no_mangle]
pub unsafe extern "C" fn qd_peer_error(
    connection: *mut Connection,
    reason: *mut CloseReason,
) -> bool {
    Connection::enter(connection, false, |c| close_reason(c.quic.peer_error(), reason))
}

#[no_mangle]
pub unsafe extern "C" fn qd_local_error(
    connection: *mut Connection,
    reason: *mut CloseReason,
) -> bool {
    Connection::enter(connection, false, |c| {
        if !close_reason(c.quic.local_error(), reason) {
            return false;
        }
        let Some(reason) = reason.as_mut() else { return true };
        if let (0, Some(text)) = (reason.reason_bytes, refusal_of_certificate(c, reason.error_code))
        {
            reason.reason = text.as_ptr();
            reason.reason_bytes = text.len();
        }
        true
    })
}

/// Why the peer's certificate was not good enough, where that ended the handshake. It is ours to
/// know: the wire has the alert alone.
fn refusal_of_certificate(c: &mut Connection, error_code: u64) -> Option<&'static str> {
    let alert = error_code.checked_sub(CRYPTO_ERROR)?;
    if !CERTIFICATE_ALERTS.contains(&alert) {
        return None;
    }
    let ssl: &mut SslRef = c.quic.as_mut();
    ssl.verify_result().err().map(|refusal| refusal.error_string())
}

#[no_mangle]
pub unsafe extern "C" fn qd_close(
    connection: *mut Connection,
    application: bool,
    error_code: u64,
    reason: *const u8,
    reason_bytes: usize,
) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| {
        unit(c.quic.close(application, error_code, slice(reason, reason_bytes)))
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_send_ack_eliciting(connection: *mut Connection) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| unit(c.quic.send_ack_eliciting()))
}

#[no_mangle]
pub unsafe extern "C" fn qd_update_keys(connection: *mut Connection) {
    Connection::enter(connection, (), |c| c.quic.request_key_update());
}
