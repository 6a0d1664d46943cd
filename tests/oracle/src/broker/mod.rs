//! Topologies on a real broker: each runs as an application of Kafka Streams and as one of ours, over the same input topics
//! with several partitions, and what both have written is compared.
//!
//! Which topologies must write the same, and in which sense, is said by [`properties`](crate::properties): those of which
//! several instances do. Windows that close at the end get their last records once all others have been processed, and
//! both applications start a second time for them.

mod answer;
mod ours;

use std::collections::BTreeMap;
use std::thread;

use serde_json::Value as Json;

use crate::case::{Case, Input};
use crate::java::{Java, JavaCommand, JavaError};
use crate::properties::{Part, Sense, for_instances};
use crate::step::Step;
use answer::{Answer, without_headers};

/// How many of our applications run at once.
const AT_ONCE: usize = 4;

/// Records are so much later than in the case: librdkafka cannot write the timestamp 0, and the engine writes 1 instead.
const LATER_MS: i64 = 3_600_000;

/// A topology that both sides run.
pub struct Contest {
    part: Part,
    /// Comes before all names on the broker.
    run: String,
}

/// Whether a step has state.
const fn keeps_rows(step: &Step) -> bool {
    matches!(
        step,
        Step::Count { .. }
            | Step::Reduce { .. }
            | Step::Aggregate { .. }
            | Step::Cogroup { .. }
            | Step::Table { .. }
            | Step::ToTable { .. }
            | Step::TableJoin { .. }
            | Step::FkJoin { .. }
            | Step::Join { .. }
    )
}

/// The outcome of a topology.
#[derive(Debug)]
pub struct Outcome {
    /// For people.
    pub line: String,
    /// Whether both sides have written the same.
    pub is_same: bool,
}

/// Java's side and ours.
const SIDES: [&str; 2] = ["java", "ours"];

impl Contest {
    /// What there is to compare in a case; `run` must be a name of its own.
    #[must_use]
    pub fn of(case: &Case, run: String) -> Option<Self> {
        if !case.steps.iter().any(keeps_rows) {
            return None;
        }
        let mut case = case.clone();
        for input in &mut case.inputs {
            if let Input::Record(record) = input
                && record.ts >= 0
            {
                record.ts += LATER_MS;
            }
        }
        Some(Self { part: for_instances(&case)?, run })
    }

    /// Whether each output is there once and in its place, as nothing changes its partition.
    #[must_use]
    pub fn keeps_partitions(&self) -> bool {
        self.part.sense == Sense::Records
    }

    /// The case as one side runs it: with names of its own for everything but the input.
    fn case_of(&self, side: &str) -> Case {
        let mut case = self.part.case.clone();
        // Java takes what begins with the application for a topic that it has made.
        case.application = format!("{}-app-of-{side}", self.run);
        let input = |topic: &String| format!("{}-{topic}", self.run);
        for step in &mut case.steps {
            match step {
                Step::Stream { topics: Some(topics), .. } => topics.iter_mut().for_each(|topic| *topic = input(topic)),
                Step::Table { topic, .. } => *topic = input(topic),
                Step::To { topic, .. } => *topic = self.output(side, topic),
                _ => {}
            }
        }
        for record in &mut case.inputs {
            if let Input::Record(record) = record {
                record.topic = input(&record.topic);
            }
        }
        case
    }

    fn output(&self, side: &str, topic: &str) -> String {
        format!("{}-{side}-{topic}", self.run)
    }

    /// As [`Contest::case_of`], with the records that close windows for input; `None` if there is nothing to close.
    fn closing_of(&self, side: &str) -> Option<Case> {
        if !self.part.is_closed_by_records() {
            return None;
        }
        let inputs = self.part.closing.iter().cloned().map(|mut record| {
            record.topic = format!("{}-{}", self.run, record.topic);
            Input::Record(record)
        });
        Some(Case { inputs: inputs.collect(), ..self.case_of(side) })
    }

    fn outcome(&self, answers: [&Result<Answer, String>; 2]) -> Outcome {
        let case = &self.part.case;
        let begin = format!("case {} ({}, {} steps): ", case.id, case.family, case.steps.len());
        let difference = |what: String| Outcome { line: format!("{begin}{what}\n{}", case.to_line()), is_same: false };
        let [java, ours] = match answers {
            [Ok(java), Ok(ours)] => [java, ours].map(|answer| self.compared(answer)),
            [Err(error), _] => return difference(format!("Kafka Streams fails: {error}")),
            [_, Err(error)] => return difference(format!("ours fails: {error}")),
        };
        let lines = |side: &BTreeMap<String, Vec<String>>| side.values().map(Vec::len).sum::<usize>();
        if let Some((topic, expected)) = java.iter().find(|(topic, lines)| ours.get(*topic) != Some(lines)) {
            let found = ours.get(topic).cloned().unwrap_or_default();
            let place = expected.iter().zip(&found).take_while(|(java, ours)| java == ours).count();
            let (java, ours) = (expected.get(place), found.get(place));
            return difference(format!("line {place} of {topic} is {java:?} in Kafka Streams and {ours:?} here"));
        }
        let rows = answers.iter().filter_map(|answer| answer.as_ref().ok()).map(Answer::rows).max().unwrap_or(0);
        let line =
            format!("{begin}{} topics, {rows} rows of final tables, {} lines are the same", java.len(), lines(&java));
        Outcome { line, is_same: java.len() == ours.len() }
    }

    /// What must be the same, by topic.
    fn compared(&self, answer: &Answer) -> BTreeMap<String, Vec<String>> {
        let mut compared = BTreeMap::new();
        for (topic, records) in &answer.records {
            let own = SIDES.iter().find_map(|side| topic.strip_prefix(&format!("{}-{side}-", self.run)));
            let own = own.unwrap_or(topic).to_owned();
            let table = || answer.tables.get(topic).cloned().unwrap_or_default();
            let lines = match &self.part.sense {
                Sense::Records => records.iter().cloned().chain(table()).collect(),
                Sense::TablesOf(tables) if !tables.contains(&own) => without_headers(records),
                Sense::Tables | Sense::TablesOf(_) => without_headers(&table()),
            };
            compared.insert(own, lines);
        }
        compared
    }
}

/// Runs all of them on both sides. Outcomes come in the same order.
///
/// # Errors
/// When there is no Java, or it does not answer.
pub fn run(command: &JavaCommand, servers: &str, contests: &[Contest]) -> Result<Vec<Outcome>, JavaError> {
    let java = Java::start(command)?;
    let first = contests.iter().map(|contest| Some(contest.case_of(SIDES[0])));
    let mut javas = ask(&java, first.collect(), Vec::new())?;
    let ours = contests.iter().map(|contest| Some(contest.case_of(SIDES[1])));
    let mut our_answers = run_ours(servers, ours.collect(), Vec::new());
    let closing = contests.iter().map(|contest| contest.closing_of(SIDES[0]));
    javas = ask(&java, closing.collect(), javas)?;
    let closing = contests.iter().map(|contest| contest.closing_of(SIDES[1]));
    our_answers = run_ours(servers, closing.collect(), our_answers);
    let outcomes = contests.iter().zip(javas.iter().zip(&our_answers));
    Ok(outcomes.map(|(contest, (java, ours))| contest.outcome([java, ours])).collect())
}

type Answers = Vec<Result<Answer, String>>;

/// Java's answers; those from `before` where there is no case.
fn ask(java: &Java, cases: Vec<Option<Case>>, before: Answers) -> Result<Answers, JavaError> {
    for case in cases.iter().flatten() {
        let mut json = case.to_json();
        json["partitions"] = Json::from(crate::properties::PARTITIONS);
        java.ask_line(json.to_string());
    }
    let mut before = before.into_iter();
    let answers = cases.iter().map(|case| {
        let before = before.next();
        match (case, before) {
            (None, Some(before)) => Ok(before),
            _ => Ok(answer::read(java.answer_json()?)),
        }
    });
    answers.collect()
}

/// As [`ask`], on our side. Our applications write no input.
fn run_ours(servers: &str, cases: Vec<Option<Case>>, before: Answers) -> Answers {
    let mut before = before.into_iter();
    let mut work: Vec<_> = cases.into_iter().map(|case| (case, before.next())).collect();
    let mut done = Vec::new();
    while !work.is_empty() {
        let chunk: Vec<_> = work.drain(..work.len().min(AT_ONCE)).collect();
        let answers = thread::scope(|scope| {
            let threads = chunk.into_iter().map(|(case, before)| {
                scope.spawn(move || match (case, before) {
                    (None, Some(before)) => before,
                    (Some(case), _) => ours::run(servers, &case),
                    (None, None) => Err("there is nothing to run".to_owned()),
                })
            });
            let threads: Vec<_> = threads.collect();
            let joined = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err("panicked".to_owned())));
            joined.collect::<Vec<_>>()
        });
        done.extend(answers);
    }
    done
}
