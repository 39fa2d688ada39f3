//! What a client keeps from one connection for the next one to the same server, as one opaque blob.
//!
//! Format byte; digest of the server's name and of what was asked of its certificate, as
//! resumption asks for none; the token of a NEW_TOKEN frame behind its length, if there is one (RFC
//! 9000 §8.1.3); quiche's session: TLS ticket, the transport parameters that 0-RTT goes by
//! (§7.4.1) and the QUIC version.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::net::SocketAddr;

use boring::sha::sha256;

use crate::buffer::{slice, slice_mut};
use crate::connection::Connection;
use crate::result::{unit, ERROR_OTHER, ERROR_PANIC};
use crate::tls::forbid_early_data;

const VERSION: u8 = 2;
/// Bytes of the digest in it.
const BINDING_BYTES: usize = 16;
const DONE: isize = -1;
const BUFFER_TOO_SHORT: isize = -2;

/// Bytes at a session's start that no two tickets share: its identifier and its secret, which comes
/// from the ticket's nonce (RFC 8446 §4.6.1), stand there.
const TELLING_BYTES: usize = 192;

fn digest(session: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(&session[..session.len().min(TELLING_BYTES)]);
    hasher.finish()
}

pub type Binding = [u8; BINDING_BYTES];

/// Of a client's connection: to whom, and under which |rules| (tickets::rules).
pub fn bind(rules: &[u8; 32], server_name: &str) -> Binding {
    let digest = sha256(&[rules, server_name.to_ascii_lowercase().as_bytes()].concat());
    std::array::from_fn(|i| digest[i])
}

/// Token and TLS session of a blob that is for this connection.
fn open<'a>(blob: &'a [u8], binding: &Binding) -> Option<(&'a [u8], &'a [u8])> {
    let (head, rest) = blob.split_at_checked(1 + BINDING_BYTES + 2)?;
    let (version, bound) = (head[0], &head[1..1 + BINDING_BYTES]);
    let token_bytes = u16::from_be_bytes([head[1 + BINDING_BYTES], head[2 + BINDING_BYTES]]);
    if version != VERSION || bound != binding {
        return None;
    }
    rest.split_at_checked(token_bytes.into())
}

/// What the server gave.
struct Given<'a> {
    token: &'a [u8],
    tls: &'a [u8],
    mark: u64,
}

impl Given<'_> {
    fn bytes(&self) -> usize {
        1 + BINDING_BYTES + 2 + self.token.len() + self.tls.len()
    }
}

/// The newest session, if it is another than the last one that was taken. Asked in every turn of a
/// connection, so it copies nothing.
fn fresh(connection: &Connection) -> Option<Given<'_>> {
    let tls = connection.quic.session()?;
    let token = connection.quic.new_token().unwrap_or(&[]);
    let mark = digest(tls) ^ digest(token).rotate_left(1);
    let fits = token.len() <= usize::from(u16::MAX);
    (fits && connection.session_taken != Some(mark)).then_some(Given { token, tls, mark })
}

#[no_mangle]
pub unsafe extern "C" fn qd_take_session(
    connection: *mut Connection,
    out: *mut u8,
    capacity: usize,
) -> isize {
    Connection::enter(connection, ERROR_PANIC as isize, |c| {
        let Some(given) = fresh(c) else { return DONE };
        let (bytes, mark) = (given.bytes(), given.mark);
        let Some(out) = slice_mut(out, capacity).get_mut(..bytes) else {
            return BUFFER_TOO_SHORT;
        };
        // As open() takes it apart.
        let token_bytes = (given.token.len() as u16).to_be_bytes();
        let parts: [&[u8]; 5] =
            [&[VERSION], &c.session_binding, &token_bytes, given.token, given.tls];
        let mut at = 0;
        for part in parts {
            out[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        c.session_taken = Some(mark);
        bytes as isize
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_session_bytes(connection: *mut Connection) -> isize {
    Connection::enter(connection, ERROR_PANIC as isize, |c| {
        fresh(c).map_or(DONE, |given| given.bytes() as isize)
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_set_session(
    connection: *mut Connection,
    session: *const u8,
    bytes: usize,
    early: bool,
) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| {
        if !early {
            forbid_early_data(c.quic.as_mut());
        }
        let Some((token, tls)) = open(slice(session, bytes), &c.session_binding) else {
            return ERROR_OTHER;
        };
        let result = c.quic.set_session(tls);
        // It is of the session's QUIC version (RFC 9369 §5).
        if result.is_ok() && !token.is_empty() {
            c.quic.set_initial_token(token);
        }
        unit(result)
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_begin(connection: *mut Connection) {
    Connection::enter(connection, (), |c| {
        // quiche lets TLS work before it looks for the path, and there is none of these.
        let nowhere = Some(SocketAddr::from(([0; 4], 0)));
        let _ = c.quic.send_on_path(&mut [0], nowhere, nowhere);
    });
}
