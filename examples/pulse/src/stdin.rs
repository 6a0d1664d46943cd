//! Standard input: the keyboard for the plain lines, and a sign that nobody is there any more.

use std::io::{self, BufRead, IsTerminal, Read};
use std::time::{Duration, Instant};

use crate::board::{Request, Shared};

/// If the input ends this soon after the start, there was no input at all.
const AT_ONCE: Duration = Duration::from_millis(500);

/// Longer lines are read in pieces, whatever they are.
const LINE_MAX: u64 = 1_000;

/// The length of a run that nobody can end from the keyboard.
pub const UNATTENDED: Duration = Duration::from_secs(10);

/// Whether standard input can be read: a background process that reads its terminal would be stopped.
#[cfg(unix)]
pub fn is_readable() -> bool {
    !io::stdin().is_terminal()
        || rustix::termios::tcgetpgrp(io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Whether standard input can be read.
#[cfg(not(unix))]
pub fn is_readable() -> bool {
    true
}

/// Reads lines until there are no more: `k` kills the instance, `s` starts a second one and then kills it, `p` sends what
/// nobody can read, `d` doubles the traffic, `q` ends the run, and so does the end of the input. If there is no input at
/// all, the run ends after [`UNATTENDED`].
pub fn follow(shared: &Shared) {
    let began = Instant::now();
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    while let Ok(1..) = input.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
        match String::from_utf8_lossy(&line).trim() {
            "k" => shared.ask(Request::Kill),
            "s" => shared.ask(match shared.board().addresses.len() {
                0 | 1 => Request::StartSecond,
                _ => Request::KillSecond,
            }),
            "p" => shared.ask(Request::Poison),
            "d" => shared.ask(Request::Double),
            "q" => shared.stop(),
            _ => {}
        }
        line.clear();
    }
    if began.elapsed() < AT_ONCE {
        shared.end_at(UNATTENDED);
    } else {
        shared.stop();
    }
}
