//! The command line.

use std::net::SocketAddr;
use std::time::Duration;

use crate::connection::TRAIN_SEGMENTS;
use crate::workload::{Mode, Workload};

pub const HELP: &str = "\
quicd_load ADDRESS:PORT [options]: loads an HTTP/3 server, prints one line of JSON

  --mode requests   GET PATH?n=SEQUENCE&q=TEXT; the answer must be SEQUENCE?n=SEQUENCE&q=TEXT
         bulk       GET PATH?bytes=N; the answer must be N bytes
         upload     POST PATH of N bytes; the answer must be the number N
         stream     GET PATH, a body without end: bytes are counted, nothing is waited for
         forged     trains of short-header packets with the connection ID that the server gave,
                    which nobody can decrypt: what steers packets cannot tell them apart
  --path PATH       default: / or /bulk, /upload, /stream
  --query TEXT      of mode requests (default: hello)
  --bytes N         of bulk and upload (default: 1048576)
  --verify          every byte of bulk and stream: byte i is (i % 251) ^ (i / 251 % 256)
  --connections N   (default: 10)
  --streams N       requests in flight on each connection (default: 10)
  --warm-up SECONDS not counted (default: 0.5)
  --seconds SECONDS counted (default: 2)
  --requests N      counted, instead of --seconds; of mode forged: trains
  --cpu N           runs on this CPU only
  --gate            before counting prints {\"ready\":true} and waits for a line of its input;
                    keeps its connections after the result until another line or the end of it
  --train N         datagrams in one send, at most; of mode forged: always (default: 48)
  --source-ports L  PORT,PORT,...: of the connections in turn; as many as there are connections
  --host NAME       in requests and TLS (default: localhost); certificates are not checked";

pub struct Arguments {
    pub peer: SocketAddr,
    pub host: String,
    pub workload: Workload,
    pub connections: usize,
    pub streams: usize,
    pub warm_up: Duration,
    pub seconds: Duration,
    pub requests: Option<u64>,
    pub cpu: Option<usize>,
    pub gate: bool,
    /// Datagrams in one send.
    pub train: usize,
    /// Empty: the kernel chooses.
    pub source_ports: Vec<u16>,
}

pub fn parse(words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut words = words.peekable();
    let address = words.next().ok_or("ADDRESS:PORT is missing")?;
    let mut arguments = Arguments {
        peer: address
            .parse()
            .map_err(|_| format!("{address}: not IP:PORT"))?,
        host: "localhost".into(),
        workload: Workload::default(),
        connections: 10,
        streams: 10,
        warm_up: Duration::from_millis(500),
        seconds: Duration::from_secs(2),
        requests: None,
        cpu: None,
        gate: false,
        train: TRAIN_SEGMENTS,
        source_ports: Vec::new(),
    };
    while let Some(flag) = words.next() {
        match flag.as_str() {
            "--gate" => arguments.gate = true,
            "--verify" => arguments.workload.verify = true,
            _ => {
                let value = words.next().ok_or(format!("{flag}: a value is missing"))?;
                set(&mut arguments, &flag, &value)?;
            }
        }
    }
    if arguments.connections == 0 || arguments.streams == 0 {
        return Err("--connections and --streams: at least 1".into());
    }
    if !(1..=TRAIN_SEGMENTS).contains(&arguments.train) {
        return Err(format!("--train: 1 to {TRAIN_SEGMENTS}"));
    }
    let ports = arguments.source_ports.len();
    if ports != 0 && ports != arguments.connections {
        let connections = arguments.connections;
        return Err(format!(
            "--source-ports: {ports} for {connections} connections"
        ));
    }
    Ok(arguments)
}

fn set(arguments: &mut Arguments, flag: &str, value: &str) -> Result<(), String> {
    let workload = &mut arguments.workload;
    match flag {
        "--mode" => workload.mode = Mode::parse(value).ok_or(format!("--mode {value}: unknown"))?,
        "--path" => workload.path = Some(value.into()),
        "--query" => workload.query = value.into(),
        "--bytes" => workload.bytes = number(flag, value)?,
        "--host" => arguments.host = value.into(),
        "--connections" => arguments.connections = number(flag, value)?,
        "--streams" => arguments.streams = number(flag, value)?,
        "--warm-up" => arguments.warm_up = duration(flag, value)?,
        "--seconds" => arguments.seconds = duration(flag, value)?,
        "--requests" => arguments.requests = Some(number(flag, value)?),
        "--train" => arguments.train = number(flag, value)?,
        "--source-ports" => {
            let ports: Result<_, _> = value.split(',').map(|port| number(flag, port)).collect();
            arguments.source_ports = ports?;
        }
        "--cpu" => arguments.cpu = Some(number(flag, value)?),
        _ => return Err(format!("{flag}: unknown")),
    }
    Ok(())
}

fn number<N: std::str::FromStr>(flag: &str, value: &str) -> Result<N, String> {
    value
        .parse()
        .map_err(|_| format!("{flag} {value}: not a whole number"))
}

fn duration(flag: &str, value: &str) -> Result<Duration, String> {
    let seconds: f64 = value
        .parse()
        .map_err(|_| format!("{flag} {value}: not a number"))?;
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{flag} {value}: not a duration"))
}
