//! Tells how far a run is: one line that is written again and again on a terminal, and a line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

/// The progress of a run.
pub struct Progress {
    total: u64,
    started: Instant,
    told: Instant,
    is_terminal: bool,
}

impl Progress {
    /// The progress of a run of so many cases.
    #[must_use]
    pub fn of(total: u64) -> Self {
        let now = Instant::now();
        Self { total, started: now, told: now, is_terminal: stderr().is_terminal() }
    }

    /// Tells how far it is, unless that was told just now.
    pub fn tell(&mut self, done: u64, failed: u64) {
        let pause = if self.is_terminal { Duration::from_millis(200) } else { Duration::from_secs(10) };
        if self.told.elapsed() < pause {
            return;
        }
        self.told = Instant::now();
        let line = format!("{done} of {} cases, {failed} differ, {} a second", self.total, self.rate(done));
        if self.is_terminal {
            eprint!("\r{line}\x1b[K");
            let _ = stderr().flush();
        } else {
            eprintln!("{line}");
        }
    }

    /// Makes room for other lines.
    pub fn clear(&self) {
        if self.is_terminal {
            eprint!("\r\x1b[K");
        }
    }

    /// Cases per second so far.
    #[must_use]
    pub fn rate(&self, done: u64) -> u64 {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        done.saturating_mul(1_000) / millis
    }
}
