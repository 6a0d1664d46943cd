//! The live screen: what is on it and where. It adapts to the terminal's width and height.

use std::io;
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use millstream::log::Doorbell;
use millstream::runtime::TaskPhase;

use crate::board::{Request, Shared, Stage, TaskRow, clock};
use crate::lines::check;
use crate::terminal::Terminal;
use crate::text::{Line, Style, bar, beside, sparkline};
use crate::topology::WINDOW;
use crate::view::{View, thousands};

/// How often the screen is drawn, which is also the maximum delay of a key.
const DRAW_INTERVAL: Duration = Duration::from_millis(200);

/// The minimum width for blocks side by side.
const WIDE_COLUMNS: usize = 100;

/// The columns between two blocks.
const GAP: usize = 3;

/// The columns that a page takes without its history.
const PAGE_COLUMNS: usize = 44;

/// The minimum size, below which nothing can be shown.
const SIZE_MIN: (usize, usize) = (24, 6);

/// Shows the run until it has ended; `place` describes where it runs.
pub fn show(shared: &Shared, place: &str, has_ended: &dyn Fn() -> bool) -> io::Result<()> {
    let mut terminal = Terminal::take()?;
    let mut keys = Keys { readable: true };
    let shown = loop {
        if has_ended() {
            break Ok(());
        }
        let size = terminal.size()?;
        let view = View::now(shared, history(size.0));
        if let Err(error) = terminal.draw(&page(&view, place, size)) {
            break Err(error);
        }
        if !keys.wait(shared) {
            break Ok(());
        }
    };
    shared.stop();
    shown
}

/// The keyboard.
struct Keys {
    readable: bool,
}

impl Keys {
    /// Waits for a key and acts on it; `false` means that the screen must close at once.
    fn wait(&mut self, shared: &Shared) -> bool {
        match event::poll(DRAW_INTERVAL) {
            _ if !self.readable => {
                Doorbell::new().wait(DRAW_INTERVAL);
                true
            }
            Ok(false) => true,
            Ok(true) => match event::read() {
                Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => press(key, shared),
                _ => true,
            },
            // No keyboard. Signals still end the run.
            Err(_) => {
                self.readable = false;
                true
            }
        }
    }
}

fn press(key: KeyEvent, shared: &Shared) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        // The second request: the user does not want to wait for the last numbers.
        KeyCode::Char('c') if control && shared.is_over() => crate::leave_at_once(),
        KeyCode::Char('c' | 'd') if control => {
            shared.stop();
            true
        }
        KeyCode::Char('q') | KeyCode::Esc => {
            shared.stop();
            true
        }
        KeyCode::Char('k') => {
            shared.ask(Request::Kill);
            true
        }
        _ => true,
    }
}

/// The number of windows of history that fit after the numbers of a page.
fn history(columns: usize) -> usize {
    let columns = if columns >= WIDE_COLUMNS { left_columns(columns) - GAP } else { columns };
    columns.saturating_sub(PAGE_COLUMNS).clamp(8, 60)
}

/// The width of the left block on a wide screen.
const fn left_columns(columns: usize) -> usize {
    columns * 3 / 5
}

/// Everything on the screen.
fn page(view: &View, place: &str, (columns, rows): (usize, usize)) -> Vec<Line> {
    if columns < SIZE_MIN.0 || rows < SIZE_MIN.1 {
        return vec![Line::of(Style::Badge, " pulse "), Line::of(Style::Plain, "needs more room")];
    }
    let mut head = header(view, place, columns);
    let foot = footer(view, columns);
    let room = rows.saturating_sub(head.len() + foot.len());
    let body = if columns >= WIDE_COLUMNS { wide(view, columns, room) } else { narrow(view, columns, room) };
    head.extend(body.into_iter().take(room));
    head.resize(rows.saturating_sub(foot.len()), Line::new());
    head.extend(foot);
    head
}

fn header(view: &View, place: &str, columns: usize) -> Vec<Line> {
    let state = match (view.stage, view.instance.as_str()) {
        (Stage::Starting, _) => Line::of(Style::Busy, "starting"),
        (Stage::Settling, _) => Line::of(Style::Busy, "waiting for the last numbers"),
        (_, "RUNNING") => Line::of(Style::Good, "RUNNING"),
        (_, "KILLED") => Line::of(Style::Bad, "KILLED"),
        (_, state) => Line::of(Style::Busy, state),
    };
    let name = Line::of(Style::Badge, " pulse ").and(Style::Bold, " real-time user activity");
    let parts = [
        clock(view.passed),
        format!("{:.0} events/s", view.events_per_second),
        format!("{} sent", thousands(view.sent.total())),
        format!("{} out of order", thousands(view.sent.out_of_order)),
        format!("{} too late", thousands(view.sent.too_late)),
    ];
    let traffic = (1..=parts.len()).rev().map(|count| parts[..count].join("  "));
    let traffic = traffic.into_iter().find(|text| text.len() <= columns).unwrap_or_default();
    vec![
        name.opposite(state, columns),
        Line::of(Style::Plain, traffic).opposite(Line::of(Style::Dim, place), columns),
        Line::new(),
    ]
}

fn footer(view: &View, columns: usize) -> Vec<Line> {
    let style = match (view.wrong.is_empty(), view.behind) {
        (false, _) => Style::Bad,
        (true, 0) => Style::Good,
        (true, _) => Style::Busy,
    };
    let checked = Line::of(style, check(view));
    let news = Line::of(Style::Dim, view.news.last().cloned().unwrap_or_default());
    let keys = Line::of(Style::Badge, " k ")
        .and(Style::Plain, " kill the instance  ")
        .and(Style::Badge, " q ")
        .and(Style::Plain, " quit  ")
        .and(Style::Dim, view.url.clone())
        .cut(columns);
    vec![Line::new(), checked.cut(columns), news, keys]
}

/// Two columns: pages and tasks on the left, people and countries on the right.
fn wide(view: &View, columns: usize, room: usize) -> Vec<Line> {
    let left_columns = left_columns(columns);
    let right_columns = columns - left_columns;
    let tasks = tasks(view, view.tasks.len());
    let pages = pages(view, room.saturating_sub(tasks.len() + 1).max(4), left_columns - GAP);
    let left = [pages, vec![Line::new()], tasks].concat();
    let mut right = active(view, right_columns);
    right.push(Line::new());
    right.extend(busiest(view, 6));
    right.push(Line::new());
    right.extend(countries(view, right_columns));
    beside(&left, &right, left_columns)
}

/// One column; the least important parts are left out first.
fn narrow(view: &View, columns: usize, room: usize) -> Vec<Line> {
    let active = active(view, columns);
    let left = room.saturating_sub(active.len() + 1);
    let task_rows = (left / 2).saturating_sub(2).clamp(1, view.tasks.len().max(1));
    let tasks = tasks(view, task_rows);
    let pages = pages(view, left.saturating_sub(tasks.len() + 1), columns);
    [active, vec![Line::new()], pages, vec![Line::new()], tasks].concat()
}

fn active(view: &View, columns: usize) -> Vec<Line> {
    let line = Line::of(Style::Title, thousands(view.active as u64)).and(Style::Plain, " active now  ");
    // Only the most recent windows, if there is no room for all.
    let older = view.active_series.len().saturating_sub(columns.saturating_sub(line.width()));
    let series = view.active_series.get(older..).unwrap_or_default();
    vec![line.and(Style::Graph, sparkline(series))]
}

/// The pages, in at most `rows` rows including the title.
fn pages(view: &View, rows: usize, columns: usize) -> Vec<Line> {
    let mut lines = vec![Line::of(
        Style::Title,
        format!(
            "{:<19}{:>9}{:>8}{:>6}  {}",
            "top pages",
            "views",
            "clicks",
            "now",
            format_args!("per window of {} s", WINDOW.as_secs_f64())
        ),
    )];
    for page in view.pages.iter().take(rows.saturating_sub(1)) {
        let now = page.series.iter().rev().nth(1).copied().unwrap_or(0);
        let numbers = format!("{:>9}{:>8}{:>6}  ", thousands(page.total.views), thousands(page.total.clicks), now);
        let line = Line::of(Style::Bold, format!("{:<19}", page.path)).and(Style::Plain, numbers);
        lines.push(line.and(Style::Graph, sparkline(&page.series)).cut(columns));
    }
    lines
}

fn busiest(view: &View, rows: usize) -> Vec<Line> {
    let mut lines = vec![Line::of(Style::Title, "busiest visitors")];
    lines.extend(view.busiest.iter().take(rows).map(|visitor| {
        Line::of(Style::Plain, format!("{:>3} ", visitor.actions))
            .and(Style::Bold, visitor.name.clone())
            .and(Style::Dim, format!(" {} ", visitor.country))
            .and(Style::Plain, visitor.page.clone())
    }));
    lines
}

fn countries(view: &View, columns: usize) -> Vec<Line> {
    let most = view.countries.first().map_or(1, |(_, count)| *count);
    let mut lines = vec![Line::of(Style::Title, "countries")];
    lines.extend(view.countries.iter().map(|(country, count)| {
        Line::of(Style::Bold, format!("{country:<9}"))
            .and(Style::Plain, format!("{:>8} ", thousands(*count)))
            .and(Style::Graph, bar(*count, most, columns.saturating_sub(20).min(24)))
    }));
    lines
}

/// The tasks, in at most `rows` rows including the title.
fn tasks(view: &View, rows: usize) -> Vec<Line> {
    let mut lines = vec![Line::of(
        Style::Title,
        format!("{:<5}{:>6}  {:<10}{:>10}{:>10}{:>7}", "task", "worker", "phase", "processed", "restored", "lag"),
    )];
    lines.extend(view.tasks.iter().take(rows).map(task));
    if let Some(more) = view.tasks.len().checked_sub(rows).filter(|more| *more > 0) {
        lines.push(Line::of(Style::Dim, format!("and {more} more")));
    }
    lines
}

fn task(task: &TaskRow) -> Line {
    let style = match task.phase {
        Some(TaskPhase::Running) => Style::Good,
        None => Style::Bad,
        Some(_) => Style::Busy,
    };
    let lag = task.lag.map_or_else(|| "-".to_owned(), thousands);
    Line::of(Style::Plain, format!("{:<5}{:>6}  ", task.id.to_string(), task.worker))
        .and(style, format!("{:<10}", task.doing()))
        .and(Style::Plain, format!("{:>10}{:>10}{lag:>7}", thousands(task.processed), thousands(task.restored)))
}
