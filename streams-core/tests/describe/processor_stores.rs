//! Stores of processors, in the same order and with the same names as in `tests/java/describe`.

use std::time::Duration;

use streams_core::dsl::processor::{ProcessorSessionStore, ProcessorWindowStore, Timestamped};
use streams_core::state::{KeyValueStore, SessionStore, VersionedStore, WindowStore};
use streams_core::windows::{Sessions, Tumbling};

use crate::topologies::{A, B, C, G, Named, OUT, T, text_store};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

const TIMESTAMPED: KeyValueStore<String, Timestamped<String>> = KeyValueStore::new("timestamped");
const WINDOWS: ProcessorWindowStore<String, String> = ProcessorWindowStore::new("windows", MINUTE, HOUR);
const DUPLICATES: ProcessorWindowStore<String, String> =
    ProcessorWindowStore::new("duplicates", MINUTE, HOUR).with_duplicates();
const TIMESTAMPED_WINDOWS: ProcessorWindowStore<String, Timestamped<String>> =
    ProcessorWindowStore::new("timestamped-windows", MINUTE, HOUR);
const SESSIONS: ProcessorSessionStore<String, String> = ProcessorSessionStore::new("sessions", HOUR);

pub(crate) const ALL: &[Named] = &[
    ("a processor's stores of every kind", |b| {
        let stores = (TIMESTAMPED, WINDOWS, DUPLICATES, TIMESTAMPED_WINDOWS, SESSIONS);
        _ = b.stream(A).process(stores, |_, key, value, out| out.send(key.clone(), value)).to(OUT);
    }),
    ("a processor that reads a table", |b| {
        let rows = text_store("rows");
        b.table(T).stored_as(rows.clone());
        _ = b.stream(A).process(rows.read_only(), |_, key, value, out| out.send(key.clone(), value)).to(OUT);
    }),
    ("a named processor that reads an aggregate and its own store", |b| {
        let last = text_store("last");
        b.stream(A).group_by_key().reduce(|_, value| value).stored_as(last.clone());
        let stores = (last.read_only(), text_store("own"));
        let read = b.stream(B).process(stores, |_, key, value, out| out.send(key.clone(), value));
        _ = read.named("reader").to(OUT);
    }),
    ("a processor's versioned store, and one that reads a versioned table", |b| {
        const HISTORY: VersionedStore<String, String> = VersionedStore::new("history", HOUR);
        const VERSIONS: VersionedStore<String, String> = VersionedStore::new("versions", HOUR);
        b.table(T).stored_as(HISTORY);
        let stores = (HISTORY.read_only(), VERSIONS);
        _ = b.stream(A).process_values(stores, |_, _, value, out| out.send(value)).to(OUT);
    }),
    ("a processor that reads the stores of windowed tables", |b| {
        const PER_MINUTE: WindowStore<String, i64> = WindowStore::new("per-minute");
        const PER_SESSION: SessionStore<String, i64> = SessionStore::new("per-session");
        b.stream(A).group_by_key().windowed_by(Tumbling::of(MINUTE).no_grace()).count().stored_as(PER_MINUTE);
        b.stream(B).group_by_key().windowed_by(Sessions::gap(MINUTE).no_grace()).count().stored_as(PER_SESSION);
        let stores = (PER_MINUTE.read_only(), PER_SESSION.read_only());
        _ = b.stream(C).process(stores, |_, key, value, out| out.send(key.clone(), value)).to(OUT);
    }),
    ("a processor that reads a global table", |b| {
        let everywhere = text_store("everywhere");
        b.global_table(G).stored_as(everywhere.clone());
        _ = b.stream(A).process(everywhere.read_only(), |_, key, value, out| out.send(key.clone(), value)).to(OUT);
    }),
    ("a global store that is filled by code", |b| {
        let filled = text_store("filled");
        b.global_store(G, filled.clone(), |filled, record| filled.put(&record.key, record.value));
        _ = b.stream(A).process(filled.read_only(), |_, key, value, out| out.send(key.clone(), value)).to(OUT);
    }),
    ("a named global store that is filled by code, behind its reader", |b| {
        b.stream(A).to(OUT);
        b.global_store(G, text_store("filled"), |_, _| {}).named("fills");
        b.stream(B).to(OUT);
    }),
];
