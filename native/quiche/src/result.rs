//! enum qd_result of the header: quiche's errors as numbers.

use quiche::Error;

pub const DONE: i32 = -1;
pub const ERROR_INVALID_STATE: i32 = -6;
pub const ERROR_OTHER: i32 = -98;
pub const ERROR_PANIC: i32 = -99;

/// The number of |error|, the same as in quiche's own C API. What that API numbers beyond the
/// header is "other".
pub fn code(error: Error) -> i32 {
    match error {
        Error::Done => DONE,
        Error::BufferTooShort => -2,
        Error::UnknownVersion => -3,
        Error::InvalidFrame => -4,
        Error::InvalidPacket => -5,
        Error::InvalidState => ERROR_INVALID_STATE,
        Error::InvalidStreamState(_) => -7,
        Error::InvalidTransportParam => -8,
        Error::CryptoFail => -9,
        Error::TlsFail => -10,
        Error::FlowControl => -11,
        Error::StreamLimit => -12,
        Error::FinalSize => -13,
        Error::CongestionControl => -14,
        Error::StreamStopped(_) => -15,
        Error::StreamReset(_) => -16,
        Error::IdLimit => -17,
        Error::OutOfIdentifiers => -18,
        Error::KeyUpdate => -19,
        Error::CryptoBufferExceeded => -20,
        Error::InvalidAckRange
        | Error::OptimisticAckDetected
        | Error::InvalidDcidInitialization
        | Error::TooManyPieces
        | Error::AeadLimitReached
        | Error::VersionNegotiation => ERROR_OTHER,
    }
}

/// The application error code that STOP_SENDING or RESET_STREAM carried (RFC 9000 §19.4, §19.5).
fn peer_code(error: Error) -> Option<u64> {
    match error {
        Error::StreamStopped(code) | Error::StreamReset(code) => Some(code),
        _ => None,
    }
}

/// As `code`, and stores the peer's error code, if there is one, in |error_code| (which may be
/// null).
///
/// # Safety
/// |error_code| is null or valid for a write.
pub unsafe fn stream_code(error: Error, error_code: *mut u64) -> isize {
    if let (Some(value), false) = (peer_code(error), error_code.is_null()) {
        error_code.write(value);
    }
    code(error) as isize
}

pub fn unit(result: quiche::Result<()>) -> i32 {
    match result {
        Ok(()) => 0,
        Err(error) => code(error),
    }
}

pub fn size(result: quiche::Result<usize>) -> isize {
    match result {
        Ok(bytes) => bytes as isize,
        Err(error) => code(error) as isize,
    }
}
