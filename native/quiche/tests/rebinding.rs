//! patches/02-path-eviction.patch: a connection survives any number of NAT rebindings.

mod support;

use std::time::Duration;
use support::*;

const STREAM: u64 = 0;

/// |rebindings| changes of the port; after each the client asks for 10 KB and must get them.
fn survives(client_limit: u64, cid_bytes: usize, offers: bool, rebindings: usize, congestion: u32) {
    let mut pipe = Pipe::with(
        |options| options.active_connection_id_limit = client_limit,
        |options| {
            options.active_connection_id_limit = 8;
            options.congestion = congestion;
        },
        cid_bytes,
    );
    pipe.establish();
    pipe.server.offer_cids();
    let answer = vec![0xaa; 10_000];
    for round in 0..rebindings {
        if offers {
            pipe.client.offer_cids();
        }
        pipe.server.offer_cids();
        pipe.rebind();
        assert_eq!(pipe.client.send(STREAM, b"more", false), 4, "round {round}");
        pipe.client_to_server();
        assert_eq!(pipe.server.read(STREAM).0, b"more", "round {round}");
        let mut sent = 0;
        let mut received = 0;
        let arrived = pipe.exchange_until(Duration::from_secs(5), |pipe| {
            sent += pipe.server.send(STREAM, &answer[sent..], false).max(0) as usize;
            received += pipe.client.read(STREAM).0.len();
            pipe.server.drain_events();
            pipe.client.drain_events();
            received == answer.len()
        });
        assert!(arrived, "round {round}: {received} bytes of {sent}; {:?}", pipe.server.state());
        assert!(pipe.server.stats().paths <= 8);
    }
    assert!(!pipe.server.state().closed && !pipe.client.state().closed);
}

#[test]
fn two_hundred_with_limit_2_and_spare_cids() {
    survives(2, CID_BYTES, true, 200, 0);
}

#[test]
fn two_hundred_with_limit_2_and_none() {
    survives(2, CID_BYTES, false, 200, 0);
}

#[test]
fn two_hundred_with_limit_8_and_spare_cids() {
    survives(8, CID_BYTES, true, 200, 0);
}

#[test]
fn two_hundred_with_limit_8_and_none() {
    survives(8, CID_BYTES, false, 200, 0);
}

/// As browsers do it.
#[test]
fn two_hundred_with_zero_length_cids() {
    survives(8, 0, false, 200, 0);
}

#[test]
fn forty_with_bbr2() {
    survives(8, CID_BYTES, true, 40, 2);
}

/// The port changes while packets are under way: what was sent to the old one is lost, and comes
/// again on the new one.
#[test]
fn in_the_middle_of_a_transfer() {
    let mut pipe = Pipe::established();
    pipe.client.offer_cids();
    pipe.server.offer_cids();
    pipe.client.send(STREAM, b"go", true);
    pipe.client_to_server();
    let body: Vec<u8> = (0..400_000u32).map(|i| (i % 251) as u8).collect();
    let (mut sent, mut received) = (0, Vec::new());
    let mut rebindings = 0;
    while received.len() < body.len() {
        sent += pipe.server.send(STREAM, &body[sent..], false).max(0) as usize;
        pipe.server_to_client();
        if rebindings < 60 {
            pipe.rebind();
            rebindings += 1;
        }
        // The client has ACKs to send, and they come from the new port.
        pipe.client_to_server();
        received.extend(pipe.client.read(STREAM).0);
        for end in [&pipe.client, &pipe.server] {
            assert!(!end.state().closed);
            end.timers();
            end.drain_events();
        }
        pipe.client.offer_cids();
        unsafe { quicd_quiche::state::qd_send_ack_eliciting(pipe.client.connection) };
        std::thread::sleep(Duration::from_micros(200));
    }
    assert_eq!(rebindings, 60);
    assert!(received == body);
}

/// patches/11-left-path-loss.patch: one rebinding while a whole window is on its way to the old
/// port. There is room for more paths, so none is evicted; what the left path has in flight is lost
/// all the same.
fn comes_again_from_a_left_path(congestion: u32) {
    let mut pipe = Pipe::with(|_| {}, |options| options.congestion = congestion, CID_BYTES);
    pipe.establish();
    pipe.client.send(STREAM, b"go", true);
    pipe.exchange();
    let body = vec![7; 300_000];
    let (mut sent, mut received) = (0, 0);
    // Open the window before it happens.
    while received < 100_000 {
        sent += pipe.server.send(STREAM, &body[sent..], true).max(0) as usize;
        pipe.exchange();
        received += pipe.client.read(STREAM).0.len();
    }
    sent += pipe.server.send(STREAM, &body[sent..], true).max(0) as usize;
    let mut lost = pipe.server.packets().len();
    for _ in 0..100 {
        // A paced sender takes its time.
        std::thread::sleep(Duration::from_millis(1));
        lost += pipe.server.packets().len();
    }
    assert!(lost >= 5, "{lost}");
    pipe.rebind();
    let arrived = pipe.exchange_until(Duration::from_secs(2), |pipe| {
        // A client that only waits would never show its new port.
        unsafe { quicd_quiche::state::qd_send_ack_eliciting(pipe.client.connection) };
        sent += pipe.server.send(STREAM, &body[sent..], true).max(0) as usize;
        let (data, fin) = pipe.client.read(STREAM);
        received += data.len();
        pipe.server.drain_events();
        fin
    });
    assert!(arrived, "{received} of {sent} bytes");
    assert_eq!(received, body.len());
}

#[test]
fn a_window_lost_on_a_left_path_comes_again() {
    comes_again_from_a_left_path(0);
}

#[test]
fn a_window_lost_on_a_left_path_comes_again_with_bbr2() {
    comes_again_from_a_left_path(2);
}

/// With room for two paths, what a path had not delivered when it went is sent again on the one
/// that is left.
#[test]
fn data_of_an_evicted_path_is_not_lost() {
    let mut pipe = Pipe::with(|_| {}, |options| options.active_connection_id_limit = 2, CID_BYTES);
    pipe.establish();
    pipe.client.send(STREAM, b"go", true);
    pipe.exchange();
    assert_eq!(pipe.server.send(STREAM, &[1; 5000], true), 5000);
    assert!(pipe.server.packets().len() >= 4, "these are lost");
    for _ in 0..3 {
        pipe.rebind();
        unsafe { quicd_quiche::state::qd_send_ack_eliciting(pipe.client.connection) };
        assert!(pipe.client_to_server() > 0);
        pipe.server.drain_events();
    }
    let mut received = 0;
    assert!(pipe.exchange_until(Duration::from_secs(5), |pipe| {
        let (data, fin) = pipe.client.read(STREAM);
        received += data.len();
        fin
    }));
    assert_eq!(received, 5000);
}

/// A server whose application does not look at events keeps a bounded number of them.
#[test]
fn events_are_bounded() {
    let mut pipe = Pipe::established();
    for _ in 0..500 {
        pipe.rebind();
        unsafe { quicd_quiche::state::qd_send_ack_eliciting(pipe.client.connection) };
        pipe.client_to_server();
        pipe.server.packets();
    }
    let events = pipe.server.drain_events();
    assert!(events.len() < 200, "{}", events.len());
    // And it goes on where they are taken.
    for _ in 0..20 {
        pipe.rebind();
        unsafe { quicd_quiche::state::qd_send_ack_eliciting(pipe.client.connection) };
        assert!(pipe.exchange_until(Duration::from_secs(1), |pipe| {
            pipe.server.drain_events();
            true
        }));
    }
    assert!(!pipe.server.state().closed);
}

/// A peer whose new address could not be validated in time, since what was sent there got lost, and
/// that goes on sending from it, is followed again (patches/12-failed-path-again.patch).
#[test]
fn a_failed_path_gets_another_try() {
    let mut pipe = Pipe::established();
    for round in 0..3 {
        pipe.rebind();
        unsafe { quicd_quiche::state::qd_send_ack_eliciting(pipe.client.connection) };
        assert!(pipe.client_to_server() > 0);
        let failed = 2; // QD_PATH_FAILED
        let limit = std::time::Instant::now() + Duration::from_secs(10);
        loop {
            pipe.server.packets(); // all of them are lost
            let wait = pipe.server.timers().unwrap_or(Duration::from_millis(1));
            if pipe.server.drain_events().iter().any(|event| event.kind == failed) {
                break;
            }
            assert!(std::time::Instant::now() < limit, "round {round}: validation goes on");
            std::thread::sleep(wait.min(Duration::from_millis(20)));
        }
        for _ in 0..3 {
            unsafe { quicd_quiche::state::qd_send_ack_eliciting(pipe.client.connection) };
            pipe.client_to_server();
            assert!(!pipe.server.state().closed && !pipe.server.state().draining);
        }
        assert_eq!(pipe.client.send(STREAM, b"still me", false), 8);
        assert!(pipe.exchange_until(Duration::from_secs(5), |pipe| {
            pipe.server.drain_events();
            pipe.server.read(STREAM).0.len() == 8
        }));
    }
}

/// A packet copied by somebody on the path and sent from elsewhere does not take the connection
/// away for good.
#[test]
fn the_validated_path_outlives_spoofed_ones() {
    let pipe = Pipe::established();
    for port in 1..=100u16 {
        unsafe { quicd_quiche::state::qd_send_ack_eliciting(pipe.client.connection) };
        for packet in pipe.client.packets() {
            let mut elsewhere = address("203.0.113.66:1000");
            elsewhere.set_port(1000 + port);
            pipe.server.receive(&packet, elsewhere, packet.to);
        }
        pipe.server.packets();
        pipe.server.drain_events();
    }
    assert_eq!(pipe.client.send(STREAM, b"still me", true), 8);
    assert!(pipe.exchange_until(Duration::from_secs(5), |pipe| pipe.server.read(STREAM).1));
    assert!(pipe.server.stats().paths <= 8);
}

/// A packet that was overtaken by the retirement of its connection ID, as happens when the peer
/// moves to another path, is dropped and ends nothing (patches/14-late-packet.patch).
#[test]
fn a_packet_that_its_retirement_overtook() {
    let mut pipe = Pipe::established();
    pipe.exchange();
    assert_eq!(pipe.client.send(STREAM, b"one", false), 3);
    let late = pipe.client.packets();
    assert_eq!(late.len(), 1);
    // The client is told to retire the ID of |late|, and does.
    pipe.server.offer_cids();
    let cid = [0x99; CID_BYTES];
    let token = [0x99; 16];
    let sequence = unsafe {
        quicd_quiche::cids::qd_new_scid(
            pipe.server.connection,
            cid.as_ptr(),
            CID_BYTES,
            token.as_ptr(),
            true,
        )
    };
    assert!(sequence > 0, "{sequence}");
    pipe.server_to_client();
    pipe.client_to_server();
    let mut retired = [0; CID_BYTES];
    assert!(unsafe {
        quicd_quiche::cids::qd_retired_scid(pipe.server.connection, retired.as_mut_ptr())
    });
    assert_eq!(late[0].bytes[1..1 + CID_BYTES], retired);
    assert!(pipe.server.receive(&late[0], late[0].from, late[0].to) >= -1);
    assert!(!pipe.server.state().closed && !pipe.server.state().draining);
    // What was in it comes again.
    let mut received = Vec::new();
    assert!(pipe.exchange_until(Duration::from_secs(5), |pipe| {
        received.extend(pipe.server.read(STREAM).0);
        received == b"one"
    }));
    assert!(!pipe.client.state().closed);
}

/// A PATH_CHALLENGE that is lost while data and its acknowledgements flow is sent again, without
/// waiting for a silence (patches/16-challenge-again.patch).
#[test]
fn a_lost_challenge_is_sent_again_amid_data() {
    let mut pipe = Pipe::established();
    pipe.client.offer_cids();
    pipe.server.offer_cids();
    pipe.client.send(STREAM, b"go", false);
    pipe.exchange();
    pipe.rebind();
    assert_eq!(pipe.client.send(STREAM, b"more", false), 4);
    pipe.client_to_server();
    assert!(!pipe.server.packets().is_empty(), "the challenge, which is lost");
    let validated = 1; // QD_PATH_VALIDATED
    let limit = std::time::Instant::now() + Duration::from_millis(900);
    while !pipe.server.drain_events().iter().any(|event| event.kind == validated) {
        assert!(std::time::Instant::now() < limit, "no other challenge while data flows");
        // Both have something to say and to acknowledge.
        pipe.server.send(STREAM, b"answer", false);
        pipe.client.send(STREAM, b"question", false);
        pipe.client.read(STREAM);
        pipe.server.read(STREAM);
        pipe.server_to_client();
        pipe.client_to_server();
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A peer that has sent one small packet from its new address, and is silent since, is asked again
/// when the first PATH_CHALLENGE is lost: the little that may be sent there is kept for that
/// (patches/17-challenge-first.patch).
#[test]
fn a_silent_peer_is_asked_again() {
    let mut pipe = Pipe::established();
    pipe.client.offer_cids();
    pipe.server.offer_cids();
    pipe.client.send(STREAM, b"go", false);
    pipe.exchange();
    pipe.rebind();
    assert_eq!(pipe.client.send(STREAM, b"more", false), 4);
    pipe.client_to_server();
    assert_eq!(pipe.server.read(STREAM).0, b"gomore");
    assert!(pipe.server.send(STREAM, &[7; 100_000], false) > 0);
    let lost = pipe.server.packets();
    assert_eq!(lost.len(), 1, "the challenge");
    assert!(lost[0].bytes.len() < 60, "{} bytes", lost[0].bytes.len());
    // The client says nothing: it has had its acknowledgement before, or will never get one.
    let mut received = 0;
    let limit = std::time::Instant::now() + Duration::from_secs(10);
    while received < 10_000 {
        assert!(std::time::Instant::now() < limit, "the connection stands still");
        let wait = pipe.server.timers().unwrap_or(Duration::from_millis(1));
        if pipe.server_to_client() > 0 {
            received += pipe.client.read(STREAM).0.len();
            pipe.client_to_server();
        } else {
            std::thread::sleep(wait.min(Duration::from_millis(5)));
        }
    }
}
