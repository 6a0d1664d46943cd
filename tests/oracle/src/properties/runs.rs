//! Runs a case as in production: on an embedded log, exactly-once, with whatever happens between its records.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use millstream::record::{Header, Headers, Record, Timestamp};
use millstream::testing::TestDriver;
use millstream::topic::{Topic, TopicRef};
use millstream::topology::{NodeKind, Topology};

use super::suitable::Part;
use crate::answer::escaped;
use crate::case::{Case, Input, InputRecord};
use crate::step::Step;
use crate::text::Text;

/// How a case is run.
#[derive(Debug)]
pub(super) struct Way {
    /// Of every topic.
    pub(super) partitions: u32,
    /// The size of all caches.
    pub(super) cache_bytes: usize,
    /// What happens after each record, over and over again.
    pub(super) after: Vec<After>,
}

/// What happens after a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// It waits for the next one.
    More,
    /// It is processed.
    Nothing,
    /// It is processed, and that is committed.
    Commit,
    /// It is processed, and the application stops and starts again.
    Stop,
    /// It is processed, and the application crashes and starts again.
    Kill,
    /// It is processed, and a second instance starts, if there is none, or else stops.
    JoinOrLeave,
    /// It is processed, and the second instance crashes, if there is one.
    KillSecond,
}

/// What was sent to each of the application's output topics, partition by partition.
pub(super) type Outputs = BTreeMap<String, Vec<Sent>>;

/// A record that was sent.
#[derive(Debug, Clone)]
pub(super) struct Sent(Record<Option<Bytes>, Option<Bytes>>);

impl Sent {
    pub(super) fn key(&self) -> String {
        escaped(self.0.key.as_deref())
    }

    pub(super) fn value(&self) -> Option<String> {
        self.0.value.as_deref().map(|value| escaped(Some(value)))
    }

    /// All of it.
    pub(super) fn line(&self) -> String {
        let headers =
            self.0.headers.iter().map(|header| format!(" {}={}", header.name, escaped(header.value.as_deref())));
        let headers: String = headers.collect();
        format!("{}{headers}", self.line_without_headers())
    }

    /// All but the headers.
    pub(super) fn line_without_headers(&self) -> String {
        let value = escaped(self.0.value.as_deref());
        format!("{} {value} {}", self.key(), self.0.timestamp.0)
    }
}

/// Runs a case. An application that fails is an error.
pub(super) fn outputs(part: &Part, way: &Way) -> Result<Outputs, String> {
    // The driver is made for tests, and says so if the application fails.
    let ran = catch_unwind(AssertUnwindSafe(|| run(part, way)));
    ran.unwrap_or_else(|panic| Err(panic.downcast_ref::<String>().cloned().unwrap_or_default()))
}

fn run(Part { case, topology, closing, .. }: &Part, way: &Way) -> Result<Outputs, String> {
    let cache_bytes = way.cache_bytes;
    let setup = TestDriver::configure(topology.clone()).commit_by_hand().partitions(way.partitions);
    let mut driver = setup.with(move |app| app.cache_bytes(cache_bytes).exactly_once()).start();
    let mut after = way.after.iter().cycle();
    let mut has_second = false;
    for input in &case.inputs {
        let Input::Record(record) = input else { continue };
        let after = after.next().copied().unwrap_or(After::Commit);
        send(&mut driver, record, after == After::More)?;
        match after {
            After::More | After::Nothing => {}
            After::Commit => driver.commit(),
            After::Stop => {
                driver.stop();
                driver.restart();
            }
            After::Kill => driver.restart(),
            After::JoinOrLeave if has_second => {
                driver.stop_another();
                has_second = false;
            }
            After::JoinOrLeave => {
                driver.start_another();
                has_second = true;
            }
            After::KillSecond => {
                driver.kill_another();
                has_second = false;
            }
        }
    }
    let settle = |driver: &mut TestDriver| {
        for _ in 0..commits(case) {
            driver.run();
            driver.commit();
        }
    };
    settle(&mut driver);
    for record in closing {
        send(&mut driver, record, false)?;
    }
    settle(&mut driver);
    sinks(topology).into_iter().map(|topic| Ok((topic.to_owned(), read(&mut driver, topic)?))).collect()
}

/// After how many commits nothing is under way any more: a row asks over a foreign key, is answered, and may ask again.
fn commits(case: &Case) -> usize {
    1 + 2 * case.steps.iter().filter(|step| matches!(step, Step::FkJoin { .. })).count()
}

fn send(driver: &mut TestDriver, record: &InputRecord, waits: bool) -> Result<(), String> {
    let topic = Topic::<Option<Text>, Option<Text>>::named(&*record.topic).map_err(|error| error.to_string())?;
    let text = |text: &Option<String>| text.as_deref().map(Text::from);
    let (key, value, timestamp) = (text(&record.key), text(&record.value), Timestamp(record.ts));
    let header = |(name, value): &(String, Option<String>)| Header {
        name: name.clone(),
        value: value.as_ref().map(|value| Bytes::copy_from_slice(value.as_bytes())),
    };
    let headers: Headers = record.headers.iter().map(header).collect();
    if waits && headers.is_empty() {
        return driver.log().send_at(&topic, key, value, timestamp).map(drop).map_err(|error| error.to_string());
    }
    driver.pipe_record(&topic, Record { key, value, timestamp, headers });
    Ok(())
}

/// The application's own output topics.
fn sinks(topology: &Topology) -> Vec<&str> {
    let topics = topology.graph().nodes.iter().filter_map(|node| match &node.kind {
        NodeKind::Sink { topic: TopicRef::External(topic) } => Some(&**topic),
        _ => None,
    });
    topics.collect()
}

fn read(driver: &mut TestDriver, topic: &str) -> Result<Vec<Sent>, String> {
    let topic = Topic::<Option<Bytes>, Option<Bytes>>::named(topic).map_err(|error| error.to_string())?;
    Ok(driver.read_records(&topic).into_iter().map(Sent).collect())
}
