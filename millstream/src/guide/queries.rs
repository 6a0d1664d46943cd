//! # Asking for state
//!
//! A table that is [`.stored_as(..)`](crate::dsl::KTable::stored_as) a store can be asked while the application runs, with the
//! store's constant: by the same program, from any thread or async task. That makes an application a read model: nothing has
//! to be copied into a database first.
//!
//! ```
//! use millstream::prelude::*;
//! use std::time::Duration;
//!
//! const VIEWS: Topic<String, String> = Topic::new("views");
//! const PER_PAGE: KeyValueStore<String, i64> = KeyValueStore::new("views-per-page");
//! const PER_MINUTE: WindowStore<String, i64> = WindowStore::new("views-per-minute");
//!
//! let builder = StreamsBuilder::new();
//! let pages = builder.stream(VIEWS).group_by_key();
//! pages.count().stored_as(PER_PAGE);
//! let minutes = Tumbling::of(Duration::from_secs(60)).no_grace();
//! pages.windowed_by(minutes).count().stored_as(PER_MINUTE).retention(Duration::from_secs(3_600));
//!
//! let log = Embedded::in_memory();
//! log.create_topic("views", 3)?;
//! let running = App::new("pages", builder.build()?).start(log.clone())?;
//!
//! log.send_at(&VIEWS, "/home", "ada", Timestamp(1_000))?;
//! log.send_at(&VIEWS, "/cart", "ada", Timestamp(2_000))?;
//! let (partition, offset) = log.send_at(&VIEWS, "/home", "grace", Timestamp(61_000))?;
//!
//! // As soon as what was sent last has been processed:
//! let sent = millstream::query::Position::behind(partition, offset);
//! let per_page = running.query(&PER_PAGE)?.at_least(&sent).waiting(Duration::from_secs(10));
//! assert_eq!(per_page.get("/home").wait()?, Some(2)); // `.await?` in async code
//!
//! let per_minute = running.query(&PER_MINUTE)?.at_least(&sent).waiting(Duration::from_secs(10));
//! let minutes = per_minute.of("/home", Timestamp(0)..Timestamp(120_000)).wait()?;
//! assert_eq!(minutes.iter().map(|(page, views)| (page.window.start.0, *views)).collect::<Vec<_>>(), [(0, 1), (60_000, 1)]);
//! running.close()?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! Windows are kept no longer than records may change them, unless `.retention(..)` says so.
//!
//! What can be asked depends on the store's kind:
//!
//! | constant | questions |
//! |---|---|
//! | [`KeyValueStore`](crate::state::KeyValueStore), also of a global table | [`get`, `range`, `prefixed`, `all`](crate::query::KeyValues) |
//! | [`WindowStore`](crate::state::WindowStore) | [`get` a window, the windows `of` a key, `all` in a period](crate::query::WindowRows) |
//! | [`SessionStore`](crate::state::SessionStore) | [the sessions `of` a key, `all` in a period](crate::query::SessionRows) |
//! | [`VersionedStore`](crate::state::VersionedStore) | [`get`, `as_of`, the versions `of` a key, `all` latest ones](crate::query::VersionRows) |
//!
//! Questions for many rows take `.reversed()` and `.limit(..)`, come as a `Vec` or one after the other
//! ([`Rows::stream`](crate::query::Rows::stream)), and are read in pages, so that a long answer does not hold up the
//! application.
//!
//! ## Following
//!
//! [`Rows::live`](crate::query::Rows::live) gives the rows and from then on each that changes, as a `futures::Stream`: of a
//! whole store, a range of keys, or the windows of one key. Changes come about ten times a second, at most one for each row,
//! and who listens slowly hears less often, but always what a row has become in the end. So a stream can feed a page directly;
//! [`Live`](crate::query::Live) has an example.
//!
//! ## Fresh or committed
//!
//! An answer has everything that was processed, also what is still in caches and not committed. After a crash such changes
//! are undone and made again, perhaps in another order. Where that matters, ask for `.committed()` rows; they are as old as
//! the last commit, by default 100 ms under exactly-once and up to 30 s under at-least-once. On RocksDB committed rows are read
//! beside the application's threads, which notice nothing of it.
//!
//! ## When there is no answer
//!
//! Every obstacle is a [`QueryError`](crate::query::QueryError) that says what it is: a store that is being restored, a task
//! that is on its way to another instance, or an instance that does not answer. `.waiting(duration)` waits for what passes by
//! itself.
//!
//! ## Several instances
//!
//! Each instance has the rows of its own tasks. Once all of them are [served over HTTP](super::over_http), every question, typed
//! or not, is carried to those that have the rows, and a stream hears of all; `.local()` asks for an instance's own rows.
//! Without a server, a row that another instance has is an error that says so.
