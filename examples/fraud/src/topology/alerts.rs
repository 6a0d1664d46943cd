//! One alert for each case, however often a rule finds it.
//!
//! Suspicions of a rule that share a payment are the same case: the first one becomes an alert, and the others only add payments
//! to what is known. Because everything is committed in one transaction, that stays true when the program is killed.

use std::collections::BTreeSet;
use std::time::Duration;

use millstream::prelude::*;
use serde::{Deserialize, Serialize};

use super::{ALERTS, Suspicions};
use crate::records::{Alert, Evidence, Suspicion};

/// The alerts of the last hour, by their ids.
pub const ALERTS_STORE: KeyValueStore<String, Alert> = KeyValueStore::new("alerts");

/// How many alerts each rule has raised.
const BY_RULE_STORE: KeyValueStore<String, i64> = KeyValueStore::new("alerts-by-rule");

/// The payments of the cases of each card and rule.
const REPORTED_STORE: KeyValueStore<String, Reported> = KeyValueStore::new("reported");

/// How long a payment can make a suspicion part of an older case.
const KEEP: Duration = Duration::from_secs(600);

/// How long alerts are shown.
const SHOWN_FOR: Duration = Duration::from_secs(3_600);

/// So many payments of a card and rule are kept.
const REPORTED_MAX: usize = 1_000;

/// The payments of known cases, in the order of time.
#[derive(Value, Debug, Clone, Default, Serialize, Deserialize)]
#[streams(json)]
struct Reported(BTreeSet<Evidence>);

impl Reported {
    /// Adds the payments of a suspicion, and returns whether it is a new case.
    fn add(&mut self, evidence: &[Evidence]) -> bool {
        let is_new = evidence.iter().all(|record| !self.0.contains(record));
        self.0.extend(evidence);
        let newest = self.0.last().map_or(0, |newest| newest.at_ms);
        self.0.retain(|record| record.at_ms >= newest.saturating_sub(KEEP.as_millis() as i64));
        while self.0.len() > REPORTED_MAX {
            self.0.pop_first();
        }
        is_new
    }
}

pub(super) fn alerts(builder: &StreamsBuilder, suspicions: Suspicions<'_>) {
    _ = builder.store(REPORTED_STORE).expire_after(KEEP);
    let alerts = suspicions.process_values(REPORTED_STORE, |mut all, card: &String, suspicion: Suspicion, out| {
        let Suspicion { rule, reason, mut evidence, holder } = suspicion;
        let case = format!("{card} {}", rule.id());
        let mut reported = all.get(&case).unwrap_or_default();
        let is_new = reported.add(&evidence);
        all.put(&case, reported);
        if is_new {
            evidence.sort_unstable();
            out.send(Alert { card: card.clone(), holder, reason, rule, evidence });
        }
    });
    alerts.to(ALERTS);

    alerts
        .group_by(|_, alert| alert.id())
        .named("by-id")
        .reduce(|_, alert| alert)
        .stored_as(ALERTS_STORE)
        .expire_after(SHOWN_FOR)
        .live(|tile| {
            tile.table("Latest alerts")
                .column("because", |_, alert| alert.reason.clone())
                .column("card", |_, alert| alert.card.clone())
                .column("holder", |_, alert| alert.holder.clone())
        })
        .live(|tile| tile.number("Alerts").rows().unit("in an hour"));
    alerts
        .group_by(|_, alert| alert.rule.id().to_owned())
        .named("by-rule")
        .count()
        .stored_as(BY_RULE_STORE)
        .live(|tile| tile.bars("Alerts by rule").unit("alerts"));
}
