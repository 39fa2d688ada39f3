//! quiche behind the border that `quicd_quiche.h` describes; each function's contract stands there.
//!
//! A function's way in is always the same: `guard` turns a panic into a result, `Connection::enter`
//! refuses a dead connection, and `buffer` turns a pointer and a length into a slice.

#![allow(clippy::missing_safety_doc)] // the contracts are in the header, once

pub mod address;
mod allocator;
pub mod buffer;
pub mod cids;
pub mod config;
pub mod connection;
pub mod datagrams;
pub mod guard;
pub mod limits;
pub mod logs;
pub mod paths;
pub mod result;
pub mod session;
pub mod state;
pub mod stateless;
pub mod stats;
pub mod streams;
mod tickets;
pub mod time;
mod tls;
pub mod train;
pub mod versions;

/// Nothing of it is called here: it is the C allocator that native/alloc.c uses, so it only has to
/// be in the archive.
extern crate libmimalloc_sys as _;
