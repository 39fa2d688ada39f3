//! What is asked of the server, and what it must answer.

#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Requests,
    Bulk,
    Upload,
    Stream,
    Forged,
}

impl Mode {
    pub fn parse(name: &str) -> Option<Mode> {
        match name {
            "requests" => Some(Mode::Requests),
            "bulk" => Some(Mode::Bulk),
            "upload" => Some(Mode::Upload),
            "stream" => Some(Mode::Stream),
            "forged" => Some(Mode::Forged),
            _ => None,
        }
    }
}

pub struct Workload {
    pub mode: Mode,
    pub path: Option<String>,
    pub query: String,
    pub bytes: u64,
    pub verify: bool,
}

impl Default for Workload {
    fn default() -> Self {
        let mode = Mode::Requests;
        Workload {
            mode,
            path: None,
            query: "hello".into(),
            bytes: 1 << 20,
            verify: false,
        }
    }
}

impl Workload {
    pub fn method(&self) -> &'static str {
        if self.mode == Mode::Upload {
            "POST"
        } else {
            "GET"
        }
    }

    /// Bytes of the request's body.
    pub fn upload_bytes(&self) -> u64 {
        if self.mode == Mode::Upload {
            self.bytes
        } else {
            0
        }
    }

    pub fn target(&self, sequence: u64) -> String {
        let path = |default| self.path.as_deref().unwrap_or(default);
        match self.mode {
            Mode::Requests => format!("{}?n={sequence}&q={}", path("/"), self.query),
            Mode::Bulk => format!("{}?bytes={}", path("/bulk"), self.bytes),
            Mode::Upload => path("/upload").into(),
            Mode::Stream => path("/stream").into(),
            Mode::Forged => unreachable!("it asks for nothing"),
        }
    }
}

/// The pattern of bodies repeats after this many bytes.
const PERIOD: usize = 251 * 256;

/// Compares bodies, which come in pieces, with what they must be.
pub struct Checker {
    pattern: Vec<u8>,
    text: String,
}

impl Checker {
    pub fn new() -> Self {
        let pattern = pattern_bytes(PERIOD + 65536);
        Checker {
            pattern,
            text: String::new(),
        }
    }

    /// Is `part` what stands `offset` bytes into the answer to request `sequence`?
    pub fn matches(&mut self, load: &Workload, sequence: u64, offset: u64, part: &[u8]) -> bool {
        match load.mode {
            Mode::Requests | Mode::Upload => {
                self.expect_text(load, sequence);
                let rest = self.text.as_bytes().get(offset as usize..).unwrap_or(&[]);
                rest.starts_with(part)
            }
            Mode::Bulk | Mode::Stream if load.verify => {
                let start = (offset % PERIOD as u64) as usize;
                part == &self.pattern[start..start + part.len()]
            }
            Mode::Bulk | Mode::Stream | Mode::Forged => true,
        }
    }

    /// Bytes of the whole answer.
    pub fn length(&mut self, load: &Workload, sequence: u64) -> u64 {
        match load.mode {
            Mode::Bulk => load.bytes,
            Mode::Stream | Mode::Forged => u64::MAX,
            Mode::Requests | Mode::Upload => {
                self.expect_text(load, sequence);
                self.text.len() as u64
            }
        }
    }

    fn expect_text(&mut self, load: &Workload, sequence: u64) {
        use std::fmt::Write;
        self.text.clear();
        let written = match load.mode {
            Mode::Upload => write!(self.text, "{}", load.bytes),
            _ => write!(self.text, "{sequence}?n={sequence}&q={}", load.query),
        };
        written.expect("a String takes everything");
    }
}

/// Byte i is (i % 251) ^ (i / 251 % 256): a piece out of its place is seen.
pub fn pattern_bytes(length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| (i % 251) as u8 ^ (i / 251) as u8)
        .collect()
}
