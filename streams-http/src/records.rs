//! What the records of any topic look like.

use bytes::Bytes;
use streams_core::runtime::Handle;
use streams_core::wire::Shapes;

/// What a topic's records look like. What the application does not know has bytes.
pub(crate) fn shapes_of(app: &Handle, topic: &str) -> Shapes {
    let about = app.about();
    let known = about.topology().topic(about.application_id(), topic);
    known.map_or_else(Shapes::of::<Option<Bytes>, Option<Bytes>>, |(_, facts)| facts.shapes)
}
