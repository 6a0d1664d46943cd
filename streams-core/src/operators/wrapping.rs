//! Closures around all processors: they see each record on its way into a node, and what comes of it.
//!
//! A parent reaches a child through a link, so that is where the closure is put: between the two, once for each parent. It
//! costs nothing where there is none. Sources and sinks are not wrapped, as in Kafka Streams (KIP-1112).

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::{Address, Context, Link, Next, OperatorError, RecordPosition, blaming, pass};
use crate::record::{Headers, Record, TaskId, Timestamp};

/// A closure around all processors.
pub(crate) type Wrapper = Arc<dyn Fn(&mut ProcessorCall<'_>) + Send + Sync>;

/// A record on its way into a node, as a closure around all processors sees it; see
/// [`Topology::around_processors`](crate::topology::Topology::around_processors).
pub struct ProcessorCall<'a> {
    node: &'a str,
    inside: &'a mut dyn Inside,
}

impl ProcessorCall<'_> {
    /// The node's name, as [`Topology::describe`](crate::topology::Topology::describe) shows it.
    #[must_use]
    pub const fn node(&self) -> &str {
        self.node
    }

    /// Lets the node process the record, and everything downstream of it. Afterwards the record is gone. A record for
    /// which this is not called is left out; a second call does nothing.
    pub fn process(&mut self) {
        self.inside.process();
    }

    /// The record's key, if it is of this type. Behind a source it is that of the topic; a table's keys come as they are.
    #[must_use]
    pub fn key<K: 'static>(&self) -> Option<&K> {
        self.inside.key()?.downcast_ref()
    }

    /// The record's value, if it is of this type. What a table sends is a [`Change`](crate::record::Change) of its value.
    #[must_use]
    pub fn value<V: 'static>(&self) -> Option<&V> {
        self.inside.value()?.downcast_ref()
    }

    /// The record's value, to change it.
    pub fn value_mut<V: 'static>(&mut self) -> Option<&mut V> {
        self.inside.value_mut()?.downcast_mut()
    }

    /// The record's headers, to change them; `None` once it is processed.
    pub fn headers_mut(&mut self) -> Option<&mut Headers> {
        self.inside.headers_mut()
    }

    /// The record's timestamp; `None` once it is processed.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.inside.timestamp()
    }

    /// The topic, partition and offset of the record that the task is processing. `None` in a punctuation, and when a
    /// cache is flushed.
    #[must_use]
    pub fn position(&self) -> Option<&RecordPosition> {
        self.inside.context().position.as_ref()
    }

    /// The task that is running.
    #[must_use]
    pub fn task(&self) -> TaskId {
        self.inside.context().task
    }

    /// Stream time: the largest timestamp among the records that this task has started to process.
    #[must_use]
    pub fn stream_time(&self) -> Timestamp {
        self.inside.context().stream_time
    }

    /// Wall-clock time, as the worker last read it.
    #[must_use]
    pub fn wall_clock(&self) -> Timestamp {
        self.inside.context().wall_clock
    }
}

/// A record and its way on, whatever its types are.
trait Inside {
    fn context(&self) -> &Context;
    fn key(&self) -> Option<&dyn Any>;
    fn value(&self) -> Option<&dyn Any>;
    fn value_mut(&mut self) -> Option<&mut dyn Any>;
    fn headers_mut(&mut self) -> Option<&mut Headers>;
    fn timestamp(&self) -> Option<Timestamp>;
    fn process(&mut self);
}

struct Call<'a, K, V> {
    child: &'a Link<K, V>,
    context: &'a mut Context,
    record: Option<Record<K, V>>,
    outcome: Result<(), OperatorError>,
}

impl<K: 'static, V: 'static> Inside for Call<'_, K, V> {
    fn context(&self) -> &Context {
        self.context
    }

    fn key(&self) -> Option<&dyn Any> {
        self.record.as_ref().map(|record| &record.key as &dyn Any)
    }

    fn value(&self) -> Option<&dyn Any> {
        self.record.as_ref().map(|record| &record.value as &dyn Any)
    }

    fn value_mut(&mut self) -> Option<&mut dyn Any> {
        self.record.as_mut().map(|record| &mut record.value as &mut dyn Any)
    }

    fn headers_mut(&mut self) -> Option<&mut Headers> {
        self.record.as_mut().map(|record| &mut record.headers)
    }

    fn timestamp(&self) -> Option<Timestamp> {
        self.record.as_ref().map(|record| record.timestamp)
    }

    fn process(&mut self) {
        if let Some(record) = self.record.take() {
            self.outcome = pass(self.child, self.context, record);
        }
    }
}

/// Puts the closures around a node, the first one innermost.
pub(super) fn wrapped<K: 'static, V: 'static>(node: &Arc<str>, child: Link<K, V>, around: &[Wrapper]) -> Link<K, V> {
    let address = Address::of(&child);
    around.iter().fold(child, |child, wrapper| {
        Rc::new(RefCell::new(Wrapped { node: Arc::clone(node), address, child, wrapper: Arc::clone(wrapper) }))
    })
}

struct Wrapped<K, V> {
    node: Arc<str>,
    /// The node's, which is blamed for a panic of the closure.
    address: Address,
    child: Link<K, V>,
    wrapper: Wrapper,
}

impl<K: 'static, V: 'static> Next<K, V> for Wrapped<K, V> {
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let mut call = Call { child: &self.child, context, record: Some(record), outcome: Ok(()) };
        blaming(self.address, || (self.wrapper)(&mut ProcessorCall { node: &self.node, inside: &mut call }));
        call.outcome
    }
}
