//! Standard input: keys for those who see lines, and a sign that nobody is there any more.

use std::io::{self, BufRead, IsTerminal};
use std::time::{Duration, Instant};

use crate::board::Shared;

/// An end so soon after the start means that there was no input from the beginning.
const AT_ONCE: Duration = Duration::from_millis(500);

/// How long a run is that nobody can end from the keyboard.
pub const UNATTENDED: Duration = Duration::from_secs(10);

/// Whether reading it makes sense: a process in the background that reads its terminal would be stopped.
#[cfg(unix)]
pub fn is_readable() -> bool {
    !io::stdin().is_terminal()
        || rustix::termios::tcgetpgrp(io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Whether reading it makes sense.
#[cfg(not(unix))]
pub fn is_readable() -> bool {
    true
}

/// Reads lines until there are no more: `k` kills the instance, `q` ends the run, and so does the end of the
/// input. If it has ended before the run began, the run is [`UNATTENDED`].
pub fn follow(shared: &Shared) {
    let began = Instant::now();
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        match line.trim() {
            "k" => shared.kill(),
            "q" => shared.stop(),
            _ => {}
        }
    }
    if began.elapsed() < AT_ONCE {
        shared.end_at(UNATTENDED);
    } else {
        shared.stop();
    }
}
