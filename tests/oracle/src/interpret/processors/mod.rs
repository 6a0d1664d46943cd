//! Processors: what they do is in `does`, one file for each kind of store.

use std::time::Duration;

use millstream::dsl::GlobalStoreOptions;
use millstream::dsl::processor::{CustomStore, FilledStore, ProcessorSessionStore, ProcessorWindowStore, StoreTuple};
use millstream::prelude::Refs;
use millstream::state::{KeyValueStore, SessionStore, Timestamped, VersionedStore, WindowStore};

use super::options::{Nameable as _, TextTopic, topic};
use super::{Handle, Interpreter, Stream, What, unfit};
use crate::behaviour::Behaviour;
use crate::case::StoreType;
use crate::step::{Step, StoreKind, Windows as StepWindows};
use crate::text::Text;

mod key_value;
mod plain;
mod shelf;
mod stored;
mod versions;
mod windowed_tables;
mod windows;

use key_value::{KeyValues, Rows, TimestampedValues};
use shelf::{Counts, Shelf};
use stored::{Work, Worker};
use versions::{OfTables, Versions};
use windowed_tables::{GlobalSessions, GlobalWindows, SessionRows, WindowRows};
use windows::{Sessions, TimestampedWindows, Windows};

type Plain = KeyValueStore<Text, Text>;
type WithTimes = KeyValueStore<Text, Timestamped<Text>>;
type WindowsOf<V> = ProcessorWindowStore<Text, V>;
type VersionsOf = VersionedStore<Text, Text>;
type SessionsOf = ProcessorSessionStore<Text, Text>;

/// Where a step's records go through its processor.
struct Place<'t, 'a> {
    stream: Stream<'t>,
    keeps_key: bool,
    does: &'a Behaviour,
}

impl<'t> Place<'t, '_> {
    fn work<W: Work>(self, store: W::Store) -> Stream<'t> {
        let does = self.does.clone();
        if self.keeps_key {
            let make = move || stored::KeyKept(Worker::<W>::new(does.clone()));
            return self.stream.process_values_with(store, make);
        }
        self.stream.process_with(store, move || Worker::<W>::new(does.clone()))
    }
}

/// The definition of a store.
struct Definition<'a> {
    kind: Defined,
    name: &'a str,
    size: Duration,
    retention: Duration,
    duplicates: bool,
}

/// The options of a processors' store.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct StoreOptions {
    logging: Option<bool>,
    caching: Option<bool>,
    /// What it is kept in.
    kept: Option<StoreType>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Defined {
    Processors(StoreKind),
    Table,
    VersionedTable,
    WindowedTable,
    SessionTable,
    Global(StoreKind),
}

impl Definition<'_> {
    fn windows<V: millstream::dsl::processor::StoreValue>(&self) -> Result<WindowsOf<V>, What> {
        let store =
            ProcessorWindowStore::named(self.name, self.size, self.retention).map_err(|error| error.to_string())?;
        Ok(if self.duplicates { store.with_duplicates() } else { store })
    }

    fn sessions(&self) -> Result<SessionsOf, What> {
        ProcessorSessionStore::named(self.name, self.retention).map_err(|error| error.to_string())
    }

    fn table_windows(&self) -> Result<WindowStore<Text, Text>, What> {
        WindowStore::named(self.name).map_err(|error| error.to_string())
    }

    fn table_sessions(&self) -> Result<SessionStore<Text, Text>, What> {
        SessionStore::named(self.name).map_err(|error| error.to_string())
    }

    fn counts(&self) -> Result<CustomStore<Counts>, What> {
        CustomStore::named(self.name).map_err(|error| error.to_string())
    }

    fn versions(&self) -> Result<VersionsOf, What> {
        VersionedStore::named(self.name, self.retention).map_err(|error| error.to_string())
    }

    fn key_value<V>(&self) -> Result<KeyValueStore<Text, V>, What> {
        KeyValueStore::named(self.name).map_err(|error| error.to_string())
    }
}

impl<'t> Interpreter<'t> {
    pub(super) fn process(&self, step: &Step) -> Result<Handle<'t>, What> {
        let (input, does, stores, name, keeps_key) = match step {
            Step::Process { input, does, stores, name } => (input, does, stores, name, false),
            Step::ProcessValues { input, does, stores, name } => (input, does, stores, name, true),
            _ => return unfit(step),
        };
        self.processor(self.stream(*input)?, (does, stores.as_ref()), name.as_ref(), keeps_key)
    }

    /// A processor behind a stream.
    pub(super) fn processor(
        &self,
        stream: Stream<'t>,
        (does, stores): (&Behaviour, Option<&Vec<String>>),
        name: Option<&String>,
        keeps_key: bool,
    ) -> Result<Handle<'t>, What> {
        let place = Place { stream, keeps_key, does };
        let used = does.store().or_else(|| stores?.first());
        let processed = match used {
            None => self.plain(place)?,
            Some(store) => self.with_store(place, store)?,
        };
        Ok(Handle::Stream(processed.maybe_named(name)))
    }

    fn plain(&self, place: Place<'t, '_>) -> Result<Stream<'t>, What> {
        let (does, seen, number) = (place.does.clone(), self.seen.clone(), self.number());
        let make = move || plain::Doing::new(does.clone(), seen.clone(), number);
        Ok(if place.keeps_key {
            place.stream.process_values_with((), move || plain::KeyKept(make()))
        } else {
            place.stream.process_with((), make)
        })
    }

    fn with_store(&self, place: Place<'t, '_>, name: &str) -> Result<Stream<'t>, What> {
        let store = self.definition(name)?;
        Ok(match store.kind {
            Defined::Table => place.work::<Rows>(store.key_value::<Text>()?.read_only()),
            Defined::WindowedTable => place.work::<WindowRows>(store.table_windows()?.read_only()),
            Defined::SessionTable => place.work::<SessionRows>(store.table_sessions()?.read_only()),
            Defined::Global(StoreKind::TimestampedWindow) => {
                place.work::<GlobalWindows>(store.windows::<Timestamped<Text>>()?.read_only())
            }
            Defined::Global(StoreKind::Session) => place.work::<GlobalSessions>(store.sessions()?.read_only()),
            Defined::Global(StoreKind::Versioned) => place.work::<OfTables>(store.versions()?.read_only()),
            Defined::Global(kind) => return Err(format!("a global store of the kind {kind:?}")),
            Defined::VersionedTable => place.work::<OfTables>(store.versions()?.read_only()),
            Defined::Processors(StoreKind::KeyValue) => place.work::<KeyValues>(store.key_value()?),
            Defined::Processors(StoreKind::Timestamped) => place.work::<TimestampedValues>(store.key_value()?),
            Defined::Processors(StoreKind::Window) => place.work::<Windows>(store.windows()?),
            Defined::Processors(StoreKind::TimestampedWindow) => place.work::<TimestampedWindows>(store.windows()?),
            Defined::Processors(StoreKind::Session) => place.work::<Sessions>(store.sessions()?),
            Defined::Processors(StoreKind::Versioned) => place.work::<Versions>(store.versions()?),
            Defined::Processors(StoreKind::Shelf) => place.work::<Shelf>(store.counts()?),
        })
    }

    /// The step that defines a store.
    fn definition(&self, wanted: &'_ str) -> Result<Definition<'_>, What> {
        let (size, duplicates) = (Duration::ZERO, false);
        let table =
            |name: &'t str| Definition { kind: Defined::Table, name, size, retention: Duration::ZERO, duplicates };
        let windowed = |(name, windows): (&'t str, StepWindows)| {
            let is_of_sessions = matches!(windows, StepWindows::Session { .. });
            let kind = if is_of_sessions { Defined::SessionTable } else { Defined::WindowedTable };
            Definition { kind, name, size, retention: Duration::ZERO, duplicates }
        };
        let versions = |(name, history): (&'t str, u64)| {
            let retention = Duration::from_millis(history);
            Definition { kind: Defined::VersionedTable, name, size, retention, duplicates }
        };
        let found = self.steps.iter().find_map(|step| match step {
            Step::Store { kind, name, size, retention, duplicates, .. }
            | Step::AddStore { kind, name, size, retention, duplicates, .. }
                if name == wanted =>
            {
                let duration = |millis: &Option<u64>| Duration::from_millis(millis.unwrap_or_default());
                let (size, retention, kind) = (duration(size), duration(retention), Defined::Processors(*kind));
                Some(Definition { kind, name, size, retention, duplicates: duplicates.unwrap_or(false) })
            }
            Step::GlobalStore { name, kind: StoreKind::Timestamped, .. } if name == wanted => Some(table(name)),
            Step::GlobalStore { name, kind, size, retention, .. } if name == wanted => {
                let [size, retention] = [size, retention].map(|time| Duration::from_millis(time.unwrap_or(0)));
                Some(Definition { kind: Defined::Global(*kind), name, size, retention, duplicates })
            }
            step => (step.stored_as().filter(|name| *name == wanted).map(table))
                .or_else(|| step.windowed_as().filter(|(name, _)| *name == wanted).map(windowed))
                .or_else(|| step.versioned_as().filter(|(name, _)| *name == wanted).map(versions)),
        });
        found.ok_or_else(|| format!("there is no store {wanted}"))
    }

    /// Sets a store's options.
    pub(super) fn store(&self, step: &Step) -> Result<Handle<'t>, What> {
        let Step::Store { name, logging, caching, r#type, .. } = step else { return unfit(step) };
        // What the others are kept in is the application's choice.
        let kept = r#type.filter(|kept| *kept == StoreType::Memory);
        let options = StoreOptions { logging: *logging, caching: *caching, kept };
        self.all_options_of_store(name, options)
    }

    pub(super) fn options_of_store(&self, name: &str, logging: Option<bool>) -> Result<Handle<'t>, What> {
        self.all_options_of_store(name, StoreOptions { logging, ..StoreOptions::default() })
    }

    fn all_options_of_store(&self, name: &str, options: StoreOptions) -> Result<Handle<'t>, What> {
        if options == StoreOptions::default() {
            return Ok(Handle::Nothing);
        }
        let store = self.definition(name)?;
        match store.kind {
            Defined::Processors(StoreKind::KeyValue) => self.options(store.key_value::<Text>()?, options),
            Defined::Processors(StoreKind::Timestamped) => self.options::<WithTimes>(store.key_value()?, options),
            Defined::Processors(StoreKind::Window) => self.options(store.windows::<Text>()?, options),
            Defined::Processors(StoreKind::TimestampedWindow) => {
                self.options(store.windows::<Timestamped<Text>>()?, options);
            }
            Defined::Processors(StoreKind::Session) => self.options(store.sessions()?, options),
            Defined::Processors(StoreKind::Versioned) => self.options(store.versions()?, options),
            Defined::Processors(StoreKind::Shelf) => self.options(store.counts()?, options),
            Defined::Table
            | Defined::VersionedTable
            | Defined::WindowedTable
            | Defined::SessionTable
            | Defined::Global(_) => return Err(format!("{name} is a table's store")),
        }
        Ok(Handle::Nothing)
    }

    /// A store that every instance has.
    pub(super) fn global_store(&self, step: &Step) -> Result<Handle<'t>, What> {
        let Step::GlobalStore { topic: from, does, source, kind, name, .. } = step else { return unfit(step) };
        let (does, definition) = (does.clone(), self.definition(name)?);
        let from: TextTopic = topic(from)?;
        let filled = match kind {
            StoreKind::Timestamped => {
                self.builder.global_store(from, definition.key_value::<Text>()?, move |store, record| {
                    let Some(key) = &record.key else { return };
                    key_value::fill(
                        &does,
                        store,
                        &stored::Item { key, value: &record.value, time: record.timestamp.0 },
                    );
                })
            }
            StoreKind::TimestampedWindow => self.filled::<TimestampedWindows>(from, definition.windows()?, does),
            StoreKind::Session => self.filled::<Sessions>(from, definition.sessions()?, does),
            StoreKind::Versioned => self.filled::<Versions>(from, definition.versions()?, does),
            _ => return unfit(step),
        };
        if let Some(name) = source {
            filled.named(name);
        }
        Ok(Handle::Nothing)
    }

    /// A global store that does as the processors with such stores do.
    fn filled<W: Work>(&self, from: TextTopic, store: W::Store, does: Behaviour) -> GlobalStoreOptions<'t>
    where
        W::Store: for<'a> FilledStore<Filled<'a> = Refs<'a, W::Store>>,
    {
        self.builder.global_store(from, store, move |store, record| {
            let Some(key) = &record.key else { return };
            _ = W::work(&does, store, &stored::Item { key, value: &record.value, time: record.timestamp.0 });
        })
    }

    fn options<S: StoreTuple + millstream::dsl::processor::ProcessorStore>(&self, store: S, options: StoreOptions) {
        let mut store = self.builder.store(store);
        if options.logging == Some(false) {
            store = store.not_logged();
        }
        if options.caching == Some(true) {
            store = store.cached();
        }
        if options.kept == Some(StoreType::Memory) {
            store.in_memory();
        }
    }
}

/// The text that the functions of the vocabulary show for null.
fn shown(text: Option<&Text>) -> &str {
    text.map_or("null", Text::as_str)
}

/// Texts joined with commas.
fn listed(texts: impl IntoIterator<Item = String>) -> Text {
    crate::functions::cut(&texts.into_iter().collect::<Vec<_>>().join(","))
}
