//! `for_each`.

use super::{KStream, Output};
use crate::dsl::Data;
use crate::operators::for_each;

impl<'t, K, V> KStream<'t, K, V> {
    /// Does something with each record, and ends the stream. What the action does happens again when
    /// records are processed again after a crash, also under exactly-once.
    #[track_caller]
    pub fn for_each(self, action: impl Fn(&K, &V) + Send + Sync + 'static) -> Output<'t>
    where
        K: Data,
        V: Data,
    {
        let end: Self = self.operator("KSTREAM-FOREACH-", false, for_each::recipe(action));
        Output { builder: end.builder, step: end.step }
    }
}
