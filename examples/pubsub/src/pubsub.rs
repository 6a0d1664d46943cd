//! Publish and subscribe, all of it: one side writes messages to a topic, and groups read them.

use std::sync::Arc;

use millstream::client::ClientError;
use millstream::log::Log;
use millstream::prelude::*;
use millstream::record::{Offset, RecordPosition, TopicPartition};
use millstream::runtime::Running;
use millstream::topic::OffsetReset;

/// A topic is divided into partitions. Each is a list of messages, and an offset is a place in it.
pub const TOPIC: &str = "my-kafka-topic";
pub const PARTITIONS: u32 = 3;

/// Who reads: a group gets every message once, however many subscribers it has.
pub const GROUP: &str = "grp2";

/// A key and a text, for a topic any bytes. Either may be missing.
pub type Bytes = Option<Vec<u8>>;
pub type Messages = Topic<Bytes, Bytes>;

/// Publishes a message. It is in the log when this returns, and survives a power cut there. Messages with the same key
/// go to the same partition, and so they stay in order.
pub fn publish(
    client: &Client,
    topic: &Messages,
    key: Option<&[u8]>,
    text: &[u8],
) -> Result<(TopicPartition, Offset), ClientError> {
    client.send(topic, key.map(<[u8]>::to_vec), text.to_vec())
}

/// The subscriber's part: what is done with each message.
pub fn subscriber(
    topic: &Messages,
    from: OffsetReset,
    show: impl Fn(&RecordPosition, &Bytes, &Bytes) + Send + Sync + 'static,
) -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let messages = builder.stream(topic.clone()).offset_reset(from);
    _ = messages.process((), move |(), key, text, out: &mut Forward<'_, (), ()>| {
        if let Some(position) = out.position() {
            show(position, key, &text);
        }
    });
    builder.build()
}

/// Subscribes. The group remembers how far it has come, also when this process ends; with other subscribers of the same
/// group it shares the partitions.
pub fn subscribe(log: &Arc<dyn Log>, group: &str, subscriber: Topology) -> Result<Running, AppError> {
    App::new(group, subscriber).exactly_once().start(Arc::clone(log))
}
