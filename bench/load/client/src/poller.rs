//! epoll over the sockets and, when asked, standard input.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

pub const STANDARD_INPUT: u64 = u64::MAX;
const EVENTS_MAX: usize = 256;

pub struct Poller {
    epoll: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Poller {
    pub fn new(with_input: bool) -> io::Result<Poller> {
        // SAFETY: no pointers; a valid descriptor is ours alone.
        let epoll = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        let events = vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS_MAX];
        let mut poller = Poller { epoll, events };
        if with_input {
            poller.watch(libc::STDIN_FILENO, STANDARD_INPUT)?;
        }
        Ok(poller)
    }

    pub fn watch(&mut self, fd: RawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: token,
        };
        // SAFETY: the event outlives the call.
        let result =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut event) };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// The tokens of what is readable. Input is read here, its end is a line too.
    pub fn wait(&mut self, limit: Duration) -> Vec<u64> {
        // Rounded up: a timer must be due when it is looked at.
        let limit_ms = limit.as_micros().div_ceil(1000).min(60_000) as i32;
        let epoll = self.epoll.as_raw_fd();
        // SAFETY: the kernel writes at most as many events as there are.
        let count = unsafe {
            libc::epoll_wait(epoll, self.events.as_mut_ptr(), EVENTS_MAX as i32, limit_ms)
        };
        let ready = &self.events[..count.max(0) as usize];
        let tokens: Vec<u64> = ready.iter().map(|event| event.u64).collect();
        if tokens.contains(&STANDARD_INPUT) {
            let mut line = [0u8; 256];
            // SAFETY: reads at most the length of the buffer.
            unsafe { libc::read(libc::STDIN_FILENO, line.as_mut_ptr().cast(), line.len()) };
        }
        tokens
    }
}
