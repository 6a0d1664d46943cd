//! Looks at the topics of a running application's log, and creates some.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use streams_core::log::{
    Admin, CommittedOffset, GroupMemberInfo, Isolation, LogError, LogErrorKind, NewTopic, Reply, TopicInfo,
};
use streams_core::record::{Offset, Timestamp, TopicPartition};

use super::{Found, LogOfRunning, incomplete};
use crate::running::escaped;

pub(super) struct AdminOfRunning(pub(super) Found);

type Answer<T> = Reply<Result<T, LogError>>;

/// What a topic's partitions say.
#[derive(Clone, Copy)]
enum Field {
    Start,
    End,
    Committed,
}

impl AdminOfRunning {
    fn get(&self, path: &str) -> Result<Json, LogError> {
        Ok(self.0.caller.get(path)?)
    }

    /// One number for each of these partitions.
    fn of_partitions(&self, partitions: &[TopicPartition], field: Field) -> Result<Vec<Option<Offset>>, LogError> {
        let name = match field {
            Field::Start => "start",
            Field::End => "end",
            Field::Committed => "committed",
        };
        let mut topics: BTreeMap<&str, Json> = BTreeMap::new();
        for partition in partitions {
            let topic = &*partition.topic;
            if !topics.contains_key(topic) {
                topics.insert(topic, self.get(&format!("/api/topics/{}", escaped(topic)))?);
            }
        }
        let offset = |at: &TopicPartition| {
            let of_topic = topics.get(&*at.topic).and_then(|topic| topic.get("partitions")?.as_array());
            let found =
                of_topic.into_iter().flatten().find(|found| found.get("partition") == Some(&at.partition.0.into()));
            found.and_then(|found| found.get(name)).map(|offset| offset.as_i64().map(Offset))
        };
        partitions.iter().map(|at| offset(at).ok_or_else(|| incomplete(&format!("where {at} is")))).collect()
    }

    fn offsets(&self, partitions: &[TopicPartition], field: Field) -> Answer<Vec<Offset>> {
        let found = self.of_partitions(partitions, field).and_then(|offsets| {
            offsets.into_iter().map(|offset| offset.ok_or_else(|| incomplete("where a partition ends"))).collect()
        });
        Reply::ready(found)
    }

    fn all_topics(&self) -> Result<Vec<TopicInfo>, LogError> {
        let answer = self.get("/api/topics?all=true")?;
        let topics =
            answer.get("topics").and_then(Json::as_array).ok_or_else(|| incomplete("which topics there are"))?;
        let info = |topic: &Json| {
            let partitions = topic.get("partitions")?.as_array()?.len();
            let (name, partitions) = (topic.get("name")?.as_str()?.to_owned(), u32::try_from(partitions).ok()?);
            // Those that are not there yet have none.
            (partitions > 0).then_some(TopicInfo { name, partitions, id: String::new(), replicas: None })
        };
        Ok(topics.iter().filter_map(info).collect())
    }

    fn create(&self, topic: NewTopic) -> Result<(), LogError> {
        let NewTopic { name, partitions, replication, configs } = topic;
        let settings: Map<String, Json> = configs.into_iter().map(|(name, value)| (name, value.into())).collect();
        let mut wanted = json!({ "name": name, "partitions": partitions, "settings": settings });
        if let (Some(wanted), Some(replication)) = (wanted.as_object_mut(), replication) {
            wanted.insert("replication".to_owned(), replication.into());
        }
        self.0.caller.post("/api/topics", Some(&wanted))?;
        Ok(())
    }

    fn offsets_at_time(&self, partitions: &[TopicPartition], time: Timestamp) -> Result<Vec<Offset>, LogError> {
        let mut topics: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for partition in partitions {
            let topic = &*partition.topic;
            if !topics.contains_key(topic) {
                let answer = self.get(&format!("/api/topics/{}?time={}", escaped(topic), time.0))?;
                let offsets = answer.get("at_time").and_then(Json::as_array);
                topics.insert(topic, offsets.into_iter().flatten().filter_map(Json::as_i64).collect());
            }
        }
        let offset = |at: &TopicPartition| {
            let index = usize::try_from(at.partition.0).ok()?;
            topics.get(&*at.topic)?.get(index).copied().map(Offset)
        };
        partitions.iter().map(|at| offset(at).ok_or_else(|| incomplete(&format!("what {at} had then")))).collect()
    }

    /// The process that has the log is the only member, and its tasks say what it reads.
    fn members(&self) -> Result<Vec<GroupMemberInfo>, LogError> {
        let (instances, tasks) = (self.get("/api/instances")?, self.get("/api/tasks")?);
        let list = |answer: &Json, name: &str| answer.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
        let text = |of: &Json, name: &str| of.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let partition = |input: &Json| {
            let number = i32::try_from(input.get("partition")?.as_i64()?).ok()?;
            Some(TopicPartition::new(input.get("topic")?.as_str()?, number))
        };
        let inputs = list(&tasks, "tasks").iter().flat_map(|task| list(task, "inputs")).collect::<Vec<_>>();
        let assigned: Vec<_> = inputs.iter().filter_map(partition).collect();
        let all = list(&instances, "instances");
        let own = all.iter().filter(|instance| instance.get("is_self") == Some(&Json::Bool(true)));
        Ok(own
            .map(|instance| GroupMemberInfo {
                member_id: text(instance, "member"),
                client_id: String::new(),
                host: text(instance, "host"),
                assigned: assigned.clone(),
            })
            .collect())
    }

    fn not_here<T>(&self, what: &str) -> Answer<T> {
        Reply::ready(Err(LogOfRunning(self.0.clone()).not_here(what)))
    }
}

impl Admin for AdminOfRunning {
    fn topics(&self, names: Option<Vec<String>>) -> Answer<Vec<TopicInfo>> {
        let is_wanted = |topic: &TopicInfo| names.as_ref().is_none_or(|names| names.contains(&topic.name));
        Reply::ready(self.all_topics().map(|topics| topics.into_iter().filter(is_wanted).collect()))
    }

    fn topic_configs(&self, name: &str) -> Answer<Vec<(String, String)>> {
        Reply::ready(self.get(&format!("/api/topics/{}", escaped(name))).map(|topic| {
            let settings = topic.get("settings").and_then(Json::as_object);
            let setting = |(name, value): (&String, &Json)| Some((name.clone(), value.as_str()?.to_owned()));
            settings.into_iter().flatten().filter_map(setting).collect()
        }))
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> Answer<Vec<Result<(), LogError>>> {
        Reply::ready(Ok(topics.into_iter().map(|topic| self.create(topic)).collect()))
    }

    fn delete_topics(&self, _: Vec<String>) -> Answer<Vec<Result<(), LogError>>> {
        self.not_here("what deletes topics")
    }

    fn start_offsets(&self, partitions: Vec<TopicPartition>) -> Answer<Vec<Offset>> {
        self.offsets(&partitions, Field::Start)
    }

    /// Records of open transactions are nobody's business here.
    fn end_offsets(&self, partitions: Vec<TopicPartition>, _: Isolation) -> Answer<Vec<Offset>> {
        self.offsets(&partitions, Field::End)
    }

    fn offsets_at(&self, partitions: Vec<TopicPartition>, time: Timestamp) -> Answer<Vec<Offset>> {
        Reply::ready(self.offsets_at_time(&partitions, time))
    }

    fn delete_records(&self, _: Vec<(TopicPartition, Offset)>) -> Answer<()> {
        self.not_here("what deletes records")
    }

    fn committed(&self, group: &str, partitions: Vec<TopicPartition>) -> Answer<Vec<Option<CommittedOffset>>> {
        let id = &self.0.application_id;
        if group != id {
            let message =
                format!("the application that runs is `{id}`; the positions of `{group}` are there when it has ended");
            return Reply::ready(Err(LogError::new(LogErrorKind::InUse, message)));
        }
        let committed = |offset: Offset| CommittedOffset { offset, metadata: String::new() };
        let found = self.of_partitions(&partitions, Field::Committed);
        Reply::ready(found.map(|found| found.into_iter().map(|offset| offset.map(committed)).collect()))
    }

    fn group_members(&self, group: &str) -> Answer<Vec<GroupMemberInfo>> {
        if group != self.0.application_id {
            return self.not_here("other groups");
        }
        Reply::ready(self.members())
    }

    fn delete_group(&self, _: &str) -> Answer<()> {
        self.not_here("groups")
    }
}
