//! S6 in the end of a run: every folder that any process has left holds what the changelogs say, up to where it has followed
//! them, and so does one that is restored from nothing.

use std::collections::BTreeMap;

use millstream::kafka::Kafka;
use streams_core::log::Isolation;

use crate::audit::state::{Kept, check, kept, task_folders};
use crate::audit::{Record, Verdict, read};
use crate::conduct::{Conductor, Stop};
use crate::events::PARTITIONS;
use crate::places::Place;
use crate::topologies::Kind;

/// The stores in a state folder, by task and store.
type Stores = BTreeMap<(String, String), Kept>;

/// Checks all folders. No process may run.
///
/// # Errors
/// See [`Stop`].
pub fn check_all(conductor: &mut Conductor<'_>, kafka: &Kafka, auditor: Place) -> Result<Verdict, Stop> {
    let id = conductor.application.id.clone();
    let mut left = Vec::new();
    for place in &conductor.places {
        left.push((place.folder.display().to_string(), stores(place, &id)?));
    }
    let restored = restored(conductor, auditor)?;
    let mut changelogs = BTreeMap::<String, Vec<Record>>::new();
    let mut verdict = Verdict::default();
    for ((task, store), from_nothing) in &restored {
        let changelog = changelogs.entry(store.clone()).or_insert_with(|| {
            read::topic(kafka, &format!("{id}-{store}-changelog"), PARTITIONS, Isolation::ReadCommitted)
        });
        let partition: i32 = task.split('_').nth(1).and_then(|number| number.parse().ok()).unwrap_or(-1);
        let changelog: Vec<&Record> = changelog.iter().filter(|record| record.partition == partition).collect();
        let name = (task.clone(), store.clone());
        let found: Vec<_> = left.iter().filter_map(|(folder, stores)| Some((&**folder, stores.get(&name)?))).collect();
        let what = format!("{store} of task {task}");
        let is_key_value = is_key_value(conductor.application.kind, store);
        verdict.add(check(&what, &found, &from_nothing.rows, &changelog, is_key_value));
    }
    if restored.values().all(|kept| kept.rows.is_empty()) {
        verdict.error("vacuous: no state");
    }
    Ok(verdict)
}

/// Whether a row of the store is one record of its changelog.
fn is_key_value(kind: Kind, store: &str) -> bool {
    kind == Kind::Hops && kind.stores().contains(&store)
}

fn stores(place: &Place, id: &str) -> Result<Stores, Stop> {
    let mut stores = Stores::new();
    let folders = task_folders(&place.folder.join(id)).map_err(|error| Stop::Failed(error.to_string()))?;
    for (task, folder) in folders {
        for (store, kept) in kept(&folder).map_err(Stop::Failed)? {
            stores.insert((task.clone(), store), kept);
        }
    }
    Ok(stores)
}

/// What a process restores that is alone and has no state.
fn restored(conductor: &mut Conductor<'_>, auditor: Place) -> Result<Stores, Stop> {
    let place = conductor.places.len();
    conductor.places.push(auditor);
    conductor.start(place);
    conductor.until_idle()?;
    conductor.finish(place);
    let id = conductor.application.id.clone();
    conductor.places.pop().map_or_else(|| Ok(Stores::new()), |place| stores(&place, &id))
}
