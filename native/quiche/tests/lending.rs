//! Memory that was lent comes back exactly once, on every way there is.

mod support;

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use quicd_quiche::buffer::qd_set_release;
use quicd_quiche::connection::qd_free;
use quicd_quiche::datagrams::*;
use quicd_quiche::streams::*;
use support::*;

/// What a loan's |owner| points to; |slab| and |index| must come back as they were given.
#[derive(Default)]
struct Slab {
    released: AtomicU32,
}

const SLAB: u32 = 3;

unsafe extern "C" fn release(owner: *mut c_void, slab: u32, _index: u32) {
    assert_eq!(slab, SLAB);
    (*owner.cast::<Slab>()).released.fetch_add(1, Ordering::Relaxed);
}

impl Slab {
    fn new() -> Self {
        qd_set_release(Some(release));
        Slab::default()
    }

    fn send(&self, end: &End, stream: u64, data: &[u8], fin: bool) -> isize {
        let owner = (&raw const *self).cast_mut().cast();
        let (data, bytes) = (data.as_ptr(), data.len());
        unsafe {
            qd_stream_send_ref(
                end.connection,
                stream,
                data,
                bytes,
                fin,
                owner,
                SLAB,
                9,
                std::ptr::null_mut(),
            )
        }
    }

    fn datagram(&self, end: &End, data: &[u8]) -> i32 {
        let owner = (&raw const *self).cast_mut().cast();
        unsafe {
            qd_datagram_send_ref(end.connection, data.as_ptr(), data.len(), owner, SLAB, 9, 0)
        }
    }

    fn released(&self) -> u32 {
        self.released.load(Ordering::Relaxed)
    }
}

const BODY: [u8; 5000] = [0xb0; 5000];

fn asked() -> Pipe {
    let pipe = Pipe::established();
    pipe.client.send(0, b"?", false);
    pipe.exchange();
    pipe
}

#[test]
fn at_the_ack_of_the_last_byte() {
    let (pipe, slab) = (asked(), Slab::new());
    assert_eq!(slab.send(&pipe.server, 0, &BODY, true), 5000);
    assert_eq!(slab.released(), 0);
    pipe.server_to_client();
    assert_eq!(slab.released(), 0, "sent is not acknowledged");
    pipe.exchange();
    assert_eq!(slab.released(), 1);
    assert_eq!(pipe.client.read(0), (BODY.to_vec(), true));
    drop(pipe);
    assert_eq!(slab.released(), 1);
}

#[test]
fn at_a_reset_by_us() {
    let (pipe, slab) = (asked(), Slab::new());
    assert_eq!(slab.send(&pipe.server, 0, &BODY, false), 5000);
    assert_eq!(unsafe { qd_stream_shutdown(pipe.server.connection, 0, 1, 7) }, 0);
    assert_eq!(slab.released(), 1);
    pipe.exchange();
    drop(pipe);
    assert_eq!(slab.released(), 1);
}

#[test]
fn at_stop_sending_by_the_peer() {
    let (pipe, slab) = (asked(), Slab::new());
    assert_eq!(slab.send(&pipe.server, 0, &BODY, false), 5000);
    assert_eq!(unsafe { qd_stream_shutdown(pipe.client.connection, 0, 0, 77) }, 0);
    pipe.client_to_server();
    assert_eq!(slab.released(), 1);
    let mut code = 0;
    assert_eq!(unsafe { qd_stream_capacity(pipe.server.connection, 0, &mut code) }, -15);
    assert_eq!(code, 77);
    assert_eq!(slab.send(&pipe.server, 0, &BODY, false), -15);
    assert_eq!(slab.released(), 2, "an error gives back at once");
}

#[test]
fn when_the_connection_is_freed() {
    let (pipe, slab) = (asked(), Slab::new());
    assert_eq!(slab.send(&pipe.server, 0, &BODY[..2000], false), 2000);
    pipe.server_to_client();
    assert_eq!(slab.send(&pipe.server, 0, &BODY[2000..], true), 3000);
    drop(pipe);
    assert_eq!(slab.released(), 2);
}

#[test]
fn on_errors() {
    let (pipe, slab) = (asked(), Slab::new());
    assert_eq!(slab.send(&pipe.server, 2, &BODY, false), -7, "the client's unidirectional stream");
    assert_eq!(
        slab.send(&pipe.server, 4_000_000, &BODY, false),
        -7,
        "a stream the client never opened"
    );
    assert_eq!(slab.released(), 2);
    let nobody = std::ptr::null_mut();
    let owner = (&raw const slab).cast_mut().cast();
    assert_eq!(
        unsafe {
            qd_stream_send_ref(nobody, 0, BODY.as_ptr(), 1, false, owner, SLAB, 9, nobody.cast())
        },
        -99
    );
    assert_eq!(slab.released(), 3);
}

#[test]
fn an_empty_fin_is_no_loan() {
    let (pipe, slab) = (asked(), Slab::new());
    assert_eq!(slab.send(&pipe.server, 0, &[], true), 0);
    assert_eq!(slab.released(), 1);
    pipe.exchange();
    assert_eq!(pipe.client.read(0), (vec![], true));
}

/// The peer's window ends in the middle: one loan for the taken part, nothing for the tail, and no
/// FIN.
#[test]
fn a_partial_take() {
    let slab = Slab::new();
    let small = |options: &mut quicd_quiche::config::Options| {
        options.initial_max_stream_data_bidi_local = 1200;
    };
    let pipe = Pipe::with(small, |_| {}, CID_BYTES);
    pipe.establish();
    pipe.client.send(0, b"?", true);
    pipe.exchange();
    assert_eq!(slab.send(&pipe.server, 0, &BODY, true), 1200);
    assert_eq!(slab.released(), 0);
    assert_eq!(slab.send(&pipe.server, 0, &BODY[1200..], true), 0, "nothing taken");
    assert_eq!(slab.released(), 1);
    pipe.exchange();
    assert_eq!(slab.released(), 2);
    assert_eq!(pipe.client.read(0), (BODY[..1200].to_vec(), false));
    // Reading moved the window; the stream is reported and takes the rest.
    pipe.exchange();
    let mut ids = [0; 4];
    assert_eq!(unsafe { qd_next_writable(pipe.server.connection, ids.as_mut_ptr(), 4) }, 1);
    assert_eq!(ids[0], 0);
    let (mut at, mut read, mut fin) = (1200, 0, false);
    assert!(pipe.exchange_until(Duration::from_secs(2), |pipe| {
        if at < BODY.len() {
            at += slab.send(&pipe.server, 0, &BODY[at..], true).max(0) as usize;
        }
        let (more, end) = pipe.client.read(0);
        read += more.len();
        fin |= end;
        fin
    }));
    assert_eq!(read, 3800);
}

fn with_datagrams() -> Pipe {
    let some = |options: &mut quicd_quiche::config::Options| {
        options.datagram_receive_queue = 4;
        options.datagram_send_queue = 4;
    };
    let pipe = Pipe::with(some, some, CID_BYTES);
    pipe.establish();
    pipe
}

#[test]
fn datagrams() {
    let (pipe, slab) = (with_datagrams(), Slab::new());
    assert_eq!(slab.datagram(&pipe.server, &BODY[..1000]), 0);
    assert_eq!(slab.released(), 0);
    assert_eq!(unsafe { qd_datagram_send_queue(pipe.server.connection) }, 1);
    pipe.server_to_client();
    assert_eq!(slab.released(), 1, "copied into the packet");
    let mut out = [0; 2000];
    assert_eq!(unsafe { qd_datagram_front_bytes(pipe.client.connection) }, 1000);
    assert_eq!(
        unsafe { qd_datagram_recv(pipe.client.connection, out.as_mut_ptr(), out.len()) },
        1000
    );
    assert_eq!(
        unsafe { qd_datagram_recv(pipe.client.connection, out.as_mut_ptr(), out.len()) },
        -1
    );
    assert_eq!(out[..1000], BODY[..1000]);

    assert_eq!(slab.datagram(&pipe.server, &BODY), -2, "larger than a packet");
    assert_eq!(slab.released(), 2);
    for _ in 0..4 {
        assert_eq!(slab.datagram(&pipe.server, &BODY[..10]), 0);
    }
    assert_eq!(slab.datagram(&pipe.server, &BODY[..10]), 1, "the oldest goes");
    assert_eq!(slab.released(), 3);
    drop(pipe);
    assert_eq!(slab.released(), 7);
}

#[test]
fn datagrams_to_a_peer_without_them() {
    let (pipe, slab) = (Pipe::established(), Slab::new());
    assert_eq!(unsafe { qd_datagram_max_bytes(pipe.server.connection) }, -1);
    assert_eq!(slab.datagram(&pipe.server, b"x"), -6);
    assert_eq!(slab.released(), 1);
}

#[test]
fn freeing_nothing_is_harmless() {
    unsafe { qd_free(std::ptr::null_mut()) };
}
