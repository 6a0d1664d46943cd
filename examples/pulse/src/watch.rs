//! Whether the application finds the attacks of the bots, how soon, and whether it sees any where there are none.

use std::time::{Duration, Instant};

use crate::bots::Attack;
use crate::events::Alert;

/// An alert this long after the start of an attack on its page is because of that.
const LASTS: Duration = Duration::from_secs(8);

/// For this long after the traffic has changed, alerts are no surprise.
const SETTLES: Duration = Duration::from_secs(20);

/// How many alerts are kept to be shown.
const SHOWN: usize = 8;

/// Attacks and alerts.
#[derive(Default)]
pub struct Watch {
    attacks: Vec<Watched>,
    /// The last alerts, newest first.
    pub alerts: Vec<Flag>,
    /// The number of alerts without an attack.
    pub false_alarms: u64,
    changed: Option<Instant>,
}

struct Watched {
    attack: Attack,
    began: Instant,
    flagged_after: Option<Duration>,
}

/// An alert, as it is shown.
#[derive(Debug, Clone)]
pub struct Flag {
    /// The page.
    pub page: String,
    /// What the application says.
    pub alert: Alert,
    /// Why there is one.
    pub cause: Cause,
}

/// Why there is an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A bot. It was seen so long after its first view.
    Bot(Duration),
    /// The traffic has just changed.
    Change,
    /// None that is known.
    Chance,
}

/// How the application does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Score {
    /// Attacks that are long enough ago to have been found.
    pub attacks: usize,
    /// How many of them were.
    pub flagged: usize,
    /// The longest time that it took.
    pub slowest: Duration,
}

impl Watch {
    /// An attack begins.
    pub fn begin(&mut self, attack: Attack, began: Instant) {
        self.attacks.push(Watched { attack, began, flagged_after: None });
    }

    /// There are suddenly more visitors, or fewer, or everything comes late because an instance was killed.
    pub fn change(&mut self, at: Instant) {
        self.changed = Some(at);
    }

    /// The application has sent an alert.
    pub fn see(&mut self, page: String, alert: Alert, at: Instant) {
        let is_recent = |since: Instant, within: Duration| at.saturating_duration_since(since) <= within;
        let attacks = self.attacks.iter_mut().rev();
        let attack = attacks.filter(|attack| attack.attack.page == page).find(|attack| is_recent(attack.began, LASTS));
        let cause = match attack {
            Some(attack) => {
                let after = at.saturating_duration_since(attack.began);
                Cause::Bot(*attack.flagged_after.get_or_insert(after))
            }
            None if self.changed.is_some_and(|changed| is_recent(changed, SETTLES)) => Cause::Change,
            None => Cause::Chance,
        };
        self.false_alarms += u64::from(cause == Cause::Chance);
        self.alerts.insert(0, Flag { page, alert, cause });
        self.alerts.truncate(SHOWN);
    }

    /// The newest alert in words.
    pub fn newest(&self) -> Option<String> {
        let Flag { page, alert, cause } = self.alerts.first()?;
        let why = match cause {
            Cause::Bot(after) => format!("a bot, noticed after {:.1} s", after.as_secs_f64()),
            Cause::Change => "the traffic has just changed".to_owned(),
            Cause::Chance => "by chance".to_owned(),
        };
        let (views, usual, deviations) = (alert.views, alert.usual, alert.deviations);
        Some(format!("unusual: {views} views of {page} instead of {usual:.1}, {deviations:.1} deviations; {why}"))
    }

    /// How the application has done until now.
    pub fn score(&self, now: Instant) -> Score {
        let is_due =
            |attack: &&Watched| attack.flagged_after.is_some() || now.saturating_duration_since(attack.began) > LASTS;
        let due: Vec<&Watched> = self.attacks.iter().filter(is_due).collect();
        Score {
            attacks: due.len(),
            flagged: due.iter().filter(|attack| attack.flagged_after.is_some()).count(),
            slowest: due.iter().filter_map(|attack| attack.flagged_after).max().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_because_of_a_bot_a_change_or_nothing() {
        let mut watch = Watch::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let alert = Alert { window: 0, views: 30, usual: 2.0, deviations: 9.3 };
        watch.begin(Attack { page: "/products/tent".to_owned(), at_ms: 0 }, start);
        watch.see("/products/tent".to_owned(), alert.clone(), at(700));
        watch.see("/".to_owned(), alert.clone(), at(800));
        watch.change(at(900));
        watch.see("/".to_owned(), alert.clone(), at(1_000));
        watch.see("/products/tent".to_owned(), alert, at(60_000));
        watch.begin(Attack { page: "/products/map".to_owned(), at_ms: 0 }, at(60_000));

        let causes: Vec<Cause> = watch.alerts.iter().map(|flag| flag.cause).collect();
        let bot = Cause::Bot(Duration::from_millis(700));
        assert_eq!(causes, [Cause::Chance, Cause::Change, Cause::Chance, bot]);
        assert_eq!(watch.false_alarms, 2);
        let slowest = Duration::from_millis(700);
        assert_eq!(watch.score(at(61_000)), Score { attacks: 1, flagged: 1, slowest });
        assert_eq!(watch.score(at(70_000)), Score { attacks: 2, flagged: 1, slowest }, "the second one was missed");
    }
}
