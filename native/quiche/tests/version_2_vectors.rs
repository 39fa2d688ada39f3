//! Vectors of RFC 9369 appendix A. Keys that are derived here, by hand and checked against the
//! appendix, open what our ends send; and our ends open the appendix's packets.

mod support;

use std::ffi::c_void;

use boring::sha::sha256;
use quicd_quiche::connection::Connection;
use quicd_quiche::logs::qd_set_keylog_fd;
use quicd_quiche::state::*;
use quicd_quiche::versions::*;
use support::*;

const SALT: &str = "0dede3def700a6db819381be6e269dcbf9bd2ed9";
/// Appendix A.2, the protected packet.
const CLIENT_INITIAL: &str = "\
    d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071bf03dceebfa162e7\
    5d6c96058bdbfb127cdfcbf903388e99ad049f9a3dd4425ae4d0992cfff18ecf0fdb5a842d09747052f17ac2053d\
    21f57c5d250f2c4f0e0202b70785b7946e992e58a59ac52dea6774d4f03b55545243cf1a12834e3f249a78d395e0\
    d18f4d766004f1a2674802a747eaa901c3f10cda5500cb9122faa9f1df66c392079a1b40f0de1c6054196a11cbea\
    40afb6ef5253cd6818f6625efce3b6def6ba7e4b37a40f7732e093daa7d52190935b8da58976ff3312ae50b187c1\
    433c0f028edcc4c2838b6a9bfc226ca4b4530e7a4ccee1bfa2a3d396ae5a3fb512384b2fdd851f784a65e03f2c4f\
    be11a53c7777c023462239dd6f7521a3f6c7d5dd3ec9b3f233773d4b46d23cc375eb198c63301c21801f6520bcfb\
    7966fc49b393f0061d974a2706df8c4a9449f11d7f3d2dcbb90c6b877045636e7c0c0fe4eb0f697545460c806910\
    d2c355f1d253bc9d2452aaa549e27a1fac7cf4ed77f322e8fa894b6a83810a34b361901751a6f5eb65a0326e07de\
    7c1216ccce2d0193f958bb3850a833f7ae432b65bc5a53975c155aa4bcb4f7b2c4e54df16efaf6ddea94e2c50b4c\
    d1dfe06017e0e9d02900cffe1935e0491d77ffb4fdf85290fdd893d577b1131a610ef6a5c32b2ee0293617a37cbb\
    08b847741c3b8017c25ca9052ca1079d8b78aebd47876d330a30f6a8c6d61dd1ab5589329de714d19d61370f8149\
    748c72f132f0fc99f34d766c6938597040d8f9e2bb522ff99c63a344d6a2ae8aa8e51b7b90a4a806105fcbca3150\
    6c446151adfeceb51b91abfe43960977c87471cf9ad4074d30e10d6a7f03c63bd5d4317f68ff325ba3bd80bf4dc8\
    b52a0ba031758022eb025cdd770b44d6d6cf0670f4e990b22347a7db848265e3e5eb72dfe8299ad7481a408322ca\
    c55786e52f633b2fb6b614eaed18d703dd84045a274ae8bfa73379661388d6991fe39b0d93debb41700b41f90a15\
    c4d526250235ddcd6776fc77bc97e7a417ebcb31600d01e57f32162a8560cacc7e27a096d37a1a86952ec71bd89a\
    3e9a30a2a26162984d7740f81193e8238e61f6b5b984d4d3dfa033c1bb7e4f0037febf406d91c0dccf32acf423cf\
    a1e7071010d3f270121b493ce85054ef58bada42310138fe081adb04e2bd901f2f13458b3d6758158197107c14eb\
    b193230cd1157380aa79cae1374a7c1e5bbcb80ee23e06ebfde206bfb0fcbc0edc4ebec309661bdd908d532eb0c6\
    adc38b7ca7331dce8dfce39ab71e7c32d318d136b6100671a1ae6a6600e3899f31f0eed19e3417d134b90c9058f8\
    632c798d4490da4987307cba922d61c39805d072b589bd52fdf1e86215c2d54e6670e07383a27bbffb5addf47d66\
    aa85a0c6f9f32e59d85a44dd5d3b22dc2be80919b490437ae4f36a0ae55edf1d0b5cb4e9a3ecabee93dfc6e38d20\
    9d0fa6536d27a5d6fbb17641cde27525d61093f1b28072d111b2b4ae5f89d5974ee12e5cf7d5da4d6a31123041f3\
    3e61407e76cffcdcfd7e19ba58cf4b536f4c4938ae79324dc402894b44faf8afbab35282ab659d13c93f70412e85\
    cb199a37ddec600545473cfb5a05e08d0b209973b2172b4d21fb69745a262ccde96ba18b2faa745b6fe189cf772a\
    9f84cbfc\
";
const NO_APPLICATION_PROTOCOL: u64 = 0x178;

extern "C" {
    // openssl/aead.h, openssl/aes.h, openssl/chacha.h
    fn EVP_aead_aes_128_gcm() -> *const c_void;
    fn EVP_aead_chacha20_poly1305() -> *const c_void;
    fn EVP_AEAD_CTX_new(aead: *const c_void, key: *const u8, n: usize, tag: usize) -> *mut c_void;
    fn EVP_AEAD_CTX_free(context: *mut c_void);
    #[rustfmt::skip]
    fn EVP_AEAD_CTX_open(
        context: *const c_void,
        out: *mut u8,
        out_len: *mut usize,
        max_out_len: usize,
        nonce: *const u8,
        nonce_len: usize,
        in_: *const u8,
        in_len: usize,
        ad: *const u8,
        ad_len: usize,
    ) -> i32;
    #[rustfmt::skip]
    fn EVP_AEAD_CTX_seal(
        context: *const c_void,
        out: *mut u8,
        out_len: *mut usize,
        max_out_len: usize,
        nonce: *const u8,
        nonce_len: usize,
        in_: *const u8,
        in_len: usize,
        ad: *const u8,
        ad_len: usize,
    ) -> i32;
    #[rustfmt::skip]
    fn CRYPTO_chacha_20(
        out: *mut u8,
        in_: *const u8,
        n: usize,
        key: *const u8,
        nonce: *const u8,
        counter: u32,
    );
    fn AES_set_encrypt_key(key: *const u8, bits: u32, out: *mut [u32; 64]) -> i32;
    fn AES_ecb_encrypt(in_: *const u8, out: *mut u8, key: *const [u32; 64], encrypt: i32);
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let text = |pair: &[u8]| String::from_utf8(pair.to_vec()).unwrap();
    digits.chunks(2).map(|pair| u8::from_str_radix(&text(pair), 16).unwrap()).collect()
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let pad = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    sha256(&[&pad(0x5c)[..], &sha256(&[&pad(0x36)[..], message].concat())].concat())
}

/// HKDF-Expand-Label (RFC 8446 §7.1) of up to 32 bytes.
fn expand(secret: &[u8], label: &str, length: u8) -> Vec<u8> {
    let name = format!("tls13 {label}");
    let info = [&[0, length, name.len() as u8], name.as_bytes(), &[0, 1]].concat();
    hmac(secret, &info)[..length.into()].to_vec()
}

#[derive(Clone, Copy, PartialEq)]
enum Cipher {
    Aes,
    ChaCha,
}

struct Keys {
    cipher: Cipher,
    key: Vec<u8>,
    iv: Vec<u8>,
    hp: Vec<u8>,
}

impl Keys {
    fn new(cipher: Cipher, secret: &[u8]) -> Self {
        let length = if cipher == Cipher::Aes { 16 } else { 32 };
        Keys {
            cipher,
            key: expand(secret, "quicv2 key", length),
            iv: expand(secret, "quicv2 iv", 12),
            hp: expand(secret, "quicv2 hp", length),
        }
    }

    fn initial(dcid: &[u8], label: &str) -> Self {
        Keys::new(Cipher::Aes, &expand(&hmac(&bytes(SALT), dcid), label, 32))
    }

    fn context(&self) -> *mut c_void {
        unsafe {
            let aead = match self.cipher {
                Cipher::Aes => EVP_aead_aes_128_gcm(),
                Cipher::ChaCha => EVP_aead_chacha20_poly1305(),
            };
            EVP_AEAD_CTX_new(aead, self.key.as_ptr(), self.key.len(), 16)
        }
    }

    /// RFC 9001 §5.4.3, §5.4.4.
    fn mask(&self, sample: &[u8]) -> [u8; 16] {
        let mut mask = [0; 16];
        unsafe {
            match self.cipher {
                Cipher::Aes => {
                    let mut schedule = [0; 64];
                    AES_set_encrypt_key(self.hp.as_ptr(), 128, &mut schedule);
                    AES_ecb_encrypt(sample.as_ptr(), mask.as_mut_ptr(), &schedule, 1);
                }
                Cipher::ChaCha => {
                    let counter = u32::from_le_bytes(sample[..4].try_into().unwrap());
                    let (key, nonce) = (self.hp.as_ptr(), sample[4..].as_ptr());
                    CRYPTO_chacha_20(mask.as_mut_ptr(), [0; 5].as_ptr(), 5, key, nonce, counter);
                }
            }
        }
        mask
    }

    /// The frames in |packet|, whose packet number is at |at|; None where it does not open.
    fn open(&self, packet: &[u8], at: usize) -> Option<Vec<u8>> {
        let mask = self.mask(&packet[at + 4..at + 20]);
        let mut head = packet[..at].to_vec();
        head[0] ^= mask[0] & if head[0] & 0x80 == 0 { 0x1f } else { 0x0f };
        let number_bytes = usize::from(head[0] & 3) + 1;
        let number = packet[at..at + number_bytes].iter().zip(&mask[1..]).map(|(a, b)| a ^ b);
        head.extend(number);
        let mut nonce = self.iv.clone();
        nonce.iter_mut().rev().zip(head.iter().rev().take(number_bytes)).for_each(|(n, b)| *n ^= b);
        let sealed = &packet[at + number_bytes..];
        let (mut out, mut length) = (vec![0; sealed.len()], 0);
        let context = self.context();
        let opened = unsafe {
            EVP_AEAD_CTX_open(
                context,
                out.as_mut_ptr(),
                &mut length,
                out.len(),
                nonce.as_ptr(),
                12,
                sealed.as_ptr(),
                sealed.len(),
                head.as_ptr(),
                head.len(),
            )
        };
        unsafe { EVP_AEAD_CTX_free(context) };
        out.truncate(length);
        (opened == 1).then_some(out)
    }
}

/// Appendix A.1 and A.5: what follows goes by these.
#[test]
fn keys() {
    let dcid = bytes("8394c8f03e515708");
    let client = Keys::initial(&dcid, "client in");
    assert_eq!(client.key, bytes("8b1a0bc121284290a29e0971b5cd045d"));
    assert_eq!(client.iv, bytes("91f73e2351d8fa91660e909f"));
    assert_eq!(client.hp, bytes("45b95e15235d6f45a6b19cbcb0294ba9"));
    let server = Keys::initial(&dcid, "server in");
    assert_eq!(server.key, bytes("82db637861d55e1d011f19ea71d5d2a7"));
    assert_eq!(server.hp, bytes("edf6d05c83121201b436e16877593c3a"));
    let mask = client.mask(&bytes("ffe67b6abcdb4298b485dd04de806071"));
    assert_eq!(mask[..5], bytes("94a0c95e80"));
    let secret = bytes("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b");
    let short = Keys::new(Cipher::ChaCha, &secret);
    assert_eq!(short.iv, bytes("a6b5bc6ab7dafce30ffff5dd"));
    let mask = short.mask(&bytes("e7b6b932bc27d786f4bc2bb20f2162ba"));
    assert_eq!(mask[..5], bytes("97580e32bf"));
    assert_eq!(
        expand(&secret, "quicv2 ku", 32),
        bytes("c69374c49e3d2a9466fa689e49d476db5d0dfbc87d32ceeaa6343fd0ae4c7d88")
    );
}

fn pipe(adjust: impl Fn(&mut quicd_quiche::config::Options)) -> Pipe {
    let client = |options: &mut quicd_quiche::config::Options| {
        options.versions = BEGIN_WITH_TWO;
        adjust(options);
    };
    Pipe::with(client, &adjust, CID_BYTES)
}

/// Appendix A.2: our server opens it, and says what is wrong with its content.
#[test]
fn the_sample_client_initial_is_read() {
    let pipe = pipe(|_| {});
    let packet = Packet { bytes: bytes(CLIENT_INITIAL), from: pipe.nat, to: address(SERVER) };
    pipe.server.receive(&packet, pipe.nat, packet.to);
    let mut reason: CloseReason = unsafe { std::mem::zeroed() };
    let connection: *mut Connection = pipe.server.connection;
    assert!(unsafe { qd_local_error(connection, &mut reason) }, "no junk");
    assert_eq!(reason.error_code, NO_APPLICATION_PROTOCOL);
}

/// Where the packet number of an Initial is, and where the packet ends.
fn initial_bounds(packet: &[u8]) -> (usize, usize) {
    let scid_at = 6 + usize::from(packet[5]);
    let token_at = scid_at + 1 + usize::from(packet[scid_at]);
    assert!(packet[token_at] < 0x40);
    let at = token_at + 1 + usize::from(packet[token_at]);
    let length = u16::from_be_bytes([packet[at], packet[at + 1]]) & 0x3fff;
    (at + 2, at + 2 + usize::from(length))
}

/// Appendix A.1, A.3: Initial packets of ours, from either side.
#[test]
fn our_initials_are_sealed_so() {
    let pipe = pipe(|_| {});
    let flight = pipe.client.packets();
    let hello = &flight[0];
    assert_eq!((hello.bytes[0] & 0xf0, &hello.bytes[1..5]), (0xd0, &bytes("6b3343cf")[..]));
    let dcid = &hello.bytes[6..6 + usize::from(hello.bytes[5])];
    for packet in &flight {
        pipe.server.receive(packet, pipe.nat, packet.to);
    }
    let answer = pipe.server.packets().remove(0);
    for (packet, label) in [(hello, "client in"), (&answer, "server in")] {
        let (at, end) = initial_bounds(&packet.bytes);
        let frames = Keys::initial(dcid, label).open(&packet.bytes[..end], at);
        assert!(frames.is_some_and(|frames| frames.contains(&0x06)), "{label}");
    }
}

/// Appendix A.4, and §3.3.3 for ours.
#[test]
fn retry_is_sealed_so() {
    let tag_of = |packet: &[u8]| {
        let pseudo = [&[8], &bytes("8394c8f03e515708")[..], packet].concat();
        let keys = Keys {
            cipher: Cipher::Aes,
            key: bytes("8fb4b01b56ac48e260fbcbcead7ccc92"),
            iv: bytes("d86969bc2d7c6d9990efb04a"),
            hp: vec![],
        };
        let (mut tag, mut length, context) = (vec![0; 16], 0, keys.context());
        unsafe {
            EVP_AEAD_CTX_seal(
                context,
                tag.as_mut_ptr(),
                &mut length,
                16,
                keys.iv.as_ptr(),
                12,
                [].as_ptr(),
                0,
                pseudo.as_ptr(),
                pseudo.len(),
            );
            EVP_AEAD_CTX_free(context);
        }
        tag
    };
    let sample = bytes("cf6b3343cf0008f067a5502a4262b5746f6b656ec8646ce8bfe33952d955543665dcc7b6");
    assert_eq!(tag_of(&sample[..20]), sample[20..]);
    let [scid, dcid, new] = [vec![], bytes("8394c8f03e515708"), bytes("f067a5502a4262b5")];
    let [scid, dcid, new] = [&scid, &dcid, &new].map(|cid| quiche::ConnectionId::from_ref(cid));
    let mut out = [0; 100];
    let length = quiche::retry(&scid, &dcid, &new, b"token", V2, &mut out).unwrap();
    assert_eq!((out[0] & 0xf0, &out[1..20]), (0xc0, &sample[1..20]));
    assert_eq!(tag_of(&out[..20]), out[20..length]);
}

/// Appendix A.5: short headers of ours, by the secret in the key log.
#[test]
fn short_headers_are_sealed_so() {
    let path = std::env::temp_dir().join(format!("quicd-version-2-{}", std::process::id()));
    let log = std::fs::File::create(&path).unwrap();
    const CHACHA: [u16; 1] = [0x1303];
    let pipe = pipe(|options| {
        options.ciphers = CHACHA.as_ptr();
        options.cipher_count = 1;
        options.log_keys = true;
    });
    let fd = std::os::fd::AsRawFd::as_raw_fd(&log);
    assert_eq!(unsafe { qd_set_keylog_fd(pipe.server.connection, fd) }, 0);
    pipe.establish();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let line = text.lines().find(|line| line.starts_with("SERVER_TRAFFIC_SECRET_0")).unwrap();
    let keys = Keys::new(Cipher::ChaCha, &bytes(line.split(' ').nth(2).unwrap()));
    pipe.server.send(1, b"as the appendix has it", true);
    let packet = pipe.server.packets().remove(0);
    let frames = keys.open(&packet.bytes, 1 + CID_BYTES).expect("it opens");
    assert!(frames.windows(22).any(|window| window == b"as the appendix has it"));
}
