//! Says where exactly-once depends on a single disk: which topics have one replica, or accept what only one has.
//!
//! That is what people who try it out have, so it is told once, when an application starts, and stops nobody. Of a log that
//! keeps no replicas, such as the embedded one, nothing is said.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::voice::PEOPLE;
use crate::log::TopicInfo;

/// How many names are told.
const NAMES_MAX: usize = 5;

/// How often the topics of a plan are stored.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replicas(BTreeMap<Arc<str>, Copies>);

#[derive(Debug, Clone, Copy, Default)]
struct Copies {
    /// How many replicas there are, if the log says so.
    all: Option<u16>,
    /// How many must have a record before it is acknowledged, if somebody has looked that up.
    needed: Option<u16>,
}

impl Replicas {
    /// Takes note of what the log says of topics.
    pub(crate) fn note<'a>(&mut self, found: impl Iterator<Item = &'a TopicInfo>) {
        for topic in found {
            self.0.entry(topic.name.as_str().into()).or_default().all = topic.replicas;
        }
    }

    /// Takes note of a topic's settings.
    pub(crate) fn note_settings(&mut self, topic: &str, settings: &[(String, String)]) {
        let needed = settings.iter().find(|(name, _)| name == "min.insync.replicas");
        self.0.entry(topic.into()).or_default().needed = needed.and_then(|(_, value)| value.trim().parse().ok());
    }

    /// Says what a lost disk would cost an application that runs under exactly-once.
    pub(crate) fn tell(&self, application_id: &str) {
        let id = application_id;
        let single = self.those(|copies| copies.all == Some(1));
        if let Some((count, names)) = single {
            let has = if count == 1 { "has" } else { "have" };
            tracing::warn!(
                target: PEOPLE, application = id, topics = count,
                "{id} is exactly-once as long as its brokers keep their disks: {names} {has} one replica. Where that matters, give \
                 topics three (`replication.factor=3` for those that {id} creates), and set their `min.insync.replicas` to 2"
            );
        }
        let lax = self.those(|copies| copies.all.is_some_and(|all| all > 1) && copies.needed == Some(1));
        if let Some((count, names)) = lax {
            tracing::warn!(
                target: PEOPLE, application = id, topics = count,
                "{id} is exactly-once as long as its brokers keep their disks: what one replica of {names} has counts as \
                 written. Where that matters, set `min.insync.replicas` to 2"
            );
        }
    }

    /// How many topics are like that, and the names of the first ones.
    fn those(&self, are: impl Fn(&Copies) -> bool) -> Option<(usize, String)> {
        let names: Vec<_> = self.0.iter().filter(|(_, copies)| are(copies)).map(|(name, _)| &**name).collect();
        let told = names.iter().take(NAMES_MAX).copied().collect::<Vec<_>>().join(", ");
        match names.len() {
            0 => None,
            1 => Some((1, format!("topic {told}"))),
            count if count <= NAMES_MAX => Some((count, format!("topics {told}"))),
            count => Some((count, format!("topics {told} and {} more", count - NAMES_MAX))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::tests::said::said;

    fn told(topics: &[(&str, Option<u16>, Option<&str>)]) -> String {
        let mut replicas = Replicas::default();
        for (name, all, needed) in topics {
            let info = TopicInfo { name: (*name).to_owned(), partitions: 1, id: String::new(), replicas: *all };
            replicas.note(std::iter::once(&info));
            if let Some(needed) = needed {
                replicas.note_settings(name, &[("min.insync.replicas".to_owned(), (*needed).to_owned())]);
            }
        }
        said(|| replicas.tell("app"))
    }

    #[test]
    fn what_a_lost_disk_would_cost_is_told_by_topic() {
        let single = [("in", Some(1), None), ("out", Some(3), None), ("app-counts-changelog", Some(1), Some("1"))];
        let said = told(&single);
        assert!(said.contains("disks: topics app-counts-changelog, in have one replica. Where"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        let said = told(&[("in", Some(3), None), ("app-counts-changelog", Some(3), Some("1"))]);
        assert!(said.contains("disks: what one replica of topic app-counts-changelog has counts as written"), "{said}");
        for sound in [
            &[("in", None, None), ("app-counts-changelog", None, Some("1"))][..],
            &[("in", Some(3), None), ("app-counts-changelog", Some(3), Some("2"))],
        ] {
            assert_eq!(told(sound), "");
        }
    }

    #[test]
    fn of_many_topics_only_some_are_named() {
        let names: Vec<_> = (0..9).map(|number| format!("t{number}")).collect();
        let topics: Vec<_> = names.iter().map(|name| (name.as_str(), Some(1), None)).collect();
        let said = told(&topics);
        assert!(said.contains("topics t0, t1, t2, t3, t4 and 4 more have one replica"), "{said}");
    }
}
