//! What a changed topology means for each store, said once when an application starts on state of an earlier version.
//!
//! Stores that have changed places under generated names are an error, because each would go on with the other's rows.

use super::voice::PEOPLE;
use super::{AppError, RenamedTopic};
use crate::topology::{StoreChange, StoreChanges};

/// Says what becomes of the stores. `place` is where the state is, for people.
///
/// # Errors
/// When stores have changed places.
pub(super) fn tell(application_id: &str, changes: &StoreChanges, place: &str) -> Result<(), AppError> {
    if !changes.swapped.is_empty() {
        let stores = changes.swapped.iter().cloned().map(|(before, now)| RenamedTopic { before, now });
        return Err(AppError::StoresChangedPlaces { stores: stores.collect() });
    }
    let told: Vec<_> =
        changes.stores.iter().map(|(name, change)| sentence(application_id, name, change, place)).collect();
    if changes.stores.values().any(|change| *change != StoreChange::Kept) {
        tracing::warn!(
            target: PEOPLE, application = application_id,
            "the topology of {application_id} has changed since it last ran here: {}", told.join("; ")
        );
    }
    Ok(())
}

fn sentence(application_id: &str, name: &str, change: &StoreChange, place: &str) -> String {
    let said = match change {
        StoreChange::Kept => "is kept".to_owned(),
        StoreChange::New => "is new".to_owned(),
        StoreChange::Moved { before, now } => {
            format!("was in {before} and is in {now} now, so its rows are restored from its changelog, if it has one")
        }
        StoreChange::Other { before, now } => {
            format!(
                "was [{before}] and is [{now}] now; if its rows lie in another way, it is emptied and restored from its changelog"
            )
        }
        StoreChange::Gone { subtopology, changelog } => {
            let topic = changelog
                .as_ref()
                .map_or_else(String::new, |topic| format!(", and its changelog `{application_id}-{topic}` in the log"));
            format!("is no longer used: its rows stay with {subtopology} in {place}{topic}, until you delete them")
        }
    };
    format!("store `{name}` {said}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::tests::said::said;

    fn told(stores: &[(&str, StoreChange)]) -> String {
        let stores = stores.iter().map(|(name, change)| ((*name).to_owned(), change.clone())).collect();
        let changes = StoreChanges { stores, swapped: Vec::new() };
        said(|| tell("app", &changes, "/state/app").expect("nothing is swapped"))
    }

    #[test]
    fn what_becomes_of_each_store_is_told_in_one_sentence() {
        let part = |number: u32| format!("sub-topology {number}");
        let said = told(&[
            ("a", StoreChange::Kept),
            ("b", StoreChange::New),
            ("c", StoreChange::Gone { subtopology: part(1), changelog: Some("c-changelog".to_owned()) }),
            ("d", StoreChange::Moved { before: part(2), now: part(1) }),
        ]);
        let expected = "the topology of app has changed since it last ran here: store `a` is kept; store `b` is new; \
                        store `c` is no longer used: its rows stay with sub-topology 1 in /state/app, and its changelog \
                        `app-c-changelog` in the log, until you delete them; store `d` was in sub-topology 2 and is in \
                        sub-topology 1 now, so its rows are restored from its changelog, if it has one";
        assert!(said.contains(expected), "{said}");
        assert_eq!(told(&[("a", StoreChange::Kept)]), "");
    }
}
