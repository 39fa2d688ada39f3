//! patches/01-bare-fin.patch: the end of a stream reaches the peer however it is sent and whatever
//! is lost.

mod support;

use std::time::Duration;
use support::*;

const STREAM: u64 = 0;
const DATA: &[u8] = &[0xda; 100];

/// A bidirectional stream whose request has arrived, so that the server may answer on it.
fn asked() -> Pipe {
    let pipe = Pipe::established();
    assert_eq!(pipe.client.send(STREAM, b"?", true), 1);
    pipe.exchange();
    assert_eq!(pipe.server.read(STREAM), (b"?".to_vec(), true));
    pipe
}

#[test]
fn written_alone_after_all_data_was_acked() {
    let pipe = asked();
    assert_eq!(pipe.server.send(STREAM, DATA, false), 100);
    pipe.server_to_client();
    assert_eq!(pipe.client.read(STREAM), (DATA.to_vec(), false));
    assert_eq!(pipe.server.send(STREAM, &[], true), 0);
    // The ACK of the data comes before the next send.
    pipe.client_to_server();
    pipe.exchange();
    assert_eq!(pipe.client.read(STREAM), (vec![], true));
}

#[test]
fn lost_alone_after_all_data_was_acked() {
    let pipe = asked();
    assert_eq!(pipe.server.send(STREAM, DATA, false), 100);
    pipe.exchange();
    assert_eq!(pipe.client.read(STREAM), (DATA.to_vec(), false));
    assert_eq!(pipe.server.send(STREAM, &[], true), 0);
    assert!(!pipe.server.packets().is_empty(), "the packet that is lost");
    assert!(pipe.exchange_until(Duration::from_secs(5), |pipe| pipe.client.read(STREAM).1));
}

/// The data arrives in a first packet; the one with the end is lost while the ACK of the data is
/// still on its way.
#[test]
fn lost_alone_before_the_data_was_acked() {
    let pipe = asked();
    assert_eq!(pipe.server.send(STREAM, DATA, false), 100);
    pipe.server_to_client();
    assert_eq!(pipe.server.send(STREAM, &[], true), 0);
    assert!(!pipe.server.packets().is_empty(), "the packet that is lost");
    assert_eq!(pipe.client.read(STREAM), (DATA.to_vec(), false));
    assert!(pipe.exchange_until(Duration::from_secs(5), |pipe| pipe.client.read(STREAM).1));
}

/// A gap in the middle is retransmitted, the end was in a packet of its own, and both were lost.
#[test]
fn lost_together_with_a_gap_in_the_data() {
    let pipe = asked();
    let body: Vec<u8> = (0..5000u32).map(|i| i as u8).collect();
    assert_eq!(pipe.server.send(STREAM, &body, false), 5000);
    let packets = pipe.server.packets();
    assert!(packets.len() >= 4);
    assert_eq!(pipe.server.send(STREAM, &[], true), 0);
    assert!(!pipe.server.packets().is_empty(), "the packet with the end is lost");
    for (number, packet) in packets.iter().enumerate() {
        if number != 1 {
            pipe.client.receive(packet, packet.from, address(CLIENT));
        }
    }
    let mut read = Vec::new();
    assert!(pipe.exchange_until(Duration::from_secs(5), |pipe| {
        let (more, fin) = pipe.client.read(STREAM);
        read.extend(more);
        fin
    }));
    assert_eq!(read, body);
}

#[test]
fn sent_with_the_last_bytes() {
    let pipe = asked();
    assert_eq!(pipe.server.send(STREAM, DATA, true), 100);
    pipe.exchange();
    assert_eq!(pipe.client.read(STREAM), (DATA.to_vec(), true));
}

#[test]
fn of_an_empty_stream() {
    let pipe = asked();
    assert_eq!(pipe.server.send(STREAM, &[], true), 0);
    assert!(!pipe.server.packets().is_empty(), "the packet that is lost");
    assert!(pipe.exchange_until(Duration::from_secs(5), |pipe| pipe.client.read(STREAM).1));
}

/// A stream that both sides have ended is forgotten: else a long connection would collect them.
#[test]
fn a_finished_stream_is_collected() {
    let pipe = asked();
    assert_eq!(pipe.server.send(STREAM, DATA, false), 100);
    pipe.server_to_client();
    assert_eq!(pipe.server.send(STREAM, &[], true), 0);
    pipe.exchange();
    assert_eq!(pipe.client.read(STREAM), (DATA.to_vec(), true));
    pipe.exchange();
    let capacity = unsafe {
        quicd_quiche::streams::qd_stream_capacity(
            pipe.server.connection,
            STREAM,
            std::ptr::null_mut(),
        )
    };
    assert_eq!(capacity, -7, "InvalidStreamState: the stream is gone");
}

#[test]
fn a_reset_stream_is_collected() {
    let pipe = asked();
    assert_eq!(pipe.server.send(STREAM, DATA, false), 100);
    pipe.exchange();
    unsafe { quicd_quiche::streams::qd_stream_shutdown(pipe.server.connection, STREAM, 1, 42) };
    pipe.exchange();
    let mut code = 0;
    let mut byte = 0u8;
    let result = unsafe {
        let none = std::ptr::null_mut();
        quicd_quiche::streams::qd_stream_recv(
            pipe.client.connection,
            STREAM,
            &mut byte,
            1,
            none,
            &mut code,
        )
    };
    assert_eq!((result, code), (-16, 42));
    let capacity = unsafe {
        quicd_quiche::streams::qd_stream_capacity(
            pipe.server.connection,
            STREAM,
            std::ptr::null_mut(),
        )
    };
    assert_eq!(capacity, -7, "InvalidStreamState: the stream is gone");
}
