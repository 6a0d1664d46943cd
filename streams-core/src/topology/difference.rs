//! What has become of an earlier topology, for people and for a check before a release.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::fingerprint::Fingerprint;
use super::graph::Topology;
use super::store_changes::StoreChange;

/// The difference between two topologies of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What only the later one has: nodes, stores and internal topics, a line each.
    pub new: Vec<String>,
    /// What only the earlier one had.
    pub gone: Vec<String>,
    /// Why an application cannot simply go on with the later one: stores whose rows would be lost or misread, internal
    /// topics whose records nobody would read any more. A sentence each.
    pub incompatible: Vec<String>,
}

impl Topology {
    /// The difference from an earlier topology by its [JSON](Topology::to_json); `None` if that is not the JSON of a
    /// topology.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const LINES: Topic<String, String> = Topic::new("lines");
    ///
    /// fn counting(store: &'static str) -> Result<Topology, TopologyError> {
    ///     let builder = StreamsBuilder::new();
    ///     builder.stream(LINES).group_by_key().count().stored_as(KeyValueStore::new(store));
    ///     builder.build()
    /// }
    /// let earlier = counting("counts")?.to_json();
    /// assert_eq!(counting("counts")?.difference_from(&earlier).unwrap().incompatible, [] as [String; 0]);
    /// let renamed = counting("totals")?.difference_from(&earlier).unwrap();
    /// assert_eq!(renamed.incompatible, [
    ///     "the store `counts` is gone, with its rows",
    ///     "the internal topic `counts-changelog` is gone, with its records"
    /// ]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use]
    pub fn difference_from(&self, earlier: &Json) -> Option<Difference> {
        let is_topology = ["subtopologies", "stores", "internal_topics"].iter().all(|part| earlier[*part].is_array());
        if !is_topology {
            return None;
        }
        let (before, now) = (Fingerprint::of_json(earlier), self.fingerprint());
        let (old, new): (BTreeSet<&str>, BTreeSet<&str>) =
            (before.text().lines().collect(), now.text().lines().collect());
        let only = |these: &BTreeSet<&str>, others: &BTreeSet<&str>| {
            these.difference(others).map(|line| (*line).to_owned()).collect::<Vec<_>>()
        };
        let changes = now.stores_since(before.text())?;
        let mut incompatible: Vec<String> =
            changes.swapped.iter().map(|(was, is)| format!("the store `{was}` would get the name `{is}`")).collect();
        incompatible.extend(changes.stores.iter().filter_map(|(name, change)| problem(name, change)));
        let topics = |text: &str| Fingerprint::topics_in(text).map(ToOwned::to_owned).collect::<BTreeSet<_>>();
        let gone = topics(before.text());
        let gone = gone.difference(&topics(now.text())).cloned().collect::<Vec<_>>();
        incompatible.extend(gone.iter().map(|topic| format!("the internal topic `{topic}` is gone, with its records")));
        Some(Difference { new: only(&new, &old), gone: only(&old, &new), incompatible })
    }
}

fn problem(name: &str, change: &StoreChange) -> Option<String> {
    match change {
        StoreChange::Kept | StoreChange::New => None,
        StoreChange::Moved { before, now } => Some(format!("the store `{name}` moves from {before} to {now}")),
        StoreChange::Other { before, now } => Some(format!("the store `{name}` was [{before}] and is [{now}]")),
        StoreChange::Gone { .. } => Some(format!("the store `{name}` is gone, with its rows")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::StreamsBuilder;
    use crate::state::KeyValueStore;
    use crate::topic::Topic;
    use crate::windows::Tumbling;

    const LINES: Topic<String, String> = Topic::new("lines");
    const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");

    fn counting(change: impl FnOnce(&StreamsBuilder)) -> Topology {
        let builder = StreamsBuilder::new();
        builder.stream(LINES).group_by(|_, line| line.clone()).named("by-line").count().stored_as(COUNTS);
        change(&builder);
        builder.build().unwrap()
    }

    #[test]
    fn what_would_be_lost_or_misread_is_incompatible() {
        let earlier = counting(|_| {}).to_json();
        let same = counting(|_| {}).difference_from(&earlier).unwrap();
        assert_eq!(same, Difference { new: Vec::new(), gone: Vec::new(), incompatible: Vec::new() });

        let more = counting(|builder| {
            builder.stream(Topic::<String, String>::new("more")).for_each(|_, _| {});
        });
        let more = more.difference_from(&earlier).unwrap();
        assert!(!more.new.is_empty() && more.gone.is_empty() && more.incompatible.is_empty(), "{more:?}");

        let builder = StreamsBuilder::new();
        let windows = Tumbling::of(std::time::Duration::from_secs(60)).no_grace();
        let grouped = builder.stream(LINES).group_by(|_, line| line.clone()).named("by-text");
        grouped.windowed_by(windows).count().stored_as(crate::state::WindowStore::new("counts"));
        let other = builder.build().unwrap().difference_from(&earlier).unwrap();
        assert_eq!(other.incompatible.len(), 2, "{other:?}");
        assert!(other.incompatible[0].starts_with("the store `counts` was [table] and is [window"), "{other:?}");
        assert_eq!(other.incompatible[1], "the internal topic `by-line-repartition` is gone, with its records");
    }

    #[test]
    fn what_is_no_topology_has_no_difference() {
        for json in [serde_json::json!(null), serde_json::json!({}), serde_json::json!({ "stores": [] })] {
            assert_eq!(counting(|_| {}).difference_from(&json), None, "{json}");
        }
    }
}
