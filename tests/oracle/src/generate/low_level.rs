//! Nodes of the low-level topology.

use super::draft::{Draft, ReadAs, Sort};
use super::processors::with_key_value;
use super::sources::{extractor, reset};
use super::vocabulary::{key_map, partitioner, predicate, value_map};
use crate::behaviour::Behaviour;
use crate::step::{Step, StoreKind};

/// A few nodes of the low-level topology: a source, processors behind it and behind each other, and sinks. Each has one
/// parent, because the DSL merges several with a node of its own.
pub(super) fn some_nodes(draft: &mut Draft) {
    let topic = draft.unread_topic();
    let source = draft.certain_name();
    let pattern = draft.random.percent(25).then(|| format!("{topic}(-[a-z]+)?"));
    let has_pattern = pattern.is_some();
    let (extractor, reset) = (extractor(draft), reset(draft));
    let topics = pattern.is_none().then(|| vec![topic.clone()]);
    let step = Step::AddSource { name: source.clone(), topics, pattern, extractor, reset };
    draft.add_source(step, Sort::Nothing, ReadAs::Stream, vec![topic]);
    let mut parents = vec![source];
    let mut ends = Vec::new();
    let mut shared: Option<String> = None;
    for _ in 0..draft.random.between(1, 4) {
        let Some(parent) = draft.random.pick(&parents).cloned() else { return };
        let name = draft.certain_name();
        let (stores, connected) = (&mut shared, draft.random.between(0, 3));
        let does = if draft.random.percent(40) {
            plain(draft, has_pattern)
        } else {
            let store = match stores.clone().filter(|_| draft.random.percent(60)) {
                Some(store) => store,
                None => store_of_values(draft),
            };
            *stores = Some(store.clone());
            named(with_key_value(draft), store)
        };
        let store = does.store().cloned().map(|store| vec![store]);
        let (with, after) = if connected == 0 { (store, None) } else { (None, store) };
        let step = Step::AddProcessor { name: name.clone(), parents: vec![parent.clone()], does, stores: with };
        draft.add(step, Sort::Nothing, &[]);
        if let Some(stores) = after {
            draft.add(Step::ConnectStore { name: name.clone(), stores }, Sort::Nothing, &[]);
        }
        ends.retain(|end| *end != parent);
        ends.push(name.clone());
        parents.push(name);
    }
    for end in ends {
        let name = draft.certain_name();
        let partitioner = draft.random.percent(30).then(|| partitioner(&mut draft.random));
        let to = |number: usize| format!("out-{name}-{number}");
        let (topic, topics) =
            if draft.random.percent(30) { (None, Some(vec![to(0), to(1)])) } else { (Some(to(0)), None) };
        draft.add(Step::AddSink { name, topic, topics, parents: vec![end], partitioner }, Sort::Nothing, &[]);
    }
}

/// Where topics match a pattern, our driver does not know which one a record is from.
fn plain(draft: &mut Draft, has_pattern: bool) -> Behaviour {
    let random = &mut draft.random;
    match random.between(0, if has_pattern { 3 } else { 6 }) {
        0 => Behaviour::Twice {},
        1 => Behaviour::Only { r#where: predicate(random) },
        2 => Behaviour::Rekey { key: key_map(random) },
        3 => Behaviour::Value { value: value_map(random) },
        _ => Behaviour::Origin {},
    }
}

fn store_of_values(draft: &mut Draft) -> String {
    let name = draft.store_name();
    let logging = draft.random.percent(35).then_some(false);
    let (size, retention, duplicates, processors) = (None, None, None, None);
    let (kind, r#type) = (StoreKind::KeyValue, None);
    let step = Step::AddStore { kind, name: name.clone(), logging, size, retention, duplicates, r#type, processors };
    draft.add(step, Sort::Nothing, &[]);
    name
}

/// The behaviour, with this store.
fn named(does: Behaviour, name: String) -> Behaviour {
    let store = Some(name);
    match does {
        Behaviour::Tally { .. } => Behaviour::Tally { store },
        Behaviour::KvPutIfAbsent { .. } => Behaviour::KvPutIfAbsent { store },
        Behaviour::KvDelete { r#where, .. } => Behaviour::KvDelete { store, r#where },
        Behaviour::KvLookup { .. } => Behaviour::KvLookup { store },
        Behaviour::KvPut { read, from, to, prefix, .. } => Behaviour::KvPut { store, read, from, to, prefix },
        _ => Behaviour::Keep { store },
    }
}
