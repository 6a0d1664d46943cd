//! How an application is: probes, lag, settings and Prometheus over HTTP, with the feature `http`.
//!
//! One line starts a server on threads of its own, so a program needs no async `main`:
//!
#![cfg_attr(feature = "http", doc = "```")]
#![cfg_attr(not(feature = "http"), doc = "```text")]
//! use millstream::prelude::*;
//!
//! const LINES: Topic<String, String> = Topic::new("lines");
//! const SHOUTED: Topic<String, String> = Topic::new("shouted");
//!
//! let builder = StreamsBuilder::new();
//! builder.stream(LINES).map_values(|line| line.to_uppercase()).to(SHOUTED);
//! let log = Embedded::in_memory();
//! log.create_topic("lines", 3)?;
//!
//! let running = App::new("shouter", builder.build()?).start(log)?;
//! let http = Http::of(&running).bind("127.0.0.1:7070").start()?;
//! println!("curl {}/api/tasks", http.url());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! If the port is in use, the next free one is taken, and that is said. Dropping `http` ends the server; the application
//! goes on. Where the application [is configured](super::running), `query.server.bind`, `query.server.token` and
//! `ui.allow.actions` say the same as `.bind(..)`, `.token(..)` and `.allow_actions(..)`, so that a token can come from the
//! environment or a file (`KSTREAM_QUERY_SERVER_TOKEN_FILE`). A program that has a server already merges the routes into it: `router.merge(Http::of(&running).router()?)`,
//! with axum 0.8.
//!
//! The other way round, `.routes(router)` serves a program's own routes behind the same guards, and `.open_to_pages("/collect")` lets
//! pages of other servers use one of them.
//!
//! # In a browser
//!
//! Open the address that the program prints. The page at `/` has the [tiles](crate::guide::live) that the program shows of its
//! tables; the topology, with what flows through it; the stores, to look up a key, to browse, and to save as JSON lines;
//! the tasks of all instances with their lag and what is left to restore; dead letters, which can be put back one by one or
//! together; and every setting with where it comes from. It changes something only if actions are allowed.
//!
//! The page is in the binary and holds no data: it asks the routes below, and for the token, if there is one, which it keeps
//! until its tab is closed. Nothing in it comes from another server. `.dashboard(false)`, or the setting `ui.enabled`, leaves it
//! out, and `.panel(name, script)` adds something of your own above the tiles: a module that exports `show(element, api)`.
//!
//! ```js
//! export function show(element, api) {
//!     const button = element.appendChild(document.createElement("button"));
//!     button.textContent = "Pause";
//!     button.addEventListener("click", () => api.post("/api/app/pause"));
//! }
//! ```
//!
//! # What can be asked
//!
//! | route | answer |
//! | --- | --- |
//! | `GET /livez` | 200 while a restart would not help: also while the application starts, restores its state, or cannot reach its log. 503 when it has ended with an error, or one of its threads has not come back for `max.poll.interval.ms` |
//! | `GET /readyz` | 200 while it runs and all its tasks do, and with `.ready_within(records)` only while no input partition is further behind. Otherwise 503 |
//! | `GET /api/app` | id, state, guarantee, and the error that ended it |
//! | `GET /api/instances` | who runs the application and has which tasks; with `?tasks=true` what each does, and with `?app=true` which version each is |
//! | `GET /api/tasks` | what each task of this instance does, how far it is behind its inputs, what is left to restore, what handlers do, and what was dropped where |
//! | `GET /api/topology/drawing` | where the page draws its parts |
//! | `GET /api/topology` | JSON, and with `?format=` the `text` that Kafka Streams prints, or `mermaid` and `dot` for pictures |
//! | `GET /api/config` | every setting, and where it comes from. Secrets are hidden |
//! | `GET /api/stores` | the stores, with their types and an example of a key |
//! | `GET /api/stores/{store}` | rows: `?key=`, `?from=&to=`, `?prefix=`, `?window_from=&window_to=`, page by page with `?limit=&cursor=` |
//! | `GET /api/stores/{store}/{key}` | the row of a key |
//! | `GET /api/stores/{store}/stream` | rows and from then on their changes, as server-sent events |
//! | `GET /api/dead-letters` | the newest [dead letters](super::failures) first, page by page with `?limit=&from=` |
//! | `GET /api/dead-letters/{partition}/{offset}` | one of them |
//! | `GET /api/topics` | the application's topics, what they are to it, where they end, and how far it has come in them |
//! | `GET /api/topics/{topic}` | one of them with its types and settings |
//! | `GET /api/topics/{topic}/records` | its records: `?from=&limit=&partition=`, and `?wait=10s` for those that are still to come |
//! | `GET /api/live` | the tiles that the program shows of its tables |
//! | `GET /api/live/stream` | the pictures of all tiles, as server-sent events |
//! | `GET /metrics` | for Prometheus, with the program's own numbers |
//! | `GET /api/openapi.json` | all of this, described for programs |
//! | `POST /api/app/pause`, `resume`, `stop` | with `.allow_actions(true)` |
//! | `POST /api/dead-letters/{partition}/{offset}/replay` | puts one back where it came from; with `.allow_actions(true)` |
//! | `POST /api/dead-letters/replay` | puts all back that were not, each once; with `.allow_actions(true)` |
//! | `POST /api/topics/{topic}/records` | writes records into a topic that is not internal; with `.allow_actions(true)` |
//!
//! Every error is `{"error":{"code":"..","message":".."}}`. Beside stores and instances, each instance answers for itself.
//!
//! **Rows** are JSON, and keys in a path or parameter are written as people write them: texts as they are, numbers in digits,
//! everything else as JSON. `?committed=true` leaves out what is not committed yet. `X-KStream-Position` in the answer says how
//! far the store was; sent as `X-KStream-Min-Position`, with `?wait=2s`, it makes sure that one reads what one has written. What passes by
//! itself, such as a store that is being restored, is 503 with `Retry-After`.
//!
//! **Several instances** answer for each other. Each tells its group where it can be asked, and carries questions about rows of
//! others to them, so that any of them, or a load balancer in front of all, gives the whole answer; `?local=true` is for an
//! instance's own rows. While one is gone, its rows are 503 until others have its tasks. Questions and the token go to addresses
//! of this machine only, unless the operator names others: `.allow_peer("10.0.0.0/8")` or `query.server.peers`, with names
//! (`web-1.example.org`), endings (`*.example.org`), addresses and networks. Rows of an instance that may not be asked are 421,
//! with its address in `X-KStream-Owner`. Where a server listens on all addresses, or others know it by another one,
//! `application.server`, or `.endpoint("web-1:7070")`, says which one others should use. `GET /api/instances` lists them.
//!
//! A **stream** begins with `snapshot`, has an `upsert` for each row, and then `complete`; after that come `upsert` and `delete`
//! as rows change, of each row at most about ten a second, and fewer to who reads slowly. When tasks move it begins anew
//! with another `snapshot`. A browser's `EventSource` that connects again sends the id of the last event that it has got, to
//! whichever instance: if the instances still have all changes since, which they keep for half a minute after the last one who
//! followed has gone, it gets `resumed` and those, and otherwise everything anew. Either way this is right:
//!
//! ```js
//! const rows = new Map();
//! const events = new EventSource("/api/stores/views-per-page/stream");
//! events.addEventListener("snapshot", () => rows.clear());
//! events.addEventListener("upsert", (event) => { const row = JSON.parse(event.data); rows.set(JSON.stringify(row.key), row); });
//! events.addEventListener("delete", (event) => rows.delete(JSON.stringify(JSON.parse(event.data).key)));
//! ```
//!
//! **Dead letters** have key and value as JSON of the type of the topic that they came from, as far as they are of that type, why
//! they were left out, and their headers. One that is put back by itself stays in the list, and only this server remembers it
//! for a while: a replay of all puts it back once more, unless it has come to it before. What fails again is not put back more
//! often than `?at_most=` says, 1 unless set.
//!
//! **Records** are JSON of their topic's types. `next` in an answer is where to go on with `?from=`, also if there was nothing, so
//! a loop of such questions with `?wait=` sees each record once. With `?newest=true` the newest come first. A record to write is `{"key": .., "value": ..}`, with
//! `partition`, `headers` and `timestamp` if they matter, or a list of those. All are checked before one is written, and the
//! answer comes when the log has them. Topics of the same log that the application does not use are only there with
//! `.all_topics(true)`; with both, `POST /api/topics` creates one.
//!
//! ```text
//! $ curl -d '{"key": "ada", "value": 7}' localhost:7070/api/topics/clicks/records
//! {"topic":"clicks","written":1,"partition":2,"offset":41}
//! ```
//!
//! A **picture** is what a page needs to draw a [tile](super::live), and no more: ten bars, the points of a line. It comes
//! as an event `picture` whenever it has changed, at most ten times a second, and a slow reader gets only the latest ones:
//!
//! ```text
//! event: picture
//! data: {"id":"top-pages","state":"live","at":1700000000000,"rows":37,"partial":false,"unreadable":0,
//! data:  "bars":{"bars":[{"label":"/home","value":205.0},..],"labels":37}}
//! ```
//!
//! **Lag** is told in records and in time. In records it is the distance to the input's end, which includes a transaction's
//! markers. In time it is the age of the next record; as long as that is not fetched, it is `null` and not 0. The log is
//! asked at most once per second, and only while somebody asks here.
//!
//! # Who may ask
//!
//! As long as there is no token, only programs on the same machine: the server listens on loopback addresses only, and
//! refuses requests that were sent to another name than `localhost`, `127.0.0.1` or `[::1]`, because a page in a browser may
//! have pointed a name of its own here. With `.token("..")` it may listen anywhere, and wants `Authorization: Bearer ..` for
//! everything but the two probes, which tell nothing but the state. There is no TLS: where others can listen in, put a
//! proxy in front.
//!
//! Actions are refused unless the program allows them, and if a browser says that a page of another server asks. Bodies have
//! at most 1 MiB and requests 5 seconds to arrive; 64 are worked on at once beside 128 streams, and 256 connections are kept, of which the
//! longest idle ones give way.
//!
//! # In Kubernetes
//!
//! ```text
//! livenessProbe:
//!   httpGet: { path: /livez, port: 7070 }
//!   periodSeconds: 10
//! readinessProbe:
//!   httpGet: { path: /readyz, port: 7070 }
//! ```
//!
//! A probe comes from another address than loopback, so bind `0.0.0.0:7070` and set a token; the probes need none.
//!
//! # Prometheus
//!
//! Metrics have Kafka Streams' names where it has one, as `kstream_..`, with the unit in the name:
//! `kstream_consumer_lag_seconds`, `kstream_task_records_processed_total`. They are labelled by topic, node, store,
//! sub-topology, worker and reason, never by keys; and by partition only with `metrics.recording.level=DEBUG`.
//! `streams-http/grafana` has a dashboard and eight alerts.
//!
//! | to know | look at |
//! |---|---|
//! | how old records are when they are processed and sent, by the clock | `kstream_record_e2e_seconds` of sources and sinks |
//! | how much out of order records come | `kstream_record_lateness_seconds` |
//! | what comes in and goes out | `kstream_topic_records_consumed_total`, `kstream_topic_records_produced_total` |
//! | what workers do with their time | `kstream_thread_busy_ratio` by phase; steps in `kstream_thread_process_seconds` and others |
//! | what was left out | `kstream_records_dropped_total`, `kstream_dlq_records_total` |
//! | how large state is | `kstream_store_entries`, `kstream_store_bytes`, at most some seconds old |
//! | how RocksDB is | `kstream_rocksdb_..`, some of RocksDB's own properties |
//! | how long restoring took | `kstream_restore_seconds_total`, added up over tasks |
//! | who asks for rows, and how long that takes | `kstream_iq_requests_seconds` by store and route, `kstream_live_view_clients` |
//!
//! Ages and lateness are counted for records that were processed, again if a transaction is undone and the work done again.
//! Topics that a program chooses for each record (`.to_with(..)`) count as one, `(chosen)`.
//!
//! **Numbers that the application computes** can be on the same page, so that Prometheus sees what the business does and not only
//! how the program is. `.gauge(..)` and `.counter(..)` take a name, what it is, the labels, and a closure that reads the values
//! at each scrape, for instance from a store:
//!
#![cfg_attr(feature = "http", doc = "```")]
#![cfg_attr(not(feature = "http"), doc = "```text")]
//! use millstream::prelude::*;
//! use millstream::query::QueryError;
//! use millstream::runtime::Handle;
//!
//! const LINES: Topic<String, String> = Topic::new("lines");
//! const PER_SERVICE: KeyValueStore<String, i64> = KeyValueStore::new("lines-per-service");
//!
//! async fn per_service(app: Handle) -> Result<Vec<([String; 1], f64)>, QueryError> {
//!     let rows = app.query(&PER_SERVICE)?.local().all().await?;
//!     Ok(rows.into_iter().map(|(service, lines)| ([service], lines as f64)).collect())
//! }
//!
//! let builder = StreamsBuilder::new();
//! builder.stream(LINES).group_by_key().count().stored_as(PER_SERVICE);
//! let log = Embedded::in_memory();
//! log.create_topic("lines", 3)?;
//! let running = App::new("logs", builder.build()?).start(log)?;
//!
//! let app = running.handle();
//! let http = Http::of(&running).bind("127.0.0.1:0");
//! let http = http.counter("log_lines_total", "Lines, by service.", ["service"], move || per_service(app.clone())).start()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A name that Prometheus would not understand, that begins with `kstream_` or that is there twice is an error at the start. A
//! metric whose closure fails, panics or does not come back within a second is left out, with a warning, and all others are not.
//!
//! ```text
//! scrape_configs:
//!   - job_name: shouter
//!     authorization: { credentials_file: /run/secrets/shouter }
//!     static_configs: [{ targets: ["shouter-0:7070", "shouter-1:7070"] }]
//! ```
