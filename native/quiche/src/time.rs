//! Instants as CLOCK_MONOTONIC nanoseconds, the clock of the C core's timers.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::connection::Connection;

/// One moment on both clocks.
struct Anchor {
    instant: Instant,
    ns: u64,
}

fn monotonic_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: |now| is valid for the write, and CLOCK_MONOTONIC always exists on Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// An Instant is CLOCK_MONOTONIC on Linux but does not give its value away, so both are read once,
/// side by side. The tightest of a few tries is taken, and of it the later reading: a timeout
/// computed from it may be some ten nanoseconds late but never early (an early one would fire, find
/// nothing due, and spin).
fn anchor() -> &'static Anchor {
    static ANCHOR: OnceLock<Anchor> = OnceLock::new();
    ANCHOR.get_or_init(|| {
        let mut best = (u64::MAX, Anchor { instant: Instant::now(), ns: 0 });
        for _ in 0..32 {
            let before = monotonic_ns();
            let instant = Instant::now();
            let ns = monotonic_ns();
            if ns - before < best.0 {
                best = (ns - before, Anchor { instant, ns });
            }
        }
        best.1
    })
}

pub fn instant_ns(instant: Instant) -> u64 {
    let anchor = anchor();
    match instant.checked_duration_since(anchor.instant) {
        Some(later) => anchor.ns + later.as_nanos() as u64,
        None => anchor.ns.saturating_sub((anchor.instant - instant).as_nanos() as u64),
    }
}

fn instant(ns: u64) -> Instant {
    let anchor = anchor();
    match ns.checked_sub(anchor.ns) {
        Some(later) => anchor.instant + Duration::from_nanos(later),
        None => anchor
            .instant
            .checked_sub(Duration::from_nanos(anchor.ns - ns))
            .unwrap_or(anchor.instant),
    }
}

const NO_TIMEOUT: u64 = u64::MAX;

#[no_mangle]
pub extern "C" fn qd_set_now(now_ns: u64) {
    quiche::clock::set((now_ns > 0).then(|| instant(now_ns)));
}

#[no_mangle]
pub unsafe extern "C" fn qd_timeout_ns(connection: *mut Connection) -> u64 {
    Connection::enter(connection, NO_TIMEOUT, |c| {
        c.quic.timeout_instant().map_or(NO_TIMEOUT, instant_ns)
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_hold_acks(connection: *mut Connection, until_ns: u64) -> bool {
    Connection::enter(connection, false, |c| c.quic.hold_acks(instant(until_ns)))
}

#[no_mangle]
pub unsafe extern "C" fn qd_on_timeout(connection: *mut Connection) {
    Connection::enter(connection, (), |c| c.quic.on_timeout())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_the_monotonic_clock() {
        for _ in 0..100 {
            let before = monotonic_ns();
            let converted = instant_ns(Instant::now());
            let after = monotonic_ns();
            assert!(
                converted >= before && converted <= after + 50_000,
                "{before} {converted} {after}"
            );
        }
    }

    #[test]
    fn order_is_kept_on_both_sides_of_the_anchor() {
        let now = Instant::now();
        let earlier = now - Duration::from_secs(1);
        assert_eq!(instant_ns(now) - instant_ns(earlier), 1_000_000_000);
    }

    #[test]
    fn nanoseconds_and_instants_convert_both_ways() {
        let ns = monotonic_ns();
        for ns in [ns, ns + 5_000_000_000, ns - 1000] {
            assert_eq!(instant_ns(instant(ns)), ns);
        }
    }
}
