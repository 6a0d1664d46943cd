//! Joins of two streams.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::error::TopologyError;
use super::super::names::prefix;
use super::super::program::{JoinStoreOptions, StreamJoin};
use super::draft::{DraftId, DraftKind, JoinSide};
use super::key_windows::{KeyWindows, ReadBack};
use super::stores::NewStore;
use super::streams::StreamState;
use super::{At, Expansion};
use crate::operators::stream_join::JoinStores;
use crate::operators::{JoinKind, Recipe, StoreId};
use crate::state::StoreKind;
use crate::state::kinds::{JoinBuffer, Unmatched};
use crate::windows::{JoinSpan, WindowSize, WindowSizes};

/// The names of a join's nodes, and of its stores.
struct JoinNames {
    left_buffer: String,
    right_buffer: String,
    left: String,
    right: String,
    merge: String,
    left_store: String,
    right_store: String,
    unmatched_store: String,
}

impl Expansion {
    /// Repartitions the streams whose keys changed, keeps the records of both, and joins them.
    pub(super) fn stream_join(&mut self, at: &At<'_>, join: StreamJoin) -> Result<(), TopologyError> {
        let StreamJoin { left, right, kind, span, stores: options, through, recipes } = join;
        let given = at.options.name()?;
        let node = || at.node_or(prefix::JOIN);
        span.validate().map_err(|reason| TopologyError::Windows { node: node(), reason, at: at.site })?;
        let topic = |suffix| given.map(|name| format!("{name}{suffix}"));
        let left = self.partitioned_for_join(at, left, through.0, topic("-left").as_deref())?;
        let right = self.partitioned_for_join(at, right, through.1, topic("-right").as_deref())?;
        let sources: BTreeSet<_> = left.sources.union(&right.sources).cloned().collect();
        self.copartitioned.push(sources.clone());
        let read = ReadBack { what: "the join", windows: through.0.windows, at: at.site };
        let in_keys = left.windows.or(&right.windows).only(&read)?;

        let names = self.join_names(given, kind, &options);
        let stores = self.join_stores(at, &names, kind, (span, in_keys), &options)?;
        let recipes = recipes(stores);
        let may_be_single = kind == JoinKind::Inner && span.before_ms >= 0 && span.after_ms >= 0;
        let side = |name: &str, parent, recipe, other: StoreId| {
            let stores = [Some(other), stores.unmatched].into_iter().flatten().collect();
            JoinSide { name: name.to_owned(), parent, recipe, stores }
        };
        let left_buffer = self.buffer(at, &left, &names.left_buffer, (recipes.left_buffer, stores.left));
        let right_buffer = self.buffer(at, &right, &names.right_buffer, (recipes.right_buffer, stores.right));
        let join = DraftKind::StreamJoin {
            left: side(&names.left, left_buffer, recipes.left, stores.right),
            right: side(&names.right, right_buffer, recipes.right, stores.left),
            merge: recipes.merge,
            itself: may_be_single.then_some(recipes.itself),
        };
        let node = self.drafts.add(left.node, names.merge.clone(), join, at.site);
        self.drafts.connect(right.node, node);
        self.drafts.all[node.0].keeps_null_keys = kind != JoinKind::Inner;
        let windows = KeyWindows::known(in_keys);
        self.streams.insert(at.step, StreamState::new(names.merge, sources, windows, false, node));
        Ok(())
    }

    /// Burns the numbers of a join, and finds its names. In Java, stores without a name are named after the generated
    /// names of the sides, even where the sides are called otherwise.
    fn join_names(&mut self, given: Option<&str>, kind: JoinKind, options: &JoinStoreOptions) -> JoinNames {
        let (this_prefix, this_suffix) = match kind {
            JoinKind::Outer => (prefix::OUTER_THIS, "-outer-this-join"),
            JoinKind::Inner | JoinKind::Left => (prefix::JOIN_THIS, "-this-join"),
        };
        let (other_prefix, other_suffix) = match kind {
            JoinKind::Inner => (prefix::JOIN_OTHER, "-other-join"),
            JoinKind::Left | JoinKind::Outer => (prefix::OUTER_OTHER, "-outer-other-join"),
        };
        let left_buffer = self.names.node_of(given, "-this-windowed", prefix::WINDOWED);
        let right_buffer = self.names.node_of(given, "-other-windowed", prefix::WINDOWED);
        let (this, other) = (self.names.node(None, this_prefix), self.names.node(None, other_prefix));
        let merge = self.names.node_of(given, "-merge", prefix::MERGE);
        let shared = this.replacen(this_prefix, prefix::OUTER_SHARED, 1);
        let (left_store, right_store, unmatched_store) = match &options.name {
            Some((name, _)) => {
                let shared = if kind == JoinKind::Outer { "-outer-shared-join" } else { "-left-shared-join" };
                (format!("{name}{this_suffix}"), format!("{name}{other_suffix}"), format!("{name}{shared}"))
            }
            None => (this.clone(), other.clone(), shared),
        };
        let named = |generated: String, suffix| given.map_or(generated, |name| format!("{name}{suffix}"));
        JoinNames {
            left_buffer,
            right_buffer,
            left: named(this, this_suffix),
            right: named(other, other_suffix),
            merge,
            left_store: left_store + "-store",
            right_store: right_store + "-store",
            unmatched_store: unmatched_store + "-store",
        }
    }

    fn join_stores(
        &mut self,
        at: &At<'_>,
        names: &JoinNames,
        kind: JoinKind,
        (span, in_keys): (JoinSpan, WindowSizes),
        options: &JoinStoreOptions,
    ) -> Result<JoinStores, TopologyError> {
        let site = options.name.as_ref().map_or(at.site, |(_, site)| *site);
        let mut add = |name: &String, kind: Arc<dyn StoreKind>, windows| {
            let (name, keeping) = (name.clone(), options.keeping.clone());
            self.stores.add(&NewStore { name, kind, keeping, global_topic: None, windows, cached: false, at: site })
        };
        let layout = JoinBuffer::of(span);
        let in_buffers = in_keys.within(WindowSize::of(layout.size));
        let left = add(&names.left_store, Arc::new(layout), in_buffers)?;
        let right = add(&names.right_store, Arc::new(layout), in_buffers)?;
        let waiting = (!kind.needs_right()).then(|| add(&names.unmatched_store, Arc::new(Unmatched), in_keys));
        Ok(JoinStores { left, right, unmatched: waiting.transpose()? })
    }

    /// Keeps the records of one side.
    fn buffer(&mut self, at: &At<'_>, stream: &StreamState, name: &str, (recipe, store): (Recipe, StoreId)) -> DraftId {
        let kind = DraftKind::Processor { recipe, stores: vec![store], table: None };
        self.drafts.add(stream.node, name.to_owned(), kind, at.site)
    }
}
