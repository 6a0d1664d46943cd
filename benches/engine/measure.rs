//! Wall-clock and CPU time of a piece of work, over all threads of the process.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

/// The cost of a run.
pub(crate) struct Measured {
    pub(crate) records: u64,
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

impl Measured {
    /// Runs the work and measures it.
    pub(crate) fn of<E: From<nix::Error>>(records: u64, work: impl FnOnce() -> Result<(), E>) -> Result<Self, E> {
        let (started, cpu) = (Instant::now(), process_cpu()?);
        work()?;
        Ok(Self { records, wall: started.elapsed(), cpu: process_cpu()?.saturating_sub(cpu) })
    }

    pub(crate) fn records_per_second(&self) -> f64 {
        self.records as f64 / self.wall.as_secs_f64()
    }

    /// In microseconds.
    pub(crate) fn cpu_per_record(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.records as f64
    }
}

fn process_cpu() -> Result<Duration, nix::Error> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let total = usage.user_time() + usage.system_time();
    let micros = total.tv_sec() * 1_000_000 + total.tv_usec();
    Ok(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
}
