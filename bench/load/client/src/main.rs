//! quicd_load: an HTTP/3 load client in a closed loop, on quiche's own HTTP/3.
//!
//!     quicd_load 127.0.0.1:4433 --seconds 5
//!     quicd_load 127.0.0.1:4433 --mode bulk --bytes 67108864 --connections 1 --streams 1 --verify
//!     quicd_load 127.0.0.1:4433 --mode upload --bytes 1048576 --requests 1000 --cpu 1
//!
//! One thread; every connection has a socket and keeps its number of requests in flight; every
//! answer is checked. Exit code 1 when one was wrong or missing.

mod arguments;
mod connection;
mod driver;
mod poller;
mod socket;
mod tally;
mod workload;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{}", arguments::HELP);
        return ExitCode::SUCCESS;
    }
    let arguments = match arguments::parse(words.into_iter()) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("quicd_load: {message}; see --help");
            return ExitCode::from(2);
        }
    };
    if let Some(cpu) = arguments.cpu
        && !pin(cpu)
    {
        eprintln!("quicd_load: --cpu {cpu}: this process may not run there");
        return ExitCode::from(2);
    }
    match driver::run(arguments) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("quicd_load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn pin(cpu: usize) -> bool {
    if cpu >= libc::CPU_SETSIZE as usize {
        return false;
    }
    // SAFETY: the set is whole and outlives the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) == 0
    }
}
