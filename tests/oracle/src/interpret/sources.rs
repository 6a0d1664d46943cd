//! `stream`, `table` and `global_table`.

use millstream::state::KeyValueStore;

use super::options::{Nameable as _, Storable as _, TextTopic, topic};
use super::{Handle, Interpreter, What, unfit};
use crate::step::{Step, Stored};

impl<'t> Interpreter<'t> {
    pub(super) fn source(&self, step: &Step) -> Result<Handle<'t>, What> {
        Ok(match step {
            Step::Stream { topics: Some(topics), pattern: None, name, extractor: None, reset: None } => {
                let topics: Vec<TextTopic> = topics.iter().map(|name| topic(name)).collect::<Result<_, _>>()?;
                Handle::Stream(self.builder.stream(topics).maybe_named(name.as_ref()))
            }
            Step::Table { topic: from, name, stored, extractor: None, reset: None } => {
                let table = self.builder.table::<_, _>(topic_of(from)?).maybe_named(name.as_ref());
                Handle::Table(table.maybe_stored(stored.as_ref())?)
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
