//! Says what should come of the cases that are complete: once the application has processed them, unless somebody has changed the
//! rules meanwhile.

use std::collections::VecDeque;

use millstream::client::ClientError;
use millstream::prelude::*;
use millstream::record::Offset;

use crate::book::{RuleBook, RulesState};
use crate::generator::Complete;
use crate::records::{Truth, Verdict};
use crate::topology::{CARD_TX, TRUTHS};

/// The cases that wait.
pub struct Verdicts<'a> {
    client: Client,
    book: &'a RuleBook,
    group: &'a str,
    /// With the offsets that the application has to reach.
    waiting: VecDeque<(Vec<Offset>, Vec<Complete>)>,
}

impl<'a> Verdicts<'a> {
    /// Of the application with this group.
    pub fn new(client: Client, book: &'a RuleBook, group: &'a str) -> Self {
        Self { client, book, group, waiting: VecDeque::new() }
    }

    /// These cases are complete, and all of their payments are in the log.
    pub fn wait_for(&mut self, cases: Vec<Complete>) -> Result<(), ClientError> {
        if !cases.is_empty() {
            self.waiting.push_back((self.ends()?, cases));
        }
        Ok(())
    }

    /// Says what should come of the cases that have been processed.
    pub fn say(&mut self) -> Result<(), ClientError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let committed = self.committed()?;
        let now = self.book.state();
        let mut truths = Vec::new();
        while self.waiting.front().is_some_and(|(ends, _)| reaches(&committed, ends)) {
            let cases = self.waiting.pop_front().map(|(_, cases)| cases).unwrap_or_default();
            truths.extend(cases.into_iter().map(|case| (case.card.clone(), verdict(&case, now))));
        }
        self.client.send_all(&TRUTHS, truths)?;
        Ok(())
    }

    /// Whether the application has processed all payments.
    pub fn is_all_processed(&self) -> Result<bool, ClientError> {
        Ok(reaches(&self.committed()?, &self.ends()?))
    }

    fn ends(&self) -> Result<Vec<Offset>, ClientError> {
        let bounds = self.client.bounds(&self.client.partitions(CARD_TX.name())?)?;
        Ok(bounds.into_iter().map(|(_, end)| end).collect())
    }

    fn committed(&self) -> Result<Vec<Offset>, ClientError> {
        let partitions = self.client.partitions(CARD_TX.name())?;
        let committed = self.client.committed(self.group, &partitions)?;
        Ok(committed.into_iter().map(|offset| offset.unwrap_or(Offset(0))).collect())
    }
}

fn reaches(committed: &[Offset], ends: &[Offset]) -> bool {
    committed.iter().zip(ends).all(|(committed, end)| committed >= end)
}

fn verdict(case: &Complete, now: RulesState) -> Truth {
    let verdict = match case.is_fraud {
        _ if case.before != now || now.are_other => Verdict::Undecided,
        true => Verdict::Fraud,
        false => Verdict::Clean,
    };
    Truth { rule: case.rule.to_owned(), verdict }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_not_judged_if_the_rules_were_changed() {
        let state = |changes, are_other| RulesState { changes, are_other };
        for (is_fraud, before, now, expected) in [
            (true, state(0, false), state(0, false), Verdict::Fraud),
            (false, state(4, false), state(4, false), Verdict::Clean),
            (true, state(0, false), state(2, false), Verdict::Undecided),
            (false, state(2, true), state(2, true), Verdict::Undecided),
        ] {
            let case = Complete { card: "a".to_owned(), rule: "travel", is_fraud, before };
            assert_eq!(verdict(&case, now).verdict, expected, "{before:?} {now:?}");
        }
    }
}
