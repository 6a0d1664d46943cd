//! `handle` and `handle_batches`.

use std::error::Error;
use std::ops::Deref;
use std::panic::Location;
use std::time::Duration;

use super::KStream;
use crate::dsl::handler::{GiveUp, Job, Retry};
use crate::dsl::{Data, Shared, handle, through};
use crate::operators::handler::{self, HandleAll, HandlerOptions, Order};
use crate::topology::program::Call;
use crate::wire::{Field, NullableKey};

/// Asynchronous work on each record. Kafka Streams has no such methods.
impl<'t, K, V> KStream<'t, K, V> {
    /// Has each record handled by an asynchronous closure, such as one that calls another service or writes to a database,
    /// and sends the values that it returns on, under their records' keys.
    ///
    /// ```
    /// use millstream::dsl::handler::{GiveUp, Job, Retry};
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const ORDERS: Topic<String, u64> = Topic::new("orders");
    /// const RECEIPTS: Topic<String, String> = Topic::new("receipts");
    ///
    /// /// Whoever takes the money knows by the id whether it has done so already.
    /// async fn charge(id: String, customer: &str, cents: u64) -> Result<String, std::io::Error> {
    ///     Ok(format!("{customer} paid {cents} for {id}"))
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream(ORDERS)
    ///     .handle("charge", |job: Job<String, u64>| async move {
    ///         charge(job.id().to_string(), job.key(), *job.value()).await
    ///     })
    ///     .concurrency(4)
    ///     .retry(Retry::exponential(Duration::from_secs(1)).attempts(5))
    ///     .give_up(GiveUp::DeadLetter)
    ///     .to(RECEIPTS);
    ///
    /// let setup = TestDriver::configure(builder.build()?).with(|app| app.dead_letters_to("dead-letters"));
    /// let mut driver = setup.start();
    /// driver.pipe(&ORDERS, "ada", 120_u64);
    /// assert_eq!(driver.read(&RECEIPTS), [("ada".to_owned(), "ada paid 120 for orders-0@0".to_owned())]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    ///
    /// # What is promised
    /// A record is first accepted: it is kept in a store with the handler's `name`, in the same commit as its input position.
    /// No transaction stays open while a handler runs, and nobody else waits for it. Under exactly-once, a handler begins
    /// after that commit, and under at-least-once at once.
    ///
    /// * Whatever crashes, and wherever its task moves, each accepted record is handled until that succeeds or it is given
    ///   up: *at least once*. A handler that was cut off begins again, so what it calls should know each record by
    ///   [`Job::id`].
    /// * Under exactly-once, what it returns is sent on *exactly once*, with the record's key, timestamp and headers, in
    ///   the transaction that deletes the record from the store.
    /// * Records of one key are handled one after the other, in their order, also if one of them has to be handled again;
    ///   those of other keys go on meanwhile. Records without a key wait for nobody. [`Handled::unordered`] lets all go on.
    ///
    /// Values arrive behind the handler in the order in which handlers end, so windows there need a grace of the time that
    /// handlers may take.
    ///
    /// # What happens on a failure
    /// An error, a panic, and an attempt that takes longer than [`Handled::timeout`] are failures. Then the record is handled
    /// again, as [`Handled::retry`] says, and [given up](Handled::give_up) after the last attempt. What is not said there
    /// follows `processing.exception.retries` and `processing.exception.handler`, or
    /// [`App::handle_errors`](crate::runtime::App::handle_errors), as for all other code. After an error of the type
    /// [`Permanent`](crate::dsl::handler::Permanent) there is no further attempt.
    ///
    /// # Where it runs
    /// On a tokio runtime, see [`App::handlers_on`](crate::runtime::App::handlers_on). Code that blocks belongs in
    /// `tokio::task::spawn_blocking`. In a test, the driver itself runs handlers, step by step; there, time passes only with
    /// [`Job::sleep`].
    #[track_caller]
    pub fn handle<R, E, F>(
        self,
        name: impl Into<String>,
        handler: impl Fn(Job<K, V>) -> F + Shared,
    ) -> Handled<'t, K, R>
    where
        K: NullableKey,
        V: Field,
        R: Data + Send,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
        F: Future<Output = Result<R, E>> + Send + 'static,
    {
        self.handled(name.into(), handler::each(handler), |_| {})
    }

    /// As [`KStream::handle`], but the closure gets up to `size` records at once, and returns as many results in the same
    /// order. A batch that is not full waits up to `linger` for more records.
    ///
    /// Each record of a batch succeeds, is handled again or is given up by itself. With an order per key, a batch has no two
    /// records of the same key.
    ///
    /// ```
    /// use millstream::dsl::handler::Job;
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const READINGS: Topic<String, i64> = Topic::new("readings");
    /// const STORED: Topic<String, i64> = Topic::new("stored-readings");
    ///
    /// /// One request to the database for all of them.
    /// async fn insert(jobs: Vec<Job<String, i64>>) -> Vec<Result<i64, std::io::Error>> {
    ///     jobs.iter().map(|job| Ok(*job.value())).collect()
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(READINGS).handle_batches("insert", 100, Duration::from_millis(200), insert).to(STORED);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&READINGS, "roof", 21);
    /// assert_eq!(driver.read(&STORED), []);
    /// driver.advance_wall_clock(Duration::from_millis(200));
    /// assert_eq!(driver.read(&STORED), [("roof".to_owned(), 21)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn handle_batches<R, E, F>(
        self,
        name: impl Into<String>,
        size: usize,
        linger: Duration,
        handler: impl Fn(Vec<Job<K, V>>) -> F + Shared,
    ) -> Handled<'t, K, R>
    where
        K: NullableKey,
        V: Field,
        R: Data + Send,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
        F: Future<Output = Vec<Result<R, E>>> + Send + 'static,
    {
        self.handled(name.into(), handler::together(handler), |options| {
            (options.batch, options.linger) = (size, linger);
        })
    }

    #[track_caller]
    fn handled<R: Data + Send>(
        self,
        name: String,
        handler: HandleAll<K, V, R>,
        options: impl FnOnce(&mut HandlerOptions),
    ) -> Handled<'t, K, R>
    where
        K: NullableKey,
        V: Field,
    {
        let recipe = Box::new(move |store, options| handler::recipe::<K, V, R>(store, options, handler));
        let call = Call::Handle { input: self.step, through: through::<K, V>(), recipe };
        let stream = KStream::new(self.builder, self.builder.add(call));
        stream.builder.name(stream.step, name, Location::caller());
        stream.builder.options(stream.step, |all| options(&mut all.handler));
        Handled { stream }
    }
}

/// The values that a handler returns. It dereferences to a [`KStream`]; the options here are about the handler.
#[must_use = "say what becomes of the handler's values, or write `_ = ..`"]
pub struct Handled<'t, K, R> {
    stream: KStream<'t, K, R>,
}

impl<K, R> Handled<'_, K, R> {
    fn option(self, change: impl FnOnce(&mut HandlerOptions)) -> Self {
        self.stream.builder.options(self.stream.step, |options| change(&mut options.handler));
        self
    }

    /// How many calls of the handler run at the same time in this process, over all its tasks: 16 unless set. With batches,
    /// each is a call.
    pub fn concurrency(self, calls: usize) -> Self {
        self.option(|options| options.concurrency = calls)
    }

    /// Records of one key are handled one after the other, in their order. This is the default. If the key may have changed,
    /// the records go through a repartition topic first, so that all records of a key meet.
    pub fn in_order_per_key(self) -> Self {
        self.option(|options| options.order = Order::PerKey)
    }

    /// No record waits for another one, and none is repartitioned.
    pub fn unordered(self) -> Self {
        self.option(|options| options.order = Order::Any)
    }

    /// When a record with which the handler has failed is handled again, and how often: in place, or after it has waited in
    /// [retry topics](Retry::in_topics), which need [`Handled::unordered`].
    pub fn retry(self, retry: Retry) -> Self {
        self.option(|options| options.retry = Some(retry))
    }

    /// What becomes of a record after the last attempt.
    pub fn give_up(self, give_up: GiveUp) -> Self {
        self.option(|options| options.give_up = Some(give_up))
    }

    /// How long one call of the handler may take: 5 minutes unless set. One that takes longer is cancelled, and counts as a
    /// failure.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.option(|options| options.timeout = timeout)
    }

    /// How many records each task accepts: 10,000 unless set. A task that has as many takes nothing more from its inputs
    /// until some are done with. They are in memory.
    pub fn max_records(self, records: usize) -> Self {
        self.option(|options| options.records_max = records)
    }

    /// As [`Handled::max_records`], for the size of each task's records in bytes. One record is accepted whatever its size
    /// is. Handlers that say nothing share one limit in the whole process: 64 MiB, or their part of
    /// [`App::memory_bytes`](crate::runtime::App::memory_bytes).
    pub fn max_bytes(self, bytes: usize) -> Self {
        self.option(|options| options.bytes_max = Some(bytes))
    }

    /// A topic setting for the changelog of the accepted records, `<application>-<name>-changelog`. A name that looks like a
    /// typo is an error of `build()`; the broker checks other unknown names.
    pub fn changelog_config(self, setting: impl Into<String>, value: impl Into<String>) -> Self {
        let config = (setting.into(), value.into());
        self.stream.builder.options(self.stream.step, |options| options.keeping.configs.push(config));
        self
    }
}

impl<'t, K, R> Deref for Handled<'t, K, R> {
    type Target = KStream<'t, K, R>;

    fn deref(&self) -> &Self::Target {
        &self.stream
    }
}

impl<'t, K, R> From<Handled<'t, K, R>> for KStream<'t, K, R> {
    fn from(handled: Handled<'t, K, R>) -> Self {
        handled.stream
    }
}

handle::copy!(Handled);

impl<K, R> std::fmt::Debug for Handled<'_, K, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.stream.fmt(f)
    }
}
