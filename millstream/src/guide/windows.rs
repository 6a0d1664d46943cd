//! Windows: which records are aggregated together, when a result is sent, and what happens to late records.
//!
//! An aggregation without windows goes on for ever. With windows there is a result for each key *and* interval of time, and
//! its row has a [`Windowed`](crate::windows::Windowed) key. Time is that of the records: a replay of old records gives the
//! windows that it gave before.
//!
//! # Tumbling windows
//!
//! [`Tumbling`](crate::windows::Tumbling) windows follow each other, aligned to the epoch. Each record is in one of them. A
//! window includes its start and not its end. *How many views per minute?*
//!
//! ```text
//! records   a  b      c     d        e
//! time    --+--+------+--|--+--------+-----|-----------
//! windows [ a, b, c      )[ d, e           )[
//! ```
//!
//! # Hopping windows
//!
//! [`Hopping`](crate::windows::Hopping) windows are as long as they are, but one begins every `advance_by`, so they overlap:
//! a record is in several. *How many views in an hour, updated each minute?* An hour by the minute means sixty windows per
//! record.
//!
//! ```text
//! records      a     b           c
//! time    |----+-----+-----|-----+-----|-----------|---
//! windows [    a, b                    )
//!                          [     c                 )
//!                   ... and those in between:
//!                [   b           c         )
//! ```
//!
//! # Calendar windows
//!
//! [`CalendarWindows`](crate::windows::CalendarWindows) are days, weeks, months, quarters or years as the clocks of a place
//! show them. *How much did each shop sell per day, by its own midnight?* Tumbling windows of 24 hours begin at midnight UTC,
//! and drift by an hour when clocks change; a calendar's day then has 23 or 25 hours. Kafka Streams has no such windows.
//!
//! ```text
//! in Berlin     Sat 29 March          Sun 30 March          Mon 31 March
//! records         a             b       c            d      e
//! time       |----+-------------+-----|-+------------+-----|+---------------
//! windows    [    a             b     )[c            d     )[e
//!            24 hours                  23 hours             24 hours
//! ```
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//! use millstream::windows::chrono_tz::Europe;
//!
//! const DAYS: CalendarWindows = CalendarWindows::days().in_zone(Europe::Berlin);
//! const SALES: Topic<String, i64> = Topic::new("sales");
//! const PER_DAY: Topic<Windowed<String>, i64> = Topic::new("sales-per-day").windows_by(DAYS);
//!
//! let builder = StreamsBuilder::new();
//! let days = builder.stream(SALES).group_by_key().windowed_by(DAYS.no_grace());
//! days.reduce(|sum, euros| sum + euros).to_stream().to(PER_DAY);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! // Midnight of 30 March 2025 in Berlin is 23:00 of the day before in UTC, and 22:00 a day later.
//! let midnight = 1_743_289_200_000;
//! for (minute, euros) in [(-1, 5), (0, 7), (23 * 60 - 1, 1), (23 * 60, 2)] {
//!     driver.pipe_at(&SALES, "berlin", euros, Timestamp(midnight + minute * 60_000));
//! }
//! let rows = driver.read(&PER_DAY).into_iter();
//! let rows: Vec<_> = rows.map(|(key, sum)| ((key.window.end.0 - key.window.start.0) / 3_600_000, sum)).collect();
//! assert_eq!(rows, [(24, 5), (23, 7), (23, 8), (24, 2)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In all else they are like tumbling windows: grace, late and null records, final results. The first window of a key begins no
//! earlier than 1970, and rows are kept a day longer than the longest window and the grace.
//!
//! # Sliding windows
//!
//! [`Sliding`](crate::windows::Sliding) windows are not aligned to anything but the records: there is one for each set of
//! records that are at most a difference apart. One ends with each record, and one begins just after it as soon as there is
//! another record in it; both start and end belong to the window. *Were there five failed logins within ten seconds, wherever
//! those began?*
//!
//! ```text
//! records      a     b         c
//! time    -----+-----+---------+-----------------------
//! windows [    a]                       ends with a
//!               [    b         ]        begins after a
//!        [     a     b]                 ends with b
//!                     [        c      ] begins after b
//!                [   b         c]       ends with c
//! ```
//!
//! A record changes the windows of all records that came shortly before it, so the cost grows with how many there are within
//! the difference. Records earlier than the difference after 0 share one window, because no window starts before 0.
//!
//! # Session windows
//!
//! [`Sessions`](crate::windows::Sessions) go on as long as records are at most a gap apart. A session starts with its first
//! record and ends with its last one, both included. *How many pages per visit?*
//!
//! ```text
//! records   a  b     c                 d   e
//! time    --+--+-----+-----------------+---+-----------
//! windows  [a  b     c]      gap      [d   e]
//! ```
//!
//! A record between two sessions makes one of them. Their rows are then deleted, and there is a row for the new session: who
//! reads the changes sees a tombstone for each of the old ones. A session's key has its own type, `Windowed<K, Session>`,
//! because its end is not known from its start.
//!
//! # Unlimited windows
//!
//! An [`Unlimited`](crate::windows::Unlimited) window has a start and no end. It is an aggregation without windows that leaves
//! out what is older, and it never closes.
//!
//! # Late records
//!
//! Records come out of order. Stream time is the largest timestamp that the operator has seen, and `.grace(..)` says how far
//! behind it a record may be and still count:
//!
//! | windows | a window takes records while |
//! | --- | --- |
//! | tumbling, hopping, calendar | its end is after stream time minus the grace |
//! | sliding | its end is not before stream time minus the grace |
//! | sessions | its end, with the record, is not before stream time minus the grace and the gap |
//!
//! ```text
//! window      [---------------)
//! grace                       [ . . . . . . )
//! stream time       a record counts         | it is late
//! ```
//!
//! Late records are dropped, counted and reported (`late`), for each window that they come too late for. There is no default:
//! grace costs memory and, where only final results are sent, time; too little of it loses records. Each operator has its own
//! stream time for each partition, and no record means no time: if nothing arrives, nothing closes.
//!
//! Null keys are dropped and counted. Null values count in tumbling, hopping, calendar and session windows, and are dropped and counted
//! in sliding ones, as in Kafka Streams.
//!
//! # Updates, or one final result
//!
//! By default a result is sent when it changes, or with a cache once per commit: early, and several times. Who can send only
//! one message, an alert or an invoice, wants the final result:
//!
//! | | sends | keeps what waits | works for |
//! | --- | --- | --- | --- |
//! | nothing | each update, or the last one per commit | - | all windows |
//! | `.emit_on_close()` | each window once, when it closes | in the store that is there anyway | aggregations of streams |
//! | `.suppress(Suppress::until_window_closes().unbounded())` | each window once, when it closes | in memory, with a changelog of its own | windowed tables behind further operators, too |
//! | `.suppress(Suppress::until_time_limit(..)..)` | an update now and then | in memory, with a changelog of its own | all tables |
//!
//! Prefer `.emit_on_close()`. Both close a window with the record that advances stream time far enough: for sliding and
//! session windows, `suppress` does so one millisecond earlier, as in Kafka Streams. A window that is closed is not sent again
//! after a restart.
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//! use std::time::Duration;
//!
//! const MINUTE: Duration = Duration::from_secs(60);
//! const ORDERS: Topic<String, i64> = Topic::new("orders");
//! const UPDATES: Topic<Windowed<String>, Option<i64>> = Topic::new("sales-so-far").windows_of(MINUTE);
//! const FINAL: Topic<Windowed<String>, Option<i64>> = Topic::new("sales-per-minute").windows_of(MINUTE);
//!
//! let builder = StreamsBuilder::new();
//! let per_minute = builder.stream(ORDERS).group_by_key().windowed_by(Tumbling::of(MINUTE).grace(Duration::from_secs(10)));
//! per_minute.reduce(|sum, euros| sum + euros).to_stream().to(UPDATES);
//! per_minute.emit_on_close().reduce(|sum, euros| sum + euros).to_stream().to(FINAL);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! // The third one is late by eleven seconds and still counts, the last one does not.
//! for (second, euros) in [(10, 5), (65, 7), (54, 3), (70, 1), (59, 100)] {
//!     driver.pipe_at(&ORDERS, "berlin", euros, Timestamp(second * 1_000));
//! }
//! let shown = |rows: Vec<(Windowed<String>, Option<i64>)>| {
//!     let rows = rows.into_iter().map(|(key, sum)| (key.window.start.0 / 60_000, sum.unwrap_or(0)));
//!     rows.collect::<Vec<_>>()
//! };
//! assert_eq!(shown(driver.read(&UPDATES)), [(0, 5), (1, 7), (0, 8), (1, 8)]);
//! assert_eq!(shown(driver.read(&FINAL)), [(0, 8)]);
//! let late: u64 = driver.tasks().values().flat_map(|task| &task.dropped).map(|(_, count)| *count).sum();
//! assert_eq!(late, 2, "by both aggregations");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How long windows are kept
//!
//! A row stays in its store as long as it can change: the window's length and the grace from its start; for sliding windows
//! twice the difference and the grace; for sessions the gap and the grace from their end. [`retention`](crate::dsl::KTable::retention)
//! keeps it longer, for those who look it up. Then it is deleted without a tombstone, and its changelog's own retention
//! removes it there, a day later (`windowstore.changelog.additional.retention.ms`).
//!
//! For sessions, what is kept ends a moment before what is in time, as in Kafka Streams: once stream time is exactly the gap
//! and the grace after a session's end, a late record that would extend it finds it no more, and begins another one. A
//! retention that is a millisecond longer keeps the two together.
