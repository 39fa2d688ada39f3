//! Path MTU discovery (RFC 8899) on a path that loses what is larger than it takes.

mod support;

use std::time::Duration;

use quicd_quiche::datagrams::*;
use support::*;

const PATH_MTU: usize = 1400;
const ROUND_BYTES: usize = 20_000;

fn pipe() -> Pipe {
    let queues = |options: &mut quicd_quiche::config::Options| {
        options.datagram_receive_queue = 16;
        options.datagram_send_queue = 16;
        options.max_send_udp_payload_bytes = 1452;
        options.max_recv_udp_payload_bytes = 65_527;
    };
    Pipe::with(
        queues,
        |options| {
            queues(options);
            options.discover_pmtu = true;
            options.initial_window_packets = 100;
        },
        CID_BYTES,
    )
}

fn max(pipe: &Pipe) -> usize {
    unsafe { qd_datagram_max_bytes(pipe.server.connection) as usize }
}

/// Server to client; returns how many packets there were, and how many of them the path has lost.
/// Of each train all packets but the last are of one size, and one that is too large for the path
/// is alone.
fn cross(pipe: &Pipe) -> (usize, usize) {
    let (mut all, mut lost) = (0, 0);
    while let Some((train, bytes)) = pipe.server.train(64, 65_536) {
        if train.segment_bytes as usize > PATH_MTU {
            assert_eq!(train.segments, 1, "a probe takes others with it: {train:?}");
        }
        for segment in bytes.chunks(train.segment_bytes as usize) {
            all += 1;
            if segment.len() > PATH_MTU {
                lost += 1;
                continue;
            }
            let packet = Packet { bytes: segment.to_vec(), from: address(SERVER), to: pipe.nat };
            pipe.client.receive(&packet, packet.from, address(CLIENT));
        }
    }
    (all, lost)
}

#[test]
fn it_is_found_while_data_flows_and_datagrams_follow() {
    let mut pipe = pipe();
    // Not exchange(): the probes begin with the end of the handshake.
    while pipe.client_to_server() + cross(&pipe).0 > 0 {}
    assert!(pipe.client.state().established && pipe.server.state().established);
    pipe.client.send(0, b"?", true);
    pipe.client_to_server();
    let body: Vec<u8> = (0..1_500_000).map(|i| (i % 251) as u8).collect();
    let (mut written, mut lost, mut received, mut maxima) = (0, 0, Vec::new(), vec![max(&pipe)]);
    let end = now_ns() + Duration::from_secs(20).as_nanos() as u64;
    let mut done = false;
    while !done && now_ns() < end {
        // A round trip's worth: each probe takes some to be found lost, and is tried three times.
        let last = body.len().min(written + ROUND_BYTES);
        let taken = pipe.server.send(0, &body[written..last], last == body.len());
        written += taken.max(0) as usize;
        lost += cross(&pipe).1;
        let (more, fin) = pipe.client.read(0);
        received.extend(more);
        done = fin;
        pipe.client_to_server();
        pipe.server.timers();
        pipe.client.timers();
        if maxima.last() != Some(&max(&pipe)) {
            maxima.push(max(&pipe));
        }
    }
    assert!(received == body, "{} of {} bytes", received.len(), body.len());
    let stats = pipe.server.stats();
    println!(
        "path MTU {PATH_MTU}: found {}, {lost} probes lost, datagrams {maxima:?}",
        stats.path_mtu_bytes
    );
    assert_eq!(stats.path_mtu_bytes as usize, PATH_MTU);
    assert!(maxima.is_sorted(), "never promised more than fits: {maxima:?}");
    // 1 of header, 19 of connection ID, 4 of packet number, 16 of tag, 3 of frame: the rest.
    assert_eq!(max(&pipe), PATH_MTU - 1 - CID_BYTES - 4 - 16 - 3);
    pipe.server.drain_events();
    let datagram = vec![5; max(&pipe)];
    unsafe { qd_datagram_send_copy(pipe.server.connection, datagram.as_ptr(), datagram.len()) };
    assert_eq!(cross(&pipe).1, 0);
    let mut out = [0; 2048];
    let got = unsafe { qd_datagram_recv(pipe.client.connection, out.as_mut_ptr(), out.len()) };
    assert_eq!(got as usize, datagram.len());
    pipe.server.offer_cids();
}
