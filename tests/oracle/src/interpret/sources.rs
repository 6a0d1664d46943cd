//! `stream`, `table` and `global_table`.

use std::time::Duration;

use millstream::state::KeyValueStore;
use millstream::topic::{OffsetReset, TopicPattern};

use super::options::{Nameable as _, Storable as _, TextTopic, topic};
use super::{Handle, Interpreter, What, unfit};
use crate::functions::Nullable;
use crate::step::{Reset, Step, Stored};

/// How the topics of a stream or a table are read.
macro_rules! read_as {
    ($source:expr, $extractor:expr, $reset:expr) => {{
        let mut source = $source;
        if let Some(extractor) = $extractor.clone() {
            source = match extractor.policy() {
                Some(policy) => source.timestamps(policy),
                None => source.timestamped_by(move |record, partition_time| {
                    extractor.time(&record.value, record.timestamp, partition_time)
                }),
            };
        }
        if let Some(reset) = $reset {
            source = source.offset_reset(offset_reset(reset)?);
        }
        source
    }};
}

impl<'t> Interpreter<'t> {
    pub(super) fn source(&self, step: &Step) -> Result<Handle<'t>, What> {
        Ok(match step {
            Step::Stream { topics: Some(topics), pattern: None, name, extractor, reset } => {
                let topics: Vec<TextTopic> = topics.iter().map(|name| topic(name)).collect::<Result<_, _>>()?;
                let stream = self.builder.stream(topics).maybe_named(name.as_ref());
                Handle::Stream(read_as!(stream, extractor, reset))
            }
            Step::Stream { topics: None, pattern: Some(pattern), name, extractor, reset } => {
                let topics: TopicPattern<Nullable, Nullable> = TopicPattern::of(pattern.as_str());
                let stream = self.builder.stream(topics).maybe_named(name.as_ref());
                Handle::Stream(read_as!(stream, extractor, reset))
            }
            Step::Table { topic: from, name, stored, extractor, reset } => {
                let table = self.builder.table::<_, _>(topic_of(from)?).maybe_named(name.as_ref());
                Handle::Table(read_as!(table, extractor, reset).maybe_stored(stored.as_ref())?)
            }
            Step::GlobalTable { topic: from, name, stored, extractor: None } => {
                let table = self.builder.global_table(topic_of(from)?).maybe_named(name.as_ref());
                Handle::GlobalTable(match stored {
                    None => table,
                    Some(Stored { name: Some(name), retention: None, versioned: None, kind: None, .. }) => {
                        table.stored_as(KeyValueStore::named(name.as_str()).map_err(|error| error.to_string())?)
                    }
                    Some(_) => return unfit(step),
                })
            }
            _ => return unfit(step),
        })
    }
}

fn topic_of(name: &str) -> Result<TextTopic, What> {
    topic(name)
}

fn offset_reset(reset: &Reset) -> Result<OffsetReset, What> {
    Ok(match reset {
        Reset::Policy(policy) => match policy.as_str() {
            "earliest" => OffsetReset::Earliest,
            "latest" => OffsetReset::Latest,
            "none" => OffsetReset::None,
            policy => return Err(format!("there is no policy {policy}")),
        },
        Reset::Millis(millis) => OffsetReset::ByDuration(Duration::from_millis(*millis)),
    })
}
