//! One connection: a closed loop of requests over quiche and its HTTP/3.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use quiche::h3::{self, HeaderRef, NameValue};

use crate::arguments::Arguments;
use crate::socket::{ReceiveBuffers, Socket};
use crate::tally::{Errors, Tally};
use crate::workload::{Checker, Workload};

const UDP_PAYLOAD_BYTES: usize = 1350;
/// What browsers give. The socket's buffer holds it all, so that nothing need be dropped there.
const WINDOW_BYTES: u64 = 6 << 20;
pub const TRAIN_SEGMENTS: usize = 48;
/// Of a forged packet: what an Initial is padded to (RFC 9000 §14.1).
const FORGED_BYTES: usize = 1200;

/// Of the thread, lent to whichever connection has its turn.
pub struct Desk {
    pub receive: ReceiveBuffers,
    pub send: Vec<u8>,
    pub body: Vec<u8>,
    pub upload: Vec<u8>,
    pub checker: Checker,
    pub sequence: u64,
    /// How many more requests may be made.
    pub allowance: u64,
    pub tally: Tally,
}

struct Flight {
    sequence: u64,
    since: Instant,
    received: u64,
    unsent: u64,
    good_status: bool,
    good_body: bool,
}

pub struct Connection {
    quic: quiche::Connection,
    h3: Option<h3::Connection>,
    pub socket: Socket,
    train_bytes: usize,
    uploads: bool,
    peer: SocketAddr,
    opened: Instant,
    pub handshake: Option<Duration>,
    flights: HashMap<u64, Flight>,
}

pub fn transport_config() -> quiche::Result<quiche::Config> {
    let mut config = quiche::Config::new(quiche::PROTOCOL_VERSION)?;
    config.set_application_protos(h3::APPLICATION_PROTOCOL)?;
    config.verify_peer(false);
    config.set_max_idle_timeout(30_000);
    config.set_max_recv_udp_payload_size(1500);
    config.set_max_send_udp_payload_size(UDP_PAYLOAD_BYTES);
    config.enable_pacing(false);
    config.set_initial_max_data(WINDOW_BYTES);
    config.set_max_connection_window(WINDOW_BYTES);
    config.set_initial_max_stream_data_bidi_local(WINDOW_BYTES);
    config.set_initial_max_stream_data_uni(1 << 20);
    config.set_max_stream_window(WINDOW_BYTES);
    config.set_initial_max_streams_uni(8);
    Ok(config)
}

impl Connection {
    pub fn open(
        index: usize,
        arguments: &Arguments,
        config: &mut quiche::Config,
    ) -> io::Result<Connection> {
        let Arguments { peer, ref host, .. } = *arguments;
        let port = arguments.source_ports.get(index).copied().unwrap_or(0);
        let socket = Socket::connect(peer, port).map_err(|error| {
            io::Error::new(error.kind(), format!("source port {port}: {error}"))
        })?;
        let mut id = [0u8; 16];
        id[..8].copy_from_slice(&(index as u64).to_be_bytes());
        let unique = u64::from(std::process::id()) << 16 | u64::from(socket.local.port());
        id[8..].copy_from_slice(&unique.to_be_bytes());
        let id = quiche::ConnectionId::from_ref(&id);
        let quic = quiche::connect(Some(host), &id, socket.local, peer, config)
            .map_err(io::Error::other)?;
        let opened = Instant::now();
        let flights = HashMap::new();
        Ok(Connection {
            quic,
            h3: None,
            socket,
            train_bytes: arguments.train * UDP_PAYLOAD_BYTES,
            uploads: arguments.workload.upload_bytes() > 0,
            peer,
            opened,
            handshake: None,
            flights,
        })
    }

    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    pub fn is_closed(&self) -> bool {
        self.quic.is_closed() || self.quic.is_draining()
    }

    pub fn lost(&self) -> u64 {
        self.quic.stats().lost as u64
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.quic.timeout_instant()
    }

    /// Leaves requests without an answer alone; returns how many there were.
    pub fn abandon(&mut self) -> u64 {
        let count = self.flights.len() as u64;
        self.flights.clear();
        count
    }

    /// Of bodies without end: what came must be right, and something must have come.
    pub fn judge_streams(&self, errors: &mut Errors) {
        errors.unanswered += u64::from(self.flights.is_empty());
        for flight in self.flights.values() {
            if flight.received == 0 {
                errors.unanswered += 1;
            } else if !flight.good_status {
                errors.status += 1;
            } else if !flight.good_body {
                errors.body += 1;
            }
        }
    }

    pub fn close(&mut self, desk: &mut Desk) {
        // H3_NO_ERROR (RFC 9114 §8.1); an error here means that it is closed already.
        let _ = self.quic.close(true, 0x100, b"");
        self.flush(desk);
    }

    pub fn receive(&mut self, desk: &mut Desk) {
        let info = quiche::RecvInfo {
            from: self.peer,
            to: self.socket.local,
        };
        let quic = &mut self.quic;
        self.socket.receive(&mut desk.receive, |datagram| {
            // A bad datagram is the connection's to count or to end by.
            let _ = quic.recv(datagram, info);
        });
    }

    /// Everything that can be done now: events, new requests, bodies, then sending.
    pub fn advance(&mut self, load: &Workload, host: &str, streams: usize, desk: &mut Desk) {
        if self.deadline().is_some_and(|at| at <= Instant::now()) {
            self.quic.on_timeout();
        }
        if self.h3.is_none() && self.quic.is_established() {
            let config = h3::Config::new().expect("defaults");
            self.h3 = h3::Connection::with_transport(&mut self.quic, &config).ok();
            self.handshake = Some(self.opened.elapsed());
        }
        if let Some(mut h3) = self.h3.take() {
            self.take_events(&mut h3, load, desk);
            if self.uploads {
                self.take_untold(load, desk);
            }
            self.make_requests(&mut h3, load, host, streams, desk);
            if load.upload_bytes() > 0 {
                self.send_bodies(&mut h3, desk);
            }
            self.h3 = Some(h3);
        }
        self.flush(desk);
        if self.is_closed() {
            desk.tally.errors.unanswered += self.abandon();
        }
    }

    fn take_events(&mut self, h3: &mut h3::Connection, load: &Workload, desk: &mut Desk) {
        let now = Instant::now();
        while let Ok((stream, event)) = h3.poll(&mut self.quic) {
            let Some(flight) = self.flights.get_mut(&stream) else {
                continue;
            };
            match event {
                h3::Event::Headers { list, .. } => {
                    let is_ok = |h: &h3::Header| h.name() == b":status" && h.value() == b"200";
                    flight.good_status = list.iter().any(is_ok);
                }
                h3::Event::Data => {
                    while let Ok(length) = h3.recv_body(&mut self.quic, stream, &mut desk.body) {
                        let part = &desk.body[..length];
                        let (sequence, offset) = (flight.sequence, flight.received);
                        flight.good_body &= desk.checker.matches(load, sequence, offset, part);
                        flight.received += length as u64;
                        desk.tally.body_bytes += length as u64;
                    }
                }
                h3::Event::Finished => {
                    let flight = self.flights.remove(&stream).expect("just found");
                    judge(&flight, load, desk);
                    desk.tally
                        .latency_us
                        .push((now - flight.since).as_micros() as u32);
                }
                h3::Event::Reset(_) => {
                    self.flights.remove(&stream);
                    desk.tally.errors.reset += 1;
                }
                h3::Event::PriorityUpdate | h3::Event::GoAway => {}
            }
        }
    }

    /// quiche 0.30's HTTP/3 sometimes does not tell that an answer has ended whose FIN came alone:
    /// all of it was read, and no event follows.
    fn take_untold(&mut self, load: &Workload, desk: &mut Desk) {
        let now = Instant::now();
        let quic = &self.quic;
        self.flights.retain(|&stream, flight| {
            let over = flight.good_status && flight.unsent == 0 && quic.stream_finished(stream);
            if over {
                judge(flight, load, desk);
                let latency = (now - flight.since).as_micros() as u32;
                desk.tally.latency_us.push(latency);
            }
            !over
        });
    }

    fn make_requests(
        &mut self,
        h3: &mut h3::Connection,
        load: &Workload,
        host: &str,
        streams: usize,
        desk: &mut Desk,
    ) {
        let unsent = load.upload_bytes();
        let now = Instant::now();
        let open = !self.is_closed();
        while open && self.flights.len() < streams && desk.allowance > 0 {
            let sequence = desk.sequence;
            let target = load.target(sequence);
            let headers = [
                HeaderRef::new(b":method", load.method().as_bytes()),
                HeaderRef::new(b":scheme", b"https"),
                HeaderRef::new(b":authority", host.as_bytes()),
                HeaderRef::new(b":path", target.as_bytes()),
                HeaderRef::new(b"user-agent", b"quicd_load"),
                HeaderRef::new(b"accept", b"*/*"),
            ];
            let Ok(stream) = h3.send_request(&mut self.quic, &headers, unsent == 0) else {
                return;
            };
            desk.sequence += 1;
            desk.allowance -= 1;
            let flight = Flight {
                sequence,
                since: now,
                received: 0,
                unsent,
                good_status: false,
                good_body: true,
            };
            self.flights.insert(stream, flight);
        }
    }

    fn send_bodies(&mut self, h3: &mut h3::Connection, desk: &mut Desk) {
        for (&stream, flight) in &mut self.flights {
            while flight.unsent > 0 {
                let part = &desk.upload[..desk.upload.len().min(flight.unsent as usize)];
                let last = part.len() as u64 == flight.unsent;
                let Ok(taken) = h3.send_body(&mut self.quic, stream, part, last) else {
                    break;
                };
                flight.unsent -= taken as u64;
            }
        }
    }

    /// A train that is this connection's by its header (RFC 9000 §17.3.1), and noise after it.
    pub fn send_forged(&mut self, packets: usize, desk: &mut Desk) {
        let id = self.quic.destination_id();
        let train = &mut desk.send[..packets * FORGED_BYTES];
        for packet in train.chunks_mut(FORGED_BYTES) {
            packet[0] = 0x40;
            packet[1..=id.len()].copy_from_slice(&id);
        }
        self.socket.send(train, FORGED_BYTES);
        desk.tally.requests += 1;
    }

    /// Packets of one size leave together; a shorter one ends its train.
    fn flush(&mut self, desk: &mut Desk) {
        let out = &mut desk.send;
        let (mut start, mut end, mut segment) = (0, 0, 0);
        // quiche 0.30 has nothing more to send, it says, when it meets a stream whose data was
        // acknowledged while it waited to be sent again; others may wait behind that one, which is
        // now the last. Where bodies are sent they are looked for.
        let mut looks = if self.uploads {
            self.flights.len() + 4
        } else {
            0
        };
        loop {
            let room = &mut out[end..end + UDP_PAYLOAD_BYTES];
            let Ok((length, _)) = self.quic.send(room) else {
                if looks == 0 {
                    break;
                }
                looks -= 1;
                continue;
            };
            if end > start && length > segment {
                self.socket.send(&out[start..end], segment);
                start = end;
            }
            if start == end {
                segment = length;
            }
            end += length;
            if length < segment || end >= self.train_bytes {
                self.socket.send(&out[start..end], segment);
                (start, end) = (0, 0);
            }
        }
        if end > start {
            self.socket.send(&out[start..end], segment);
        }
    }
}

pub fn send_buffer() -> Vec<u8> {
    vec![0; (TRAIN_SEGMENTS + 1) * UDP_PAYLOAD_BYTES]
}

fn judge(flight: &Flight, load: &Workload, desk: &mut Desk) {
    let length = desk.checker.length(load, flight.sequence);
    desk.tally.requests += 1;
    if !flight.good_status {
        desk.tally.errors.status += 1;
    } else if !flight.good_body || flight.received != length {
        desk.tally.errors.body += 1;
    }
}
