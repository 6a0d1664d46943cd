//! The topology of a case while it is generated: the steps so far, and what each has made.

use std::collections::{BTreeMap, BTreeSet};

use super::random::Random;
use crate::behaviour::Behaviour;
use crate::case::StoreType;
use crate::functions::{Adder, Extractor, Nullable, Predicate};
use crate::step::{Aggregation, Emit, Step, StepId, Stored, Windows};

/// What a step makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Stream,
    WindowedStream,
    SessionStream,
    Table,
    WindowedTable,
    SessionTable,
    GlobalTable,
    Group,
    TableGroup,
    /// Has this many branches.
    Split(usize),
    Nothing,
}

/// What a topic is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadAs {
    Stream,
    Table,
    GlobalTable,
}

/// A topic that the case's inputs go to.
#[derive(Debug, Clone)]
pub(super) struct InputTopic {
    pub(super) name: String,
    pub(super) read_as: ReadAs,
    /// Whether the source does something about timestamps that are negative.
    pub(super) takes_negative: bool,
}

/// What is known of a step's result.
#[derive(Debug, Clone)]
struct Made {
    sort: Sort,
    /// The windows in its keys.
    windows: Option<Windows>,
    /// How many steps use it.
    uses: usize,
    /// The input topics that its records come from.
    topics: BTreeSet<String>,
    /// How many streams' records are multiplied with each other in its records.
    factors: usize,
    /// How the rows of a table begin in Java, if that is not how they begin here.
    beginning: Option<Beginning>,
}

/// The value that the first value of a row replaces in Java, although there was no row before.
///
/// With a cache of size 0, Java says that an aggregate's first value replaces the initializer's, which a table's group then
/// subtracts although it was never added. Here there was none (DIFFERENCES.md), and so it is in Java with a cache. What a
/// case with cache 0 does with such a table must therefore not depend on it.
#[derive(Debug, Clone)]
struct Beginning {
    /// The value, if it is known.
    value: Option<Nullable>,
    /// Whether the first value may be null.
    may_stay_empty: bool,
}

impl Beginning {
    /// That of a step's result, from that of its input.
    fn of(step: &Step, before: Option<&Self>, has_cache: bool) -> Option<Self> {
        let begins_with = |value: &str, may_stay_empty| Some(Self { value: Some(Some(value.into())), may_stay_empty });
        let is_cached =
            |stored: &Option<Stored>| has_cache && stored.as_ref().is_none_or(|stored| stored.caching != Some(false));
        // What is sent when windows close replaces nothing.
        if matches!(step, Step::Count { options, .. } | Step::Reduce { options, .. } | Step::Aggregate { options, .. }
            if options.emit == Some(Emit::Close))
        {
            return None;
        }
        let is_session = |options: &Aggregation| matches!(options.windows, Some(Windows::Session { .. }));
        let is_sliding = |options: &Aggregation| matches!(options.windows, Some(Windows::Sliding { .. }));
        match step {
            Step::Count { options: Aggregation { stored, .. }, .. }
            | Step::Aggregate { options: Aggregation { stored, .. }, .. }
            | Step::Cogroup { stored, .. }
                if is_cached(stored) =>
            {
                None
            }
            // Nothing replaces the row of a session that gets another record of its only moment.
            Step::Reduce { options, .. } if is_session(options) && !is_cached(&options.stored) => {
                Some(Self { value: None, may_stay_empty: true })
            }
            Step::Count { options, .. } | Step::Aggregate { options, .. } if is_session(options) => {
                Some(Self { value: None, may_stay_empty: !matches!(step, Step::Count { .. }) })
            }
            Step::Cogroup { windows: Some(Windows::Session { .. } | Windows::Sliding { .. }), .. } => {
                Some(Self { value: None, may_stay_empty: true })
            }
            // A new window begins with the result of another one, which its first value replaces in Java.
            Step::Reduce { options, .. } if is_sliding(options) && !is_cached(&options.stored) => {
                Some(Self { value: None, may_stay_empty: false })
            }
            Step::Count { options, .. } | Step::Aggregate { options, .. } if is_sliding(options) => {
                Some(Self { value: None, may_stay_empty: !matches!(step, Step::Count { .. }) })
            }
            Step::Count { .. } => begins_with("0", false),
            Step::Aggregate { init, add, options, remove: None, .. } => {
                // Over windows, the last value may be a null that was in the stream.
                let may_stay_empty = !add.keeps_values() || options.windows.is_some() && *add == Adder::Last;
                begins_with(init.as_ref()?, may_stay_empty)
            }
            Step::Cogroup { init, .. } => begins_with(init.as_ref()?, true),
            Step::ToTable { .. } | Step::Reduce { .. } | Step::Aggregate { .. } => None,
            Step::MapValues { value: map, .. } => {
                let Self { value, may_stay_empty } = before?.clone();
                let value = value.filter(|_| !map.sees_key()).map(|value| map.apply(&None, &value));
                // A value that is mapped to null is as good as none.
                let begins = value != Some(None);
                begins.then_some(Self { value, may_stay_empty: may_stay_empty || !map.keeps_values() })
            }
            // Null is transformed, too.
            Step::TransformValues { value: map, .. } => {
                let value = before?.value.as_ref().filter(|_| !map.sees_key());
                let is_alike = value.is_some_and(|value| map.apply(&None, value) == map.apply(&None, &None));
                (!is_alike).then_some(Self { value: None, may_stay_empty: true })
            }
            Step::Filter { r#where: Predicate::Value(_), .. }
            | Step::FilterNot { r#where: Predicate::Value(_), .. } => None,
            _ => before.cloned(),
        }
    }

    /// Whether the table that a filter makes may begin like this.
    fn may_be_filtered(&self, filter: &Predicate, keeps: bool) -> bool {
        match (filter, &self.value) {
            (Predicate::Value(_), Some(value)) => filter.holds(&None, value) != keeps,
            (Predicate::Value(_), None) => false,
            _ => !self.may_stay_empty,
        }
    }
}

/// The steps so far.
pub(super) struct Draft {
    pub(super) random: Random,
    pub(super) steps: Vec<Step>,
    pub(super) topics: Vec<InputTopic>,
    /// Lengths of time at whose boundaries something happens.
    pub(super) spans: BTreeSet<u64>,
    /// Whether updates are held back.
    has_cache: bool,
    /// Whether a stream that is joined with itself is kept once.
    pub(super) has_single_store_self_joins: bool,
    /// Whether tables are restored from the topics that they read.
    pub(super) reuses_source_topics: bool,
    /// Whether repartition topics are merged.
    pub(super) merges_repartition_topics: bool,
    /// How many names there are.
    names: usize,
    made: Vec<Made>,
    /// Results that no further step may use.
    taken: BTreeSet<StepId>,
    /// The input topics that sinks write to, with the topics that the records come from.
    written: BTreeMap<String, BTreeSet<String>>,
    /// Tables of which no record may change both.
    apart: Vec<(StepId, StepId)>,
}

impl Draft {
    pub(super) const fn new(random: Random, has_cache: bool) -> Self {
        Self {
            random,
            steps: Vec::new(),
            topics: Vec::new(),
            spans: BTreeSet::new(),
            has_cache,
            has_single_store_self_joins: false,
            reuses_source_topics: false,
            merges_repartition_topics: false,
            names: 0,
            made: Vec::new(),
            taken: BTreeSet::new(),
            written: BTreeMap::new(),
            apart: Vec::new(),
        }
    }

    /// Adds a step that makes a result of this sort from those of earlier steps.
    pub(super) fn add(&mut self, step: Step, sort: Sort, inputs: &[StepId]) -> StepId {
        let mut topics = BTreeSet::new();
        let mut windows = None;
        let mut beginning: Option<Beginning> = None;
        let factors = inputs.iter().map(|input| self.factors(*input));
        let factors = if matches!(step, Step::Join { .. }) { factors.sum() } else { factors.max().unwrap_or(1) };
        for input in inputs {
            if let Some(made) = self.made.get_mut(*input) {
                made.uses += 1;
                topics.extend(made.topics.iter().cloned());
                windows = windows.or(made.windows);
                beginning = beginning.or_else(|| made.beginning.clone());
            }
        }
        let is_of_table = inputs.iter().any(|input| self.sort(*input) == Sort::TableGroup);
        let beginning = Beginning::of(&step, beginning.as_ref(), self.has_cache).filter(|_| !is_of_table);
        self.steps.push(step);
        self.made.push(Made { sort, windows, uses: 0, topics, factors, beginning });
        self.steps.len() - 1
    }

    /// As [`Draft::add`], for an aggregation over windows.
    pub(super) fn add_windowed(&mut self, step: Step, windows: Windows, inputs: &[StepId]) -> StepId {
        let sort = if matches!(windows, Windows::Session { .. }) { Sort::SessionTable } else { Sort::WindowedTable };
        let made = self.add(step, sort, inputs);
        self.made[made].windows = Some(windows);
        made
    }

    /// As [`Draft::add`], for a step that reads these topics.
    pub(super) fn add_source(&mut self, step: Step, sort: Sort, read_as: ReadAs, topics: Vec<String>) -> StepId {
        let takes_negative = match &step {
            Step::Stream { extractor, .. } | Step::Table { extractor, .. } | Step::AddSource { extractor, .. } => {
                matches!(extractor, Some(Extractor::Skip | Extractor::PartitionTime))
            }
            _ => false,
        };
        let made = self.add(step, sort, &[]);
        for name in topics {
            self.made[made].topics.insert(name.clone());
            if !self.topics.iter().any(|topic| topic.name == name) {
                self.topics.push(InputTopic { name, read_as, takes_negative });
            }
        }
        made
    }

    /// A topic that is not read yet.
    pub(super) fn unread_topic(&self) -> String {
        format!("in-{}", self.topics.len())
    }

    /// The results of a sort, in order.
    pub(super) fn all(&self, sort: Sort) -> Vec<StepId> {
        let is_there = |step: &StepId| self.made[*step].sort == sort && !self.taken.contains(step);
        (0..self.made.len()).filter(is_there).collect()
    }

    /// A result of a sort, rather a late one that nothing uses; `None` if there is none.
    pub(super) fn any(&mut self, sort: Sort) -> Option<StepId> {
        let all = self.all(sort);
        let unused: Vec<_> = all.iter().copied().filter(|step| self.made[*step].uses == 0).collect();
        if !unused.is_empty() && self.random.percent(75) {
            return if self.random.percent(60) { unused.last().copied() } else { self.random.pick(&unused).copied() };
        }
        self.random.pick(&all).copied()
    }

    /// A table whose old values an operator needs, so that it must [begin](Beginning) alike on both sides.
    pub(super) fn any_with_old_values(&mut self, sort: Sort) -> Option<StepId> {
        let found = self.any(sort)?;
        self.begins_alike(found).then_some(found)
    }

    /// Whether a table [begins](Beginning) alike on both sides.
    pub(super) fn begins_alike(&self, table: StepId) -> bool {
        self.made.get(table).is_some_and(|made| made.beginning.is_none())
    }

    /// Whether two tables may be joined: not if caches hold back changes of both that one record makes. Then one is joined
    /// with the other's row as it was forwarded last, and in Java with the row in the cache (DIFFERENCES.md).
    pub(super) fn may_join(&mut self, left: StepId, right: StepId) -> bool {
        if !self.has_cache {
            return true;
        }
        let are_apart = self.are_apart(left, right);
        if are_apart {
            self.apart.push((left, right));
        }
        are_apart
    }

    /// Whether caches may hold updates back.
    pub(super) const fn has_cache(&self) -> bool {
        self.has_cache
    }

    /// Whether no input record changes both tables.
    pub(super) fn are_apart(&self, left: StepId, right: StepId) -> bool {
        self.upstream(left).is_disjoint(&self.upstream(right))
    }

    /// The input topics that a step's records come from, those that sinks of the topology write to included.
    fn upstream(&self, step: StepId) -> BTreeSet<String> {
        let mut pending: Vec<_> =
            self.made.get(step).into_iter().flat_map(|made| made.topics.iter().cloned()).collect();
        let mut seen = BTreeSet::new();
        while let Some(topic) = pending.pop() {
            if seen.insert(topic.clone()) {
                pending.extend(self.written.get(&topic).into_iter().flatten().cloned());
            }
        }
        seen
    }

    /// Whether a table may be filtered like this. A filter gets the old values, and does not forward that a row is gone
    /// which was never there.
    pub(super) fn may_filter(&self, table: StepId, filter: &Predicate, keeps: bool) -> bool {
        let beginning = self.made.get(table).and_then(|made| made.beginning.as_ref());
        beginning.is_none_or(|beginning| beginning.may_be_filtered(filter, keeps))
    }

    /// A result of a sort that is not this one, if there are several.
    pub(super) fn another(&mut self, sort: Sort, than: StepId) -> Option<StepId> {
        let mut all = self.all(sort);
        if all.len() > 1 && !self.random.percent(5) {
            all.retain(|step| *step != than);
        }
        self.random.pick(&all).copied()
    }

    pub(super) fn sort(&self, step: StepId) -> Sort {
        self.made.get(step).map_or(Sort::Nothing, |made| made.sort)
    }

    /// How many streams' records are multiplied with each other in a step's records.
    pub(super) fn factors(&self, step: StepId) -> usize {
        self.made.get(step).map_or(1, |made| made.factors)
    }

    pub(super) fn windows(&self, step: StepId) -> Option<Windows> {
        self.made.get(step)?.windows
    }

    pub(super) fn is_used(&self, step: StepId) -> bool {
        self.made.get(step).is_some_and(|made| made.uses > 0)
    }

    /// A number that no other name has.
    const fn unique(&mut self) -> usize {
        self.names += 1;
        self.names
    }

    /// Remembers lengths of time at whose boundaries something happens.
    pub(super) fn remember(&mut self, spans: impl IntoIterator<Item = u64>) {
        self.spans.extend(spans.into_iter().filter(|span| *span > 0));
    }

    /// Whether a group may go through a repartition topic, and if so, whether that is named after the group.
    pub(super) fn may_need_topic(&self, group: StepId) -> Option<bool> {
        match self.steps.get(group) {
            Some(Step::GroupBy { name, .. }) => Some(name.is_some()),
            Some(Step::GroupByKey { name, input }) if self.may_have_other_keys(*input) => Some(name.is_some()),
            _ => None,
        }
    }

    /// Makes a result unavailable for further steps.
    pub(super) fn take(&mut self, step: StepId) {
        self.taken.insert(step);
    }

    /// Whether the keys of a stream may have changed since its records were partitioned.
    fn may_have_other_keys(&self, stream: StepId) -> bool {
        match self.steps.get(stream) {
            Some(
                Step::Map { .. }
                | Step::FlatMap { .. }
                | Step::SelectKey { .. }
                | Step::Process { .. }
                | Step::ToStream { key: Some(_), .. },
            ) => true,
            Some(Step::Merge { input, other, .. }) => {
                self.may_have_other_keys(*input) || self.may_have_other_keys(*other)
            }
            Some(
                Step::Filter { input, .. }
                | Step::FilterNot { input, .. }
                | Step::MapValues { input, .. }
                | Step::FlatMapValues { input, .. }
                | Step::Peek { input, .. }
                | Step::Split { input, .. }
                | Step::Branch { input, .. }
                | Step::ProcessValues { input, .. }
                | Step::JoinGlobal { input, .. },
            ) => self.may_have_other_keys(*input),
            _ => false,
        }
    }

    /// A name for the next step, sometimes.
    pub(super) fn name(&mut self) -> Option<String> {
        self.random.percent(25).then(|| format!("n{}", self.unique()))
    }

    /// A name for a store.
    pub(super) fn store_name(&mut self) -> String {
        format!("s{}", self.unique())
    }

    /// A name for a step that needs one.
    pub(super) fn certain_name(&mut self) -> String {
        format!("n{}", self.unique())
    }

    /// How the next step's table is stored, if that is said.
    pub(super) fn stored(&mut self) -> Option<Stored> {
        if !self.random.percent(50) {
            return None;
        }
        let name = self.random.percent(70).then(|| format!("s{}", self.unique()));
        let caching = self.random.percent(20).then_some(false);
        // The engine refuses an option that has no effect, and without a name it may have none.
        let logging = (name.is_some() && self.random.percent(15)).then_some(false);
        let kind = name.as_ref().and_then(|_| self.store_type());
        let stored = Stored { name, caching, logging, kind, ..Stored::default() };
        (stored != Stored::default()).then_some(stored)
    }

    /// What a single store is kept in, if that is said.
    pub(super) fn store_type(&mut self) -> Option<StoreType> {
        self.random.percent(8).then(|| self.random.one_of(StoreType::Memory, &[StoreType::Rocksdb]))
    }

    /// As [`Draft::stored`], for a table without windows, which may keep versions of its rows.
    pub(super) fn rows_stored(&mut self) -> Option<Stored> {
        let mut stored = self.stored()?;
        // Such a store has a name, and no cache. What is not cached begins otherwise in Java, with a cache for others, too.
        if stored.name.is_some() && !self.has_cache && self.random.percent(85) {
            let history = self.random.one_of(10, &[0, 1, 100, 1_000, 60_000]);
            self.remember([history]);
            (stored.versioned, stored.caching, stored.kind) = (Some(history), None, None);
        }
        Some(stored)
    }

    /// Whether such a step made a table, or a table that it is made of.
    pub(super) fn is_made_with(&self, table: StepId, is_such: &dyn Fn(&Step) -> bool) -> bool {
        let Some(step) = self.steps.get(table) else { return false };
        let made_of: &[StepId] = match step {
            Step::Filter { input, .. }
            | Step::FilterNot { input, .. }
            | Step::MapValues { input, .. }
            | Step::TransformValues { input, .. }
            | Step::Suppress { input, .. } => &[*input],
            Step::TableJoin { input, other, .. } | Step::FkJoin { input, other, .. } => &[*input, *other],
            _ => &[],
        };
        is_such(step) || made_of.iter().any(|table| self.is_made_with(*table, is_such))
    }

    /// Whether the records of a stream, or those that a table is made of, come through such a step.
    pub(super) fn comes_through(&self, step: StepId, is_such: &dyn Fn(&Step) -> bool) -> bool {
        let Some(step) = self.steps.get(step) else { return false };
        is_such(step) || step.inputs().into_iter().any(|input| self.comes_through(input, is_such))
    }

    /// Whether records come here because stream time has moved on. If they were later than that, and came into the task
    /// again, they would move it on themselves, without end.
    pub(super) fn has_ticks(&self, step: StepId) -> bool {
        self.comes_through(step, &|step| match step {
            Step::Process { does, .. } | Step::ProcessValues { does, .. } => {
                matches!(does, Behaviour::Hold { .. } | Behaviour::Tick { clock: None, .. })
            }
            _ => false,
        })
    }

    /// Whether a table's changes are of versions, which those of a table that is not kept are if its input's are.
    pub(super) fn has_versions(&self, table: StepId) -> bool {
        self.history(table).is_some()
    }

    /// How long a table's versions are kept, if it has any.
    pub(super) fn history(&self, table: StepId) -> Option<u64> {
        match self.steps.get(table) {
            Some(step) if step.stored().is_some() => step.stored()?.versioned,
            Some(
                Step::Filter { input, .. }
                | Step::FilterNot { input, .. }
                | Step::MapValues { input, .. }
                | Step::TransformValues { input, .. },
            ) => self.history(*input),
            _ => None,
        }
    }

    /// Whether a step's records may be written to an input topic: not if they go round in circles, come with the time, or if
    /// one record would change both tables of a join that must not see that. If so, it is taken that they are.
    pub(super) fn may_write(&mut self, step: StepId, topic: &str) -> bool {
        if self.upstream(step).contains(topic) || self.has_ticks(step) {
            return false;
        }
        let from = self.made.get(step).map(|made| made.topics.clone()).unwrap_or_default();
        let before = self.written.clone();
        self.written.entry(topic.to_owned()).or_default().extend(from);
        if self.apart.iter().any(|(left, right)| !self.are_apart(*left, *right)) {
            self.written = before;
            return false;
        }
        true
    }
}
