//! Topics: names, numbers, settings and partitions.
//!
//! A topic's number is never used again, so that its deletion is noticed even if another topic with the same name has
//! been created since.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::partition::PartitionLog;
use super::refusal::Refusal;
use super::topic_config::TopicConfig;
use crate::record::TopicPartition;
use crate::topic::{NAME_LENGTH_MAX, check_name};

/// How many partitions a topic may have: as many as brokers create at once. A number that comes from outside must not cost all
/// memory.
const PARTITIONS_MAX: u32 = 10_000;

/// One partition of one incarnation of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PartitionId {
    /// The number of the topic's incarnation.
    pub(crate) topic: u32,
    /// The number within the topic.
    pub(crate) partition: u32,
}

#[derive(Debug)]
pub(crate) struct ModelTopic {
    pub(crate) number: u32,
    pub(crate) name: Arc<str>,
    /// Unique for each incarnation in each log.
    pub(crate) id: String,
    pub(crate) config: TopicConfig,
    pub(crate) partitions: Vec<PartitionLog>,
}

/// All topics of a log.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    numbers: BTreeMap<Arc<str>, u32>,
    topics: BTreeMap<u32, ModelTopic>,
    next_number: u32,
}

impl ModelTopic {
    pub(crate) fn partition_name(&self, partition: u32) -> TopicPartition {
        TopicPartition::new(Arc::clone(&self.name), i32::try_from(partition).unwrap_or(i32::MAX))
    }
}

impl Topics {
    /// Creates a topic; `identity` distinguishes this log from others.
    pub(super) fn create(
        &mut self,
        name: &str,
        partitions: u32,
        settings: &[(String, String)],
        identity: u64,
    ) -> Result<&ModelTopic, Refusal> {
        check_name(name.as_bytes(), NAME_LENGTH_MAX)
            .map_err(|error| Refusal::TopicName(name.to_owned(), error.to_string()))?;
        let refuse = |reason: String| Refusal::TopicSetting { topic: name.to_owned(), reason };
        if !(1..=PARTITIONS_MAX).contains(&partitions) {
            return Err(refuse(format!("it can have from 1 to {PARTITIONS_MAX} partitions, not {partitions}")));
        }
        let config = TopicConfig::parse(settings).map_err(refuse)?;
        if let Some((existing, _)) = self.numbers.get_key_value(name) {
            return Err(Refusal::TopicExists(Arc::clone(existing)));
        }
        let number = self.next_number;
        let id = uuid::Uuid::from_u64_pair(identity, u64::from(number)).to_string();
        let partitions = (0..partitions).map(|_| PartitionLog::default()).collect();
        Ok(self.put(ModelTopic { number, name: name.into(), id, config, partitions }))
    }

    /// Gives a topic more partitions; `total` is how many it has then.
    pub(super) fn grow(&mut self, name: &str, total: u32) -> Result<&ModelTopic, Refusal> {
        let number = self.numbers.get(name).copied();
        let topic = number.and_then(|number| self.topics.get_mut(&number));
        let topic = topic.ok_or_else(|| Refusal::UnknownTopic(name.into()))?;
        let now = topic.partitions.len();
        match usize::try_from(total) {
            Ok(wanted) if wanted > now && total <= PARTITIONS_MAX => {
                topic.partitions.resize_with(wanted, PartitionLog::default);
                Ok(topic)
            }
            _ => Err(Refusal::TopicSetting {
                topic: name.to_owned(),
                reason: format!("it has {now} partitions and can only get more, up to {PARTITIONS_MAX}, not {total}"),
            }),
        }
    }

    /// Adds a topic that already has a number.
    pub(super) fn put(&mut self, topic: ModelTopic) -> &ModelTopic {
        self.next_number = self.next_number.max(topic.number + 1);
        self.numbers.insert(Arc::clone(&topic.name), topic.number);
        self.topics.entry(topic.number).or_insert(topic)
    }

    pub(super) fn remove(&mut self, name: &str) -> Result<ModelTopic, Refusal> {
        self.numbers
            .remove(name)
            .and_then(|number| self.topics.remove(&number))
            .ok_or_else(|| Refusal::UnknownTopic(name.into()))
    }

    /// Reserves the numbers below `next`, which may have been used before.
    pub(super) fn reserve_numbers(&mut self, next: u32) {
        self.next_number = self.next_number.max(next);
    }

    /// The number that the next topic gets.
    pub(crate) const fn next_number(&self) -> u32 {
        self.next_number
    }

    pub(crate) fn named(&self, name: &str) -> Option<&ModelTopic> {
        self.numbered(*self.numbers.get(name)?)
    }

    pub(crate) fn numbered(&self, number: u32) -> Option<&ModelTopic> {
        self.topics.get(&number)
    }

    /// All topics, in the order of their names.
    pub(crate) fn by_name(&self) -> impl Iterator<Item = &ModelTopic> {
        self.numbers.values().filter_map(|number| self.topics.get(number))
    }

    /// Looks up a partition by name.
    pub(crate) fn resolve(&self, name: &TopicPartition) -> Result<PartitionId, Refusal> {
        let topic = self.named(&name.topic).ok_or_else(|| Refusal::UnknownTopic(Arc::clone(&name.topic)))?;
        match u32::try_from(name.partition.0) {
            Ok(partition) if (partition as usize) < topic.partitions.len() => {
                Ok(PartitionId { topic: topic.number, partition })
            }
            _ => Err(Refusal::UnknownPartition(name.clone(), topic.partitions.len())),
        }
    }

    pub(crate) fn partition(&self, at: PartitionId) -> Option<&PartitionLog> {
        self.topics.get(&at.topic)?.partitions.get(at.partition as usize)
    }

    pub(super) fn partition_mut(&mut self, at: PartitionId) -> Option<&mut PartitionLog> {
        self.topics.get_mut(&at.topic)?.partitions.get_mut(at.partition as usize)
    }

    /// Every partition, with its topic's settings.
    pub(super) fn partitions_mut(&mut self) -> impl Iterator<Item = (PartitionId, &TopicConfig, &mut PartitionLog)> {
        self.topics.values_mut().flat_map(|topic| {
            let (number, config) = (topic.number, &topic.config);
            (0..)
                .zip(&mut topic.partitions)
                .map(move |(partition, state)| (PartitionId { topic: number, partition }, config, state))
        })
    }
}
