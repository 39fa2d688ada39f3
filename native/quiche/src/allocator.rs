//! Rust's global allocator is the C core's, so that one set of counters and one sanitizer see every
//! block.

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::c_void;

extern "C" {
    fn quicd_allocate(bytes: usize, align: usize, zeroed: bool) -> *mut c_void;
    fn quicd_reallocate(
        pointer: *mut c_void,
        old_bytes: usize,
        align: usize,
        new_bytes: usize,
    ) -> *mut c_void;
    fn quicd_free(pointer: *mut c_void, bytes: usize, align: usize);
}

struct CoreAllocator;

// SAFETY: the C functions keep the contract of GlobalAlloc: they honour the alignment, return null
// when out of memory and never unwind.
unsafe impl GlobalAlloc for CoreAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        quicd_allocate(layout.size(), layout.align(), false).cast()
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        quicd_allocate(layout.size(), layout.align(), true).cast()
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_bytes: usize) -> *mut u8 {
        quicd_reallocate(pointer.cast(), layout.size(), layout.align(), new_bytes).cast()
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        quicd_free(pointer.cast(), layout.size(), layout.align())
    }
}

/// Unit tests inside the crate have no C core beside them; the tests in tests/ bring their own
/// three functions.
#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: CoreAllocator = CoreAllocator;

#[cfg(test)]
const _: CoreAllocator = CoreAllocator;
