//! The bots: once a minute, somebody views one product far more often than anybody would.

use std::time::Duration;

use fastrand::Rng;

use crate::events::UserId;
use crate::site::{PRODUCTS, product_path};
use crate::traffic::{Arrival, Event};

/// The first attack is so long after the start of the traffic, when the application knows what is usual.
const FIRST: Duration = Duration::from_secs(20);

/// The time from one attack to the next.
const EVERY: Duration = Duration::from_secs(60);

/// How long an attack takes.
const FOR: Duration = Duration::from_secs(3);

/// The time between two views of an attack, in milliseconds.
const STEP_MS: i64 = 12;

/// The visitor that all attacks come from. It has no row in the users table.
pub const BOT: UserId = UserId(666);

/// An attack, past or present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attack {
    /// The product's page.
    pub page: String,
    /// When it began, in milliseconds since the traffic began.
    pub at_ms: i64,
}

/// Attacks when it is time.
pub struct Bots {
    rng: Rng,
    next_ms: i64,
    current: Option<(Attack, i64)>,
}

impl Bots {
    /// Bots that choose their victims by this seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed.wrapping_add(2)), next_ms: millis(FIRST), current: None }
    }

    /// The events up to this time that have not been returned yet, and the attack that has begun with them.
    pub fn until(&mut self, now_ms: i64) -> (Option<Attack>, Vec<Event>) {
        let mut begun = None;
        if self.current.is_none() && now_ms >= self.next_ms {
            let attack = Attack { page: product_path(self.rng.usize(..PRODUCTS)), at_ms: self.next_ms };
            // After a pause of the process only the newest one is made up for.
            self.next_ms += millis(EVERY) * ((now_ms - self.next_ms) / millis(EVERY) + 1);
            self.current = Some((attack.clone(), attack.at_ms));
            begun = Some(attack);
        }
        let mut events = Vec::new();
        if let Some((attack, next_ms)) = &mut self.current {
            let end_ms = attack.at_ms + millis(FOR);
            while *next_ms <= now_ms && *next_ms < end_ms {
                let (page, at_ms) = (attack.page.clone(), *next_ms);
                events.push(Event { user: BOT, page, clicked: None, at_ms, arrival: Arrival::Prompt });
                *next_ms += STEP_MS;
            }
            if *next_ms >= end_ms {
                self.current = None;
            }
        }
        (begun, events)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attack_comes_once_a_minute_and_takes_three_seconds() {
        let mut bots = Bots::new(7);
        let (mut attacks, mut events) = (Vec::new(), Vec::new());
        for now in (0..150_000).step_by(20) {
            let (attack, more) = bots.until(now);
            attacks.extend(attack.map(|attack| attack.at_ms));
            assert!(more.iter().all(|event| event.at_ms <= now && event.at_ms > now - 20));
            events.extend(more);
        }
        assert_eq!(attacks, [20_000, 80_000, 140_000]);
        assert_eq!(events.len(), 3 * 250);
    }
}
