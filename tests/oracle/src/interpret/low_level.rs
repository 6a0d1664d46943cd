//! The low-level topology: what its calls are in the DSL.

use super::{Handle, Interpreter, What, streams, unfit};
use crate::step::{Step, StepId};

impl<'t> Interpreter<'t> {
    pub(super) fn low_level(&self, step: &Step) -> Result<Handle<'t>, What> {
        match step {
            Step::AddSource { name, topics, pattern, extractor, reset } => {
                let (topics, pattern, name) = (topics.clone(), pattern.clone(), Some(name.clone()));
                self.source(&Step::Stream { topics, pattern, name, extractor: extractor.clone(), reset: reset.clone() })
            }
            Step::AddProcessor { name, parents, does, stores } => {
                let parent = self.stream(self.parent(parents)?)?;
                self.processor(parent, (does, stores.as_ref()), Some(name), false)
            }
            Step::AddSink { name, topic, topics, parents, partitioner } => {
                let (input, name, partitioner) = (self.parent(parents)?, Some(name.clone()), partitioner.clone());
                let sink = match (topic.clone(), topics.clone()) {
                    (Some(topic), None) => Step::To { input, topic, name, partitioner },
                    (None, Some(topics)) => Step::ToChosen { input, topics, name, partitioner },
                    _ => return unfit(step),
                };
                streams::end(self.stream(input)?, &sink, self.look()).map(|()| Handle::Nothing)
            }
            // Whoever names a store is connected to it.
            Step::AddStore { name, logging, .. } => self.options_of_store(name, *logging),
            Step::ConnectStore { .. } => Ok(Handle::Nothing),
            _ => unfit(step),
        }
    }

    /// The only parent: with several, the DSL has a node more, which merges them.
    fn parent(&self, parents: &[String]) -> Result<StepId, What> {
        let [parent] = parents else { return Err(format!("{} parents", parents.len())) };
        let number = self.steps.iter().position(|step| match step {
            Step::AddSource { name, .. } | Step::AddProcessor { name, .. } => name == parent,
            _ => false,
        });
        number.ok_or_else(|| format!("there is no node {parent}"))
    }
}
