//! Datagrams, RFC 9221: what becomes of each, and what happens where the queue or the path ends.

mod support;

use std::cell::RefCell;
use std::ffi::c_void;

use quicd_quiche::buffer::*;
use quicd_quiche::config::Options;
use quicd_quiche::datagrams::*;
use support::*;

/// What a loan's owner points to: (request, outcome) in the order they were told.
type Told = RefCell<Vec<(u32, u32)>>;

unsafe extern "C" fn release(_owner: *mut c_void, _slab: u32, _index: u32) {}

unsafe extern "C" fn tell(owner: *mut c_void, request: u32, outcome: u32) {
    (*owner.cast::<Told>()).borrow_mut().push((request, outcome));
}

fn queue_of(datagrams: u64) -> impl Fn(&mut Options) {
    move |options| {
        options.datagram_receive_queue = datagrams;
        options.datagram_send_queue = datagrams;
    }
}

fn established(datagrams: u64) -> Pipe {
    let pipe = Pipe::with(queue_of(datagrams), queue_of(datagrams), CID_BYTES);
    pipe.establish();
    pipe
}

fn send(end: &End, told: &Told, data: &[u8], request: u32) -> i32 {
    qd_set_release(Some(release));
    qd_set_outcome(Some(tell));
    let owner = (&raw const *told).cast_mut().cast();
    unsafe { qd_datagram_send_ref(end.connection, data.as_ptr(), data.len(), owner, 0, 0, request) }
}

fn receive(end: &End) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut out = [0; 2048];
    loop {
        let bytes = unsafe { qd_datagram_recv(end.connection, out.as_mut_ptr(), out.len()) };
        if bytes < 0 {
            return all;
        }
        all.push(out[..bytes as usize].to_vec());
    }
}

#[test]
fn each_is_told_once_when_it_leaves() {
    let (pipe, told) = (established(8), Told::default());
    let data = [[1; 10], [2; 10], [3; 10]];
    for (i, datagram) in data.iter().enumerate() {
        assert_eq!(send(&pipe.server, &told, datagram, i as u32), 0);
    }
    assert!(told.borrow().is_empty(), "nothing has left yet");
    pipe.exchange();
    assert_eq!(receive(&pipe.client), data);
    // Request 0 is nobody's.
    assert_eq!(*told.borrow(), [(1, SENT), (2, SENT)]);
}

#[test]
fn a_full_queue_gives_up_the_oldest() {
    let (pipe, told) = (established(4), Told::default());
    let data: Vec<[u8; 5]> = (0..10).map(|i| [i; 5]).collect();
    let results: Vec<i32> =
        data.iter().map(|one| send(&pipe.server, &told, one, 1 + one[0] as u32)).collect();
    assert_eq!(results, [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    let dropped: Vec<_> = (1..=6).map(|request| (request, DROPPED)).collect();
    assert_eq!(*told.borrow(), dropped);
    pipe.exchange();
    assert_eq!(receive(&pipe.client), &data[6..]);
    assert_eq!(told.borrow()[6..], [(7, SENT), (8, SENT), (9, SENT), (10, SENT)]);
}

#[test]
fn a_full_receive_queue_gives_up_the_oldest() {
    let told = Told::default();
    let pipe = Pipe::with(queue_of(3), queue_of(16), CID_BYTES);
    pipe.establish();
    let data: Vec<[u8; 5]> = (0..8).map(|i| [i; 5]).collect();
    for one in &data {
        assert_eq!(send(&pipe.server, &told, one, 0), 0);
    }
    pipe.exchange();
    assert_eq!(receive(&pipe.client), &data[5..]);
    assert_eq!(pipe.client.stats().datagrams_received, 8);
}

#[test]
fn an_oversized_one_costs_nothing() {
    let (pipe, told) = (established(1), Told::default());
    let max = unsafe { qd_datagram_max_bytes(pipe.server.connection) } as usize;
    let body = vec![9; max + 1];
    assert_eq!(send(&pipe.server, &told, &body[..max], 1), 0);
    assert_eq!(send(&pipe.server, &told, &body, 2), -2, "QD_ERROR_BUFFER_TOO_SHORT");
    assert!(told.borrow().is_empty(), "the queue is full, and the oldest one stays");
    pipe.exchange();
    assert_eq!(receive(&pipe.client), [&body[..max]]);
    assert_eq!(*told.borrow(), [(1, SENT)]);
}

#[test]
fn a_freed_connection_tells_of_what_waits() {
    let (pipe, told) = (established(4), Told::default());
    let data = [0; 5];
    assert_eq!(send(&pipe.server, &told, &data, 1), 0);
    assert_eq!(send(&pipe.server, &told, &data, 2), 0);
    drop(pipe);
    assert_eq!(*told.borrow(), [(1, CLOSED), (2, CLOSED)]);
}

#[test]
fn a_peer_without_the_extension() {
    let told = Told::default();
    let pipe = Pipe::with(|_| {}, queue_of(4), CID_BYTES);
    pipe.establish();
    assert_eq!(send(&pipe.server, &told, &[0; 5], 1), -6, "QD_ERROR_INVALID_STATE");
    assert_eq!(unsafe { qd_datagram_max_bytes(pipe.server.connection) }, -1);
    assert!(told.borrow().is_empty());
}
