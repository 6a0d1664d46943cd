//! A run from start to end: the application and its server, the feed beside it, and the comparison.

use std::io::{self, Write as _};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use millstream::log::Doorbell;

use crate::Failure;
use crate::check::{Tables, garbage, is_idle};
use crate::feed::Feed;
use crate::place::Place;
use crate::web::{SharedProgress, serve};

/// How often the feed writes.
const TICK: Duration = Duration::from_millis(50);

/// How often a line says how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// How long the application may take for what is left when the feed has ended.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// How many differences are listed.
const SHOWN_MAX: usize = 10;

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Determines the changes.
    pub seed: u64,
    /// How many there are after the snapshot.
    pub changes: u64,
    /// How many are written in a second.
    pub rate: u64,
    /// Where the page is.
    pub port: u16,
    /// Whether to end after the comparison.
    pub once: bool,
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

/// Runs until the end is asked for. Returns whether the tables were equal to the database's.
pub fn run(plan: Plan, place: &Place, stop: &Stop) -> Result<bool, Failure> {
    place.create_topics()?;
    let running = place.start()?;
    let progress: SharedProgress = Arc::new(Mutex::default());
    let http = serve(&running, plan.port, &progress)?;
    let mut feed = Feed::resume(place.client()?, plan.seed, plan.changes)?;
    say(&format!("cdc: open {} (orders that change, topology, stores, dead letters)", http.url()));
    if feed.progress().0 > 0 {
        say(&format!("cdc: {} of {} changes were written by an earlier run", feed.progress().0, feed.progress().1));
    }
    write(&mut feed, plan.rate, stop, |(written, of)| {
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        (progress.written, progress.of) = (written, of);
        running.error().map_or(Ok(()), |error| Err(error.into()))
    })?;
    wait_until_idle(|| {
        running.error().map_or(Ok(()), Err)?;
        is_idle(&running, place.log())
    })?;

    let client = place.client()?;
    let expected = Tables::expected(feed.script().database(), garbage(feed.script(), &client)?);
    let differences = expected.differences(&Tables::found(&running, &client)?);
    let (written, of) = feed.progress();
    match differences.len() {
        0 => say(&format!(
            "cdc: after {written} of {of} changes, tables equal to the database: yes ({})",
            expected.sizes()
        )),
        wrong => {
            say(&format!(
                "cdc: after {written} of {of} changes, tables equal to the database: NO ({wrong} rows are not)"
            ));
            differences.iter().take(SHOWN_MAX).for_each(|line| say(&format!("  {line}")));
        }
    }
    progress.lock().unwrap_or_else(PoisonError::into_inner).equal = Some(differences.is_empty());
    if !plan.once && !stop.is_asked() {
        let whole = expected.enriched.iter().find(|(_, row)| row.customer.is_some() && row.product.is_some());
        let order = whole.map_or(1, |(id, _)| *id);
        say(&format!("cdc: try `curl {}/orders/{order}`; Ctrl-C ends it", http.url()));
        while !stop.is_asked() && running.error().is_none() {
            stop.doorbell.wait(TOLD_EVERY);
        }
    }
    drop(http);
    running.close()?;
    Ok(differences.is_empty())
}

/// Writes until the feed or the run is to end.
fn write(
    feed: &mut Feed,
    rate: u64,
    stop: &Stop,
    mut after_each: impl FnMut((u64, u64)) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (began, first) = (Instant::now(), feed.progress().0);
    let mut told = Instant::now();
    while !feed.is_over() && !stop.is_asked() {
        let due = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_mul(rate) / 1_000;
        let steps = due.saturating_sub(feed.progress().0 - first);
        if steps > 0 {
            feed.write(usize::try_from(steps.min(10_000)).unwrap_or(usize::MAX))?;
        }
        after_each(feed.progress())?;
        if told.elapsed() >= TOLD_EVERY {
            told = Instant::now();
            let (written, of) = feed.progress();
            say(&format!("cdc: {written} of {of} changes"));
        }
        stop.doorbell.wait(TICK);
    }
    Ok(())
}

/// Writes a line. If nobody reads them any more, the run goes on all the same.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn wait_until_idle(is_idle: impl Fn() -> Result<bool, Failure>) -> Result<(), Failure> {
    let (began, bell) = (Instant::now(), Doorbell::new());
    while !is_idle()? {
        if began.elapsed() > SETTLE_MAX {
            return Err(
                format!("the application is still busy after {SETTLE_MAX:?}; `/api/tasks` says with what").into()
            );
        }
        bell.wait(TICK);
    }
    Ok(())
}
