//! A lost packet makes CUBIC's window smaller until it has grown again; one that was only late
//! does not (RFC 9438 §4.6, §4.9.2).

mod support;

use std::collections::VecDeque;
use std::time::Duration;

use support::*;

const STREAM: u64 = 0;
const DATA: [u8; 100_000] = [7; 100_000];
/// Ends slow start, from where no window is taken back.
const FIRST_LOSS: usize = 97;
const SECOND_LOSS: usize = 700;
const PACKETS: usize = 1400;
/// Others that overtake the late one; behind three it is lost (RFC 9002 §6.1.1).
const OVERTAKE: usize = 8;

#[derive(PartialEq)]
enum Second {
    Lost,
    Late,
}

/// A server's window before the second loss, and at the end. It always has more to send; packets
/// arrive one by one.
fn windows(second: Second) -> (u64, u64) {
    let generous = |options: &mut quicd_quiche::config::Options| {
        options.initial_max_data = 1 << 30;
        options.initial_max_stream_data_bidi_local = 1 << 30;
    };
    let pipe = Pipe::with(generous, |_| {}, CID_BYTES);
    pipe.establish();
    pipe.client.send(STREAM, b"?", false);
    pipe.client_to_server();
    pipe.server.read(STREAM);
    let window = || pipe.server.stats().congestion_window_bytes;
    let (mut path, mut late) = (VecDeque::new(), None);
    let (mut sent, mut overtook, mut before) = (0, 0, 0);
    while sent < PACKETS {
        while pipe.server.send(STREAM, &DATA, false) > 0 {}
        for packet in pipe.server.packets() {
            sent += 1;
            match sent {
                FIRST_LOSS => {}
                SECOND_LOSS => (before, late) = (window(), Some(packet)),
                _ => path.push_back(packet),
            }
        }
        let mut packet = path.pop_front();
        overtook += usize::from(late.is_some() && packet.is_some());
        if second == Second::Late && overtook > OVERTAKE && late.is_some() {
            path.push_front(packet.take().expect("what overtakes"));
            packet = late.take();
        }
        if let Some(packet) = packet {
            pipe.client.receive(&packet, packet.from, address(CLIENT));
        } else {
            std::thread::sleep(Duration::from_millis(1));
            pipe.server.timers();
            pipe.client.timers();
        }
        pipe.client_to_server();
        pipe.client.read(STREAM);
    }
    (before, window())
}

#[test]
fn a_lost_packet_makes_the_window_smaller_for_good() {
    let (before, after) = windows(Second::Lost);
    println!("{before} bytes before, {after} after");
    assert!(after * 10 < before * 9, "{after} of {before}");
}

#[test]
fn a_late_packet_does_not() {
    let (before, after) = windows(Second::Late);
    println!("{before} bytes before, {after} after");
    assert!(after >= before, "{after} of {before}");
}
