//! The contest: passes cases through both sides, several at a time, and compares the answers.

use std::collections::VecDeque;

use crate::answer::Answer;
use crate::case::Case;
use crate::compare::{Comparison, Difference, compare};
use crate::java::{Java, JavaCommand, JavaError};
use crate::run::run;

/// How many cases Java has at once, so that it never waits for the next.
const IN_FLIGHT: usize = 32;

/// Both sides.
pub struct Contest {
    command: JavaCommand,
    java: Java,
}

/// The outcome of a case.
pub enum Verdict {
    /// Both sides answered.
    Answered(Box<Answers>),
    /// Java gave no answer.
    Unanswered(JavaError),
}

/// The answers of both sides.
pub struct Answers {
    /// Java's.
    pub java: Answer,
    /// Ours.
    pub ours: Answer,
    /// The comparison of the two.
    pub comparison: Comparison,
}

impl Verdict {
    /// The difference, if both sides answered and there is one.
    #[must_use]
    pub fn difference(&self) -> Option<&Difference> {
        match self {
            Self::Answered(answers) => answers.comparison.difference.as_ref(),
            Self::Unanswered(_) => None,
        }
    }

    /// Whether both sides did the same.
    #[must_use]
    pub fn is_same(&self) -> bool {
        matches!(self, Self::Answered(answers) if answers.comparison.difference.is_none())
    }
}

impl Contest {
    /// Starts Java.
    ///
    /// # Errors
    /// When there is none.
    pub fn start(command: JavaCommand) -> Result<Self, JavaError> {
        let java = Java::start(&command)?;
        Ok(Self { command, java })
    }

    /// The verdict of a single case.
    ///
    /// # Errors
    /// When Java ended and cannot be started again.
    pub fn one(&mut self, case: &Case) -> Result<Verdict, JavaError> {
        self.java.ask(case);
        let ours = run(case);
        self.verdict(case, ours)
    }

    /// The verdicts of many cases, in order, each as soon as it is known. `tell` returns whether to go on.
    ///
    /// # Errors
    /// As [`Contest::one`].
    pub fn all(
        &mut self,
        cases: impl IntoIterator<Item = Case>,
        mut tell: impl FnMut(&mut Self, Case, Verdict) -> Result<bool, JavaError>,
    ) -> Result<(), JavaError> {
        let mut waiting: VecDeque<(Case, Answer)> = VecDeque::new();
        let mut cases = cases.into_iter();
        loop {
            while waiting.len() < IN_FLIGHT
                && let Some(case) = cases.next()
            {
                self.java.ask(&case);
                let ours = run(&case);
                waiting.push_back((case, ours));
            }
            let Some((case, ours)) = waiting.pop_front() else { return Ok(()) };
            let verdict = self.verdict(&case, ours)?;
            if matches!(verdict, Verdict::Unanswered(JavaError::Ended)) {
                // The new program has not heard of the cases that the old one had.
                waiting.iter().for_each(|(case, _)| self.java.ask(case));
            }
            let mut aside = None;
            if !verdict.is_same() {
                // Whoever looks into a difference asks Java again, and would get the answers of the waiting cases.
                let new = Java::start(&self.command)?;
                aside = Some(std::mem::replace(&mut self.java, new));
            }
            let goes_on = tell(self, case, verdict)?;
            if let Some(java) = aside {
                self.java = java;
            }
            if !goes_on {
                return Ok(());
            }
        }
    }

    fn verdict(&mut self, case: &Case, ours: Answer) -> Result<Verdict, JavaError> {
        Ok(match self.java.answer() {
            Ok(java) => {
                let comparison = compare(case, &java, &ours);
                Verdict::Answered(Box::new(Answers { java, ours, comparison }))
            }
            Err(error) => {
                if matches!(error, JavaError::Ended) {
                    self.java = Java::start(&self.command)?;
                }
                Verdict::Unanswered(error)
            }
        })
    }
}
