//! `GET /livez`: whether a restart would help.
//!
//! An application that restores state, waits for its tasks or for a broker is alive: to restart it would only make that take
//! longer, and for a long restore it would never end. It is dead when it has ended with an error, or when one of its loops has
//! not turned for `max.poll.interval.ms`.

use std::time::Duration;

use axum::extract::State;
use streams_core::runtime::{AppState, Turns};

use super::checks::{Check, Verdict};
use crate::served::Served;

/// Whether the application is alive.
#[utoipa::path(get, path = "/livez", tag = "health", responses(
    (status = 200, description = "It is alive, also while it starts, restores state, or cannot reach the log", body = Verdict),
    (status = 503, description = "It is dead, and a restart may help", body = Verdict),
))]
pub(crate) async fn livez(State(served): State<Served>) -> Verdict {
    let app = &served.app;
    verdict(app.state(), &app.turns(), app.about().max_poll_interval())
}

fn verdict(state: AppState, turns: &Turns, patience: Duration) -> Verdict {
    let ended = Check::new("error", !matches!(state, AppState::Error | AppState::PendingError), state.to_string());
    let mut checks = vec![ended];
    if !state.is_final() {
        checks.push(turned("control", turns.control, patience));
        let slowest = turns.workers.iter().max().copied().unwrap_or_default();
        checks.push(turned("workers", slowest, patience));
    }
    Verdict::of(checks, ["alive", "dead"])
}

fn turned(name: &'static str, ago: Duration, patience: Duration) -> Check {
    let (ago, patience) = (Duration::from_millis(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)), patience);
    Check::new(name, ago <= patience, format!("last turn {ago:?} ago, at most {patience:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_or_a_loop_that_stands_still_is_death() {
        use AppState::{Created, Disconnected, Error, NotRunning, PendingError, PendingShutdown, Rebalancing, Running};
        let (quick, slow) = (Duration::from_secs(300), Duration::from_secs(301));
        for (state, control, worker, expected) in [
            (Created, quick, quick, "alive"),
            (Rebalancing, quick, quick, "alive"),
            (Running, quick, quick, "alive"),
            (Disconnected, quick, quick, "alive"),
            (PendingShutdown, quick, quick, "alive"),
            (NotRunning, slow, slow, "alive"),
            (Error, quick, quick, "dead"),
            (PendingError, quick, quick, "dead"),
            (Running, slow, quick, "dead"),
            (Rebalancing, quick, slow, "dead"),
            (Disconnected, slow, slow, "dead"),
        ] {
            let mut turns = Turns::default();
            (turns.control, turns.workers) = (control, vec![Duration::ZERO, worker]);
            assert_eq!(verdict(state, &turns, quick).status, expected, "{state} {control:?} {worker:?}");
        }
    }
}
