//! Paid here and there, and nobody travels that fast: a store with the last places of each card.
//!
//! A payment that comes late is compared with the one before it and with the one after it, so the last places are kept, and
//! not only the last one. Whatever the order in which payments come, the same cards are found: if the way from A over B to C is
//! not too fast, then the way from A to C is not, either.

use std::time::Duration;

use millstream::prelude::*;
use serde::{Deserialize, Serialize};

use super::{GRACE, Rules, Suspicions};
use crate::records::{Attempt, Evidence, Place, Suspicion};
use crate::rules::{Rule, Travel};

/// Where each card was last.
const PLACES_STORE: KeyValueStore<String, Places> = KeyValueStore::new("last-places");

/// Cards that are not used for so long are forgotten.
const KEEP: Duration = Duration::from_secs(7 * 86_400);

/// So many places of a card are kept, of those who pay more often than anybody does.
const PLACES_MAX: usize = 200;

/// Where a card was.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Visit {
    record: Evidence,
    at: Place,
}

/// Where a card was last, in the order of time.
#[derive(Value, Debug, Clone, Default, Serialize, Deserialize)]
#[streams(json)]
struct Places(Vec<Visit>);

impl Places {
    /// Adds a visit, and returns the ways from the one before and to the one after.
    fn visit(&mut self, visit: Visit) -> Vec<[Visit; 2]> {
        let place = self.0.partition_point(|earlier| earlier.record < visit.record);
        let before = place.checked_sub(1).and_then(|before| self.0.get(before)).map(|before| [*before, visit]);
        let after = self.0.get(place).map(|after| [visit, *after]);
        self.0.insert(place, visit);
        self.forget();
        before.into_iter().chain(after).collect()
    }

    /// Keeps the visits that late ones may come before, and the last one before those.
    fn forget(&mut self) {
        let newest = self.0.last().map_or(0, |newest| newest.record.at_ms);
        let open_from = newest.saturating_sub(GRACE.as_millis() as i64);
        let open = self.0.partition_point(|visit| visit.record.at_ms < open_from);
        self.0.drain(..open.saturating_sub(1).max(self.0.len().saturating_sub(PLACES_MAX)));
    }
}

/// What is suspicious about the way between two visits.
fn suspicion([from, to]: [Visit; 2], rule: Travel, holder: Option<String>) -> Option<Suspicion> {
    let km = from.at.km_to(to.at);
    let seconds = (to.record.at_ms - from.record.at_ms) as f64 / 1_000.0;
    let is_too_fast = km > rule.km_per_hour as f64 * seconds / 3_600.0;
    is_too_fast.then(|| Suspicion {
        rule: Rule::Travel(rule),
        reason: format!("{km:.1} km apart within {seconds:.1} seconds"),
        evidence: vec![from.record, to.record],
        holder,
    })
}

pub(super) fn travel<'t>(
    builder: &'t StreamsBuilder,
    attempts: KStream<'t, String, Attempt>,
    rules: Rules<'t>,
) -> Suspicions<'t> {
    _ = builder.store(PLACES_STORE).expire_after(KEEP);
    attempts
        .left_join_global(rules, |_, _| Travel::ID.to_owned(), |attempt, row| (attempt, Travel::of(row)))
        .process_values(PLACES_STORE, |mut all, card, (attempt, rule), out| {
            let Attempt { payment, record, holder } = attempt;
            let mut places = all.get(card).unwrap_or_default();
            for way in places.visit(Visit { record, at: payment.at }) {
                if let Some(suspicion) = suspicion(way, rule, holder.clone()) {
                    out.send(suspicion);
                }
            }
            all.put(card, places);
        })
}
