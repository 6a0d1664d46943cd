//! The actual program: what is suspicious about payments. This is the file to read and change first; each rule has a file of its
//! own next to it.
//!
//! ```text
//! card_tx ──> attempts ──┬──> velocity ────────┬──> alerts, once for each case
//! cards ─────────┘       ├──> travel ──────────┤
//!                        ├──> test-charge ─────┤
//! merchants ─────────────┴──> blocked-merchant ┘
//! rules ───────────────────> (what each of them allows)
//! ```
//!
//! Payments arrive out of order. All of them are judged as if they had not, as long as they are no later than [`GRACE`].

use std::time::Duration;

use millstream::prelude::*;

use crate::records::{Alert, Card, Merchant, Payment, Suspicion, Truth};
use crate::rules::Rule;

mod alerts;
mod attempts;
mod blocked_merchant;
mod test_charge;
#[cfg(test)]
mod tests;
mod travel;
mod velocity;

/// How late a payment may be, compared with the newest one in its partition.
pub const GRACE: Duration = Duration::from_secs(5);

/// Input: attempts to pay, by the number of the card.
pub const CARD_TX: Topic<String, Payment> = Topic::new("card_tx");
/// Input: the cards, by their numbers.
pub const CARDS: Topic<String, Card> = Topic::new("cards");
/// Input: the merchants, by their names.
pub const MERCHANTS: Topic<String, Merchant> = Topic::new("merchants");
/// Input: what the rules allow, by their ids.
pub const RULES: Topic<String, Rule> = Topic::new("rules");
/// Output: what was found, by the number of the card.
pub const ALERTS: Topic<String, Alert> = Topic::new("alerts");
/// Output: payments that came too late to be judged.
pub const LATE: Topic<String, Payment> = Topic::new("card_tx-late");
/// Output: records that cannot be read, as they were.
pub const DEAD_LETTERS: Topic<Option<Vec<u8>>, Option<Vec<u8>>> = Topic::new("fraud-dead-letters");

/// What the generator has made up, by the number of the card. The application does not read it.
pub const TRUTHS: Topic<String, Truth> = Topic::new("fraud-truths");

/// What the rules allow, for those who ask.
pub const RULES_STORE: KeyValueStore<String, Rule> = KeyValueStore::new("rules");

pub use test_charge::PAUSE;
pub use velocity::WITHIN;

/// What all rules have in common: they look up what they allow.
type Rules<'t> = GlobalKTable<'t, String, Rule>;

/// What a rule makes of attempts.
type Suspicions<'t> = KStream<'t, String, Suspicion>;

/// The card checks.
pub fn fraud() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let rules = builder.global_table(RULES).stored_as(RULES_STORE);
    let merchants = builder.global_table(MERCHANTS);
    let cards = builder.table(CARDS);

    let attempts = attempts::attempts(&builder, cards);
    let suspicions = velocity::velocity(attempts, rules)
        .merge(travel::travel(&builder, attempts, rules))
        .merge(test_charge::test_charge(attempts, rules))
        .merge(blocked_merchant::blocked_merchant(attempts, merchants, rules));
    alerts::alerts(&builder, suspicions);

    builder.build()
}
