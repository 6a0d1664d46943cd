//! Lets the simulated visitors do what is due.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

use millstream::log::Doorbell;

use crate::Failure;
use crate::board::Shared;
use crate::bots::{BOT, Bots};
use crate::conduct::Plan;
use crate::events::UserId;
use crate::traffic::{Arrival, Event, Traffic};

/// How often due events are sent.
const SEND_INTERVAL: Duration = Duration::from_millis(20);

/// How often an event is sent that is too late.
const STRAGGLER_INTERVAL: Duration = Duration::from_millis(700);

/// Of so many views of products, one is compared with what was recommended.
const TASTE_EVERY: u64 = 4;

/// One of so many visitors has a browser that sends events over HTTP.
const BROWSERS: u64 = 10;

/// Lets visitors, bots and stragglers come until `is_over`; `browsers` takes the events to be sent over HTTP.
pub fn drive(
    shared: &Shared,
    plan: Plan,
    browsers: &SyncSender<Event>,
    is_over: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    let alarm = Doorbell::new();
    let mut traffic = Traffic::new(plan.visitors, plan.seed);
    let mut more: Option<Traffic> = None;
    let mut bots = Bots::new(plan.seed);
    let mut next_straggler = STRAGGLER_INTERVAL;
    let mut views = 0;
    while !is_over() {
        let passed = shared.pace.passed();
        let now_ms = i64::try_from(passed.as_millis())?;
        let mut events = traffic.until(now_ms);
        // As many again, who are others.
        let is_doubled = shared.board().is_doubled;
        if is_doubled != more.is_some() {
            let visitors = plan.visitors..2 * plan.visitors;
            more = is_doubled.then(|| Traffic::of(visitors, plan.seed.wrapping_add(passed.as_secs()), now_ms));
        }
        events.extend(more.iter_mut().flat_map(|more| more.until(now_ms)));
        let (attack, attacking) = bots.until(now_ms);
        events.extend(attacking);
        if let Some(attack) = attack {
            shared.board().watch.begin(attack, Instant::now());
        }
        if passed >= next_straggler {
            next_straggler = passed + STRAGGLER_INTERVAL;
            events.extend(straggler(shared, &mut traffic));
        }
        taste(shared, &events, &mut views);
        let (over_http, directly): (Vec<Event>, Vec<Event>) = events.into_iter().partition(has_browser);
        for event in over_http {
            // While nobody answers, or not fast enough, it is lost. It is counted only where it arrives.
            match browsers.try_send(event) {
                Ok(()) | Err(TrySendError::Full(_)) => {}
                Err(TrySendError::Disconnected(_)) => return Err("the thread of the browsers has ended".into()),
            }
        }
        shared.intake.send(shared, &directly)?;
        alarm.wait(SEND_INTERVAL);
    }
    Ok(())
}

/// Whether the visitor's events go over HTTP. Those of one visitor all take the same way, or one could overtake another.
fn has_browser(event: &Event) -> bool {
    event.user != BOT && event.arrival != Arrival::TooLate && event.user.0 % BROWSERS == 5
}

/// An event that is certainly too late: it belongs to a visitor and a page that already have numbers in windows, so the
/// tasks that count them know the time.
fn straggler(shared: &Shared, traffic: &mut Traffic) -> Option<Event> {
    let results = shared.results();
    let users = results.numbers.sessions.keys().map(|(user, ..)| *user);
    let mut users: Vec<UserId> = users.filter(|user| user.0 % BROWSERS != 5).collect();
    let mut pages: Vec<String> = results.numbers.page_windows.keys().map(|(_, page)| page.clone()).collect();
    drop(results);
    users.dedup();
    pages.sort_unstable();
    pages.dedup();
    traffic.straggler(&users, &pages)
}

/// Compares what visitors do next with what was recommended to them.
fn taste(shared: &Shared, events: &[Event], views: &mut u64) {
    let is_next = |event: &&Event| event.clicked.is_none() && event.arrival == Arrival::Prompt && event.user != BOT;
    let mut board = shared.board();
    let board = &mut *board;
    let Some(reference) = &board.reference else { return };
    let results = shared.results();
    for event in events.iter().filter(is_next) {
        *views += 1;
        if let (Some(recent), 0) = (reference.recent.get(&event.user), *views % TASTE_EVERY) {
            board.tasting.taste(&results.numbers, &recent.pages, &event.page);
        }
    }
}
