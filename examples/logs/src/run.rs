//! A run from start to end: the application and its server, lines beside them, and the comparison with the truth.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use millstream::log::Doorbell;
use millstream::runtime::Running;

use crate::Failure;
use crate::check::{Found, is_idle};
use crate::generator::{Generator, Truth};
use crate::place::Place;
use crate::topology::Alerting;
use crate::web::{SharedTruth, serve};

/// How often lines are written.
const TICK: Duration = Duration::from_millis(50);

/// How often a line says how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// How long the application may take for what is left.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// How long to wait for alerts that are being told.
const TELLING_MAX: Duration = Duration::from_millis(500);

/// How many problems are listed.
const SHOWN_MAX: usize = 10;

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Determines the lines.
    pub seed: u64,
    /// How many are written in a second.
    pub rate: u64,
    /// After this time it ends.
    pub time: Option<Duration>,
    /// Where the page is.
    pub port: u16,
    /// When there are alerts, and who gets them.
    pub alerting: Alerting,
}

/// Asks the run to end.
#[derive(Debug, Default)]
pub struct Stop {
    is_asked: AtomicBool,
    doorbell: Doorbell,
}

impl Stop {
    /// Ends the run. Returns whether somebody had asked before.
    pub fn ask(&self) -> bool {
        let before = self.is_asked.swap(true, Ordering::SeqCst);
        self.doorbell.ring();
        before
    }

    fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::SeqCst)
    }
}

/// Runs until the end is asked for. Returns whether everything was found that should be.
pub fn run(plan: &Plan, place: &Place, stop: &Stop) -> Result<bool, Failure> {
    place.create_topics()?;
    let running = place.start(&plan.alerting)?;
    let truth: SharedTruth = Arc::new(Mutex::new(Truth::read(&place.client()?)?));
    let http = serve(&running, plan.port, place.client()?, &truth)?;
    say(&format!("logs: open {} (errors, latencies, alerts; `curl {0}/metrics`)", http.url()));
    if !lock(&truth).is_empty() {
        say(&format!("logs: {} lines were written by earlier runs", lock(&truth).lines()));
    }
    write(plan, place, &running, &truth, stop)?;

    wait_until_idle(&running, place)?;
    let found = Found::read(&running, &place.client()?)?;
    let truth = lock(&truth);
    let problems = found.problems(&truth);
    say(&format!("logs: {}", summary(&truth, &found)));
    match problems.len() {
        0 => say("logs: everything found that should be: yes"),
        wrong => say(&format!("logs: everything found that should be: NO ({wrong} problems)")),
    }
    problems.iter().take(SHOWN_MAX).for_each(|line| say(&format!("  {line}")));
    drop(http);
    running.close()?;
    Ok(problems.is_empty())
}

fn write(plan: &Plan, place: &Place, running: &Running, truth: &SharedTruth, stop: &Stop) -> Result<(), Failure> {
    let mut generator = Generator::begin(place.client()?, plan.seed);
    if plan.rate > 0 && lock(truth).is_empty() {
        generator.write_history(&mut lock(truth))?;
    }
    let began = Instant::now();
    let (mut told, mut written) = (began, 0);
    while !stop.is_asked() && plan.time.is_none_or(|time| began.elapsed() < time) {
        let due = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_mul(plan.rate) / 1_000;
        // After a pause of the machine, what was missed is left out.
        let lines = (due - written).min(plan.rate);
        if lines > 0 {
            generator.write(lines, &mut lock(truth))?;
        }
        written = due;
        if let Some(error) = running.error() {
            return Err(error.into());
        }
        if told.elapsed() >= TOLD_EVERY {
            told = Instant::now();
            let truth = lock(truth);
            say(&format!("logs: {} lines, {} errors", truth.lines(), truth.errors.values().sum::<i64>()));
        }
        stop.doorbell.wait(TICK);
    }
    Ok(())
}

fn summary(truth: &Truth, found: &Found) -> String {
    let alerts: usize = found.alerts.values().map(Vec::len).sum();
    let notices: usize = found.notices.values().map(Vec::len).sum();
    let untold = match found.untold {
        0 => String::new(),
        untold => format!(", {untold} wait to be told or were given up"),
    };
    let strange = match truth.strange.len() {
        0 => String::new(),
        _ => format!("; not checked, because somebody else has sent lines of theirs: {:?}", truth.strange),
    };
    format!(
        "{} lines, {} errors in {} minutes of services, {} kinds of errors, {} bad lines, {alerts} alerts, {notices} of them \
         told{untold}{strange}",
        truth.lines(),
        truth.errors.values().sum::<i64>(),
        truth.latencies.len(),
        truth.signatures.len(),
        truth.bad.values().sum::<usize>(),
    )
}

fn wait_until_idle(running: &Running, place: &Place) -> Result<(), Failure> {
    let (began, bell) = (Instant::now(), Doorbell::new());
    loop {
        if let Some(error) = running.error() {
            return Err(error.into());
        }
        let telling: u64 = running.tasks().values().map(|task| task.in_flight()).sum();
        let is_told = telling == 0 || began.elapsed() > TELLING_MAX;
        if is_told && is_idle(running, place.log())? {
            return Ok(());
        }
        if began.elapsed() > SETTLE_MAX {
            return Err(
                format!("the application is still busy after {SETTLE_MAX:?}; `/api/tasks` says with what").into()
            );
        }
        bell.wait(TICK);
    }
}

fn lock(truth: &SharedTruth) -> MutexGuard<'_, Truth> {
    truth.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a line. If nobody reads them any more, the run goes on all the same.
pub fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
