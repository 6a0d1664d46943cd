//! Global tables: every instance holds all partitions, kept up to date beside the tasks.
//!
//! The topic is the log: rows are its records, so nothing is written back. The application starts
//! processing only when every global table has been read to the end it had at the start. Global tables are
//! not synchronised in time with streams (Kafka Streams' rule).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::AppError;
use super::age;
use super::bounds::Bounds;
use super::control::{Parts, Status};
use super::directory::StateDirectory;
use super::global_rows::{GlobalRow, RowCheck};
use super::notes::{Trouble, check_format, check_topics, to_i64};
use super::plan::Plan;
use crate::clock::SharedClock;
use crate::log::{Admin, Consumer, ConsumerOptions, ConsumerPurpose, FetchEvent, LogError, LogErrorKind};
use crate::operators::StoreId;
use crate::record::{Offset, TopicPartition};
use crate::state::{GlobalStore, META, StoreBatch, StoreError, StoreErrorKind, StoreIndex, StoreKind};

const RETRY_AFTER: Duration = Duration::from_millis(200);
const RECORDS_PER_ROUND: usize = 10_000;

/// All global tables of an application.
pub(crate) struct GlobalTables {
    tables: Vec<Table>,
    consumer: Box<dyn Consumer>,
    admin: Arc<dyn Admin>,
    clock: SharedClock,
    noted_at: Option<Duration>,
    bounds: Option<Bounds>,
    retry_at: Option<Duration>,
    started: bool,
    failed: bool,
    events: Vec<FetchEvent>,
}

struct Table {
    store: Arc<GlobalStore>,
    id: StoreId,
    kind: Arc<dyn StoreKind>,
    folder: PathBuf,
    check: Option<RowCheck>,
    parts: Vec<Part>,
}

struct Part {
    partition: TopicPartition,
    position: Option<Offset>,
    end: Offset,
}

impl GlobalTables {
    /// Opens the tables' stores.
    pub(crate) fn open(
        plan: &Plan,
        parts: &Parts,
        admin: Arc<dyn Admin>,
        directory: &StateDirectory,
        status: &Status,
    ) -> Result<Self, AppError> {
        let (backend, settings) = (&*parts.backend, &parts.settings);
        let isolation = settings.input_isolation();
        let client_id = format!("{}-global", plan.application_id);
        let options = ConsumerOptions { client_id, purpose: ConsumerPurpose::Restore, isolation, prefetch_bytes: None };
        let consumer = parts
            .log
            .consumer(options, status.doorbell.clone())
            .map_err(|error| AppError::log("creating a consumer", error))?;
        let mut tables = Vec::new();
        for (definition, number) in plan.topology.graph.stores.iter().zip(0_u32..) {
            let id = StoreId(number);
            let Some(topic) = plan.changelog(id).filter(|_| definition.global) else { continue };
            let failed = |error: StoreError| AppError::StateFolder {
                path: directory.global_path().unwrap_or_default(),
                reason: error.to_string(),
            };
            let folder = directory.global_path()?.join(&*definition.name);
            if backend.is_persistent() {
                std::fs::create_dir_all(&folder)
                    .map_err(|error| AppError::StateFolder { path: folder.clone(), reason: error.to_string() })?;
            }
            let mut store = backend.open(&folder, &[definition.name.to_string()]).map_err(failed)?;
            check_format(&mut *store, &folder).map_err(failed)?;
            if backend.is_persistent() {
                check_topics(&mut *store, [&topic], &plan.ids, &folder).map_err(|trouble| match trouble {
                    Trouble::Store(error) => failed(error),
                    Trouble::App(error) => error,
                })?;
            }
            let store = Arc::new(GlobalStore::new(definition.name.to_string(), StoreIndex(1), store));
            let count = plan.partitions.get(&topic).copied().unwrap_or(0);
            let mut partitions = Vec::new();
            for partition in 0..count {
                let partition = TopicPartition::new(Arc::clone(&topic), i32::try_from(partition).unwrap_or(i32::MAX));
                let key = position_key(&partition);
                let position = store.get_in(META, &key).map_err(failed)?;
                let position = position.map(|bytes| to_i64(&bytes, &key, &folder)).transpose().map_err(failed)?;
                let position = position.map(Offset);
                partitions.push(Part { partition, position, end: Offset(0) });
            }
            let noted = store.get_in(META, age::KEY).map_err(failed)?;
            let kept = age::delete_retention(plan, &topic, &[]);
            if age::is_too_old(noted, parts.clock.now(), kept, &folder).map_err(failed)? {
                tracing::warn!(
                    store = store.name(),
                    "the global table's local state is so old that deletions may be gone from its topic; reading the topic anew"
                );
                store.clear(partitions.iter().map(|part| position_key(&part.partition))).map_err(failed)?;
                partitions.iter_mut().for_each(|part| part.position = None);
            }
            let check = RowCheck::new(plan, id, settings.on_undecodable, status.metrics.clone());
            let kind = Arc::clone(&definition.kind);
            tables.push(Table { store, id, kind, folder, check, parts: partitions });
        }
        Ok(Self {
            tables,
            consumer,
            admin,
            clock: Arc::clone(&parts.clock),
            noted_at: None,
            bounds: None,
            retry_at: None,
            started: false,
            failed: false,
            events: Vec::new(),
        })
    }

    /// The stores by number, for the tasks that read them.
    pub(crate) fn stores(&self) -> BTreeMap<StoreId, Arc<GlobalStore>> {
        self.tables.iter().map(|table| (table.id, Arc::clone(&table.store))).collect()
    }

    /// Whether every table has been read to the end it had at the start.
    pub(crate) fn is_complete(&self) -> bool {
        self.tables.is_empty()
            || (self.started
                && self
                    .tables
                    .iter()
                    .flat_map(|table| &table.parts)
                    .all(|part| part.position.is_some_and(|position| position >= part.end)))
    }

    /// Applies what has arrived; whether anything had.
    pub(crate) fn step(&mut self, now: Duration) -> Result<bool, AppError> {
        // Behind an error nothing is kept: the position would be behind what was not.
        if self.tables.is_empty() || self.failed {
            return Ok(false);
        }
        let outcome = if self.started { self.fetch() } else { self.start(now) };
        let outcome = outcome.and_then(|any| self.note_age(now).map(|()| any));
        self.failed = outcome.is_err();
        outcome
    }

    /// Notes now and then that the tables have followed their topics until now, also when nothing came.
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

    /// Asks where the topics begin and end, and starts reading.
    fn start(&mut self, now: Duration) -> Result<bool, AppError> {
        if self.retry_at.is_some_and(|at| now < at) {
            return Ok(false);
        }
        let mut bounds = self.bounds.take().unwrap_or_else(|| {
            let parts = self.tables.iter().flat_map(|table| &table.parts);
            Bounds::ask(&*self.admin, parts.map(|part| part.partition.clone()).collect())
        });
        match bounds.poll() {
            Poll::Pending => self.bounds = Some(bounds),
            Poll::Ready(Err(error)) if error.is_transient() => self.retry_at = Some(now + RETRY_AFTER),
            Poll::Ready(Err(error)) => return Err(AppError::log("asking where global tables begin and end", error)),
            Poll::Ready(Ok(bounds)) => {
                let mut bounds = bounds.into_iter();
                for table in &mut self.tables {
                    table.begin_at(&bounds.by_ref().take(table.parts.len()).collect::<Vec<_>>())?;
                    for part in &table.parts {
                        self.consumer.add(&part.partition, part.position.unwrap_or_default());
                    }
                }
                self.started = true;
            }
        }
        Ok(self.started)
    }

    fn apply(&mut self, event: FetchEvent) -> Result<(), AppError> {
        match event {
            FetchEvent::Records { partition, batch } => {
                let Some((table, part)) = find(&mut self.tables, &partition) else { return Ok(()) };
                let Some(check) = table.check else { return Ok(()) };
                let rows = check.rows(&partition, &batch)?;
                let store = table.store;
                store.write(changes_of(&table, &partition, &rows, batch.next_offset())).map_err(|error| {
                    AppError::log(format!("writing global table {}", store.name()), store_as_log(&error))
                })?;
                part.position = Some(batch.next_offset());
                Ok(())
            }
            FetchEvent::End { partition, position } => {
                if let Some((_, part)) = find(&mut self.tables, &partition) {
                    part.position = part.position.max(Some(position));
                }
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
}

impl Table {
    fn failed(&self, error: &StoreError) -> AppError {
        AppError::StateFolder { path: self.folder.clone(), reason: error.to_string() }
    }

    /// Decides where reading begins, now that the bounds of the table's partitions are known.
    fn begin_at(&mut self, bounds: &[(Offset, Offset)]) -> Result<(), AppError> {
        let mut has_gap = false;
        for (part, (start, end)) in self.parts.iter_mut().zip(bounds) {
            part.end = *end;
            let stored = part.position.unwrap_or(*start);
            if stored > *end {
                let (partition, folder) = (part.partition.clone(), self.folder.clone());
                return Err(AppError::ChangelogLost { partition, end: end.0, stored: stored.0, folder });
            }
            if stored < *start {
                tracing::warn!(store = self.store.name(), partition = %part.partition, stored = stored.0, start = start.0,
                    "the topic no longer holds what follows the local state; rebuilding the global table from what is left");
                has_gap = true;
            }
            part.position = Some(stored);
        }
        if !has_gap {
            return Ok(());
        }
        // Rows that were deleted in the gap would live for ever.
        let notes = self.parts.iter().map(|part| position_key(&part.partition));
        let cleared = self.store.clear(notes);
        cleared.map_err(|error| self.failed(&error))?;
        for (part, (start, _)) in self.parts.iter_mut().zip(bounds) {
            part.position = Some(*start);
        }
        Ok(())
    }
}

fn position_key(partition: &TopicPartition) -> Vec<u8> {
    format!("position/{partition}").into_bytes()
}

/// A table without its partitions.
struct Found<'a> {
    store: &'a GlobalStore,
    kind: &'a dyn StoreKind,
    check: Option<&'a RowCheck>,
}

fn find<'a>(tables: &'a mut [Table], partition: &TopicPartition) -> Option<(Found<'a>, &'a mut Part)> {
    tables.iter_mut().find_map(|table| {
        let part = table.parts.iter_mut().find(|part| part.partition == *partition)?;
        Some((Found { store: &table.store, kind: &*table.kind, check: table.check.as_ref() }, part))
    })
}

/// The rows of a batch and the position behind it, to be written as one.
fn changes_of(table: &Found<'_>, partition: &TopicPartition, rows: &[GlobalRow], next: Offset) -> StoreBatch {
    let (mut changes, index) = (StoreBatch::default(), table.store.index());
    for row in rows {
        match table.kind.to_store(row.record()) {
            Some((key, Some(value))) => changes.put(index, key, value),
            Some((key, None)) => changes.delete(index, key),
            // A global table is a table, which takes any bytes.
            None => {}
        }
    }
    changes.put(META, position_key(partition), next.0.to_be_bytes());
    changes
}

fn store_as_log(error: &StoreError) -> LogError {
    let kind = if error.kind == StoreErrorKind::Corrupt { LogErrorKind::Corrupt } else { LogErrorKind::Other };
    LogError::new(kind, error.to_string())
}
