//! `for_each`.

use super::{KStream, Output};
use crate::dsl::{Data, Shared};
use crate::operators::for_each;
use crate::topology::program::Changes;

impl<'t, K, V> KStream<'t, K, V> {
    /// Calls an action for each record and ends the stream. The action is repeated when records are processed again
    /// after a crash, even under exactly-once.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::sync::mpsc;
    ///
    /// const ALARMS: Topic<String, String> = Topic::new("alarms");
    ///
    /// let (alarms, heard) = mpsc::channel();
    /// let builder = StreamsBuilder::new();
    /// builder.stream(ALARMS).for_each(move |room, text| _ = alarms.send(format!("{room}: {text}")));
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&ALARMS, "kitchen", "smoke");
    /// assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["kitchen: smoke"]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn for_each(self, action: impl Fn(&K, &V) + Shared) -> Output<'t>
    where
        K: Data,
        V: Data,
    {
        let end: Self = self.operator("KSTREAM-FOREACH-", Changes::Nothing, for_each::recipe(action));
        Output { builder: end.builder, step: end.step }
    }
}
