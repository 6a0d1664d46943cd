//! The summary at the end of a run.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use crate::board::{Board, Shared, TaskRow};
use crate::view::thousands;

/// The maximum number of wrong numbers to list.
const MISMATCHES_MAX: usize = 10;

/// The result of a run.
pub struct Summary {
    /// Several lines of text.
    pub text: String,
    /// Whether no number was wrong.
    pub is_good: bool,
}

impl Summary {
    /// The summary of a run that has ended; `place` describes where it ran.
    pub fn of(shared: &Shared, place: &str) -> Self {
        if !shared.pace.has_begun() {
            return Self { text: "pulse: ended before the first visitor came\n".to_owned(), is_good: true };
        }
        let board = shared.board();
        let mut text = format!("pulse: {:.1} s, counted {place}\n", shared.pace.passed().as_secs_f64());
        let sent = board.reference.as_ref().map(|reference| reference.sent).unwrap_or_default();
        let _ = writeln!(
            text,
            "sent: {} events ({} views, {} clicks), {} of them out of order, {} too late for their windows",
            thousands(sent.total()),
            thousands(sent.views),
            thousands(sent.clicks),
            thousands(sent.out_of_order),
            thousands(sent.too_late)
        );
        for outage in &board.outages {
            let _ = match outage.lasted {
                Some(lasted) => writeln!(
                    text,
                    "killed: at {:.1} s; every task was running again {:.1} s later; {}",
                    outage.at.as_secs_f64(),
                    lasted.as_secs_f64(),
                    outage.recovery()
                ),
                None => writeln!(text, "killed: at {:.1} s; it did not recover", outage.at.as_secs_f64()),
            };
        }
        text += &findings(&board);
        let dead_letters = shared.results().dead_letters;
        if dead_letters > 0 {
            let _ = writeln!(text, "dead letters: {}", thousands(dead_letters));
        }
        let since = if board.outages.is_empty() { "" } else { ", counted since the instance was started again" };
        let _ = writeln!(text, "tasks: {}{since}", board.tasks.len());
        for line in task_lines(&board.tasks) {
            let _ = writeln!(text, "  {line}");
        }
        let right = board.verdict.as_ref().is_some_and(|verdict| verdict.mismatches.is_empty());
        let _ = match &board.verdict {
            None => writeln!(text, "numbers right: not known, the run was cut short"),
            Some(verdict) if verdict.mismatches.is_empty() => writeln!(
                text,
                "numbers right: yes ({} windows checked, {} sessions, {} totals)",
                thousands(board.windows_checked()),
                thousands(board.sessions_checked()),
                thousands(board.tally.totals)
            ),
            Some(verdict) => {
                let mismatches = &verdict.mismatches;
                let _ = writeln!(text, "numbers right: NO ({} are wrong)", thousands(mismatches.len() as u64));
                for mismatch in mismatches.iter().take(MISMATCHES_MAX) {
                    let _ = writeln!(text, "  {mismatch}");
                }
                match mismatches.len().saturating_sub(MISMATCHES_MAX) {
                    0 => Ok(()),
                    more => writeln!(text, "  and {more} more"),
                }
            }
        };
        Self { text, is_good: right }
    }

    /// Adds the path of the run's folder.
    pub fn kept(&mut self, folder: &Path) {
        let _ = writeln!(self.text, "kept: {}", folder.display());
    }
}

/// What became of the bots and of the recommendations.
fn findings(board: &Board) -> String {
    let mut text = String::new();
    let score = board.watch.score(Instant::now());
    if score.attacks > 0 {
        let _ = writeln!(
            text,
            "bots: {} of {} attacks noticed, after {:.1} s at most; {} false alarms",
            score.flagged,
            score.attacks,
            score.slowest.as_secs_f64(),
            board.watch.false_alarms
        );
    }
    if let Some(rates) = board.tasting.rates() {
        let _ = writeln!(
            text,
            "recommended: {:.0} % of the products viewed next were among the ten, {:.0} % among the ten most popular",
            100.0 * rates.recommended,
            100.0 * rates.most_popular
        );
    }
    text
}

/// The tasks as a table.
pub fn task_lines(tasks: &[TaskRow]) -> Vec<String> {
    let mut lines = vec!["task  worker  phase      processed  restored    lag".to_owned()];
    lines.extend(tasks.iter().map(|task| {
        format!(
            "{:<4}  {:>6}  {:<9}  {:>9}  {:>8}  {:>5}",
            task.id.to_string(),
            task.worker,
            task.doing(),
            thousands(task.processed),
            thousands(task.restored),
            task.lag.map_or_else(|| "-".to_owned(), thousands)
        )
    }));
    lines
}
