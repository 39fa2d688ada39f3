//! struct qd_connection: its birth, its death, what comes in; and the entry that every other
//! function uses.

use std::ffi::{c_char, CStr};
use std::net::SocketAddr;
use std::panic::{catch_unwind, AssertUnwindSafe};

use quiche::{ConnectionId, RecvInfo};

use crate::address::Address;
use crate::buffer::{slice, slice_mut, Factory};
use crate::config::Config;
use crate::guard::guard;
use crate::logs::Qlog;
use crate::result::{code, unit, ERROR_OTHER, ERROR_PANIC};
use crate::session::{bind, Binding};
use crate::tls;
use crate::train::Stash;

pub const CID_BYTES: usize = 19;
pub const RESET_TOKEN_BYTES: usize = 16;

pub struct Connection {
    pub(crate) quic: quiche::Connection<Factory>,
    /// A packet that quiche has made and that fitted no train yet.
    pub(crate) stash: Option<Stash>,
    pub(crate) qlog: Option<Qlog>,
    pub(crate) discover_pmtu: bool,
    /// A panic went through |quic|: its state is unknown, it may only be freed.
    dead: bool,
    /// Digest of the session that qd_take_session gave last.
    pub(crate) session_taken: Option<u64>,
    /// Which sessions may be resumed by it.
    pub(crate) session_binding: Binding,
}

impl Connection {
    fn into_raw(
        quic: quiche::Connection<Factory>,
        discover_pmtu: bool,
        session_binding: Binding,
    ) -> *mut Self {
        Box::into_raw(Box::new(Connection {
            quic,
            stash: None,
            qlog: None,
            discover_pmtu,
            dead: false,
            session_taken: None,
            session_binding,
        }))
    }

    /// Runs |body| on a living connection. A panic in it kills the connection; |refused| is the
    /// answer then and later.
    ///
    /// # Safety
    /// |connection| is null or came from qd_accept or qd_connect and was not freed.
    pub(crate) unsafe fn enter<R>(
        connection: *mut Self,
        refused: R,
        body: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let Some(connection) = connection.as_mut() else { return refused };
        if connection.dead {
            return refused;
        }
        match catch_unwind(AssertUnwindSafe(|| body(connection))) {
            Ok(result) => result,
            Err(_) => {
                connection.dead = true;
                refused
            }
        }
    }
}

/// Stateless reset tokens are 16 bytes on the wire and a big-endian number in quiche (RFC 9000
/// §10.3).
///
/// # Safety
/// |token| is null or RESET_TOKEN_BYTES long.
pub(crate) unsafe fn reset_token(token: *const u8) -> Option<u128> {
    let bytes: [u8; RESET_TOKEN_BYTES] = slice(token, RESET_TOKEN_BYTES).try_into().ok()?;
    Some(u128::from_be_bytes(bytes))
}

unsafe fn finish(
    result: quiche::Result<quiche::Connection<Factory>>,
    discover_pmtu: bool,
    binding: Binding,
    error: *mut i32,
) -> *mut Connection {
    match result {
        Ok(quic) => Connection::into_raw(quic, discover_pmtu, binding),
        Err(reason) => fail(code(reason), error),
    }
}

unsafe fn fail(code: i32, error: *mut i32) -> *mut Connection {
    if let Some(error) = error.as_mut() {
        *error = code;
    }
    std::ptr::null_mut()
}

#[no_mangle]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C" fn qd_accept(
    config: *mut Config,
    scid: *const u8,
    reset_token_bytes: *const u8,
    retry_odcid: *const u8,
    retry_odcid_bytes: usize,
    retry_scid: *const u8,
    retry_scid_bytes: usize,
    local: *const Address,
    peer: *const Address,
    error: *mut i32,
) -> *mut Connection {
    let accept = || {
        let (Some(config), Some(local), Some(peer)) =
            (config.as_mut(), local.as_ref(), peer.as_ref())
        else {
            return fail(ERROR_OTHER, error);
        };
        let scid = ConnectionId::from_ref(slice(scid, CID_BYTES));
        let (local, peer) = (local.into(), peer.into());
        // quiche copies the token out of the configuration at accept, so it is set there for every
        // connection anew.
        config.quic.set_stateless_reset_token(reset_token(reset_token_bytes));
        let result = if retry_odcid.is_null() {
            quiche::accept_with_buf_factory(&scid, None, local, peer, &mut config.quic)
        } else {
            let odcid = ConnectionId::from_ref(slice(retry_odcid, retry_odcid_bytes));
            let retry = ConnectionId::from_ref(slice(retry_scid, retry_scid_bytes));
            let cids = quiche::RetryConnectionIds {
                original_destination_cid: &odcid,
                retry_source_cid: &retry,
            };
            quiche::accept_with_retry(&scid, cids, local, peer, &mut config.quic)
        };
        finish(result, config.discover_pmtu, Binding::default(), error)
    };
    let connection = guard(None, || Some(accept()));
    connection.unwrap_or_else(|| fail(ERROR_PANIC, error))
}

#[no_mangle]
pub unsafe extern "C" fn qd_set_address_validated(connection: *mut Connection) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| unit(c.quic.set_peer_address_validated()))
}

#[no_mangle]
pub unsafe extern "C" fn qd_send_new_token(
    connection: *mut Connection,
    token: *const u8,
    bytes: usize,
) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| unit(c.quic.send_new_token(slice(token, bytes))))
}

#[no_mangle]
pub unsafe extern "C" fn qd_connect(
    config: *mut Config,
    server_name: *const c_char,
    scid: *const u8,
    scid_bytes: usize,
    local: *const Address,
    peer: *const Address,
    error: *mut i32,
) -> *mut Connection {
    let connect = || {
        let (Some(config), Some(local), Some(peer)) =
            (config.as_mut(), local.as_ref(), peer.as_ref())
        else {
            return fail(ERROR_OTHER, error);
        };
        let name = match server_name.is_null() {
            true => None,
            false => match CStr::from_ptr(server_name).to_str() {
                Ok(name) => Some(name),
                Err(_) => return fail(ERROR_OTHER, error),
            },
        };
        let scid = ConnectionId::from_ref(slice(scid, scid_bytes));
        let peer = SocketAddr::from(peer);
        let asked = name.map_or_else(|| peer.ip().to_string(), String::from);
        let (name, numeric) = tls::name_or_address(name, peer.ip());
        let result = quiche::connect_with_buffer_factory(
            name,
            &scid,
            local.into(),
            peer,
            &mut config.quic,
        );
        let result = result.and_then(|mut quic| match numeric {
            Some(ip) => tls::expect_address(quic.as_mut(), ip).map(|()| quic),
            None => Ok(quic),
        });
        let binding = bind(&config.rules, &asked);
        finish(result, config.discover_pmtu, binding, error)
    };
    let connection = guard(None, || Some(connect()));
    connection.unwrap_or_else(|| fail(ERROR_PANIC, error))
}

/// Also after a panic: what is still lent is released, and a second panic on the way leaks the rest
/// instead.
#[no_mangle]
pub unsafe extern "C" fn qd_free(connection: *mut Connection) {
    if !connection.is_null() {
        guard((), || drop(Box::from_raw(connection)));
    }
}

#[no_mangle]
pub unsafe extern "C" fn qd_recv(
    connection: *mut Connection,
    packet: *mut u8,
    bytes: usize,
    from: *const Address,
    to: *const Address,
) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| {
        let (Some(from), Some(to)) = (from.as_ref(), to.as_ref()) else { return ERROR_OTHER };
        let info = RecvInfo { from: from.into(), to: to.into() };
        match c.quic.recv(slice_mut(packet, bytes), info) {
            Ok(read) => read as i32,
            Err(error) => code(error),
        }
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_set_received_ecn(connection: *mut Connection, ecn: u8) {
    Connection::enter(connection, (), |c| c.quic.set_received_ecn(ecn));
}

#[no_mangle]
pub unsafe extern "C" fn qd_recv_reset(
    connection: *mut Connection,
    packet: *const u8,
    bytes: usize,
) -> bool {
    Connection::enter(connection, false, |c| c.quic.recv_stateless_reset(slice(packet, bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{qd_config_free, qd_config_new, Options};
    use crate::state::{qd_get_state, State};
    use crate::streams::qd_stream_send_copy;

    #[test]
    fn a_panic_kills_one_connection_and_nothing_else() {
        unsafe {
            let options: Options = std::mem::zeroed();
            let config = qd_config_new(&options, std::ptr::null_mut(), 0);
            let (local, peer) = (
                Address { family: 4, ..Address::default() },
                Address { family: 4, ..Address::default() },
            );
            let cid = [1; CID_BYTES];
            let (name, none) = (std::ptr::null(), std::ptr::null_mut());
            let connection = qd_connect(config, name, cid.as_ptr(), CID_BYTES, &local, &peer, none);
            assert_eq!(Connection::enter(connection, 7, |_| -> i32 { panic!("on purpose") }), 7);
            assert_eq!(
                qd_stream_send_copy(connection, 0, cid.as_ptr(), 1, false, std::ptr::null_mut()),
                -99
            );
            let mut state = State::default();
            qd_get_state(connection, &mut state);
            assert!(state.closed);
            qd_free(connection);
            qd_config_free(config);
        }
    }
}
