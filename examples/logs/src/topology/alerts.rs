//! Who has to know? Errors that are new, and many errors in a minute; each service's alerts at most once in a while.
//!
//! ```text
//! new errors ──┐                        every alert            the first one of a service
//! bursts ──────┴─> topic `log-alerts` ─────────────> silence ─────────────────────────────> notify ─> topic `log-notices`
//! ```
//!
//! `notify` is a handler: it may take its time and may fail, and is called again until it succeeds or is given up, whatever
//! crashes meanwhile. An alert that is given up is a dead letter, which can be sent again.

use std::time::Duration;

use millstream::dsl::handler::{GiveUp, Job, Retry};
use millstream::prelude::*;
use serde::{Deserialize, Serialize};

use super::Alerting;

/// Output, and again input: all alerts, by service.
pub const ALERTS: Topic<String, Alert> = Topic::new("log-alerts");
/// Output, and again input: those of which somebody was told.
pub const NOTICES: Topic<String, Notice> = Topic::new("log-notices");

/// How many alerts there were, by service.
pub const ALERTS_TOTAL_STORE: KeyValueStore<String, i64> = KeyValueStore::new("alerts-total");
/// The last notice by service.
pub const NOTICES_STORE: KeyValueStore<String, Notice> = KeyValueStore::new("notices");

/// An alert may come that much later than others and is still compared with them.
const LATE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Something that somebody should know.
#[derive(Value, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Alert {
    /// What it is.
    pub kind: Kind,
    /// The same for people.
    pub text: String,
    /// When it was, in milliseconds since the Unix epoch.
    pub at: i64,
}

/// What an alert is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An error that its service never had before.
    NewError {
        /// What errors of the kind have in common.
        signature: String,
    },
    /// Many errors in a minute.
    Burst {
        /// So many, so far.
        errors: i64,
    },
}

impl Kind {
    /// For people.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NewError { .. } => "new error",
            Self::Burst { .. } => "many errors",
        }
    }
}

/// An alert of which somebody was told.
#[derive(Value, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Notice {
    /// The alert.
    pub alert: Alert,
    /// For how long it has silenced others of the service, in milliseconds.
    pub silence_ms: u64,
}

pub(super) fn alerts<'t>(
    builder: &'t StreamsBuilder,
    (new, per_minute): (KStream<'t, String, Alert>, KStream<'t, Windowed<String>, i64>),
    alerting: &Alerting,
) {
    let Alerting { burst, silence, attempts, timeout, notifier } = alerting.clone();
    // Counts rise by one, so each minute passes the limit once.
    let bursts = per_minute.filter(move |_, errors| *errors == burst).process((), |(), window, errors, out| {
        let text = format!("{errors} errors within a minute");
        let alert = Alert { kind: Kind::Burst { errors }, text, at: out.timestamp().0 };
        out.send(window.key.clone(), alert);
    });
    new.merge(bursts.named("bursts")).to(ALERTS);

    let alerts = builder.stream(ALERTS);
    alerts.group_by_key().count().stored_as(ALERTS_TOTAL_STORE).live(|tile| tile.bars("Alerts").unit("alerts"));
    let silence_ms = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
    alerts
        .distinct(DistinctWindows::of(silence).grace(LATE_MAX))
        .named("silence")
        .handle("notify", move |job: Job<String, Alert>| {
            let notifier = notifier.clone();
            async move {
                notifier.tell(job.key(), job.value(), &job.id().to_string()).await?;
                let (_, alert) = job.into_pair();
                Ok::<_, crate::Failure>(Notice { alert, silence_ms })
            }
        })
        .timeout(timeout)
        .retry(Retry::exponential(Duration::from_secs(1)).up_to(Duration::from_secs(300)).attempts(attempts))
        .give_up(GiveUp::DeadLetter)
        .to(NOTICES);
    builder.table(NOTICES).stored_as(NOTICES_STORE).live(|tile| {
        tile.table("Last alerts")
            .column("service", |service, _| service.clone())
            .column("at", |_, notice| Timestamp(notice.alert.at))
            .column("what", |_, notice| notice.alert.kind.name())
            .column("text", |_, notice| notice.alert.text.clone())
    });
}
