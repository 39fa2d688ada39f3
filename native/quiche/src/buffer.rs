//! Memory that crosses the border: slices from C, and memory of the C core that quiche holds until
//! the peer has it.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use bytes::Bytes;
use quiche::BufFactory;

/// qd_release of the header.
pub type Release = unsafe extern "C" fn(owner: *mut c_void, slab: u32, index: u32);

/// The address of the process's qd_release, 0 before it is set: an atomic fn pointer, which Rust
/// has no type for.
static RELEASE: AtomicUsize = AtomicUsize::new(0);

#[no_mangle]
pub extern "C" fn qd_set_release(release: Option<Release>) {
    RELEASE.store(release.map_or(0, |f| f as usize), Ordering::Release);
}

/// |bytes| of the C core's memory at |data|, on loan. Dropping it gives the memory back: that is
/// the only place that calls qd_release, so every loan is released exactly once, whatever path it
/// was dropped on.
#[derive(Debug)]
pub struct Lend {
    data: *const u8,
    bytes: usize,
    owner: *mut c_void,
    slab: u32,
    index: u32,
}

// SAFETY: a loan is a pointer to memory that stays put until the release; it is never used from two
// threads at once, because its connection is not.
unsafe impl Send for Lend {}
unsafe impl Sync for Lend {}

impl Lend {
    /// # Safety
    /// |data| stays valid and unchanged until qd_release was called for it.
    pub unsafe fn new(
        data: *const u8,
        bytes: usize,
        owner: *mut c_void,
        slab: u32,
        index: u32,
    ) -> Self {
        Lend { data, bytes, owner, slab, index }
    }
}

impl AsRef<[u8]> for Lend {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: see `new`.
        unsafe { slice(self.data, self.bytes) }
    }
}

impl Drop for Lend {
    fn drop(&mut self) {
        let release = RELEASE.load(Ordering::Acquire);
        if release != 0 {
            // SAFETY: only qd_set_release stores there, and it stores a Release.
            unsafe {
                std::mem::transmute::<usize, Release>(release)(self.owner, self.slab, self.index)
            }
        }
    }
}

/// qd_outcome of the header.
pub type Tell = unsafe extern "C" fn(owner: *mut c_void, request: u32, outcome: u32);

/// As `RELEASE`.
static TELL: AtomicUsize = AtomicUsize::new(0);

#[no_mangle]
pub extern "C" fn qd_set_outcome(tell: Option<Tell>) {
    TELL.store(tell.map_or(0, |f| f as usize), Ordering::Release);
}

/// enum qd_datagram_outcome.
pub const SENT: u32 = 0;
pub const DROPPED: u32 = 1;
pub const TOO_LARGE: u32 = 2;
pub const CLOSED: u32 = 3;

/// A lent datagram. What became of it is told when it is dropped, before its memory goes back;
/// unless somebody said otherwise, its connection ended first.
#[derive(Debug)]
pub struct LentDatagram {
    lend: Lend,
    /// 0: nobody wants to know.
    request: u32,
    /// Written on the connection's thread only; atomic because a datagram is shared by type.
    outcome: AtomicU32,
}

impl LentDatagram {
    pub fn new(lend: Lend, request: u32) -> Self {
        LentDatagram { lend, request, outcome: AtomicU32::new(CLOSED) }
    }
}

impl Drop for LentDatagram {
    fn drop(&mut self) {
        let tell = TELL.load(Ordering::Acquire);
        if self.request != 0 && tell != 0 {
            let outcome = self.outcome.load(Ordering::Relaxed);
            // SAFETY: only qd_set_outcome stores there, and it stores a Tell.
            unsafe {
                std::mem::transmute::<usize, Tell>(tell)(self.lend.owner, self.request, outcome)
            }
        }
    }
}

/// A datagram on its way in (owned, quiche makes it) or out (owned or lent).
#[derive(Debug)]
pub enum Datagram {
    Owned(Vec<u8>),
    Lent(LentDatagram),
}

impl Datagram {
    pub fn note(&self, outcome: u32) {
        if let Datagram::Lent(lent) = self {
            lent.outcome.store(outcome, Ordering::Relaxed);
        }
    }
}

impl AsRef<[u8]> for Datagram {
    fn as_ref(&self) -> &[u8] {
        match self {
            Datagram::Owned(bytes) => bytes,
            Datagram::Lent(lent) => lent.lend.as_ref(),
        }
    }
}

impl From<Vec<u8>> for Datagram {
    fn from(bytes: Vec<u8>) -> Self {
        Datagram::Owned(bytes)
    }
}

/// How quiche makes and holds its send buffers: Bytes can own a `Lend`, and splits without a copy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Factory;

impl BufFactory for Factory {
    type Buf = Bytes;
    type DgramBuf = Datagram;

    fn buf_from_slice(buf: &[u8]) -> Bytes {
        Bytes::copy_from_slice(buf)
    }

    fn dgram_buf_from_slice(buf: &[u8]) -> Datagram {
        Datagram::Owned(buf.to_vec())
    }

    fn on_dgram_sent(buf: &Datagram) {
        buf.note(SENT);
    }

    fn on_dgram_too_large(buf: &Datagram) {
        buf.note(TOO_LARGE);
    }
}

/// A slice from C, where an empty one may well be a null pointer (which a Rust slice must never
/// be).
///
/// # Safety
/// |data| is valid for |bytes| reads, or |bytes| is 0.
pub unsafe fn slice<'a>(data: *const u8, bytes: usize) -> &'a [u8] {
    if bytes == 0 || data.is_null() {
        return &[];
    }
    std::slice::from_raw_parts(data, bytes)
}

/// # Safety
/// As `slice`, for writes too.
pub unsafe fn slice_mut<'a>(data: *mut u8, bytes: usize) -> &'a mut [u8] {
    if bytes == 0 || data.is_null() {
        return &mut [];
    }
    std::slice::from_raw_parts_mut(data, bytes)
}
