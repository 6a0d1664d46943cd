//! A small charge to see whether the card works, and then a large one: sessions of each card, which end with a pause.
//!
//! Of a session, the earliest small charge and the latest large one say whether a small one comes before a large one. So a
//! session's row is small however long it lasts, and the order in which its payments arrive does not matter.

use std::time::Duration;

use millstream::prelude::*;
use millstream::windows::Session;
use serde::{Deserialize, Serialize};

use super::{GRACE, Rules, Suspicions};
use crate::records::{Attempt, Evidence, Suspicion};
use crate::rules::{Rule, TestCharge};

/// A session ends once its card was not used for this long. Real ones take an hour; these can be watched.
pub const PAUSE: Duration = Duration::from_secs(15);

/// The charges of each session, as long as it may change.
const CHARGES_STORE: SessionStore<String, Charges> = SessionStore::new("charges");

/// An attempt, and what is small and what is large.
#[derive(Value, Clone, Serialize, Deserialize)]
#[streams(json)]
struct Charged {
    charge: Charge,
    holder: Option<String>,
    rule: TestCharge,
}

/// So much was charged. Charges are in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Charge {
    record: Evidence,
    cents: u64,
}

/// What matters of a session.
#[derive(Value, Clone, Default, Serialize, Deserialize)]
#[streams(json)]
struct Charges {
    /// The earliest small charge.
    small: Option<Charge>,
    /// The latest large one.
    large: Option<Charge>,
    holder: Option<String>,
    rule: Option<TestCharge>,
}

impl Charges {
    fn add(&mut self, Charged { charge, holder, rule }: Charged) {
        let small = (charge.cents <= rule.small_cents).then_some(charge);
        let large = (charge.cents >= rule.large_cents).then_some(charge);
        *self = std::mem::take(self).and_then(Self { small, large, holder, rule: Some(rule) });
    }

    fn and_then(self, later: Self) -> Self {
        Self {
            small: self.small.into_iter().chain(later.small).min(),
            large: self.large.max(later.large),
            holder: later.holder.or(self.holder),
            rule: later.rule.or(self.rule),
        }
    }

    fn suspicion(&self) -> Option<Suspicion> {
        let (small, large, rule) = (self.small?, self.large?, self.rule?);
        let euros = |cents: u64| format!("{}.{:02}", cents / 100, cents % 100);
        (small < large).then(|| Suspicion {
            rule: Rule::TestCharge(rule),
            reason: format!("{} is charged, and then {}", euros(small.cents), euros(large.cents)),
            evidence: vec![small.record, large.record],
            holder: self.holder.clone(),
        })
    }
}

pub(super) fn test_charge<'t>(attempts: KStream<'t, String, Attempt>, rules: Rules<'t>) -> Suspicions<'t> {
    attempts
        .left_join_global(
            rules,
            |_, _| TestCharge::ID.to_owned(),
            |Attempt { payment, record, holder }, row| {
                let charge = Charge { record, cents: payment.cents };
                Charged { charge, holder, rule: TestCharge::of(row) }
            },
        )
        .group_by_key()
        .windowed_by(Sessions::gap(PAUSE).grace(GRACE))
        .aggregate(Charges::default, Charges::add, Charges::and_then)
        .stored_as(CHARGES_STORE)
        .to_stream_by(|session: &Windowed<String, Session>, _| session.key.clone())
        .filter_some()
        .flat_map_values(|charges| charges.suspicion().into_iter().collect())
}
