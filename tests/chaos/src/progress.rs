//! Tells how far a run is: one line that is written again and again on a terminal, and a line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

/// The progress of a run.
#[derive(Debug)]
pub struct Progress {
    cycles: usize,
    records: i64,
    started: Instant,
    told: Option<Instant>,
    is_terminal: bool,
}

impl Progress {
    /// The progress of a run of so many cycles and records.
    #[must_use]
    pub fn of(cycles: usize, records: i64) -> Self {
        Self { cycles, records, started: Instant::now(), told: None, is_terminal: stderr().is_terminal() }
    }

    /// Tells how far it is, unless that was told just now.
    pub fn tell(&mut self, cycle: usize, written: i64, kills: u64, doing: &str) {
        let pause = if self.is_terminal { Duration::from_millis(300) } else { Duration::from_secs(10) };
        if self.told.is_some_and(|told| told.elapsed() < pause) {
            return;
        }
        self.told = Some(Instant::now());
        let (cycles, records) = (self.cycles, self.records);
        let left = self.left(written).map_or(String::new(), |left| format!(", about {} s left", left.as_secs()));
        let line = format!("{cycle} of {cycles} cycles: {doing}; {kills} kills, {written} of {records} records{left}");
        if self.is_terminal {
            eprint!("\r{line}\x1b[K");
            let _ = stderr().flush();
        } else {
            eprintln!("{line}");
        }
    }

    /// Prints a line that stays.
    pub fn say(&self, line: &str) {
        if self.is_terminal {
            eprint!("\r\x1b[K");
        }
        eprintln!("{line}");
    }

    /// How long the rest takes, if it goes on like this.
    fn left(&self, written: i64) -> Option<Duration> {
        let (written, left) = (u32::try_from(written).ok()?, u32::try_from(self.records - written).ok()?);
        (written > 0).then(|| self.started.elapsed() / written * left)
    }

    /// How long it has taken.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}
