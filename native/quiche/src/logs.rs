//! Key log and qlog, each into a duplicate of the caller's file descriptor.

use std::ffi::{c_char, CStr};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::FromRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quiche::QlogLevel;

use crate::connection::Connection;
use crate::result::{ERROR_OTHER, ERROR_PANIC};

/// Close-on-exec, so that no child process holds a file with keys in it.
fn duplicate(fd: i32) -> Option<File> {
    // SAFETY: any number may be asked for; a bad one is an error.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) };
    // SAFETY: |copy| is new and nobody else's.
    (copy >= 0).then(|| unsafe { File::from_raw_fd(copy) })
}

/// Unbuffered: keys are few, and are wanted when the process crashes. quiche writes whole lines, so
/// that those of several threads do not mix in a file that was opened for appending.
#[no_mangle]
pub unsafe extern "C" fn qd_set_keylog_fd(connection: *mut Connection, fd: i32) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| {
        let Some(file) = duplicate(fd) else { return ERROR_OTHER };
        c.quic.set_keylog(Box::new(file));
        0
    })
}

/// Written to the file when so much waits; it bounds how long one write(2) takes.
const BUFFER_BYTES: usize = 64 * 1024;
/// Room that is kept for the last record, which says why nothing follows.
const NOTE_BYTES: u64 = 160;

/// A JSON-SEQ file (RFC 7464) of whole records and of a bounded size.
struct QlogFile {
    file: File,
    /// Whole records, then the beginning of one.
    buffer: Vec<u8>,
    /// Where the last record in |buffer| begins.
    record_at: usize,
    /// In the file.
    written: u64,
    limit: u64,
    ended: bool,
    failed: bool,
}

impl QlogFile {
    fn flush_records(&mut self) {
        if self.record_at == 0 {
            return;
        }
        if self.file.write_all(&self.buffer[..self.record_at]).is_err() {
            self.failed = true;
            self.ended = true;
            self.buffer.clear();
        } else {
            self.written += self.record_at as u64;
            self.buffer.drain(..self.record_at);
        }
        self.record_at = 0;
    }

    /// The record that began at |record_at| is whole.
    fn complete(&mut self) {
        if self.written + self.buffer.len() as u64 + NOTE_BYTES > self.limit {
            let time = time_of(&self.buffer[self.record_at..]);
            let note = format!(
                "\u{1e}{{\"time\":{time},\"name\":\"loglevel:warning\",\"data\":{{\"message\":\
                 \"the log ends here: its limit is {} bytes\"}}}}\n",
                self.limit
            );
            self.buffer.truncate(self.record_at);
            if self.written + (self.buffer.len() + note.len()) as u64 <= self.limit {
                self.buffer.extend_from_slice(note.as_bytes());
            }
            self.record_at = self.buffer.len();
            self.flush_records();
            self.ended = true;
            return;
        }
        self.record_at = self.buffer.len();
        if self.record_at >= BUFFER_BYTES {
            self.flush_records();
        }
    }
}

/// The number behind "time" in an event, as it is written; the first record of a file has none.
fn time_of(record: &[u8]) -> &str {
    let text = std::str::from_utf8(record).unwrap_or("");
    let from = text.find("\"time\":").map_or(text.len(), |at| at + "\"time\":".len());
    let number = &text[from..];
    let end = number.find([',', '}']).unwrap_or(0);
    match number[..end].parse::<f64>() {
        Ok(_) => &number[..end],
        Err(_) => "0.0",
    }
}

/// Shared by quiche, which writes, and the connection, which asks and flushes; both on one thread.
#[derive(Clone)]
pub struct Qlog(Arc<Mutex<QlogFile>>);

impl Qlog {
    fn file(&self) -> MutexGuard<'_, QlogFile> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Qlog {
    /// Never an error: a log that cannot be written must not disturb its connection.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self.file();
        if !file.ended {
            file.buffer.extend_from_slice(bytes);
            // Inside of a record JSON has no line feed.
            if bytes.last() == Some(&b'\n') {
                file.complete();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush_records();
        Ok(())
    }
}

impl Drop for Qlog {
    fn drop(&mut self) {
        self.file().flush_records();
    }
}

/// struct qd_qlog.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QlogState {
    pub written_bytes: u64,
    pub waiting_bytes: u64,
    pub ended: bool,
    pub failed: bool,
}

#[no_mangle]
pub unsafe extern "C" fn qd_begin_qlog(
    connection: *mut Connection,
    fd: i32,
    title: *const c_char,
    level: u32,
    limit_bytes: u64,
) -> i32 {
    Connection::enter(connection, ERROR_PANIC, |c| {
        let Some(file) = duplicate(fd) else { return ERROR_OTHER };
        let title = match title.is_null() {
            true => String::new(),
            false => CStr::from_ptr(title).to_string_lossy().into_owned(),
        };
        let level = match level {
            0 => QlogLevel::Core,
            1 => QlogLevel::Base,
            _ => QlogLevel::Extra,
        };
        let log = Qlog(Arc::new(Mutex::new(QlogFile {
            file,
            buffer: Vec::with_capacity(BUFFER_BYTES + BUFFER_BYTES / 8),
            record_at: 0,
            written: 0,
            limit: limit_bytes,
            ended: false,
            failed: false,
        })));
        c.qlog = Some(log.clone());
        c.quic.set_qlog_with_level(Box::new(log), title, String::from("quicd"), level);
        0
    })
}

#[no_mangle]
pub unsafe extern "C" fn qd_get_qlog(connection: *mut Connection, state: *mut QlogState) {
    let now = Connection::enter(connection, QlogState::default(), |c| {
        c.qlog.as_ref().map_or_else(QlogState::default, |log| {
            let file = log.file();
            QlogState {
                written_bytes: file.written,
                waiting_bytes: file.record_at as u64,
                ended: file.ended,
                failed: file.failed,
            }
        })
    });
    if let Some(state) = state.as_mut() {
        *state = now;
    }
}

#[no_mangle]
pub unsafe extern "C" fn qd_flush_qlog(connection: *mut Connection) {
    Connection::enter(connection, (), |c| {
        if let Some(log) = &c.qlog {
            log.file().flush_records();
        }
    });
}

#[no_mangle]
pub unsafe extern "C" fn qd_end_qlog(connection: *mut Connection) {
    Connection::enter(connection, (), |c| {
        c.quic.end_qlog();
        if let Some(log) = &c.qlog {
            let mut file = log.file();
            file.flush_records();
            file.ended = true;
        }
    });
}
