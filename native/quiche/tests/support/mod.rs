//! Two connections of our own C border, joined in memory, with a NAT between them that can change
//! its port.

#![allow(dead_code)] // each test file uses a part of it

pub mod allocator;
pub mod certificate;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use quicd_quiche::address::Address;
use quicd_quiche::cids::*;
use quicd_quiche::config::*;
pub use quicd_quiche::connection::CID_BYTES;
use quicd_quiche::connection::*;
use quicd_quiche::state::*;
use quicd_quiche::streams::*;
use quicd_quiche::time::*;
use quicd_quiche::train::*;

pub const SERVER: &str = "192.0.2.1:4433";
pub const CLIENT: &str = "10.0.0.2:5000";
/// Where the server sees the client; the port is the NAT's choice.
pub const NAT: &str = "198.51.100.1:20000";

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A configuration with generous windows. |adjust| changes what a test is about.
pub fn config(server: bool, adjust: impl FnOnce(&mut Options)) -> *mut Config {
    try_config(server, adjust).unwrap_or_else(|text| panic!("{text}"))
}

pub fn try_config(server: bool, adjust: impl FnOnce(&mut Options)) -> Result<*mut Config, String> {
    let identity = certificate::identity();
    // SAFETY: null pointers and zeros are what the header asks to start from.
    let mut options: Options = unsafe { std::mem::zeroed() };
    if server {
        options.certificate_pem = identity.certificate.as_ptr().cast();
        options.certificate_pem_bytes = identity.certificate.len();
        options.private_key_pem = identity.key.as_ptr().cast();
        options.private_key_pem_bytes = identity.key.len();
    }
    let alpn = b"\x04test";
    options.alpn = alpn.as_ptr();
    options.alpn_bytes = alpn.len();
    options.server = server;
    options.max_idle_timeout_ms = 60_000;
    options.max_send_udp_payload_bytes = 1350;
    options.initial_max_data = 1 << 24;
    options.initial_max_stream_data_bidi_local = 1 << 22;
    options.initial_max_stream_data_bidi_remote = 1 << 22;
    options.initial_max_stream_data_uni = 1 << 22;
    options.initial_max_streams_bidi = 1000;
    options.initial_max_streams_uni = 1000;
    options.active_connection_id_limit = 8;
    adjust(&mut options);
    let mut error = [0u8; 256];
    let config = unsafe { qd_config_new(&options, error.as_mut_ptr().cast(), error.len()) };
    if config.is_null() {
        let end = error.iter().position(|byte| *byte == 0).expect("an error text is terminated");
        return Err(String::from_utf8(error[..end].to_vec()).unwrap());
    }
    Ok(config)
}

#[derive(Clone, Debug)]
pub struct Packet {
    pub bytes: Vec<u8>,
    pub from: SocketAddr,
    pub to: SocketAddr,
}

/// One end.
pub struct End {
    pub connection: *mut Connection,
    config: *mut Config,
    next_cid: u8,
    tag: u8,
}

impl End {
    pub fn state(&self) -> State {
        let mut state = State::default();
        unsafe { qd_get_state(self.connection, &mut state) };
        state
    }

    /// Next train, as the C core takes it.
    pub fn train(&self, max_segments: u32, capacity: usize) -> Option<(Train, Vec<u8>)> {
        let mut out = vec![0; capacity];
        let mut train = Train::default();
        let bytes = unsafe {
            qd_send_train(self.connection, out.as_mut_ptr(), out.len(), max_segments, &mut train)
        };
        if bytes == -1 {
            return None;
        }
        assert!(bytes > 0, "qd_send_train: {bytes}");
        assert_eq!(bytes as u32, train.bytes);
        out.truncate(bytes as usize);
        Some((train, out))
    }

    pub fn packets(&self) -> Vec<Packet> {
        let mut packets = Vec::new();
        while let Some((train, bytes)) = self.train(64, 65_536) {
            for segment in bytes.chunks(train.segment_bytes as usize) {
                packets.push(Packet {
                    bytes: segment.to_vec(),
                    from: SocketAddr::from(&train.from),
                    to: SocketAddr::from(&train.to),
                });
            }
            if !train.more {
                break;
            }
        }
        packets
    }

    pub fn receive(&self, packet: &Packet, from: SocketAddr, to: SocketAddr) -> i32 {
        let mut bytes = packet.bytes.clone();
        let (from, to) = (Address::from(from), Address::from(to));
        unsafe { qd_recv(self.connection, bytes.as_mut_ptr(), bytes.len(), &from, &to) }
    }

    pub fn send(&self, stream: u64, data: &[u8], fin: bool) -> isize {
        unsafe {
            qd_stream_send_copy(
                self.connection,
                stream,
                data.as_ptr(),
                data.len(),
                fin,
                std::ptr::null_mut(),
            )
        }
    }

    /// All that is there, and whether the stream has ended; None once the stream is gone.
    pub fn read(&self, stream: u64) -> (Vec<u8>, bool) {
        let mut all = Vec::new();
        let mut out = vec![0; 16_384];
        let mut fin = false;
        loop {
            let bytes = unsafe {
                qd_stream_recv(
                    self.connection,
                    stream,
                    out.as_mut_ptr(),
                    out.len(),
                    &mut fin,
                    std::ptr::null_mut(),
                )
            };
            if bytes < 0 {
                return (all, fin);
            }
            all.extend_from_slice(&out[..bytes as usize]);
            if fin {
                return (all, true);
            }
        }
    }

    /// Offers CIDs until the peer has room for no more.
    pub fn offer_cids(&mut self) {
        while unsafe { qd_scids_left(self.connection) } > 0 {
            self.next_cid = self.next_cid.wrapping_add(1);
            let mut cid = [self.tag; CID_BYTES];
            cid[0] = self.next_cid;
            let token = [self.next_cid; RESET_TOKEN_BYTES];
            let sequence = unsafe {
                qd_new_scid(self.connection, cid.as_ptr(), CID_BYTES, token.as_ptr(), false)
            };
            if sequence < 0 {
                return;
            }
        }
        let mut retired = [0; CID_BYTES];
        while unsafe { qd_retired_scid(self.connection, retired.as_mut_ptr()) } {}
    }

    /// Lets what is due happen; returns how long until the next timeout.
    pub fn timers(&self) -> Option<Duration> {
        unsafe { qd_on_timeout(self.connection) };
        let ns = unsafe { qd_timeout_ns(self.connection) };
        (ns != u64::MAX).then(|| Duration::from_nanos(ns.saturating_sub(now_ns())))
    }

    pub fn drain_events(&self) -> Vec<quicd_quiche::paths::Event> {
        let mut events = Vec::new();
        let mut event = Default::default();
        while unsafe { quicd_quiche::paths::qd_path_event_next(self.connection, &mut event) } {
            events.push(event);
        }
        events
    }

    pub fn stats(&self) -> quicd_quiche::stats::Stats {
        let mut stats = Default::default();
        unsafe { quicd_quiche::stats::qd_get_stats(self.connection, &mut stats) };
        stats
    }
}

impl Drop for End {
    fn drop(&mut self) {
        unsafe {
            qd_free(self.connection);
            qd_config_free(self.config);
        }
    }
}

pub fn now_ns() -> u64 {
    instant_ns(std::time::Instant::now())
}

/// A client behind a NAT, and a server.
pub struct Pipe {
    pub client: End,
    pub server: End,
    pub nat: SocketAddr,
    /// Packets on their way to the server, kept back by a test.
    pub held: VecDeque<Packet>,
}

impl Pipe {
    pub fn new() -> Self {
        Self::with(|_| {}, |_| {}, CID_BYTES)
    }

    pub fn with(
        client: impl FnOnce(&mut Options),
        server: impl FnOnce(&mut Options),
        cid_bytes: usize,
    ) -> Self {
        let (client_config, server_config) = (config(false, client), config(true, server));
        let (inner, outer, nat) = (
            Address::from(address(CLIENT)),
            Address::from(address(SERVER)),
            Address::from(address(NAT)),
        );
        let (client_cid, server_cid) = ([0xc1; CID_BYTES], [0x5e; CID_BYTES]);
        let mut error = 0;
        let token = [7; RESET_TOKEN_BYTES];
        let client = unsafe {
            let name = c"example.test";
            qd_connect(
                client_config,
                name.as_ptr(),
                client_cid.as_ptr(),
                cid_bytes,
                &inner,
                &outer,
                &mut error,
            )
        };
        assert_eq!(error, 0);
        let none = std::ptr::null();
        let server = unsafe {
            let cid = server_cid.as_ptr();
            qd_accept(
                server_config,
                cid,
                token.as_ptr(),
                none,
                0,
                none,
                0,
                &outer,
                &nat,
                &mut error,
            )
        };
        assert_eq!(error, 0);
        let end = |connection, config, tag| End { connection, config, next_cid: 0, tag };
        Pipe {
            client: end(client, client_config, 0xc1),
            server: end(server, server_config, 0x5e),
            nat: address(NAT),
            held: VecDeque::new(),
        }
    }

    pub fn established() -> Self {
        let pipe = Self::new();
        pipe.establish();
        pipe
    }

    pub fn establish(&self) {
        self.exchange();
        assert!(self.client.state().established && self.server.state().established);
    }

    pub fn client_to_server(&self) -> usize {
        let packets = self.client.packets();
        for packet in &packets {
            self.server.receive(packet, self.nat, packet.to);
        }
        packets.len()
    }

    /// What is for a port that the NAT has forgotten is lost.
    pub fn server_to_client(&self) -> usize {
        let packets = self.server.packets();
        for packet in packets.iter().filter(|packet| packet.to == self.nat) {
            self.client.receive(packet, packet.from, address(CLIENT));
        }
        packets.len()
    }

    /// Until nobody has anything to send.
    pub fn exchange(&self) {
        while self.client_to_server() + self.server_to_client() > 0 {}
    }

    /// As `exchange`, and lives through timeouts until |done| or until |limit| has passed.
    pub fn exchange_until(&self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = now_ns() + limit.as_nanos() as u64;
        loop {
            self.exchange();
            if done(self) {
                return true;
            }
            if now_ns() > end {
                return false;
            }
            let wait = self.client.timers().into_iter().chain(self.server.timers()).min();
            std::thread::sleep(
                wait.unwrap_or_default().clamp(Duration::from_micros(50), Duration::from_millis(5)),
            );
        }
    }

    pub fn rebind(&mut self) {
        let port = if self.nat.port() == 59_999 { 20_000 } else { self.nat.port() + 1 };
        self.nat.set_port(port);
    }
}
