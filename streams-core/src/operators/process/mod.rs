//! The Processor API: runs the program's own code as a node, with stores, punctuation and full control over what is
//! forwarded.
//!
//! [`recipe`] takes a closure. [`processor_recipe`] takes an implementation of [`Processor`], which can have fields
//! and punctuations. [`values_recipe`] and [`value_processor_recipe`] are the same for code that cannot change keys.

use super::processor_stores::{Refs, StoreTuple};
use crate::record::{Record, Timestamp};

mod closures;
mod forward;
mod node;
mod schedule;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use closures::{recipe, values_recipe};
pub use forward::Forward;
pub(crate) use node::processor_recipe;
pub use schedule::{PunctuationId, Schedule};
pub(crate) use schedule::{ScheduleBook, ScheduleRequest};
pub(crate) use values::value_processor_recipe;
pub use values::{ForwardValues, ValueProcessor};

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
#[doc(alias("ProcessorSupplier", "Punctuator"))]
pub trait Processor<K, V, K2, V2>: 'static {
    /// The stores it uses, as the type of their constants: `KeyValueStore<..>`, or a tuple of several.
    type Stores: StoreTuple;

    /// Called once per task, before anything else. The stores are not there yet.
    fn init(&mut self, schedule: &mut Schedule) {
        let _ = schedule;
    }

    /// Processes a record. A record that it sends is processed by everything downstream before the call that sends it
    /// returns, as in Kafka Streams.
    fn process(&mut self, stores: Refs<'_, Self::Stores>, record: Record<K, V>, out: &mut Forward<'_, K2, V2>);

    /// Called when a punctuation is due that was scheduled in [`Processor::init`] or with [`Forward::schedule`]. The time
    /// is the one that it is due by: stream time or wall-clock time, which may be later than what it was scheduled for.
    fn punctuate(
        &mut self,
        punctuation: PunctuationId,
        time: Timestamp,
        stores: Refs<'_, Self::Stores>,
        out: &mut Forward<'_, K2, V2>,
    ) {
        let _ = (punctuation, time, stores, out);
    }

    /// Called once when the task ends on this instance, whatever the reason: a clean stop, a move to another instance or
    /// an error. The stores cannot be used any more: what must survive belongs in them before that.
    fn close(&mut self) {}
}
