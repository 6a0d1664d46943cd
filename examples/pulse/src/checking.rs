//! Keeps comparing the results with the reference, on the board.

use std::time::Duration;

use crate::board::{Shared, Stage, Verdict};
use crate::events::{Recent, User, UserId};
use crate::reference::{Lengths, Reference, compare, settle};
use crate::topology::{BUY_WITHIN, CART_WITHIN, CLICK_WITHIN, SESSION_GAP, TOP_EVERY, TOP_OVER, WINDOW};
use crate::traffic::{DELAY_MAX_MS, Event};

/// Older windows are no longer kept once they are right.
const KEEP: Duration = Duration::from_secs(75);

/// How long after their events results may arrive in normal operation.
const ON_THE_WAY: Duration = Duration::from_secs(1);

/// What visitors did in earlier runs on the same log.
#[derive(Default)]
pub struct Before {
    /// The products that each has viewed last.
    pub recent: Vec<(UserId, Recent)>,
    /// What each has done lately, with times before the start of the traffic.
    pub events: Vec<Event>,
}

/// Starts counting what must result from the traffic, in addition to the results of earlier runs on the same log, and to what
/// visitors have viewed then.
pub fn begin_reference(shared: &Shared, table: &[(UserId, User)], before: &Before, began_ms: i64) {
    let mut board = shared.board();
    let mut results = shared.results();
    results.numbers.forget_windows_before(began_ms - millis(TOP_OVER));
    // Alerts of an earlier run are nobody's news.
    results.alerts.clear();
    results.dead_letters = 0;
    let mut reference = Reference::new(table, lengths(), began_ms, results.numbers.clone());
    reference.recent.extend(before.recent.iter().cloned());
    reference.recall(&before.events);
    board.reference = Some(reference);
    board.stage = Stage::Live;
}

/// Compares the results with the reference, as far as possible while there is traffic.
pub fn compare_now(shared: &Shared) {
    let Some(now_ms) = shared.pace.event_time_ms() else { return };
    let mut board = shared.board();
    let board = &mut *board;
    let mut results = shared.results();
    for (page, alert, at) in results.alerts.drain(..) {
        board.watch.see(page, alert, at);
        if let Some(news) = board.watch.newest() {
            board.tell(shared.pace.passed(), &news);
        }
    }
    let Some(reference) = &mut board.reference else { return };
    let (windows, sessions) = settle(&mut reference.numbers, &mut results.numbers, lengths(), now_ms - millis(KEEP));
    board.settled.0 += windows;
    board.settled.1 += sessions;
    let final_before_ms = now_ms - DELAY_MAX_MS - millis(ON_THE_WAY);
    board.tally = compare(&reference.numbers, &results.numbers, lengths(), Some(final_before_ms));
}

/// Compares the final results with the reference.
pub fn judge(shared: &Shared) {
    let mut board = shared.board();
    if let Some(reference) = &board.reference {
        board.tally = compare(&reference.numbers, &shared.results().numbers, lengths(), None);
    }
    board.stage = Stage::Ended;
    let mismatches = [&board.tally.wrong, &board.tally.behind].into_iter().flatten().cloned().collect();
    board.verdict = Some(Verdict { mismatches });
}

/// The lengths of what is counted.
fn lengths() -> Lengths {
    Lengths {
        window_ms: millis(WINDOW),
        top_over_ms: millis(TOP_OVER),
        top_every_ms: millis(TOP_EVERY),
        gap_ms: millis(SESSION_GAP),
        within_ms: [CLICK_WITHIN, CART_WITHIN, BUY_WITHIN].map(millis),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
