//! The three functions of the C core, over Rust's system allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::c_void;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

/// Bytes that this thread has taken and not given back: of a test that stays on one thread.
pub fn live_bytes() -> isize {
    LIVE.get()
}

/// A thread that ends may free what it held after its counter is gone.
fn count(bytes: isize) {
    let _ = LIVE.try_with(|live| live.set(live.get() + bytes));
}

#[no_mangle]
unsafe extern "C" fn quicd_allocate(bytes: usize, align: usize, zeroed: bool) -> *mut c_void {
    let layout = Layout::from_size_align_unchecked(bytes, align);
    count(bytes as isize);
    match zeroed {
        true => System.alloc_zeroed(layout).cast(),
        false => System.alloc(layout).cast(),
    }
}

#[no_mangle]
unsafe extern "C" fn quicd_reallocate(
    old: *mut c_void,
    old_bytes: usize,
    align: usize,
    bytes: usize,
) -> *mut c_void {
    count(bytes as isize - old_bytes as isize);
    System.realloc(old.cast(), Layout::from_size_align_unchecked(old_bytes, align), bytes).cast()
}

#[no_mangle]
unsafe extern "C" fn quicd_free(pointer: *mut c_void, bytes: usize, align: usize) {
    count(-(bytes as isize));
    System.dealloc(pointer.cast(), Layout::from_size_align_unchecked(bytes, align))
}
