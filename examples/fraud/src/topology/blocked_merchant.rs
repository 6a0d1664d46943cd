//! Paid where nobody should: a global table of merchants, which is joined by what is in the payment, and not by its key.

use millstream::prelude::*;

use super::{Rules, Suspicions};
use crate::records::{Attempt, Merchant, Suspicion};
use crate::rules::{BlockedMerchant, Rule};

pub(super) fn blocked_merchant<'t>(
    attempts: KStream<'t, String, Attempt>,
    merchants: GlobalKTable<'t, String, Merchant>,
    rules: Rules<'t>,
) -> Suspicions<'t> {
    attempts
        .join_global(
            merchants,
            |_, attempt| attempt.payment.merchant.clone(),
            |attempt, merchant| merchant.blocked.then_some(attempt),
        )
        .filter_some()
        .left_join_global(
            rules,
            |_, _| BlockedMerchant::ID.to_owned(),
            |attempt, row| (attempt, BlockedMerchant::of(row)),
        )
        .filter(|_, (_, rule)| rule.enabled)
        .map_values(|(attempt, rule)| Suspicion {
            rule: Rule::BlockedMerchant(rule),
            reason: format!("paid at {}, which is blocked", attempt.payment.merchant),
            evidence: vec![attempt.record],
            holder: attempt.holder,
        })
}
