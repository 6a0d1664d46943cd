//! Global tables and the stores of global processors: every instance holds all partitions and keeps them up to date alongside the tasks.
//!
//! The topic is its own changelog, so nothing is written back. The application starts processing only when every
//! global table has been read to its initial end. Where only committed records are read, this is the last stable
//! offset: the application does not wait for other programs' transactions. As in Kafka Streams, global tables are not
//! synchronised in time with streams.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::AppError;
use super::age;
use super::bounds::{Bounds, Extent};
use super::control::{InstanceParts, Status};
use super::directory::StateDirectory;
use super::follower::Follower;
use super::global_rows::RowCheck;
use super::notes::{NoteTrouble, check_format, check_topics};
use super::plan::Plan;
use super::queries::{Desk, Freshness, LiveBatch, LiveRows, LiveStore};
use super::retry::Retry;
use crate::clock::SharedClock;
use crate::log::{
    Admin, Consumer, ConsumerOptions, ConsumerPurpose, FetchEvent, Isolation, LogError, LogErrorKind, RecordBatch,
};
use crate::operators::StoreId;
use crate::record::TopicPartition;
use crate::state::{GlobalStore, META, Memory, StoreBatch, StoreChange, StoreError, StoreErrorKind, StoreIndex};

const RETRY_AFTER: Duration = Duration::from_millis(200);
const RECORDS_PER_ROUND: usize = 10_000;

pub(crate) struct GlobalTables {
    tables: Vec<GlobalTable>,
    consumer: Box<dyn Consumer>,
    isolation: Isolation,
    admin: Arc<dyn Admin>,
    clock: SharedClock,
    noted_at: Option<Duration>,
    bounds: Option<Bounds>,
    retry: Retry,
    started: bool,
    failed: bool,
    events: Vec<FetchEvent>,
}

struct GlobalTable {
    store: Arc<GlobalStore>,
    id: StoreId,
    folder: PathBuf,
    check: Option<RowCheck>,
    follower: Follower,
    desk: Arc<Desk>,
}

impl GlobalTables {
    /// Opens the tables' stores.
    pub(crate) fn open(
        plan: &Plan,
        parts: &InstanceParts,
        admin: Arc<dyn Admin>,
        directory: &StateDirectory,
        status: &Status,
    ) -> Result<Self, AppError> {
        let (backend, settings) = (&*parts.backend, &parts.settings);
        let isolation = settings.input_isolation();
        let client_id = format!("{}-global", plan.application_id);
        let (purpose, prefetch_bytes) = (ConsumerPurpose::Restore, parts.memory.prefetch_bytes);
        let options = ConsumerOptions { client_id, purpose, isolation, prefetch_bytes };
        let consumer = parts
            .log
            .consumer(options, status.doorbell.clone())
            .map_err(|error| AppError::log("creating a consumer", error))?;
        let mut tables = Vec::new();
        for (definition, number) in plan.topology.graph().stores.iter().zip(0_u32..) {
            let id = StoreId(number);
            let Some(topic) = plan.changelog(id).filter(|_| definition.global) else { continue };
            let failed = |error: StoreError| AppError::StateFolder {
                path: directory.global_path(&definition.name).unwrap_or_default(),
                reason: error.to_string(),
            };
            let backend = if definition.in_memory { &Memory } else { backend };
            let folder = directory.global_path(&definition.name)?;
            let names = [definition.name.to_string()];
            let opened = match backend.open(&folder, &names) {
                Err(error) if error.kind == StoreErrorKind::Corrupt => {
                    if !directory.set_global_aside(&definition.name, parts.clock.now())? {
                        return Err(failed(error));
                    }
                    backend.open(&directory.global_path(&definition.name)?, &names)
                }
                opened => opened,
            };
            let mut store = opened.map_err(failed)?;
            check_format(&mut *store, &folder).map_err(failed)?;
            if backend.is_persistent() {
                check_topics(&mut *store, [&topic], &plan.ids, &folder).map_err(|trouble| match trouble {
                    NoteTrouble::Store(error) => failed(error),
                    NoteTrouble::App(error) => error,
                })?;
            }
            let store = Arc::new(GlobalStore::new(definition.name.to_string(), StoreIndex(1), store));
            let count = plan.partitions.get(&topic).copied().unwrap_or(0);
            let partitions = (0..i32::try_from(count).unwrap_or(i32::MAX)).map(|number| {
                let partition = TopicPartition::new(Arc::clone(&topic), number);
                let note = position_key(&partition);
                (partition, store.index(), note)
            });
            let mut follower = Follower::new(&&*store, partitions, &folder).map_err(failed)?;
            let noted = store.get_in(META, age::KEY).map_err(failed)?;
            let kept = age::delete_retention(plan, &topic, &[]);
            if age::is_too_old(noted, parts.clock.now(), kept, &folder).map_err(failed)? {
                tracing::warn!(
                    store = store.name(),
                    "the global table's local state is so old that deletions may be gone from its topic; reading the topic anew"
                );
                follower.clear(&mut &*store, store.index()).map_err(failed)?;
            }
            let check =
                RowCheck::new(plan, (id, &store), settings.errors.undecodable, status, Arc::clone(&parts.clock));
            tables.push(GlobalTable { store, id, folder, check, follower, desk: Arc::clone(&status.desk) });
        }
        Ok(Self {
            tables,
            consumer,
            isolation,
            admin,
            clock: Arc::clone(&parts.clock),
            noted_at: None,
            bounds: None,
            retry: Retry::after(RETRY_AFTER),
            started: false,
            failed: false,
            events: Vec::new(),
        })
    }

    /// The tables' stores, for the tasks that read them.
    pub(crate) fn stores(&self) -> BTreeMap<StoreId, Arc<GlobalStore>> {
        self.tables.iter().map(|table| (table.id, Arc::clone(&table.store))).collect()
    }

    /// Whether every table has been read to its initial end.
    pub(crate) fn is_complete(&self) -> bool {
        self.tables.is_empty() || (self.started && self.tables.iter().all(|table| table.follower.is_complete()))
    }

    /// Applies records that have arrived. Returns whether there were any.
    pub(crate) fn step(&mut self, now: Duration) -> Result<bool, AppError> {
        // After an error nothing more is stored: the position would skip records that were not.
        if self.tables.is_empty() || self.failed {
            return Ok(false);
        }
        let outcome = if self.started { self.fetch() } else { self.start(now) };
        let outcome = outcome.and_then(|any| self.note_age(now).map(|()| any));
        self.failed = outcome.is_err();
        outcome
    }

    /// Records from time to time that the tables have followed their topics until now, even if there were no records.
    fn note_age(&mut self, now: Duration) -> Result<(), AppError> {
        let is_due = self.noted_at.is_none_or(|noted| now.saturating_sub(noted) >= age::NOTE_INTERVAL);
        if !is_due || !self.is_complete() {
            return Ok(());
        }
        self.noted_at = Some(now);
        for table in &self.tables {
            let mut batch = StoreBatch::default();
            age::note(&mut batch, self.clock.now());
            table.store.write(batch).map_err(|error| table.failed(&error))?;
        }
        Ok(())
    }

    fn fetch(&mut self) -> Result<bool, AppError> {
        let mut events = std::mem::take(&mut self.events);
        self.consumer.fetch(RECORDS_PER_ROUND, &mut events);
        let any = !events.is_empty();
        let mut outcome = Ok(());
        for event in events.drain(..) {
            if outcome.is_ok() {
                outcome = self.apply(event);
            }
        }
        self.events = events;
        outcome.map(|()| any)
    }

    /// Looks up where the topics begin and end, then starts reading.
    fn start(&mut self, now: Duration) -> Result<bool, AppError> {
        if self.retry.is_pausing(now) {
            return Ok(false);
        }
        let mut bounds = self.bounds.take().unwrap_or_else(|| {
            let partitions = self.tables.iter().flat_map(|table| table.follower.partitions());
            Bounds::ask(&*self.admin, &partitions.cloned().collect::<Vec<_>>(), self.isolation)
        });
        match bounds.poll() {
            Poll::Pending => self.bounds = Some(bounds),
            Poll::Ready(Err(error)) if error.is_transient() => self.retry.pause(now),
            Poll::Ready(Err(error)) => return Err(AppError::log("asking where global tables begin and end", error)),
            Poll::Ready(Ok(bounds)) => {
                let mut bounds = bounds.into_iter();
                for table in &mut self.tables {
                    let count = table.follower.partitions().count();
                    table.begin(&bounds.by_ref().take(count).collect::<Vec<_>>())?;
                    for partition in table.follower.partitions() {
                        let position = table.follower.position(partition).unwrap_or_default();
                        self.consumer.add(partition, position);
                    }
                }
                self.started = true;
            }
        }
        Ok(self.started)
    }

    fn apply(&mut self, event: FetchEvent) -> Result<(), AppError> {
        match event {
            FetchEvent::Records { partition, batch } => match self.table_of(&partition) {
                Some(table) => table.apply(&partition, &batch),
                None => Ok(()),
            },
            FetchEvent::End { partition, position } => {
                if let Some(table) = self.table_of(&partition) {
                    table.follower.reached(&partition, position);
                }
                Ok(())
            }
            // The topic's first records were deleted between the lookup of its start and the first fetch. Starting
            // over is safe, because no row has been looked up yet.
            FetchEvent::OutOfRange { .. } if !self.is_complete() => {
                self.started = false;
                Ok(())
            }
            FetchEvent::OutOfRange { partition, position } => Err(AppError::InputOutOfRange {
                partition,
                position: position.0,
                detail: " (a global table's topic); restart to read it anew".to_owned(),
            }),
            FetchEvent::Error { error, .. } if error.is_transient() => Ok(()),
            FetchEvent::Error { error, .. } => Err(AppError::log("reading a global table", error)),
        }
    }

    fn table_of(&mut self, partition: &TopicPartition) -> Option<&mut GlobalTable> {
        self.tables.iter_mut().find(|table| table.follower.follows(partition))
    }
}

impl GlobalTable {
    fn failed(&self, error: &StoreError) -> AppError {
        AppError::StateFolder { path: self.folder.clone(), reason: error.to_string() }
    }

    /// Decides where reading starts, given the bounds of the table's partitions.
    fn begin(&mut self, bounds: &[Extent]) -> Result<(), AppError> {
        let begun = self.follower.begin(&mut &*self.store, bounds);
        begun.map_err(|trouble| trouble.into_error(&self.folder, |error| self.failed(&error)))
    }

    /// Stores the rows of a batch.
    fn apply(&mut self, partition: &TopicPartition, batch: &RecordBatch) -> Result<(), AppError> {
        let Some(check) = &self.check else { return Ok(()) };
        let changes = check.changes(partition, batch)?;
        let news = self.news(&changes);
        let written = self.follower.apply_batch(&mut &*self.store, partition, changes, batch.next_offset());
        written.map_err(|error| {
            AppError::log(format!("writing global table {}", self.store.name()), store_as_log(&error))
        })?;
        // Whoever hears of a row looks it up, so it has to be there by now.
        match news {
            Some((live, Some(places))) => live.publish(LiveBatch::new(LiveBatch::OF_GLOBAL, places)),
            Some((live, None)) => live.restart(),
            None => {}
        }
        Ok(())
    }

    /// What those will hear who follow the table, if anybody does: which rows have changed, if that can be said.
    fn news(&self, changes: &StoreBatch) -> Option<(Arc<LiveStore>, Option<LiveRows>)> {
        let live = self.desk.live(&Arc::from(self.store.name()), Freshness::Committed)?;
        Some((live, changed_places(changes, self.store.index())))
    }
}

/// The places of the rows that a batch changes one by one; `None` if it changes others, too.
fn changed_places(changes: &StoreBatch, index: StoreIndex) -> Option<LiveRows> {
    let mut places = LiveRows::default();
    for change in changes.changes() {
        match change {
            StoreChange::Put(store, key, _) | StoreChange::Delete(store, key) if store == index => {
                let Ok(()) = places.add(key, |_| Ok::<_, Infallible>(false));
            }
            StoreChange::DeleteRange(store, ..) | StoreChange::Clear(store) if store == index => return None,
            _ => {}
        }
    }
    Some(places)
}

fn position_key(partition: &TopicPartition) -> Vec<u8> {
    format!("position/{partition}").into_bytes()
}

fn store_as_log(error: &StoreError) -> LogError {
    let kind = if error.kind == StoreErrorKind::Corrupt { LogErrorKind::Corrupt } else { LogErrorKind::Other };
    LogError::new(kind, error.to_string())
}
