//! patches/27-leave-path.patch and patches/30-resets-of-later-ids.patch: a client that changes its
//! address as often as it likes, and hears when the server has forgotten it.

mod support;

use std::net::SocketAddr;

use quicd_quiche::address::Address;
use quicd_quiche::paths::*;
use support::*;

const STREAM: u64 = 0;
const VALIDATED: u32 = 1;
const INVALID_STATE: i32 = -6;

/// A client whose packets carry its own addresses, but for the first one.
struct Roamer {
    pipe: Pipe,
}

impl Roamer {
    fn new() -> Self {
        let mut pipe = Pipe::established();
        pipe.client.offer_cids();
        pipe.server.offer_cids();
        let mut roamer = Roamer { pipe };
        roamer.exchange();
        roamer
    }

    fn exchange(&mut self) {
        loop {
            let up = self.pipe.client.packets();
            for packet in &up {
                let home = packet.from == address(CLIENT);
                let from = if home { self.pipe.nat } else { packet.from };
                self.pipe.server.receive(packet, from, packet.to);
            }
            let down = self.pipe.server.packets();
            for packet in &down {
                let home = packet.to == self.pipe.nat;
                let to = if home { address(CLIENT) } else { packet.to };
                self.pipe.client.receive(packet, packet.from, to);
            }
            self.pipe.client.offer_cids();
            self.pipe.server.offer_cids();
            if up.len() + down.len() == 0 {
                return;
            }
        }
    }

    fn ask(
        &self,
        ask: unsafe extern "C" fn(
            *mut quicd_quiche::connection::Connection,
            *const Address,
            *const Address,
        ) -> i32,
        local: SocketAddr,
    ) -> i32 {
        let (local, peer) = (Address::from(local), Address::from(address(SERVER)));
        unsafe { ask(self.pipe.client.connection, &local, &peer) }
    }

    fn move_to(&mut self, to: SocketAddr) {
        assert_eq!(self.ask(qd_probe_path, to), 0);
        self.exchange();
        let events = self.pipe.client.drain_events();
        assert!(events.iter().any(|e| e.kind == VALIDATED && SocketAddr::from(&e.local) == to));
        assert_eq!(self.ask(qd_migrate, to), 0);
        self.exchange();
        self.pipe.server.drain_events();
    }
}

fn port(number: u16) -> SocketAddr {
    SocketAddr::new(address(CLIENT).ip(), number)
}

#[test]
fn a_client_moves_a_hundred_times() {
    let mut roamer = Roamer::new();
    let mut home = address(CLIENT);
    for number in 6000..6100 {
        roamer.move_to(port(number));
        assert_eq!(roamer.ask(qd_leave_path, port(number)), INVALID_STATE, "it is the active one");
        assert_eq!(roamer.ask(qd_leave_path, home), 0);
        assert_eq!(roamer.ask(qd_leave_path, home), -1, "there is none any more");
        home = port(number);
        roamer.exchange();
        let stream = u64::from(number - 6000) * 4;
        assert_eq!(roamer.pipe.client.send(stream, b"here", true), 4);
        roamer.exchange();
        assert_eq!(roamer.pipe.server.read(stream), (b"here".to_vec(), true));
        assert_eq!(roamer.pipe.server.send(stream, b"there", true), 5);
        roamer.exchange();
        assert_eq!(roamer.pipe.client.read(stream), (b"there".to_vec(), true));
    }
}

/// What was on its way when the old path is given up comes on the new one, at once.
#[test]
fn what_was_under_way_is_sent_again() {
    let mut roamer = Roamer::new();
    let data = vec![0xda; 8000];
    assert_eq!(roamer.ask(qd_probe_path, port(6000)), 0);
    roamer.exchange();
    assert_eq!(roamer.pipe.client.send(STREAM, &data, true), 8000);
    assert!(roamer.pipe.client.packets().len() > 5, "and lost");
    assert_eq!(roamer.ask(qd_migrate, port(6000)), 0);
    assert_eq!(roamer.ask(qd_leave_path, address(CLIENT)), 0);
    roamer.exchange();
    assert_eq!(roamer.pipe.server.read(STREAM), (data, true));
}

/// As a server that has lost its memory sends it, for the ID with |token|.
fn reset(token: u8) -> Packet {
    let mut bytes = vec![0x5b; 40];
    bytes[24..].fill(token);
    Packet { bytes, from: address(SERVER), to: port(6000) }
}

#[test]
fn a_reset_for_a_later_connection_id_is_understood() {
    let mut roamer = Roamer::new();
    roamer.move_to(port(6000));
    let client = &roamer.pipe.client;
    // Tokens as the support gives them: 7 with the handshake, then 1, 2, ... IDs 2 and up have
    // never been used (RFC 9000 §10.3.1).
    client.receive(&reset(9), address(SERVER), port(6000));
    client.receive(&reset(2), address(SERVER), port(6000));
    assert!(!client.state().closed);
    client.receive(&reset(1), address(SERVER), port(6000));
    assert!(client.state().closed && client.state().reset);
}

#[test]
fn a_reset_for_an_id_that_was_given_up_is_not() {
    let mut roamer = Roamer::new();
    roamer.move_to(port(6000));
    assert_eq!(roamer.ask(qd_leave_path, address(CLIENT)), 0);
    let client = &roamer.pipe.client;
    client.receive(&reset(7), address(SERVER), port(6000));
    assert!(!client.state().closed);
}

#[test]
fn a_reset_for_the_first_connection_id_is_understood() {
    let roamer = Roamer::new();
    let client = &roamer.pipe.client;
    client.receive(&reset(7), address(SERVER), address(CLIENT));
    assert!(client.state().closed && client.state().reset);
}

/// A NEW_CONNECTION_ID that is sent again, because it was late, does not bring an ID back that was
/// retired since (patches/37-repeated-connection-id.patch).
#[test]
fn a_retired_id_does_not_come_back() {
    let mut pipe = Pipe::with(|options| options.active_connection_id_limit = 4, |_| {}, CID_BYTES);
    pipe.establish();
    pipe.client.send(STREAM, b"go", false);
    pipe.exchange();
    pipe.server.offer_cids();
    let late = pipe.server.packets();
    let mut repeated = Vec::new();
    for _ in 0..8 {
        pipe.server.send(STREAM, b"more", false);
        pipe.server_to_client();
        pipe.client_to_server();
        repeated = pipe.server.packets();
        if !repeated.is_empty() {
            break;
        }
    }
    assert!(!repeated.is_empty(), "nothing is sent again");
    for packet in &late {
        pipe.client.receive(packet, packet.from, address(CLIENT));
    }
    let retired = unsafe { quicd_quiche::cids::qd_retire_dcid(pipe.client.connection, 1) };
    assert_eq!(retired, 0);
    for packet in &repeated {
        pipe.client.receive(packet, packet.from, address(CLIENT));
    }
    // The server learns that the ID was retired, and offers another one.
    pipe.exchange();
    pipe.server.offer_cids();
    pipe.exchange();
    assert!(!pipe.client.state().closed && !pipe.client.state().draining);
    assert!(!pipe.server.state().closed && !pipe.server.state().draining);
}
