//! The run at one moment, worked out for people: what the screen and the lines show.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::board::{Outage, Shared, Stage, TaskRow};
use crate::events::{GUEST, PageCounts, UserId};
use crate::reference::{Numbers, Sent};
use crate::topology::WINDOW;

/// Somebody is active who did something so recently.
pub const ACTIVE_FOR: Duration = Duration::from_secs(10);

/// The run at one moment.
#[derive(Debug, Default)]
pub struct View {
    /// How long the traffic has gone on.
    pub passed: Duration,
    /// What the run is doing.
    pub stage: Stage,
    /// What the instance is doing.
    pub instance: String,
    /// How many events were sent.
    pub sent: Sent,
    /// How many events were sent per second of late.
    pub events_per_second: f64,
    /// How many visitors were active, and in each of the last windows, oldest first.
    pub active: usize,
    /// How many visitors were active in each of the last windows, oldest first.
    pub active_series: Vec<i64>,
    /// The pages, those with the most views first.
    pub pages: Vec<PageRow>,
    /// Who did most of late: name, country, page, how much.
    pub busiest: Vec<Busy>,
    /// Countries and how much was done from them, the largest first.
    pub countries: Vec<(String, i64)>,
    /// The tasks.
    pub tasks: Vec<TaskRow>,
    /// The kills.
    pub outages: Vec<Outage>,
    /// How many windows were found equal to what was sent.
    pub windows_checked: u64,
    /// How many numbers are still too small.
    pub behind: usize,
    /// Numbers that are too large.
    pub wrong: Vec<String>,
    /// News, oldest first.
    pub news: Vec<String>,
}

/// A page.
#[derive(Debug, PartialEq, Eq)]
pub struct PageRow {
    /// Its path.
    pub path: String,
    /// Views and clicks, ever.
    pub total: PageCounts,
    /// Views and clicks together in each of the last windows, oldest first; the last one is not over yet.
    pub series: Vec<i64>,
}

/// A visitor.
#[derive(Debug, PartialEq, Eq)]
pub struct Busy {
    /// The name; guests have a number.
    pub name: String,
    /// The country.
    pub country: String,
    /// The page.
    pub page: String,
    /// How much the visitor did.
    pub actions: i64,
}

impl View {
    /// The run as it is now, with so many windows of history.
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
        view.outages.clone_from(&board.outages);
        view.windows_checked = board.windows_checked();
        view.behind = board.tally.behind.len();
        view.wrong.clone_from(&board.tally.wrong);
        view.news.clone_from(&board.news);
        drop(board);

        let results = shared.results();
        let numbers = &results.numbers;
        view.pages = pages(numbers, &starts);
        view.active_series = starts.iter().map(|start| visits_in(numbers, *start).count() as i64).collect();
        let active_ms = i64::try_from(ACTIVE_FOR.as_millis()).unwrap_or(0);
        let mut active: BTreeMap<UserId, i64> = BTreeMap::new();
        for ((start, user), actions) in numbers.visits.range((now_ms - active_ms - window_ms, UserId(u64::MAX))..) {
            if *start + window_ms > now_ms - active_ms {
                *active.entry(*user).or_default() += actions;
            }
        }
        view.active = active.len();
        let mut busiest: Vec<(UserId, i64)> = active.into_iter().collect();
        busiest.sort_by_key(|(user, actions)| (-actions, *user));
        view.busiest = busiest
            .into_iter()
            .take(8)
            .filter_map(|(id, actions)| {
                let visit = results.visitors.get(&id)?;
                let (name, country) = match &visit.user {
                    Some(user) => (user.name.clone(), user.country.clone()),
                    None => (format!("guest {}", id.0), GUEST.to_owned()),
                };
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
    let mut rows: Vec<PageRow> = numbers
        .pages
        .iter()
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
        .collect();
    rows.sort_by(|left, right| right.total.views.cmp(&left.total.views).then_with(|| left.path.cmp(&right.path)));
    rows
}

fn visits_in(numbers: &Numbers, start: i64) -> impl Iterator<Item = &i64> {
    numbers.visits.range((start, UserId(0))..=(start, UserId(u64::MAX))).map(|(_, actions)| actions)
}

/// A number with commas between the thousands.
pub fn thousands(number: impl TryInto<i64>) -> String {
    let digits = number.try_into().unwrap_or(i64::MAX).to_string();
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let grouped: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    format!("{sign}{}", grouped.join(","))
}
