//! Too many attempts within ten seconds, wherever these begin: sliding windows.
//!
//! The windows of a long burst overlap, and each of them that has too many attempts is a suspicion. `alerts.rs` sees that they
//! are the same case, because they share attempts.

use std::time::Duration;

use millstream::prelude::*;
use serde::{Deserialize, Serialize};

use super::{GRACE, Rules, Suspicions};
use crate::records::{Attempt, Evidence, Suspicion};
use crate::rules::{Rule, Velocity};

/// How far apart the attempts of a window may be.
pub const WITHIN: Duration = Duration::from_secs(10);

/// So many attempts of a window are kept as evidence.
const EVIDENCE_MAX: usize = 20;

/// The attempts of each window, as long as it may change.
const BURSTS_STORE: WindowStore<String, Burst> = WindowStore::new("bursts");

/// An attempt, and how many are allowed.
#[derive(Value, Clone, Serialize, Deserialize)]
#[streams(json)]
struct Paced {
    record: Evidence,
    holder: Option<String>,
    rule: Velocity,
}

/// The attempts of one window.
#[derive(Value, Clone, Serialize, Deserialize)]
#[streams(json)]
struct Burst {
    attempts: u64,
    evidence: Vec<Evidence>,
    holder: Option<String>,
    rule: Velocity,
}

impl Burst {
    const fn new() -> Self {
        Self { attempts: 0, evidence: Vec::new(), holder: None, rule: Velocity::INITIAL }
    }

    fn add(&mut self, Paced { record, holder, rule }: Paced) {
        self.attempts += 1;
        if self.evidence.len() < EVIDENCE_MAX {
            self.evidence.push(record);
        }
        (self.holder, self.rule) = (holder, rule);
    }

    fn suspicion(self) -> Suspicion {
        let Self { attempts, evidence, holder, rule } = self;
        let reason = format!("{attempts} attempts within {} seconds", WITHIN.as_secs());
        Suspicion { rule: Rule::Velocity(rule), reason, evidence, holder }
    }
}

pub(super) fn velocity<'t>(attempts: KStream<'t, String, Attempt>, rules: Rules<'t>) -> Suspicions<'t> {
    attempts
        .left_join_global(
            rules,
            |_, _| Velocity::ID.to_owned(),
            |Attempt { record, holder, .. }, row| Paced { record, holder, rule: Velocity::of(row) },
        )
        .group_by_key()
        .windowed_by(Sliding::of(WITHIN).grace(GRACE))
        .aggregate(Burst::new, Burst::add)
        .stored_as(BURSTS_STORE)
        .to_stream_by(|window, _| window.key.clone())
        .filter_some()
        .filter(|_, burst| burst.attempts > burst.rule.attempts)
        .map_values(Burst::suspicion)
}
