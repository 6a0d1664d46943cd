//! The Processor API: runs the program's own code as a node, with stores, punctuation and full control over what is
//! forwarded.
//!
//! [`recipe`] takes a closure. [`processor_recipe`] takes an implementation of [`Processor`], which can have fields
//! and punctuations. [`values_recipe`] takes a closure that cannot change keys.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::processor_stores::{Refs, StoreTuple, StoreUse};
use super::{
    BuildError, BuiltNode, Context, Next, NodeBuilder, OperatorError, Outputs, Punctuate, Punctuation, PunctuationTime,
    Recipe, RecordPosition, StoreId,
};
use crate::record::{Headers, Record, TaskId, Timestamp};

/// A node written by the program. Every task gets its own instance.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::testing::TestDriver;
/// use std::time::Duration;
///
/// const AMOUNTS: Topic<String, i64> = Topic::new("amounts");
/// const REPORTS: Topic<String, i64> = Topic::new("reports");
/// const TOTALS: KeyValueStore<String, i64> = KeyValueStore::new("totals");
///
/// /// Adds amounts up, and tells all totals once a minute of the records' own time.
/// struct EveryMinute;
///
/// impl Processor<String, i64, String, i64> for EveryMinute {
///     type Stores = KeyValueStore<String, i64>;
///
///     fn init(&mut self, schedule: &mut Schedule) {
///         schedule.every(Duration::from_secs(60), PunctuationTime::Stream);
///     }
///
///     fn process(
///         &mut self,
///         mut totals: Refs<'_, Self::Stores>,
///         record: Record<String, i64>,
///         _out: &mut Forward<'_, String, i64>,
///     ) {
///         let total = totals.get(&record.key).unwrap_or(0) + record.value;
///         totals.put(&record.key, total);
///     }
///
///     fn punctuate(
///         &mut self,
///         _: PunctuationId,
///         _: Timestamp,
///         totals: Refs<'_, Self::Stores>,
///         out: &mut Forward<'_, String, i64>,
///     ) {
///         for (account, total) in totals.all() {
///             out.send(account, total);
///         }
///     }
/// }
///
/// let builder = StreamsBuilder::new();
/// builder.stream(AMOUNTS).process_with(TOTALS, || EveryMinute).to(REPORTS);
///
/// let mut driver = TestDriver::new(builder.build()?);
/// for (second, account, amount) in [(1, "ada", 5), (30, "ada", 2), (59, "bob", 1), (60, "bob", 1)] {
///     driver.pipe_at(&AMOUNTS, account, amount, Timestamp(second * 1_000));
/// }
/// // As soon as it is known what time it is, and then at every full minute.
/// let reports = [("ada", 5), ("ada", 7), ("bob", 2)];
/// assert_eq!(driver.read(&REPORTS), reports.map(|(account, total)| (account.to_owned(), total)));
/// # Ok::<(), TopologyError>(())
/// ```
pub trait Processor<K, V, K2, V2>: 'static {
    /// The stores it uses, as the type of their constants: `KeyValueStore<..>`, or a tuple of several.
    type Stores: StoreTuple;

    /// Called once per task, before anything else.
    fn init(&mut self, schedule: &mut Schedule) {
        let _ = schedule;
    }

    /// Processes a record. Whatever it sends is delivered in order after it returns.
    fn process(&mut self, stores: Refs<'_, Self::Stores>, record: Record<K, V>, out: &mut Forward<'_, K2, V2>);

    /// Called when a punctuation scheduled in [`Processor::init`] is due, with its time.
    fn punctuate(
        &mut self,
        punctuation: PunctuationId,
        time: Timestamp,
        stores: Refs<'_, Self::Stores>,
        out: &mut Forward<'_, K2, V2>,
    ) {
        let _ = (punctuation, time, stores, out);
    }
}

/// Identifies a punctuation, as returned by [`Schedule::every`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PunctuationId(usize);

/// Schedules a processor's punctuations.
#[derive(Debug, Default)]
pub struct Schedule(Vec<(Duration, PunctuationTime)>);

impl Schedule {
    /// Schedules a call of [`Processor::punctuate`] every `interval` of the given time, in whole milliseconds and at
    /// least one. Missed times are skipped.
    pub fn every(&mut self, interval: Duration, time: PunctuationTime) -> PunctuationId {
        self.0.push((interval, time));
        PunctuationId(self.0.len() - 1)
    }
}

/// What a processor can do besides using its stores: send records, and look at its context.
pub struct Forward<'a, K, V> {
    context: &'a mut Context,
    sent: &'a mut Vec<Record<K, V>>,
    timestamp: Timestamp,
    headers: &'a Headers,
}

impl<K, V> Forward<'_, K, V> {
    /// Sends a record with the timestamp and headers of the one being processed; in a punctuation, with the
    /// punctuation's time. It is delivered to every child when the processor's code returns.
    pub fn send(&mut self, key: K, value: V) {
        self.sent.push(Record { key, value, timestamp: self.timestamp, headers: self.headers.clone() });
    }

    /// Sends a record with the given timestamp and headers.
    pub fn send_with(&mut self, key: K, value: V, timestamp: Timestamp, headers: Headers) {
        self.send_record(Record { key, value, timestamp, headers });
    }

    /// Sends a whole record, with its own timestamp and headers, as [`Processor::process`] gets it.
    pub fn send_record(&mut self, record: Record<K, V>) {
        self.sent.push(record);
    }

    /// The timestamp of the record being processed; in a punctuation, the punctuation's time.
    #[must_use]
    pub const fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The headers of the record being processed.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        self.headers
    }

    /// The topic, partition and offset of the record being processed. `None` in a punctuation, and for records that a
    /// cache held back: there is no such record then. Kafka Streams' `recordMetadata()` is there in both, in a
    /// punctuation with no topic and -1 for the rest, after a cache with the record that changed the row last.
    #[must_use]
    pub const fn position(&self) -> Option<&RecordPosition> {
        self.context.position.as_ref()
    }

    /// The task that is running.
    #[must_use]
    pub const fn task(&self) -> TaskId {
        self.context.task
    }

    /// Stream time: the largest timestamp among the records this task has started to process.
    #[must_use]
    pub const fn stream_time(&self) -> Timestamp {
        self.context.stream_time
    }

    /// Wall-clock time, as the worker last read it.
    #[must_use]
    pub const fn wall_clock(&self) -> Timestamp {
        self.context.wall_clock
    }

    /// Asks for a commit soon.
    pub const fn request_commit(&mut self) {
        self.context.commit_requested = true;
    }
}

/// [`Forward`] for code that keeps every record's key.
pub struct ForwardValues<'a, V>(Forward<'a, (), V>);

impl<V> ForwardValues<'_, V> {
    /// As [`Forward::send`], under the key of the record being processed.
    pub fn send(&mut self, value: V) {
        self.0.send((), value);
    }

    /// As [`Forward::send_with`], under the key of the record being processed.
    pub fn send_with(&mut self, value: V, timestamp: Timestamp, headers: Headers) {
        self.0.send_with((), value, timestamp, headers);
    }

    /// As [`Forward::timestamp`].
    #[must_use]
    pub const fn timestamp(&self) -> Timestamp {
        self.0.timestamp()
    }

    /// As [`Forward::headers`].
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        self.0.headers()
    }

    /// As [`Forward::position`].
    #[must_use]
    pub const fn position(&self) -> Option<&RecordPosition> {
        self.0.position()
    }

    /// As [`Forward::task`].
    #[must_use]
    pub const fn task(&self) -> TaskId {
        self.0.task()
    }

    /// As [`Forward::stream_time`].
    #[must_use]
    pub const fn stream_time(&self) -> Timestamp {
        self.0.stream_time()
    }

    /// As [`Forward::wall_clock`].
    #[must_use]
    pub const fn wall_clock(&self) -> Timestamp {
        self.0.wall_clock()
    }

    /// As [`Forward::request_commit`].
    pub const fn request_commit(&mut self) {
        self.0.request_commit();
    }
}

/// A node that runs a closure for each `Record<K, V>` and forwards what it sends as `Record<K2, V2>`. `ids` are the
/// numbers of `stores`, in order.
pub(crate) fn recipe<S, K, V, K2, V2, F>(stores: &S, ids: Vec<StoreId>, process: F) -> Recipe
where
    S: StoreTuple,
    K: 'static,
    V: 'static,
    K2: Clone + 'static,
    V2: Clone + 'static,
    F: Fn(Refs<'_, S>, &K, V, &mut Forward<'_, K2, V2>) + Send + Sync + 'static,
{
    let _ = stores;
    let process = Arc::new(process);
    processor_recipe(ids, move || Closure::<S, F> { process: Arc::clone(&process), stores: PhantomData })
}

/// A node that runs a [`Processor`]. `ids` are the numbers of its stores, in order.
pub(crate) fn processor_recipe<P, K, V, K2, V2>(
    ids: Vec<StoreId>,
    make: impl Fn() -> P + Send + Sync + 'static,
) -> Recipe
where
    P: Processor<K, V, K2, V2>,
    K: 'static,
    V: 'static,
    K2: Clone + 'static,
    V2: Clone + 'static,
{
    Recipe::new(move |builder| {
        let node = build(builder, &ids, make(), builder.outputs::<K2, V2>()?)?;
        Ok(BuiltNode::shared::<K, V, _>(&node))
    })
}

/// A node that runs a closure for each `Record<K, V>` and forwards what it sends under the same key. `ids` are the
/// numbers of `stores`, in order.
pub(crate) fn values_recipe<S, K, V, V2, F>(stores: &S, ids: Vec<StoreId>, process: F) -> Recipe
where
    S: StoreTuple,
    K: Clone + 'static,
    V: 'static,
    V2: Clone + 'static,
    F: Fn(Refs<'_, S>, &K, V, &mut ForwardValues<'_, V2>) + Send + Sync + 'static,
{
    let _ = stores;
    let process = Arc::new(process);
    Recipe::new(move |builder| {
        let outputs = builder.outputs::<K, V2>()?;
        let stores = S::open(builder, &ids)?;
        let (node, process) = (Arc::clone(builder.name()), Arc::clone(&process));
        Ok(BuiltNode::link::<K, V>(ValuesNode::<S, K, V2, F> { node, process, stores, outputs, sent: Vec::new() }))
    })
}

struct Closure<S, F> {
    process: Arc<F>,
    stores: PhantomData<fn() -> S>,
}

impl<S, K, V, K2, V2, F> Processor<K, V, K2, V2> for Closure<S, F>
where
    S: StoreTuple,
    F: Fn(Refs<'_, S>, &K, V, &mut Forward<'_, K2, V2>) + 'static,
{
    type Stores = S;

    fn process(&mut self, stores: Refs<'_, S>, record: Record<K, V>, out: &mut Forward<'_, K2, V2>) {
        (self.process)(stores, &record.key, record.value, out);
    }
}

/// A processor within a task.
struct ProcessorNode<P, S: StoreTuple, K2, V2> {
    node: Arc<str>,
    processor: P,
    stores: S::Open,
    outputs: Outputs<K2, V2>,
    sent: Vec<Record<K2, V2>>,
}

type SharedNode<P, S, K2, V2> = Rc<RefCell<ProcessorNode<P, S, K2, V2>>>;

fn build<P, K, V, K2, V2>(
    builder: &mut NodeBuilder<'_>,
    ids: &[StoreId],
    mut processor: P,
    outputs: Outputs<K2, V2>,
) -> Result<SharedNode<P, P::Stores, K2, V2>, BuildError>
where
    P: Processor<K, V, K2, V2>,
    K: 'static,
    V: 'static,
    K2: Clone + 'static,
    V2: Clone + 'static,
{
    let mut schedule = Schedule::default();
    processor.init(&mut schedule);
    let (node, stores) = (Arc::clone(builder.name()), P::Stores::open(builder, ids)?);
    let node = Rc::new(RefCell::new(ProcessorNode { node, processor, stores, outputs, sent: Vec::new() }));
    for (number, (interval, time)) in schedule.0.into_iter().enumerate() {
        if interval < Duration::from_millis(1) {
            return Err(builder.error("it asks to be called more often than once a millisecond"));
        }
        let target: PunctuationTarget<P, P::Stores, K, V, K2, V2> =
            PunctuationTarget { node: Rc::clone(&node), punctuation: PunctuationId(number), types: PhantomData };
        builder.punctuate(Punctuation { time, interval, target: Rc::new(RefCell::new(target)) });
    }
    Ok(node)
}

impl<P, S: StoreTuple, K2: Clone, V2: Clone> ProcessorNode<P, S, K2, V2> {
    /// Runs the program's code, then delivers what it sent.
    fn run(
        &mut self,
        context: &mut Context,
        timestamp: Timestamp,
        headers: &Headers,
        code: impl FnOnce(&mut P, Refs<'_, S>, &mut Forward<'_, K2, V2>),
    ) -> Result<(), OperatorError> {
        let use_ = StoreUse::new(timestamp);
        self.sent.clear();
        let mut out = Forward { context, sent: &mut self.sent, timestamp, headers };
        code(&mut self.processor, S::lend(&self.stores, &use_), &mut out);
        use_.finish().map_err(|error| OperatorError::rows(&self.node, error))?;
        self.sent.drain(..).try_for_each(|record| self.outputs.forward(context, record))
    }
}

impl<P, K, V, K2, V2> Next<K, V> for ProcessorNode<P, P::Stores, K2, V2>
where
    P: Processor<K, V, K2, V2>,
    K2: Clone,
    V2: Clone,
{
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let (timestamp, headers) = (record.timestamp, record.headers.clone());
        self.run(context, timestamp, &headers, |processor, stores, out| processor.process(stores, record, out))
    }
}

struct PunctuationTarget<P, S: StoreTuple, K, V, K2, V2> {
    node: SharedNode<P, S, K2, V2>,
    punctuation: PunctuationId,
    types: PhantomData<fn(K, V)>,
}

impl<P, K, V, K2, V2> Punctuate for PunctuationTarget<P, P::Stores, K, V, K2, V2>
where
    P: Processor<K, V, K2, V2>,
    K2: Clone,
    V2: Clone,
{
    fn punctuate(&mut self, context: &mut Context, now: Timestamp) -> Result<(), OperatorError> {
        let punctuation = self.punctuation;
        self.node.borrow_mut().run(context, now, &Headers::new(), |processor, stores, out| {
            processor.punctuate(punctuation, now, stores, out);
        })
    }
}

/// A closure that cannot change keys, within a task.
struct ValuesNode<S: StoreTuple, K, V2, F> {
    node: Arc<str>,
    process: Arc<F>,
    stores: S::Open,
    outputs: Outputs<K, V2>,
    sent: Vec<Record<(), V2>>,
}

impl<S, K, V, V2, F> Next<K, V> for ValuesNode<S, K, V2, F>
where
    S: StoreTuple,
    K: Clone,
    V2: Clone,
    F: Fn(Refs<'_, S>, &K, V, &mut ForwardValues<'_, V2>),
{
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let use_ = StoreUse::new(timestamp);
        self.sent.clear();
        let mut out = ForwardValues(Forward { context, sent: &mut self.sent, timestamp, headers: &headers });
        (self.process)(S::lend(&self.stores, &use_), &key, value, &mut out);
        use_.finish().map_err(|error| OperatorError::rows(&self.node, error))?;
        for Record { value, timestamp, headers, .. } in self.sent.drain(..) {
            self.outputs.forward(context, Record { key: key.clone(), value, timestamp, headers })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::time::Duration;

    use super::{Forward, Processor, PunctuationId, Schedule};
    use crate::operators::processor_stores::{Refs, StoreTuple};
    use crate::operators::testing::{Chain, Setup, at, headers};
    use crate::operators::{Context, PunctuationTime, Recipe, RecordPosition, StoreId};
    use crate::record::{Offset, Partition, Record, Timestamp};
    use crate::state::KeyValueStore;

    const SEEN: KeyValueStore<String, bool> = KeyValueStore::new("seen");
    const TOTALS: KeyValueStore<String, i64> = KeyValueStore::new("totals");

    /// Fixes the closure's types as the DSL does, from the stream and the stores.
    fn process<S: StoreTuple, K2: Clone + 'static, V2: Clone + 'static>(
        stores: S,
        code: impl Fn(Refs<'_, S>, &String, i64, &mut Forward<'_, K2, V2>) + Send + Sync + 'static,
    ) -> Recipe {
        let ids = (0..).map(StoreId).take(stores.specs().len()).collect();
        super::recipe(&stores, ids, code)
    }

    fn chain<K2: Send + 'static, V2: Send + 'static>(recipe: &Recipe) -> Chain<String, i64, K2, V2> {
        Chain::with(Setup { stores: vec!["seen", "totals"], ..Setup::default() }, recipe)
    }

    fn pay(timestamp: i64, id: &str, cents: i64) -> Record<String, i64> {
        at(timestamp, id.to_owned(), cents)
    }

    #[test]
    fn stores_arrive_as_borrowed_handles_and_what_is_sent_is_delivered() {
        let recipe = process((SEEN, TOTALS), |(mut seen, mut totals), id, cents, out| {
            if seen.get(id).is_none() {
                seen.put(id, true);
                let total = totals.get(id).unwrap_or(0) + cents;
                totals.put(id, total);
                out.send(id.clone(), total);
            }
        });
        let mut chain = chain(&recipe);
        for record in [pay(1, "a", 5), pay(2, "a", 6), pay(3, "b", 7)] {
            chain.send(record);
        }
        assert_eq!(chain.received(), [pay(1, "a", 5), pay(3, "b", 7)]);
        let logged = |id: &str, cents: i64, time| (id.into(), Some(cents.to_be_bytes().to_vec()), time);
        assert_eq!(chain.logged(1), [logged("a", 5, 1), logged("b", 7, 3)], "plain values, the record's time");
        assert_eq!(
            chain.stored(1),
            [("a".into(), 5_i64.to_be_bytes().to_vec()), ("b".into(), 7_i64.to_be_bytes().to_vec())]
        );
    }

    #[test]
    fn one_store_arrives_alone_and_none_as_nothing() {
        let mut one = chain(&process(TOTALS, |mut totals, id, cents, out: &mut Forward<'_, String, i64>| {
            totals.put(id, cents);
            totals.delete(&"b".to_owned());
            out.send("all".to_owned(), totals.all().iter().map(|(_, cents)| cents).sum());
        }));
        one.send(pay(1, "a", 5));
        one.send(pay(2, "b", 6));
        one.send(pay(3, "c", 7));
        assert_eq!(one.received(), [pay(1, "all", 5), pay(2, "all", 5), pay(3, "all", 12)]);
        assert_eq!(one.logged(0).iter().filter(|(_, value, _)| value.is_none()).count(), 3, "deletions are logged");

        let mut none = chain::<i64, String>(&process((), |(), id, cents, out| out.send(cents, id.clone())));
        none.send(pay(1, "a", 5));
        assert_eq!(none.received(), [at(1, 5, "a".to_owned())]);
    }

    #[test]
    fn records_are_delivered_in_order_with_the_times_and_headers_they_were_sent_with() {
        let recipe = process((), |(), id, cents, out| {
            out.send(id.clone(), cents);
            out.send_record(Record { headers: headers("own", "2"), ..at(99, "own".to_owned(), out.timestamp().0) });
            out.send(id.clone(), i64::try_from(out.headers().len()).unwrap());
            out.request_commit();
        });
        let mut chain = chain(&recipe);
        let record = Record { headers: headers("in", "1"), ..pay(7, "a", 5) };
        chain.send(record.clone());
        let own = Record { headers: headers("own", "2"), ..pay(99, "own", 7) };
        assert_eq!(chain.received(), [record.clone(), own, Record { value: 1, ..record }]);
        assert!(chain.context.commit_requested);
    }

    #[test]
    fn the_code_can_ask_where_and_when_it_is() {
        let recipe = process((), |(), _, _, out| {
            let position =
                out.position().map(|position| format!("{}-{}@{}", position.topic, position.partition, position.offset));
            out.send(format!("{position:?} in {}", out.task()), (out.stream_time().0, out.wall_clock().0));
        });
        let mut chain = chain::<String, (i64, i64)>(&recipe);
        chain.context.wall_clock = Timestamp(1_000);
        chain.send(pay(7, "a", 5));
        chain.context.position = Some(RecordPosition { topic: "t".into(), partition: Partition(2), offset: Offset(3) });
        chain.send(pay(5, "a", 5));
        let received: Vec<_> = chain.received().into_iter().map(|record| (record.key, record.value)).collect();
        let expected = [("None in 0_0", (7, 1_000)), ("Some(\"t-2@3\") in 0_0", (7, 1_000))];
        assert_eq!(received, expected.map(|(key, value)| (key.to_owned(), value)));
    }

    #[test]
    fn ranges_are_in_the_order_of_keys_and_end_where_they_are_told_to() {
        let recipe = process(TOTALS, |mut totals, _, limit, out| {
            for number in 0..600 {
                totals.put(&format!("{number:03}"), number);
            }
            let range = totals.range("010".to_owned().."013".to_owned());
            let (mut visited, mut sum) = (0, 0);
            totals.visit("100".to_owned().., |_, number| {
                visited += 1;
                sum += number;
                if visited == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            out.send(range, (i64::try_from(totals.count()).unwrap(), visited, sum));
        });
        let mut chain = chain::<Vec<(String, i64)>, (i64, i64, i64)>(&recipe);
        for limit in [3, 300, 10_000] {
            chain.send(pay(1, "", limit));
        }
        let received = chain.received();
        let keys: Vec<_> = received[0].key.iter().map(|(key, number)| (key.as_str(), *number)).collect();
        assert_eq!(keys, [("010", 10), ("011", 11), ("012", 12)]);
        let values: Vec<_> = received.iter().map(|record| record.value).collect();
        let sum = |numbers: std::ops::Range<i64>| numbers.sum::<i64>();
        assert_eq!(values, [(600, 3, 100 + 101 + 102), (600, 300, sum(100..400)), (600, 500, sum(100..600))]);
    }

    #[test]
    fn another_store_can_be_written_while_one_is_visited() {
        let recipe = process((SEEN, TOTALS), |(mut seen, mut totals), id, cents, out| {
            totals.put(id, cents);
            totals.visit(.., |id, _| {
                seen.put(&id, true);
                ControlFlow::Continue(())
            });
            out.send(seen.count(), totals.count());
        });
        let mut chain = chain::<usize, usize>(&recipe);
        chain.send(pay(1, "a", 5));
        chain.send(pay(1, "b", 5));
        assert_eq!(chain.received(), [at(1, 1, 1), at(1, 2, 2)]);
    }

    #[test]
    fn the_first_failure_of_a_store_fails_the_record_when_the_code_returns_and_nothing_is_delivered() {
        let write = process(TOTALS, |mut totals, id, cents, _: &mut Forward<'_, String, i64>| totals.put(id, cents));
        let mut chain = chain::<String, i64>(&write);
        chain.send(pay(1, "a", 1));
        chain.commit();
        const WRONG: KeyValueStore<String, bool> = KeyValueStore::new("seen");
        let read = process(WRONG, |mut wrong, id, _, out| {
            out.send(id.clone(), wrong.get(id).is_some());
            wrong.put(id, true);
            out.send(id.clone(), wrong.get(id).is_some());
        });
        let mut chain = chain.retyped::<String, i64, String, bool>(&read);
        let error = chain.try_send(pay(1, "a", 1)).unwrap_err().to_string();
        assert!(error.starts_with("NODE: store seen holds a value that cannot be read"), "{error}");
        assert_eq!((chain.received(), chain.logged(0).len()), (vec![], 1), "nothing after the failure");
        chain.try_send(pay(2, "b", 1)).unwrap();
        assert_eq!(chain.received(), [at(2, "b".to_owned(), false), at(2, "b".to_owned(), true)]);
    }

    /// The code in a `process` and in a `process_values` differs only in the keys that it sends.
    #[test]
    fn code_that_keeps_the_key_is_spelled_like_code_that_may_change_it() {
        macro_rules! code {
            ($($key:ident)?) => {
                |mut totals, id: &String, cents: i64, out| {
                    $(let $key = id.clone();)?
                    totals.put(id, cents);
                    let place = (out.position().is_some(), out.task().partition.0, out.headers().len());
                    let times = (out.timestamp().0, out.stream_time().0, out.wall_clock().0);
                    out.send($($key.clone(),)? format!("{place:?} {times:?}"));
                    out.send_with($($key,)? "late".to_owned(), Timestamp(99), headers("h", "1"));
                    out.request_commit();
                }
            };
        }
        let with_keys = process(TOTALS, code!(key));
        let values = super::values_recipe(&TOTALS, vec![StoreId(0)], code!());
        let first = at(1, "a".to_owned(), "(false, 0, 0) (1, 1, 1000)".to_owned());
        let second = Record { headers: headers("h", "1"), ..at(99, "a".to_owned(), "late".to_owned()) };
        for recipe in [with_keys, values] {
            let mut chain = chain::<String, String>(&recipe);
            chain.context.wall_clock = Timestamp(1_000);
            chain.send(pay(1, "a", 5));
            assert_eq!(chain.received(), [first.clone(), second.clone()]);
            assert!(chain.context.commit_requested);
            assert_eq!(chain.logged(0).len(), 1);
        }
    }

    #[test]
    fn values_keep_their_key() {
        let recipe = super::values_recipe(&TOTALS, vec![StoreId(0)], |mut totals, id: &String, cents: i64, out| {
            let total = totals.get(id).unwrap_or(0) + cents;
            totals.put(id, total);
            out.send(format!("{} at {}", total, out.timestamp().0));
            out.send_with("late".to_owned(), Timestamp(99), headers("h", "1"));
        });
        let mut chain = chain::<String, String>(&recipe);
        chain.send(pay(1, "a", 5));
        let second = Record { headers: headers("h", "1"), ..at(99, "a".to_owned(), "late".to_owned()) };
        assert_eq!(chain.received(), [at(1, "a".to_owned(), "5 at 1".to_owned()), second]);
    }

    /// Counts records, and sends the count along with the punctuation that triggered it.
    #[derive(Default)]
    struct Counting {
        records: i64,
        by_stream_time: Option<PunctuationId>,
    }

    impl Processor<String, i64, String, i64> for Counting {
        type Stores = (KeyValueStore<String, i64>,);

        fn init(&mut self, schedule: &mut Schedule) {
            schedule.every(Duration::from_secs(1), PunctuationTime::WallClock);
            self.by_stream_time = Some(schedule.every(Duration::from_millis(10), PunctuationTime::Stream));
        }

        fn process(
            &mut self,
            (mut last,): Refs<'_, Self::Stores>,
            record: Record<String, i64>,
            _: &mut Forward<'_, String, i64>,
        ) {
            self.records += 1;
            last.put(&record.key, record.value);
        }

        fn punctuate(
            &mut self,
            punctuation: PunctuationId,
            time: Timestamp,
            (mut last,): Refs<'_, Self::Stores>,
            out: &mut Forward<'_, String, i64>,
        ) {
            let by = if Some(punctuation) == self.by_stream_time { "stream" } else { "wall clock" };
            last.put(&by.to_owned(), time.0);
            out.send(format!("{by} {}", out.position().is_none()), self.records);
        }
    }

    #[test]
    fn punctuations_call_the_processor_with_its_stores_and_their_time() {
        let recipe = super::processor_recipe(vec![StoreId(0)], Counting::default);
        let mut chain = chain::<String, i64>(&recipe);
        let schedule: Vec<_> = chain.parts.punctuations.iter().map(|due| (due.time, due.interval)).collect();
        let expected = [
            (PunctuationTime::WallClock, Duration::from_secs(1)),
            (PunctuationTime::Stream, Duration::from_millis(10)),
        ];
        assert_eq!(schedule, expected);
        chain.send(pay(1, "a", 5));
        let fire = |which: usize, now: i64, chain: &mut Chain<String, i64, String, i64>| {
            let target = std::rc::Rc::clone(&chain.parts.punctuations[which].target);
            let context: &mut Context = &mut chain.context;
            target.borrow_mut().punctuate(context, Timestamp(now)).unwrap();
        };
        fire(1, 20, &mut chain);
        chain.send(pay(2, "b", 6));
        fire(0, 5_000, &mut chain);
        assert_eq!(chain.received(), [pay(20, "stream true", 1), pay(5_000, "wall clock true", 2)]);
        let logged: Vec<_> = chain.logged(0).into_iter().map(|(_, _, time)| time).collect();
        assert_eq!(logged, [1, 20, 2, 5_000], "what a punctuation writes has its time");
    }

    #[test]
    fn a_punctuation_without_an_interval_is_an_error_of_the_build() {
        struct Hasty;
        impl Processor<String, i64, String, i64> for Hasty {
            type Stores = ();
            fn init(&mut self, schedule: &mut Schedule) {
                schedule.every(Duration::from_micros(10), PunctuationTime::Stream);
            }
            fn process(&mut self, (): (), _: Record<String, i64>, _: &mut Forward<'_, String, i64>) {}
        }
        let recipe = super::processor_recipe(vec![], || Hasty);
        let error = Chain::<String, i64, String, i64>::try_new(&recipe, 1).err().unwrap().to_string();
        assert!(error.contains("more often than once a millisecond"), "{error}");
    }
}
