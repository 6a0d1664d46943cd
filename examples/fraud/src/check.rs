//! Compares the alerts with what the generator has made up: every planted case has to be found once, and nothing else.
//!
//! Alerts that a changed rule has raised are not judged, nor are cases during which somebody has changed a rule.

use std::collections::BTreeMap;
use std::fmt;

use crate::records::{Alert, Truth, Verdict};

/// So many examples of what is wrong are told.
const EXAMPLES_MAX: usize = 5;

/// How often each card was told of by each rule.
type Raised<'a> = BTreeMap<(&'a str, &'a str), usize>;

/// How the alerts compare with the truth.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Planted cases by rule: how many there are, and how many were found.
    pub planted: BTreeMap<String, (usize, usize)>,
    /// How many cards come close to fraud.
    pub close: usize,
    /// How many ordinary cards there are.
    pub ordinary: usize,
    /// How often a rule was found of a card that has done nothing of the kind.
    pub flagged: usize,
    /// Cases that nothing can be said about: not complete, or the rules were changed.
    pub undecided: usize,
    /// Alerts that a changed rule has raised.
    pub by_changed_rules: usize,
    /// Planted cases that were not found, clean cards that were flagged, cases that were told twice.
    pub wrong: Vec<String>,
}

impl Report {
    /// Compares them. Planted cases that were not found are only wrong if everything `is_processed`.
    pub fn new(truths: &BTreeMap<String, Truth>, alerts: &[Alert], ordinary: usize) -> Self {
        let mut report = Self { ordinary, ..Self::default() };
        let mut raised = Raised::new();
        for alert in alerts {
            match alert.rule.is_initial() {
                true => *raised.entry((&alert.card, alert.rule.id())).or_default() += 1,
                false => report.by_changed_rules += 1,
            }
        }
        for (card, truth) in truths {
            report.count_case(card, truth, &raised);
        }
        for ((card, rule), times) in raised {
            report.count_alert(card, truths.get(card), rule, times);
        }
        report
    }

    fn count_case(&mut self, card: &str, truth: &Truth, raised: &Raised<'_>) {
        match truth.verdict {
            Verdict::Open | Verdict::Undecided => self.undecided += 1,
            Verdict::Clean => self.close += 1,
            Verdict::Fraud => {
                let is_found = raised.contains_key(&(card, truth.rule.as_str()));
                let (planted, found) = self.planted.entry(truth.rule.clone()).or_default();
                *planted += 1;
                *found += usize::from(is_found);
                if !is_found {
                    self.wrong.push(format!("{} of card {card} was not found", truth.rule));
                }
            }
        }
    }

    fn count_alert(&mut self, card: &str, truth: Option<&Truth>, rule: &str, times: usize) {
        match truth.map(|truth| truth.verdict) {
            Some(Verdict::Open | Verdict::Undecided) => {}
            Some(Verdict::Fraud) if truth.is_some_and(|truth| truth.rule == rule) => {
                if times > 1 {
                    self.wrong.push(format!("{rule} of card {card} was told {times} times"));
                }
            }
            _ => {
                self.flagged += 1;
                self.wrong.push(format!("{rule} was found of card {card}, which is clean"));
            }
        }
    }

    /// How many planted cases there are, and how many were found.
    pub fn found(&self) -> (usize, usize) {
        self.planted.values().fold((0, 0), |(planted, found), rule| (planted + rule.0, found + rule.1))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (planted, found) = self.found();
        let rules: Vec<_> =
            self.planted.iter().map(|(rule, (planted, found))| format!("{rule} {found}/{planted}")).collect();
        writeln!(f, "planted fraud found: {found} of {planted} ({})", rules.join(", "))?;
        let Self { flagged, close, ordinary, .. } = self;
        writeln!(f, "clean cards flagged: {flagged} of {close} that come close to fraud, and of {ordinary} others")?;
        if self.undecided + self.by_changed_rules > 0 {
            let (cases, alerts) = (self.undecided, self.by_changed_rules);
            writeln!(f, "not judged: {cases} cases that are not complete, {alerts} alerts by rules that were changed")?;
        }
        for wrong in self.wrong.iter().take(EXAMPLES_MAX) {
            writeln!(f, "wrong: {wrong}")?;
        }
        writeln!(f, "alerts right: {}", if self.wrong.is_empty() { "yes" } else { "NO" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Rule, Travel, Velocity};

    const VELOCITY: Rule = Rule::Velocity(Velocity::INITIAL);

    fn alert(card: &str, rule: Rule) -> Alert {
        Alert { card: card.to_owned(), holder: None, reason: String::new(), rule, evidence: Vec::new() }
    }

    /// What is wrong with these alerts. Card `a` is planted, `b` comes close, `c` is not complete, and `d` is ordinary.
    fn wrong(alerts: &[(&str, Rule)]) -> Vec<String> {
        let truth = |verdict| Truth { rule: "velocity".to_owned(), verdict };
        let truths = [("a", Verdict::Fraud), ("b", Verdict::Clean), ("c", Verdict::Open)];
        let truths = truths.map(|(card, verdict)| (card.to_owned(), truth(verdict))).into();
        let alerts: Vec<_> = alerts.iter().map(|(card, rule)| alert(card, *rule)).collect();
        Report::new(&truths, &alerts, 1).wrong
    }

    #[test]
    fn everything_that_can_be_wrong_is_noticed() {
        let travel = Rule::Travel(Travel::INITIAL);
        let strict = Rule::Velocity(Velocity { attempts: 1 });
        for (alerts, expected) in [
            (&[("a", VELOCITY)][..], &[][..]),
            (&[("a", VELOCITY), ("c", VELOCITY), ("d", strict)], &[]),
            (&[], &["velocity of card a was not found"]),
            (&[("a", VELOCITY), ("a", VELOCITY)], &["velocity of card a was told 2 times"]),
            (&[("a", VELOCITY), ("a", travel)], &["travel was found of card a, which is clean"]),
            (&[("a", VELOCITY), ("b", VELOCITY)], &["velocity was found of card b, which is clean"]),
            (&[("a", VELOCITY), ("d", travel)], &["travel was found of card d, which is clean"]),
        ] {
            assert_eq!(wrong(alerts), expected, "{alerts:?}");
        }
    }
}
