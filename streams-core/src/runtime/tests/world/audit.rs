//! What has to be true of a world at its end.

use std::collections::BTreeMap;

use super::operations::Script;
use super::workload::{Event, SEEN, Workload};
use crate::log::Embedded;

/// For each key the ids seen, separated by commas.
pub(super) type SeenByKey = BTreeMap<String, String>;

/// Each key's outputs, in order.
pub(super) fn outputs(log: &Embedded) -> BTreeMap<String, Vec<String>> {
    let mut outputs = BTreeMap::<_, Vec<_>>::new();
    // The topic may not have been created.
    for record in log.read(&SEEN).unwrap_or_default() {
        outputs.entry(record.key).or_default().push(record.value);
    }
    outputs
}

/// The last output of each key.
pub(super) fn last_of(outputs: &BTreeMap<String, Vec<String>>) -> SeenByKey {
    outputs.iter().filter_map(|(key, values)| Some((key.clone(), values.last()?.clone()))).collect()
}

/// The ids expected for each key, in ascending order.
fn expected(workload: Workload, sent: &[Event]) -> BTreeMap<String, Vec<u32>> {
    let mut expected = BTreeMap::<_, Vec<_>>::new();
    for event in sent {
        expected.entry(workload.key_of(event)).or_default().push(event.id);
    }
    expected
}

fn ids(row: &str) -> Vec<u32> {
    row.split(',').map(|id| id.parse().expect("an id")).collect()
}

/// Compares the output with the input. With `once`, nothing may have been done twice.
pub(super) fn check_outputs(script: &Script, sent: &[Event], log: &Embedded, once: bool) -> Result<(), String> {
    let expected = expected(script.workload, sent);
    let outputs = outputs(log);
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

/// Compares two sets of rows.
pub(super) fn check_rows(what: &str, rows: &SeenByKey, wanted: &SeenByKey) -> Result<(), String> {
    let keys = rows.keys().chain(wanted.keys()).collect::<std::collections::BTreeSet<_>>();
    let wrong = keys.into_iter().filter(|key| rows.get(*key) != wanted.get(*key));
    let wrong = wrong.map(|key| format!("\n    {key}: {:?} instead of {:?}", rows.get(key), wanted.get(key)));
    match wrong.collect::<String>() {
        wrong if wrong.is_empty() => Ok(()),
        wrong => Err(format!("{what} is not what came out last:{wrong}")),
    }
}
