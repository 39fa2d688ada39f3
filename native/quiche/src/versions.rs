//! QUIC versions 1 and 2 (RFC 9369): which are spoken, and which is begun with (RFC 9368).

use boring::ssl::SslRef;

use crate::buffer::Factory;

pub const V1: u32 = quiche::PROTOCOL_VERSION;
pub const V2: u32 = quiche::PROTOCOL_VERSION_V2;

/// enum qd_versions.
pub const ANY: u32 = 0;
pub const ONE_ALONE: u32 = 1;
pub const PREFER_TWO: u32 = 2;
pub const BEGIN_WITH_TWO: u32 = 3;

/// Of a client's first flight.
pub fn first(policy: u32) -> u32 {
    match policy {
        BEGIN_WITH_TWO => V2,
        _ => V1,
    }
}

/// Those that are spoken, most wanted first.
pub fn spoken(policy: u32) -> &'static [u32] {
    match policy {
        ONE_ALONE => &[V1],
        ANY => &[V1, V2],
        _ => &[V2, V1],
    }
}

/// Those that a server moves clients to.
fn preferred(policy: u32) -> &'static [u32] {
    match policy {
        PREFER_TWO | BEGIN_WITH_TWO => &[V2],
        _ => &[],
    }
}

/// In a server's handshake, when the ClientHello was read: moves the connection to the version that
/// is preferred, where its client knows that one.
pub fn choose(ssl: &SslRef, policy: u32) {
    // What is wrong with the client's version information ends the handshake soon after this.
    let _ = quiche::Connection::<Factory>::choose_version_in_handshake(ssl, preferred(policy));
}

/// Versions of the client's first flight and of the connection, in a callback of TLS.
fn of_handshake(ssl: &SslRef) -> (u32, u32) {
    quiche::Connection::<Factory>::choose_version_in_handshake(ssl, &[]).unwrap_or((V1, V1))
}

/// Tickets are good for the version that their connection had in the end, and for no other (RFC
/// 9369 §5): the name of the key that seals them, which the seal covers, says which.
pub fn bind_key_name(ssl: &SslRef, seal: bool, name: [u8; 16]) -> [u8; 16] {
    let (original, version) = of_handshake(ssl);
    let version = if seal { version } else { original };
    let mut bound = name;
    for (byte, mark) in bound.iter_mut().zip((version ^ V1).to_be_bytes()) {
        *byte ^= mark;
    }
    bound
}
