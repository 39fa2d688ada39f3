//! The TLS context: certificate chain, key and trust anchors from memory, each refusal in words.

use std::ffi::{c_int, c_void};
use std::net::IpAddr;

use boring::error::ErrorStack;
use boring::pkey::PKey;
use boring::ssl::{SslContextBuilder, SslMethod, SslRef};
use boring::x509::X509;

extern "C" {
    /// BoringSSL's; boring has no name for it.
    fn SSL_set_early_data_enabled(ssl: *mut c_void, enabled: c_int);
    /// Likewise. |flags| may be null.
    fn SSL_CTX_set1_tls13_ciphers(
        context: *mut c_void,
        ids: *const u16,
        flags: *const u32,
        count: usize,
    ) -> c_int;
}

fn describe(what: &str, error: ErrorStack) -> String {
    format!("{what}: {error}")
}

fn certificates(what: &str, pem: &[u8]) -> Result<Vec<X509>, String> {
    let chain = X509::stack_from_pem(pem)
        .map_err(|error| describe(&format!("{what} is not valid PEM"), error))?;
    if chain.is_empty() {
        return Err(format!(
            "{what} holds no certificate (no \"-----BEGIN CERTIFICATE-----\" block)"
        ));
    }
    Ok(chain)
}

/// A context that speaks TLS; quiche itself narrows it to TLS 1.3 (RFC 9001 §4.2) when a handshake
/// starts.
pub fn context() -> Result<SslContextBuilder, String> {
    SslContextBuilder::new(SslMethod::tls()).map_err(|error| describe("no TLS context", error))
}

/// |chain| leaf first, then the intermediates in order.
pub fn identity(context: &mut SslContextBuilder, chain: &[u8], key: &[u8]) -> Result<(), String> {
    let mut chain = certificates("the certificate chain", chain)?.into_iter();
    if let Some(leaf) = chain.next() {
        context
            .set_certificate(&leaf)
            .map_err(|error| describe("the certificate is refused", error))?;
    }
    for intermediate in chain {
        context
            .add_extra_chain_cert(intermediate)
            .map_err(|error| describe("an intermediate certificate is refused", error))?;
    }
    if key.is_empty() {
        return Err(String::from("a certificate without its private key"));
    }
    let key = PKey::private_key_from_pem(key)
        .map_err(|error| describe("the private key is not valid PEM (or is encrypted)", error))?;
    // BoringSSL compares the key with the certificate already when it is set.
    context
        .set_private_key(&key)
        .and_then(|()| context.check_private_key())
        .map_err(|error| describe("the private key does not belong to the certificate", error))
}

/// What a client trusts: |anchors|, or the system's store when there are none.
pub fn trust(context: &mut SslContextBuilder, anchors: &[u8]) -> Result<(), String> {
    if anchors.is_empty() {
        return context
            .set_default_verify_paths()
            .map_err(|error| describe("the system's trust store can't be read", error));
    }
    for anchor in certificates("the trust anchors", anchors)? {
        context
            .cert_store_mut()
            .add_cert(&anchor)
            .map_err(|error| describe("a trust anchor is refused", error))?;
    }
    Ok(())
}

/// The only cipher suites of TLS 1.3 that are offered or taken, most wanted first.
pub fn ciphers(context: &mut SslContextBuilder, ids: &[u16]) -> Result<(), String> {
    // SAFETY: BoringSSL copies the list.
    let set = unsafe {
        SSL_CTX_set1_tls13_ciphers(
            context.as_ptr().cast(),
            ids.as_ptr(),
            std::ptr::null(),
            ids.len(),
        )
    };
    match set {
        1 => Ok(()),
        _ => Err(describe("the list of ciphers is refused", ErrorStack::get())),
    }
}

/// What the server is asked for: its name, and then SNI tells it; or an address, which SNI must not
/// tell (RFC 6066 §3). |peer| stands for no name at all.
pub fn name_or_address(name: Option<&str>, peer: IpAddr) -> (Option<&str>, Option<IpAddr>) {
    match name {
        None => (None, Some(peer)),
        Some(text) => match text.parse() {
            Ok(ip) => (None, Some(ip)),
            Err(_) => (name, None),
        },
    }
}

/// Where the certificate is verified, it has to be one for |ip|.
pub fn expect_address(ssl: &mut SslRef, ip: IpAddr) -> quiche::Result<()> {
    ssl.verify_param_mut().set_ip(ip).map_err(|_| quiche::Error::TlsFail)
}

/// This connection offers no 0-RTT, whatever its configuration and session allow.
pub fn forbid_early_data(ssl: &mut SslRef) {
    let ssl: *mut SslRef = ssl;
    // SAFETY: boring's reference to a C object is that object's address.
    unsafe { SSL_set_early_data_enabled(ssl.cast(), 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_an_address_goes_without_sni() {
        let peer: IpAddr = "192.0.2.1".parse().unwrap();
        let other: IpAddr = "2001:db8::1".parse().unwrap();
        assert_eq!(name_or_address(None, peer), (None, Some(peer)));
        assert_eq!(name_or_address(Some("2001:db8::1"), peer), (None, Some(other)));
        assert_eq!(name_or_address(Some("example.org"), peer), (Some("example.org"), None));
    }
}
