//! What becomes of each store when a program's topology has changed, from the texts of the two fingerprints.
//!
//! A store is found again by its name. A generated name counts the operators before it, so when two of them change places,
//! each store gets the name that the other had, and would go on with the other's rows. What a store is fed with and what it
//! feeds tells them apart.

use std::collections::{BTreeMap, BTreeSet};

use super::fingerprint::Fingerprint;

/// What becomes of a store that one of two topologies has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreChange {
    /// It goes on with its rows.
    Kept,
    /// The earlier topology had none of that name.
    New,
    /// It goes on, in another sub-topology, and so in other folders.
    Moved { before: String, now: String },
    /// It is of another kind, or keeps its rows for another time.
    Other { before: String, now: String },
    /// This topology has none of that name.
    Gone { subtopology: String, changelog: Option<String> },
}

/// The changes of all stores, by their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct StoreChanges {
    pub(crate) stores: BTreeMap<String, StoreChange>,
    /// The stores with generated names that have changed places: what each was called, and is called now.
    pub(crate) swapped: Vec<(String, String)>,
}

impl Fingerprint {
    /// What becomes of the stores since an earlier topology, by its text; `None` if that was made by other rules.
    pub(crate) fn stores_since(&self, earlier: &str) -> Option<StoreChanges> {
        if earlier.lines().next() != self.text().lines().next() {
            return None;
        }
        let (before, now) = (Parsed::of(earlier), Parsed::of(self.text()));
        let names: BTreeSet<_> = before.stores.keys().chain(now.stores.keys()).copied().collect();
        let change = |name| Some((ToOwned::to_owned(name), change_of(name, &before, &now)?));
        Some(StoreChanges { stores: names.into_iter().filter_map(change).collect(), swapped: swapped(&before, &now) })
    }
}

fn change_of(name: &str, before: &Parsed<'_>, now: &Parsed<'_>) -> Option<StoreChange> {
    Some(match (before.stores.get(name), now.stores.get(name)) {
        (None, None) => return None,
        (None, Some(_)) => StoreChange::New,
        (Some(store), None) => StoreChange::Gone {
            subtopology: before.subtopology_of(name).to_owned(),
            changelog: store.changelog.map(ToOwned::to_owned),
        },
        (Some(old), Some(new)) if old.shape != new.shape => {
            StoreChange::Other { before: old.shape.clone(), now: new.shape.clone() }
        }
        (Some(_), Some(_)) => match (before.subtopology_of(name), now.subtopology_of(name)) {
            (old, new) if old == new => StoreChange::Kept,
            (old, new) => StoreChange::Moved { before: old.to_owned(), now: new.to_owned() },
        },
    })
}

/// Stores with generated names each of which is now where another one was.
fn swapped(before: &Parsed<'_>, now: &Parsed<'_>) -> Vec<(String, String)> {
    let places = |parsed: &Parsed<'_>| -> BTreeMap<String, _> {
        let generated = parsed.stores.keys().filter_map(|name| Some((*name, generated(name)?)));
        let place = |(name, (kind, suffix)): (&str, (&str, &str))| {
            (name.to_owned(), (format!("{kind}{suffix}"), parsed.place_of(name)))
        };
        generated.map(place).collect()
    };
    let (old, new) = (places(before), places(now));
    let was = |(name, place): (&String, &(String, Place))| {
        if old.get(name).is_none_or(|before| before == place) {
            return None;
        }
        let mut others = old.iter().filter(|(_, before)| *before == place);
        let (former, _) = others.next()?;
        others.next().is_none().then(|| (former.clone(), name.clone()))
    };
    new.iter().filter_map(was).collect()
}

/// A store's name without the number of its operator, if it is a name that contains one.
fn generated(name: &str) -> Option<(&str, &str)> {
    let (rest, suffix) = name.strip_suffix("-store").map_or((name, ""), |rest| (rest, "-store"));
    let (kind, number) = rest.split_at_checked(rest.len().checked_sub(10)?)?;
    let is_generated = kind.starts_with("KSTREAM-") || kind.starts_with("KTABLE-");
    (is_generated && number.bytes().all(|digit| digit.is_ascii_digit())).then_some((kind, suffix))
}

/// What a store is fed with and what it feeds: its kind, and the topics of others before and behind it.
type Place = (String, BTreeSet<String>, BTreeSet<String>);

/// A fingerprint's text.
#[derive(Default)]
struct Parsed<'a> {
    nodes: BTreeMap<&'a str, Node<'a>>,
    stores: BTreeMap<&'a str, StoreLine<'a>>,
    internal: BTreeSet<&'a str>,
}

#[derive(Default)]
struct Node<'a> {
    is_source: bool,
    subtopology: &'a str,
    successors: Vec<&'a str>,
    topics: Vec<&'a str>,
    stores: Vec<&'a str>,
}

struct StoreLine<'a> {
    /// Its kind and what else is said of it, but for its changelog.
    shape: String,
    changelog: Option<&'a str>,
}

impl<'a> Parsed<'a> {
    fn of(text: &'a str) -> Self {
        let mut parsed = Self::default();
        for line in text.lines().skip(1) {
            let (head, properties) = line.split_once(": ").unwrap_or((line, ""));
            let properties: Vec<_> = properties.split(", ").collect();
            let of = |name: &str| -> Vec<&'a str> {
                let value = properties.iter().find_map(|property| property.strip_prefix(name)?.strip_prefix(' '));
                value.into_iter().flat_map(|value| value.split(' ')).collect()
            };
            match *head.split(' ').collect::<Vec<_>>() {
                [kind, "store", name] => {
                    let others = properties.iter().filter(|property| !property.starts_with("changelog "));
                    let shape: Vec<_> =
                        std::iter::once(&kind).chain(others).copied().filter(|part| !part.is_empty()).collect();
                    let changelog = of("changelog").first().copied();
                    parsed.stores.insert(name, StoreLine { shape: shape.join(", "), changelog });
                }
                [_, "topic", name] => _ = parsed.internal.insert(name),
                [kind, name] => {
                    let place = properties.first().copied().unwrap_or_default();
                    let node = Node {
                        is_source: kind == "source",
                        subtopology: place,
                        successors: of("successors"),
                        topics: of("topics"),
                        stores: of("stores"),
                    };
                    parsed.nodes.insert(name, node);
                }
                _ => {}
            }
        }
        parsed
    }

    fn subtopology_of(&self, store: &str) -> &'a str {
        let node = self.nodes.values().find(|node| node.stores.contains(&store));
        node.map_or("", |node| node.subtopology)
    }

    fn place_of(&self, store: &str) -> Place {
        let users: Vec<_> =
            self.nodes.iter().filter(|(_, node)| node.stores.contains(&store)).map(|(name, _)| *name).collect();
        let shape = self.stores.get(store).map_or_else(String::new, |store| store.shape.clone());
        let topics = |from_sources: bool, reached: &BTreeSet<&str>| {
            let nodes = reached.iter().filter_map(|name| self.nodes.get(name));
            let topics = nodes.filter(|node| node.is_source == from_sources).flat_map(|node| &node.topics);
            topics.filter(|topic| !self.internal.contains(*topic)).map(|topic| (*topic).to_owned()).collect()
        };
        let before = self.reach(&users, |name| self.before(name));
        let behind = self.reach(&users, |name| self.behind(name));
        (shape, topics(true, &before), topics(false, &behind))
    }

    /// The nodes that can be reached from these.
    fn reach(&self, from: &[&'a str], next: impl Fn(&str) -> Vec<&'a str>) -> BTreeSet<&'a str> {
        let (mut reached, mut left) = (BTreeSet::new(), from.to_vec());
        while let Some(name) = left.pop() {
            if reached.insert(name) {
                left.extend(next(name));
            }
        }
        reached
    }

    /// The nodes directly behind a node, also through an internal topic.
    fn behind(&self, name: &str) -> Vec<&'a str> {
        let Some(node) = self.nodes.get(name) else { return Vec::new() };
        let readers = self.nodes.iter().filter(|(_, other)| {
            !node.is_source && other.is_source && other.topics.iter().any(|topic| self.is_passed_on(node, topic))
        });
        node.successors.iter().copied().chain(readers.map(|(name, _)| *name)).collect()
    }

    fn before(&self, name: &str) -> Vec<&'a str> {
        self.nodes.keys().filter(|other| self.behind(other).contains(&name)).copied().collect()
    }

    fn is_passed_on(&self, sink: &Node<'_>, topic: &str) -> bool {
        self.internal.contains(topic) && sink.topics.contains(&topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::StreamsBuilder;
    use crate::state::KeyValueStore;
    use crate::topic::Topic;
    use crate::windows::Tumbling;
    use std::time::Duration;

    /// Counts what is in these topics, each in a store of that name, or of a generated one.
    fn counted(parts: &[(&'static str, Option<&'static str>)]) -> Fingerprint {
        let builder = StreamsBuilder::new();
        for (topic, store) in parts {
            let counts = builder.stream(Topic::<String, String>::new(topic)).group_by_key().count();
            let counts = match store {
                Some(name) => counts.stored_as(KeyValueStore::new(name)),
                None => counts,
            };
            counts.to_stream().to(Topic::<String, i64>::named(format!("{topic}-counts")).expect("a name"));
        }
        builder.build().expect("a topology").fingerprint()
    }

    fn changes(now: &Fingerprint, before: &Fingerprint) -> StoreChanges {
        now.stores_since(before.text()).expect("the same rules")
    }

    #[test]
    fn each_store_is_kept_new_moved_or_gone() {
        let before = counted(&[("a", Some("as")), ("b", Some("bs")), ("c", Some("cs"))]);
        let now = counted(&[("b", Some("bs")), ("a", Some("as")), ("d", Some("ds"))]);
        let place = |number: u32| format!("sub-topology {number}");
        let expected = [
            ("as", StoreChange::Moved { before: place(0), now: place(1) }),
            ("bs", StoreChange::Moved { before: place(1), now: place(0) }),
            ("cs", StoreChange::Gone { subtopology: place(2), changelog: Some("cs-changelog".to_owned()) }),
            ("ds", StoreChange::New),
        ];
        let expected = expected.map(|(name, change)| (name.to_owned(), change)).into();
        assert_eq!(changes(&now, &before), StoreChanges { stores: expected, swapped: Vec::new() });
        assert!(changes(&before, &before).stores.values().all(|change| *change == StoreChange::Kept));
        assert_eq!(before.stores_since("topology fingerprint, version 0\n"), None);
    }

    #[test]
    fn a_store_of_another_kind_is_told_with_both() {
        let windowed = {
            let builder = StreamsBuilder::new();
            let windows = Tumbling::of(Duration::from_secs(60)).no_grace();
            let words = builder.stream(Topic::<String, String>::new("a")).group_by_key();
            _ = words.windowed_by(windows).count().stored_as(crate::state::WindowStore::<String, i64>::new("as"));
            builder.build().expect("a topology").fingerprint()
        };
        let change = changes(&windowed, &counted(&[("a", Some("as"))])).stores.remove("as");
        let Some(StoreChange::Other { before, now }) = change else { panic!("{change:?}") };
        assert!(before.starts_with("table") && !now.starts_with("table"), "{before}, {now}");
    }

    /// Each of them would go on with the other's rows.
    #[test]
    fn generated_names_that_have_changed_places_are_told() {
        let name = |number: u32| format!("KSTREAM-AGGREGATE-STATE-STORE-{number:010}");
        let (before, now) = (counted(&[("a", None), ("b", None)]), counted(&[("b", None), ("a", None)]));
        let names: Vec<_> = changes(&before, &before).stores.into_keys().collect();
        let [first, second] = &names[..] else { panic!("{names:?}") };
        assert!(first.starts_with(&name(0)[..30]), "{first}");
        let expected = vec![(second.clone(), first.clone()), (first.clone(), second.clone())];
        assert_eq!(changes(&now, &before).swapped, expected);
        // Another input, or one more behind them, is no other place.
        for same in [counted(&[("c", None), ("b", None)]), counted(&[("a", None), ("b", None), ("c", None)])] {
            assert_eq!(changes(&same, &before).swapped, []);
        }
    }
}
