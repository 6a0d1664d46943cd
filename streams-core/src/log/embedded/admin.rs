//! Topics and positions of the embedded log.

use std::sync::Arc;

use super::shared::{CommittedAnswer, Guarded, SharedLog};
use crate::log::model::{Model, ModelTopic, PartitionId, PartitionLog, Refusal};
use crate::log::{Admin, Doorbell, GroupMemberInfo, Isolation, LogError, NewTopic, Reply, TopicInfo};
use crate::record::{Offset, Timestamp, TopicPartition};

pub(super) struct EmbeddedAdmin {
    pub(super) shared: Arc<SharedLog>,
    pub(super) doorbell: Doorbell,
}

impl Admin for EmbeddedAdmin {
    fn topics(&self, names: Option<Vec<String>>) -> Reply<Result<Vec<TopicInfo>, LogError>> {
        Reply::ready(self.shared.run(|Guarded { model, .. }, _| match names {
            None => model.topics.by_name().map(info).collect(),
            Some(names) => names.iter().filter_map(|name| model.topics.named(name)).map(info).collect(),
        }))
    }

    fn topic_configs(&self, name: &str) -> Reply<Result<Vec<(String, String)>, LogError>> {
        Reply::ready(self.shared.ask(|model, _| match model.topics.named(name) {
            Some(topic) => Ok(topic.config.all()),
            None => Err(Refusal::UnknownTopic(name.into())),
        }))
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> Reply<Result<Vec<Result<(), LogError>>, LogError>> {
        Reply::ready(self.shared.run(|Guarded { model, .. }, now| {
            let create = |topic: NewTopic| {
                model.create_topic(now, &topic.name, topic.partitions, &topic.configs)?;
                Ok(())
            };
            topics.into_iter().map(create).collect()
        }))
    }

    fn delete_topics(&self, names: Vec<String>) -> Reply<Result<Vec<Result<(), LogError>>, LogError>> {
        Reply::ready(self.shared.run(|Guarded { model, .. }, now| {
            let delete = |name: &String| Ok(model.delete_topic(now, name)?);
            names.iter().map(delete).collect()
        }))
    }

    fn start_offsets(&self, partitions: Vec<TopicPartition>) -> Reply<Result<Vec<Offset>, LogError>> {
        Reply::ready(self.shared.ask(|model, _| offsets(model, &partitions, PartitionLog::start)))
    }

    fn end_offsets(
        &self,
        partitions: Vec<TopicPartition>,
        isolation: Isolation,
    ) -> Reply<Result<Vec<Offset>, LogError>> {
        let end = match isolation {
            Isolation::ReadUncommitted => PartitionLog::high_watermark,
            Isolation::ReadCommitted => PartitionLog::stable,
        };
        Reply::ready(self.shared.ask(|model, _| offsets(model, &partitions, end)))
    }

    fn offsets_at(&self, partitions: Vec<TopicPartition>, time: Timestamp) -> Reply<Result<Vec<Offset>, LogError>> {
        let stored = |at: PartitionId, base: i64| match &self.shared.disk {
            Some(disk) => disk.storage.read(at, base),
            None => Ok(None),
        };
        Reply::ready(self.shared.ask(|model, _| {
            let offset = |name: &TopicPartition| {
                let at = model.topics.resolve(name)?;
                let Some(partition) = model.partition(at) else { return Ok(Offset(0)) };
                partition.offset_at(time, |base| stored(at, base))
            };
            partitions.iter().map(offset).collect::<Result<Vec<_>, LogError>>()
        }))
    }

    fn delete_records(&self, before: Vec<(TopicPartition, Offset)>) -> Reply<Result<(), LogError>> {
        Reply::ready(self.shared.ask(|model, _| {
            for (partition, offset) in &before {
                let at = model.topics.resolve(partition)?;
                model.delete_records(at, *offset)?;
            }
            Ok::<_, Refusal>(())
        }))
    }

    fn committed(&self, group: &str, partitions: Vec<TopicPartition>) -> Reply<CommittedAnswer> {
        let asked = self.shared.run(|guarded, _| guarded.committed(&group.into(), partitions, &self.doorbell));
        asked.unwrap_or_else(|error| Reply::ready(Err(error)))
    }

    fn group_members(&self, group: &str) -> Reply<Result<Vec<GroupMemberInfo>, LogError>> {
        Reply::ready(self.shared.run(|Guarded { model, .. }, _| {
            let member = |(member_id, client_id, held): (&str, &str, &[TopicPartition])| GroupMemberInfo {
                member_id: member_id.to_owned(),
                client_id: client_id.to_owned(),
                host: String::new(),
                assigned: held.to_vec(),
            };
            model.members_of(group).map(member).collect()
        }))
    }

    fn delete_group(&self, group: &str) -> Reply<Result<(), LogError>> {
        Reply::ready(self.shared.ask(|model, _| model.forget_group(group)))
    }
}

fn info(topic: &ModelTopic) -> TopicInfo {
    TopicInfo {
        name: topic.name.to_string(),
        partitions: u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX),
        id: topic.id.clone(),
        replicas: None,
    }
}

fn offsets(
    model: &Model,
    partitions: &[TopicPartition],
    of: impl Fn(&PartitionLog) -> i64,
) -> Result<Vec<Offset>, Refusal> {
    let offset = |name: &TopicPartition| {
        let at = model.topics.resolve(name)?;
        Ok(model.partition(at).map_or(Offset(0), |partition| Offset(of(partition))))
    };
    partitions.iter().map(offset).collect()
}
