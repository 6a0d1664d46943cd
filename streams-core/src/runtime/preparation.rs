//! What happens before an application joins its group: it looks at the group's members, looks up and checks its
//! topics, and creates missing internal ones.
//!
//! This is a state machine, advanced by [`Preparation::poll`]. A log that cannot be reached is retried for as long as
//! it takes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::fellows::Identity;
use super::gone_topics::{gone_topics, inputs_of};
use super::internal_topics::check_settings;
use super::matching::{MatchedTopics, patterns};
use super::outage::Outage;
use super::plan::{ExternalTopics, Plan, external_topics};
use super::renamed::renamed_topics;
use super::retry::Retry;
use super::voice::PEOPLE;
use super::{AppError, CreateInternalTopics, OnChangelogLoss, Settings};
use crate::log::{Admin, CommittedOffset, GroupMemberInfo, Log, LogError, LogErrorKind, NewTopic, Reply, TopicInfo};
use crate::record::TopicPartition;
use crate::topic::TopicRef;
use crate::topology::Topology;

/// How long to wait before retrying a log that could not be reached.
const RETRY_AFTER: Duration = Duration::from_millis(200);

type MembersReply = Reply<Result<Vec<GroupMemberInfo>, LogError>>;
type TopicsReply = Reply<Result<Vec<TopicInfo>, LogError>>;
type CreatedReply = Reply<Result<Vec<Result<(), LogError>>, LogError>>;
type SettingsReply = Reply<Result<Vec<(String, String)>, LogError>>;
type CommittedReply = Reply<Result<Vec<Option<CommittedOffset>>, LogError>>;

/// Looks up, checks and creates topics, step by step.
pub(crate) struct Preparation {
    application_id: Arc<str>,
    identity: Arc<Identity>,
    topology: Arc<Topology>,
    settings: Arc<Settings>,
    admin: Arc<dyn Admin>,
    creates_outputs: bool,
    external: ExternalTopics,
    /// How often to look again as long as no topic matches.
    interval: Duration,
    waits_for_topics: bool,
    step: Stage,
    retry: Retry,
    created: bool,
    looked_again: bool,
    now: Duration,
    /// Since when there is no answer.
    asked_at: Option<Duration>,
    outage: Outage,
}

enum Stage {
    LookAtGroup(Option<MembersReply>),
    LookUpExternal(Option<TopicsReply>),
    CreateOutputs(Vec<NewTopic>, Option<CreatedReply>),
    LookUpInternal(Plan, Option<TopicsReply>),
    AskWhetherRunBefore {
        plan: Plan,
        missing: Vec<NewTopic>,
        partitions: Vec<TopicPartition>,
        reply: Option<CommittedReply>,
    },
    /// An internal topic is gone: has it another name?
    LookForOldNames {
        plan: Plan,
        gone: Vec<String>,
        missing: Vec<NewTopic>,
        reply: Option<TopicsReply>,
    },
    Create {
        plan: Plan,
        missing: Vec<NewTopic>,
        reply: Option<CreatedReply>,
    },
    CheckSettings {
        plan: Plan,
        unchecked: Vec<NewTopic>,
        reply: Option<SettingsReply>,
    },
    Done,
}

/// The result of a step.
enum StepResult {
    /// Take this step next, without waiting.
    Step(Stage),
    /// Take this step when its answer has arrived.
    Wait(Stage),
    /// Take this step after a pause.
    Later(Stage),
    /// All topics are ready.
    Ready(Plan),
}

/// The log's answer to a request.
enum Answer<T> {
    OnItsWay,
    AskAgain,
    Here(T),
}

impl Preparation {
    pub(crate) fn new(
        application_id: Arc<str>,
        identity: Arc<Identity>,
        topology: Arc<Topology>,
        settings: Arc<Settings>,
        admin: Arc<dyn Admin>,
        log: &dyn Log,
    ) -> Self {
        let mut external = external_topics(&topology);
        // Dead letters go to a topic like any other output.
        external.sinks.extend(settings.errors.dead_letter_topic.as_deref().map(Arc::from));
        let settings_interval = settings.topic_interval(log);
        Self {
            application_id,
            identity,
            topology,
            settings,
            admin,
            creates_outputs: log.creates_output_topics(),
            external,
            interval: settings_interval,
            waits_for_topics: false,
            step: Stage::LookAtGroup(None),
            retry: Retry::after(RETRY_AFTER),
            created: false,
            looked_again: false,
            now: Duration::ZERO,
            asked_at: None,
            outage: Outage::of(log.describe()),
        }
    }

    /// Advances as far as possible. Returns the plan once all topics are ready.
    pub(crate) fn poll(&mut self, now: Duration) -> Poll<Result<Plan, AppError>> {
        if self.retry.is_pausing(now) {
            return Poll::Pending;
        }
        self.now = now;
        loop {
            let step = std::mem::replace(&mut self.step, Stage::Done);
            match self.advance(step) {
                Ok(StepResult::Step(step)) => self.step = step,
                Ok(StepResult::Wait(step)) => {
                    self.step = step;
                    return Poll::Pending;
                }
                Ok(StepResult::Later(step)) => {
                    self.step = step;
                    self.retry.pause(now);
                    return Poll::Pending;
                }
                Ok(StepResult::Ready(plan)) => return Poll::Ready(Ok(plan)),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// When [`Preparation::poll`] has to be called again even if the doorbell does not ring.
    pub(crate) const fn retry_at(&self) -> Option<Duration> {
        self.retry.ends_at()
    }

    /// Whether everything is there but a topic to read: none matches the topology's patterns yet.
    pub(crate) const fn waits_for_topics(&self) -> bool {
        self.waits_for_topics
    }

    /// Looks for topics as soon as possible.
    pub(crate) fn look_now(&mut self) {
        self.retry = Retry::after(RETRY_AFTER);
    }

    /// Whether the last request could not reach the log.
    pub(crate) const fn is_out_of_reach(&self) -> bool {
        self.outage.lasts()
    }

    fn advance(&mut self, step: Stage) -> Result<StepResult, AppError> {
        match step {
            Stage::LookAtGroup(reply) => self.look_at_group(reply),
            Stage::LookUpExternal(reply) => self.look_up_external(reply),
            Stage::CreateOutputs(topics, reply) => self.create_outputs(topics, reply),
            Stage::LookUpInternal(plan, reply) => self.look_up_internal(plan, reply),
            Stage::AskWhetherRunBefore { plan, missing, partitions, reply } => {
                self.ask_whether_run_before(plan, missing, partitions, reply)
            }
            Stage::LookForOldNames { plan, gone, missing, reply } => {
                self.look_for_old_names(plan, gone, missing, reply)
            }
            Stage::Create { plan, missing, reply } => self.create(plan, missing, reply),
            Stage::CheckSettings { plan, unchecked, reply } => self.check_settings(plan, unchecked, reply),
            Stage::Done => Ok(StepResult::Wait(Stage::Done)),
        }
    }

    /// The log's answer; an error if it is permanent.
    fn answer<T>(&mut self, reply: &mut Reply<Result<T, LogError>>, doing: &str) -> Result<Answer<T>, AppError> {
        let error = match reply.poll() {
            Poll::Pending => {
                let since = *self.asked_at.get_or_insert(self.now);
                self.outage.may_have_begun(self.now, since);
                return Ok(Answer::OnItsWay);
            }
            Poll::Ready(Some(Ok(answer))) => {
                self.asked_at = None;
                self.outage.is_over(self.now);
                return Ok(Answer::Here(answer));
            }
            Poll::Ready(Some(Err(error))) => error,
            Poll::Ready(None) => LogError::new(LogErrorKind::Unavailable, "the log gave no answer"),
        };
        if !error.is_transient() {
            return Err(AppError::log(doing, error));
        }
        self.outage.goes_on(self.now, Some(&error));
        Ok(Answer::AskAgain)
    }

    /// The first step, so that a program that does not belong to the group leaves no trace.
    fn look_at_group(&mut self, reply: Option<MembersReply>) -> Result<StepResult, AppError> {
        let mut reply = reply.unwrap_or_else(|| self.admin.group_members(&self.application_id));
        let answer = match self.answer(&mut reply, "looking up the group's members") {
            // If the group may not be described, this is logged when tasks are assigned.
            Err(AppError::Log { .. }) => Answer::Here(Vec::new()),
            answer => answer?,
        };
        Ok(match answer {
            Answer::OnItsWay => StepResult::Wait(Stage::LookAtGroup(Some(reply))),
            Answer::AskAgain => StepResult::Later(Stage::LookAtGroup(None)),
            Answer::Here(members) => {
                self.identity.may_join(&members)?;
                StepResult::Step(Stage::LookUpExternal(None))
            }
        })
    }

    fn look_up_external(&mut self, reply: Option<TopicsReply>) -> Result<StepResult, AppError> {
        let mut reply = reply.unwrap_or_else(|| {
            let names = self.external.sources.union(&self.external.sinks).map(ToString::to_string).collect();
            self.admin.topics(patterns(&self.topology).next().is_none().then_some(names))
        });
        Ok(match self.answer(&mut reply, "looking up the topics")? {
            Answer::OnItsWay => StepResult::Wait(Stage::LookUpExternal(Some(reply))),
            Answer::AskAgain => StepResult::Later(Stage::LookUpExternal(None)),
            Answer::Here(found) => {
                let matched = MatchedTopics::among(&found, &self.topology, &self.application_id)?;
                self.check_external(&found, matched)?
            }
        })
    }

    fn create_outputs(&mut self, topics: Vec<NewTopic>, reply: Option<CreatedReply>) -> Result<StepResult, AppError> {
        let mut reply = reply.unwrap_or_else(|| self.admin.create_topics(topics.clone()));
        Ok(match self.answer(&mut reply, "creating output topics")? {
            Answer::OnItsWay => StepResult::Wait(Stage::CreateOutputs(topics, Some(reply))),
            Answer::AskAgain => StepResult::Later(Stage::LookUpExternal(None)),
            Answer::Here(answers) => {
                check_created("output topic", &topics, answers)?;
                self.creates_outputs = false;
                StepResult::Step(Stage::LookUpExternal(None))
            }
        })
    }

    fn look_up_internal(&mut self, mut plan: Plan, reply: Option<TopicsReply>) -> Result<StepResult, AppError> {
        let wanted = plan.internal_topics(self.settings.replication, &self.settings.topic_configs);
        let mut reply =
            reply.unwrap_or_else(|| self.admin.topics(Some(wanted.iter().map(|topic| topic.name.clone()).collect())));
        let found = match self.answer(&mut reply, "looking up internal topics")? {
            Answer::OnItsWay => return Ok(StepResult::Wait(Stage::LookUpInternal(plan, Some(reply)))),
            Answer::AskAgain => return Ok(StepResult::Later(Stage::LookUpInternal(plan, None))),
            Answer::Here(found) => found,
        };
        let missing = missing_topics(&wanted, &found)?;
        if missing.is_empty() {
            plan.note_topics(&found);
            return Ok(StepResult::Step(Stage::CheckSettings { plan, unchecked: wanted, reply: None }));
        }
        if std::mem::take(&mut self.created) {
            // A new topic takes a moment to be known to all brokers.
            return Ok(StepResult::Later(Stage::LookUpInternal(plan, None)));
        }
        if self.settings.create_internal_topics == CreateInternalTopics::Always {
            let names = missing.iter().map(|topic| &*topic.name).collect::<Vec<_>>();
            tracing::warn!(topics = ?names, "created because `internal.topics.create` is `always`");
            return Ok(StepResult::Step(Stage::Create { plan, missing, reply: None }));
        }
        Ok(StepResult::Step(Self::before_creating(plan, missing)))
    }

    fn ask_whether_run_before(
        &mut self,
        plan: Plan,
        missing: Vec<NewTopic>,
        partitions: Vec<TopicPartition>,
        reply: Option<CommittedReply>,
    ) -> Result<StepResult, AppError> {
        let mut reply = reply.unwrap_or_else(|| self.admin.committed(&self.application_id, partitions.clone()));
        let committed = match self.answer(&mut reply, "looking up the group's positions")? {
            Answer::OnItsWay => {
                return Ok(StepResult::Wait(Stage::AskWhetherRunBefore {
                    plan,
                    missing,
                    partitions,
                    reply: Some(reply),
                }));
            }
            Answer::AskAgain => {
                return Ok(StepResult::Later(Stage::AskWhetherRunBefore { plan, missing, partitions, reply: None }));
            }
            Answer::Here(committed) => committed,
        };
        let gone = gone_topics(&plan, &missing, &partitions, &committed);
        if gone.is_empty() {
            return Ok(StepResult::Step(Stage::Create { plan, missing, reply: None }));
        }
        if std::mem::replace(&mut self.looked_again, true) {
            return Ok(StepResult::Step(Stage::LookForOldNames { plan, gone, missing, reply: None }));
        }
        // Perhaps another instance has created it since we looked, and has already committed.
        Ok(StepResult::Later(Stage::LookUpInternal(plan, None)))
    }

    /// The topics are gone, or the topology calls them by other generated names now.
    fn look_for_old_names(
        &mut self,
        plan: Plan,
        gone: Vec<String>,
        missing: Vec<NewTopic>,
        reply: Option<TopicsReply>,
    ) -> Result<StepResult, AppError> {
        let mut reply = reply.unwrap_or_else(|| self.admin.topics(None));
        match self.answer(&mut reply, "looking up all topics")? {
            Answer::OnItsWay => {
                Ok(StepResult::Wait(Stage::LookForOldNames { plan, gone, missing, reply: Some(reply) }))
            }
            Answer::AskAgain => Ok(StepResult::Later(Stage::LookForOldNames { plan, gone, missing, reply: None })),
            Answer::Here(found) => {
                let wanted = plan.internal_topics(None, &[]).into_iter().map(|topic| topic.name);
                let (wanted, existing) =
                    (Vec::from_iter(wanted), Vec::from_iter(found.into_iter().map(|topic| topic.name)));
                let first = gone.first().map_or("", String::as_str);
                let topics = renamed_topics(&self.application_id, first, &wanted, &existing, self.identity.noted());
                if !topics.is_empty() {
                    return Err(AppError::GeneratedNamesChanged { topics });
                }
                let added = self.added_topics();
                let (added, gone): (Vec<_>, Vec<_>) = gone.into_iter().partition(|topic| added.contains(topic));
                if !added.is_empty() {
                    tracing::warn!(
                        target: PEOPLE, topics = ?added,
                        "internal topics are created that the topology did not have when it last ran here: {}; they hold \
                         nothing of what was processed before",
                        added.join(", ")
                    );
                }
                if gone.is_empty() {
                    return Ok(StepResult::Step(Stage::Create { plan, missing, reply: None }));
                }
                let is_forgiven = self.settings.on_changelog_loss == OnChangelogLoss::Rebuild;
                let lost = gone.iter().find(|topic| !is_forgiven || plan.is_read_back(topic));
                if let Some(topic) = lost {
                    return Err(AppError::InternalTopicGone { topic: topic.clone() });
                }
                tracing::warn!(topics = ?gone, "changelogs are gone; they are created, and their stores begin empty, because \
                    `on.changelog.loss` is `rebuild`");
                Ok(StepResult::Step(Stage::Create { plan, missing, reply: None }))
            }
        }
    }

    /// The internal topics that were added to the topology since it last ran with this state, if nothing was taken away.
    fn added_topics(&self) -> BTreeSet<String> {
        let fingerprint = self.topology.fingerprint();
        let added = self.identity.noted().and_then(|noted| fingerprint.topics_added_since(noted)).unwrap_or_default();
        let full = |topic: &str| TopicRef::Internal(topic.into()).full_name(&self.application_id).to_string();
        added.into_iter().map(full).collect()
    }

    fn create(
        &mut self,
        plan: Plan,
        missing: Vec<NewTopic>,
        reply: Option<CreatedReply>,
    ) -> Result<StepResult, AppError> {
        let mut reply = reply.unwrap_or_else(|| self.admin.create_topics(missing.clone()));
        Ok(match self.answer(&mut reply, "creating internal topics")? {
            Answer::OnItsWay => StepResult::Wait(Stage::Create { plan, missing, reply: Some(reply) }),
            Answer::AskAgain => StepResult::Later(Stage::Create { plan, missing, reply: None }),
            Answer::Here(answers) => {
                check_created("internal topic", &missing, answers)?;
                self.created = true;
                StepResult::Step(Stage::LookUpInternal(plan, None))
            }
        })
    }

    /// Checks one topic after another, the last one first. There are only a few.
    fn check_settings(
        &mut self,
        mut plan: Plan,
        mut unchecked: Vec<NewTopic>,
        reply: Option<SettingsReply>,
    ) -> Result<StepResult, AppError> {
        let Some(topic) = unchecked.last() else { return Ok(StepResult::Ready(plan)) };
        let mut reply = reply.unwrap_or_else(|| self.admin.topic_configs(&topic.name));
        let answer = match self.answer(&mut reply, "looking up an internal topic's settings") {
            Err(AppError::Log { error, .. }) => {
                // A client may be allowed to use a topic but not to see its settings.
                tracing::warn!(topic = topic.name, %error, "settings cannot be looked up, so nobody checks them");
                Answer::Here(Vec::new())
            }
            answer => answer?,
        };
        Ok(match answer {
            Answer::OnItsWay => StepResult::Wait(Stage::CheckSettings { plan, unchecked, reply: Some(reply) }),
            Answer::AskAgain => StepResult::Later(Stage::CheckSettings { plan, unchecked, reply: None }),
            Answer::Here(found) => {
                check_settings(topic, &found)?;
                plan.replicas.note_settings(&topic.name, &found);
                unchecked.pop();
                StepResult::Step(Stage::CheckSettings { plan, unchecked, reply: None })
            }
        })
    }

    fn check_external(&mut self, found: &[TopicInfo], matched: MatchedTopics) -> Result<StepResult, AppError> {
        let is_named = |topic: &&TopicInfo| {
            self.external.sources.contains(&*topic.name) || self.external.sinks.contains(&*topic.name)
        };
        let counts: BTreeMap<Arc<str>, u32> =
            found.iter().filter(is_named).map(|topic| (Arc::from(topic.name.as_str()), topic.partitions)).collect();
        let missing = |wanted: &BTreeSet<Arc<str>>| -> Vec<String> {
            wanted.iter().filter(|name| !counts.contains_key(*name)).map(ToString::to_string).collect()
        };
        let (inputs, outputs) = (missing(&self.external.sources), missing(&self.external.sinks));
        let needed = if self.creates_outputs { inputs } else { inputs.into_iter().chain(outputs.clone()).collect() };
        if !needed.is_empty() {
            return Err(AppError::MissingTopics { topics: needed });
        }
        if outputs.is_empty() {
            let mut plan = Plan::new(Arc::clone(&self.application_id), Arc::clone(&self.topology), &counts, matched)?;
            if plan.group.topics().is_empty() && patterns(&self.topology).next().is_some() {
                return Ok(self.wait_for_topics());
            }
            if std::mem::take(&mut self.waits_for_topics) {
                self.retry = Retry::after(RETRY_AFTER);
            }
            plan.note_topics(found);
            return Ok(StepResult::Step(Stage::LookUpInternal(plan, None)));
        }
        let named = self.external.sources.iter().filter_map(|input| counts.get(input)).copied();
        let partitions = named.chain(matched.topics().map(|(_, partitions)| partitions)).max().unwrap_or(1);
        let topics = outputs
            .into_iter()
            .map(|name| NewTopic { name, partitions, replication: None, configs: Vec::new() })
            .collect();
        Ok(StepResult::Step(Stage::CreateOutputs(topics, None)))
    }

    /// Nothing can be planned before there is a topic to read.
    fn wait_for_topics(&mut self) -> StepResult {
        if !std::mem::replace(&mut self.waits_for_topics, true) {
            let patterns = patterns(&self.topology).map(|pattern| format!("`{}`", pattern.text())).collect::<Vec<_>>();
            tracing::info!(target: PEOPLE, "no topic matches {} yet; waiting for one", patterns.join(" or "));
        }
        self.retry = Retry::after(self.interval);
        StepResult::Later(Stage::LookUpExternal(None))
    }

    /// Before creating internal topics, checks whether the application has run before.
    fn before_creating(plan: Plan, missing: Vec<NewTopic>) -> Stage {
        // Topics of one sub-topology have the same inputs, and Kafka refuses a request that names a partition twice.
        let partitions: BTreeSet<_> = inputs_of(&plan, &missing).into_iter().map(|(_, partition)| partition).collect();
        let partitions = Vec::from_iter(partitions);
        if partitions.is_empty() {
            return Stage::Create { plan, missing, reply: None };
        }
        Stage::AskWhetherRunBefore { plan, missing, partitions, reply: None }
    }
}

/// Succeeds if the topics were created, by us or concurrently by another instance.
fn check_created(what: &str, topics: &[NewTopic], answers: Vec<Result<(), LogError>>) -> Result<(), AppError> {
    for (topic, answer) in topics.iter().zip(answers) {
        match answer {
            Ok(()) => tracing::info!(topic = topic.name, partitions = topic.partitions, "{what} created"),
            // The next lookup checks what the other instance created.
            Err(error) if error.kind == LogErrorKind::TopicExists || error.is_transient() => {}
            Err(error) => return Err(AppError::log(format!("creating {what} {}", topic.name), error)),
        }
    }
    Ok(())
}

/// The topics that do not exist yet; an error if one exists with a different partition count.
fn missing_topics(wanted: &[NewTopic], found: &[TopicInfo]) -> Result<Vec<NewTopic>, AppError> {
    let found: BTreeMap<&str, u32> = found.iter().map(|topic| (topic.name.as_str(), topic.partitions)).collect();
    let mut missing = Vec::new();
    for topic in wanted {
        match found.get(topic.name.as_str()) {
            None => missing.push(topic.clone()),
            Some(count) if *count == topic.partitions => {}
            Some(count) => {
                return Err(AppError::InternalTopicPartitions {
                    topic: topic.name.clone(),
                    found: *count,
                    needed: topic.partitions,
                });
            }
        }
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::StreamsBuilder;
    use crate::topic::Topic;

    const LINES: Topic<String, String> = Topic::new("lines");

    /// Kafka answered "Duplicate partitions not allowed", and the application failed at its first start.
    #[test]
    fn stores_that_share_their_input_ask_for_its_positions_once() {
        let builder = StreamsBuilder::new();
        let lines = builder.stream(LINES).group_by_key();
        _ = lines.count();
        _ = lines.reduce(|_, line| line);
        let topology = Arc::new(builder.build().expect("a topology"));
        let plan =
            Plan::new("app".into(), topology, &[("lines".into(), 2)].into(), MatchedTopics::default()).expect("a plan");
        let missing = plan.internal_topics(None, &[]);
        assert_eq!(missing.len(), 2, "a changelog each: {missing:?}");
        let Stage::AskWhetherRunBefore { partitions, .. } = Preparation::before_creating(plan, missing) else {
            panic!("somebody may have committed");
        };
        assert_eq!(partitions, [TopicPartition::new("lines", 0), TopicPartition::new("lines", 1)]);
    }
}
