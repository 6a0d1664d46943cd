//! A group's positions outside transactions: written through the member, and read once they are stable.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use streams_core::log::{
    CommitOutcome, CommittedOffset, Committer, GroupMetadata, LogError, LogErrorKind, OffsetToCommit, Reply,
};
use streams_core::record::{Offset, TopicPartition};

use crate::errors::{Code, commit_outcome};
use crate::helper::Helper;
use crate::member::{CurrentClient, Generation};
use crate::native::{Client, PartitionEntry, PartitionList};
use crate::transaction::offset_list;

/// How long to wait for open transactions; the broker ends them itself after their own timeout.
const STABLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The maximum time of one look.
const LOOK_MS: i32 = 250;

/// Commits on a member's behalf, without keeping the member's client alive.
pub(crate) struct KafkaCommitter {
    client: Weak<CurrentClient>,
    generation: Arc<Generation>,
    commits: Arc<Helper>,
    reads: Helper,
    group: String,
}

impl KafkaCommitter {
    pub(crate) fn new(
        client: &Arc<CurrentClient>,
        generation: &Arc<Generation>,
        commits: &Arc<Helper>,
        reads: Helper,
        group: &str,
    ) -> Self {
        Self {
            client: Arc::downgrade(client),
            generation: Arc::clone(generation),
            commits: Arc::clone(commits),
            reads,
            group: group.to_owned(),
        }
    }
}

impl Committer for KafkaCommitter {
    fn commit(&self, metadata: &GroupMetadata, offsets: Vec<OffsetToCommit>) -> Reply<CommitOutcome> {
        let what = format!("committing positions of group `{}`", self.group);
        if !self.generation.is(metadata) {
            return Reply::ready(fenced(&what, metadata));
        }
        let list = match offset_list(&offsets) {
            Ok(list) => list,
            Err(error) => return Reply::ready(CommitOutcome::Fatal(error)),
        };
        let (client, metadata) = (Weak::clone(&self.client), metadata.clone());
        self.commits.ask(move || match client.upgrade().map(|client| client.get()) {
            // librdkafka commits with its current generation, which may be a later one by now.
            Some(client) if client.group_metadata().as_ref() == Some(&metadata) => {
                commit_outcome(if list.is_empty() { Ok(()) } else { client.commit(&list) }, &what)
            }
            _ => fenced(&what, &metadata),
        })
    }

    fn committed(&self, partitions: Vec<TopicPartition>) -> Reply<Result<Vec<Option<CommittedOffset>>, LogError>> {
        let client = Weak::clone(&self.client);
        let what = format!("looking up positions of group `{}`", self.group);
        let started = Instant::now();
        self.reads.ask_until(move || {
            // The client is not kept between looks, so that it ends as soon as the member is dropped.
            let Some(client) = client.upgrade().map(|client| client.get()) else {
                return Some(Err(LogError::new(LogErrorKind::Fenced, format!("{what}: the member is gone"))));
            };
            match look(&client, &partitions, &what) {
                Err(error) if error.is_transient() && started.elapsed() < STABLE_TIMEOUT => None,
                decided => Some(decided),
            }
        })
    }
}

fn fenced(what: &str, metadata: &GroupMetadata) -> CommitOutcome {
    let message = format!("{what}: generation {} of member `{}` is over", metadata.generation, metadata.member_id);
    CommitOutcome::Fenced(LogError::new(LogErrorKind::Fenced, message))
}

fn look(client: &Client, partitions: &[TopicPartition], what: &str) -> Result<Vec<Option<CommittedOffset>>, LogError> {
    let mut list = PartitionList::of(partitions)?;
    client.committed(&mut list, LOOK_MS).map_err(|code| code.about(what))?;
    committed_in_order(partitions, &list.entries(), what)
}

/// Puts committed offsets in the order of the question.
pub(crate) fn committed_in_order(
    partitions: &[TopicPartition],
    entries: &[PartitionEntry],
    what: &str,
) -> Result<Vec<Option<CommittedOffset>>, LogError> {
    let answer = |partition: &TopicPartition| {
        let entry = entries.iter().find(|entry| entry.partition == *partition);
        match entry {
            Some(PartitionEntry { error: Some(code), .. }) if *code != Code::NO_OFFSET => {
                Err(code.about(format!("{what}: {partition}")))
            }
            Some(PartitionEntry { offset: Some(offset), metadata, .. }) if *offset >= 0 => {
                Ok(Some(CommittedOffset { offset: Offset(*offset), metadata: metadata.clone() }))
            }
            _ => Ok(None),
        }
    };
    partitions.iter().map(answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_in_the_order_of_the_question() {
        let entry = |name: &str, offset, error| PartitionEntry {
            partition: TopicPartition::new(name, 0),
            offset,
            metadata: "m".into(),
            error,
        };
        let asked = ["a", "b", "c"].map(|name| TopicPartition::new(name, 0));
        let entries = [entry("c", Some(3), None), entry("a", None, None), entry("b", Some(-1), None)];
        let found = committed_in_order(&asked, &entries, "looking").unwrap();
        assert_eq!(found, [None, None, Some(CommittedOffset { offset: Offset(3), metadata: "m".into() })]);
        let denied = [entry("b", None, Some(Code(30)))];
        let error = committed_in_order(&asked, &denied, "looking").unwrap_err();
        assert_eq!(error.kind, LogErrorKind::Denied);
        assert!(error.message.starts_with("looking: b-0: "), "{error}");
    }
}
