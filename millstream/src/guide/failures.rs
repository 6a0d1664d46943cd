//! # When something fails
//!
//! Whatever can pass, such as a broker that is away, is waited for. What is left are records that cannot be read, with
//! which the application's code fails, or of which something is made that cannot be written. By default the first of them
//! ends the application, with an error that names the record, the node and what to do, and with nothing committed: the next
//! start processes it again. What else becomes of such records is the application's choice:
//!
//! ```text
//!                          bytes           the application's code       what was made of it
//!                          cannot be read  refuses it, or panics        cannot be written
//!                             |                   |                            |
//! setting (..handler)  deserialization        processing                   production
//!                             |                   |                            |
//! fail                        the application ends, and the next start processes the record again (1)
//! skip                        as if the record were not there (2): it is counted and reported
//! dead-letter                 as `skip`, and the record is written to the dead letter topic (3)
//! processing.exception.retries                processed again after a pause, so often; then the handler decides (4)
//! ```
//!
//! * (1) The error is [`AppError::Record`](crate::runtime::AppError::Record). Other records that are on the way are not lost:
//!   nothing is committed that is not done.
//! * (2) **Exactly-once** means wholly or not at all here, too: a record that has already changed a table when it fails is
//!   undone. If it has done nothing yet, that costs nothing; otherwise the work since the last commit is undone and done
//!   again without it, which takes as long as a short interruption. So what may fail should come first in a topology. Under
//!   **at-least-once**, what the record has done before it fails stays done; only a panic is undone, and what its task
//!   has sent since the last commit is then sent again.
//! * (3) With the bytes of its key and value, its timestamp and its headers, and headers that say what has failed and where
//!   it came from (KIP-1034): `__streams.errors.exception`, `.message`,
//!   `.stacktrace`, `.topic`, `.partition` and `.offset`, and `millstream.errors.node` and `.reason`. It is written in the same
//!   transaction as everything else. A time that brokers refuse, because it is negative or more than an hour ahead, is in the
//!   header `millstream.errors.timestamp`, and the dead letter has the clock's. The topic, `errors.dead.letter.queue.topic.name`, must exist.
//! * (4) Nothing overtakes it: its task waits, the others go on. The pause is `processing.exception.retry.backoff.ms`, and
//!   doubles up to `processing.exception.retry.backoff.max.ms`.
//!
//! **Dead letters go back** into the topics and partitions that they came from with
//! [`Replay`](crate::dead_letters::Replay), once the code or the data is mended: each once, and what fails again stays.
//! [`DeadLetters`](crate::client::DeadLetters) reads them, the newest first, and puts single ones back. The same can be done
//! [over HTTP](super::over_http) and on the [command line](super::command_line).
//!
//! **Results that are not made of one record**, such as that of a window that closes, a row of a cache or what a punctuation
//! sends, are left out by themselves, if the setting allows it: to leave out the record that happens to come then would not
//! help. The dead letter is the record that could not be written, or has neither key nor value. Code that panics with
//! such a result ends the application in any case.
//!
//! **Null keys, late records** and whatever else an operator drops is no failure, but can become dead letters, too: with
//! `errors.dead.letter.queue.drops = late,null-key`. The rest of the topology has processed such a record, so it should not
//! go back into its topic unseen.
//!
//! **Records of the far future** close all windows before them. `timestamp.future.max.ms` says how far ahead of the clock a
//! timestamp may be, and `timestamp.future.handler` whether a record that is further ahead fails, is skipped, becomes a
//! dead letter or gets the clock's time (`clamp`).
//!
//! **What is no record's fault**, such as a full disk, a damaged store, a deleted topic or a missing permission, ends the
//! application, unless [`App::on_uncaught_error`](crate::runtime::App::on_uncaught_error) says that the worker begins again:
//! then its tasks are opened again, after a pause that grows each time, and do the work since the last commit again. It can
//! also say that all instances end ([`Uncaught::StopApplication`](crate::runtime::Uncaught::StopApplication)). Otherwise the
//! tasks of the one that ends go to the others, which may fail with the same record, one after the other.
//!
//! **Code that does not come back**, because it waits for something without a time limit, cannot be interrupted. After
//! `task.stall.timeout.ms` that is said, with the record that the task has in hand, and `task.stall.handler` decides whether
//! the instance also leaves its group, so that others take over, or ends; see [`App::on_stall`](crate::runtime::App::on_stall).
//!
//! The settings are also methods of [`App`](crate::runtime::App), and
//! [`App::handle_errors`](crate::runtime::App::handle_errors) decides about each record in code:
//!
//! ```
//! use millstream::config::OnError;
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//!
//! const ORDERS: Topic<String, String> = Topic::new("orders");
//! const TOTALS: Topic<String, i64> = Topic::new("totals");
//! const DEAD: Topic<Option<String>, Option<String>> = Topic::new("orders-dead");
//!
//! let builder = StreamsBuilder::new();
//! let cents = builder.stream(ORDERS).try_map_values(|cents| cents.parse::<i64>()).named("parse");
//! cents.group_by_key().reduce(|sum, cents| sum + cents).to_stream().to(TOTALS);
//!
//! let setup = TestDriver::configure(builder.build()?).with(|app| {
//!     app.exactly_once().dead_letters_to("orders-dead").handle_errors(|failed| match failed.value() {
//!         Some(b"free") => OnError::Skip,
//!         _ => OnError::DeadLetter,
//!     })
//! });
//! let mut driver = setup.start();
//! for (customer, cents) in [("ada", "120"), ("bob", "free"), ("ada", "12o"), ("ada", "30")] {
//!     driver.pipe(&ORDERS, customer, cents);
//! }
//! assert_eq!(driver.read(&TOTALS), [("ada".to_owned(), 120), ("ada".to_owned(), 150)]);
//! let dead = driver.read_records(&DEAD);
//! assert_eq!(dead.len(), 1);
//! assert_eq!(dead[0].value.as_deref(), Some("12o"));
//! assert_eq!(dead[0].headers.get("__streams.errors.offset"), Some(&b"2"[..]));
//! # Ok::<(), TopologyError>(())
//! ```
