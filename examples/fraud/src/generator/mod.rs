//! Payments of simulated cards: most of them are ordinary, and now and then a case is made up (`cases.rs`).
//!
//! What it makes depends on the seed alone. Payments are made in the order in which they arrive, which is not that of their
//! times: some are up to [`DELAY_MAX_MS`] late. Before the first payment of a case, the case is announced in the topic of
//! truths. `verdicts.rs` says there what should come of it.

use std::collections::BTreeMap;

use fastrand::Rng;
use millstream::record::Timestamp;

use crate::book::RulesState;
use crate::records::{Card, Merchant, Payment, Truth, Verdict};
use crate::topology::GRACE;
use cases::Case;
use world::{CITIES, City, HOLDERS, MERCHANTS};

mod cases;
mod world;

pub use world::merchants;

/// How late a payment may arrive. It is less than the grace, so all of them are judged.
pub const DELAY_MAX_MS: i64 = 3 * GRACE.as_millis() as i64 / 5;

/// The time between two cases.
const CASE_EVERY_MS: i64 = 700;

/// The time between the announcement of a case, with its card, and its first payment.
const ANNOUNCED_BEFORE_MS: i64 = 500;

/// The shortest and the longest time between two payments with an ordinary card. Three payments fit into ten seconds, and
/// four do not.
const PAUSE_MS: (i64, i64) = (5_001, 14_000);

/// What ordinary payments cost: neither little nor much.
const CENTS: (u64, u64) = (300, 45_000);

/// What to send.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// A row of the table of cards.
    Card(String, Card, Timestamp),
    /// What is known about a card.
    Truth(String, Truth),
    /// A payment.
    Payment(String, Payment, Timestamp),
    /// Not to be sent, but to be judged.
    Complete(Complete),
}

/// A case all of whose payments have arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Complete {
    /// The card.
    pub card: String,
    /// The id of the rule that it is about.
    pub rule: &'static str,
    /// Whether the rule must find it.
    pub is_fraud: bool,
    /// The rules when it began.
    pub before: RulesState,
}

/// What happens at some time.
enum Happening {
    /// An ordinary card is used again.
    Ordinary(usize),
    /// A case begins.
    Case,
    /// A payment arrives.
    Arrival { card: String, payment: Payment, at_ms: i64 },
    /// A case is complete.
    Complete(Complete),
}

/// Makes the payments.
pub struct Generator {
    random: Rng,
    /// When the payments begin, in milliseconds since the Unix epoch. It is part of the cards' numbers, so that each run on the
    /// same log has cards of its own.
    began_ms: i64,
    ordinary: Vec<(String, &'static City)>,
    cases: u64,
    /// By time and number.
    future: BTreeMap<(i64, u64), Happening>,
    numbers: u64,
}

impl Generator {
    /// With so many ordinary cards.
    pub fn new(seed: u64, began_ms: i64, cards: usize) -> Self {
        let mut random = Rng::with_seed(seed);
        let run = began_ms / 1_000 % 1_000_000;
        let city = |number: usize| &CITIES[number % CITIES.len()];
        let ordinary: Vec<_> = (0..cards).map(|number| (format!("4929{run:06}{number:06}"), city(number))).collect();
        let starts: Vec<i64> = ordinary.iter().map(|_| random.i64(0..PAUSE_MS.1)).collect();
        let mut generator = Self { random, began_ms, ordinary, cases: 0, future: BTreeMap::new(), numbers: 0 };
        for (number, start) in starts.into_iter().enumerate() {
            generator.plan(start, Happening::Ordinary(number));
        }
        generator.plan(0, Happening::Case);
        generator
    }

    /// The ordinary cards.
    pub fn cards(&self) -> Vec<Outgoing> {
        let card = |(number, (card, _)): (usize, &(String, _))| {
            Outgoing::Card(card.clone(), holder(number), Timestamp(self.began_ms))
        };
        self.ordinary.iter().enumerate().map(card).collect()
    }

    /// What is to be sent until then, in milliseconds since the beginning.
    pub fn until(&mut self, now_ms: i64, rules: RulesState) -> Vec<Outgoing> {
        let mut out = Vec::new();
        while let Some(next) = self.future.first_entry().filter(|next| next.key().0 <= now_ms) {
            let ((at_ms, _), happening) = next.remove_entry();
            match happening {
                Happening::Ordinary(number) => self.pay_as_ever(number, at_ms),
                Happening::Case => self.begin_case(at_ms, rules, &mut out),
                Happening::Arrival { card, payment, at_ms } => {
                    out.push(Outgoing::Payment(card, payment, Timestamp(self.began_ms + at_ms)));
                }
                Happening::Complete(case) => out.push(Outgoing::Complete(case)),
            }
        }
        out
    }

    fn plan(&mut self, at_ms: i64, happening: Happening) {
        self.numbers += 1;
        self.future.insert((at_ms, self.numbers), happening);
    }

    /// A payment that happens then and arrives then or later. Returns when.
    fn pay(&mut self, at_ms: i64, card: String, payment: Payment) -> i64 {
        let delay_ms = if self.random.u8(0..4) == 0 { self.random.i64(1..=DELAY_MAX_MS) } else { 0 };
        self.plan(at_ms + delay_ms, Happening::Arrival { card, payment, at_ms });
        at_ms + delay_ms
    }

    fn pay_as_ever(&mut self, number: usize, at_ms: i64) {
        let Some((card, city)) = self.ordinary.get(number).cloned() else { return };
        let merchant = MERCHANTS[self.random.usize(0..MERCHANTS.len())].to_owned();
        let cents = self.random.u64(CENTS.0..=CENTS.1);
        self.pay(at_ms, card, Payment { merchant, cents, at: city.place() });
        let pause_ms = self.random.i64(PAUSE_MS.0..=PAUSE_MS.1);
        self.plan(at_ms + pause_ms, Happening::Ordinary(number));
    }

    fn begin_case(&mut self, at_ms: i64, before: RulesState, out: &mut Vec<Outgoing>) {
        let Case { rule, is_fraud, payments } = Case::make(self.cases, &mut self.random);
        let number = self.cases;
        self.cases += 1;
        let card = format!("5100{:06}{number:06}", self.began_ms / 1_000 % 1_000_000);
        let at = Timestamp(self.began_ms + at_ms);
        out.push(Outgoing::Card(card.clone(), holder(number as usize), at));
        out.push(Outgoing::Truth(card.clone(), Truth { rule: rule.to_owned(), verdict: Verdict::Open }));
        let mut complete_ms = at_ms;
        for (after_ms, payment) in payments {
            let arrived_ms = self.pay(at_ms + ANNOUNCED_BEFORE_MS + after_ms, card.clone(), payment);
            complete_ms = complete_ms.max(arrived_ms);
        }
        self.plan(complete_ms, Happening::Complete(Complete { card, rule, is_fraud, before }));
        self.plan(at_ms + CASE_EVERY_MS, Happening::Case);
    }
}

fn holder(number: usize) -> Card {
    Card { holder: HOLDERS[number % HOLDERS.len()].to_owned() }
}

/// The table of merchants.
pub fn merchant_rows() -> Vec<(String, Merchant)> {
    merchants().map(|(name, blocked)| (name.to_owned(), Merchant { blocked })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_payments_whatever_the_steps() {
        let make = |step: i64| {
            let mut generator = Generator::new(7, 1_000_000, 20);
            (0..=60_000 / step).flat_map(|tick| generator.until(tick * step, RulesState::default())).collect::<Vec<_>>()
        };
        let all = make(60_000);
        assert_eq!(make(50), all);
        assert!(all.len() > 250, "{}", all.len());
    }

    #[test]
    fn payments_are_out_of_order_and_no_later_than_the_grace() {
        let mut generator = Generator::new(7, 0, 100);
        let (mut newest, mut late, mut latest) = (0, 0, 0);
        for outgoing in generator.until(120_000, RulesState::default()) {
            let Outgoing::Payment(_, _, Timestamp(at_ms)) = outgoing else { continue };
            newest = newest.max(at_ms);
            late += i64::from(at_ms < newest);
            latest = latest.max(newest - at_ms);
        }
        assert!(late > 200, "{late}");
        assert!((DELAY_MAX_MS / 2..=DELAY_MAX_MS).contains(&latest), "{latest}");
        assert!(DELAY_MAX_MS < GRACE.as_millis() as i64);
    }

    #[test]
    fn each_case_is_announced_and_completed() {
        let (mut announced, mut complete) = (Vec::new(), Vec::new());
        for outgoing in Generator::new(7, 0, 0).until(60_000, RulesState::default()) {
            match outgoing {
                Outgoing::Truth(card, Truth { verdict: Verdict::Open, .. }) => announced.push(card),
                Outgoing::Complete(case) => complete.push(case),
                Outgoing::Payment(card, ..) => {
                    assert!(announced.contains(&card) && complete.iter().all(|case| case.card != card), "{card}");
                }
                _ => {}
            }
        }
        let fraud = complete.iter().filter(|case| case.is_fraud).count();
        assert!(fraud > 20 && complete.len() - fraud > 20 && announced.len() > complete.len(), "{complete:?}");
    }
}
