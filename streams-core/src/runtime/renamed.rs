//! Internal topics whose generated names have changed since the application last ran.
//!
//! A generated name contains the number of its operator, so an operator that was added or removed before it gives it
//! another number. Then the topic of that name does not exist, and the old one would be forgotten. The kinds of such
//! names and their order tell which was which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::topology::Fingerprint;

/// An internal topic's name before and now, in full.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RenamedTopic {
    /// The name that it had, under which it still exists.
    pub before: String,
    /// The name that it has in this topology.
    pub now: String,
}

impl fmt::Display for RenamedTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is now called {}", self.before, self.now)
    }
}

/// The topics that exist and have another generated name in this topology, among which `missing` is one.
///
/// `wanted` are the internal topics of this topology and `existing` the topics of the log, by their full names. `noted`
/// describes the topology of the last run, if that is known: then topics that older versions left behind do not count.
pub(super) fn renamed_topics(
    application_id: &str,
    missing: &str,
    wanted: &[String],
    existing: &[String],
    noted: Option<&str>,
) -> Vec<RenamedTopic> {
    let own = format!("{application_id}-");
    let is_noted = |name: &str| {
        noted.is_none_or(|text| name.strip_prefix(&own).is_some_and(|short| Fingerprint::names_topic(text, short)))
    };
    let before = by_kind(existing.iter().filter(|name| name.starts_with(&own) && is_noted(name)));
    let now = by_kind(wanted.iter());
    let pairs = now.iter().filter_map(|(kind, now)| Some((before.get(kind)?, now)));
    let mut renamed: Vec<_> = pairs
        .filter(|(before, now)| before.len() == now.len())
        .flat_map(|(before, now)| before.iter().zip(now))
        .filter(|(before, now)| before != now)
        .map(|((_, before), (_, now))| RenamedTopic { before: (*before).to_owned(), now: (*now).to_owned() })
        .collect();
    for suffix in SUFFIXES {
        renamed.extend(named_since(&own, suffix, wanted, existing).filter(|topic| is_noted(&topic.before)));
    }
    if renamed.iter().any(|topic| topic.now == missing) { renamed } else { Vec::new() }
}

/// What the names of internal topics end with.
const SUFFIXES: [&str; 3] = ["-changelog", "-repartition", "-topic"];

/// The topic of this ending that was given a name, if it is the only one that is missing and the only generated one that
/// is not wanted any more.
fn named_since(own: &str, suffix: &str, wanted: &[String], existing: &[String]) -> Option<RenamedTopic> {
    let is_own = |name: &&String| {
        name.strip_prefix(own).is_some_and(|short| short.starts_with("KSTREAM-") || short.starts_with("KTABLE-"))
    };
    let ends = |name: &&String| name.ends_with(suffix);
    let before = existing.iter().filter(ends).filter(is_own).filter(|name| generated(name).is_some());
    let before = only(before.filter(|name| !wanted.contains(name)))?;
    let now = only(wanted.iter().filter(ends).filter(|name| !existing.contains(name)))?;
    generated(now).is_none().then(|| RenamedTopic { before: before.clone(), now: now.clone() })
}

/// The item, if it is the only one.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let item = items.next()?;
    items.next().is_none().then_some(item)
}

/// What surrounds a generated name's number.
type Kind<'a> = (&'a str, &'a str);

/// The generated names of each kind, by their numbers.
fn by_kind<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<Kind<'a>, BTreeSet<(u64, &'a str)>> {
    let mut kinds: BTreeMap<Kind<'_>, BTreeSet<(u64, &str)>> = BTreeMap::new();
    for name in names {
        if let Some((kind, number)) = generated(name) {
            kinds.entry(kind).or_default().insert((number, name));
        }
    }
    kinds
}

/// The kind and the number of an internal topic with a generated name.
fn generated(name: &str) -> Option<(Kind<'_>, u64)> {
    let (rest, suffix) = SUFFIXES.into_iter().find_map(|suffix| {
        let rest = name.strip_suffix(suffix)?;
        Some((rest, suffix))
    })?;
    let (before, number) = rest.split_at_checked(rest.len().checked_sub(10)?)?;
    let is_generated = before.ends_with('-') && (before.contains("KSTREAM-") || before.contains("KTABLE-"));
    let is_number = number.bytes().all(|digit| digit.is_ascii_digit());
    (is_generated && is_number).then_some(((before, suffix), number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: &str = "app-KSTREAM-AGGREGATE-STATE-STORE-";

    fn names<const N: usize>(numbers: [u32; N]) -> Vec<String> {
        let stores = numbers.iter().map(|number| format!("{STORE}{number:010}-changelog"));
        stores.chain(["app-by-word-repartition".to_owned(), "lines".to_owned()]).collect()
    }

    fn pairs<const N: usize>(numbers: [(u32, u32); N]) -> Vec<RenamedTopic> {
        let name = |number: u32| format!("{STORE}{number:010}-changelog");
        numbers.map(|(before, now)| RenamedTopic { before: name(before), now: name(now) }).into()
    }

    fn renamed(missing: u32, now: &[String], before: &[String], noted: Option<&str>) -> Vec<RenamedTopic> {
        renamed_topics("app", &format!("{STORE}{missing:010}-changelog"), now, before, noted)
    }

    #[test]
    fn topics_of_a_kind_keep_their_order() {
        for (before, now, missing, expected) in [
            (names([3]), names([5]), 5, pairs([(3, 5)])),
            (names([1, 5]), names([5, 9]), 9, pairs([(1, 5), (5, 9)])),
            (names([1, 5]), names([1, 7]), 7, pairs([(5, 7)])),
        ] {
            assert_eq!(renamed(missing, &now, &before, None), expected);
        }
        // A store more, or one that was there and was deleted: nobody knows which is which.
        assert_eq!(renamed(5, &names([3, 5]), &names([3]), None), []);
        assert_eq!(renamed(5, &names([5]), &names([]), None), []);
        assert_eq!(renamed(5, &names([3, 5]), &names([3, 5]), None), [], "it exists");
    }

    /// Regression: the new name was said to be gone, although the topic had only been given one.
    #[test]
    fn a_topic_that_was_given_a_name_is_the_one_that_is_not_wanted_any_more() {
        let named = "app-counts-changelog".to_owned();
        let now = |others: Vec<String>| [others, vec![named.clone()]].concat();
        let given = |before: &[String], now: &[String]| renamed_topics("app", &named, now, before, None);
        let (before, expected) =
            (names([3]), RenamedTopic { before: format!("{STORE}0000000003-changelog"), now: named.clone() });
        assert_eq!(given(&before, &now(names([]))), std::slice::from_ref(&expected));
        assert_eq!(given(&names([1, 3]), &now(names([1]))), [expected]);
        // Two, of which nobody knows which it was; and one of another application.
        assert_eq!(given(&names([1, 3]), &now(names([]))), []);
        let other = vec!["app-eu-KSTREAM-AGGREGATE-STATE-STORE-0000000003-changelog".to_owned()];
        assert_eq!(given(&other, &now(names([]))), []);
    }

    #[test]
    fn what_older_versions_left_behind_does_not_count() {
        let noted =
            format!("topology\ntable store {0}: changelog {0}-changelog\n", "KSTREAM-AGGREGATE-STATE-STORE-0000000003");
        let before = names([1, 3]);
        assert_eq!(renamed(5, &names([5]), &before, None), []);
        assert_eq!(renamed(5, &names([5]), &before, Some(&noted)), pairs([(3, 5)]));
    }

    #[test]
    fn only_generated_names_are_told_apart_by_their_numbers() {
        for (name, expected) in [
            ("a-KSTREAM-REDUCE-STATE-STORE-0000000012-repartition", Some(12)),
            ("a-KTABLE-AGGREGATE-STATE-STORE-0000000003-changelog", Some(3)),
            ("a-KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-0000000010-topic", Some(10)),
            ("a-counts-0000000003-changelog", None),
            ("a-KSTREAM-REDUCE-STATE-STORE-000000001x-repartition", None),
            ("a-KSTREAM-0000000001", None),
            ("é-changelog", None),
            ("ééééééééé-changelog", None),
            ("changelog", None),
        ] {
            assert_eq!(generated(name).map(|(_, number)| number), expected, "{name}");
        }
    }
}
