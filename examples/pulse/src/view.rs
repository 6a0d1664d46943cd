//! The run at one moment, prepared for people: what the screen and the lines show.

use std::time::Duration;

use crate::board::{Outage, Shared, Stage, TaskRow};
use crate::events::{PageCounts, UserId};
use crate::reference::{Numbers, Sent};
use crate::topology::{SESSION_GAP, WINDOW};

/// How many pages are shown.
const PAGES_MAX: usize = 40;

/// The run at one moment.
#[derive(Debug, Default)]
pub struct View {
    /// The time since the traffic began.
    pub passed: Duration,
    /// How far the run has got.
    pub stage: Stage,
    /// The state of the instance.
    pub instance: String,
    /// Where the page is.
    pub url: String,
    /// The numbers of events.
    pub sent: Sent,
    /// Measured over the last seconds.
    pub events_per_second: f64,
    /// The number of visitors whose sessions are open.
    pub active: usize,
    /// The number of active visitors in each of the last windows, oldest first.
    pub active_series: Vec<i64>,
    /// Sorted by views, most first.
    pub pages: Vec<PageRow>,
    /// The visitors with the longest sessions that are open, most first.
    pub busiest: Vec<Busy>,
    /// Countries with their total activity, most first.
    pub countries: Vec<(String, i64)>,
    /// The tasks of the instance.
    pub tasks: Vec<TaskRow>,
    /// All kills, in order.
    pub outages: Vec<Outage>,
    /// The number of windows that were right.
    pub windows_checked: u64,
    /// The number of counts that are still too small.
    pub behind: usize,
    /// Descriptions of counts that are too large.
    pub wrong: Vec<String>,
    /// Messages about the run, oldest first.
    pub news: Vec<String>,
}

/// A page, as shown in the list of pages.
#[derive(Debug, PartialEq, Eq)]
pub struct PageRow {
    /// The path in the site.
    pub path: String,
    /// All views and clicks.
    pub total: PageCounts,
    /// The sum of views and clicks in each of the last windows, oldest first; the last one is not over yet.
    pub series: Vec<i64>,
}

/// A visitor, as shown in the list of the busiest.
#[derive(Debug, PartialEq, Eq)]
pub struct Busy {
    /// Guests have a number instead.
    pub name: String,
    /// Guests have none, and that is said.
    pub country: String,
    /// The last page that the visitor was on.
    pub page: String,
    /// The number of views and clicks in the session.
    pub actions: i64,
}

impl View {
    /// The current state of the run, with that many windows of history.
    pub fn now(shared: &Shared, windows: usize) -> Self {
        let window_ms = i64::try_from(WINDOW.as_millis()).unwrap_or(1).max(1);
        let now_ms = shared.pace.event_time_ms().unwrap_or(0);
        let this_window = now_ms - now_ms.rem_euclid(window_ms);
        let starts: Vec<i64> = (0..windows as i64).rev().map(|back| this_window - back * window_ms).collect();
        let mut view = Self { passed: shared.pace.passed(), ..Self::default() };
        let board = shared.board();
        if let Some(reference) = &board.reference {
            view.sent = reference.sent;
        }
        view.events_per_second = board.events_per_second();
        view.stage = board.stage;
        view.instance.clone_from(&board.instance);
        view.tasks.clone_from(&board.tasks);
        view.url = board.addresses.first().map(|address| format!("http://{address}")).unwrap_or_default();
        view.outages.clone_from(&board.outages);
        view.windows_checked = board.windows_checked();
        view.behind = board.tally.behind.len();
        view.wrong.clone_from(&board.tally.wrong);
        view.news.clone_from(&board.news);
        drop(board);

        let results = shared.results();
        let numbers = &results.numbers;
        view.pages = pages(numbers, &starts);
        let gap_ms = i64::try_from(SESSION_GAP.as_millis()).unwrap_or(0);
        let active_in = |start: i64, end: i64| {
            numbers.sessions.keys().filter(|(_, began, ended)| *began < end && *ended + gap_ms >= start).count()
        };
        view.active_series = starts.iter().map(|start| active_in(*start, start + window_ms) as i64).collect();
        let open = numbers.sessions.iter().filter(|((_, _, end), _)| *end + gap_ms >= now_ms);
        let mut busiest: Vec<(UserId, i64)> = open.map(|((user, ..), actions)| (*user, *actions)).collect();
        view.active = busiest.len();
        busiest.sort_by_key(|(user, actions)| (-actions, *user));
        view.busiest = busiest
            .into_iter()
            .take(8)
            .filter_map(|(id, actions)| {
                let visit = results.visitors.get(&id)?;
                let (name, country) = (visit.name(id), visit.country().to_owned());
                Some(Busy { name, country, page: visit.page.clone(), actions })
            })
            .collect();
        view.countries = numbers.countries.iter().map(|(country, count)| (country.clone(), *count)).collect();
        view.countries
            .sort_by(|(left_name, left), (right_name, right)| right.cmp(left).then(left_name.cmp(right_name)));
        view
    }
}

fn pages(numbers: &Numbers, starts: &[i64]) -> Vec<PageRow> {
    let mut totals: Vec<(&String, &PageCounts)> = numbers.pages.iter().collect();
    totals
        .sort_by(|(left_path, left), (right_path, right)| right.views.cmp(&left.views).then(left_path.cmp(right_path)));
    totals
        .into_iter()
        .take(PAGES_MAX)
        .map(|(path, total)| PageRow {
            path: path.clone(),
            total: *total,
            series: starts
                .iter()
                .map(|start| {
                    numbers.page_windows.get(&(*start, path.clone())).map_or(0, |counts| counts.views + counts.clicks)
                })
                .collect(),
        })
        .collect()
}

/// A number with commas between the thousands.
pub fn thousands(number: impl TryInto<i64>) -> String {
    let digits = number.try_into().unwrap_or(i64::MAX).to_string();
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let grouped: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    format!("{sign}{}", grouped.join(","))
}
