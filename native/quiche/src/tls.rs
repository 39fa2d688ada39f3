//! The TLS context: certificate chain, key and trust anchors from memory, each refusal in words.

use boring::error::ErrorStack;
use boring::pkey::PKey;
use boring::ssl::{SslContextBuilder, SslMethod};
use boring::x509::X509;

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
