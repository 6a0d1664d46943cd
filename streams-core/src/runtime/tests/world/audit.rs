//! What has to be true of a world at its end.

use std::collections::BTreeMap;

use super::operations::Script;
use super::workload::{DEAD, Event, Flaw, SEEN, id_of};
use crate::log::Embedded;
use crate::record::{Offset, TopicPartition};
use crate::runtime::Guarantee;

/// SeenByKey by key: the ids seen, separated by commas.
pub(super) type SeenByKey = BTreeMap<String, String>;

/// Each key's outputs, in order.
pub(super) type Outputs = BTreeMap<String, Vec<String>>;

pub(super) fn outputs(log: &Embedded) -> Outputs {
    let mut outputs = Outputs::new();
    // The topic may not have been created.
    for record in log.read(&SEEN).unwrap_or_default() {
        outputs.entry(record.key).or_default().push(record.value);
    }
    outputs
}

/// The last output of each key.
pub(super) fn last_of(outputs: &Outputs) -> SeenByKey {
    outputs.iter().filter_map(|(key, values)| Some((key.clone(), values.last()?.clone()))).collect()
}

/// The ids expected for each key, in ascending order.
fn expected(script: &Script, sent: &[Event]) -> BTreeMap<String, Vec<u32>> {
    let (workload, exactly_once) = (script.workload, script.settings.guarantee() == Guarantee::ExactlyOnce);
    let mut expected = BTreeMap::<_, Vec<_>>::new();
    let stays = |event: &&Event| match event.flaw {
        None => true,
        Some(Flaw::RefusedLate) => !exactly_once,
        Some(_) => false,
    };
    for event in sent.iter().filter(stays) {
        expected.entry(workload.key_of(event)).or_default().push(event.id);
    }
    expected
}

fn ids(row: &str) -> Vec<u32> {
    row.split(',').map(|id| id.parse().expect("an id")).collect()
}

/// Compares the output with the input. With `once`, nothing may have been done twice.
pub(super) fn check_outputs(script: &Script, sent: &[Event], outputs: &Outputs, once: bool) -> Result<(), String> {
    let expected = expected(script, sent);
    for (key, wanted) in &expected {
        let values = outputs.get(key).ok_or_else(|| format!("nothing came out for {key}; it has {wanted:?}"))?;
        check_key(wanted, values, script.settings.cache_bytes > 0, once)
            .map_err(|what| format!("{key}: {what}\n    sent {wanted:?}\n    came out {values:?}"))?;
    }
    match outputs.keys().find(|key| !expected.contains_key(*key)) {
        Some(key) => Err(format!("{key} came out, and was never sent")),
        None => Ok(()),
    }
}

fn check_key(wanted: &[u32], values: &[String], cached: bool, once: bool) -> Result<(), String> {
    let last = values.last().map(|row| ids(row)).unwrap_or_default();
    let mut sorted = last.clone();
    sorted.sort_unstable();
    if !once {
        sorted.dedup();
        return match sorted == wanted {
            true => Ok(()),
            false => Err("records were lost".to_owned()),
        };
    }
    if sorted != wanted {
        return Err("records were lost or counted twice".to_owned());
    }
    let mut before = String::new();
    for value in values {
        let is_next = match before.as_str() {
            "" => true,
            before => value.strip_prefix(before).is_some_and(|rest| rest.starts_with(',')),
        };
        let one_more = ids(value).len() == if before.is_empty() { 1 } else { ids(&before).len() + 1 };
        if !is_next || !(cached || one_more) {
            return Err(format!("`{value}` does not follow `{before}`"));
        }
        before.clone_from(value);
    }
    Ok(())
}

/// How often each record became a dead letter, by its id.
pub(super) fn dead_letters(log: &Embedded) -> Result<BTreeMap<u32, usize>, String> {
    let mut dead = BTreeMap::new();
    for record in log.read(&DEAD).unwrap_or_default() {
        let id = id_of(record.value.as_deref()).ok_or_else(|| format!("a dead letter of no record: {record:?}"))?;
        *dead.entry(id).or_default() += 1;
    }
    Ok(dead)
}

/// Every flawed record is a dead letter, and no other; with `once`, only once.
pub(super) fn check_dead_letters(sent: &[Event], dead: &BTreeMap<u32, usize>, once: bool) -> Result<(), String> {
    for event in sent {
        let times = dead.get(&event.id).copied().unwrap_or(0);
        let is_right = match event.flaw {
            None => times == 0,
            Some(_) => times == 1 || (times > 1 && !once),
        };
        if !is_right {
            return Err(format!("{event:?} became a dead letter {times} times"));
        }
    }
    Ok(())
}

/// A committed position never goes backwards.
pub(super) fn check_position(partition: &TopicPartition, before: Offset, now: Offset) -> Result<(), String> {
    match now < before {
        true => Err(format!("the position of {partition} went back from {before} to {now}")),
        false => Ok(()),
    }
}

/// Compares two sets of rows.
pub(super) fn check_rows(what: &str, rows: &SeenByKey, wanted: &SeenByKey) -> Result<(), String> {
    let keys = rows.keys().chain(wanted.keys()).collect::<std::collections::BTreeSet<_>>();
    let wrong = keys.into_iter().filter(|key| rows.get(*key) != wanted.get(*key));
    let wrong = wrong.map(|key| format!("\n    {key}: {:?} instead of {:?}", rows.get(key), wanted.get(key)));
    match wrong.collect::<String>() {
        wrong if wrong.is_empty() => Ok(()),
        wrong => Err(format!("{what} is wrong:{wrong}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::tests::tally::Tally;
    use crate::runtime::tests::world::World;

    fn outputs(key: &str, values: &[&str]) -> Outputs {
        Outputs::from([(key.to_owned(), values.iter().map(ToString::to_string).collect())])
    }

    /// What the audit says to outputs of three records of one key: uncached and once, cached and once, and at least
    /// once.
    fn verdicts(outputs: &Outputs) -> [&'static str; 3] {
        let sent: Vec<_> = (1..=3).map(|id| Event { id, word: 0, at: 0, flaw: None }).collect();
        let verdict = |cache_bytes, once| {
            let mut script = Script::from_seed(0);
            script.settings.cache_bytes = cache_bytes;
            let reasons = ["nothing came out", "was never sent", "does not follow", "lost or counted twice", "lost"];
            match check_outputs(&script, &sent, outputs, once) {
                Ok(()) => "fine",
                Err(what) => reasons.into_iter().find(|reason| what.contains(reason)).unwrap_or("another reason"),
            }
        };
        [verdict(0, true), verdict(1, true), verdict(0, false)]
    }

    #[test]
    fn the_audit_objects_to_doctored_outputs() {
        let (wrong, order) = ("lost or counted twice", "does not follow");
        for (key, values, expected) in [
            ("w0", &["1", "1,2", "1,2,3"][..], ["fine"; 3]),
            ("w0", &["1", "1,3", "1,3,2"], ["fine"; 3]),
            ("w0", &["1", "1,2,3"], [order, "fine", "fine"]),
            ("w0", &["1", "1,2", "1,2,2", "1,2,2,3"], [wrong, wrong, "fine"]),
            ("w0", &["1", "1,2"], [wrong, wrong, "lost"]),
            ("w0", &["1", "1,3"], [wrong, wrong, "lost"]),
            ("w0", &["1", "1,2", "1,2,3", "1,2"], [wrong, wrong, "lost"]),
            ("w0", &["1", "1,2", "1", "1,2", "1,2,3"], [order, order, "fine"]),
            ("w0", &[], [wrong, wrong, "lost"]),
            ("w1", &["1", "1,2", "1,2,3"], ["nothing came out"; 3]),
        ] {
            assert_eq!(verdicts(&outputs(key, values)), expected, "{values:?}");
        }
        let mut more = outputs("w0", &["1", "1,2", "1,2,3"]);
        more.extend(outputs("w1", &["4"]));
        assert_eq!(verdicts(&more), ["was never sent"; 3]);
    }

    #[test]
    fn the_audit_objects_to_doctored_dead_letters() {
        let event = |id, flaw| Event { id, word: 0, at: 0, flaw };
        let sent = [event(1, None), event(2, Some(Flaw::Panic)), event(3, Some(Flaw::Unreadable))];
        let is_right = |dead: &[(u32, usize)]| {
            let dead = dead.iter().copied().collect();
            [true, false].map(|once| check_dead_letters(&sent, &dead, once).is_ok())
        };
        assert_eq!(is_right(&[(2, 1), (3, 1)]), [true, true]);
        assert_eq!(is_right(&[(2, 1), (3, 2)]), [false, true]);
        assert_eq!(is_right(&[(2, 1)]), [false, false]);
        assert_eq!(is_right(&[(1, 1), (2, 1), (3, 1)]), [false, false]);
    }

    #[test]
    fn the_audit_objects_to_doctored_rows_and_positions() {
        let rows = |rows: &[(&str, &str)]| -> SeenByKey {
            rows.iter().map(|(key, row)| ((*key).to_owned(), (*row).to_owned())).collect()
        };
        let wanted = rows(&[("a", "1"), ("b", "2")]);
        let is_right = |given: &[(&str, &str)]| check_rows("this", &rows(given), &wanted).is_ok();
        let seen = [
            is_right(&[("a", "1"), ("b", "2")]),
            is_right(&[("a", "1")]),
            is_right(&[("a", "1"), ("b", "2,2")]),
            is_right(&[("a", "1"), ("b", "2"), ("c", "3")]),
        ];
        assert_eq!(seen, [true, false, false, false]);
        let goes = |before, now| check_position(&TopicPartition::new("t", 0), Offset(before), Offset(now)).is_ok();
        assert_eq!([goes(4, 4), goes(4, 5), goes(5, 4)], [true, true, false]);
    }

    /// A world that was audited, audited again after somebody has counted a record twice.
    #[test]
    fn a_world_does_not_pass_with_a_doctored_log() {
        for seed in 0..crate::runtime::tests::world::operations::FAMILIES {
            let mut world = World::new(Script::from_seed(seed), &Tally::default());
            assert_eq!(world.run(), Ok(()));
            world.start(0, false);
            assert_eq!(world.finish().and_then(|()| world.audit()), Ok(()), "seed {seed}");
            let (key, ids) = last_of(&super::outputs(&world.log)).pop_first().expect("an output");
            let id = ids.rsplit(',').next().expect("an id");
            world.log.send(&SEEN, key, format!("{ids},{id}")).expect("sent");
            assert!(world.audit().is_err(), "seed {seed}");
        }
    }
}
