//! struct qd_config: every knob, checked.

use std::ffi::c_char;
use std::time::Duration;

use quiche::CongestionControlAlgorithm;

use crate::buffer::{slice, slice_mut};
use crate::guard::{guard, install_panic_line};
use crate::tickets::{self, Keys, KEY_BYTES};
use crate::tls;
use crate::versions;

pub struct Config {
    pub(crate) quic: quiche::Config,
    pub(crate) discover_pmtu: bool,
    keys: Keys,
    /// What is asked of a peer's certificate, as tickets::rules has it.
    pub(crate) rules: [u8; 32],
}

/// struct qd_config_options. Where 0 makes no sense (sizes, limits, windows) it means quiche's
/// default.
#[repr(C)]
pub struct Options {
    pub certificate_pem: *const c_char,
    pub certificate_pem_bytes: usize,
    pub private_key_pem: *const c_char,
    pub private_key_pem_bytes: usize,
    pub ca_pem: *const c_char,
    pub ca_pem_bytes: usize,
    pub alpn: *const u8,
    pub alpn_bytes: usize,
    pub ticket_key: *const u8,
    pub server: bool,
    pub verify_peer: bool,
    pub early_data: bool,
    pub grease: bool,
    pub log_keys: bool,
    pub disable_active_migration: bool,
    pub discover_pmtu: bool,
    pub ecn: bool,
    pub max_idle_timeout_ms: u64,
    pub max_recv_udp_payload_bytes: u64,
    pub max_send_udp_payload_bytes: u64,
    pub initial_max_data: u64,
    pub initial_max_stream_data_bidi_local: u64,
    pub initial_max_stream_data_bidi_remote: u64,
    pub initial_max_stream_data_uni: u64,
    pub initial_max_streams_bidi: u64,
    pub initial_max_streams_uni: u64,
    pub max_connection_window: u64,
    pub max_stream_window: u64,
    pub active_connection_id_limit: u64,
    pub max_ack_delay_ms: u64,
    pub datagram_receive_queue: u64,
    pub datagram_send_queue: u64,
    pub initial_window_packets: u64,
    pub congestion: u32,
    pub ticket_seconds: u32,
    pub early_context: *const u8,
    pub early_context_bytes: usize,
    pub amplification_factor: u64,
    pub initial_rtt_ms: u64,
    pub ciphers: *const u16,
    pub cipher_count: usize,
    pub packets_per_key: u64,
    pub forged_packets_max: u64,
    pub versions: u32,
}

unsafe fn pem<'a>(data: *const c_char, bytes: usize) -> &'a [u8] {
    slice(data.cast(), bytes)
}

unsafe fn slice_u16<'a>(data: *const u16, count: usize) -> &'a [u16] {
    match data.is_null() {
        true => &[],
        false => std::slice::from_raw_parts(data, count),
    }
}

/// RFC 7301 §3.1: each name has 1 to 255 bytes. quiche would silently stop at the first bad one.
fn alpn_is_well_formed(mut list: &[u8]) -> bool {
    while let [bytes, rest @ ..] = list {
        let bytes = *bytes as usize;
        if bytes == 0 || rest.len() < bytes {
            return false;
        }
        list = &rest[bytes..];
    }
    true
}

/// RFC 9000 §18.2: bounds of transport parameters whose violation the peer would answer with a
/// closed connection.
fn check_limits(options: &Options) -> Result<(), String> {
    let refuse =
        |name: &str, value: u64, rule: &str| Err(format!("{name} is {value}, but must be {rule}"));
    for (name, value) in [
        ("max_recv_udp_payload_bytes", options.max_recv_udp_payload_bytes),
        ("max_send_udp_payload_bytes", options.max_send_udp_payload_bytes),
    ] {
        if value != 0 && !(1200..=65_527).contains(&value) {
            return refuse(name, value, "1200 to 65527 (RFC 9000 §14, §18.2)");
        }
    }
    if options.active_connection_id_limit == 1 {
        return refuse("active_connection_id_limit", 1, "at least 2 (RFC 9000 §18.2)");
    }
    if options.max_ack_delay_ms >= 1 << 14 {
        return refuse(
            "max_ack_delay_ms",
            options.max_ack_delay_ms,
            "below 16384 (RFC 9000 §18.2)",
        );
    }
    for (name, value) in [
        ("initial_max_streams_bidi", options.initial_max_streams_bidi),
        ("initial_max_streams_uni", options.initial_max_streams_uni),
    ] {
        if value > 1 << 60 {
            return refuse(name, value, "at most 2^60 (RFC 9000 §4.6)");
        }
    }
    Ok(())
}

unsafe fn build(options: &Options) -> Result<Config, String> {
    check_limits(options)?;
    let mut context = tls::context()?;
    let chain = pem(options.certificate_pem, options.certificate_pem_bytes);
    if !chain.is_empty() {
        tls::identity(
            &mut context,
            chain,
            pem(options.private_key_pem, options.private_key_pem_bytes),
        )?;
    } else if options.server {
        return Err(String::from("a server needs a certificate"));
    }
    if options.cipher_count > 0 {
        tls::ciphers(&mut context, slice_u16(options.ciphers, options.cipher_count))?;
    }
    if options.verify_peer {
        tls::trust(&mut context, pem(options.ca_pem, options.ca_pem_bytes))?;
    }
    let rules = tickets::rules(options, pem(options.ca_pem, options.ca_pem_bytes));
    let keys = tickets::install(&mut context, options, rules);
    let first = versions::first(options.versions);
    let mut quic = quiche::Config::with_boring_ssl_ctx_builder(first, context)
        .map_err(|error| format!("quiche refuses the TLS context: {error}"))?;
    quic.set_versions(versions::spoken(options.versions))
        .map_err(|error| format!("quiche refuses the versions: {error}"))?;
    quic.verify_peer(options.verify_peer);

    let alpn = slice(options.alpn, options.alpn_bytes);
    if !alpn_is_well_formed(alpn) {
        return Err(String::from("alpn is not a list of length-prefixed names (RFC 7301 §3.1)"));
    }
    if !alpn.is_empty() {
        // Also installs the callback that selects, in the client's order.
        quic.set_application_protos_wire_format(alpn)
            .map_err(|error| format!("alpn is refused: {error}"))?;
    }
    if options.ticket_key.is_null() {
        keys.set(&random_key()?);
    } else {
        keys.set(slice(options.ticket_key, KEY_BYTES));
    }
    let application = slice(options.early_context, options.early_context_bytes);
    quic.set_early_data_context(&tickets::early_data_context(options, application));
    if options.early_data {
        quic.enable_early_data();
    }
    if options.log_keys {
        quic.log_keys();
    }
    let limit = |value: u64| if value == 0 { u64::MAX } else { value };
    quic.set_aead_limits(limit(options.packets_per_key), limit(options.forged_packets_max));
    apply_limits(&mut quic, options);
    apply_recovery(&mut quic, options)?;
    Ok(Config { quic, discover_pmtu: options.discover_pmtu, keys, rules })
}

fn random_key() -> Result<[u8; KEY_BYTES], String> {
    let mut key = [0; KEY_BYTES];
    boring::rand::rand_bytes(&mut key).map_err(|error| format!("no random ticket key: {error}"))?;
    Ok(key)
}

fn apply_limits(quic: &mut quiche::Config, options: &Options) {
    let unless_0 = |value: u64, set: &mut dyn FnMut(u64)| {
        if value != 0 {
            set(value);
        }
    };
    quic.grease(options.grease);
    quic.set_enable_send_streams_blocked(true);
    quic.set_disable_active_migration(options.disable_active_migration);
    quic.set_max_idle_timeout(options.max_idle_timeout_ms);
    quic.set_initial_max_data(options.initial_max_data);
    quic.set_initial_max_stream_data_bidi_local(options.initial_max_stream_data_bidi_local);
    quic.set_initial_max_stream_data_bidi_remote(options.initial_max_stream_data_bidi_remote);
    quic.set_initial_max_stream_data_uni(options.initial_max_stream_data_uni);
    quic.set_initial_max_streams_bidi(options.initial_max_streams_bidi);
    quic.set_initial_max_streams_uni(options.initial_max_streams_uni);
    unless_0(options.max_recv_udp_payload_bytes, &mut |v| {
        quic.set_max_recv_udp_payload_size(v as usize)
    });
    unless_0(options.max_send_udp_payload_bytes, &mut |v| {
        quic.set_max_send_udp_payload_size(v as usize)
    });
    unless_0(options.max_connection_window, &mut |v| quic.set_max_connection_window(v));
    unless_0(options.max_stream_window, &mut |v| quic.set_max_stream_window(v));
    unless_0(options.active_connection_id_limit, &mut |v| quic.set_active_connection_id_limit(v));
    unless_0(options.max_ack_delay_ms, &mut |v| {
        quic.set_max_ack_delay(v);
        quic.set_ack_alarm(Duration::from_millis(v) * 4 / 5);
    });
    let (receive, send) =
        (options.datagram_receive_queue as usize, options.datagram_send_queue as usize);
    if receive > 0 || send > 0 {
        quic.enable_dgram(true, receive, send);
    }
    quic.enable_reset_stream_at(true);
}

fn apply_recovery(quic: &mut quiche::Config, options: &Options) -> Result<(), String> {
    let (algorithm, paced) = match options.congestion {
        0 => (CongestionControlAlgorithm::CUBIC, false),
        1 => (CongestionControlAlgorithm::Reno, false),
        2 => (CongestionControlAlgorithm::Bbr2Gcongestion, true),
        3 => (CongestionControlAlgorithm::Bbr2Gcongestion, false),
        other => return Err(format!("congestion is {other}, which is no qd_congestion")),
    };
    quic.set_cc_algorithm(algorithm);
    // quiche itself paces only BBR2; the flag would merely cost a clock reading per packet
    // otherwise.
    quic.enable_pacing(paced);
    quic.discover_pmtu(options.discover_pmtu);
    quic.enable_ecn(options.ecn);
    if options.amplification_factor > 0 {
        quic.set_max_amplification_factor(options.amplification_factor as usize);
    }
    if options.initial_rtt_ms > 0 {
        quic.set_initial_rtt(Duration::from_millis(options.initial_rtt_ms));
    }
    if options.initial_window_packets > 0 {
        quic.set_initial_congestion_window_packets(options.initial_window_packets as usize);
    }
    Ok(())
}

/// |text| into C's |out|, cut at a character, always terminated.
fn write_error(text: &str, out: &mut [u8]) {
    let Some(room) = out.len().checked_sub(1) else { return };
    let mut bytes = text.len().min(room);
    while !text.is_char_boundary(bytes) {
        bytes -= 1;
    }
    out[..bytes].copy_from_slice(&text.as_bytes()[..bytes]);
    out[bytes] = 0;
}

#[no_mangle]
pub unsafe extern "C" fn qd_config_new(
    options: *const Options,
    error: *mut c_char,
    error_bytes: usize,
) -> *mut Config {
    install_panic_line();
    let built = guard(Err(String::from("a panic in quiche")), || match options.as_ref() {
        Some(options) => build(options),
        None => Err(String::from("no options")),
    });
    match built {
        Ok(config) => Box::into_raw(Box::new(config)),
        Err(text) => {
            write_error(&text, slice_mut(error.cast(), error_bytes));
            std::ptr::null_mut()
        }
    }
}

#[no_mangle]
pub unsafe extern "C" fn qd_config_set_ticket_keys(
    config: *mut Config,
    keys: *const u8,
    count: usize,
) {
    guard((), || {
        if let Some(config) = config.as_ref() {
            config.keys.set(slice(keys, count * KEY_BYTES));
        }
    });
}

#[no_mangle]
pub unsafe extern "C" fn qd_config_free(config: *mut Config) {
    if !config.is_null() {
        guard((), || drop(Box::from_raw(config)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpn_lists() {
        assert!(alpn_is_well_formed(b""));
        assert!(alpn_is_well_formed(b"\x02h3\x04moqt"));
        for bad in [&b"\x00"[..], b"\x03h3", b"\x02h3\x05moqt"] {
            assert!(!alpn_is_well_formed(bad), "{bad:?}");
        }
    }

    #[test]
    fn errors_are_cut_at_a_character_and_terminated() {
        let mut out = [0xff; 4];
        write_error("ab\u{a7}", &mut out);
        assert_eq!(out, *b"ab\0\xff");
        write_error("anything", &mut []);
    }
}
