//! What Kafka Streams does not have: operations and settings that its users write themselves, or ask for.
//!
//! | to | there is |
//! | --- | --- |
//! | let each thing through once | [`distinct`](#each-thing-once) |
//! | call a service or a database for each record | [`handle`](super::handlers) |
//! | refuse records that break rules, and say which | [`validate`](crate::dsl::KStream::validate) |
//! | forget rows that nobody updates | [`expire_after`](#rows-that-expire) |
//! | count per day, week or month of a place | [`CalendarWindows`](#days-and-months) |
//! | have sums, means, the top few, distinct counts, quantiles | [ready-made aggregates](#aggregates-that-merge) |
//! | send a change now and then, even if no more records come | [`Suppress::at_most_every`](#calmer-by-the-clock) |
//! | refuse a record | [`try_map`](#closures-that-may-refuse) and others |
//! | lose nothing in a replay | [`align_event_time`](#replays-that-lose-nothing) |
//!
//! None of it changes what the others do: names, bytes and results of everything else are those of Kafka Streams.
//!
//! # Each thing once
//!
//! [`distinct`](crate::dsl::KStream::distinct) lets the first record of a key through, at once, and drops those that repeat
//! it within a time; [`distinct_by`](crate::dsl::KStream::distinct_by) also compares an id. *Book each payment once, although
//! its sender tries again.*
//!
//! ```text
//! minute         0     3     9     10    12    19    20
//! payment 17     x     x     x     x     x     x     x
//!                |-- repeated within 10 --|
//!                                  |-- repeated within 10 --|
//! sent on        x     .     .     x     .     .     x
//! ```
//!
//! Time is counted from the record that went through, not from its duplicates, in both directions: an earlier record may repeat
//! a later one that came first.
//!
//! * **Late records**, those that come after the time plus the grace has passed in stream time, are dropped and counted,
//!   because what they may repeat is forgotten.
//! * **Null keys** are dropped and counted; null values are values like any others.
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//! use std::time::Duration;
//!
//! const PAYMENTS: Topic<u64, String> = Topic::new("payments");
//! const BOOKED: Topic<u64, String> = Topic::new("booked");
//!
//! let builder = StreamsBuilder::new();
//! let ten_minutes = DistinctWindows::of(Duration::from_secs(600)).grace(Duration::from_secs(60));
//! builder.stream(PAYMENTS).distinct(ten_minutes).store_named("seen-payments").to(BOOKED);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! for minute in [0, 3, 9, 10, 12, 19, 20] {
//!     driver.pipe_at(&PAYMENTS, 17_u64, format!("minute {minute}"), Timestamp(minute * 60_000));
//! }
//! let booked = ["minute 0", "minute 10", "minute 20"].map(|text| (17, text.to_owned()));
//! assert_eq!(driver.read(&BOOKED), booked);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rows that expire
//!
//! A table keeps its rows until somebody deletes them. With [`expire_after`](crate::dsl::KTable::expire_after) a row goes when
//! stream time is that much after its last update, with a tombstone in the changelog and a deletion downstream. *How many
//! logins has each user who is online?*
//!
//! ```text
//! second         0       30      45              90      95
//! ada          login   login      .               .     login
//! bob            .       .      login           login     .
//!                |       |                        |
//! row of ada     1       2 ...................... gone    1       30 + 60 = 90
//! row of bob                      1 ............. 2 .....
//! sent on      ada=1   ada=2    bob=1   ada deleted, bob=2   ada=1
//! ```
//!
//! It is exact: a row is deleted before the record is processed that has advanced stream time so far, so joins and
//! aggregations never find one that is too old. And it is the same whatever the cache, the commits and the crashes, because
//! such a table has no cache.
//!
//! Processors' key-value stores can do the same: `builder.store(SEEN).expire_after(..)`. Nobody is told there, but the
//! changelog gets its tombstones.
//!
//! * **Late records** update a row that is there, as always. One that would make a row which has expired already is dropped
//!   and counted (`expired`).
//! * **Null keys** are dropped and counted. **Null values** delete the row of a table, and are dropped and counted by
//!   aggregations, as without expiry.
//! * Stream time is that of the task: the records of other keys advance it, those of other partitions do not, and if no
//!   records come, nothing expires.
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//! use std::time::Duration;
//!
//! const LOGINS: Topic<String, String> = Topic::new("logins");
//! const ONLINE: Topic<String, Option<i64>> = Topic::new("online");
//!
//! let builder = StreamsBuilder::new();
//! builder.stream(LOGINS).group_by_key().count().expire_after(Duration::from_secs(60)).to_stream().to(ONLINE);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! for (second, user) in [(0, "ada"), (30, "ada"), (45, "bob"), (90, "bob"), (95, "ada")] {
//!     driver.pipe_at(&LOGINS, user, "ok", Timestamp(second * 1_000));
//! }
//! let online = [("ada", Some(1)), ("ada", Some(2)), ("bob", Some(1)), ("ada", None), ("bob", Some(2)), ("ada", Some(1))];
//! assert_eq!(driver.read(&ONLINE), online.map(|(user, logins)| (user.to_owned(), logins)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Days and months
//!
//! [`CalendarWindows`](crate::windows::CalendarWindows) are days, weeks, months, quarters and years by the clocks of a place.
//! They are in the page about [windows](super::windows#calendar-windows), with an example in a time zone.
//!
//! ```text
//!             January          February       March            by the calendar
//! days        31               28             31
//! windows    [                )[             )[                )[
//! ```
//!
//! * **Late records** are dropped and counted once stream time has reached the window's end and the grace.
//! * **Null keys** are dropped and counted; null values count, as in other windows.
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//!
//! const ORDERS: Topic<String, i64> = Topic::new("orders");
//! const PER_MONTH: Topic<Windowed<String>, i64> = Topic::new("per-month").windows_by(CalendarWindows::months());
//!
//! let builder = StreamsBuilder::new();
//! let months = builder.stream(ORDERS).group_by_key().windowed_by(CalendarWindows::months().no_grace());
//! months.reduce(|sum, euros| sum + euros).to_stream().to(PER_MONTH);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! // Days of 1970, counted from 1 January.
//! for (day, euros) in [(30, 5), (31, 7), (58, 1), (59, 2)] {
//!     driver.pipe_at(&ORDERS, "berlin", euros, Timestamp(day * 86_400_000));
//! }
//! let days = |time: Timestamp| time.0 / 86_400_000;
//! let sums = driver.read(&PER_MONTH).into_iter();
//! let sums: Vec<_> = sums.map(|(key, sum)| (days(key.window.start), days(key.window.end), sum)).collect();
//! assert_eq!(sums, [(0, 31, 5), (31, 59, 7), (31, 59, 8), (59, 90, 2)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Aggregates that merge
//!
//! The [`aggregates`](crate::aggregates) are values that start empty and take one thing after another: totals with their
//! means, extremes, the top few, and sketches of distinct counts and quantiles. Two can be
//! [merged](crate::aggregates::Merge), which is what sessions need. *How many people were there per visit?*
//!
//! ```text
//! second       0               50              100
//! views       ada               .              bob
//! sessions   [ada]                            [bob]      1 viewer each
//! then         .               ada              .        60 seconds from both: their sessions merge
//! session    [ada              ada             bob]      2 viewers
//! ```
//!
//! Late and null records are those of the aggregation: see [windows](super::windows#late-records).
//!
//! ```
//! use millstream::aggregates::{DistinctCount, Merge};
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//! use std::time::Duration;
//!
//! const VIEWS: Topic<String, String> = Topic::new("views");
//! const VIEWERS: Topic<String, Option<u64>> = Topic::new("viewers");
//!
//! let builder = StreamsBuilder::new();
//! let visits = Sessions::gap(Duration::from_secs(60)).grace(Duration::from_secs(60));
//! let viewers = builder.stream(VIEWS).group_by_key().windowed_by(visits).aggregate(
//!     DistinctCount::default,
//!     |viewers, viewer| viewers.add(viewer),
//!     Merge::merged,
//! );
//! let span = |key: &Windowed<String, Session>| {
//!     format!("{} to {} s", key.window.start.0 / 1_000, key.window.end.0 / 1_000)
//! };
//! viewers.to_stream().map(move |key, viewers| (span(&key), viewers.map(|viewers| viewers.estimate()))).to(VIEWERS);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! for (second, viewer) in [(0, "ada"), (100, "bob"), (50, "ada")] {
//!     driver.pipe_at(&VIEWS, "/home", viewer, Timestamp(second * 1_000));
//! }
//! assert_eq!(driver.read(&VIEWERS).last(), Some(&("0 to 100 s".to_owned(), Some(2))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Calmer by the clock
//!
//! [`Suppress::at_most_every`](crate::dsl::Suppress::at_most_every) holds changes back by the wall clock. Kafka Streams'
//! `suppress` goes by the times of records, so what waits there goes on only when later records come. *A display needs the
//! number of free seats, but not ten times a second.*
//!
//! ```text
//! wall clock (s)   0     2     5     10          21          31
//! free seats      40    38    35      .          34           .
//!                  |_________________|            |___________|
//! sent on          .     .     .     35           .          34
//! ```
//!
//! * **Late records** do not exist: whatever comes is the row's latest change.
//! * **Null values** are deletions, which wait like any other change.
//! * Two runs over the same records may send different updates, since they depend on when records are processed. The last one
//!   of each key is the same.
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//! use std::time::Duration;
//!
//! const SEATS: Topic<String, i64> = Topic::new("free-seats");
//! const SHOWN: Topic<String, i64> = Topic::new("shown-seats");
//!
//! let builder = StreamsBuilder::new();
//! let calmer = Suppress::at_most_every(Duration::from_secs(10)).unbounded();
//! builder.table(SEATS).suppress(calmer).to_stream().filter_some().to(SHOWN);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! [40, 38, 35].iter().for_each(|seats| driver.pipe(&SEATS, "tosca", *seats));
//! assert_eq!(driver.read(&SHOWN), []);
//! driver.advance_wall_clock(Duration::from_secs(10));
//! assert_eq!(driver.read(&SHOWN), [("tosca".to_owned(), 35)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Closures that may refuse
//!
//! The closures of [`try_map`](crate::dsl::KStream::try_map), [`try_map_values`](crate::dsl::KStream::try_map_values) and the
//! other `try_` calls return a `Result`. In Kafka Streams they throw. An error ends the application in front of the record:
//! nothing is skipped, and the error says which record it was, which node refused it and why.
//!
//! ```text
//! offset      0         1        2
//! line     pen=120     ink     cup=80
//!             |         |
//! price      120     refused: the application ends, and the next start begins here
//! ```
//!
//! * **Late records** do not exist for operators without state.
//! * **Null values** reach the closure if the topic's type is an `Option`, and so do null keys.
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//!
//! const PRICES: Topic<u64, String> = Topic::new("prices");
//! const CENTS: Topic<u64, i64> = Topic::new("cents");
//!
//! let builder = StreamsBuilder::new();
//! builder.stream(PRICES).try_map_values(|text| text.parse::<i64>()).to(CENTS);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! driver.pipe(&PRICES, 1_u64, "120");
//! assert_eq!(driver.read(&CENTS), [(1, 120)]);
//! let free = Record::new(2, "free".to_owned(), Timestamp(0));
//! let error = driver.error_after(&PRICES, &free).map(|error| error.to_string()).unwrap_or_default();
//! assert!(error.contains("failed at offset 1 of prices-0"), "{error}");
//! assert!(error.contains("invalid digit found in string"), "{error}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Replays that lose nothing
//!
//! A backlog is read as fast as possible, by tasks that know nothing of each other. Where their records meet again behind a
//! repartition topic, whoever is ahead makes the others late. With
//! [`align_event_time`](crate::runtime::App::align_event_time), or `event.time.alignment`, none goes ahead of the slowest by
//! more than a bound, within a process and between processes.
//!
//! ```text
//!                as fast as possible           aligned, within 2
//! task 0         0 1 2 3 4 5 6 7 8             0 1 2     3 4   5 6 ..
//! task 1                          0 1 2 ..         0 1 2   3 4    5 6 ..
//! behind them    0 to 8, then 0 to 2: late     nobody is late
//! ```
//!
//! * **Late records** are then only those that were late in their own topic.
//! * Records of repartition topics carry one header more, and there are records that only say how far a task is. Without the
//!   setting there is neither. Every member of the application must have it, or none.
//!
//! ```
//! use millstream::prelude::*;
//! use std::time::Duration;
//!
//! const VIEWS: Topic<String, String> = Topic::new("views-by-user");
//! const PER_PAGE: Topic<Windowed<String>, i64> = Topic::new("views-per-page").windows_of(Duration::from_secs(60));
//!
//! let builder = StreamsBuilder::new();
//! let minutes = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(10));
//! builder.stream(VIEWS).group_by(|_, page| page.clone()).windowed_by(minutes).count().to_stream().to(PER_PAGE);
//!
//! let log = Embedded::in_memory();
//! for second in 0..120_i64 {
//!     log.send_at(&VIEWS, format!("user {second}"), "/home", Timestamp(second * 1_000))?;
//! }
//! App::new("views", builder.build()?).align_event_time(Duration::from_secs(5)).run_until_idle(log.clone())?;
//! let mut counts: Vec<_> = log.read(&PER_PAGE)?.into_iter().map(|row| (row.key.window.start.0, row.value)).collect();
//! counts.sort_unstable();
//! counts.dedup_by_key(|(start, _)| *start);
//! assert_eq!(counts.len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
