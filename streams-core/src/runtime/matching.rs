//! Topics that are read by a pattern: which ones there are, and when that changes.
//!
//! A plan is made for the topics of one moment. When others match, the instance commits, leaves its group, and comes back
//! with a new plan. Members that divide tasks must see the same topics, which `fellows.rs` checks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::AppError;
use super::inquiry::Inquiry;
use crate::log::{Admin, TopicInfo};
use crate::topic::{Pattern, TopicRef};
use crate::topology::{NodeKind, Topology};

/// The topics that match a topology's patterns, with their partition counts, by the patterns' texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MatchedTopics(BTreeMap<Arc<str>, BTreeMap<Arc<str>, u32>>);

/// The patterns by which a topology reads topics.
pub(crate) fn patterns(topology: &Topology) -> impl Iterator<Item = &Pattern> {
    topology.graph().nodes.iter().flat_map(|node| {
        let topics = match &node.kind {
            NodeKind::Source { topics, .. } => topics.as_slice(),
            _ => &[],
        };
        topics.iter().filter_map(|topic| match topic {
            TopicRef::Matching(pattern) => Some(pattern),
            TopicRef::External(_) | TopicRef::Internal(_) => None,
        })
    })
}

impl MatchedTopics {
    /// Finds the topics among all that exist. The application's own and Kafka's internal ones are left out.
    ///
    /// # Errors
    /// When a topic matches two patterns.
    pub(crate) fn among(found: &[TopicInfo], topology: &Topology, application_id: &str) -> Result<Self, AppError> {
        let internal = topology.internal_topics().iter().map(|topic| TopicRef::Internal(Arc::clone(&topic.name)));
        let internal: Vec<_> = internal.map(|topic| topic.full_name(application_id)).collect();
        let is_ours = |topic: &&TopicInfo| internal.iter().any(|name| **name == *topic.name);
        let matchers: Vec<_> = patterns(topology).map(|pattern| (pattern, pattern.matcher())).collect();
        let mut matched =
            Self(patterns(topology).map(|pattern| (Arc::clone(pattern.text()), BTreeMap::new())).collect());
        for topic in found.iter().filter(|topic| !topic.name.starts_with("__") && !is_ours(topic)) {
            let mut matching = matchers.iter().filter(|(_, matches)| matches(&topic.name)).map(|(pattern, _)| *pattern);
            match (matching.next(), matching.next()) {
                (Some(first), Some(second)) => {
                    let patterns = [first, second].map(|pattern| pattern.text().to_string());
                    return Err(AppError::TopicMatchesTwo { topic: topic.name.clone(), patterns });
                }
                (Some(pattern), None) => {
                    let topics = matched.0.entry(Arc::clone(pattern.text())).or_default();
                    topics.insert(topic.name.as_str().into(), topic.partitions);
                }
                (None, _) => {}
            }
        }
        Ok(matched)
    }

    /// Every pattern matches one topic, which is named as itself and has one partition.
    pub(crate) fn themselves(topology: &Topology) -> Self {
        let themselves = patterns(topology).map(|pattern| {
            let text = pattern.text();
            (Arc::clone(text), BTreeMap::from([(Arc::clone(text), 1)]))
        });
        Self(themselves.collect())
    }

    /// The full names of the topics that a topology's topic stands for.
    pub(crate) fn names(&self, topic: &TopicRef, application_id: &str) -> Vec<Arc<str>> {
        match topic {
            TopicRef::Matching(pattern) => {
                self.0.get(pattern.text()).into_iter().flatten().map(|(topic, _)| Arc::clone(topic)).collect()
            }
            TopicRef::External(_) | TopicRef::Internal(_) => vec![topic.full_name(application_id)],
        }
    }

    /// All topics that match, with their partition counts.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&Arc<str>, u32)> {
        self.0.values().flatten().map(|(topic, partitions)| (topic, *partitions))
    }

    /// Whether a topic is read because it matches.
    pub(crate) fn contains(&self, topic: &str) -> bool {
        self.0.values().any(|topics| topics.contains_key(topic))
    }

    /// Whether the topology reads no topics by patterns.
    pub(crate) fn has_no_patterns(&self) -> bool {
        self.0.is_empty()
    }

    /// The same for all members that see the same topics; empty if there are no patterns.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (pattern, topics) in &self.0 {
            let _ = writeln!(text, "{pattern}");
            for (topic, partitions) in topics {
                let _ = writeln!(text, "{topic} {partitions}");
            }
        }
        text
    }
}

/// Looks from time to time whether other topics match than those of the plan.
pub(crate) struct TopicWatch {
    admin: Arc<dyn Admin>,
    topology: Arc<Topology>,
    application_id: Arc<str>,
    matched: MatchedTopics,
    interval: Duration,
    next: Option<Duration>,
    is_looking: bool,
    inquiry: Inquiry<Vec<TopicInfo>>,
}

impl TopicWatch {
    pub(crate) fn new(
        admin: Arc<dyn Admin>,
        topology: Arc<Topology>,
        application_id: Arc<str>,
        matched: MatchedTopics,
        interval: Duration,
    ) -> Self {
        Self {
            admin,
            topology,
            application_id,
            matched,
            interval,
            next: None,
            is_looking: false,
            inquiry: Inquiry::idle(),
        }
    }

    /// Looks as soon as possible.
    pub(crate) fn look_now(&mut self, now: Duration) {
        self.next = Some(now);
    }

    /// Looks if that is due. Returns whether other topics match now.
    pub(crate) fn step(&mut self, now: Duration) -> Result<bool, AppError> {
        if self.matched.has_no_patterns() {
            return Ok(false);
        }
        if now >= *self.next.get_or_insert(now + self.interval) && !self.is_looking {
            self.is_looking = true;
            self.inquiry.begin(now);
        }
        match self.inquiry.step(now, || self.admin.topics(None)) {
            Some(Ok(found)) => {
                let matched = MatchedTopics::among(&found, &self.topology, &self.application_id)?;
                // A broker may not know yet about all topics, so those that are gone are looked for again.
                let is_gone = |topic: &Arc<str>| !matched.contains(topic);
                if self.matched.topics().any(|(topic, _)| is_gone(topic)) && !self.inquiry.believes_a_miss(now) {
                    return Ok(false);
                }
                self.is_looking = false;
                self.next = Some(now + self.interval);
                Ok(matched != self.matched)
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "topics that match a pattern cannot be looked up; trying again");
                self.inquiry.again(now);
                Ok(false)
            }
            None => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::StreamsBuilder;
    use crate::topic::{Topic, TopicPattern};

    const OUT: Topic<String, String> = Topic::new("out");

    fn topology(patterns: &[&'static str]) -> Topology {
        let builder = StreamsBuilder::new();
        for pattern in patterns {
            _ = builder.stream(TopicPattern::<String, String>::new(pattern)).group_by(|_, text| text.clone()).count();
        }
        builder.stream(Topic::<String, String>::new("other")).to(OUT);
        builder.build().expect("a topology")
    }

    fn found(topics: &[(&str, u32)]) -> Vec<TopicInfo> {
        let info = |(name, partitions): &(&str, u32)| {
            let (name, id) = ((*name).to_owned(), String::new());
            TopicInfo { name, partitions: *partitions, id, replicas: None }
        };
        topics.iter().map(info).collect()
    }

    #[test]
    fn whole_names_match_except_those_of_internal_topics() {
        let topology = topology(&[".*s", "app-.*"]);
        let internal = topology.internal_topics()[0].name.to_string();
        let names =
            [("orders", 3), ("order", 2), ("__consumer_offsets", 50), ("app-x", 1), (&*format!("app-{internal}"), 4)];
        let matched = MatchedTopics::among(&found(&names), &topology, "app").unwrap();
        let topics: Vec<_> = matched.topics().map(|(topic, partitions)| format!("{topic} {partitions}")).collect();
        assert_eq!(topics, ["orders 3", "app-x 1"]);
        let pattern = TopicRef::Matching(Pattern::new(".*s").unwrap());
        assert_eq!(matched.names(&pattern, "app"), ["orders".into()]);
    }

    #[test]
    fn a_topic_that_matches_two_patterns_is_an_error() {
        let error = MatchedTopics::among(&found(&[("ab", 1)]), &topology(&["a.*", ".*b"]), "app").unwrap_err();
        let expected = "topic `ab` matches two patterns, `a.*` and `.*b`, but a topic has only one source; make the \
                        patterns match different topics";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn members_that_see_other_topics_or_partitions_have_another_text() {
        let of =
            |topics: &[(&str, u32)]| MatchedTopics::among(&found(topics), &topology(&["a.*"]), "app").unwrap().text();
        let texts = [of(&[]), of(&[("a1", 1)]), of(&[("a1", 2)]), of(&[("a1", 1), ("a2", 1)])];
        assert!(texts.iter().enumerate().all(|(number, text)| !text.is_empty() && !texts[..number].contains(text)));
        assert_eq!(of(&[("a1", 1), ("b", 1)]), of(&[("a1", 1)]));
        assert_eq!(MatchedTopics::default().text(), "", "without patterns");
    }
}
