//! What becomes of a store whose changelog has lost what the store needs (`on.changelog.loss`).
//!
//! Two records tell what a changelog should have. One is kept with the state, if that outlives the process. The other is
//! committed with the input positions ([`KeptTopic`]), so it is known wherever the state is: in memory, on another
//! machine, or nowhere any more. A changelog whose last or first records are gone, or which is another topic of the same
//! name, cannot give back what was committed. To go on without a word would be to count from zero.

use super::opening::OpenedTask;
use super::{ChangelogPartition, TaskStore};
use crate::log::CommittedOffset;
use crate::record::{Offset, TaskId, TopicPartition};
use crate::runtime::bounds::Extent;
use crate::runtime::error::ChangelogLoss;
use crate::runtime::notes::{note_topic, noted_topic};
use crate::runtime::offset_metadata::{KeptTopic, OffsetMetadata};
use crate::runtime::plan::Plan;
use crate::runtime::settings::OnChangelogLoss;
use crate::runtime::worker::Common;
use crate::runtime::{AppError, TaskMetrics};

/// The reasons under which stores that are built anew are counted.
const LOST: &str = "changelog_loss";
const GAP: &str = "changelog_gap";

/// What a task's committed positions say about the topics that they rest on.
pub(super) struct KeptTopics {
    topics: Vec<KeptTopic>,
    /// Whether any position was committed.
    has_run: bool,
}

impl KeptTopics {
    pub(super) fn of(committed: &[Option<CommittedOffset>]) -> Self {
        let committed = || committed.iter().flatten();
        let metadata = committed().filter_map(|committed| OffsetMetadata::decode(&committed.metadata));
        Self { topics: metadata.flat_map(|metadata| metadata.topics).collect(), has_run: committed().count() > 0 }
    }

    /// The id that a topic had, if it is not this one. An id is empty if the log has none.
    fn former_id(&self, topic: &str, id: &str) -> Option<&str> {
        let ids = || self.topics.iter().filter(|kept| kept.is(topic)).map(|kept| &*kept.id);
        if id.is_empty() || ids().any(|former| former == id) {
            return None;
        }
        ids().find(|former| !former.is_empty())
    }

    /// Where a topic's partition began and ended, if any position says so.
    fn extent(&self, topic: &str, id: &str) -> Option<(Offset, Offset)> {
        let kept = || self.topics.iter().filter(|kept| kept.is(topic) && kept.id == id);
        Some((kept().map(|kept| kept.start).max()?, kept().map(|kept| kept.end).max()?))
    }

    /// Checks that the inputs are the topics that the positions are of.
    pub(super) fn check_inputs(&self, opened: &OpenedTask, plan: &Plan) -> Result<(), AppError> {
        for TopicPartition { topic, .. } in &opened.inputs {
            let found = plan.ids.get(topic).map_or("", String::as_str);
            if let Some(noted) = self.former_id(topic, found) {
                return Err(AppError::TopicReplaced {
                    topic: topic.to_string(),
                    noted: noted.to_owned(),
                    found: found.to_owned(),
                    folder: opened.folder.path().to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// Looks at each store's changelog, whose extent is known, before it is read.
pub(super) fn look_for_losses(
    (task, metrics): (TaskId, &mut TaskMetrics),
    shared: &Common,
    opened: &mut OpenedTask,
    kept: &KeptTopics,
    extents: &[Extent],
) -> Result<(), AppError> {
    let failed = |error| AppError::Store { task, error };
    let lasts = shared.backend.is_persistent();
    let OpenedTask { store: state, stores, follower, folder, .. } = opened;
    for TaskStore { name, index, changelog, .. } in stores {
        let Some(changelog) = changelog else { continue };
        let number = follower.partitions().position(|followed| *followed == changelog.partition);
        let Some(extent) = number.and_then(|number| extents.get(number)).copied() else { continue };
        changelog.start = extent.start;
        if changelog.is_input {
            continue;
        }
        let topic = &changelog.partition.topic;
        let seen = Seen {
            changelog,
            extent,
            stored: follower.position(&changelog.partition),
            noted_id: if lasts { noted_topic(&**state, topic).map_err(failed)? } else { None },
        };
        if let Some(loss) = seen.loss(kept, || keeps_every_key(topic, shared)) {
            if shared.settings.on_changelog_loss == OnChangelogLoss::Fail {
                let (store, partition, loss) = (name.to_string(), changelog.partition.clone(), Box::new(loss));
                return Err(AppError::ChangelogLost { store, partition, loss, folder: folder.path().to_owned() });
            }
            tracing::warn!(%task, store = &**name, changelog = %changelog.partition, %loss,
                "the changelog has lost what the store needs; the store is built anew from what is left, because \
                 `on.changelog.loss` is `rebuild`");
            metrics.count_rebuild(LOST);
            follower.clear(state, *index).map_err(failed)?;
        } else if seen.has_gap() {
            metrics.count_rebuild(GAP);
        }
        if lasts {
            note_topic(&mut **state, topic, &changelog.id).map_err(failed)?;
        }
    }
    Ok(())
}

/// A changelog as it is, and what the local state says about it.
struct Seen<'a> {
    changelog: &'a ChangelogPartition,
    extent: Extent,
    /// How far the local state has followed it.
    stored: Option<Offset>,
    /// The id of the topic that the local state was built from.
    noted_id: Option<String>,
}

impl Seen<'_> {
    fn loss(&self, kept: &KeptTopics, keeps_every_key: impl FnOnce() -> bool) -> Option<ChangelogLoss> {
        let (ChangelogPartition { partition, id, .. }, Extent { start, end, .. }) = (self.changelog, self.extent);
        let of_state = self.noted_id.as_deref().filter(|noted| !id.is_empty() && noted != id);
        if let Some(noted) = of_state.or_else(|| kept.former_id(&partition.topic, id)) {
            return Some(ChangelogLoss::CreatedAgain { noted: noted.to_owned(), found: id.clone() });
        }
        let (kept_start, kept_end) = kept.extent(&partition.topic, id).unwrap_or_default();
        let committed = self.stored.unwrap_or_default().max(kept_end);
        if committed > end {
            return Some(ChangelogLoss::Truncated { end: end.0, committed: committed.0 });
        }
        // Before anything was committed, nothing is needed.
        let needed = self.stored.or_else(|| kept.has_run.then_some(kept_start))?;
        let is_lost = needed < start && keeps_every_key();
        is_lost.then_some(ChangelogLoss::HeadGone { start: start.0, needed: needed.0 })
    }

    /// Whether records that would follow the local state are gone, which is how it should be if they were too old.
    fn has_gap(&self) -> bool {
        self.stored.is_some_and(|stored| stored < self.extent.start)
    }
}

/// Whether a changelog is compacted and nothing else, so that its beginning stays where it is.
fn keeps_every_key(changelog: &str, shared: &Common) -> bool {
    let topics = shared.plan.internal_topics(None, &shared.settings.topic_configs);
    let settings = topics.iter().find(|topic| *topic.name == *changelog).map(|topic| &topic.configs);
    settings.into_iter().flatten().any(|(name, value)| name == "cleanup.policy" && value == "compact")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::TopicHandle;
    use crate::operators::Destination;
    use crate::record::Timestamp;

    const TOPIC: &str = "app-counts-changelog";

    fn committed(topics: &[KeptTopic]) -> Vec<Option<CommittedOffset>> {
        let mut metadata = OffsetMetadata::new(Timestamp(1), [].into());
        metadata.topics = topics.to_vec();
        let committed = |metadata| Some(CommittedOffset { offset: Offset(7), metadata });
        vec![None, committed(metadata.encode().0), committed("of somebody else".to_owned())]
    }

    fn kept(id: &str, start: i64, end: i64) -> KeptTopic {
        KeptTopic::new(TOPIC, id, Offset(start), Offset(end))
    }

    /// The loss of a changelog with the id `new` from 3 to 9.
    fn loss(topics: &[KeptTopic], stored: Option<i64>, noted: Option<&str>, is_compact: bool) -> Option<ChangelogLoss> {
        let destination =
            Destination { topic: TOPIC.into(), handle: TopicHandle(0), partitions: 1, is_internal: true, marks: None };
        let changelog = ChangelogPartition {
            partition: TopicPartition::new(TOPIC, 0),
            destination,
            is_input: false,
            id: "new".to_owned(),
            start: Offset(0),
            offset: None,
            written: None,
        };
        let extent = Extent { start: Offset(3), end: Offset(9), readable: Offset(9) };
        let noted_id = noted.map(ToOwned::to_owned);
        let seen = Seen { changelog: &changelog, extent, stored: stored.map(Offset), noted_id };
        seen.loss(&KeptTopics::of(&committed(topics)), || is_compact)
    }

    #[test]
    fn what_was_committed_must_be_there() {
        let (other, empty) = (KeptTopic::new("lines", "old", Offset(0), Offset(99)), kept("", 0, 99));
        let truncated = |committed| Some(ChangelogLoss::Truncated { end: 9, committed });
        let head_gone = |needed| Some(ChangelogLoss::HeadGone { start: 3, needed });
        let again = Some(ChangelogLoss::CreatedAgain { noted: "old".to_owned(), found: "new".to_owned() });
        for (topics, stored, noted, is_compact, expected) in [
            (vec![kept("new", 3, 9)], None, None, true, None),
            (vec![kept("new", 3, 9)], Some(9), Some("new"), true, None),
            (vec![kept("new", 3, 10)], None, None, true, truncated(10)),
            (vec![kept("new", 3, 10), kept("new", 0, 8)], Some(9), None, true, truncated(10)),
            (vec![kept("new", 3, 9)], Some(12), Some("new"), true, truncated(12)),
            // It has lost records since then, which compaction alone does not do.
            (vec![kept("new", 0, 9)], None, None, true, head_gone(0)),
            (vec![kept("new", 0, 9)], None, None, false, None),
            (vec![kept("new", 3, 9)], Some(2), None, true, head_gone(2)),
            (vec![kept("new", 0, 9)], Some(3), None, true, None),
            (vec![], None, None, true, head_gone(0)),
            // It is another topic, unless a position says that it is not.
            (vec![kept("old", 0, 5)], None, None, true, again.clone()),
            (vec![kept("new", 3, 9)], Some(9), Some("old"), true, again.clone()),
            (vec![kept("old", 0, 99), kept("new", 3, 9)], None, None, true, None),
            (vec![other, empty, kept("new", 3, 9)], None, None, true, None),
        ] {
            let found = loss(&topics, stored, noted, is_compact);
            assert_eq!(found, expected, "{topics:?}, {stored:?}, {noted:?}");
        }
    }

    #[test]
    fn before_anything_is_committed_nothing_is_needed() {
        let kept = KeptTopics::of(&[None, None]);
        assert!(!kept.has_run);
        assert_eq!((kept.former_id(TOPIC, "new"), kept.extent(TOPIC, "new")), (None, None));
    }
}
