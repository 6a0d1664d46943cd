//! `KStream::from`: a stream whose keys cannot be null, as one whose keys may be.

use super::KStream;
use crate::operators::nullable_keys;
use crate::topology::program::Call;

/// A stream whose keys cannot be null is also a stream whose keys may be null: the two can be merged and joined. No node
/// comes of it.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::testing::TestDriver;
///
/// const VISITS: Topic<Option<u64>, String> = Topic::new("visits"); // guests have no number
/// const USERS: Topic<u64, String> = Topic::new("users");
/// const EVENTS: Topic<Option<u64>, String> = Topic::new("events");
///
/// let builder = StreamsBuilder::new();
/// let users: KStream<Option<u64>, String> = builder.stream(USERS).into();
/// builder.stream(VISITS).merge(users).to(EVENTS);
///
/// let mut driver = TestDriver::new(builder.build()?);
/// driver.pipe(&VISITS, None, "/home");
/// driver.pipe(&USERS, 7_u64, "Ada");
/// assert_eq!(driver.read(&EVENTS), [(None, "/home".to_owned()), (Some(7), "Ada".to_owned())]);
/// # Ok::<(), TopologyError>(())
/// ```
impl<'t, K: 'static, V: 'static> From<KStream<'t, K, V>> for KStream<'t, Option<K>, V> {
    #[track_caller]
    fn from(stream: KStream<'t, K, V>) -> Self {
        let call = Call::NullableKeys { input: stream.step, accept: nullable_keys::accepting::<K, V> };
        Self::new(stream.builder, stream.builder.add(call))
    }
}
