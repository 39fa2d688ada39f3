//! The three functions of the C core, over Rust's system allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_void;

#[no_mangle]
unsafe extern "C" fn quicd_allocate(bytes: usize, align: usize, zeroed: bool) -> *mut c_void {
    let layout = Layout::from_size_align_unchecked(bytes, align);
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
    System.realloc(old.cast(), Layout::from_size_align_unchecked(old_bytes, align), bytes).cast()
}

#[no_mangle]
unsafe extern "C" fn quicd_free(pointer: *mut c_void, bytes: usize, align: usize) {
    System.dealloc(pointer.cast(), Layout::from_size_align_unchecked(bytes, align))
}
