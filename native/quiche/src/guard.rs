//! No panic may cross into C: it would abort the whole process, and with it every other connection.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

/// Runs |body|; a panic becomes |on_panic|.
pub fn guard<R>(on_panic: R, body: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(on_panic)
}

/// One line on stderr per panic instead of the default three.
pub fn install_panic_line() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            eprintln!("quicd: panic: {}", info.to_string().replace('\n', " "));
        }));
    });
}
