//! What an application says of itself when it starts: one line, and one for each topic that it feeds to itself.

use super::control::InstanceParts;
use super::settings::Guarantee;
use super::voice::PEOPLE;
use crate::topic::TopicRef;
use crate::topology::Topology;

/// Says where the application runs and how.
pub(super) fn tell(parts: &InstanceParts) {
    let (id, log, settings) = (&*parts.application_id, parts.log.describe(), &parts.settings);
    let guarantee = match settings.guarantee() {
        Guarantee::AtLeastOnce => "at-least-once",
        Guarantee::ExactlyOnce => "exactly-once",
    };
    let (workers, plural) = (settings.workers, if settings.workers == 1 { "" } else { "s" });
    let state = state_of(parts);
    tracing::info!(
        target: PEOPLE,
        application = id, %log, guarantee, workers, state,
        "{id} starts: {guarantee} on {log}, {workers} worker{plural}, state in {state}"
    );
    // Of state or a log that are in memory as a whole, the limits of a few parts would say nothing.
    if parts.memory.is_limited() {
        let memory = &parts.memory;
        tracing::info!(target: PEOPLE, bytes = memory.bytes(), "{id} holds at most about {memory}");
    }
    for topic in fed_back(&parts.topology) {
        tracing::info!(
            target: PEOPLE, topic,
            "{id} reads topic `{topic}` and writes to it: what it writes there it processes again, for ever unless \
             something is left out on the way"
        );
    }
}

/// The user's topics that a part of the topology both reads and writes. That may be meant, as a retry is.
fn fed_back(topology: &Topology) -> impl Iterator<Item = &str> {
    let subtopologies = topology.subtopologies().iter();
    subtopologies.flat_map(|sub| sub.sources.intersection(&sub.sinks)).filter_map(|topic| match topic {
        TopicRef::External(name) => Some(&**name),
        TopicRef::Internal(_) | TopicRef::Matching(_) => None,
    })
}

/// Where the state is kept.
fn state_of(parts: &InstanceParts) -> String {
    let name = parts.backend.name();
    if !parts.backend.is_persistent() || parts.backend.place().is_some() {
        return name.to_owned();
    }
    let folder = parts.settings.state_dir.join(&*parts.application_id);
    format!("{name} in {}", folder.display())
}

#[cfg(test)]
mod tests {
    use super::fed_back;
    use crate::dsl::StreamsBuilder;
    use crate::topic::Topic;

    const IN: Topic<String, String> = Topic::new("in");
    const RETRY: Topic<String, String> = Topic::new("retry");
    const OUT: Topic<String, String> = Topic::new("out");

    const COUNTS: Topic<String, i64> = Topic::new("counts");

    /// Regression: such a topology ran for ever, and nothing said why.
    #[test]
    fn a_topic_that_is_fed_back_is_named() {
        let builder = StreamsBuilder::new();
        let work = builder.stream(IN).merge(builder.stream(RETRY));
        work.filter(|_, text| text.is_empty()).to(RETRY);
        work.to(OUT);
        // A topic between two parts is no loop.
        builder.stream(OUT).group_by(|_, text| text.clone()).count().to_stream().to(COUNTS);
        let topology = builder.build().expect("a topology");
        assert_eq!(fed_back(&topology).collect::<Vec<_>>(), ["retry"]);
    }
}
