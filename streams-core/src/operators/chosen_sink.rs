//! Sinks whose topic the application chooses for each record.
//!
//! What is known of a topic is asked for when the first record goes to it. Until the answer is there, the record waits in
//! the task's collector, and so does everything that is sent after it.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use super::partitioner::Partitioner;
use super::sink::{Encoder, Route};
use super::{BuiltNode, Context, Next, OperatorError, Recipe, RecordPosition};
use crate::record::{Headers, Record, Timestamp};
use crate::topic::Topic;
use crate::wire::{Field, SendAs};

/// What is known of a record besides its key and value, when its topic is chosen or a row is transformed.
#[derive(Debug)]
#[non_exhaustive]
pub struct RecordContext<'a> {
    /// The record's timestamp.
    pub timestamp: Timestamp,
    /// The record's headers.
    pub headers: &'a Headers,
    /// Where the record comes from that it was made of; `None` for what a punctuation or a cache sends.
    pub position: Option<&'a RecordPosition>,
}

/// What a choice of a topic may be: a [`Topic`], or a `Result` of one, as [`Topic::named`] returns it.
#[diagnostic::on_unimplemented(
    message = "a topic is chosen by its constant or with `Topic::named(..)`, not by `{Self}`",
    label = "not a topic",
    note = "the constants between which a closure chooses have the same types of keys and values",
    note = "a name that is known only at run time: `|user, _, _| Topic::<u64, String>::named(user.clone())`"
)]
pub trait ChosenTopic {
    /// The type of the topic's keys.
    type Key: Field;
    /// The type of the topic's values.
    type Value: Field;

    /// The topic, or why there is none.
    ///
    /// # Errors
    /// What the choice says, in words.
    fn into_topic(self) -> Result<Topic<Self::Key, Self::Value>, String>;
}

impl<K: Field, V: Field> ChosenTopic for Topic<K, V> {
    type Key = K;
    type Value = V;

    fn into_topic(self) -> Result<Self, String> {
        Ok(self)
    }
}

impl<K: Field, V: Field, E: std::fmt::Display> ChosenTopic for Result<Topic<K, V>, E> {
    type Key = K;
    type Value = V;

    fn into_topic(self) -> Result<Topic<K, V>, String> {
        self.map_err(|error| error.to_string())
    }
}

/// The application's choice for one record.
type Choose<K, V, C> = Arc<dyn Fn(&K, &V, &RecordContext<'_>) -> C + Send + Sync>;

/// Takes `Record<K, V>` and sends it to the topic that `choose` returns for it.
#[must_use]
pub(crate) fn recipe<K, V, C>(
    choose: impl Fn(&K, &V, &RecordContext<'_>) -> C + Send + Sync + 'static,
    partitioner: Option<Partitioner<K, V>>,
) -> Recipe
where
    C: ChosenTopic + 'static,
    K: SendAs<C::Key> + Clone + 'static,
    V: SendAs<C::Value> + Clone + 'static,
{
    let choose: Choose<K, V, C> = Arc::new(choose);
    Recipe::new(move |builder| {
        let (choose, partitioner) = (Arc::clone(&choose), partitioner.clone());
        let meter = builder.meter(None);
        let (encoder, types) = (Encoder::new(builder.name(), meter), PhantomData);
        Ok(BuiltNode::link::<K, V>(ChosenSink { choose, partitioner, encoder, routes: HashMap::new(), types }))
    })
}

struct ChosenSink<K, V, C> {
    choose: Choose<K, V, C>,
    partitioner: Option<Partitioner<K, V>>,
    encoder: Encoder,
    /// The topics that are known, by name.
    routes: HashMap<Box<str>, Route>,
    types: PhantomData<fn() -> C>,
}

impl<K, V, C> Next<K, V> for ChosenSink<K, V, C>
where
    C: ChosenTopic,
    K: SendAs<C::Key> + Clone + 'static,
    V: SendAs<C::Value> + Clone + 'static,
{
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = &record;
        let about = RecordContext { timestamp: *timestamp, headers, position: context.position.as_ref() };
        let topic = (self.choose)(key, value, &about)
            .into_topic()
            .map_err(|reason| OperatorError::NoTopic { node: self.encoder.node().to_owned(), reason })?;
        if !self.routes.contains_key(topic.name()) {
            let Some(destination) = context.destination(topic.name()) else {
                return self.send_later(context, topic.name(), record);
            };
            self.routes.insert(topic.name().into(), Route::new(destination, context.task.partition));
        }
        let Some(route) = self.routes.get_mut(topic.name()) else { return Ok(()) };
        let partitions = route.choose(self.partitioner.as_ref(), &record);
        self.encoder.encode::<K, V, C::Key, C::Value>(&record)?;
        self.encoder.send::<C::Key>(context, route, partitions, record.timestamp, &record.headers)
    }
}

impl<K, V, C> ChosenSink<K, V, C>
where
    C: ChosenTopic,
    K: SendAs<C::Key> + Clone + 'static,
    V: SendAs<C::Value> + Clone + 'static,
{
    /// Sends a record to a topic that has to be asked for.
    #[cold]
    fn send_later(&mut self, context: &mut Context, topic: &str, record: Record<K, V>) -> Result<(), OperatorError> {
        self.encoder.encode::<K, V, C::Key, C::Value>(&record)?;
        let (partitioner, timestamp, headers) = (self.partitioner.clone(), record.timestamp, record.headers.clone());
        let choose = move |route: &Route| route.choose(partitioner.as_ref(), &record);
        self.encoder.send_when_known::<C::Key>(context, topic, (timestamp, &headers), choose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::partitioner::Partitions;
    use crate::operators::testing::{Known, SinkChain, Word, at};
    use crate::topic::NameError;
    use crate::wire::murmur2::partition_of;

    type Words = Topic<Word, Word>;

    fn by_value(_: &Word, value: &Word, _: &RecordContext<'_>) -> Result<Words, NameError> {
        Topic::named(value.0.as_str())
    }

    fn sent(chain: &SinkChain<Word, Word>) -> Vec<(String, i32)> {
        chain.sent().into_iter().map(|sent| (sent.topic.to_string(), sent.partition.0)).collect()
    }

    #[test]
    fn every_record_goes_to_its_own_topic_and_there_to_the_partition_of_its_key() {
        let mut chain = SinkChain::new(&recipe::<Word, Word, _>(by_value, None), 7);
        for topic in ["a", "b", "a"] {
            chain.send(at(0, Word::from("key"), Word::from(topic))).unwrap();
        }
        let partition = partition_of(b"key", 7).0;
        assert_eq!(sent(&chain), ["a", "b", "a"].map(|topic| (topic.to_owned(), partition)));
    }

    #[test]
    fn a_topic_that_is_not_known_yet_gets_its_records_later_in_the_same_partitions() {
        let partitioner: Partitioner<Word, Word> = Arc::new(|key, _, to| {
            assert_eq!((to.topic, to.partitions), ("a", 7));
            if key.0 == "last" { Partitions::One(6) } else { Partitions::ByKey }
        });
        let mut chain = SinkChain::new(&recipe::<Word, Word, _>(by_value, Some(partitioner)), 7);
        chain.know(Known::Later);
        for key in ["key", "last"] {
            chain.send(at(0, Word::from(key), Word::from("a"))).unwrap();
        }
        assert_eq!(sent(&chain), []);
        chain.know(Known::Now);
        assert_eq!(sent(&chain), [("a".to_owned(), partition_of(b"key", 7).0), ("a".to_owned(), 6)]);
    }

    #[test]
    fn no_topic_is_an_error_with_its_reason() {
        let mut chain = SinkChain::new(&recipe::<Word, Word, _>(by_value, None), 7);
        let error = chain.send(at(0, Word::from("key"), Word::from("a/b"))).unwrap_err().to_string();
        let expected = "NODE: no topic was chosen: a name may contain only letters, digits, `.`, `_` and `-`; byte 1 is \
                        none of them";
        assert_eq!(error, expected);
        assert_eq!(sent(&chain), []);
    }

    #[test]
    fn a_choice_sees_where_its_record_comes_from() {
        let choose = |_: &Word, _: &Word, context: &RecordContext<'_>| {
            assert_eq!(context.position, None, "the test's records come from nowhere");
            Topic::<Word, Word>::named(format!("at-{}", context.timestamp.0))
        };
        let mut chain = SinkChain::new(&recipe::<Word, Word, _>(choose, None), 1);
        chain.send(at(42, Word::from("key"), Word::from("value"))).unwrap();
        assert_eq!(sent(&chain), [("at-42".to_owned(), 0)]);
    }
}
