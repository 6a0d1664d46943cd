//! Running an application: settings, logging, errors, several processes, and what happens when one dies.
//!
//! # Settings
//!
//! Settings have Kafka Streams' names and meanings. [`Layers`](crate::config::Layers) reads them from code, files, the
//! environment and the command line, in that order of precedence, and can print each with where it came from. An unknown
//! setting is an error that suggests the nearest name. The ones that are used most have methods on
//! [`App`](crate::runtime::App).
//!
//! # Logging
//!
//! Everything is told through [`tracing`](https://docs.rs/tracing). A program that sets no subscriber still gets what a
//! person has to know, as plain lines on standard error: what was started, a broker that cannot be reached, records that
//! were dropped as late or could not be decoded (with their numbers), a restore that takes long. Each is said at most now
//! and then. [`App::quiet`](crate::runtime::App::quiet) turns that off. As soon as the program sets a subscriber, before
//! it starts the application, that gets all events instead:
//!
//! ```toml
//! tracing-subscriber = { version = "0.3", features = ["env-filter"] }
//! ```
//!
//! ```text
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     tracing_subscriber::fmt::init(); // and RUST_LOG=info,streams_core=debug in the environment
//!     ..
//! }
//! ```
//!
//! A program that listens with the `log` crate instead, through `tracing`'s feature `log`, calls `.quiet()`: otherwise the
//! lines on standard error take the events' place.
//!
//! # Errors
//!
//! An application ends with an [`AppError`](crate::runtime::AppError) only if going on would lose or invent something.
//! Whatever can pass, such as a broker that is away, is waited for. The error names the topic, partition, offset, store or
//! setting and what to do; `fn main() -> Result<(), Box<dyn std::error::Error>>` prints that sentence. Records that cannot
//! be read, processed or written end the application, too, unless it chooses something else: see
//! [When something fails](super::failures).
//!
//! # Several processes
//!
//! Processes with the same application id share the tasks, and must run the same topology: one with another topology is
//! refused while others run. Each needs a state folder of its own: that is `./state`, unless
//! [`App::state_dir`](crate::runtime::App::state_dir) or `state.dir` says otherwise. A process that stops (Ctrl-C,
//! SIGTERM, [`Handle::stop`](crate::runtime::Handle::stop)) commits and leaves, and the others take over its tasks at
//! once.
//!
//! A process that is killed or loses its machine cannot say so. If it is started again with its state folder, it has its
//! tasks back at once. If it does not come back, Kafka notices after the session timeout, 45 seconds unless
//! [`App::session_timeout`](crate::runtime::App::session_timeout) or `session.timeout.ms` says otherwise, and the others
//! take over after that. A process with a copy of another's state folder takes that one's place.
//!
//! # More partitions
//!
//! An input topic may get more partitions while processes run. They notice at the latest after five minutes
//! (`metadata.max.age.ms`). Where no state and no repartition topic depends on the number, the new partitions are divided
//! among the processes like the others. Otherwise the application ends with an error that names the topic and both numbers:
//! a key's next record might be in another partition than its state. `.repartition()` with a number of partitions of its own
//! makes what comes after it independent of its input's.
//!
//! # Passwords, TLS and access rights
//!
//! The settings are librdkafka's, and need the feature `ssl` (OpenSSL):
//!
//! ```text
//! bootstrap.servers=kafka-1:9093,kafka-2:9093
//! security.protocol=SASL_SSL
//! ssl.ca.location=/etc/kafka/ca.pem
//! sasl.mechanism=SCRAM-SHA-256
//! sasl.username=word-count
//! ```
//!
//! and `KSTREAM_SASL_PASSWORD_FILE=/run/secrets/kafka` in the environment, which
//! [`Layers::environment`](crate::config::Layers::environment) reads. Secrets are shown nowhere, neither by `Debug` nor in
//! logs nor in errors. Where the broker checks rights (ACLs), an application needs these:
//!
//! | on | rights |
//! | --- | --- |
//! | topics that it reads | `Read` |
//! | topics that it writes | `Write` |
//! | its internal topics, which begin with `<application id>-` | `Read`, `Write`, `Create`, `Describe`, `DescribeConfigs`, `Delete` (records, not topics) |
//! | the group `<application id>` | `Read` |
//! | transactional ids that begin with `<application id>-`, for exactly-once | `Write` |
//!
//! Whoever is not let in, or lacks a right, gets an error that names the broker, or the right and what it is missing for. The
//! application ends with it instead of trying again.
//!
//! # Replays
//!
//! A live stream is in order, more or less. A backlog is not: each task reads its partitions as fast as it can, soon one is
//! hours of event time ahead of another, and where their records meet behind a repartition topic, those of the slower one
//! are too late for their windows. Kafka Streams drops them, and so does an application here unless it says
//! [`App::align_event_time`](crate::runtime::App::align_event_time) (`event.time.alignment`). Tasks then advance together:
//! within a process none goes ahead of the others by more than the bound, and a record that came through a repartition
//! topic waits until no other task, in whatever process, can still send one that is older by more than the bound. With a
//! grace of at least the bound plus the disorder of the input itself, nothing is late that is not late in the input.
//!
//! * Tasks at the end of their partitions hold nobody up, so in live operation nobody waits. The same goes for a paused
//!   application, and for a process that has not been heard of for two session timeouts.
//! * All processes must have the setting, or none. To change it, stop them all.
//! * Between processes it works by telling each other how far they are, with each record and each commit. Records that wait
//!   are in memory, as many as the quickest process is ahead of the slowest one.
//! * Topics within a foreign-key join are not aligned, because their records go round in circles.
//!
//! # Watching it
//!
//! [Over HTTP](super::over_http) it answers probes, Prometheus, and people with `curl`.
//! [`Handle`](crate::runtime::Handle) has the state, the tasks with their counters, and pause and resume;
//! [`App::on_state_change`](crate::runtime::App::on_state_change) calls you. `Topology::describe` prints what Kafka
//! Streams prints for the same topology, and [`Topology`](crate::topology::Topology) can be drawn as Mermaid or DOT.
