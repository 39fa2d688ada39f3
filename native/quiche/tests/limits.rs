//! Streams at the peer's limit, and numbers at the end of their range.

mod support;

use quicd_quiche::streams::*;
use support::*;

const LIMIT: i32 = -12;
const RESET: isize = -16;
const STOPPED: isize = -15;
/// RFC 9000 §16: the largest number of all.
const LARGEST: u64 = (1 << 62) - 1;

fn open(end: &End, id: u64) -> isize {
    end.send(id, b"", false)
}

#[test]
fn beyond_the_limit_streams_blocked_is_sent_once() {
    let pipe = Pipe::with(|options| options.initial_max_streams_bidi = 2, |_| {}, CID_BYTES);
    pipe.establish();
    assert!(open(&pipe.server, 1) >= 0 && open(&pipe.server, 5) >= 0);
    assert_eq!(open(&pipe.server, 9), LIMIT as isize);
    assert_eq!(unsafe { qd_streams_left(pipe.server.connection, true) }, 0);
    let before = pipe.server.stats().sent_packets;
    pipe.server_to_client();
    assert_eq!(pipe.server.stats().sent_packets, before + 1, "STREAMS_BLOCKED, RFC 9000 §19.14");
    assert_eq!(open(&pipe.server, 9), LIMIT as isize);
    pipe.exchange();
    assert_eq!(pipe.server.stats().sent_packets, before + 1, "for one limit once");
    // Both ends of one stream are over: MAX_STREAMS allows another.
    pipe.server.send(1, b"x", true);
    pipe.exchange();
    assert!(pipe.client.read(1).1);
    pipe.client.send(1, b"", true);
    pipe.exchange();
    assert!(pipe.server.read(1).1);
    pipe.exchange();
    assert_eq!(unsafe { qd_streams_left(pipe.server.connection, true) }, 1);
    assert!(open(&pipe.server, 9) >= 0);
}

#[test]
fn error_codes_keep_all_their_bits() {
    let pipe = Pipe::established();
    for (stream, code) in [(0, 0), (4, 1), (8, (1 << 53) + 1), (12, LARGEST)] {
        pipe.client.send(stream, b"hello", false);
        pipe.exchange();
        assert_eq!(pipe.server.read(stream).0, b"hello");
        let server = pipe.server.connection;
        unsafe {
            assert_eq!(qd_stream_shutdown(server, stream, 0, code), 0);
            assert!(qd_stream_send_copy(server, stream, b"x".as_ptr(), 1, false, &mut 0) == 1);
            assert_eq!(qd_stream_shutdown(server, stream, 1, code), 0);
        }
        pipe.exchange();
        let (mut stopped, mut reset, mut fin, mut out) = (0, 0, false, [0; 16]);
        let client = pipe.client.connection;
        unsafe {
            assert_eq!(qd_stream_capacity(client, stream, &mut stopped), STOPPED);
            let got = qd_stream_recv(client, stream, out.as_mut_ptr(), 16, &mut fin, &mut reset);
            assert_eq!(got, RESET);
        }
        assert_eq!((stopped, reset), (code, code));
    }
}

/// RFC 9218 §4: at one urgency in the order of their IDs, or taking turns.
#[test]
fn urgency_is_the_order_of_delivery() {
    let pipe = Pipe::established();
    let urgencies = [(0, 7), (4, 3), (8, 0), (12, 5)];
    for (stream, _) in urgencies {
        pipe.client.send(stream, b"?", true);
    }
    pipe.exchange();
    for (stream, urgency) in urgencies {
        unsafe { qd_stream_priority(pipe.server.connection, stream, urgency, false) };
        assert_eq!(pipe.server.send(stream, &[1; 3000], true), 3000);
    }
    let mut finished = Vec::new();
    while let Some((_, bytes)) = pipe.server.train(1, 65_536) {
        let packet = Packet { bytes, from: address(SERVER), to: pipe.nat };
        pipe.client.receive(&packet, packet.from, address(CLIENT));
        for (stream, _) in urgencies {
            if !finished.contains(&stream) && pipe.client.read(stream).1 {
                finished.push(stream);
            }
        }
    }
    assert_eq!(finished, [8, 4, 12, 0]);
}
