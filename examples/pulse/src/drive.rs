//! Sends the simulated traffic as it becomes due.

use std::time::{Duration, Instant};

use millstream::log::Doorbell;
use millstream::record::Timestamp;

use crate::Failure;
use crate::board::Shared;
use crate::bots::{BOT, Bots};
use crate::events::{Click, UserId, View};
use crate::sender::Sender;
use crate::topology::{CLICKS, VIEWS};
use crate::traffic::{Arrival, Event, Traffic};

/// How often due events are sent.
const SEND_INTERVAL: Duration = Duration::from_millis(20);

/// How often an event is sent that is too late.
const STRAGGLER_INTERVAL: Duration = Duration::from_millis(700);

/// Of so many views of products, one is compared with what was recommended.
const TASTE_EVERY: u64 = 4;

/// Sends events until `is_over`, and then waits until everything has arrived.
pub fn drive(
    shared: &Shared,
    mut sender: Sender,
    mut traffic: Traffic,
    mut bots: Bots,
    began_ms: i64,
    is_over: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    let alarm = Doorbell::new();
    let mut next_straggler = STRAGGLER_INTERVAL;
    let mut views = 0;
    while !is_over() {
        let passed = shared.pace.passed();
        let now_ms = i64::try_from(passed.as_millis())?;
        let mut events = traffic.until(now_ms);
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
        note(shared, &events);
        for event in events {
            send(&mut sender, &event, began_ms)?;
        }
        sender.poll()?;
        alarm.wait(SEND_INTERVAL);
    }
    sender.flush()
}

/// An event that is certainly too late: it belongs to a visitor and a page that already have numbers in windows, so the
/// tasks that count them know the time.
fn straggler(shared: &Shared, traffic: &mut Traffic) -> Option<Event> {
    let results = shared.results();
    let mut users: Vec<UserId> = results.numbers.sessions.keys().map(|(user, ..)| *user).collect();
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

/// Counts the events before they are sent, so that no result can be ahead of the reference.
fn note(shared: &Shared, events: &[Event]) {
    if let Some(reference) = &mut shared.board().reference {
        events.iter().for_each(|event| reference.note(event));
    }
}

fn send(sender: &mut Sender, event: &Event, began_ms: i64) -> Result<(), Failure> {
    let timestamp = Timestamp(began_ms + event.at_ms);
    let page = event.page.clone();
    match &event.clicked {
        None => sender.send(&VIEWS, &event.user, &View { page }, timestamp),
        Some(element) => sender.send(&CLICKS, &event.user, &Click { page, element: element.clone() }, timestamp),
    }
}
