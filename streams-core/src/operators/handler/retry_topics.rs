//! Retry topics: where records wait that are handled again much later.
//!
//! The handler takes a record out of its store and sends it to the topic for its delay, in one transaction. A source of the
//! same task reads it there and passes it to the same handler. Each task uses the partitions with its own number only, so
//! it is the only one that writes them, and nothing is repartitioned. That the first record of a partition waits until it
//! is due is the runtime's business; this module knows the records' headers.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::log::RecordRef;
use crate::operators::source::undecodable;
use crate::operators::{BuiltNode, Context, Destination, Link, Next, NodeBuilder, OperatorError, Recipe, SinkMeter};
use crate::record::{Header, Headers, Offset, Partition, Record, RecordPosition, Timestamp};
use crate::state::in_flight::Accepted;
use crate::topic::TopicRef;
use crate::wire::DecodeError;

/// All of them are texts, and each record has all of them, behind its own headers and in this order.
const NAMES: [&str; 7] = [
    "millstream.retry.topic",
    "millstream.retry.partition",
    "millstream.retry.offset",
    "millstream.retry.ordinal",
    "millstream.retry.attempts",
    "millstream.retry.reason",
    DUE,
];

const DUE: &str = "millstream.retry.due";

/// How much of a reason goes along, in characters: errors may be long, and a record must not become too large for its topic.
const REASON_LENGTH: usize = 500;

/// The name of a retry topic, without the application's id.
pub(crate) fn topic_name(handler: &str, delay: Duration) -> String {
    format!("{handler}.retry.{}", short(delay))
}

/// The name of the node that writes or reads a retry topic.
pub(crate) fn node_name(handler: &str, delay: Duration, what: &str) -> String {
    format!("{handler}-retry-{}-{what}", short(delay))
}

/// A time in the largest unit in which it is a whole number, as `90s` or `1h`.
fn short(delay: Duration) -> String {
    const UNITS: [(u128, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let millis = delay.as_millis();
    let unit = UNITS.iter().find(|(length, _)| millis > 0 && millis.is_multiple_of(*length));
    unit.map_or_else(|| format!("{millis}ms"), |(length, unit)| format!("{}{unit}", millis / length))
}

/// A record that is sent to a retry topic.
#[derive(Debug, Clone)]
pub(crate) struct Parked {
    pub(super) accepted: Accepted,
    pub(super) reason: Box<str>,
    pub(super) due: Timestamp,
}

/// A retry topic, as the handler sees it.
pub(super) struct RetryTopic {
    pub(super) delay: Duration,
    /// The full name.
    pub(super) name: Arc<str>,
    sink: Link<(), Parked>,
}

impl RetryTopic {
    /// The retry topics of a handler, whose sinks are its first children.
    pub(super) fn all(
        builder: &mut NodeBuilder<'_>,
        topics: &[(Duration, TopicRef)],
    ) -> Result<Vec<Self>, crate::operators::BuildError> {
        let topic = |(index, (delay, topic)): (usize, &(Duration, TopicRef))| {
            let (name, sink) = (builder.destination(topic)?.topic, builder.output(index)?);
            Ok(Self { delay: *delay, name, sink })
        };
        topics.iter().enumerate().map(topic).collect()
    }

    /// Sends a record there.
    pub(super) fn send(&self, context: &mut Context, parked: Parked) -> Result<(), OperatorError> {
        let timestamp = parked.accepted.timestamp;
        self.sink.borrow_mut().process(context, Record::new((), parked, timestamp))
    }
}

/// Takes a `Record<(), Parked>` and sends it to a retry topic.
pub(crate) fn sink_recipe(topic: TopicRef) -> Recipe {
    Recipe::new(move |builder| {
        let (node, destination) = (builder.name().to_string(), builder.destination(&topic)?);
        let (partition, meter) = (builder.task().partition, builder.meter(Some(&destination.topic)));
        Ok(BuiltNode::link::<(), Parked>(RetrySink { node, destination, partition, meter }))
    })
}

struct RetrySink {
    node: String,
    destination: Destination,
    partition: Partition,
    meter: Rc<SinkMeter>,
}

impl Next<(), Parked> for RetrySink {
    fn process(&mut self, context: &mut Context, record: Record<(), Parked>) -> Result<(), OperatorError> {
        let headers = headers_of(&record.value);
        let Accepted { key, value, timestamp, .. } = record.value.accepted;
        let (key, value) = (key.as_deref(), value.as_deref());
        context.send(&self.node, &self.destination, self.partition, key, value, timestamp, &headers)?;
        self.meter.note(timestamp, context.wall_clock);
        Ok(())
    }
}

fn headers_of(parked: &Parked) -> Headers {
    let Accepted { position, ordinal, first, headers, attempts, .. } = &parked.accepted;
    // Without a topic, it is the number under which the record was accepted first.
    let (topic, partition, offset) = match (position, first) {
        (Some(RecordPosition { topic, partition, offset }), _) => (&**topic, partition.0, offset.0),
        (None, Some((partition, number))) => ("", partition.0, *number),
        (None, None) => ("", -1, -1),
    };
    let values = [
        topic.to_owned(),
        partition.to_string(),
        offset.to_string(),
        ordinal.to_string(),
        attempts.to_string(),
        parked.reason.chars().take(REASON_LENGTH).collect(),
        parked.due.0.to_string(),
    ];
    let mut all = headers.clone();
    NAMES.into_iter().zip(values).for_each(|(name, value)| all.push(name, value));
    all
}

/// What the headers of a record in a retry topic say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Returned {
    pub(super) position: Option<RecordPosition>,
    pub(super) first: Option<(Partition, i64)>,
    pub(super) ordinal: u32,
    pub(super) attempts: u32,
    /// The record's own headers.
    pub(super) headers: Headers,
}

impl Returned {
    /// Reads the headers; `None` if somebody else has written the record.
    ///
    /// # Errors
    /// When somebody has changed them.
    pub(super) fn read(headers: &Headers) -> Result<Option<Self>, OperatorError> {
        if headers.iter().next_back().is_none_or(|last| last.name != DUE) {
            return Ok(None);
        }
        let refused =
            |reason: String, bytes: Option<&[u8]>| undecodable("headers", DecodeError::new::<Self>(reason), bytes);
        let own = headers.len().checked_sub(NAMES.len());
        let own = own.ok_or_else(|| refused(format!("`{DUE}` is there without the others"), None))?;
        let mut texts = Vec::with_capacity(NAMES.len());
        for (Header { name, value }, expected) in headers.iter().skip(own).zip(NAMES) {
            let text = value.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
            match text.filter(|_| name == expected) {
                Some(text) => texts.push(text),
                None => return Err(refused(format!("`{expected}` is not in its place, or no text"), value.as_deref())),
            }
        }
        let [topic, partition, offset, ordinal, attempts, _, due] = texts.as_slice() else { return Ok(None) };
        let number = |name: &str, text: &str| {
            text.parse::<i64>().map_err(|_| refused(format!("`{name}` is no number"), Some(text.as_bytes())))
        };
        let short = |name: &str, text: &str| {
            text.parse::<u32>().map_err(|_| refused(format!("`{name}` is no number"), Some(text.as_bytes())))
        };
        let partition = i32::try_from(number(NAMES[1], partition)?)
            .map_err(|_| refused(format!("`{}` is no partition", NAMES[1]), Some(partition.as_bytes())))?;
        let (partition, offset) = (Partition(partition), number(NAMES[2], offset)?);
        number(DUE, due)?;
        let position =
            (!topic.is_empty()).then(|| RecordPosition { topic: Arc::from(*topic), partition, offset: Offset(offset) });
        Ok(Some(Self {
            first: position.is_none().then_some((partition, offset)),
            position,
            ordinal: short(NAMES[3], ordinal)?,
            attempts: short(NAMES[4], attempts)?,
            headers: headers.iter().take(own).cloned().collect(),
        }))
    }
}

/// When a record of a retry topic is to be handled; `None` if that is not known, and it should not wait.
pub(crate) fn due(record: &RecordRef<'_>) -> Option<Timestamp> {
    if !record.has_header(DUE) {
        return None;
    }
    let headers = record.headers();
    let last = headers.iter().next_back().filter(|last| last.name == DUE)?;
    std::str::from_utf8(last.value.as_deref()?).ok()?.parse().ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::headers;

    fn parked(position: Option<RecordPosition>, first: Option<(Partition, i64)>) -> Parked {
        let accepted = Accepted {
            position,
            ordinal: 2,
            first,
            timestamp: Timestamp(5),
            headers: headers("trace", "x"),
            key: None,
            value: None,
            attempts: 3,
            due: Timestamp::UNKNOWN,
        };
        Parked { accepted, reason: "it is busy".into(), due: Timestamp(60_005) }
    }

    fn position() -> RecordPosition {
        RecordPosition { topic: "jobs".into(), partition: Partition(1), offset: Offset(7) }
    }

    #[test]
    fn a_topics_name_has_its_delay_in_the_largest_unit() {
        for (millis, expected) in [
            (60_000, "1m"),
            (600_000, "10m"),
            (3_600_000, "1h"),
            (90_000, "90s"),
            (172_800_000, "2d"),
            (1_500, "1500ms"),
        ] {
            assert_eq!(topic_name("work", Duration::from_millis(millis)), format!("work.retry.{expected}"));
        }
    }

    #[test]
    fn what_the_headers_say_is_read_and_they_stand_behind_the_records_own() {
        for (position, first) in [(Some(position()), None), (None, Some((Partition(2), 9)))] {
            let parked = parked(position.clone(), first);
            let all = headers_of(&parked);
            let names: Vec<_> = all.iter().map(|header| header.name.as_str()).collect();
            assert_eq!((names[0], &names[1..]), ("trace", &NAMES[..]));
            let own = headers("trace", "x");
            let expected = Returned { position, first, ordinal: 2, attempts: 3, headers: own };
            assert_eq!(Returned::read(&all), Ok(Some(expected)));
        }
    }

    #[test]
    fn a_records_own_headers_with_such_names_stay_its_own() {
        let mut inner = parked(Some(position()), None);
        inner.accepted.headers = headers_of(&inner);
        let read = Returned::read(&headers_of(&inner)).unwrap().unwrap();
        assert_eq!(read.headers, inner.accepted.headers);
    }

    #[test]
    fn a_record_of_somebody_else_has_none_and_one_that_was_changed_is_refused() {
        assert_eq!(Returned::read(&Headers::new()), Ok(None));
        assert_eq!(Returned::read(&headers("trace", "x")), Ok(None));
        let good: Vec<Header> = headers_of(&parked(Some(position()), None)).into_iter().cloned().collect();
        let changed = |index: usize, value: Option<&'static str>| -> Headers {
            let mut headers = good.clone();
            headers[index].value = value.map(|value| value.as_bytes().to_vec().into());
            headers.into_iter().collect()
        };
        for (headers, expected) in [
            (headers(DUE, "7"), "`millstream.retry.due` is there without the others"),
            (changed(7, Some("soon")), "`millstream.retry.due` is no number"),
            (changed(2, Some("3000000000")), "`millstream.retry.partition` is no partition"),
            (changed(5, Some("-1")), "`millstream.retry.attempts` is no number"),
            (changed(1, None), "`millstream.retry.topic` is not in its place, or no text"),
            (good.iter().skip(1).chain(&good[7..]).cloned().collect(), "is not in its place"),
        ] {
            let error = Returned::read(&headers).unwrap_err().to_string();
            assert!(error.starts_with("the headers cannot be read: ") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_long_reason_is_cut_off_between_characters() {
        let parked = Parked { reason: "é".repeat(10_000).into(), ..parked(Some(position()), None) };
        let all = headers_of(&parked);
        assert_eq!(all.get(NAMES[5]), Some("é".repeat(REASON_LENGTH).as_bytes()));
    }
}
