//! Our side on a real broker: an application of two workers that runs until it has committed all that there is to read.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use millstream::client::Client;
use millstream::kafka::Kafka;
use millstream::log::{Admin, Doorbell, Isolation, Log as _, LogError, Reply};
use millstream::record::TopicPartition;
use millstream::runtime::{App, AppState, Running};
use millstream::topic::{Topic, TopicRef};
use millstream::topology::{InternalTopicKind, NodeKind, Topology};

use super::answer::Answer;
use crate::case::Case;
use crate::interpret;
use crate::properties::PARTITIONS;
use crate::seen::Seen;

/// How long an application may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

type Output = Topic<Option<Bytes>, Option<Bytes>>;

/// Runs a case whose input is on the broker.
pub(super) fn run(servers: &str, case: &Case) -> Result<Answer, String> {
    let topology = interpret::topology(case, &Seen::default()).map_err(|problem| problem.to_string())?;
    let kafka = Kafka::at(servers);
    let admin = kafka.admin(Doorbell::new()).map_err(text)?;
    let client = Client::new(kafka.clone()).map_err(text)?;
    let (sources, sinks) = topics(&topology, &case.application);
    for sink in &sinks {
        if answer(admin.topics(Some(vec![sink.clone()])))?.is_empty() {
            client.create_topic(&Output::named(sink).map_err(text)?).partitions(PARTITIONS).create().map_err(text)?;
        }
    }
    let app = App::new(&*case.application, topology).at_least_once().workers(2).quiet();
    let app = app.commit_interval(Duration::from_millis(100)).cache_bytes(usize::try_from(case.cache).unwrap_or(0));
    let running = app.start(kafka).map_err(text)?;
    let finished = until_committed(&running, &*admin, &sources, &case.application);
    running.close().map_err(text)?;
    finished?;
    let mut answer = Answer::default();
    for sink in &sinks {
        answer.add(sink, &client.read(&Output::named(sink).map_err(text)?).map_err(text)?);
    }
    Ok(answer)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Waits for the log's answer.
fn answer<T>(reply: Reply<Result<T, LogError>>) -> Result<T, String> {
    reply.wait().ok_or("the log does not answer")?.map_err(text)
}

/// What it reads, repartition topics included, and the topics of its own that it writes to.
fn topics(topology: &Topology, application: &str) -> (Vec<String>, Vec<String>) {
    let (mut sources, mut sinks) = (Vec::new(), Vec::new());
    for node in &topology.graph().nodes {
        match &node.kind {
            NodeKind::Source { topics, .. } => {
                sources.extend(topics.iter().map(|topic| topic.full_name(application).to_string()));
            }
            NodeKind::Sink { topic: topic @ TopicRef::External(_) } => {
                sinks.push(topic.full_name(application).to_string());
            }
            _ => {}
        }
    }
    let repartitions = topology.internal_topics().iter();
    let repartitions = repartitions.filter(|topic| matches!(topic.kind, InternalTopicKind::Repartition { .. }));
    sources.extend(repartitions.map(|topic| format!("{application}-{}", topic.name)));
    for topics in [&mut sources, &mut sinks] {
        topics.sort_unstable();
        topics.dedup();
    }
    (sources, sinks)
}

/// Returns once everything is committed and nothing has come since the last look.
fn until_committed(running: &Running, admin: &dyn Admin, sources: &[String], group: &str) -> Result<(), String> {
    let began = Instant::now();
    let mut last = None;
    while began.elapsed() < PATIENCE {
        thread::sleep(LOOK_EVERY);
        if let Some(error) = running.error() {
            return Err(error.to_string());
        }
        if running.state() == AppState::Running {
            let ends = ends_if_committed(admin, sources, group)?;
            if ends.is_some() && ends == last {
                return Ok(());
            }
            last = ends;
        }
    }
    Err(format!("not done after {PATIENCE:?}, in state {:?}", running.state()))
}

/// The ends of all that has records; `None` if they are not committed.
fn ends_if_committed(
    admin: &dyn Admin,
    sources: &[String],
    group: &str,
) -> Result<Option<BTreeMap<TopicPartition, i64>>, String> {
    let infos = answer(admin.topics(Some(sources.to_vec())))?;
    let partitions: Vec<_> = infos.iter().flat_map(partitions_of).collect();
    let ends = answer(admin.end_offsets(partitions.clone(), Isolation::ReadUncommitted))?;
    let positions = answer(admin.committed(group, partitions.clone()))?;
    let mut found = BTreeMap::new();
    for ((partition, end), position) in partitions.into_iter().zip(ends).zip(positions) {
        if end.0 > position.map_or(0, |position| position.offset.0) {
            return Ok(None);
        }
        found.insert(partition, end.0);
    }
    Ok(Some(found))
}

fn partitions_of(topic: &millstream::log::TopicInfo) -> Vec<TopicPartition> {
    let numbers = 0..i32::try_from(topic.partitions).unwrap_or(0);
    numbers.map(|partition| TopicPartition::new(topic.name.as_str(), partition)).collect()
}
