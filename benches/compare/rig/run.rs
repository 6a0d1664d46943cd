//! A run: a process that processes all of its input and ends, observed from outside.
//!
//! CPU is that of the whole process, user and system, over all threads, from start to end; "warm" is the part after the
//! first two fifths of the records. Time is measured from the moment when all tasks are running to the moment when
//! everything is committed. Memory is the peak resident set size.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use crate::Failure;
use crate::interrupt::Interrupt;

/// How often the process is inspected.
const LOOK: Duration = Duration::from_millis(50);

/// The maximum duration of a run that works.
const PATIENCE: Duration = Duration::from_secs(45 * 60);

/// The cost of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    /// When the process was warm; `None` if the system does not provide it.
    pub(crate) warm: Option<Warm>,
    /// In bytes; `None` if the system does not provide it.
    pub(crate) peak_rss: Option<u64>,
}

/// The progress of a process by the time when Java has compiled hot code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Warm {
    pub(crate) processed: u64,
    pub(crate) cpu: Duration,
}

/// Runs a program to its end. Its error output is kept in `folder`, and shown if it fails.
pub(crate) fn run(mut command: Command, folder: &Path, interrupt: &Interrupt) -> Result<Cost, Failure> {
    let errors = folder.join("stderr");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&errors)?);
    // In a separate process group: Ctrl-C is for us, and we then end the program.
    command.process_group(0);
    let before = children_cpu()?;
    let mut process = Process(command.spawn()?);
    let watched = watch(&mut process.0, interrupt)?;
    let status = process.0.wait()?;
    let cpu = children_cpu()?.saturating_sub(before);
    if !status.success() {
        return Err(format!("{status}\n{}", end_of(&errors)).into());
    }
    let (Some(running), Some(closed)) = (watched.running, watched.closed) else {
        return Err(format!("it ended before it was running\n{}", end_of(&errors)).into());
    };
    Ok(Cost { wall: closed.duration_since(running), cpu, warm: watched.warm, peak_rss: watched.peak_rss })
}

/// A process that does not outlive us.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[derive(Default)]
struct Watched {
    running: Option<Instant>,
    closed: Option<Instant>,
    warm: Option<Warm>,
    peak_rss: Option<u64>,
}

/// Waits until the process has closed its output, which is its end.
fn watch(process: &mut Child, interrupt: &Interrupt) -> Result<Watched, Failure> {
    let (started, lines) = (Instant::now(), lines_of(process));
    let mut watched = Watched::default();
    loop {
        let line = lines.recv_timeout(LOOK);
        watched.peak_rss = watched.peak_rss.max(peak_rss(process.id()));
        match line {
            Ok((at, line)) if line == "running" => watched.running = Some(at),
            Ok((at, line)) if line == "closed" => watched.closed = Some(at),
            Ok((_, line)) => watched.warm = watched.warm.or_else(|| warm(process.id(), &line)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(watched),
        }
        interrupt.check()?;
        if started.elapsed() > PATIENCE {
            return Err(format!("it does not end within {} minutes", PATIENCE.as_secs() / 60).into());
        }
    }
}

/// The lines that a process prints, each with the time.
fn lines_of(process: &mut Child) -> Receiver<(Instant, String)> {
    let (sender, lines) = channel();
    if let Some(output) = process.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send((Instant::now(), line));
            }
        });
    }
    lines
}

/// The CPU time of all processes that we started and that have ended.
fn children_cpu() -> Result<Duration, Failure> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let total = usage.user_time() + usage.system_time();
    Ok(Duration::from_micros(u64::try_from(total.tv_sec() * 1_000_000 + total.tv_usec())?))
}

/// Parses `warm N`, and adds the CPU time so far.
fn warm(process: u32, line: &str) -> Option<Warm> {
    let processed = line.strip_prefix("warm ")?.parse().ok()?;
    Some(Warm { processed, cpu: cpu_in(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)? })
}

/// User and system time in Linux' line about a process. The program's name, in parentheses, may contain anything.
fn cpu_in(stat: &str) -> Option<Duration> {
    /// Whatever the kernel's clock rate, it reports times in hundredths of a second.
    const TICK: Duration = Duration::from_millis(10);
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u32>);
    Some(TICK * (ticks.next()?.ok()? + ticks.next()?.ok()?))
}

/// The peak resident set size of a process so far, if the system provides it (Linux).
fn peak_rss(process: u32) -> Option<u64> {
    high_water(&fs::read_to_string(format!("/proc/{process}/status")).ok()?)
}

fn high_water(status: &str) -> Option<u64> {
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"))?;
    Some(kib.trim().parse::<u64>().ok()? * 1_024)
}

/// The last lines of a file.
fn end_of(file: &Path) -> String {
    let text = String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned();
    let lines: Vec<_> = text.lines().collect();
    lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{cpu_in, high_water};

    #[test]
    fn a_process_has_user_and_system_time_behind_its_name() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194304 9 0 0 0 150 25 7 7 20 0 1 0 99 0 0";
        assert_eq!(cpu_in(stat), Some(Duration::from_millis(1_750)));
        assert_eq!(cpu_in("42 (gone"), None);
    }

    #[test]
    fn the_high_water_mark_is_read_in_bytes() {
        let status = "Name:\tjava\nVmPeak:\t  900 kB\nVmHWM:\t   12 kB\nVmRSS:\t    8 kB\n";
        assert_eq!(high_water(status), Some(12 * 1_024));
        assert_eq!(high_water("Name:\tzombie\n"), None);
    }
}
