//! Trains: several packets in one buffer, for one sendmsg with UDP_SEGMENT.
//!
//! The kernel cuts a train every |segment_bytes|, so all packets but the last have that size.
//! quiche decides a packet's size while it writes it. Two ways to make sizes agree, by the size of
//! the first packet:
//! - a large one: its followers get just as much room, so none can be larger. Bulk data fills the
//!   room exactly.
//! - a small one (an ACK, a datagram): giving its followers just as much room would cut their
//!   frames to pieces, so they get all they want. A larger one is taken out again and kept, and
//!   starts the next train.

use std::time::{Duration, Instant};

use crate::address::Address;
use crate::buffer::slice_mut;
use crate::connection::Connection;
use crate::result::{code, DONE, ERROR_PANIC};
use crate::time::instant_ns;

/// The largest UDP payload over IPv4: 65,535 - 20 (IP) - 8 (UDP). One UDP_SEGMENT send is one such
/// payload.
const TRAIN_BYTES: usize = 65_507;
/// From here on a first packet counts as large.
const LARGE_BYTES: usize = 1000;
/// Packets whose release times differ by less go as one burst: below this a sleep costs more than
/// it shapes.
const BURST: Duration = Duration::from_micros(250);

/// From so many packets on a train is cut to a quarter of the congestion window, so that one turn
/// never fills the path with all that may be in flight.
const WHOLE_SEGMENTS: u32 = 16;

/// A packet that quiche considers sent but that is not out yet.
pub struct Stash {
    packet: Vec<u8>,
    info: quiche::SendInfo,
}

/// struct qd_train.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Train {
    pub bytes: u32,
    pub segment_bytes: u32,
    pub segments: u32,
    pub more: bool,
    pub ecn: bool,
    pub from: Address,
    pub to: Address,
    pub release_ns: u64,
}

impl Connection {
    /// When the next packet may leave, if the congestion controller says so at all (only BBR2
    /// does).
    pub(crate) fn release_time(&self) -> Option<Instant> {
        if !self.quic.pacing_enabled() {
            return None;
        }
        let release = self.quic.get_next_release_time()?;
        match release.can_burst() {
            true => None,
            false => release.time(quiche::clock::now()),
        }
    }

    /// Nothing is to be sent before this; None: at once. A packet that is made already has had its
    /// turn.
    fn wait_until(&self) -> Option<Instant> {
        match self.stash {
            Some(_) => None,
            None => self.release_time().filter(|time| *time > quiche::clock::now() + BURST),
        }
    }

    /// Is a packet of this size a probe of the path (RFC 8899)? It goes alone: what follows it is
    /// smaller, and would be lost with it where the device itself refuses the size.
    fn is_probe(&self, bytes: usize) -> bool {
        bytes > 1200
            && self.discover_pmtu
            && self.quic.pmtu().is_none()
            && self.quic.path_stats().any(|path| path.active && bytes > path.pmtu)
    }

    fn quarter_window(&self, segment: usize) -> u32 {
        let window = self.quic.path_stats().find(|path| path.active).map_or(0, |path| path.cwnd);
        (window / 4 / segment.max(1)) as u32
    }

    fn first(&mut self, out: &mut [u8]) -> quiche::Result<(usize, quiche::SendInfo)> {
        match self.stash.take() {
            Some(stash) if stash.packet.len() <= out.len() => {
                out[..stash.packet.len()].copy_from_slice(&stash.packet);
                Ok((stash.packet.len(), stash.info))
            }
            Some(stash) => {
                self.stash = Some(stash);
                Err(quiche::Error::BufferTooShort)
            }
            None => self.quic.send(out),
        }
    }

    fn gather(&mut self, out: &mut [u8], max_segments: u32) -> quiche::Result<Train> {
        let limit = out.len().min(TRAIN_BYTES);
        let out = &mut out[..limit];
        let release = self.release_time();
        let (segment, info) = self.first(out)?;
        let (mut bytes, mut segments, mut more) = (segment, 1, true);
        let mut max_segments = match self.is_probe(segment) {
            true => 1,
            false => max_segments,
        };
        let release_latest = match self.quic.pacing_enabled() {
            true => Some(release.unwrap_or_else(quiche::clock::now) + BURST),
            false => None,
        };

        while segments < max_segments && bytes + segment <= limit {
            if segments == WHOLE_SEGMENTS {
                max_segments = max_segments.min(self.quarter_window(segment).max(segments));
                if segments == max_segments {
                    break;
                }
            }
            if release_latest
                .is_some_and(|latest| self.release_time().is_some_and(|time| time > latest))
            {
                break;
            }
            let room = match segment >= LARGE_BYTES {
                true => bytes + segment,
                false => limit,
            };
            // One 4-tuple for the whole train; what waits for another path starts the next one.
            match self.quic.send_on_path(&mut out[bytes..room], Some(info.from), Some(info.to)) {
                // The kernel marks a train, and not its parts.
                Ok((written, next)) if written > segment || next.ecn != info.ecn => {
                    let info = next;
                    self.stash = Some(Stash { packet: out[bytes..bytes + written].to_vec(), info });
                    break;
                }
                Ok((written, _)) => {
                    bytes += written;
                    segments += 1;
                    if written < segment {
                        break;
                    }
                }
                Err(quiche::Error::Done) => {
                    // Not stats().paths_count: that looks at every stream.
                    more = self.quic.path_stats().nth(1).is_some();
                    break;
                }
                // It comes again as the first packet of the next train, where it can be reported.
                Err(_) => break,
            }
        }
        Ok(Train {
            bytes: bytes as u32,
            segment_bytes: segment as u32,
            segments,
            more,
            ecn: info.ecn,
            from: info.from.into(),
            to: info.to.into(),
            release_ns: release.map_or(0, instant_ns),
        })
    }
}

#[no_mangle]
pub unsafe extern "C" fn qd_send_train(
    connection: *mut Connection,
    out: *mut u8,
    capacity: usize,
    max_segments: u32,
    train: *mut Train,
) -> isize {
    Connection::enter(connection, ERROR_PANIC as isize, |c| {
        let Some(train) = train.as_mut() else { return DONE as isize };
        *train = Train::default();
        match c.gather(slice_mut(out, capacity), max_segments) {
            Ok(filled) => {
                *train = filled;
                filled.bytes as isize
            }
            Err(error) => code(error) as isize,
        }
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_release_ns(connection: *mut Connection) -> u64 {
    Connection::enter(connection, 0, |c| c.wait_until().map_or(0, instant_ns))
}
