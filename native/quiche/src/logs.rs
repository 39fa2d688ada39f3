//! Key log and qlog, each into a duplicate of the caller's file descriptor.

use std::ffi::{c_char, CStr};
use std::fs::File;
use std::io::BufWriter;
use std::os::fd::FromRawFd;

use crate::connection::Connection;
use crate::result::{ERROR_OTHER, ERROR_PANIC};

/// Close-on-exec, so that no child process holds a file with keys in it.
fn duplicate(fd: i32) -> Option<File> {
    // SAFETY: any number may be asked for; a bad one is an error.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) };
    // SAFETY: |copy| is new and nobody else's.
    (copy >= 0).then(|| unsafe { File::from_raw_fd(copy) })
}

/// Unbuffered: keys are few, and are wanted when the process crashes.
#[no_mangle]
pub unsafe extern "C" fn qd_set_keylog_fd(connection: *mut Connection, fd: i32) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| {
        let Some(file) = duplicate(fd) else { return ERROR_OTHER };
        c.quic.set_keylog(Box::new(file));
        0
    })
}

/// Buffered: events are many. The tail is written when the connection is freed.
#[no_mangle]
pub unsafe extern "C" fn qd_set_qlog_fd(
    connection: *mut Connection,
    fd: i32,
    title: *const c_char,
) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| {
        let Some(file) = duplicate(fd) else { return ERROR_OTHER };
        let title = match title.is_null() {
            true => String::new(),
            false => CStr::from_ptr(title).to_string_lossy().into_owned(),
        };
        c.quic.set_qlog(Box::new(BufWriter::new(file)), title, String::from("quicd"));
        0
    })
}
