//! CPU times of this process, as the system tells them.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};

use crate::Failure;

/// That of all threads.
pub(crate) fn of_process() -> Result<Duration, Failure> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let total = usage.user_time() + usage.system_time();
    Ok(Duration::from_micros(u64::try_from(total.tv_sec() * 1_000_000 + total.tv_usec())?))
}

/// That of the threads whose names contain this.
pub(crate) fn of_threads(name: &str) -> Result<Duration, Failure> {
    let mut total = Duration::ZERO;
    for thread in fs::read_dir("/proc/self/task")? {
        let folder = thread?.path();
        // A thread may end meanwhile.
        let Ok(found) = fs::read_to_string(folder.join("comm")) else { continue };
        if found.contains(name) {
            let times = fs::read_to_string(folder.join("schedstat"))?;
            let nanoseconds = times.split(' ').next().unwrap_or_default().parse()?;
            total += Duration::from_nanos(nanoseconds);
        }
    }
    Ok(total)
}
