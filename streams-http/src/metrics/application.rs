//! What is measured of the application as a whole.

use prometheus::proto::MetricType;
use streams_core::runtime::AppState;

use super::Family;
use super::sample::{Sample, number};
use super::snapshot::{Snapshot, seconds};
use crate::json::guarantee;

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "kstream_info",
        help: "1, with the application's id, its topology's hash, its guarantee and Millstream's version as labels.",
        kind: MetricType::GAUGE,
        samples: |snapshot| {
            let labels = vec![
                ("application_id", snapshot.application_id.clone()),
                ("topology", format!("{:016x}", snapshot.topology)),
                ("guarantee", guarantee(snapshot.guarantee).to_owned()),
                ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ];
            vec![Sample::new(labels, 1.0)]
        },
    },
    Family {
        name: "kstream_state",
        help: "1 for the state that the application is in, 0 for all others.",
        kind: MetricType::GAUGE,
        samples: |snapshot| STATES.iter().map(|state| is_in(snapshot, *state)).collect(),
    },
    Family {
        name: "kstream_paused",
        help: "1 while the application is paused and processes nothing, otherwise 0.",
        kind: MetricType::GAUGE,
        samples: |snapshot| vec![Sample::new(Vec::new(), f64::from(u8::from(snapshot.is_paused)))],
    },
    Family {
        name: "kstream_live_view_clients",
        help: "Number of streams of changes that are open, of stores and of tiles.",
        kind: MetricType::GAUGE,
        samples: |snapshot| vec![Sample::new(Vec::new(), number(snapshot.streams as u64))],
    },
    Family {
        name: "kstream_control_turn_age_seconds",
        help: "Time in seconds since the control, which keeps this instance in its group, has turned last.",
        kind: MetricType::GAUGE,
        samples: |snapshot| match snapshot.state.is_final() {
            true => Vec::new(),
            false => vec![Sample::new(Vec::new(), seconds(snapshot.turns.control))],
        },
    },
];

const STATES: [AppState; 8] = [
    AppState::Created,
    AppState::Rebalancing,
    AppState::Running,
    AppState::Disconnected,
    AppState::PendingShutdown,
    AppState::NotRunning,
    AppState::PendingError,
    AppState::Error,
];

fn is_in(snapshot: &Snapshot, state: AppState) -> Sample {
    Sample::new(vec![("state", state.to_string())], f64::from(u8::from(snapshot.state == state)))
}
