//! What a request and its answer cost: rounds of small ones over two connections in memory. As a
//! test it counts packets. For instructions: build it with `--config
//! profile.release.debug-assertions=false`, run one of its two tests under
//! `valgrind --tool=callgrind --toggle-collect='*cost*round*'` and divide by PAIRS. Both sides
//! count, AEAD included.

mod support;

use quicd_quiche::address::Address;
use quicd_quiche::connection::*;
use quicd_quiche::state::*;
use quicd_quiche::streams::*;
use quicd_quiche::time::*;
use quicd_quiche::train::*;
use support::*;

const PAIRS: u64 = 3000;

/// Memory that is not made anew for each packet, as the C core has it.
struct Bench {
    pipe: Pipe,
    streams: u64,
    out: Vec<u8>,
    ids: [u64; 64],
    client: Address,
    nat: Address,
    server: Address,
}

impl Bench {
    /// The calls of one turn of the core's loop: sends what there is, and receives it on the other
    /// side.
    fn transfer(&mut self, to_server: bool) -> u64 {
        let (from, to) = match to_server {
            true => (self.pipe.client.connection, self.pipe.server.connection),
            false => (self.pipe.server.connection, self.pipe.client.connection),
        };
        let (source, target) = match to_server {
            true => (self.nat, self.server),
            false => (self.server, self.client),
        };
        let mut packets = 0;
        let mut train = Train::default();
        while unsafe { qd_send_train(from, self.out.as_mut_ptr(), self.out.len(), 64, &mut train) }
            > 0
        {
            for packet in self.out[..train.bytes as usize].chunks_mut(train.segment_bytes as usize)
            {
                assert!(
                    unsafe { qd_recv(to, packet.as_mut_ptr(), packet.len(), &source, &target) } > 0
                );
                packets += 1;
            }
            if !train.more {
                break;
            }
        }
        unsafe { qd_timeout_ns(from) };
        packets
    }

    /// What is readable, and for each of it what is there to read; |answer| answers.
    fn read_all(&mut self, of_server: bool, answer: usize) {
        let connection =
            if of_server { self.pipe.server.connection } else { self.pipe.client.connection };
        let mut state = State::default();
        unsafe { qd_get_state(connection, &mut state) };
        let found = unsafe { qd_next_readable(connection, self.ids.as_mut_ptr(), self.ids.len()) };
        assert_eq!(found as u64, self.streams);
        let none = std::ptr::null_mut();
        for id in &self.ids[..found] {
            let (mut fin, mut data) = (false, [0; 128]);
            assert!(
                unsafe {
                    qd_stream_recv(connection, *id, data.as_mut_ptr(), data.len(), &mut fin, none)
                } > 0
            );
            assert!(fin);
            if answer > 0 {
                unsafe { qd_stream_send_copy(connection, *id, data.as_ptr(), answer, true, none) };
            }
        }
        unsafe { qd_timeout_ns(connection) };
    }

    /// |streams| requests and their answers; returns the packets of both sides.
    #[inline(never)]
    fn round(&mut self, first: u64) -> (u64, u64) {
        for stream in first..first + self.streams {
            self.pipe.client.send(stream * 4, &[b'?'; 60], true);
        }
        let client = self.transfer(true);
        self.read_all(true, 40);
        let server = self.transfer(false);
        self.read_all(false, 0);
        (client, server)
    }
}

fn measure(streams: u64) {
    let pipe = Pipe::established();
    let (client, nat, server) =
        (address(CLIENT).into(), address(NAT).into(), address(SERVER).into());
    let mut bench =
        Bench { pipe, streams, out: vec![0; 65_536], ids: [0; 64], client, nat, server };
    let (mut client, mut server) = (0, 0);
    for first in (0..PAIRS).step_by(streams as usize) {
        let packets = bench.round(first);
        client += packets.0;
        server += packets.1;
    }
    assert_eq!(
        (client, server),
        (PAIRS / streams, PAIRS / streams),
        "packets of the client, of the server"
    );
}

#[test]
fn one_at_a_time() {
    measure(1);
}

#[test]
fn ten_at_once() {
    measure(10);
}
