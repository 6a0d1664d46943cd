//! Looks up and changes topics, on a separate thread.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use streams_core::log::{
    Admin, CommittedOffset, Doorbell, GroupMemberInfo, Isolation, LogError, LogErrorKind, NewTopic, Reply, TopicInfo,
};
use streams_core::record::{Offset, Timestamp, TopicPartition};

use crate::admin_client::{AdminClient, Failure};
use crate::committer::committed_in_order;
use crate::errors::{Code, Right};
use crate::helper::Helper;
use crate::native::{Client, PartitionEntry, PartitionList, Place, TopicDescription};
use crate::settings::Kafka;

/// A request that has not been answered after this time has failed.
const TIMEOUT_MS: i32 = 15_000;
/// How long to wait until a topic that was created or deleted is visible or gone.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(15);
const SETTLE_INTERVAL: Duration = Duration::from_millis(10);
/// How long to wait for open transactions.
const STABLE_TIMEOUT: Duration = Duration::from_secs(60);
const STABLE_INTERVAL: Duration = Duration::from_millis(20);

/// How long a group may be without a coordinator until that is told.
const COORDINATOR_TIMEOUT: Duration = Duration::from_secs(5);

/// Looks up and changes topics and positions on Kafka.
pub(crate) struct KafkaAdmin {
    client: Arc<AdminClient>,
    helper: Helper,
}

impl KafkaAdmin {
    pub(crate) fn new(kafka: &Kafka, doorbell: &Doorbell) -> Result<Self, LogError> {
        let client = Arc::new(AdminClient::new(kafka)?);
        Ok(Self { client, helper: Helper::start("kafka-admin", doorbell)? })
    }

    fn ask<T: Send + 'static>(&self, job: impl FnOnce(&Client) -> T + Send + 'static) -> Reply<T> {
        let client = Arc::clone(&self.client);
        self.helper.ask(move || {
            let client = client.get();
            // Serves the client's own reports, so that they do not accumulate.
            client.poll();
            job(&client)
        })
    }
}

impl Admin for KafkaAdmin {
    fn topics(&self, names: Option<Vec<String>>) -> Reply<Result<Vec<TopicInfo>, LogError>> {
        self.ask(move |client| {
            let what = "looking up topics";
            let names = match names {
                Some(names) => names,
                None => client.topic_names(TIMEOUT_MS).map_err(|failure| error(what, failure))?,
            };
            let found = describe(client, &names).map_err(|failure| error(what, failure))?;
            let info = |name: &String| match found.get(name) {
                Some(Ok(topic)) => Some(Ok(TopicInfo {
                    name: name.clone(),
                    partitions: topic.partitions,
                    id: topic.id.clone(),
                    replicas: Some(topic.replicas),
                })),
                Some(Err((code, reason))) if code.kind() != LogErrorKind::UnknownTopic => {
                    Some(Err(denied(Right::Describe, &format!("topic `{name}`"), (*code, reason.clone()))))
                }
                _ => None,
            };
            names.iter().filter_map(info).collect()
        })
    }

    fn topic_configs(&self, name: &str) -> Reply<Result<Vec<(String, String)>, LogError>> {
        let name = name.to_owned();
        self.ask(move |client| {
            let what = format!("settings of topic `{name}`");
            let found = client.topic_configs(&name, TIMEOUT_MS);
            found.map_err(|failure| denied(Right::DescribeConfigs, &what, failure))
        })
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> Reply<Result<Vec<Result<(), LogError>>, LogError>> {
        self.ask(move |client| {
            if topics.is_empty() {
                return Ok(Vec::new());
            }
            let results = client.create_topics(&topics, TIMEOUT_MS);
            let results = by_name(results.map_err(|failure| error("creating topics", failure))?);
            let created = topics.iter().filter(|topic| matches!(results.get(&topic.name), Some(None)));
            let expected: Vec<_> = created.map(|topic| (topic.name.clone(), Some(topic.partitions))).collect();
            settle(client, &expected);
            Ok(topics.iter().map(|topic| one_result(Right::Create, "creating", &topic.name, &results)).collect())
        })
    }

    fn delete_topics(&self, names: Vec<String>) -> Reply<Result<Vec<Result<(), LogError>>, LogError>> {
        self.ask(move |client| {
            if names.is_empty() {
                return Ok(Vec::new());
            }
            let results = client.delete_topics(&names, TIMEOUT_MS);
            let results = by_name(results.map_err(|failure| error("deleting topics", failure))?);
            let deleted = names.iter().filter(|name| matches!(results.get(*name), Some(None)));
            let expected: Vec<_> = deleted.map(|name| (name.clone(), None)).collect();
            settle(client, &expected);
            Ok(names.iter().map(|name| one_result(Right::Delete, "deleting", name, &results)).collect())
        })
    }

    fn start_offsets(&self, partitions: Vec<TopicPartition>) -> Reply<Result<Vec<Offset>, LogError>> {
        self.ask(move |client| offsets(client, &partitions, Place::Start, Isolation::ReadUncommitted))
    }

    fn end_offsets(
        &self,
        partitions: Vec<TopicPartition>,
        isolation: Isolation,
    ) -> Reply<Result<Vec<Offset>, LogError>> {
        self.ask(move |client| offsets(client, &partitions, Place::End, isolation))
    }

    fn offsets_at(&self, partitions: Vec<TopicPartition>, time: Timestamp) -> Reply<Result<Vec<Offset>, LogError>> {
        self.ask(move |client| {
            // In this order: a record written in between is either found or comes after the end.
            let ends = offsets(client, &partitions, Place::End, Isolation::ReadUncommitted)?;
            let found = offsets(client, &partitions, Place::Time(time), Isolation::ReadUncommitted)?;
            Ok(found.into_iter().zip(ends).map(|(found, end)| if found.0 < 0 { end } else { found }).collect())
        })
    }

    fn delete_records(&self, before: Vec<(TopicPartition, Offset)>) -> Reply<Result<(), LogError>> {
        self.ask(move |client| {
            if before.is_empty() {
                return Ok(());
            }
            let mut list = PartitionList::new();
            for (partition, offset) in &before {
                list.add(partition, offset.0)?;
            }
            let what = "deleting records";
            let entries = client.delete_records(&list, TIMEOUT_MS).map_err(|failure| error(what, failure))?;
            refresh_leaders(client, &entries);
            let failed = entries.iter().find_map(|entry| Some((&entry.partition, entry.error?)));
            failed
                .map_or(Ok(()), |(partition, code)| Err(code.about_a(Right::Delete, format!("{what} of {partition}"))))
        })
    }

    fn committed(
        &self,
        group: &str,
        partitions: Vec<TopicPartition>,
    ) -> Reply<Result<Vec<Option<CommittedOffset>>, LogError>> {
        if partitions.is_empty() {
            return Reply::ready(Ok(Vec::new()));
        }
        let (client, group) = (Arc::clone(&self.client), group.to_owned());
        let what = format!("looking up positions of group `{group}`");
        let started = Instant::now();
        self.helper.ask_until(move || {
            let found = PartitionList::of(&partitions).and_then(|list| {
                let entries = client.ask_about_group(|client| client.group_offsets(&group, &list, TIMEOUT_MS));
                let entries = entries.map_err(|failure| error(&what, failure));
                committed_in_order(&partitions, &entries?, &what)
            });
            match found {
                Err(error) if error.is_transient() && started.elapsed() < STABLE_TIMEOUT => {
                    std::thread::sleep(STABLE_INTERVAL);
                    None
                }
                decided => Some(decided),
            }
        })
    }

    fn group_members(&self, group: &str) -> Reply<Result<Vec<GroupMemberInfo>, LogError>> {
        let (client, group) = (Arc::clone(&self.client), group.to_owned());
        let started = Instant::now();
        self.helper.ask_until(move || {
            match client.ask_about_group(|client| client.group_members(&group, TIMEOUT_MS)) {
                Ok(mut members) => {
                    members.sort_by(|left, right| left.member_id.cmp(&right.member_id));
                    Some(Ok(members))
                }
                Err((Code::GROUP_ID_NOT_FOUND, _)) => Some(Ok(Vec::new())),
                // A new cluster's first group: its coordinator is there in a moment, and nothing is wrong.
                Err((code, _)) if code.is_about_the_coordinator() && started.elapsed() < COORDINATOR_TIMEOUT => {
                    std::thread::sleep(STABLE_INTERVAL);
                    None
                }
                Err(failure) => Some(Err(error(&format!("looking up the members of group `{group}`"), failure))),
            }
        })
    }

    fn delete_group(&self, group: &str) -> Reply<Result<(), LogError>> {
        let (client, group) = (Arc::clone(&self.client), group.to_owned());
        let started = Instant::now();
        self.helper.ask_until(move || match client.ask_about_group(|client| client.delete_group(&group, TIMEOUT_MS)) {
            Ok(()) | Err((Code::GROUP_ID_NOT_FOUND, _)) => Some(Ok(())),
            Err((Code::NON_EMPTY_GROUP, _)) => {
                let message = format!("group `{group}` has members; stop them first");
                Some(Err(LogError::new(LogErrorKind::InUse, message)))
            }
            Err((code, _)) if code.is_about_the_coordinator() && started.elapsed() < COORDINATOR_TIMEOUT => {
                std::thread::sleep(STABLE_INTERVAL);
                None
            }
            Err(failure) => Some(Err(denied(Right::Delete, &format!("deleting group `{group}`"), failure))),
        })
    }
}

fn error(what: &str, failure: Failure) -> LogError {
    denied(Right::Describe, what, failure)
}

/// The error for a request that needs a right on a topic.
fn denied(right: Right, what: &str, (code, reason): Failure) -> LogError {
    // librdkafka's reasons for what a whole request was refused for end with nothing behind the colon, and others are the
    // code's own text.
    let reason = reason.trim_end().trim_end_matches(':').trim_end();
    let is_empty = reason.is_empty() || code.to_string().starts_with(reason);
    if is_empty { code.about_a(right, what) } else { code.about_a(right, format!("{what}: {reason}")) }
}

fn by_name(results: Vec<(String, Option<Failure>)>) -> HashMap<String, Option<Failure>> {
    results.into_iter().collect()
}

fn one_result(
    right: Right,
    doing: &str,
    name: &str,
    results: &HashMap<String, Option<Failure>>,
) -> Result<(), LogError> {
    let what = format!("{doing} topic `{name}`");
    match results.get(name) {
        Some(None) => Ok(()),
        Some(Some(failure)) => Err(denied(right, &what, failure.clone())),
        None => Err(LogError::new(LogErrorKind::Other, format!("{what}: no answer"))),
    }
}

type Descriptions = HashMap<String, Result<TopicDescription, Failure>>;

fn describe(client: &Client, names: &[String]) -> Result<Descriptions, Failure> {
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(client.describe_topics(names, TIMEOUT_MS)?.into_iter().collect())
}

/// Waits until the brokers show a change, because they answer before all of them know it. `None` means that the topic
/// should be gone.
fn settle(client: &Client, expected: &[(String, Option<u32>)]) {
    let names: Vec<_> = expected.iter().map(|(name, _)| name.clone()).collect();
    let started = Instant::now();
    while started.elapsed() < SETTLE_TIMEOUT {
        let found = describe(client, &names).unwrap_or_default();
        let is_settled = expected.iter().all(|(name, partitions)| match (found.get(name), partitions) {
            (Some(Ok(topic)), Some(partitions)) => topic.partitions == *partitions && topic.has_all_leaders,
            (Some(Err((code, _))), None) => code.kind() == LogErrorKind::UnknownTopic,
            (None, None) => true,
            _ => false,
        });
        if is_settled {
            return;
        }
        std::thread::sleep(SETTLE_INTERVAL);
    }
}

fn offsets(
    client: &Client,
    partitions: &[TopicPartition],
    place: Place,
    isolation: Isolation,
) -> Result<Vec<Offset>, LogError> {
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let what = match place {
        Place::Start => "looking up the start of",
        Place::End => "looking up the end of",
        Place::Time(_) => "looking up a time in",
    };
    let ask = || {
        let found = client.list_offsets(partitions, place, isolation, TIMEOUT_MS);
        found.map_err(|failure| no_offsets(client, partitions, what, failure))
    };
    let mut found = ask()?;
    if refresh_leaders(client, &found) {
        found = ask()?;
    }
    let is_time = matches!(place, Place::Time(_));
    let found: HashMap<_, _> = found.into_iter().map(|entry| (entry.partition.clone(), entry)).collect();
    let offset = |partition: &TopicPartition| match found.get(partition) {
        Some(PartitionEntry { error: Some(code), .. }) => {
            Err(code.about_a(Right::Describe, format!("{what} {partition}")))
        }
        Some(PartitionEntry { offset: Some(offset), .. }) if *offset >= 0 || is_time => Ok(Offset(*offset)),
        _ => Err(LogError::new(LogErrorKind::Other, format!("{what} {partition}: no answer"))),
    };
    partitions.iter().map(offset).collect()
}

/// Looks up the leaders if a broker was asked that does not lead a partition any more. Returns whether it did. librdkafka
/// itself repeats the question to the same broker with the same leader epoch, for minutes.
fn refresh_leaders(client: &Client, answers: &[PartitionEntry]) -> bool {
    let is_stale = answers.iter().filter_map(|entry| entry.error).any(Code::is_about_an_old_leader);
    // If that fails, repeating the question shows what is wrong.
    is_stale && client.topic_names(TIMEOUT_MS).is_ok()
}

/// Why there are no offsets. librdkafka does not distinguish missing topics from missing leaders.
fn no_offsets(client: &Client, partitions: &[TopicPartition], what: &str, failure: Failure) -> LogError {
    let subject = partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if failure.0 != Code::NO_ENTRY {
        return error(&format!("{what} {subject}"), failure);
    }
    let mut names: Vec<_> = partitions.iter().map(|partition| partition.topic.to_string()).collect();
    names.sort_unstable();
    names.dedup();
    let found = describe(client, &names).unwrap_or_default();
    let is_missing = |partition: &&TopicPartition| match found.get(&*partition.topic) {
        Some(Ok(topic)) => u32::try_from(partition.partition.0).is_ok_and(|number| number >= topic.partitions),
        Some(Err((code, _))) => code.kind() == LogErrorKind::UnknownTopic,
        None => false,
    };
    match partitions.iter().find(is_missing) {
        Some(partition) => Code::UNKNOWN_TOPIC_OR_PARTITION.about(format!("{what} {partition}")),
        None => LogError::new(LogErrorKind::Unavailable, format!("{what} {subject}: no leader; try again")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_says_nothing_leaves_no_colon() {
        let said = |reason: &str| error("looking up", (Code::TRANSPORT, reason.to_owned())).to_string();
        let bare = said("");
        assert!(bare.starts_with("looking up: ") && !bare.contains(": :"), "{bare}");
        for (reason, expected) in [
            ("ConsumerGroupDescribe: ", bare.replacen("looking up", "looking up: ConsumerGroupDescribe", 1)),
            (" : ", bare.clone()),
            ("Local: Broker transport failure", bare.clone()),
            ("no broker", bare.replacen("looking up", "looking up: no broker", 1)),
        ] {
            assert_eq!(said(reason), expected);
        }
    }
}
