//! Closures around all processors: what they see, and what they can do.

use std::sync::{Arc, Mutex};

use streams_core::dsl::StreamsBuilder;
use streams_core::record::{Change, Headers, Record, Timestamp};
use streams_core::state::KeyValueStore;
use streams_core::testing::{TestDriver, TopologyTestDriver};
use streams_core::topology::Topology;

use crate::{A, B, OUT, topology};

const ROWS: KeyValueStore<String, String> = KeyValueStore::new("rows");

/// Everything between a topic, a table and a topic.
fn program() -> Topology {
    topology(|builder: &StreamsBuilder| {
        let table = builder.table(B).stored_as(ROWS).named("table");
        let stream = builder.stream(A).filter(|_, value| value != "out").named("filter");
        let joined = stream.left_join(table, |value, row| format!("{value}-{}", row.unwrap_or_default())).named("join");
        joined.peek(|_, _| {}).named("peek").to(OUT);
    })
}

type Lines = Arc<Mutex<Vec<String>>>;

fn take(lines: &Lines) -> Vec<String> {
    std::mem::take(&mut *lines.lock().unwrap())
}

#[test]
fn a_closure_sees_each_record_on_its_way_into_each_processor_and_what_comes_of_it() {
    let lines: Lines = Lines::default();
    let said = Arc::clone(&lines);
    let wrapped = program().around_processors(move |call| {
        let value = match (call.value::<String>(), call.value::<Option<String>>(), call.value::<Change<String>>()) {
            (Some(value), ..) => value.clone(),
            (_, Some(row), _) => format!("{row:?}"),
            (.., Some(change)) => format!("{change:?}"),
            _ => "?".to_owned(),
        };
        let key = call.key::<String>().cloned().or_else(|| call.key::<Option<String>>().cloned().flatten());
        let (time, position) = (call.timestamp().unwrap().0, call.position().unwrap().offset.0);
        let before = format!("{} {}={value}@{time} at {position}", call.node(), key.unwrap_or_default());
        said.lock().unwrap().push(before);
        call.process();
        said.lock().unwrap().push(format!("{} {:?}", call.node(), call.timestamp()));
        call.process();
    });
    let mut driver = TopologyTestDriver::new(wrapped).unwrap();
    driver.pipe_at(&B, "k", "row", Timestamp(3)).unwrap();
    assert_eq!(take(&lines), [r#"table k=Some("row")@3 at 0"#, "table None"]);
    driver.pipe_at(&A, "k", "v", Timestamp(5)).unwrap();
    let expected =
        ["filter k=v@5 at 0", "join k=v@5 at 0", "peek k=v-row@5 at 0", "peek None", "join None", "filter None"];
    assert_eq!(take(&lines), expected);
    driver.pipe_at(&A, "k", "out", Timestamp(6)).unwrap();
    assert_eq!(take(&lines), ["filter k=out@6 at 1", "filter None"]);
    let sent: Vec<_> = driver.take_sent().into_iter().filter(|sent| &*sent.topic == "out").collect();
    assert_eq!(sent.len(), 1, "a second call of `process` does nothing");
}

#[test]
fn a_closure_changes_values_and_headers_and_leaves_records_out() {
    let wrapped = program().around_processors(|call| {
        if call.node() == "join" {
            if call.value::<String>().is_some_and(|value| value == "secret") {
                return;
            }
            if let Some(value) = call.value_mut::<String>() {
                value.push('!');
            }
        }
        if let Some(headers) = call.headers_mut() {
            headers.push("passed", "yes");
        }
        call.process();
    });
    let mut driver = TestDriver::new(wrapped);
    for (time, value) in [(1, "a"), (2, "secret"), (3, "b")] {
        driver.pipe_at(&A, "k", value, Timestamp(time));
    }
    let headers: Headers =
        (0..3).map(|_| streams_core::record::Header { name: "passed".into(), value: Some("yes".into()) }).collect();
    let record = |value: &str, time| Record {
        key: "k".to_owned(),
        value: value.to_owned(),
        timestamp: Timestamp(time),
        headers: headers.clone(),
    };
    assert_eq!(driver.read_records(&OUT), [record("a!-", 1), record("b!-", 3)]);
}

/// Without closures, a count works with bytes that are not even decoded; with one it gets whole records.
#[test]
fn closures_nest_and_results_are_the_same_with_them() {
    let build = || {
        topology(|builder: &StreamsBuilder| {
            _ = builder
                .stream(A)
                .group_by_key()
                .count()
                .named("count")
                .to_stream()
                .map_values(|count| format!("{count:?}"))
                .to(OUT);
        })
    };
    let order: Lines = Lines::default();
    let (inner, outer) = (Arc::clone(&order), Arc::clone(&order));
    let wrapped = build()
        .around_processors(move |call| {
            inner.lock().unwrap().push(format!("inner {}", call.node()));
            call.process();
        })
        .around_processors(move |call| {
            outer.lock().unwrap().push(format!("outer {}", call.node()));
            call.process();
            outer.lock().unwrap().push(format!("after {}", call.node()));
        });
    let results = [build(), wrapped].map(|topology| {
        let mut driver = TestDriver::configure(topology).caching(0).start();
        for key in ["a", "b", "a"] {
            driver.pipe(&A, key, "v");
        }
        driver.read(&OUT)
    });
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0].len(), 3);
    assert_eq!(take(&order)[..3], ["outer count", "inner count", "outer KTABLE-TOSTREAM-0000000003"]);
}

#[test]
fn a_panic_of_a_closure_names_the_node() {
    let wrapped = program().around_processors(|call| {
        assert!(call.value::<String>().is_none_or(|value| value != "bad-"), "it is bad");
        call.process();
    });
    let mut driver = TestDriver::new(wrapped);
    let error =
        driver.error_after(&A, &Record::new("k".to_owned(), "bad".to_owned(), Timestamp(1))).unwrap().to_string();
    assert!(error.contains("peek") && error.contains("it is bad"), "{error}");
}
