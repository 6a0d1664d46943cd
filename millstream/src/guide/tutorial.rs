//! A first application, step by step: it counts how often the pages of a shop are viewed.
//!
//! # 1. A crate
//!
//! ```toml
//! [dependencies]
//! millstream = { path = "../millstream/millstream", default-features = false }
//! serde = { version = "1", features = ["derive"] }
//! ```
//!
//! Without its default features, Millstream needs no C compiler and builds in a minute or two. It has the embedded log and
//! keeps state in memory; the last step adds Kafka and RocksDB.
//!
//! # 2. Topics, and what is in them
//!
//! A topic is a constant with the types of its keys and values. Numbers, strings and bytes have the formats of Java's
//! serializers. Your own type derives [`Value`](macro@crate::Value) and chooses a format:
//!
//! ```
//! use millstream::prelude::*;
//!
//! #[derive(Clone, serde::Serialize, serde::Deserialize, Value)]
//! #[streams(json)]
//! struct View {
//!     page: String,
//!     millis: u64,
//! }
//!
//! const VIEWS: Topic<String, View> = Topic::new("views"); // the key is the visitor
//! const PAGES: Topic<String, i64> = Topic::new("views-per-page");
//! ```
//!
//! # 3. A topology, and a test for it
//!
//! A function builds the topology. [`TestDriver`](crate::testing::TestDriver) runs it with a clock that the test
//! controls, and with the production engine:
//!
//! ```
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//!
//! #[derive(Clone, serde::Serialize, serde::Deserialize, Value)]
//! #[streams(json)]
//! struct View {
//!     page: String,
//!     millis: u64,
//! }
//!
//! const VIEWS: Topic<String, View> = Topic::new("views");
//! const PAGES: Topic<String, i64> = Topic::new("views-per-page");
//!
//! fn views_per_page() -> Result<Topology, TopologyError> {
//!     let builder = StreamsBuilder::new();
//!     builder
//!         .stream(VIEWS)
//!         .filter(|_, view| view.millis >= 100) // nobody reads that fast
//!         .group_by(|_, view| view.page.clone())
//!         .count()
//!         .to_stream()
//!         .to(PAGES);
//!     builder.build()
//! }
//!
//! fn main() -> Result<(), TopologyError> {
//!     let mut driver = TestDriver::new(views_per_page()?);
//!     driver.pipe(&VIEWS, "ada", View { page: "/cart".to_owned(), millis: 2_000 });
//!     driver.pipe(&VIEWS, "bob", View { page: "/cart".to_owned(), millis: 3 });
//!     driver.pipe(&VIEWS, "bob", View { page: "/cart".to_owned(), millis: 700 });
//!     assert_eq!(driver.read(&PAGES), [("/cart".to_owned(), 1), ("/cart".to_owned(), 2)]);
//!     Ok(())
//! }
//! ```
//!
//! `println!("{}", views_per_page()?.describe())` shows what was made of it: two sub-topologies, because the key changes
//! from the visitor to the page.
//!
//! # 4. A batch job
//!
//! [`App::run_until_idle`](crate::runtime::App::run_until_idle) processes all that is there, then stops, and says what
//! it did:
//!
//! ```
//! use millstream::prelude::*;
//!
//! const VIEWS: Topic<String, String> = Topic::new("views"); // from visitor to page
//! const PAGES: Topic<String, i64> = Topic::new("views-per-page");
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let builder = StreamsBuilder::new();
//!     builder.stream(VIEWS).group_by(|_, page| page.clone()).count().to_stream().to(PAGES);
//!
//!     let log = Embedded::in_memory();
//!     for (visitor, page) in [("ada", "/"), ("ada", "/cart"), ("bob", "/cart")] {
//!         log.send(&VIEWS, visitor, page)?;
//!     }
//!     let summary = App::new("page-views", builder.build()?).run_until_idle(log.clone())?;
//!     println!("{summary}");
//!     for record in log.read(&PAGES)? {
//!         println!("{}: {}", record.key, record.value);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # 5. A service
//!
//! [`App::run`](crate::runtime::App::run) goes on until Ctrl-C. The log is in a folder now, so everything is still there
//! at the next start, even after `kill -9`: the counts continue where they were. [`App::start`](crate::runtime::App::start)
//! does not wait; here, the program's own thread sends a view per second meanwhile, and reads the results as they come:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use millstream::prelude::*;
//!
//! const VIEWS: Topic<String, String> = Topic::new("views");
//! const PAGES: Topic<String, i64> = Topic::new("views-per-page");
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let builder = StreamsBuilder::new();
//!     builder.stream(VIEWS).group_by(|_, page| page.clone()).count().to_stream().to(PAGES);
//!
//!     let log = Embedded::open("shop-log")?;
//!     let client = Client::new(log.clone())?;
//!     client.create_topic(&VIEWS).partitions(4).if_missing().create()?;
//!
//!     let app = App::new("page-views", builder.build()?).workers(2).start(log.clone())?;
//!     app.stop_on_signals()?;
//!     app.wait_until_running()?; // now the output topic is there, too
//!
//!     // Once the application is stopped, no count comes any more: so do not wait for ever.
//!     let mut counts = client.tail(&PAGES, StartAt::End)?.until_idle(Duration::from_secs(5));
//!     for page in ["/", "/cart", "/", "/help"] {
//!         client.send(&VIEWS, "ada", page)?;
//!         let Some(count) = counts.next() else { break };
//!         let count = count?.record;
//!         println!("{}: {}", count.key, count.value);
//!         std::thread::sleep(Duration::from_secs(1));
//!     }
//!     app.wait()?; // until Ctrl-C
//!     Ok(())
//! }
//! ```
//!
//! # 6. Windows
//!
//! Per minute instead of over all time. `grace` says how late a view may be, and has to be said: it is a decision.
//!
//! ```
//! use std::time::Duration;
//!
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//!
//! const MINUTE: Duration = Duration::from_secs(60);
//! const VIEWS: Topic<String, String> = Topic::new("views");
//! const PAGES: Topic<Windowed<String>, i64> = Topic::new("views-per-minute").windows_of(MINUTE);
//!
//! let builder = StreamsBuilder::new();
//! builder
//!     .stream(VIEWS)
//!     .group_by(|_, page| page.clone())
//!     .windowed_by(Tumbling::of(MINUTE).grace(Duration::from_secs(10)))
//!     .count()
//!     .to_stream()
//!     .to(PAGES);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! let views = [(1, "/cart"), (59, "/cart"), (62, "/cart"), (30, "/cart"), (71, "/"), (31, "/cart")];
//! for (second, page) in views {
//!     driver.pipe_at(&VIEWS, "ada", page, Timestamp(second * 1_000));
//! }
//! // The view of second 30 came when the data's clock stood at 62: in time. That of second 31 came at
//! // 71, but the first minute had closed at 70: it is dropped, counted and reported with a warning.
//! let counts: Vec<_> = driver
//!     .read(&PAGES)
//!     .into_iter()
//!     .map(|(of, count)| format!("{} from {} s: {count}", of.key, of.window.start.0 / 1_000))
//!     .collect();
//! assert_eq!(
//!     counts,
//!     [
//!         "/cart from 0 s: 1",
//!         "/cart from 0 s: 2",
//!         "/cart from 60 s: 1",
//!         "/cart from 0 s: 3",
//!         "/ from 60 s: 1",
//!     ]
//! );
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # 7. On Kafka
//!
//! The topology stays as it is. Turn the default features on, which compile librdkafka and RocksDB (they need `g++`,
//! `make` and `libclang`), and change where it runs:
//!
//! ```toml
//! millstream = { path = "../millstream/millstream" }
//! ```
//!
#![cfg_attr(all(feature = "kafka", feature = "rocksdb"), doc = "```no_run")]
#![cfg_attr(not(all(feature = "kafka", feature = "rocksdb")), doc = "```ignore")]
//! use millstream::prelude::*;
//!
//! # const VIEWS: Topic<String, String> = Topic::new("views");
//! # const PAGES: Topic<String, i64> = Topic::new("views-per-page");
//! # fn views_per_page() -> Result<Topology, TopologyError> {
//! #     let builder = StreamsBuilder::new();
//! #     builder.stream(VIEWS).group_by(|_, page| page.clone()).count().to_stream().to(PAGES);
//! #     builder.build()
//! # }
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     App::new("page-views", views_per_page()?)
//!         .state_in(RocksDb::default())
//!         .exactly_once()
//!         .run(Kafka::at("localhost:9092"))?;
//!     Ok(())
//! }
//! ```
//!
//! The input and output topics must exist there, because how many partitions they have is a decision of its own; internal
//! topics are created. Start the program a second time, in another folder because the state is in `./state`, and the two
//! processes share the work. What else there is to running an application is in [`running`](super::running).
