//! Session tickets of a server (RFC 8446 §4.6.1): keys that come and go without a new
//! configuration, and what a ticket is bound to.

use std::sync::{Arc, Mutex};

use boring::hash::MessageDigest;
use boring::hmac::HmacCtxRef;
use boring::sha::sha256;
use boring::ssl::{NameType, SslContextBuilder, SslRef, TicketKeyCallbackResult as Answer};
use boring::symm::{Cipher, CipherCtxRef};

use crate::config::Options;
use crate::versions;

/// Bytes of a ticket key: name, HMAC key and AES key of 16 each.
pub const KEY_BYTES: usize = 48;
const PART: usize = 16;

extern "C" {
    // openssl/ssl.h
    fn SSL_CTX_set_session_psk_dhe_timeout(context: *mut std::ffi::c_void, seconds: u32);
    fn SSL_set_session_id_context(ssl: *mut std::ffi::c_void, context: *const u8, n: usize) -> i32;
}

/// The first key seals, all of them open. A configuration belongs to one thread, so nobody waits
/// for the lock.
#[derive(Clone, Default)]
pub struct Keys(Arc<Mutex<Vec<[u8; KEY_BYTES]>>>);

impl Keys {
    pub fn set(&self, keys: &[u8]) {
        let keys = keys.as_chunks::<KEY_BYTES>().0.to_vec();
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = keys;
    }

    fn find(&self, wanted: impl Fn(&[u8; KEY_BYTES]) -> bool) -> Option<[u8; KEY_BYTES]> {
        let keys = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        keys.iter().copied().find(|key| wanted(key))
    }
}

/// What a sealed or opened ticket needs: AES-128-CBC and HMAC-SHA256, as BoringSSL itself has them.
fn prepare(
    keys: &Keys,
    ssl: &SslRef,
    name: &mut [u8; PART],
    iv: &mut [u8; PART],
    cipher: &mut CipherCtxRef,
    hmac: &mut HmacCtxRef,
    seal: bool,
) -> Option<Answer> {
    let asked = versions::bind_key_name(ssl, seal, *name);
    let key = match seal {
        true => keys.find(|_| true)?,
        false => keys.find(|key| key[..PART] == asked)?,
    };
    let (mac, aes) = key[PART..].split_at(PART);
    hmac.init(mac, &MessageDigest::sha256()).ok()?;
    let result = if seal {
        name.copy_from_slice(&key[..PART]);
        *name = versions::bind_key_name(ssl, seal, *name);
        boring::rand::rand_bytes(iv).ok()?;
        cipher.init_encrypt(&Cipher::aes_128_cbc(), aes, iv)
    } else {
        cipher.init_decrypt(&Cipher::aes_128_cbc(), aes, iv)
    };
    result.ok().map(|()| Answer::Success)
}

/// A ticket resumes only for the server name that it was made for, and under the same rules about
/// client certificates: resumption skips what a handshake would check.
fn bind_to_server_name(ssl: &mut SslRef, rules: &[u8; 32]) {
    let mut bound = rules.to_vec();
    bound.extend(
        ssl.servername(NameType::HOST_NAME).unwrap_or("").bytes().map(|b| b.to_ascii_lowercase()),
    );
    let digest = sha256(&bound);
    // SAFETY: a SslRef is what an SSL is for Rust, at the same address; 32 bytes are what the
    // context may have at most.
    let ssl = std::ptr::from_mut(ssl).cast();
    unsafe { SSL_set_session_id_context(ssl, digest.as_ptr(), digest.len()) };
}

/// What was asked of a peer's certificate.
pub fn rules(options: &Options, anchors: &[u8]) -> [u8; 32] {
    sha256(&[&[u8::from(options.verify_peer)], anchors].concat())
}

pub fn install(context: &mut SslContextBuilder, options: &Options, rules: [u8; 32]) -> Keys {
    let keys = Keys::default();
    let policy = options.versions;
    // Called for every ClientHello, once its extensions are read.
    context.set_servername_callback(move |ssl, _alert| {
        versions::choose(ssl, policy);
        bind_to_server_name(ssl, &rules);
        Ok(())
    });
    let used = keys.clone();
    // SAFETY: both contexts are initialised in every answer but Noop; the name and the random IV
    // are filled in when sealing.
    unsafe {
        context.set_ticket_key_callback(move |ssl, name, iv, cipher, hmac, seal| {
            prepare(&used, ssl, name, iv, cipher, hmac, seal).unwrap_or(Answer::Noop)
        });
        if options.ticket_seconds > 0 {
            SSL_CTX_set_session_psk_dhe_timeout(context.as_ptr().cast(), options.ticket_seconds);
        }
    }
    keys
}

/// What 0-RTT goes by on a server (RFC 9000 §7.4.1, RFC 9114 §7.2.4.2): the limits that its client
/// remembers, and what the application says of itself. Another server name, and another ALPN, are
/// refused by TLS.
pub fn early_data_context(options: &Options, application: &[u8]) -> [u8; 32] {
    let mut bytes = Vec::new();
    for limit in [
        options.initial_max_data,
        options.initial_max_stream_data_bidi_local,
        options.initial_max_stream_data_bidi_remote,
        options.initial_max_stream_data_uni,
        options.initial_max_streams_bidi,
        options.initial_max_streams_uni,
        options.active_connection_id_limit,
        options.datagram_receive_queue.min(1),
        u64::from(options.disable_active_migration),
    ] {
        bytes.extend(limit.to_be_bytes());
    }
    bytes.extend(application);
    sha256(&bytes)
}
