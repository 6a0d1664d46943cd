//! Processors' window and session stores that a processor only reads.

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use super::tables::ReadOnly;
use super::{Failure, ProcessorStore, SessionStoreRef, StoreOrigin, StoreSpec, StoreUse, WindowStoreRef, late};
use crate::operators::{BuildError, NodeBuilder, StoreId};
use crate::record::Timestamp;
use crate::state::processor_sessions::SessionsOf;
use crate::state::processor_windows::WindowsOf;
use crate::state::{GlobalStore, ProcessorSessionStore, ProcessorWindowStore, StoreAccess, StoreValue, StoreView};
use crate::wire::Value;

/// The handle of a store, of which only those methods are there that read.
pub struct ReadOnlyRef<R>(R);

impl<R> Deref for ReadOnlyRef<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.0
    }
}

/// A store that is read: of a processor in the same task, or one that every instance has.
pub struct ReadRows<S> {
    rows: Rc<RefCell<S>>,
    /// Of a global store, with the time by which the view says what is over.
    global: Option<(Arc<GlobalStore>, Rc<Cell<Timestamp>>)>,
}

/// The time of the newest row of a global store, as far as a task knows.
#[derive(Default)]
struct Newest(Rc<Cell<Timestamp>>);

impl<S> ReadRows<S> {
    fn open(
        builder: &mut NodeBuilder<'_>,
        store: StoreId,
        make: fn(StoreAccess, Rc<Cell<Timestamp>>) -> S,
    ) -> Result<Self, BuildError>
    where
        S: StoreView,
    {
        let Ok(global) = builder.global_store(store) else {
            return Ok(Self { rows: late::timed_store(builder, store, make)?, global: None });
        };
        let newest = Rc::clone(&builder.beside::<Newest>(store)?.borrow().0);
        let rows = builder.store(store, |access| make(access, Rc::clone(&newest)))?;
        Ok(Self { rows, global: Some((global, newest)) })
    }

    /// The rows, with the time that the store has now.
    fn now<'a>(&'a self, use_: &StoreUse) -> &'a RefCell<S> {
        if let Some((global, newest)) = &self.global {
            match global.newest() {
                Ok(time) => newest.set(time),
                Err(error) => use_.fail(Failure::Rows(error.into())),
            }
        }
        &self.rows
    }
}

/// The store's description, for a processor that only reads it.
fn only_read<S: 'static>(spec: StoreSpec) -> StoreSpec {
    let (StoreOrigin::Processor(kind) | StoreOrigin::Table(kind)) = spec.origin;
    StoreSpec { types: TypeId::of::<S>(), origin: StoreOrigin::Table(kind), ..spec }
}

impl<K, V> ProcessorWindowStore<K, V> {
    /// The store of this name, for a processor that only reads it: one that
    /// [`StreamsBuilder::global_store`](crate::dsl::StreamsBuilder::global_store) fills, or that of a processor in the same
    /// task. It must be there before the processor.
    ///
    /// ```
    /// use millstream::dsl::processor::ProcessorWindowStore;
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const RATES: Topic<String, i64> = Topic::new("rates"); // of a currency, in ten-thousandths
    /// const PAYMENTS: Topic<String, i64> = Topic::new("payments");
    /// const CONVERTED: Topic<String, i64> = Topic::new("converted");
    /// const PER_HOUR: ProcessorWindowStore<String, i64> =
    ///     ProcessorWindowStore::new("rates-per-hour", Duration::from_secs(3_600), Duration::from_secs(24 * 3_600));
    ///
    /// let hour = |time: Timestamp| Timestamp(time.0 / 3_600_000 * 3_600_000);
    /// let builder = StreamsBuilder::new();
    /// builder.global_store(RATES, PER_HOUR, move |rates, rate| rates.put(&rate.key, rate.value, hour(rate.timestamp)));
    /// builder
    ///     .stream(PAYMENTS)
    ///     .process_values(PER_HOUR.read_only(), move |rates, currency, amount, out| {
    ///         if let Some(rate) = rates.get(currency, hour(out.timestamp())) {
    ///             out.send(amount * rate / 10_000);
    ///         }
    ///     })
    ///     .to(CONVERTED);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for (minute, rate) in [(0, 10_800), (70, 10_900)] {
    ///     driver.pipe_at(&RATES, "EUR", rate, Timestamp(minute * 60_000));
    /// }
    /// for minute in [80, 50, 130] {
    ///     driver.pipe_at(&PAYMENTS, "EUR", 100, Timestamp(minute * 60_000));
    /// }
    /// assert_eq!(driver.read(&CONVERTED), [("EUR".to_owned(), 109), ("EUR".to_owned(), 108)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use]
    pub const fn read_only(self) -> ReadOnly<Self> {
        ReadOnly(self)
    }
}

impl<K: Value, V: StoreValue> ProcessorStore for ReadOnly<ProcessorWindowStore<K, V>> {
    type Ref<'a> = ReadOnlyRef<WindowStoreRef<'a, K, V>>;
    type Open = ReadRows<WindowsOf<K, V>>;

    fn spec(&self) -> StoreSpec {
        only_read::<Self>(self.0.spec())
    }

    fn open(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::Open, BuildError> {
        ReadRows::open(builder, store, WindowsOf::new)
    }

    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> Self::Ref<'a> {
        ReadOnlyRef(WindowStoreRef::of(open.now(use_), use_))
    }
}

impl<K, V> ProcessorSessionStore<K, V> {
    /// The store of this name, for a processor that only reads it; see [`ProcessorWindowStore::read_only`].
    #[must_use]
    pub const fn read_only(self) -> ReadOnly<Self> {
        ReadOnly(self)
    }
}

impl<K: Value, V: Value> ProcessorStore for ReadOnly<ProcessorSessionStore<K, V>> {
    type Ref<'a> = ReadOnlyRef<SessionStoreRef<'a, K, V>>;
    type Open = ReadRows<SessionsOf<K, V>>;

    fn spec(&self) -> StoreSpec {
        only_read::<Self>(self.0.spec())
    }

    fn open(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Self::Open, BuildError> {
        ReadRows::open(builder, store, SessionsOf::new)
    }

    fn lend<'a>(open: &'a Self::Open, use_: &'a StoreUse) -> Self::Ref<'a> {
        ReadOnlyRef(SessionStoreRef::of(open.now(use_), use_))
    }
}
