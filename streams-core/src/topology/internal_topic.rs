//! The settings of internal topics, which are the same as in Kafka Streams. Retry topics, which that does not have, are kept
//! as repartition topics are.
//!
//! Source: `kafka-streams` 4.3, the `InternalTopicConfig` classes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::graph::{Graph, InternalTopic, InternalTopicKind};

/// Repartition and retry topics are purged up to the committed position, which deletes only whole segments, so they are small.
const REPARTITION_SEGMENT_BYTES: &str = "52428800";

impl InternalTopic {
    /// How much longer than window stores their changelogs keep rows
    /// (`windowstore.changelog.additional.retention.ms`).
    pub const WINDOW_ADDITIONAL_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

    /// The topic's settings. The user's settings for all internal topics (`for_all`) override the library's, and those
    /// for a single store override both.
    #[must_use]
    pub fn settings(
        &self,
        graph: &Graph,
        for_all: &[(String, String)],
        window_additional_retention: Duration,
    ) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::from([("message.timestamp.type".to_owned(), "CreateTime".to_owned())]);
        let mut set = |key: &str, value: String| settings.insert(key.to_owned(), value);
        let mut of_store: &[(String, String)] = &[];
        match &self.kind {
            // Whatever the delay is, what is not processed must stay, also while no instance runs.
            InternalTopicKind::Repartition { .. } | InternalTopicKind::Retry { .. } => {
                set("cleanup.policy", "delete".to_owned());
                set("retention.ms", "-1".to_owned());
                set("segment.bytes", REPARTITION_SEGMENT_BYTES.to_owned());
            }
            InternalTopicKind::Changelog { store } => {
                if let Some(store) = graph.store(*store) {
                    for (setting, value) in store.kind.changelog_settings(window_additional_retention) {
                        set(setting, value);
                    }
                    of_store = &store.topic_configs;
                }
            }
        }
        settings.extend(for_all.iter().chain(of_store).cloned());
        settings
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::operators::StoreId;
    use crate::state::kinds::Table;
    use crate::topology::StoreDefinition;
    use crate::windows::WindowSizes;
    use crate::wire::Shapes;

    #[test]
    fn a_stores_own_settings_override_those_for_all_topics() {
        let store = StoreDefinition {
            name: "counts".into(),
            kind: Arc::new(Table),
            windows: WindowSizes::NONE,
            shapes: Shapes::of::<String, i64>(),
            changelog: None,
            is_readable: None,
            global: false,
            in_memory: false,
            cached: true,
            topic_configs: vec![("segment.bytes".to_owned(), "1".to_owned())],
        };
        let graph = Graph { nodes: Vec::new(), stores: vec![store] };
        let topic = InternalTopic { name: "counts".into(), kind: InternalTopicKind::Changelog { store: StoreId(0) } };
        let for_all = [("segment.bytes", "2"), ("cleanup.policy", "delete")];
        let for_all = for_all.map(|(setting, value)| (setting.to_owned(), value.to_owned()));
        let settings = topic.settings(&graph, &for_all, Duration::ZERO);
        let expected = [("cleanup.policy", "delete"), ("message.timestamp.type", "CreateTime"), ("segment.bytes", "1")];
        assert!(
            settings.iter().map(|(setting, value)| (setting.as_str(), value.as_str())).eq(expected),
            "{settings:?}"
        );
    }
}
