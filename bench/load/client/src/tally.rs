//! What was counted, and the line of JSON that says it.

use std::time::Duration;

#[derive(Default)]
pub struct Tally {
    pub requests: u64,
    pub body_bytes: u64,
    pub latency_us: Vec<u32>,
    pub errors: Errors,
}

/// Since the start of the program: an error of the warm-up is one too.
#[derive(Default)]
pub struct Errors {
    pub status: u64,
    pub body: u64,
    pub reset: u64,
    /// Requests that had no end when their connection or the run ended.
    pub unanswered: u64,
    pub unconnected: u64,
}

impl Errors {
    pub fn sum(&self) -> u64 {
        self.status + self.body + self.reset + self.unanswered + self.unconnected
    }
}

/// Beside the tally: what connections, sockets and the process used.
#[derive(Default, Clone, Copy)]
pub struct Spent {
    pub cpu_seconds: f64,
    pub sent: u64,
    pub received: u64,
    pub system_calls: u64,
    pub lost: u64,
    /// By the kernel, for want of room in a socket.
    pub dropped: u64,
}

impl Spent {
    pub fn since(self, earlier: Spent) -> Spent {
        Spent {
            cpu_seconds: self.cpu_seconds - earlier.cpu_seconds,
            sent: self.sent - earlier.sent,
            received: self.received - earlier.received,
            system_calls: self.system_calls - earlier.system_calls,
            lost: self.lost - earlier.lost,
            dropped: self.dropped - earlier.dropped,
        }
    }
}

/// What happened before counting began.
pub struct Opening {
    pub connections: usize,
    pub connected: usize,
    pub handshake_us: Vec<u32>,
}

pub fn json(tally: &mut Tally, opening: &mut Opening, spent: Spent, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    tally.latency_us.sort_unstable();
    opening.handshake_us.sort_unstable();
    let latency = |q| quantile(&tally.latency_us, q);
    let errors = &tally.errors;
    let fields = [
        field("connections", opening.connections),
        field("connected", opening.connected),
        field("handshake_us_p50", quantile(&opening.handshake_us, 0.5)),
        field("requests", tally.requests),
        field("seconds", format!("{seconds:.6}")),
        field("body_bytes", tally.body_bytes),
        field("errors", errors.sum()),
        field("wrong_status", errors.status),
        field("wrong_body", errors.body),
        field("resets", errors.reset),
        field("unanswered", errors.unanswered),
        field("latency_us_p50", latency(0.5)),
        field("latency_us_p90", latency(0.9)),
        field("latency_us_p99", latency(0.99)),
        field("latency_us_p999", latency(0.999)),
        field("latency_us_max", latency(1.0)),
        field("cpu_seconds", format!("{:.6}", spent.cpu_seconds)),
        field("datagrams_sent", spent.sent),
        field("datagrams_received", spent.received),
        field("system_calls", spent.system_calls),
        field("lost_packets", spent.lost),
        field("dropped_datagrams", spent.dropped),
    ];
    format!("{{{}}}", fields.join(","))
}

fn field(name: &str, value: impl std::fmt::Display) -> String {
    format!("\"{name}\":{value}")
}

fn quantile(sorted: &[u32], q: f64) -> u32 {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((last as f64 * q).round() as usize)
        .copied()
        .unwrap_or(0)
}

/// User and system time of this process.
pub fn cpu_seconds() -> f64 {
    // SAFETY: getrusage fills the whole of the zeroed structure.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
