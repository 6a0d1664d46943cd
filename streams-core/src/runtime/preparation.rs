//! Before an application joins its group: its topics are looked up, checked and, if internal, created.
//!
//! A state machine that is advanced by [`Preparation::poll`]; a log that cannot be reached is asked again
//! until it can, however long that takes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::plan::{ExternalTopics, Plan, external_topics};
use super::{AppError, CreateInternalTopics, Settings};
use crate::log::{Admin, CommittedOffset, LogError, LogErrorKind, NewTopic, Reply, TopicInfo};
use crate::record::TopicPartition;
use crate::topic::TopicRef;
use crate::topology::{InternalTopicKind, Subtopology, Topology};

/// How long to wait before asking a log again that could not be reached.
const RETRY_AFTER: Duration = Duration::from_millis(200);

type Topics = Reply<Result<Vec<TopicInfo>, LogError>>;
type Created = Reply<Result<Vec<Result<(), LogError>>, LogError>>;
type Committed = Reply<Result<Vec<Option<CommittedOffset>>, LogError>>;

/// Looks up, checks and creates topics, step by step.
pub(crate) struct Preparation {
    application_id: Arc<str>,
    topology: Arc<Topology>,
    settings: Arc<Settings>,
    admin: Arc<dyn Admin>,
    creates_outputs: bool,
    external: ExternalTopics,
    step: Step,
    retry_at: Option<Duration>,
    created: bool,
    looked_again: bool,
    warned: bool,
}

enum Step {
    LookUpExternal(Option<Topics>),
    CreateOutputs(Vec<NewTopic>, Option<Created>),
    LookUpInternal(Plan, Option<Topics>),
    AskWhetherRunBefore {
        plan: Plan,
        missing: Vec<NewTopic>,
        partitions: Vec<TopicPartition>,
        reply: Option<Committed>,
    },
    Create {
        plan: Plan,
        missing: Vec<NewTopic>,
        reply: Option<Created>,
    },
    Done,
}

impl Preparation {
    pub(crate) fn new(
        application_id: Arc<str>,
        topology: Arc<Topology>,
        settings: Arc<Settings>,
        admin: Arc<dyn Admin>,
        creates_outputs: bool,
    ) -> Self {
        let external = external_topics(&topology);
        Self {
            application_id,
            topology,
            settings,
            admin,
            creates_outputs,
            external,
            step: Step::LookUpExternal(None),
            retry_at: None,
            created: false,
            looked_again: false,
            warned: false,
        }
    }

    /// Goes on as far as possible; the plan once everything is there.
    pub(crate) fn poll(&mut self, now: Duration) -> Poll<Result<Plan, AppError>> {
        if self.retry_at.is_some_and(|at| now < at) {
            return Poll::Pending;
        }
        self.retry_at = None;
        loop {
            match std::mem::replace(&mut self.step, Step::Done) {
                Step::LookUpExternal(reply) => {
                    let mut reply = reply.unwrap_or_else(|| {
                        let names =
                            self.external.sources.union(&self.external.sinks).map(ToString::to_string).collect();
                        self.admin.topics(Some(names))
                    });
                    match reply.poll() {
                        Poll::Pending => return self.wait(Step::LookUpExternal(Some(reply))),
                        Poll::Ready(Some(Ok(found))) => match self.check_external(&found) {
                            Ok(step) => self.step = step,
                            Err(error) => return Poll::Ready(Err(error)),
                        },
                        Poll::Ready(other) => {
                            return self.retry(
                                now,
                                Step::LookUpExternal(None),
                                "looking up the topics",
                                other.map(|result| result.err()),
                            );
                        }
                    }
                }
                Step::CreateOutputs(topics, reply) => {
                    let mut reply = reply.unwrap_or_else(|| self.admin.create_topics(topics.clone()));
                    match reply.poll() {
                        Poll::Pending => return self.wait(Step::CreateOutputs(topics, Some(reply))),
                        Poll::Ready(Some(Ok(_))) => {
                            self.creates_outputs = false;
                            self.step = Step::LookUpExternal(None);
                        }
                        Poll::Ready(other) => {
                            return self.retry(
                                now,
                                Step::LookUpExternal(None),
                                "creating output topics",
                                other.map(|result| result.err()),
                            );
                        }
                    }
                }
                Step::LookUpInternal(mut plan, reply) => {
                    let wanted = plan.internal_topics(self.settings.replication, &self.settings.topic_configs);
                    let mut reply = reply.unwrap_or_else(|| {
                        self.admin.topics(Some(wanted.iter().map(|topic| topic.name.clone()).collect()))
                    });
                    match reply.poll() {
                        Poll::Pending => return self.wait(Step::LookUpInternal(plan, Some(reply))),
                        Poll::Ready(Some(Ok(found))) => match missing_topics(wanted, &found) {
                            Ok(missing) if missing.is_empty() => {
                                plan.note_ids(&found);
                                return Poll::Ready(Ok(plan));
                            }
                            // What was created takes a moment to be known everywhere.
                            Ok(_) if std::mem::take(&mut self.created) => {
                                self.step = Step::LookUpInternal(plan, None);
                                self.retry_at = Some(now + RETRY_AFTER);
                                return Poll::Pending;
                            }
                            Ok(missing) if self.settings.create_internal_topics == CreateInternalTopics::Always => {
                                let names = missing.iter().map(|topic| &*topic.name).collect::<Vec<_>>();
                                tracing::warn!(topics = ?names, "created because `internal.topics.create` is `always`");
                                self.step = Step::Create { plan, missing, reply: None };
                            }
                            Ok(missing) => self.step = Self::before_creating(plan, missing),
                            Err(error) => return Poll::Ready(Err(error)),
                        },
                        Poll::Ready(other) => {
                            return self.retry(
                                now,
                                Step::LookUpInternal(plan, None),
                                "looking up internal topics",
                                other.map(|result| result.err()),
                            );
                        }
                    }
                }
                Step::AskWhetherRunBefore { plan, missing, partitions, reply } => {
                    let mut reply =
                        reply.unwrap_or_else(|| self.admin.committed(&self.application_id, partitions.clone()));
                    match reply.poll() {
                        Poll::Pending => {
                            return self.wait(Step::AskWhetherRunBefore {
                                plan,
                                missing,
                                partitions,
                                reply: Some(reply),
                            });
                        }
                        Poll::Ready(Some(Ok(committed))) => {
                            if let Some(gone) = gone_topic(&plan, &missing, &partitions, &committed) {
                                if std::mem::replace(&mut self.looked_again, true) {
                                    return Poll::Ready(Err(AppError::InternalTopicGone { topic: gone }));
                                }
                                // Perhaps another instance created it since we looked, and has committed already.
                                self.step = Step::LookUpInternal(plan, None);
                                self.retry_at = Some(now + RETRY_AFTER);
                                return Poll::Pending;
                            }
                            self.step = Step::Create { plan, missing, reply: None };
                        }
                        Poll::Ready(other) => {
                            let step = Step::AskWhetherRunBefore { plan, missing, partitions, reply: None };
                            return self.retry(
                                now,
                                step,
                                "looking up the group's positions",
                                other.map(|result| result.err()),
                            );
                        }
                    }
                }
                Step::Create { plan, missing, reply } => {
                    let mut reply = reply.unwrap_or_else(|| self.admin.create_topics(missing.clone()));
                    match reply.poll() {
                        Poll::Pending => return self.wait(Step::Create { plan, missing, reply: Some(reply) }),
                        Poll::Ready(Some(Ok(answers))) => {
                            for (topic, answer) in missing.iter().zip(answers) {
                                match answer {
                                    Ok(()) => {
                                        tracing::info!(topic = %topic.name, partitions = topic.partitions, "internal topic created")
                                    }
                                    // Another instance was quicker; the next look checks what it made.
                                    Err(error) if error.kind == LogErrorKind::TopicExists => {}
                                    Err(error) if error.is_transient() => {}
                                    Err(error) => {
                                        return Poll::Ready(Err(AppError::log(
                                            format!("creating internal topic {}", topic.name),
                                            error,
                                        )));
                                    }
                                }
                            }
                            self.created = true;
                            self.step = Step::LookUpInternal(plan, None);
                        }
                        Poll::Ready(other) => {
                            let step = Step::Create { plan, missing, reply: None };
                            return self.retry(now, step, "creating internal topics", other.map(|result| result.err()));
                        }
                    }
                }
                Step::Done => return Poll::Pending,
            }
        }
    }

    /// When [`Preparation::poll`] wants to be called again although nobody rings.
    pub(crate) const fn retry_at(&self) -> Option<Duration> {
        self.retry_at
    }

    fn wait<T>(&mut self, step: Step) -> Poll<T> {
        self.step = step;
        Poll::Pending
    }

    /// Goes back to `step` later if the error is transient.
    fn retry<T>(
        &mut self,
        now: Duration,
        step: Step,
        doing: &str,
        error: Option<Option<LogError>>,
    ) -> Poll<Result<T, AppError>> {
        let error =
            error.flatten().unwrap_or_else(|| LogError::new(LogErrorKind::Unavailable, "the log gave no answer"));
        if !error.is_transient() {
            return Poll::Ready(Err(AppError::log(doing, error)));
        }
        if !std::mem::replace(&mut self.warned, true) {
            tracing::warn!(doing, %error, "the log cannot be reached; trying again until it can");
        }
        self.step = step;
        self.retry_at = Some(now + RETRY_AFTER);
        Poll::Pending
    }

    fn check_external(&self, found: &[TopicInfo]) -> Result<Step, AppError> {
        let counts: BTreeMap<Arc<str>, u32> =
            found.iter().map(|topic| (Arc::from(topic.name.as_str()), topic.partitions)).collect();
        let missing = |wanted: &BTreeSet<Arc<str>>| -> Vec<String> {
            wanted.iter().filter(|name| !counts.contains_key(*name)).map(ToString::to_string).collect()
        };
        let inputs = missing(&self.external.sources);
        if !inputs.is_empty() {
            return Err(AppError::MissingTopics { topics: inputs });
        }
        let outputs = missing(&self.external.sinks);
        if outputs.is_empty() {
            let mut plan = Plan::new(Arc::clone(&self.application_id), Arc::clone(&self.topology), &counts)?;
            plan.note_ids(found);
            return Ok(Step::LookUpInternal(plan, None));
        }
        if !self.creates_outputs {
            return Err(AppError::MissingTopics { topics: outputs });
        }
        let partitions = self.external.sources.iter().filter_map(|input| counts.get(input)).max().copied().unwrap_or(1);
        let topics = outputs
            .into_iter()
            .map(|name| NewTopic { name, partitions, replication: None, configs: Vec::new() })
            .collect();
        Ok(Step::CreateOutputs(topics, None))
    }

    /// Before internal topics are created, asks whether the application has run before.
    fn before_creating(plan: Plan, missing: Vec<NewTopic>) -> Step {
        // Topics of one sub-topology share its inputs; Kafka refuses a question that names one twice.
        let partitions: BTreeSet<_> = inputs_of(&plan, &missing).into_iter().map(|(_, partition)| partition).collect();
        let partitions = Vec::from_iter(partitions);
        if partitions.is_empty() {
            return Step::Create { plan, missing, reply: None };
        }
        Step::AskWhetherRunBefore { plan, missing, partitions, reply: None }
    }
}

/// The topics that do not exist yet; an error if one exists with another partition count.
fn missing_topics(wanted: Vec<NewTopic>, found: &[TopicInfo]) -> Result<Vec<NewTopic>, AppError> {
    let found: BTreeMap<&str, u32> = found.iter().map(|topic| (topic.name.as_str(), topic.partitions)).collect();
    let mut missing = Vec::new();
    for topic in wanted {
        match found.get(topic.name.as_str()) {
            None => missing.push(topic),
            Some(count) if *count == topic.partitions => {}
            Some(count) => {
                return Err(AppError::InternalTopicPartitions {
                    topic: topic.name,
                    found: *count,
                    needed: topic.partitions,
                });
            }
        }
    }
    Ok(missing)
}

/// For each missing topic, the input partitions of the tasks that write it: a position there means that it
/// has been written. (The positions in a repartition topic itself go with the topic.)
fn inputs_of(plan: &Plan, missing: &[NewTopic]) -> Vec<(String, TopicPartition)> {
    let mut inputs = Vec::new();
    for topic in &plan.topology.internal_topics {
        let reference = TopicRef::Internal(Arc::clone(&topic.name));
        let name = reference.full_name(&plan.application_id);
        if !missing.iter().any(|missing| *missing.name == *name) {
            continue;
        }
        let writes = |sub: &&Subtopology| match topic.kind {
            InternalTopicKind::Changelog { store } => sub.stores.contains(&store),
            InternalTopicKind::Repartition { .. } => sub.sinks.contains(&reference),
        };
        for source in plan.topology.subtopologies.iter().filter(writes).flat_map(|sub| &sub.sources) {
            let source = source.full_name(&plan.application_id);
            let count = plan.partitions.get(&source).copied().unwrap_or(0);
            inputs.extend((0..count).map(|partition| {
                let partition = i32::try_from(partition).unwrap_or(i32::MAX);
                (name.to_string(), TopicPartition::new(Arc::clone(&source), partition))
            }));
        }
    }
    inputs
}

/// An internal topic that is missing although the tasks that write it have committed before.
fn gone_topic(
    plan: &Plan,
    missing: &[NewTopic],
    asked: &[TopicPartition],
    committed: &[Option<CommittedOffset>],
) -> Option<String> {
    let has_run: BTreeSet<&TopicPartition> = asked
        .iter()
        .zip(committed)
        .filter(|(_, committed)| committed.is_some())
        .map(|(partition, _)| partition)
        .collect();
    inputs_of(plan, missing).into_iter().find(|(_, partition)| has_run.contains(partition)).map(|(topic, _)| topic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::StreamsBuilder;
    use crate::topic::Topic;

    const LINES: Topic<String, String> = Topic::new("lines");

    /// Kafka answers "Duplicate partitions not allowed", and the application failed at its first start.
    #[test]
    fn stores_that_share_their_input_ask_for_its_positions_once() {
        let builder = StreamsBuilder::new();
        let lines = builder.stream(LINES).group_by_key();
        lines.count();
        lines.reduce(|_, line| line);
        let topology = Arc::new(builder.build().expect("a topology"));
        let plan = Plan::new("app".into(), topology, &[("lines".into(), 2)].into()).expect("a plan");
        let missing = plan.internal_topics(None, &[]);
        assert_eq!(missing.len(), 2, "a changelog each: {missing:?}");
        let Step::AskWhetherRunBefore { partitions, .. } = Preparation::before_creating(plan, missing) else {
            panic!("somebody may have committed");
        };
        assert_eq!(partitions, [TopicPartition::new("lines", 0), TopicPartition::new("lines", 1)]);
    }
}
