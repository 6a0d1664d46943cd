//! What a program prints whose `main` returns an error: `Error: ` and the error's `Debug`. Each must name what it is
//! about, and what to do next.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::error::Error;
use std::path::PathBuf;

use streams_core::config::Layers;
use streams_core::log::{Embedded, LogError, LogErrorKind, SendError};
use streams_core::prelude::*;
use streams_core::private_folder::FolderLock;
use streams_core::record::{Partition, TaskId, TopicPartition};
use streams_core::runtime::{BuildError, OperatorError};
use streams_core::state::{StoreError, StoreErrorKind};
use streams_core::topic::{NAME_LENGTH_MAX, check_name};
use streams_core::wire::{DecodeError, EncodeError};

const IN: Topic<String, i64> = Topic::new("in");
const TEXTS: Topic<String, String> = Topic::new("in");
const OUT: Topic<String, i64> = Topic::new("out");

type Outcome = Result<(), Box<dyn Error>>;
type Main = fn() -> Outcome;

/// What `main` prints after `Error: `.
fn printed(main: impl FnOnce() -> Outcome) -> String {
    format!("{:?}", main().unwrap_err())
}

fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream(IN).to(OUT);
    builder.build().unwrap()
}

fn missing_topic() -> Outcome {
    App::new("app", topology()).run_until_idle(Embedded::in_memory())?;
    Ok(())
}

fn missing_topics() -> Outcome {
    let builder = StreamsBuilder::new();
    builder.stream(IN).join(builder.table(Topic::<String, i64>::new("more")), |a, b| a + b).to(OUT);
    App::new("app", builder.build()?).run_until_idle(Embedded::in_memory())?;
    Ok(())
}

fn undecodable_record() -> Outcome {
    let log = Embedded::in_memory();
    log.send(&TEXTS, "key", "nine")?;
    App::new("app", topology()).run_until_idle(log)?;
    Ok(())
}

fn panicking_code() -> Outcome {
    let log = Embedded::in_memory();
    log.send(&IN, "key", 0)?;
    let builder = StreamsBuilder::new();
    builder.stream(IN).map_values(|value| 1_i64.checked_div(value).unwrap()).to(OUT);
    App::new("app", builder.build()?).run_until_idle(log)?;
    Ok(())
}

fn bad_application_id() -> Outcome {
    App::new("my app", topology()).run_until_idle(Embedded::in_memory())?;
    Ok(())
}

fn no_worker() -> Outcome {
    App::new("app", topology()).workers(0).run_until_idle(Embedded::in_memory())?;
    Ok(())
}

fn typing_errors() -> Outcome {
    Layers::new().set("aplication.id", "shop").set("num.stream.threads", "two").read()?;
    Ok(())
}

fn empty_topology() -> Outcome {
    StreamsBuilder::new().build()?;
    Ok(())
}

fn no_such_topic() -> Outcome {
    Embedded::in_memory().read(&OUT)?;
    Ok(())
}

#[test]
fn a_program_that_ends_with_an_error_prints_the_sentence_and_not_the_variant() {
    let table: [(Main, &str); 9] = [
        (
            missing_topic,
            "topic `in` does not exist; create it before the application starts, with \
             `client.create_topic(..).partitions(N).create()` of a `Client`, or on Kafka with `kafka-topics.sh \
             --bootstrap-server HOST:PORT --create --topic in --partitions N`",
        ),
        (
            missing_topics,
            "these topics do not exist: in, more; create them before the application starts, with \
             `client.create_topic(..).partitions(N).create()` of a `Client`, or on Kafka with `kafka-topics.sh \
             --bootstrap-server HOST:PORT --create --topic in --partitions N`",
        ),
        (
            undecodable_record,
            "task 0_0 failed at offset 0 of in-0: the value cannot be read: not a value of type i64: it has 4 bytes, \
             but this type takes 8; the topic contains another type (first bytes: 6e696e65); mend what writes the \
             topic, or set `deserialization.exception.handler` to `skip` to drop and count such records, or to \
             `dead-letter` to keep them",
        ),
        (
            panicking_code,
            "task 0_0 failed at offset 0 of in-0: KSTREAM-MAPVALUES-0000000001: the application's code panicked: \
             called `Option::unwrap()` on a `None` value; the record is not committed, so the next start processes it again: mend the code, or what \
             sends such records, or set `processing.exception.handler` to `skip` or `dead-letter`",
        ),
        (
            bad_application_id,
            "the application id \"my app\" cannot be used: a name may contain only letters, digits, `.`, `_` and `-`; \
             byte 2 is none of them",
        ),
        (no_worker, "setting num.stream.threads: at least one thread is needed"),
        (
            typing_errors,
            "the configuration cannot be used\n\
             - application.id (default): it is not set; it names the application's group, internal topics and state \
             folder\n\
             - aplication.id (code): there is no such setting; did you mean `application.id`?\n\
             - num.stream.threads (code): `two` is not a whole number from 1 to 1024",
        ),
        (
            empty_topology,
            "the topology is empty: start with `builder.stream(..)`, `builder.table(..)` or \
             `builder.global_table(..)`",
        ),
        (
            no_such_topic,
            "topic `out` does not exist (there is none yet): check the name, or send a record to it or create it first; \
             an application creates the topics that it writes when it starts",
        ),
    ];
    for (main, expected) in table {
        assert_eq!(printed(main), expected);
    }
}

#[test]
fn every_public_error_prints_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let held = FolderLock::hold(folder.path(), "lock").unwrap();
    let locked = FolderLock::hold(folder.path(), "lock").map(|_| ()).unwrap_err();
    drop(held);
    let store = || StoreError::new(StoreErrorKind::Other, "state in /data/0_1: the disk is full");
    let task = TaskId { subtopology: 0, partition: Partition(1) };
    let errors: Vec<Box<dyn Error>> = vec![
        Box::new(check_name(b"a/b", NAME_LENGTH_MAX).unwrap_err()),
        Box::new(EncodeError::new::<i64>("it is too large")),
        Box::new(DecodeError::new::<i64>("it is too short")),
        Box::new(LogError::new(LogErrorKind::TooLarge, "a record for in-0 is too large")),
        Box::new(SendError::Full),
        Box::new(SendError::Refused(LogError::new(LogErrorKind::Other, "a record for in-0 was refused"))),
        Box::new(store()),
        Box::new(OperatorError::NegativeTimestamp(-1)),
        Box::new(BuildError { node: "NODE".to_owned(), reason: "it has no store".to_owned() }),
        Box::new(StreamsBuilder::new().build().map(|_| ()).unwrap_err()),
        Box::new(AppError::Store { task, error: store() }),
        Box::new(AppError::TableTopicTruncated {
            partition: TopicPartition::new("sites", 1),
            end: 3,
            stored: 9,
            folder: PathBuf::from("state/app/0_1"),
        }),
        Box::new(Layers::new().read().map(|_| ()).unwrap_err()),
        Box::new(Layers::new().read().unwrap_err().problems()[0].clone()),
        Box::new(locked),
    ];
    for error in errors {
        assert_eq!(format!("{error:?}"), error.to_string());
        assert_eq!(format!("{error:#?}"), error.to_string(), "however it is asked for");
    }
}
