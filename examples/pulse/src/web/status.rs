//! `GET /pulse`: the run, and whether its numbers are right.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::Served;
use crate::board::{Board, Stage};
use crate::tasting::HitRates;
use crate::watch::Cause;

/// How many wrong numbers, and how many news, are told.
const TOLD: usize = 6;

/// The run at one moment.
#[derive(Serialize)]
pub(super) struct Status {
    /// `starting`, `live`, `settling`, `ended`.
    stage: &'static str,
    /// Seconds since the traffic began.
    seconds: f64,
    events_per_second: f64,
    events: u64,
    out_of_order: u64,
    too_late: u64,
    /// Input records that cannot be read.
    dead_letters: u64,
    check: Check,
    bots: Bots,
    /// Missing while there are too few views.
    recommendations: Option<HitRates>,
    instances: Vec<Instance>,
    /// Tasks altogether, also while some of them run nowhere.
    tasks: usize,
    /// Whether there are twice as many visitors.
    is_doubled: bool,
    /// The newest last.
    news: Vec<String>,
}

/// The comparison with the plain calculation.
#[derive(Serialize)]
struct Check {
    windows: u64,
    sessions: u64,
    totals: u64,
    /// How many numbers are too small although they should be complete: on their way, or lost.
    behind: usize,
    /// How many are too large.
    wrong: usize,
    examples: Vec<String>,
}

#[derive(Serialize)]
struct Bots {
    attacks: usize,
    noticed: usize,
    slowest_seconds: f64,
    false_alarms: u64,
    alerts: Vec<Alerted>,
}

#[derive(Serialize)]
struct Alerted {
    page: String,
    views: i64,
    usual: f64,
    deviations: f64,
    /// `bot`, `change` or `chance`.
    cause: &'static str,
    /// How long after the first view of a bot it was noticed.
    after_seconds: Option<f64>,
}

#[derive(Serialize)]
struct Instance {
    url: String,
    /// Tasks that run there.
    running: usize,
}

pub(super) async fn status(State(served): State<Served>) -> Json<Status> {
    let shared = &served.shared;
    let seconds = shared.pace.passed().as_secs_f64();
    let board = shared.board();
    let dead_letters = shared.results().dead_letters;
    let sent = board.reference.as_ref().map(|reference| reference.sent).unwrap_or_default();
    Json(Status {
        stage: match board.stage {
            Stage::Starting => "starting",
            Stage::Live => "live",
            Stage::Settling => "settling",
            Stage::Ended => "ended",
        },
        seconds,
        events_per_second: board.events_per_second(),
        events: sent.total(),
        out_of_order: sent.out_of_order,
        too_late: sent.too_late,
        dead_letters,
        check: check(&board),
        bots: bots(&board),
        recommendations: board.tasting.rates(),
        instances: instances(&board),
        tasks: board.all_tasks,
        is_doubled: board.is_doubled,
        news: board.news.iter().skip(board.news.len().saturating_sub(TOLD)).cloned().collect(),
    })
}

fn check(board: &Board) -> Check {
    Check {
        windows: board.windows_checked(),
        sessions: board.sessions_checked(),
        totals: board.tally.totals,
        behind: board.tally.behind.len(),
        wrong: board.tally.wrong.len(),
        examples: board.tally.wrong.iter().take(TOLD).cloned().collect(),
    }
}

fn bots(board: &Board) -> Bots {
    let score = board.watch.score(Instant::now());
    let alerts = board.watch.alerts.iter().map(|flag| {
        let (cause, after) = match flag.cause {
            Cause::Bot(after) => ("bot", Some(after.as_secs_f64())),
            Cause::Change => ("change", None),
            Cause::Chance => ("chance", None),
        };
        Alerted {
            page: flag.page.clone(),
            views: flag.alert.views,
            usual: flag.alert.usual,
            deviations: flag.alert.deviations,
            cause,
            after_seconds: after,
        }
    });
    Bots {
        attacks: score.attacks,
        noticed: score.flagged,
        slowest_seconds: score.slowest.as_secs_f64(),
        false_alarms: board.watch.false_alarms,
        alerts: alerts.collect(),
    }
}

fn instances(board: &Board) -> Vec<Instance> {
    let instance = |(number, address): (usize, &String)| {
        let tasks = board.tasks.iter().filter(|task| task.instance == number);
        Instance { url: format!("http://{address}"), running: tasks.filter(|task| task.is_running()).count() }
    };
    (0..).zip(&board.addresses).map(instance).collect()
}
