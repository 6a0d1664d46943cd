//! What a processor's code can do besides using its stores.

use std::sync::Arc;

use super::Schedule;
use crate::operators::processor_stores::StoreUse;
use crate::operators::{Context, OperatorError, Outputs, RecordPosition, pass};
use crate::record::{Headers, Record, TaskId, Timestamp};

/// What a processor can do besides using its stores: send records, schedule punctuations, and look at its context.
#[doc(alias = "ProcessorContext")]
pub struct Forward<'a, K, V> {
    pub(super) place: Place<'a>,
    pub(super) outputs: &'a NamedOutputs<K, V>,
}

/// Where the code is, and when.
pub(super) struct Place<'a> {
    pub(super) node: &'a Arc<str>,
    pub(super) context: &'a mut Context,
    pub(super) schedule: &'a mut Schedule,
    pub(super) use_: &'a StoreUse,
    pub(super) timestamp: Timestamp,
    pub(super) headers: &'a Headers,
}

/// A node's children with their names.
pub(super) struct NamedOutputs<K, V> {
    pub(super) outputs: Outputs<K, V>,
    pub(super) names: Vec<Arc<str>>,
}

impl<K: Clone, V: Clone> NamedOutputs<K, V> {
    /// Passes a record on to all children, or to the one with a name.
    fn forward(&self, place: &mut Place<'_>, record: Record<K, V>, child: Option<&str>) -> Result<(), OperatorError> {
        let Some(name) = child else { return self.outputs.forward(place.context, record) };
        let child = self.names.iter().position(|child| **child == *name);
        match child.and_then(|child| self.outputs.child(child)) {
            Some(child) => pass(child, place.context, record),
            None => Err(OperatorError::NoChild {
                node: place.node.to_string(),
                child: name.to_owned(),
                children: self.names.iter().map(ToString::to_string).collect(),
            }),
        }
    }
}

impl<K: Clone, V: Clone> Forward<'_, K, V> {
    /// Sends a record with the timestamp and headers of the one being processed; in a punctuation, with the
    /// punctuation's time. Every child has processed it when the call returns.
    #[doc(alias = "forward")]
    pub fn send(&mut self, key: K, value: V) {
        let (timestamp, headers) = (self.place.timestamp, self.place.headers.clone());
        self.send_record(Record { key, value, timestamp, headers });
    }

    /// Sends a record with the given timestamp and headers.
    pub fn send_with(&mut self, key: K, value: V, timestamp: Timestamp, headers: Headers) {
        self.send_record(Record { key, value, timestamp, headers });
    }

    /// Sends a whole record, with its own timestamp and headers, as [`Processor::process`](super::Processor::process)
    /// gets it.
    pub fn send_record(&mut self, record: Record<K, V>) {
        self.deliver(record, None);
    }

    /// Sends a record to one child only, which is given by its name in [`Topology::describe`](crate::topology::Topology).
    /// A name that no child has is an error that ends the application.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const ORDERS: Topic<u64, i64> = Topic::new("orders");
    /// const SMALL: Topic<u64, i64> = Topic::new("small");
    /// const LARGE: Topic<u64, i64> = Topic::new("large");
    ///
    /// let builder = StreamsBuilder::new();
    /// let sorted = builder.stream(ORDERS).process((), |(), id, cents, out| {
    ///     let record = Record::new(*id, cents, out.timestamp());
    ///     out.send_to(if cents < 1_000 { "small-orders" } else { "large-orders" }, record);
    /// });
    /// sorted.to(SMALL).named("small-orders");
    /// sorted.to(LARGE).named("large-orders");
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for (id, cents) in [(1, 500), (2, 5_000)] {
    ///     driver.pipe(&ORDERS, id, cents);
    /// }
    /// assert_eq!(driver.read(&SMALL), [(1, 500)]);
    /// assert_eq!(driver.read(&LARGE), [(2, 5_000)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias = "forward")]
    pub fn send_to(&mut self, child: &str, record: Record<K, V>) {
        self.deliver(record, Some(child));
    }

    /// Nothing more happens after a failure.
    pub(super) fn deliver(&mut self, record: Record<K, V>, child: Option<&str>) {
        if self.place.use_.has_failed() {
            return;
        }
        if let Err(error) = self.outputs.forward(&mut self.place, record, child) {
            self.place.use_.fail_with(error);
        }
    }
}

/// What both kinds of output tell, from `$place`.
macro_rules! looks {
    (|$self:ident| $place:expr, |$mutable:ident| $place_mut:expr) => {
        /// The timestamp of the record being processed; in a punctuation, the punctuation's time.
        #[must_use]
        pub fn timestamp(&self) -> Timestamp {
            let $self = self;
            $place.timestamp
        }

        /// The headers of the record being processed.
        #[must_use]
        pub fn headers(&self) -> &Headers {
            let $self = self;
            $place.headers
        }

        /// The topic, partition and offset of the record being processed. `None` in a punctuation, and for records that
        /// a cache held back: there is no such record then. Kafka Streams' `recordMetadata()` is there in both, in a
        /// punctuation with no topic and -1 for the rest, after a cache with the record that changed the row last.
        #[doc(alias = "record_metadata")]
        #[must_use]
        pub fn position(&self) -> Option<&RecordPosition> {
            let $self = self;
            $place.context.position.as_ref()
        }

        /// The task that is running.
        #[doc(alias = "task_id")]
        #[must_use]
        pub fn task(&self) -> TaskId {
            let $self = self;
            $place.context.task
        }

        /// Stream time: the largest timestamp among the records this task has started to process.
        #[doc(alias = "current_stream_time_ms")]
        #[must_use]
        pub fn stream_time(&self) -> Timestamp {
            let $self = self;
            $place.context.stream_time
        }

        /// Wall-clock time, as the worker last read it.
        #[doc(alias = "current_system_time_ms")]
        #[must_use]
        pub fn wall_clock(&self) -> Timestamp {
            let $self = self;
            $place.context.wall_clock
        }

        /// Asks for a commit soon.
        #[doc(alias = "commit")]
        pub fn request_commit(&mut self) {
            let $mutable = self;
            $place_mut.context.commit_requested = true;
        }

        /// Schedules and cancels punctuations from now on.
        pub fn schedule(&mut self) -> &mut Schedule {
            let $mutable = self;
            $place_mut.schedule
        }
    };
}
pub(super) use looks;

impl<K, V> Forward<'_, K, V> {
    looks!(|out| out.place, |out| out.place);
}
