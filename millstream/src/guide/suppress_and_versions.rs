//! Final results, and rows of the past: what `suppress` holds back, and what versioned tables remember.
//!
//! Records come late and out of order, and a table follows them: its rows change, and change again. There are two ways to
//! get something that stays as it is. [`suppress`](crate::dsl::KTable::suppress) waits until a row changes no more, or
//! changes seldom enough. A [`VersionedStore`](crate::state::VersionedStore) keeps what a row was, so that a record that comes late
//! finds the row of its own time.
//!
//! # Until windows close
//!
//! A window is closed when stream time, the largest timestamp so far, reaches its end plus the grace. Until then its changes
//! wait, each in place of the one before it, and then the last one is sent on, once:
//!
//! ```text
//! second         0      59      60      49      69      70
//!                |       |       |       |       |       |
//! minute 0      =1      =2       .      =3       .     closed: 60 + 10 of grace
//! minute 1       .       .      =1       .      =2      =3
//! sent on        .       .       .       .       .     minute 0 = 3
//! ```
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//! use std::time::Duration;
//!
//! const VIEWS: Topic<String, String> = Topic::new("views");
//! const PER_MINUTE: Topic<Windowed<String>, i64> = Topic::new("views-per-minute").windows_of(Duration::from_secs(60));
//!
//! let builder = StreamsBuilder::new();
//! let minutes = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(10));
//! let counts = builder.stream(VIEWS).group_by_key().windowed_by(minutes).count();
//! counts.suppress(Suppress::until_window_closes().unbounded()).to_stream().to(PER_MINUTE);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! for second in [0, 59, 60, 49, 69, 70] {
//!     driver.pipe_at(&VIEWS, "ada", "/home", Timestamp(second * 1_000));
//! }
//! let counts = driver.read(&PER_MINUTE).into_iter().map(|(key, count)| (key.window.start.0 / 60_000, count));
//! assert_eq!(counts.collect::<Vec<_>>(), [(0, 3)]);
//! # Ok::<(), TopologyError>(())
//! ```
//!
//! * Time is that of the records. The last windows are sent on when later records come, so a test needs one more record.
//! * A window that was deleted before it closed is never sent, because nobody has to delete it.
//! * Sessions close a millisecond before the last record that still changes them, in Kafka Streams, too. If one comes at just
//!   that moment, a session that was sent is followed by another result.
//!
//! # For some time
//!
//! [`Suppress::until_time_limit`](crate::dsl::Suppress::until_time_limit) works on all tables. A row's first change waits for
//! so long by the records' timestamps, and whatever replaces it meanwhile waits no longer than that:
//!
//! ```text
//! second          0       4       8       10      11      20
//! gold          100     101      99      102     103     104
//!                |_______________________|       |____________ ..
//! sent on         .       .       .      102      .       .
//! ```
//!
//! What waits is in memory and in a changelog. How much that may be has to be said: `.unbounded()`; or a limit such as
//! `.max_records(10_000)`, with `.emit_early_when_full()`, after which what has waited longest goes on, or
//! `.shut_down_when_full()`. Final results are never sent early.
//! [`Suppress::at_most_every`](crate::dsl::Suppress::at_most_every) goes by the wall clock, which Kafka Streams cannot do.
//!
//! # Rows of the past
//!
//! Without versions, the order of arrival decides what a row is. A rate that is entered late replaces the newer one, and an
//! order that comes late is billed with today's rate. A table in a versioned store goes by timestamps: each version is valid
//! from its own time until that of the next (KIP-889), and a record of a stream is joined with the version that was valid at
//! the record's time (KIP-914).
//!
//! ```text
//! valid at      1.0          1.5          2.0          (seconds)
//! arrived 1st    |------------ 0.5 -------------- ..
//! arrived 2nd    |------------ 0.5 -------|---- 0.75 -- ..
//! arrived 3rd    |--- 0.5 ----|-- 0.625 --|---- 0.75 -- ..
//!                                |  order of 1.6: 0.625
//! ```
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//! use std::time::Duration;
//!
//! const RATES: Topic<String, f64> = Topic::new("exchange-rates");
//! const ORDERS: Topic<String, f64> = Topic::new("orders");
//! const IN_EUROS: Topic<String, f64> = Topic::new("orders-in-euros");
//! const HISTORY: VersionedStore<String, f64> = VersionedStore::new("rates", Duration::from_secs(60 * 60));
//!
//! let builder = StreamsBuilder::new();
//! let rates = builder.table(RATES).stored_as(HISTORY);
//! builder.stream(ORDERS).join(rates, |amount, rate| amount * rate).to(IN_EUROS);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! for (rate, time) in [(0.5, 1_000), (0.75, 2_000), (0.625, 1_500)] {
//!     driver.pipe_at(&RATES, "dollar", rate, Timestamp(time));
//! }
//! for time in [1_400, 1_600, 2_100] {
//!     driver.pipe_at(&ORDERS, "dollar", 100.0, Timestamp(time));
//! }
//! assert_eq!(driver.read(&IN_EUROS), [50.0, 62.5, 75.0].map(|amount| ("dollar".to_owned(), amount)));
//! // The rate that came last is not the latest one.
//! assert_eq!(driver.get_as_of(&HISTORY, "dollar", Timestamp(9_000)), Some(0.75));
//! # Ok::<(), TopologyError>(())
//! ```
//!
//! * The **history** says for how long a version can be asked for after it has ended, in stream time, and how late a record
//!   may be. One that is later is dropped and counted (`expired`). The latest version is kept for ever.
//! * A **tombstone** ends a version, and says that there is no row from its time on.
//! * A record that comes before a version of its time can **wait** for it: `.join(rates.with_grace(..), ..)`, see
//!   [joins](crate::guide::joins).
//! * Joins of two tables are with latest rows. They drop earlier versions and count them (`outdated`).
//! * Such a table has no cache. It cannot be suppressed, and a global table cannot be one.
//! * Its changelog has Kafka Streams' bytes, with one addition: after an older version, the latest one is logged once more,
//!   because compaction keeps a key's last record. And what the store has refused is not logged, which Kafka Streams does.
