//! Code of your own: processors, their stores, and when they are called.
//!
//! What the other operations cannot express is a *processor*: your own code, which gets each record, has stores, and sends
//! what it likes. A closure is enough if it only has to react to records ([`process`](crate::dsl::KStream::process)). A type
//! that is a [`Processor`](crate::dsl::processor::Processor) has fields and can be called as time passes
//! ([`process_with`](crate::dsl::KStream::process_with)). Both have a form that keeps the key, so that nothing has to be
//! repartitioned afterwards: `process_values` and `process_values_with`.
//!
//! # Stores
//!
//! A store is a constant. Who names it, has it; processors that name the same one share it and run in the same task.
//!
//! | what it keeps | the constant | after a crash |
//! | --- | --- | --- |
//! | a value by key | [`KeyValueStore`](crate::state::KeyValueStore), of values or of [`Timestamped`](crate::dsl::processor::Timestamped) ones | restored from its changelog |
//! | rows by key and window, also several | [`ProcessorWindowStore`](crate::dsl::processor::ProcessorWindowStore) | likewise, as long as they are kept |
//! | rows by key and session | [`ProcessorSessionStore`](crate::dsl::processor::ProcessorSessionStore) | likewise |
//! | a value by key, and what it was when | [`VersionedStore`](crate::state::VersionedStore) | likewise, with its history |
//! | a data structure of your own, made of rows | [`CustomStore`](crate::dsl::processor::CustomStore) of a [`Structure`](crate::dsl::processor::Structure) | likewise, and made again of its rows |
//! | a table's rows, to read, also of windows and sessions | the table's constant with `.read_only()` | as the table |
//! | rows that every instance has | a [global store](crate::dsl::StreamsBuilder::global_store) of any of these kinds but the last two, or a [global table](crate::dsl::StreamsBuilder::global_table) | read again from its topic |
//!
//! [`builder.store(STORE)`](crate::dsl::StreamsBuilder::store) has the options of a store:
//!
//! | option | |
//! | --- | --- |
//! | `.in_memory()` | its rows are in memory, even if the application keeps its state in RocksDB; tables, joins and `distinct` have it, too |
//! | `.cached()` | a row that changes often is logged once per commit |
//! | `.expire_after(ttl)` | a row is deleted when it was not put for some time |
//! | `.not_logged()`, `.changelog_config(..)` | no changelog, or one with settings of its own |
//!
//! What a processor writes, it finds at once. It is committed together with the records that it has sent and the position of
//! the record that it came from; after a crash under exactly-once all three are as if the record had never come. A store's
//! methods return no errors: after a first failure they do nothing more, and the record fails when the code returns.
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//! use std::time::Duration;
//!
//! const PRICES: Topic<String, i64> = Topic::new("prices");
//! const ORDERS: Topic<String, i64> = Topic::new("orders"); // a product and how many of it
//! const BILLED: Topic<String, i64> = Topic::new("billed");
//! const PRICE: VersionedStore<String, i64> = VersionedStore::new("prices", Duration::from_secs(24 * 60 * 60));
//!
//! // Each order is billed with the price of its time, also if it comes late, and half price from the tenth order on.
//! const COUNTS: KeyValueStore<String, u32> = KeyValueStore::new("orders-per-product");
//!
//! let builder = StreamsBuilder::new();
//! builder.table(PRICES).stored_as(PRICE);
//! builder
//!     .stream(ORDERS)
//!     .process_values((PRICE.read_only(), COUNTS), |(prices, mut counts), product, quantity, out| {
//!         let Some(price) = prices.get_as_of(product, out.timestamp()) else { return };
//!         let count = counts.get(product).unwrap_or(0) + 1;
//!         counts.put(product, count);
//!         out.send(quantity * price.value / if count < 10 { 1 } else { 2 });
//!     })
//!     .to(BILLED);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! driver.pipe_at(&PRICES, "tea", 300, Timestamp(1_000));
//! driver.pipe_at(&PRICES, "tea", 400, Timestamp(5_000));
//! for (time, quantity) in [(6_000, 1), (4_000, 2), (500, 9)] {
//!     driver.pipe_at(&ORDERS, "tea", quantity, Timestamp(time));
//! }
//! assert_eq!(driver.read(&BILLED), [("tea".to_owned(), 400), ("tea".to_owned(), 600)]);
//! # Ok::<(), TopologyError>(())
//! ```
//!
//! # Late and null records
//!
//! A processor gets what the stream has: null keys and values if their types allow them, and late records like any others.
//! What is late is for the code to decide; [`stream_time`](crate::dsl::processor::Forward::stream_time) tells how late. Stores
//! with windows, sessions or versions refuse what is older than they keep, and count it as dropped.
//!
//! # Called as time passes
//!
//! ```text
//! second          1      30      59      60             125
//! records       ada=5   ada=2   bob=1   bob=1          ada=1
//! every minute    *       .       .       *               *
//! ```
//!
//! A *punctuation* calls a processor at an interval of the records' time or of the clock on the wall. One by the records' time
//! is due with the first record, and then whenever a record brings stream time past the next one, once however far it jumps.
//! One by the wall clock is due whether there are records or not; it depends on when the program runs, so its results differ
//! from run to run. [`Processor`](crate::dsl::processor::Processor) has an example.
//!
//! # Around all processors
//!
//! [`Topology::around_processors`](crate::topology::Topology::around_processors) puts a closure around every processor, your own
//! and those of the other operations. It is called with each record on its way into a node, and lets the node process it:
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//! use std::collections::BTreeMap;
//! use std::sync::{Arc, Mutex};
//! use std::time::{Duration, Instant};
//!
//! const WORDS: Topic<(), String> = Topic::new("words");
//! const LONG: Topic<(), String> = Topic::new("long-words");
//!
//! let builder = StreamsBuilder::new();
//! builder.stream(WORDS).filter(|_, word| word.len() > 5).named("only-long").to(LONG);
//!
//! let times: Arc<Mutex<BTreeMap<String, Duration>>> = Arc::default();
//! let measured = Arc::clone(&times);
//! let topology = builder.build()?.around_processors(move |call| {
//!     let begun = Instant::now();
//!     call.process(); // with everything downstream
//!     *measured.lock().unwrap().entry(call.node().to_owned()).or_default() += begun.elapsed();
//! });
//!
//! let mut driver = TestDriver::new(topology);
//! driver.pipe(&WORDS, (), "streaming");
//! assert_eq!(times.lock().unwrap().keys().collect::<Vec<_>>(), ["only-long"]);
//! # Ok::<(), TopologyError>(())
//! ```
//!
//! # The low-level topology
//!
//! Kafka Streams has a second builder, `Topology`, whose nodes are connected by their names. Here the same nodes are made by
//! the DSL, with the same names and the same `describe()`, and the compiler checks that what a node sends is what the next one
//! takes:
//!
//! | `Topology` | here |
//! | --- | --- |
//! | `addSource(name, topics)` | `builder.stream(TOPIC).named(name)`; several topics or a pattern as [`Topics`](crate::dsl::Topics) |
//! | ... with an extractor, a reset policy | `.timestamped_by(..)`, `.offset_reset(..)` |
//! | `addProcessor(name, supplier, parent)` | `parent.process_with(stores, make).named(name)` |
//! | ... with several parents | `one.merge(other)` before it, if both send the same types; else map them to one `enum` first |
//! | `addSink(name, topic, parent)` | `parent.to(TOPIC).named(name)` |
//! | ... with a partitioner, or a topic chosen by the record | `.partitioned_by(..)`, [`to_with`](crate::dsl::KStream::to_with) |
//! | `context.forward(record, child)` | [`out.send_to(child, record)`](crate::dsl::processor::Forward::send_to) |
//! | `addStateStore(store, processors)` | the store's constant, in `process_with` of each of them; options with [`builder.store(STORE)`](crate::dsl::StreamsBuilder::store) |
//! | `connectProcessorAndStateStores(name, stores)` | likewise |
//! | `addGlobalStore(..)` | [`builder.global_store(..)`](crate::dsl::StreamsBuilder::global_store) |
//! | `addReadOnlyStateStore(..)` | `builder.table(TOPIC).stored_as(STORE)`, read with `STORE.read_only()` |
//!
//! A source, a processor with a store, two children of which it chooses one for each record, and a processor that shares its
//! store:
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//!
//! const ORDERS: Topic<String, i64> = Topic::new("orders");
//! const ACCEPTED: Topic<String, i64> = Topic::new("accepted");
//! const TO_CHECK: Topic<String, i64> = Topic::new("to-check");
//! const LIMITS: Topic<String, i64> = Topic::new("limits");
//! const LIMIT: KeyValueStore<String, i64> = KeyValueStore::new("limit");
//!
//! /// Sends orders above a customer's limit to be checked.
//! struct Judge;
//!
//! impl Processor<String, i64, String, i64> for Judge {
//!     type Stores = KeyValueStore<String, i64>;
//!
//!     fn process(
//!         &mut self,
//!         limits: Refs<'_, Self::Stores>,
//!         order: Record<String, i64>,
//!         out: &mut Forward<'_, String, i64>,
//!     ) {
//!         let is_too_much = limits.get(&order.key).is_some_and(|limit| order.value > limit);
//!         out.send_to(if is_too_much { "check" } else { "accept" }, order);
//!     }
//! }
//!
//! let builder = StreamsBuilder::new();
//! // topology.addSource("orders-source", "orders")
//! let orders = builder.stream(ORDERS).named("orders-source");
//! // .addProcessor("judge", Judge::new, "orders-source")
//! let judged = orders.process_with(LIMIT, || Judge).named("judge");
//! // .addSink("accept", "accepted", "judge").addSink("check", "to-check", "judge")
//! judged.to(ACCEPTED).named("accept");
//! judged.to(TO_CHECK).named("check");
//! // .addSource("limits-source", "limits").addProcessor("keep", Keep::new, "limits-source")
//! // .addStateStore(limitStore, "judge", "keep")
//! let limits = builder.stream(LIMITS).named("limits-source");
//! let keep = limits.process(LIMIT, |mut kept, customer, limit, _: &mut Forward<'_, (), ()>| kept.put(customer, limit));
//! _ = keep.named("keep");
//!
//! let topology = builder.build()?;
//! let expected = "
//!     Processor: judge (stores: [limit])
//!       --> accept, check
//!       <-- orders-source
//! ";
//! assert!(topology.describe().contains(expected.trim_start_matches('\n')), "{}", topology.describe());
//!
//! let mut driver = TestDriver::new(topology);
//! driver.pipe(&LIMITS, "ada", 1_000);
//! for cents in [500, 5_000] {
//!     driver.pipe(&ORDERS, "ada", cents);
//! }
//! assert_eq!(driver.read(&ACCEPTED), [("ada".to_owned(), 500)]);
//! assert_eq!(driver.read(&TO_CHECK), [("ada".to_owned(), 5_000)]);
//! # Ok::<(), TopologyError>(())
//! ```
