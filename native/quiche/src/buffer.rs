//! Memory that crosses the border: slices from C, and memory of the C core that quiche holds until
//! the peer has it.

use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// A datagram on its way in (owned, quiche makes it) or out (owned or lent).
#[derive(Debug)]
pub enum Datagram {
    Owned(Vec<u8>),
    Lent(Lend),
}

impl AsRef<[u8]> for Datagram {
    fn as_ref(&self) -> &[u8] {
        match self {
            Datagram::Owned(bytes) => bytes,
            Datagram::Lent(lend) => lend.as_ref(),
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
