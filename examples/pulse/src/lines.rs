//! Plain lines: where the page is, the news, and the state of the run, in pipes and files once a second.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use millstream::log::Doorbell;

use crate::board::{Shared, Stage, clock};
use crate::summary::task_lines;
use crate::view::{View, thousands};

/// How often a line is written.
const LINE_INTERVAL: Duration = Duration::from_secs(1);

/// How often a line is written in a terminal, where somebody looks at the page.
const TERMINAL_INTERVAL: Duration = Duration::from_secs(10);

/// How often to check whether there is something to write.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Writes lines until the run has ended. If nobody reads them any more, the run is asked to end.
pub fn show(shared: &Shared, place: &str, port: u16, has_ended: &dyn Fn() -> bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let interval = if out.is_terminal() { TERMINAL_INTERVAL } else { LINE_INTERVAL };
    let written = write(shared, (place, port), interval, has_ended, &mut out);
    shared.stop();
    written
}

fn write(
    shared: &Shared,
    (place, port): (&str, u16),
    interval: Duration,
    has_ended: &dyn Fn() -> bool,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(out, "pulse: simulated visitors, counted {place}")?;
    out.flush()?;
    let bell = Doorbell::new();
    let (mut news_told, mut next_line, mut recoveries) = (0, interval, 0);
    let mut is_announced = false;
    while !has_ended() {
        bell.wait(LOOK_INTERVAL);
        let view = View::now(shared, 2);
        if !is_announced && let Some(address) = shared.board().addresses.first() {
            is_announced = true;
            writeln!(out, "{}", announcement(address, port))?;
        }
        for news in view.news.iter().skip(news_told) {
            writeln!(out, "{news}")?;
        }
        news_told = view.news.len();
        let recovered = view.outages.iter().filter(|outage| outage.lasted.is_some()).count();
        if recovered > std::mem::replace(&mut recoveries, recovered) {
            for line in task_lines(&view.tasks) {
                writeln!(out, "      {line}")?;
            }
        }
        if view.passed >= next_line && view.stage == Stage::Live {
            writeln!(out, "{}", line(&view))?;
            next_line = view.passed + interval;
        }
        out.flush()?;
    }
    Ok(())
}

/// Where the page is.
fn announcement(address: &str, port: u16) -> String {
    let is_other = port != 0 && !address.ends_with(&format!(":{port}"));
    let why = if is_other { format!(" (port {port} is in use)") } else { String::new() };
    format!("pulse: open http://{address} in a browser{why}; Ctrl-C ends it")
}

/// A line with state, traffic, active users, top pages, and whether the numbers are right.
fn line(view: &View) -> String {
    // The last window is not over yet, so the pages of the one before are shown.
    let mut pages: Vec<(&str, i64)> =
        view.pages.iter().map(|page| (page.path.as_str(), page.series.first().copied().unwrap_or(0))).collect();
    pages.sort_by(|(left_path, left), (right_path, right)| right.cmp(left).then(left_path.cmp(right_path)));
    let pages: Vec<String> = pages.iter().take(3).map(|(path, count)| format!("{path} ({count})")).collect();
    let restoring = view.tasks.iter().filter(|task| !task.is_running()).count();
    let instance = match (view.instance.as_str(), restoring) {
        ("REBALANCING", 1..) => format!("REBALANCING ({restoring} tasks to go)"),
        (state, _) => state.to_owned(),
    };
    format!(
        "{} {instance}: {:.0} events/s, {} active users, top pages {}, {}",
        clock(view.passed),
        view.events_per_second,
        thousands(view.active as u64),
        pages.join(", "),
        check(view)
    )
}

/// Whether the numbers are right so far.
pub fn check(view: &View) -> String {
    let checked = match view.windows_checked {
        0 => "no window is over yet".to_owned(),
        checked => format!("{} windows checked, all right", thousands(checked)),
    };
    match (view.wrong.first(), view.behind) {
        (Some(wrong), _) => format!("{} numbers WRONG: {wrong}", view.wrong.len()),
        (None, 0) => checked,
        (None, behind) => format!("{checked}; {} still to come", thousands(behind as u64)),
    }
}
