//! `handle` and `handle_batches`.

use std::sync::Arc;
use std::time::Duration;

use super::super::error::TopologyError;
use super::super::graph::HandlerFacts;
use super::super::names::prefix;
use super::super::program::{CallId, HandleRecipe, Repartition};
use super::draft::{DraftKind, RetryTopicDraft, Role};
use super::key_windows::ReadBack;
use super::stores::NewStore;
use super::streams::StreamState;
use super::{At, Expansion};
use crate::operators::handler::{GiveUp, Order, Retry, retry_topics};
use crate::state::kinds::InFlight;
use crate::topic::TopicRef;

impl Expansion {
    /// Keeps records while they are handled, in a store with the handler's name. If those of a key are handled one after
    /// the other and the keys may have changed, the stream is repartitioned first, so that all records of a key meet. Retry
    /// topics have the handler's name, too, so that those of two handlers of a topic, or of two applications, are not mixed
    /// up.
    pub(super) fn handle(
        &mut self,
        at: &At<'_>,
        input: CallId,
        through: Repartition,
        recipe: HandleRecipe,
    ) -> Result<(), TopologyError> {
        let given = at.options.name()?;
        let options = at.options.handler.clone();
        options.check().map_err(|reason| TopologyError::Handler {
            node: at.node_or(prefix::HANDLE),
            reason,
            at: at.site,
        })?;
        let input = match options.order {
            Order::PerKey => self.partitioned_for_join(at, input, through, given)?,
            Order::Any => self.stream(input)?.clone(),
        };
        let name = self.names.node(given, prefix::HANDLE);
        let read = ReadBack { what: "the handler's store", windows: through.windows, at: at.site };
        let sizes = input.windows.only(&read)?;
        let store = self.stores.add(&NewStore {
            name: name.clone(),
            kind: Arc::new(InFlight),
            keeping: at.options.keeping.clone(),
            global_topic: None,
            windows: sizes,
            cached: false,
            at: at.site,
        })?;
        let delays = options.retry.as_ref().map(Retry::delays_in_topics).unwrap_or_default();
        let topics = delays.iter().map(|delay| {
            let topic = retry_topics::topic_name(&name, *delay);
            (*delay, TopicRef::Internal(topic.as_str().into()))
        });
        let facts = HandlerFacts {
            node: name.as_str().into(),
            wants_dead_letters: options.give_up == Some(GiveUp::DeadLetter),
            has_own_limit: options.bytes_max.is_some(),
        };
        let recipe = recipe((store, topics.collect()), options);
        let draft = |delay: Duration| RetryTopicDraft {
            topic: retry_topics::topic_name(&name, delay),
            delay,
            source_name: retry_topics::node_name(&name, delay, "source"),
            source: (through.source)(sizes),
            sink_name: retry_topics::node_name(&name, delay, "sink"),
        };
        let kind = DraftKind::Handler { facts, recipe, store, retry_topics: delays.into_iter().map(draft).collect() };
        let node = self.drafts.add(input.node, name.clone(), kind, at.site);
        self.drafts.all[node.0].role = Role::ChangesValues;
        self.streams.insert(at.step, StreamState::new(name, input.sources, input.windows, input.key_changed, node));
        Ok(())
    }
}
