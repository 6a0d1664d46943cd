//! The run from start to end: topics, application, page, readings, and the check.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use millstream::log::Doorbell;
use millstream::prelude::*;
use millstream::runtime::Running;

use crate::Failure;
use crate::check::{Check, Report};
use crate::generator::{Generator, MODELS, Sent};
use crate::place::Place;
use crate::topology::{HOUR, MINUTE, READINGS, UNITS, iot, millis};

/// How far back event time begins, and how long before a full hour. It ends with the present.
const BEGINS_BEFORE: Duration = Duration::from_secs(20 * 3_600);
const BEFORE_THE_HOUR: Duration = Duration::from_secs(2 * 60);

/// The run begins with readings of so long, by the clock, so that there is something to see at once.
const BACKLOG: Duration = Duration::from_secs(3);

/// How often readings are sent, and how often a line is printed.
const TICK: Duration = Duration::from_millis(50);
const LINE_EVERY: Duration = Duration::from_secs(1);

/// How long to wait for the last results, and how long if somebody waits for the end.
const SETTLE_MAX: Duration = Duration::from_secs(60);
const SETTLE_MAX_ATTENDED: Duration = Duration::from_millis(1_200);

/// How often to look whether they are there.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many devices there are.
    pub devices: usize,
    /// How much faster than the clock event time passes.
    pub fast: i64,
    /// Determines the readings.
    pub seed: u64,
    /// When to end.
    pub seconds: Option<Duration>,
    /// The port of the page.
    pub port: u16,
}

/// Says that the run is to end.
#[derive(Clone, Default)]
pub struct Stop {
    is_asked: Arc<AtomicBool>,
    doorbell: Doorbell,
}

impl Stop {
    /// Asks for the end. Returns whether somebody has before.
    pub fn ask(&self) -> bool {
        let before = self.is_asked.swap(true, Ordering::SeqCst);
        self.doorbell.ring();
        before
    }

    fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::SeqCst)
    }
}

/// Runs it, and returns whether all results were right.
pub fn run(place: &Place, plan: Plan, stop: &Stop) -> Result<bool, Failure> {
    let client = place.client()?;
    place.create_topics(&client)?;
    client.send_all(&UNITS, MODELS.map(|(model, unit)| (model, unit)))?;
    let mut check = Check::begin(&client)?;
    let now_ms = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis())?;
    let began_ms = begin_at(now_ms, check.fold.newest_ms());
    let mut generator = Generator::new(plan.seed, plan.devices, plan.fast, began_ms);

    let running = place.start(iot()?)?;
    let http = Http::of(&running).bind(format!("127.0.0.1:{}", plan.port)).allow_actions(true).start()?;
    say(format_args!("iot on {}; open {} (Ctrl-C ends it)", place.describe(), http.url()))?;

    // Silences are measured from when the application listens, which on Kafka takes some seconds.
    while running.state() != AppState::Running && !stop.is_asked() {
        check_state(&running)?;
        stop.doorbell.wait(LOOK_EVERY);
    }
    let began = Instant::now();
    let mut next_line = LINE_EVERY;
    loop {
        let passed = began.elapsed();
        let event_ms = began_ms + i64::try_from(passed.as_millis())? * plan.fast;
        if stop.is_asked() || plan.seconds.is_some_and(|seconds| passed >= seconds) {
            break;
        }
        if event_ms >= now_ms {
            say(format_args!("event time has reached the present"))?;
            break;
        }
        check_state(&running)?;
        let sent = generator.until(i64::try_from((BACKLOG + passed).as_millis())?);
        send(&client, &sent)?;
        check.silences.sent(i64::try_from(passed.as_millis())?, sent.iter().map(|(device, ..)| device.as_str()));
        if passed >= next_line {
            next_line = passed + LINE_EVERY;
            say_how_it_goes(passed, event_ms - began_ms, check.look()?)?;
        }
        stop.doorbell.wait(TICK);
    }

    // Open streams take the server a moment.
    let closing = std::thread::spawn(move || drop(http));
    let settle_max = if stop.is_asked() { SETTLE_MAX_ATTENDED } else { SETTLE_MAX };
    let mut report = settle(&mut check, &running, settle_max)?;
    if stop.is_asked() && !report.missing.is_empty() {
        say(format_args!("ended before the last {} results", report.missing.len()))?;
        report.missing.clear();
    }
    say(format_args!("{report}"))?;
    running.close()?;
    let _ = closing.join();
    Ok(report.is_right())
}

/// Where event time begins: where the last run on this log has ended, or some time ago.
fn begin_at(now_ms: i64, newest_ms: Option<i64>) -> i64 {
    let hours = (now_ms - millis(BEGINS_BEFORE)) / millis(HOUR);
    let first_ms = hours * millis(HOUR) - millis(BEFORE_THE_HOUR);
    newest_ms.map_or(first_ms, |newest_ms| first_ms.max(newest_ms + 1))
}

fn send(client: &Client, sent: &[Sent]) -> Result<(), Failure> {
    client.send_all(&READINGS, sent.iter().cloned())?;
    Ok(())
}

/// Waits until everything is there that must be.
fn settle(check: &mut Check, running: &Running, at_most: Duration) -> Result<Report, Failure> {
    let began = Instant::now();
    loop {
        check_state(running)?;
        let report = check.judge(running)?;
        if report.missing.is_empty() || began.elapsed() >= at_most {
            return Ok(report);
        }
        Doorbell::new().wait(LOOK_EVERY);
    }
}

/// Whether the application still runs.
fn check_state(running: &Running) -> Result<(), Failure> {
    if !running.state().is_final() {
        return Ok(());
    }
    Err(running.error().map_or_else(|| "the application was stopped".into(), Failure::from))
}

fn say_how_it_goes(passed: Duration, event_ms: i64, report: &Report) -> io::Result<()> {
    let (seconds, minutes) = (passed.as_secs(), event_ms / millis(MINUTE));
    let [per_second, per_minute, per_hour] = report.finals;
    let readings = report.readings.0;
    say(format_args!(
        "{seconds:>4} s  {minutes} min of event time: {readings} readings, final results {per_second} per second, \
         {per_minute} per minute, {per_hour} per hour"
    ))
}

/// Prints a line. If nobody reads it any more, that ends the run.
fn say(line: fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
