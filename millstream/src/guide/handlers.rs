//! # Work that takes its time
//!
//! An operator's closure runs while its task waits, inside a transaction. That is no place to call another service or a
//! database. [`handle`](crate::dsl::KStream::handle) is: it has each record handled by an asynchronous closure, and goes on
//! with what that returns.
//!
//! ```text
//!  jobs ──> accept ─────────> store ─────────> handler ──────> send on, delete ──> done
//!              |                                 |                   |
//!     one transaction with             runs for as long as     one transaction
//!     the input's position             it takes, outside of
//!                                      any transaction
//! ```
//!
//! A record is *accepted*: it is put into a store with a changelog, `<application>-<name>-changelog`, in the commit that moves
//! the input's position beyond it. Then the handler works on it. When that succeeds, its value is sent on, with the record's
//! key, timestamp and headers, and the record is deleted from the store, in one commit again. So after a crash, or when the
//! task moves to another process, whatever is in the store is handled again: **at least once**, and what is made of it is sent
//! **exactly once** (under exactly-once).
//!
//! ```
//! use millstream::dsl::handler::{GiveUp, Job, Permanent, Retry};
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//! use std::time::Duration;
//!
//! const MAILS: Topic<String, String> = Topic::new("mails");
//! const SENT: Topic<String, String> = Topic::new("mails-sent");
//! const DEAD: Topic<Option<String>, Option<String>> = Topic::new("mails-dead");
//!
//! type Failed = Box<dyn std::error::Error + Send + Sync>;
//!
//! /// Would ask a mail server; here, Bob has no mailbox, and the first attempt to say hello to Eve fails.
//! async fn send(job: Job<String, String>) -> Result<String, Failed> {
//!     match (job.key().as_str(), job.value().as_str()) {
//!         ("bob", _) => Err(Permanent::new("there is no such mailbox").into()),
//!         ("eve", "hello") if job.attempt() == 1 => Err("the server is busy".into()),
//!         // Whoever is asked twice with the same id should send one mail.
//!         _ => Ok(format!("{} as {}", job.value(), job.id())),
//!     }
//! }
//!
//! let builder = StreamsBuilder::new();
//! builder
//!     .stream(MAILS)
//!     .handle("send", send)
//!     .concurrency(8)
//!     .timeout(Duration::from_secs(30))
//!     .retry(Retry::exponential(Duration::from_secs(1)).up_to(Duration::from_secs(60)).attempts(10))
//!     .give_up(GiveUp::DeadLetter)
//!     .to(SENT);
//!
//! let setup = TestDriver::configure(builder.build()?);
//! let mut driver = setup.with(|app| app.exactly_once().dead_letters_to("mails-dead")).start();
//! for (to, text) in [("ada", "hello"), ("bob", "hello"), ("eve", "hello"), ("eve", "again")] {
//!     driver.pipe(&MAILS, to, text);
//! }
//! assert_eq!(driver.read(&SENT), [("ada".to_owned(), "hello as mails-0@0".to_owned())]);
//! assert_eq!(driver.read(&DEAD), [(Some("bob".to_owned()), Some("hello".to_owned()))]);
//!
//! // Eve's second mail waits for her first one, also if the process dies meanwhile.
//! driver.kill();
//! driver.restart();
//! driver.commit();
//! let to_eve = ["hello as mails-0@2", "again as mails-0@3"].map(|text| ("eve".to_owned(), text.to_owned()));
//! assert_eq!(driver.read(&SENT), to_eve);
//! # Ok::<(), TopologyError>(())
//! ```
//!
//! # Only what is valid
//!
//! [`validate`](crate::dsl::KStream::validate) before a handler keeps records away from it whose values break rules;
//! [`validated`](crate::dsl::KStream::validated) does so for types that derive `Validate` of the crate `validator` 0.21, with
//! the feature `validator`. A record whose bytes cannot be read does not even come so far. What becomes of both is said by [the settings](super::failures); a
//! dead letter of the first kind has the broken rules in the header `millstream.errors.violations`.
//!
//! # Order and concurrency
//!
//! Records of one key are handled one after the other, in their order, including one that is tried again and again; other
//! keys go on. So a key's outside effects come in the order of its records. If the key was changed before, the records go
//! through a repartition topic first. [`unordered`](crate::dsl::Handled::unordered) gives that up. Up to
//! [`concurrency`](crate::dsl::Handled::concurrency) calls run at the same time in each process.
//!
//! [`handle_batches`](crate::dsl::KStream::handle_batches) gives the closure several records at once, for services that take
//! many in one request. Each record of a batch succeeds or fails by itself.
//!
//! # When it fails
//!
//! An error, a panic and an attempt beyond its [`timeout`](crate::dsl::Handled::timeout) count alike. The record stays in the
//! store, with the number of attempts and the time of the next one, so that a restart neither forgets a pause nor begins to
//! count anew; there is no sleep that holds up anything else. After the last attempt, or at once after a
//! [`Permanent`](crate::dsl::handler::Permanent) error, it [is given up](crate::dsl::handler::GiveUp): it becomes a dead
//! letter with the header `millstream.errors.attempts` beside [the others](super::failures), is left out and counted, or ends
//! the application. What a handler does not say itself follows the settings about errors of all other code.
//!
//! # When a service is down for an hour
//!
//! Then everything fails, and what is tried again fills the store. Retry topics are for that
//! ([`Retry::in_topics`](crate::dsl::handler::Retry::in_topics), or
//! [`then_in_topics`](crate::dsl::handler::Retry::then_in_topics) after some attempts in place). A record that fails leaves
//! the store and goes to a topic, in one transaction, with headers that say what has happened and when it is due. It comes
//! back to the same handler then, and goes to the topic with the next delay if it fails again. A million records that wait
//! take no memory: nothing of a topic is read beyond the first records that are not due. Others go on meanwhile, also those
//! of the same key, so there is no order any more, and `build()` asks for that to be said with `unordered`.
//!
//! ```
//! use millstream::dsl::handler::{GiveUp, Job, Retry};
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//! use std::time::Duration;
//!
//! const CALLS: Topic<String, String> = Topic::new("calls");
//! const ANSWERS: Topic<String, String> = Topic::new("answers");
//! const WAITING: Topic<String, String> = Topic::new("test-call.retry.1m");
//!
//! async fn call(job: Job<String, String>) -> Result<String, &'static str> {
//!     if job.attempt() == 1 { Err("nobody is there") } else { Ok("hello".to_owned()) }
//! }
//!
//! let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
//! let builder = StreamsBuilder::new();
//! builder
//!     .stream(CALLS)
//!     .handle("call", call)
//!     .unordered()
//!     .retry(Retry::in_topics([minutes(1), minutes(10), minutes(60)]))
//!     .give_up(GiveUp::Skip)
//!     .to(ANSWERS);
//!
//! let mut driver = TestDriver::configure(builder.build()?).with(|app| app.exactly_once()).start();
//! driver.pipe(&CALLS, "ada", "it is me");
//! assert_eq!(driver.read(&WAITING), [("ada".to_owned(), "it is me".to_owned())]);
//! driver.advance_wall_clock(minutes(1));
//! driver.commit();
//! assert_eq!(driver.read(&ANSWERS), [("ada".to_owned(), "hello".to_owned())]);
//! # Ok::<(), TopologyError>(())
//! ```
//!
//! The application creates the topics itself, with one partition for each task, and they keep what is not handled for as long
//! as it takes. They have the handler's name rather than the input topic's: two handlers of a topic, or two applications,
//! must not get each other's records. An application that ends when there is nothing left to do
//! ([`run_until_idle`](crate::runtime::App::run_until_idle)) waits for what waits there.
//!
//! # When there is too much to do
//!
//! A task accepts up to 10,000 records ([`max_records`](crate::dsl::Handled::max_records)), and all tasks of a process 64 MiB
//! together, or their part of [`memory.max.bytes`](crate::runtime::App::memory_bytes), unless a handler has
//! [a limit of its own](crate::dsl::Handled::max_bytes). After that a task takes nothing more from its input until something
//! is done.
//! Other tasks go on, and the process stays a member of its group.
//!
//! # What to keep in mind
//!
//! * **A handler may be called again with a record that it has handled**, if the process dies between its end and the commit,
//!   or if its task moves away while it runs. [`Job::id`](crate::dsl::handler::Job::id) is the same each time: pass it on as an
//!   idempotency key.
//! * **When it begins**: under exactly-once after the commit that accepted its record, so that a record that is undone or left
//!   out has no effect outside; under at-least-once at once.
//! * **Results come in the order in which handlers end**, with the timestamps of their records. Windows behind them need a
//!   grace of the time that handlers may take.
//! * **Where it runs**: on the tokio runtime within which the application is started, if that has several threads; otherwise
//!   on one of the application's own, or on [one that you name](crate::runtime::App::handlers_on). What blocks belongs in
//!   `tokio::task::spawn_blocking`. [`TestDriver`](crate::testing::TestDriver) runs handlers itself, step by step; there they
//!   wait with [`Job::sleep`](crate::dsl::handler::Job::sleep), by the driver's clock.
//! * **The end**: an application that stops waits for handlers that are running,
//!   [10 seconds](crate::runtime::App::handler_stop_timeout) unless told otherwise. Those that take longer begin again at the
//!   next start.
//! * **Its name is a promise**: it is that of the store and its changelog. A handler with another name does not find what
//!   the old one had accepted.
//!
//! [`TaskMetrics::handlers`](crate::runtime::TaskMetrics::handlers) counts what was accepted, has succeeded, is tried again, was
//! given up and why, and what is running or waiting.
