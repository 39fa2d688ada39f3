//! A connected UDP socket that moves trains of datagrams: UDP_GRO in, UDP_SEGMENT out.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

/// Trains taken by one recvmmsg.
const TRAINS: usize = 4;
const TRAIN_BYTES: usize = 65536;
const CONTROL_BYTES: usize = 64;
const BUFFER_BYTES: libc::c_int = 16 << 20;
/// linux/sock_diag.h: SK_MEMINFO_VARS, SK_MEMINFO_DROPS.
const MEMINFO_WORDS: usize = 9;
const MEMINFO_DROPS: usize = 8;

#[derive(Default, Clone, Copy)]
pub struct SocketCounts {
    pub sent: u64,
    pub received: u64,
    pub system_calls: u64,
}

pub struct Socket {
    inner: UdpSocket,
    pub local: SocketAddr,
    pub counts: SocketCounts,
}

impl Socket {
    /// `port` 0: the kernel chooses.
    pub fn connect(peer: SocketAddr, port: u16) -> io::Result<Socket> {
        let any: IpAddr = if peer.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let inner = UdpSocket::bind((any, port))?;
        inner.connect(peer)?;
        let fd = inner.as_raw_fd();
        set_option(fd, libc::SOL_UDP, libc::UDP_GRO, 1)?;
        for (forced, asked) in [
            (libc::SO_RCVBUFFORCE, libc::SO_RCVBUF),
            (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF),
        ] {
            // More than the system's limit takes a privilege.
            set_option(fd, libc::SOL_SOCKET, forced, BUFFER_BYTES)
                .or_else(|_| set_option(fd, libc::SOL_SOCKET, asked, BUFFER_BYTES))?;
        }
        let local = inner.local_addr()?;
        Ok(Socket {
            inner,
            local,
            counts: SocketCounts::default(),
        })
    }

    pub fn fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }

    /// Datagrams that found its buffer full.
    pub fn dropped(&self) -> u64 {
        let mut memory = [0u32; MEMINFO_WORDS];
        let mut length = size_of_val(&memory) as libc::socklen_t;
        let place = memory.as_mut_ptr().cast();
        // SAFETY: the kernel writes at most as much as the length says.
        unsafe {
            libc::getsockopt(
                self.fd(),
                libc::SOL_SOCKET,
                libc::SO_MEMINFO,
                place,
                &mut length,
            );
        }
        u64::from(memory[MEMINFO_DROPS])
    }

    /// Gives every datagram that waits to `take`.
    pub fn receive(&mut self, buffers: &mut ReceiveBuffers, mut take: impl FnMut(&mut [u8])) {
        loop {
            let count = buffers.fill(self.fd());
            self.counts.system_calls += 1;
            for index in 0..count {
                let (train, segment) = buffers.train(index);
                for datagram in train.chunks_mut(segment.max(1)) {
                    self.counts.received += 1;
                    take(datagram);
                }
            }
            if count < TRAINS {
                return;
            }
        }
    }

    /// Sends `bytes` as datagrams of `segment` bytes; the last may be shorter.
    pub fn send(&mut self, bytes: &[u8], segment: usize) {
        let count = bytes.len().div_ceil(segment) as u64;
        self.counts.sent += count;
        if count > 1 {
            self.counts.system_calls += 1;
            send_train(self.fd(), bytes, segment as u16);
            return;
        }
        for datagram in bytes.chunks(segment) {
            self.counts.system_calls += 1;
            // A refusal shows as a lost packet, or as a connection that ends.
            let _ = self.inner.send(datagram);
        }
    }
}

fn set_option(fd: RawFd, level: libc::c_int, name: libc::c_int, value: i32) -> io::Result<()> {
    let length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the value outlives the call.
    let result = unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), length) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn send_train(fd: RawFd, bytes: &[u8], segment: u16) {
    let mut control = [0u64; CONTROL_BYTES / 8];
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr() as *mut _,
        iov_len: bytes.len(),
    };
    // SAFETY: every pointer in the message outlives the call; the control buffer has room for one
    // u16 and is aligned for its header.
    unsafe {
        let mut message: libc::msghdr = zeroed();
        message.msg_iov = &mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(size_of::<u16>() as u32) as _;
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = libc::SOL_UDP;
        (*header).cmsg_type = libc::UDP_SEGMENT;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as _;
        libc::CMSG_DATA(header)
            .cast::<u16>()
            .write_unaligned(segment);
        libc::sendmsg(fd, &message, 0);
    }
}

/// Shared by all sockets of the thread.
pub struct ReceiveBuffers {
    bytes: Vec<u8>,
    control: Vec<[u64; CONTROL_BYTES / 8]>,
    parts: Vec<libc::iovec>,
    messages: Vec<libc::mmsghdr>,
}

impl ReceiveBuffers {
    pub fn new() -> Self {
        ReceiveBuffers {
            bytes: vec![0; TRAINS * TRAIN_BYTES],
            control: vec![[0; CONTROL_BYTES / 8]; TRAINS],
            parts: Vec::with_capacity(TRAINS),
            messages: Vec::with_capacity(TRAINS),
        }
    }

    /// Returns how many trains are there now.
    fn fill(&mut self, fd: RawFd) -> usize {
        self.parts.clear();
        self.messages.clear();
        for train in self.bytes.chunks_mut(TRAIN_BYTES) {
            let base = train.as_mut_ptr().cast();
            self.parts.push(libc::iovec {
                iov_base: base,
                iov_len: TRAIN_BYTES,
            });
        }
        for (part, control) in self.parts.iter_mut().zip(&mut self.control) {
            // SAFETY: all zeros is a valid message header.
            let mut message: libc::mmsghdr = unsafe { zeroed() };
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_control = control.as_mut_ptr().cast();
            message.msg_hdr.msg_controllen = CONTROL_BYTES as _;
            self.messages.push(message);
        }
        let flags = libc::MSG_DONTWAIT as _;
        let messages = self.messages.as_mut_ptr();
        // SAFETY: parts, control and bytes are as long as the messages say and stay in place.
        let count =
            unsafe { libc::recvmmsg(fd, messages, TRAINS as u32, flags, std::ptr::null_mut()) };
        count.max(0) as usize
    }

    /// The bytes of a train and of each datagram in it.
    fn train(&mut self, index: usize) -> (&mut [u8], usize) {
        let message = &self.messages[index];
        let length = message.msg_len as usize;
        let start = index * TRAIN_BYTES;
        let segment = segment_of(&message.msg_hdr).unwrap_or(length);
        (&mut self.bytes[start..start + length], segment)
    }
}

fn segment_of(message: &libc::msghdr) -> Option<usize> {
    // SAFETY: the kernel filled the control buffer that the header points to.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_UDP && (*header).cmsg_type == libc::UDP_GRO {
                let segment: i32 = libc::CMSG_DATA(header).cast::<i32>().read_unaligned();
                return Some(segment as usize);
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    None
}
