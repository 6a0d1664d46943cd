//! `peek`.

use super::KStream;
use crate::dsl::{Data, Shared};
use crate::operators::peek;
use crate::topology::program::Changes;

impl<'t, K, V> KStream<'t, K, V> {
    /// Calls an action for each record and passes the record on. The action is repeated when records are processed again
    /// after a crash, even under exactly-once.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::sync::atomic::{AtomicI64, Ordering};
    ///
    /// const AMOUNTS: Topic<String, i64> = Topic::new("amounts");
    /// const BOOKED: Topic<String, i64> = Topic::new("booked-amounts");
    ///
    /// static LARGEST: AtomicI64 = AtomicI64::new(0);
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(AMOUNTS).peek(|_, cents| _ = LARGEST.fetch_max(*cents, Ordering::Relaxed)).to(BOOKED);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&AMOUNTS, "ada", 500);
    /// assert_eq!(driver.read(&BOOKED), [("ada".to_owned(), 500)]);
    /// assert_eq!(LARGEST.load(Ordering::Relaxed), 500);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias = "inspect")]
    #[track_caller]
    pub fn peek(self, action: impl Fn(&K, &V) + Shared) -> Self
    where
        K: Data,
        V: Data,
    {
        self.operator("KSTREAM-PEEK-", Changes::Nothing, peek::recipe(action))
    }
}
