//! The words that everything else uses, which are Kafka Streams'.
//!
//! # Records, topics, partitions
//!
//! A **record** has a key, a value, a timestamp and headers. A **topic** is a named sequence of records in the log, and
//! is divided into **partitions**: a record's key determines its partition, so all records of a key are in one
//! partition, in order. A [`Topic<K, V>`](crate::topic::Topic) is a constant with the topic's name and the types of its
//! keys and values, and these determine what its bytes look like (see [`wire`](crate::wire)).
//!
//! # Streams and tables
//!
//! A [`KStream`](crate::dsl::KStream) is read as *something happened*: every record counts. A
//! [`KTable`](crate::dsl::KTable) is read as *this is how it is now*: a record replaces the one before it with the same
//! key, and a null value deletes the row. Views of pages are a stream; users with their addresses are a table. An
//! aggregation makes a table of a stream, and [`to_stream`](crate::dsl::KTable::to_stream) makes a stream of a table's
//! changes.
//!
//! # Topology and tasks
//!
//! The operators between topics are a **topology**. It is written with [`StreamsBuilder`](crate::dsl::StreamsBuilder)
//! and is a value that can be printed, tested and run. Operators are connected by function calls, except where a key
//! changes before an aggregation or a join: there the records go through an internal **repartition** topic, because the
//! new key may belong to another partition. So the topology consists of *sub-topologies*, and each of these, for each
//! partition, is a **task**: the unit that is run, moved and restored. Tasks share nothing. One with its own thread runs
//! as fast as with a thousand others beside it, and twice the partitions can use twice the machines.
//!
//! # State and changelogs
//!
//! Aggregations, joins and your own processors remember things in **stores**, in memory or in RocksDB. Each change is
//! also written to an internal **changelog** topic, and a task that comes to another machine reads its state back from
//! there. Values are held back in a cache for a while, so that a row that changes a thousand times in a commit interval
//! is written and forwarded once.
//!
//! # Time
//!
//! A record's timestamp is when something happened, not when it was processed; so a replay gives the same results. **Stream
//! time** is the largest timestamp that an operator has seen. A **window** takes records until stream time reaches its end
//! plus its **grace**; a record after that is *late*, and is dropped, counted and reported. Grace is how long you are
//! willing to wait for stragglers, and how long the windows are kept in any case.
//!
//! # Guarantees
//!
//! Positions, state and output are committed together. **Exactly-once** does that in a transaction: after a crash, it is
//! as if the records since the last commit had never been read. **At-least-once** needs no transactions: after a crash
//! these records are processed again, and counted twice. On the embedded log exactly-once is the default, on Kafka
//! at-least-once, as in Kafka Streams.
//!
//! What is not committed yet is in its topic all the same, and so is what has been undone. Whoever reads an exactly-once
//! application's output with another program, sets `isolation.level=read_committed` there. (A
//! [`Client`](crate::client::Client) does.)
//!
//! # Application, instances, workers
//!
//! All processes that run a topology under one **application id** share its tasks, as a consumer group shares
//! partitions: start one more and it takes over a part, stop one and the others take its tasks. Within a process,
//! **workers** are threads that run tasks.
