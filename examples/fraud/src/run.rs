//! The run from start to end: topics, application, page, payments, and the check.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use millstream::log::Doorbell;
use millstream::prelude::*;
use millstream::runtime::Running;

use crate::Failure;
use crate::book::RuleBook;
use crate::check::Report;
use crate::following::Following;
use crate::generator::{Complete, Generator, Outgoing, merchant_rows};
use crate::place::Place;
use crate::records::{Alert, newest};
use crate::topology::{ALERTS, CARD_TX, CARDS, MERCHANTS, TRUTHS, fraud};
use crate::verdicts::Verdicts;
use crate::web;

/// The run begins with payments of the last so long, so that there is something to see at once.
const BACKLOG_MS: i64 = 60_000;

/// How often payments are sent, and how often a line is printed.
const TICK: Duration = Duration::from_millis(50);
const LINE_EVERY: Duration = Duration::from_secs(1);

/// How long to wait for the last alerts, and how long if somebody waits for the end.
const SETTLE_MAX: Duration = Duration::from_secs(60);
const SETTLE_MAX_ATTENDED: Duration = Duration::from_millis(1_200);

/// How often to look whether they are there.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many ordinary cards there are.
    pub cards: usize,
    /// Determines the payments.
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

/// Runs it, and returns whether all alerts were right.
pub fn run(place: &Place, plan: Plan, stop: &Stop) -> Result<bool, Failure> {
    let client = place.client()?;
    place.create_topics(&client)?;
    let book = Arc::new(RuleBook::open(client.clone())?);
    let now_ms = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis())?;
    let began_ms = begin_at(&client, now_ms)?;
    let mut sender = Sender { client: client.clone(), payments: 0 };
    let mut generator = Generator::new(plan.seed, began_ms, plan.cards);
    client.send_all(&MERCHANTS, merchant_rows())?;
    sender.send(generator.cards())?;

    let running = place.start(fraud()?)?;
    let http = web::serve(&running, &book, plan.port)?;
    say(format_args!("fraud on {}; open {} (Ctrl-C ends it)", place.describe(), http.url()))?;

    let began = Instant::now();
    let is_over = || stop.is_asked() || plan.seconds.is_some_and(|seconds| began.elapsed() >= seconds);
    let mut alerts = Alerts { topic: Following::new(&client, ALERTS), all: Vec::new() };
    let mut verdicts = Verdicts::new(client.clone(), &book, place.application_id());
    let mut next_line = LINE_EVERY;
    while !is_over() {
        check_state(&running)?;
        let passed = began.elapsed();
        let payments_ms = now_ms - began_ms + i64::try_from(passed.as_millis())?;
        verdicts.wait_for(sender.send(generator.until(payments_ms, book.state()))?)?;
        verdicts.say()?;
        if passed >= next_line {
            next_line = passed + LINE_EVERY;
            let (seconds, payments) = (passed.as_secs(), sender.payments);
            say(format_args!("{seconds:>4} s  {payments} payments, {} alerts", alerts.read()?.len()))?;
        }
        stop.doorbell.wait(TICK);
    }

    // Open streams take the server a moment.
    let closing = std::thread::spawn(move || drop(http));
    let settle_max = if stop.is_asked() { SETTLE_MAX_ATTENDED } else { SETTLE_MAX };
    if !settle(&mut verdicts, &running, settle_max)? {
        say(format_args!("ended before all payments were processed"))?;
    }
    let report = Report::new(&newest(client.read(&TRUTHS)?), alerts.read()?, plan.cards);
    say(format_args!("{} payments in {} s\n{report}", sender.payments, began.elapsed().as_secs()))?;
    running.close()?;
    let _ = closing.join();
    Ok(report.wrong.is_empty())
}

/// When the payments begin: some time ago, and after those of an earlier run on this log, or they would be late.
fn begin_at(client: &Client, now_ms: i64) -> Result<i64, Failure> {
    let mut began_ms = now_ms - BACKLOG_MS;
    // What cannot be read is not judged either, so it does not matter when it was.
    for payment in client.records_from(&CARD_TX, Timestamp(began_ms))?.flatten() {
        began_ms = began_ms.max(payment.record.timestamp.0 + 1);
    }
    Ok(began_ms)
}

/// The alerts that were read so far.
struct Alerts {
    topic: Following<String, Alert>,
    all: Vec<Alert>,
}

impl Alerts {
    fn read(&mut self) -> Result<&[Alert], Failure> {
        self.all.extend(self.topic.read()?.into_iter().map(|record| record.value));
        Ok(&self.all)
    }
}

/// Prints a line. If nobody reads it any more, that ends the run.
fn say(line: fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// Whether the application still runs.
fn check_state(running: &Running) -> Result<(), Failure> {
    if !running.state().is_final() {
        return Ok(());
    }
    Err(running.error().map_or_else(|| "the application was stopped".into(), Failure::from))
}

/// Sends what the generator makes.
struct Sender {
    client: Client,
    payments: usize,
}

impl Sender {
    /// Returns once everything is in the log, with the cases that are complete then. Cards and announcements are written
    /// before payments.
    fn send(&mut self, outgoing: Vec<Outgoing>) -> Result<Vec<Complete>, Failure> {
        let (mut cards, mut truths, mut payments, mut complete) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for outgoing in outgoing {
            match outgoing {
                Outgoing::Card(number, card, at) => cards.push((number, card, at)),
                Outgoing::Truth(number, truth) => truths.push((number, truth)),
                Outgoing::Payment(number, payment, at) => payments.push((number, payment, at)),
                Outgoing::Complete(case) => complete.push(case),
            }
        }
        self.client.send_all(&CARDS, cards)?;
        self.client.send_all(&TRUTHS, truths)?;
        self.payments += self.client.send_all(&CARD_TX, payments)?;
        Ok(complete)
    }
}

/// Waits until the application has processed all payments. Returns whether it has.
fn settle(verdicts: &mut Verdicts<'_>, running: &Running, at_most: Duration) -> Result<bool, Failure> {
    let began = Instant::now();
    loop {
        check_state(running)?;
        let is_processed = verdicts.is_all_processed()?;
        if is_processed || began.elapsed() >= at_most {
            verdicts.say()?;
            return Ok(is_processed);
        }
        Doorbell::new().wait(LOOK_EVERY);
    }
}
