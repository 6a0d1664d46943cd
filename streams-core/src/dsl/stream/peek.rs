//! `peek`.

use super::KStream;
use crate::dsl::Data;
use crate::operators::peek;

impl<'t, K, V> KStream<'t, K, V> {
    /// Looks at each record on its way. What the action does happens again when records are processed
    /// again after a crash, also under exactly-once.
    #[track_caller]
    pub fn peek(self, action: impl Fn(&K, &V) + Send + Sync + 'static) -> Self
    where
        K: Data,
        V: Data,
    {
        self.operator("KSTREAM-PEEK-", false, peek::recipe(action))
    }
}
