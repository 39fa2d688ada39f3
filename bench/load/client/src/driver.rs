//! The event loop over all connections, and the phases of a run.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::connection::{Connection, Desk, send_buffer, transport_config};
use crate::poller::{Poller, STANDARD_INPUT};
use crate::socket::ReceiveBuffers;
use crate::tally::{Opening, Spent, Tally, cpu_seconds, json};
use crate::workload::{Checker, Mode, pattern_bytes};

const PATIENCE: Duration = Duration::from_secs(10);
/// After so much silence every connection that waits for an answer has a turn: quiche may have
/// something to send although it said otherwise (see Connection::flush).
const SILENCE: Duration = Duration::from_millis(100);
/// A download of gigabytes may take its time to end; silence may not.
const DRAIN_PATIENCE: Duration = Duration::from_secs(60);

pub struct Driver {
    arguments: Arguments,
    poller: Poller,
    connections: Vec<Connection>,
    desk: Desk,
    line_read: bool,
}

/// Returns how many errors there were.
pub fn run(arguments: Arguments) -> io::Result<u64> {
    let mut driver = Driver::open(arguments)?;
    let mut opening = driver.connect();
    let mode = driver.arguments.workload.mode;
    if mode != Mode::Forged {
        driver.load_for(driver.arguments.warm_up, None);
    }
    if mode != Mode::Stream {
        driver.drain();
    }
    if driver.arguments.gate {
        say("{\"ready\":true}");
        driver.await_line();
    }
    let earlier = driver.start_counting();
    let start = Instant::now();
    let (seconds, requests) = (driver.arguments.seconds, driver.arguments.requests);
    match mode {
        Mode::Forged => driver.forge_for(seconds, requests),
        _ => driver.load_for(seconds, requests),
    }
    match mode {
        Mode::Stream => driver.judge_streams(),
        _ => driver.drain(),
    }
    let elapsed = start.elapsed();
    let spent = driver.spent().since(earlier);
    driver.judge_connections(&opening);
    say(&json(&mut driver.desk.tally, &mut opening, spent, elapsed));
    if driver.arguments.gate {
        driver.await_line();
    }
    for connection in &mut driver.connections {
        connection.close(&mut driver.desk);
    }
    Ok(driver.desk.tally.errors.sum())
}

fn say(line: &str) {
    println!("{line}");
    io::stdout().flush().expect("standard output is open");
}

impl Driver {
    fn open(arguments: Arguments) -> io::Result<Driver> {
        let mut config = transport_config().map_err(io::Error::other)?;
        let mut poller = Poller::new(arguments.gate)?;
        let mut connections = Vec::with_capacity(arguments.connections);
        for index in 0..arguments.connections {
            let connection = Connection::open(index, &arguments, &mut config)?;
            poller.watch(connection.socket.fd(), index as u64)?;
            connections.push(connection);
        }
        let upload_bytes = arguments.workload.upload_bytes().min(1 << 20) as usize;
        let desk = Desk {
            receive: ReceiveBuffers::new(),
            send: send_buffer(),
            body: vec![0; 65536],
            upload: pattern_bytes(upload_bytes),
            checker: Checker::new(),
            sequence: 0,
            allowance: 0,
            tally: Tally::default(),
        };
        Ok(Driver {
            arguments,
            poller,
            connections,
            desk,
            line_read: false,
        })
    }

    fn connect(&mut self) -> Opening {
        let end = Instant::now() + PATIENCE;
        self.advance_all();
        while Instant::now() < end && self.connections.iter().any(|c| c.handshake.is_none()) {
            self.turn(end);
        }
        let handshakes = self.connections.iter().filter_map(|c| c.handshake);
        let handshake_us: Vec<u32> = handshakes.map(|time| time.as_micros() as u32).collect();
        let connections = self.connections.len();
        Opening {
            connections,
            connected: handshake_us.len(),
            handshake_us,
        }
    }

    /// Makes requests for this long, or this many of them.
    fn load_for(&mut self, time: Duration, requests: Option<u64>) {
        let end = Instant::now() + requests.map_or(time, |_| Duration::from_secs(3600));
        self.desk.allowance = requests.unwrap_or(u64::MAX);
        self.advance_all();
        while Instant::now() < end && self.desk.allowance > 0 && !self.all_closed() {
            self.turn(end);
        }
        self.desk.allowance = 0;
    }

    /// Sends forged trains for this long, or this many of them.
    fn forge_for(&mut self, time: Duration, trains: Option<u64>) {
        let end = Instant::now() + trains.map_or(time, |_| Duration::from_secs(3600));
        let trains = trains.unwrap_or(u64::MAX);
        let segments = self.arguments.train;
        while self.desk.tally.requests < trains && Instant::now() < end && !self.all_closed() {
            for connection in &mut self.connections {
                connection.send_forged(segments, &mut self.desk);
            }
            // What the server has to say, so that no timer of the connection runs out.
            self.turn(Instant::now());
        }
    }

    /// Waits for the answers to all requests.
    fn drain(&mut self) {
        let end = Instant::now() + DRAIN_PATIENCE;
        while Instant::now() < end && self.connections.iter().any(|c| c.in_flight() > 0) {
            self.turn(end);
        }
        let left: u64 = self.connections.iter_mut().map(Connection::abandon).sum();
        self.desk.tally.errors.unanswered += left;
    }

    fn start_counting(&mut self) -> Spent {
        let errors = std::mem::take(&mut self.desk.tally.errors);
        self.desk.tally = Tally {
            errors,
            ..Tally::default()
        };
        self.spent()
    }

    fn await_line(&mut self) {
        self.line_read = false;
        while !self.line_read {
            self.turn(Instant::now() + PATIENCE);
        }
    }

    fn judge_streams(&mut self) {
        for connection in &self.connections {
            connection.judge_streams(&mut self.desk.tally.errors);
        }
    }

    fn judge_connections(&mut self, opening: &Opening) {
        let closed = self.connections.iter().filter(|c| c.is_closed()).count() as u64;
        let unconnected = (opening.connections - opening.connected) as u64;
        self.desk.tally.errors.unconnected = unconnected.max(closed);
    }

    fn all_closed(&self) -> bool {
        self.connections.iter().all(Connection::is_closed)
    }

    fn spent(&self) -> Spent {
        let mut spent = Spent {
            cpu_seconds: cpu_seconds(),
            ..Spent::default()
        };
        for connection in &self.connections {
            let counts = connection.socket.counts;
            spent.sent += counts.sent;
            spent.received += counts.received;
            spent.system_calls += counts.system_calls;
            spent.lost += connection.lost();
            spent.dropped += connection.socket.dropped();
        }
        spent
    }

    /// Waits for datagrams or a timer, at most until `end`, and does what they ask for.
    fn turn(&mut self, end: Instant) {
        let deadlines = self.connections.iter().filter_map(Connection::deadline);
        let until = deadlines.min().unwrap_or(end).min(end);
        let now = Instant::now();
        let ready = self
            .poller
            .wait(until.saturating_duration_since(now).min(SILENCE));
        let silent = ready.is_empty();
        for index in ready {
            if index == STANDARD_INPUT {
                self.line_read = true;
                continue;
            }
            self.connections[index as usize].receive(&mut self.desk);
            self.advance(index as usize);
        }
        let now = Instant::now();
        for index in 0..self.connections.len() {
            let connection = &self.connections[index];
            let due = connection.deadline().is_some_and(|at| at <= now);
            if due || (silent && connection.in_flight() > 0) {
                self.advance(index);
            }
        }
    }

    fn advance(&mut self, index: usize) {
        let Arguments {
            workload,
            host,
            streams,
            ..
        } = &self.arguments;
        self.connections[index].advance(workload, host, *streams, &mut self.desk);
    }

    fn advance_all(&mut self) {
        for index in 0..self.connections.len() {
            self.advance(index);
        }
    }
}
