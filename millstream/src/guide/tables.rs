//! Tables: rows that change, and aggregations of them.
//!
//! A [`KTable`](crate::dsl::KTable) has at most one row per key. Each record of its topic *is* the row of its key from then
//! on, and a record with a null value, a **tombstone**, deletes it. What flows from operator to operator are changes: what
//! the row was, if somebody needs that, and what it is now. So the result of an operator on tables is a table as well, and
//! follows each change of what it was made of.
//!
//! # Where tables come from
//!
//! | call | rows |
//! | --- | --- |
//! | [`builder.table(TOPIC)`](crate::dsl::StreamsBuilder::table) | the latest record of each key |
//! | [`stream.to_table()`](crate::dsl::KStream::to_table) | the same, of a stream |
//! | [`count`, `reduce`, `aggregate`](crate::dsl::KGroupedStream) of a grouped stream | one per key, or per key and window |
//! | [`cogroup`](crate::dsl::KGroupedStream::cogroup) | one per key, of several streams together |
//! | [`filter`](crate::dsl::KTable::filter), [`map_values`](crate::dsl::KTable::map_values), [`transform_values`](crate::dsl::KTable::transform_values) | the table's, fewer or with other values |
//! | [`join`](crate::dsl::KTable::join), [`join_on`](crate::dsl::KTable::join_on) | what two tables have in common |
//! | [`group_by`](crate::dsl::KTable::group_by) and an aggregation | one per group of rows |
//!
//! A table is kept in a store only if its rows are looked up, or if [`stored_as`](crate::dsl::KTable::stored_as) says so. A
//! filtered or mapped table is computed from its parent's rows where they are needed.
//!
//! # What null, late and repeated records do
//!
//! ```text
//! time of the record   1         5         3         6         6         -
//! record              k=a       k=b       k=c       k=~       k=~       ~=d
//!                      |         |         |         |         |         |
//! the row of k        a@1       b@5       c@3      none      none       (no change)
//! forwarded           k=a       k=b       k=c       k=~       k=~       dropped, counted
//! ```
//!
//! * A **tombstone** deletes the row and is passed on, to topics as a null value. Mappers and joiners are not called for it;
//!   `transform_values` is. A closure that may return an `Option` deletes with `None` as well.
//! * A record that comes **out of order**, with an earlier timestamp than the row has, replaces the row all the same: the
//!   order in the topic decides. If that is wrong, keep the table in a
//!   [`VersionedStore`](crate::state::VersionedStore), where the record with the latest timestamp is the row.
//! * A record with a **null key** belongs to no row. It is dropped and counted, with the reason `null-key`.
//! * A filter passes on a deletion for each row that it does not let through, whether there was one before or not, unless it
//!   knows what the row was, because an aggregation or join further on needs that.
//! * With a cache, which is the default, several changes of a row between two commits are one.
//!
//! # Joins
//!
//! An update of either table is joined with the other's row: [`joins`](super::joins#two-tables) shows when, also for rows that
//! refer to each other by a [foreign key](super::joins#two-tables-over-a-foreign-key).
//!
//! # Aggregations of rows
//!
//! A stream's records add up: what was counted stays counted. Rows change, so an aggregate of rows needs a way back. When a
//! row changes, what it was is **subtracted** from its group, and what it is now is **added** to its own, which may be
//! another one.
//!
//! ```text
//! users                1=Peru       2=Peru       1=Chad                2=~
//!                        |            |            |                    |
//! changes by group   +1 Peru      +2 Peru      -1 Peru, +1 Chad     -2 Peru
//!                        |            |            |                    |
//! users per country  Peru=1       Peru=2       Peru=1, Chad=1       Peru=0
//! ```
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//!
//! const USERS: Topic<u64, Option<String>> = Topic::new("countries-of-users");
//! const COUNTS: Topic<String, i64> = Topic::new("users-per-country");
//!
//! let builder = StreamsBuilder::new();
//! builder.table(USERS).group_by(|id, country| (country, *id)).count().to_stream().to(COUNTS);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! for (id, country) in [(1_u64, Some("Peru")), (2, Some("Peru")), (1, Some("Chad")), (2, None)] {
//!     driver.pipe(&USERS, id, country.map(str::to_owned));
//! }
//! let counts = [("Peru", 1), ("Peru", 2), ("Peru", 1), ("Chad", 1), ("Peru", 0)];
//! assert_eq!(driver.read(&COUNTS), counts.map(|(country, count)| (country.to_owned(), count)));
//! # Ok::<(), TopologyError>(())
//! ```
//!
//! A row that moves is subtracted and added by two tasks, each at its own time; in between, a total over all groups is off by
//! that row. A row for which the selector returns `None` is in no group. Subtracting from a group that has no aggregate does
//! nothing.
//!
//! # Several streams, one row
//!
//! [`cogroup`](crate::dsl::KGroupedStream::cogroup) aggregates several grouped streams into one table, each with a function
//! of its own, instead of joining a table for each of them. Windows of any kind are the same for all streams, but each
//! stream has its own stream time, by which its records are late:
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//! use std::time::Duration;
//!
//! const CLICKS: Topic<u64, String> = Topic::new("clicks");
//! const PAYMENTS: Topic<u64, i64> = Topic::new("payments");
//! const PER_MINUTE: Topic<Windowed<u64>, i64> = Topic::new("cents-and-clicks").windows_of(Duration::from_secs(60));
//!
//! let builder = StreamsBuilder::new();
//! let (clicks, payments) = (builder.stream(CLICKS).group_by_key(), builder.stream(PAYMENTS).group_by_key());
//! clicks
//!     .cogroup(|score: &mut i64, _page| *score += 1)
//!     .cogroup(payments, |score, cents| *score += cents)
//!     .windowed_by(Tumbling::of(Duration::from_secs(60)).no_grace())
//!     .aggregate(|| 0)
//!     .to_stream()
//!     .to(PER_MINUTE);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! driver.pipe_at(&CLICKS, 7_u64, "/home", Timestamp(1_000));
//! driver.pipe_at(&CLICKS, 7_u64, "/cart", Timestamp(61_000));
//! // The payments' own time is still in the first minute.
//! driver.pipe_at(&PAYMENTS, 7_u64, 500, Timestamp(2_000));
//! // The clicks' is not.
//! driver.pipe_at(&CLICKS, 7_u64, "/late", Timestamp(3_000));
//! let scores = driver.read(&PER_MINUTE).into_iter().map(|(key, score)| (key.window.start.0, score));
//! assert_eq!(scores.collect::<Vec<_>>(), [(0, 1), (60_000, 1), (0, 500)]);
//! # Ok::<(), TopologyError>(())
//! ```
//!
//! The last value is 500 and not 501: the clicks have let the store go on to the second minute, and it keeps windows for no
//! longer than their size and grace. With a grace, or a longer [`retention`](crate::dsl::KTable::retention), the row of the
//! first minute is still there.
