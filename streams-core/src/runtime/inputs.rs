//! Checks whether the topics that tasks read are still those for which the plan was made.
//!
//! The group assigns no tasks of a deleted topic. If it takes them away before their worker notices that the topic is
//! missing, nobody else would notice either. And a topic may get more partitions, for which the plan has no tasks. So every
//! assignment is followed by this check, and it is repeated from time to time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::AppError;
use super::inquiry::Inquiry;
use super::matching::MatchedTopics;
use super::plan::{Plan, external_topics};
use crate::log::{Admin, LogError, LogErrorKind, TopicInfo};
use crate::topology::Topology;

/// Looks up the topics of the group's tasks.
pub(super) struct InputCheck {
    admin: Arc<dyn Admin>,
    application_id: Arc<str>,
    topology: Arc<Topology>,
    matched: MatchedTopics,
    /// The partition counts of the plan.
    partitions: BTreeMap<Arc<str>, u32>,
    topics: Vec<String>,
    interval: Duration,
    /// When to look next, unless there is an assignment before; `None` while it is looking.
    next: Option<Duration>,
    inquiry: Inquiry<Vec<TopicInfo>>,
}

impl InputCheck {
    /// Topics that are read because they match a pattern may be deleted, and somebody else looks after them.
    pub(super) fn new(admin: Arc<dyn Admin>, plan: &Plan, interval: Duration) -> Self {
        let topics = plan.group.topics();
        let topics = topics.iter().filter(|topic| !plan.matched.contains(topic)).map(ToString::to_string).collect();
        Self {
            admin,
            application_id: Arc::clone(&plan.application_id),
            topology: Arc::clone(&plan.topology),
            matched: plan.matched.clone(),
            partitions: plan.partitions.clone(),
            topics,
            interval,
            next: None,
            inquiry: Inquiry::idle(),
        }
    }

    /// Starts over: an outstanding answer may be outdated.
    pub(super) fn begin(&mut self, now: Duration) {
        self.inquiry.begin(now);
        self.next = None;
    }

    /// Advances the check. If topics have more partitions than the plan knows, returns what a new plan is needed for.
    ///
    /// # Errors
    /// When a topic is missing, or has partitions for which there can be no plan.
    pub(super) fn step(&mut self, now: Duration) -> Result<Option<String>, AppError> {
        if self.next.is_some_and(|next| now >= next) {
            self.begin(now);
        }
        match self.inquiry.step(now, || self.admin.topics(Some(self.topics.clone()))) {
            Some(Ok(found)) => self.check(&found, now),
            Some(Err(_)) => {
                self.inquiry.again(now);
                Ok(None)
            }
            None => Ok(None),
        }
    }

    fn check(&mut self, found: &[TopicInfo], now: Duration) -> Result<Option<String>, AppError> {
        match self.topics.iter().find(|topic| found.iter().all(|found| found.name != **topic)) {
            Some(gone) if self.inquiry.believes_a_miss(now) => {
                let error = LogError::new(LogErrorKind::UnknownTopic, "it does not exist");
                Err(AppError::log(format!("reading topic `{gone}`"), error))
            }
            Some(_) => Ok(None),
            None => {
                self.next = Some(now + self.interval);
                self.grown(found)
            }
        }
    }

    /// Says which topics have more partitions than the plan knows.
    fn grown(&self, found: &[TopicInfo]) -> Result<Option<String>, AppError> {
        let known = |topic: &TopicInfo| self.partitions.get(&*topic.name).copied().unwrap_or(topic.partitions);
        let grown: Vec<_> = found.iter().filter(|topic| topic.partitions > known(topic)).collect();
        if grown.is_empty() {
            return Ok(None);
        }
        let told = |topic: &&TopicInfo| {
            format!("`{}` has {} partitions now, not {}", topic.name, topic.partitions, known(topic))
        };
        let told = grown.iter().map(told).collect::<Vec<_>>().join(", ");
        let internal = self.unfit(&grown)?;
        if internal.is_empty() { Ok(Some(told)) } else { Err(AppError::InputsGrown { inputs: told, internal }) }
    }

    /// The internal topics that would need more partitions, too: they hold what was divided by the old number.
    fn unfit(&self, grown: &[&TopicInfo]) -> Result<String, AppError> {
        let external = external_topics(&self.topology);
        let names = external.sources.union(&external.sinks);
        let mut counts: BTreeMap<_, _> =
            names.filter_map(|name| Some((Arc::clone(name), *self.partitions.get(name)?))).collect();
        for topic in grown {
            counts.entry(Arc::from(&*topic.name)).and_modify(|count| *count = topic.partitions);
        }
        let (id, topology) = (Arc::clone(&self.application_id), Arc::clone(&self.topology));
        let needed = Plan::new(id, topology, &counts, self.matched.clone())?.internal_topics(None, &[]);
        let has = |name: &str| self.partitions.get(name).copied().unwrap_or(0);
        let unfit = needed.iter().filter(|topic| topic.partitions != has(&topic.name));
        Ok(unfit.map(|topic| format!("`{}` has {}", topic.name, has(&topic.name))).collect::<Vec<_>>().join(", "))
    }
}
