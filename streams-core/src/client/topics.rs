//! Looks up and creates topics.

use super::{Client, ClientError};
use crate::log::{LogError, LogErrorKind, NewTopic, TopicInfo};
use crate::record::TopicPartition;
use crate::voice::aloud;

/// A topic to create, by [`Client::create_topic`].
#[must_use = "the topic is created by `.create()`"]
pub struct CreateTopic<'a> {
    client: &'a Client,
    topic: NewTopic,
    partitions: Option<u32>,
    if_missing: bool,
}

impl<'a> CreateTopic<'a> {
    pub(super) fn new(client: &'a Client, name: &str) -> Self {
        let topic = NewTopic { name: name.to_owned(), partitions: 1, replication: None, configs: Vec::new() };
        Self { client, topic, partitions: None, if_missing: false }
    }

    /// Sets the number of partitions, which is 1 otherwise.
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// Sets the number of replicas; otherwise the log's own setting applies.
    pub fn replication(mut self, replicas: u16) -> Self {
        self.topic.replication = Some(replicas);
        self
    }

    /// Sets one of Kafka's topic settings, such as `retention.ms`.
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.topic.configs.push((name.into(), value.into()));
        self
    }

    /// Leaves a topic that exists as it is. If its number of partitions was set here and is another one, that is an
    /// error; if a setting has another value, that is only logged.
    pub const fn if_missing(mut self) -> Self {
        self.if_missing = true;
        self
    }

    /// Creates the topic, which can be written and read when this returns.
    ///
    /// # Errors
    /// When the topic exists already, its name or a setting is not valid, or the log does not answer.
    pub fn create(mut self) -> Result<(), ClientError> {
        self.topic.partitions = self.partitions.unwrap_or(1);
        match self.client.create(&self.topic) {
            Err(ClientError::TopicExists { .. }) if self.if_missing => self.compare(),
            created => created,
        }
    }

    /// Compares the topic that exists with what was asked for.
    fn compare(&self) -> Result<(), ClientError> {
        let NewTopic { name, configs, .. } = &self.topic;
        let found = self.client.topic(name)?;
        if let Some(wanted) = self.partitions.filter(|wanted| *wanted != found.partitions) {
            return Err(ClientError::OtherPartitions { topic: name.clone(), wanted, found: found.partitions });
        }
        if configs.is_empty() {
            return Ok(());
        }
        let actual =
            self.client.ask(format!("looking up settings of topic `{name}`"), |admin| admin.topic_configs(name))?;
        for (setting, wanted) in configs {
            let value = actual.iter().find(|(name, _)| name == setting).map_or("", |(_, value)| value);
            if value != wanted {
                aloud(|| {
                    tracing::warn!(
                        "topic `{name}` exists with {setting} = `{value}`, not `{wanted}`; it is left as it is"
                    );
                });
            }
        }
        Ok(())
    }
}

impl Client {
    fn create(&self, topic: &NewTopic) -> Result<(), ClientError> {
        let doing = format!("creating topic `{}`", topic.name);
        let created = self.ask(doing, |admin| admin.create_topics(vec![topic.clone()]))?;
        match created.into_iter().next() {
            Some(Err(error)) if error.kind == LogErrorKind::TopicExists => {
                Err(ClientError::TopicExists { topic: topic.name.clone(), log: self.inner.place.to_string() })
            }
            Some(created) => Ok(created?),
            None => Err(LogError::new(LogErrorKind::Other, "the log did not say whether it created the topic").into()),
        }
    }

    /// Looks a topic up.
    ///
    /// # Errors
    /// When there is no such topic, or the log does not answer.
    pub fn topic(&self, name: &str) -> Result<TopicInfo, ClientError> {
        let asked = || Some(vec![name.to_owned()]);
        let found = self.ask(format!("looking up topic `{name}`"), |admin| admin.topics(asked()))?;
        let missing = || ClientError::MissingTopic { topic: name.to_owned(), log: self.inner.place.to_string() };
        found.into_iter().next().ok_or_else(missing)
    }

    /// Looks a topic up in order to write to it. A log of one's own creates it.
    pub(super) fn target(&self, name: &str) -> Result<TopicInfo, ClientError> {
        match self.topic(name) {
            Err(ClientError::MissingTopic { .. }) if self.inner.log.creates_output_topics() => {
                match CreateTopic::new(self, name).create() {
                    // Somebody else was faster.
                    Ok(()) | Err(ClientError::TopicExists { .. }) => self.topic(name),
                    Err(error) => Err(error),
                }
            }
            found => found,
        }
    }

    /// The partitions of a topic.
    ///
    /// # Errors
    /// When there is no such topic, or the log does not answer.
    pub fn partitions(&self, name: &str) -> Result<Vec<TopicPartition>, ClientError> {
        let topic = self.topic(name)?;
        let name: std::sync::Arc<str> = name.into();
        let count = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
        Ok((0..count).map(|partition| TopicPartition::new(std::sync::Arc::clone(&name), partition)).collect())
    }
}
