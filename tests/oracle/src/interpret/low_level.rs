//! The low-level topology: what its calls are in the DSL.

use super::options::{TextTopic, topic};
use super::{Handle, Interpreter, Stream, What, unfit};
use crate::step::Step;

impl<'t> Interpreter<'t> {
    pub(super) fn low_level(&self, step: &Step) -> Result<Handle<'t>, What> {
        match step {
            Step::AddSource { name, topics } => {
                let topics: Vec<TextTopic> = topics.iter().map(|name| topic(name)).collect::<Result<_, _>>()?;
                Ok(Handle::Stream(self.builder.stream(topics).named(name)))
            }
            Step::AddProcessor { name, parents, does, stores } => {
                let parent = self.parent(parents)?;
                self.processor(parent, (does, stores.as_ref()), Some(name), false)
            }
            Step::AddSink { name, topic: to, parents } => {
                let to: TextTopic = topic(to)?;
                self.parent(parents)?.to(to).named(name);
                Ok(Handle::Nothing)
            }
            // Whoever names a store is connected to it.
            Step::AddStore { name, logging, .. } => self.options_of_store(name, *logging),
            Step::ConnectStore { .. } => Ok(Handle::Nothing),
            _ => unfit(step),
        }
    }

    /// The only parent: with several, the DSL has a node more, which merges them.
    fn parent(&self, parents: &[String]) -> Result<Stream<'t>, What> {
        let [parent] = parents else { return Err(format!("{} parents", parents.len())) };
        let number = self.steps.iter().position(|step| match step {
            Step::AddSource { name, .. } | Step::AddProcessor { name, .. } => name == parent,
            _ => false,
        });
        self.stream(number.ok_or_else(|| format!("there is no node {parent}"))?)
    }
}
