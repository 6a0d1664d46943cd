//! Processors: their stores, what they send and to whom, and when they are called.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use streams_core::dsl::processor::{
    Forward, ForwardValues, Processor, ProcessorSessionStore, ProcessorWindowStore, PunctuationId, PunctuationTime,
    Refs, Timestamped, ValueProcessor,
};

use streams_core::record::{Record, Timestamp};
use streams_core::runtime::DropReason;
use streams_core::state::KeyValueStore;
use streams_core::testing::{KeptState, TestDriver, TopologyTestDriver};
use streams_core::windows::Window;

use crate::{A, B, OUT, topology};

const ROWS: KeyValueStore<String, String> = KeyValueStore::new("rows");

fn texts<const N: usize>(values: [(&str, &str); N]) -> [(String, String); N] {
    values.map(|(key, value)| (key.to_owned(), value.to_owned()))
}

/// What is in the topic `OUT` when the values were sent to `A` with their times.
fn outcome(driver: &mut TestDriver, inputs: &[(i64, &str, &str)]) -> Vec<(String, String)> {
    for (time, key, value) in inputs {
        driver.pipe_at(&A, *key, *value, Timestamp(*time));
    }
    driver.read(&OUT)
}

#[test]
fn a_value_is_put_only_if_there_is_none_and_taken_with_what_it_was() {
    let mut driver = TestDriver::new(topology(|builder| {
        let processed = builder.stream(A).process(ROWS, |mut rows, key, value: String, out| {
            let was = match value.strip_prefix('?') {
                Some(value) => rows.put_if_absent(key, value.to_owned()),
                None => rows.take(key),
            };
            out.send(key.clone(), was.unwrap_or_else(|| "-".to_owned()));
        });
        _ = processed.to(OUT);
    }));
    let inputs = [(1, "k", "?a"), (2, "k", "?b"), (3, "k", "take"), (4, "k", "take"), (5, "k", "?c")];
    assert_eq!(outcome(&mut driver, &inputs), texts([("k", "-"), ("k", "a"), ("k", "a"), ("k", "-"), ("k", "-")]));
    assert_eq!(driver.rows(&ROWS), texts([("k", "c")]));
}

#[test]
fn a_store_of_timestamped_values_logs_their_times_and_survives_a_crash_with_them() {
    const NEWEST: KeyValueStore<String, Timestamped<String>> = KeyValueStore::new("newest");
    let build = || {
        topology(|builder| {
            let processed = builder.stream(A).process(NEWEST, |mut newest, key, value: String, out| {
                let timestamp = Timestamp(out.timestamp().0 * 10);
                if newest.get(key).is_none_or(|newest| newest.timestamp < timestamp) {
                    newest.put(key, Timestamped { value, timestamp });
                }
                let Timestamped { value, timestamp } = newest.get(key).unwrap();
                out.send(key.clone(), format!("{value}@{}", timestamp.0));
            });
            _ = processed.to(OUT);
        })
    };
    let mut driver = TestDriver::new(build());
    let found = outcome(&mut driver, &[(2, "k", "a"), (1, "k", "b"), (3, "k", "c")]);
    assert_eq!(found, texts([("k", "a@20"), ("k", "a@20"), ("k", "c@30")]));
    driver.kill();
    driver.restart();
    assert_eq!(outcome(&mut driver, &[(1, "k", "d")]), texts([("k", "c@30")]));

    let mut driver = TopologyTestDriver::new(build()).unwrap();
    driver.pipe_at(&A, "k", "a", Timestamp(2)).unwrap();
    let logged: Vec<_> = driver.take_sent().into_iter().map(|sent| (sent.topic, sent.value, sent.timestamp)).collect();
    let expected = [("app-newest-changelog", "a", 20), ("out", "a@20", 2)];
    let expected =
        expected.map(|(topic, value, time)| (topic.into(), Some(value.as_bytes().to_vec()), Some(Timestamp(time))));
    assert_eq!(logged, expected);
}

#[test]
fn a_row_of_a_window_that_is_over_is_refused_counted_and_logged() {
    const WINDOWS: ProcessorWindowStore<String, String> =
        ProcessorWindowStore::new("windows", Duration::from_secs(1), Duration::from_secs(120));
    let mut driver = TopologyTestDriver::new(topology(|builder| {
        let processed = builder.stream(A).process(WINDOWS, |mut windows, key, value: String, out| {
            windows.put(key, value, out.timestamp());
            let found = windows.fetch_keys_reverse(.., Timestamp(0)..=Timestamp(i64::MAX));
            let found = found.into_iter().map(|(key, value)| format!("{value}@{}", key.window.start.0));
            out.send(key.clone(), found.collect::<Vec<_>>().join(" "));
        });
        _ = processed.to(OUT);
    }))
    .unwrap();
    let mut found = Vec::new();
    for (time, key, value) in
        [(0, "b", "a"), (59_999, "a", "b"), (170_000, "a", "c"), (180_000, "a", "d"), (1, "a", "e")]
    {
        driver.pipe_at(&A, key, value, Timestamp(time)).unwrap();
        let sent = driver.take_sent().into_iter();
        found.extend(sent.map(|sent| (sent.topic.to_string(), String::from_utf8(sent.value.unwrap()).unwrap())));
    }
    // Rows of the last two minutes are found. All of the minute before them is kept, until it is over as a whole.
    let expected =
        ["a", "a@0", "b", "a@0 b@59999", "c", "c@170000 b@59999", "d", "d@180000 c@170000", "e", "d@180000 c@170000"];
    let order = ["app-windows-changelog", "out"].iter().cycle();
    let expected: Vec<_> = order.zip(expected).map(|(topic, value)| ((*topic).to_owned(), value.to_owned())).collect();
    assert_eq!(found, expected);
    let dropped = driver.dropped();
    assert_eq!(
        dropped.into_iter().collect::<Vec<_>>(),
        [(("KSTREAM-PROCESSOR-0000000001".to_owned(), DropReason::Expired), 1)]
    );
}

#[test]
fn a_row_that_is_over_is_not_found_after_a_restart_either() {
    const RECENT: ProcessorWindowStore<String, String> =
        ProcessorWindowStore::new("recent", Duration::from_secs(1), Duration::from_secs(60));
    for keeps in [false, true] {
        let driver = TestDriver::configure(topology(|builder| {
            let processed = builder.stream(A).process(RECENT, |mut recent, key, value: String, out| {
                recent.put(key, value, out.timestamp());
                let found = recent.fetch(key, Timestamp(0)..=Timestamp(i64::MAX)).into_iter();
                out.send(key.clone(), found.map(|(_, value)| value).collect::<Vec<_>>().join(" "));
            });
            _ = processed.to(OUT);
        }));
        let mut driver = if keeps { driver.state_in(KeptState::default()).start() } else { driver.start() };
        assert_eq!(outcome(&mut driver, &[(30_000, "k", "a"), (100_000, "k", "b")]), texts([("k", "a"), ("k", "b")]));
        driver.kill();
        driver.restart();
        assert_eq!(outcome(&mut driver, &[(50_000, "k", "c")]), texts([("k", "c b")]), "state is kept: {keeps}");
    }
}

#[test]
fn sessions_are_found_by_their_ends_and_starts() {
    const SESSIONS: ProcessorSessionStore<String, String> =
        ProcessorSessionStore::new("sessions", Duration::from_secs(600));
    let mut driver = TestDriver::new(topology(|builder| {
        let processed = builder.stream(A).process(SESSIONS, |mut sessions, key, value: String, out| {
            let now = out.timestamp();
            let (mut joined, mut session) = (value, Window { start: now, end: now });
            for (found, value) in sessions.find_reverse(key, Timestamp(now.0 - 10), Timestamp(now.0 + 10)) {
                sessions.remove(key, found);
                session = Window { start: session.start.min(found.start), end: session.end.max(found.end) };
                joined = format!("{value}+{joined}");
            }
            sessions.put(key, session, joined);
            assert!(sessions.get(key, session).is_some());
            let all = sessions.fetch_keys(..).into_iter();
            let all = all.map(|(key, session, value)| format!("{key}{}-{}:{value}", session.start.0, session.end.0));
            out.send(key.clone(), all.collect::<Vec<_>>().join(" "));
        });
        _ = processed.to(OUT);
    }));
    let inputs = [(5, "k", "a"), (30, "k", "b"), (1, "j", "c"), (20, "k", "d"), (15, "k", "e")];
    let expected =
        ["k5-5:a", "k5-5:a k30-30:b", "j1-1:c k5-5:a k30-30:b", "j1-1:c k5-5:a k20-30:b+d", "j1-1:c k5-30:a+b+d+e"];
    let found: Vec<_> = outcome(&mut driver, &inputs).into_iter().map(|(_, found)| found).collect();
    assert_eq!(found, expected);
    driver.kill();
    driver.restart();
    let found = outcome(&mut driver, &[(40, "k", "f")]);
    assert_eq!(found, texts([("k", "j1-1:c k5-40:a+b+d+e+f")]));
}

#[test]
fn sessions_of_a_range_of_keys_are_found_by_their_ends_and_starts() {
    const SESSIONS: ProcessorSessionStore<String, String> =
        ProcessorSessionStore::new("sessions", Duration::from_secs(600));
    let mut driver = TestDriver::new(topology(|builder| {
        let processed = builder.stream(A).process(SESSIONS, |mut sessions, key, value: String, out| {
            let (now, length) = (out.timestamp(), value.len() as i64);
            sessions.put(key, Window { start: Timestamp(now.0 - length), end: now }, value);
            let range = "b".to_owned().."d".to_owned();
            let found = sessions.find_keys(range, Timestamp(20), Timestamp(30)).into_iter();
            let found =
                found.map(|(key, session, value)| format!("{key}{}-{}:{value}", session.start.0, session.end.0));
            out.send(key.clone(), found.collect::<Vec<_>>().join(" "));
        });
        _ = processed.to(OUT);
    }));
    // `a` and `d` are out of the range; what ends before 20 or starts after 30 is not found.
    let inputs = [
        (25, "a", "x"),
        (25, "d", "x"),
        (19, "b", "x"),
        (20, "c", "x"),
        (32, "b", "x"),
        (31, "b", "x"),
        (40, "c", "xxx"),
    ];
    let expected = ["", "", "", "c19-20:x", "c19-20:x", "b30-31:x c19-20:x", "b30-31:x c19-20:x"];
    let found: Vec<_> = outcome(&mut driver, &inputs).into_iter().map(|(_, found)| found).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_is_sent_is_processed_before_the_call_returns() {
    let mut driver = TestDriver::new(topology(|builder| {
        let processed = builder.stream(A).process(ROWS, |mut rows, key, value: String, out| {
            rows.put(key, value.clone());
            out.send(key.clone(), value);
            // The next processor, which uses the same store, has done its work.
            let seen = rows.get(key).unwrap();
            out.send(key.clone(), seen);
        });
        let processed = processed.process(ROWS, |mut rows, key, value: String, out| {
            rows.put(key, format!("{value}!"));
            out.send(key.clone(), value);
        });
        _ = processed.to(OUT);
    }));
    assert_eq!(outcome(&mut driver, &[(1, "k", "a")]), texts([("k", "a"), ("k", "a!")]));
}

#[test]
fn a_record_can_be_sent_to_one_child_and_a_name_that_no_child_has_is_an_error() {
    let build = || {
        topology(|builder| {
            let chosen = builder.stream(A).process((), |(), key, value: String, out| {
                let record = Record::new(key.clone(), value.clone(), Timestamp(out.timestamp().0 + 1));
                out.send_to(&value, record);
            });
            _ = chosen.to(OUT).named("to-out");
            _ = chosen.to(B).named("to-b");
        })
    };
    let mut driver = TestDriver::new(build());
    let found = outcome(&mut driver, &[(1, "k", "to-b"), (2, "k", "to-out"), (3, "k", "to-b")]);
    assert_eq!(found, texts([("k", "to-out")]));
    assert_eq!(driver.read_records(&B).iter().map(|record| record.timestamp.0).collect::<Vec<_>>(), [2, 4]);
    let record = Record::new("k".to_owned(), "to-nobody".to_owned(), Timestamp(4));
    let error = driver.error_after(&A, &record).unwrap().to_string();
    let expected = "sends a record to to-nobody, which is none of its children: to-out, to-b";
    assert!(error.contains(expected), "{error}");
}

/// Schedules with its first record, and cancels when it was called `times` times.
struct Late {
    times: usize,
    called: usize,
    scheduled: Option<PunctuationId>,
    interval: u64,
    start: Option<i64>,
}

impl Processor<String, String, String, String> for Late {
    type Stores = ();

    fn process(&mut self, (): (), record: Record<String, String>, out: &mut Forward<'_, String, String>) {
        if self.scheduled.is_none() {
            let (interval, time) = (Duration::from_millis(self.interval), PunctuationTime::Stream);
            self.scheduled = Some(match self.start {
                Some(start) => out.schedule().every_from(Timestamp(start), interval, time),
                None => out.schedule().every(interval, time),
            });
        }
        out.send_record(record);
    }

    fn punctuate(
        &mut self,
        punctuation: PunctuationId,
        time: Timestamp,
        (): Refs<'_, ()>,
        out: &mut Forward<'_, String, String>,
    ) {
        self.called += 1;
        assert_eq!(Some(punctuation), self.scheduled);
        if self.called == self.times {
            out.schedule().cancel(punctuation);
        }
        out.send("tick".to_owned(), time.0.to_string());
    }
}

fn ticks(start: Option<i64>, interval: u64, times: usize, records: &[i64]) -> String {
    let mut driver = TestDriver::new(topology(|builder| {
        let make = move || Late { times, called: 0, scheduled: None, interval, start };
        _ = builder.stream(A).process_with((), make).filter(|key, _| key == "tick").to(OUT);
    }));
    let records: Vec<_> = records.iter().map(|time| (*time, "k", "v")).collect();
    outcome(&mut driver, &records).into_iter().map(|(_, time)| time).collect::<Vec<_>>().join(" ")
}

#[test]
fn punctuations_are_scheduled_and_cancelled_at_any_time() {
    let records = [3, 10, 19, 20, 45, 50, 51];
    assert_eq!(ticks(None, 10, 9, &records), "3 10 20 45 50");
    assert_eq!(ticks(None, 10, 2, &records), "3 10");
    assert_eq!(ticks(Some(5), 10, 9, &records), "10 19 45", "due at 5, 15, 25, 55");
    assert_eq!(ticks(Some(1), 10, 9, &records), "19 45 51", "1 is over when it is scheduled at 3");
    assert_eq!(ticks(Some(3), 10, 9, &records), "3 19 45", "3 is not");
}

#[test]
fn an_interval_below_a_millisecond_fails_the_record_that_asks_for_it() {
    let mut driver = TestDriver::new(topology(|builder| {
        let make = || Late { times: 1, called: 0, scheduled: None, interval: 0, start: None };
        _ = builder.stream(A).process_with((), make).to(OUT);
    }));
    let record = Record::new("k".to_owned(), "v".to_owned(), Timestamp(4));
    let error = driver.error_after(&A, &record).unwrap().to_string();
    assert!(error.contains("more often than once a millisecond"), "{error}");
}

/// Tells when it is closed, and how many records it had by then.
struct Closing(Arc<Mutex<Vec<usize>>>, usize);

impl ValueProcessor<String, String, String> for Closing {
    type Stores = ();

    fn process(&mut self, (): (), record: Record<String, String>, out: &mut ForwardValues<'_, String>) {
        self.1 += 1;
        out.send(record.value);
    }

    fn close(&mut self) {
        self.0.lock().unwrap().push(self.1);
    }
}

#[test]
fn a_processor_is_closed_once_when_its_task_ends() {
    let closed = Arc::new(Mutex::new(Vec::new()));
    let made = Arc::new(AtomicUsize::new(0));
    let (closing, making) = (Arc::clone(&closed), Arc::clone(&made));
    let mut driver = TestDriver::new(topology(|builder| {
        let make = move || {
            making.fetch_add(1, Ordering::SeqCst);
            Closing(Arc::clone(&closing), 0)
        };
        _ = builder.stream(A).process_values_with((), make).to(OUT);
    }));
    outcome(&mut driver, &[(1, "k", "a"), (2, "k", "b")]);
    assert!(closed.lock().unwrap().is_empty());
    driver.stop();
    drop(driver);
    assert_eq!((closed.lock().unwrap().clone(), made.load(Ordering::SeqCst)), (vec![2], 1));
}

#[test]
fn a_processor_reads_the_rows_of_a_table_and_of_a_global_one() {
    const TABLE: KeyValueStore<String, String> = KeyValueStore::new("table");
    const GLOBAL: KeyValueStore<String, String> = KeyValueStore::new("global");
    let build = || {
        topology(|builder| {
            builder.table(B).stored_as(TABLE);
            builder.global_table(streams_core::topic::Topic::<String, String>::new("g")).stored_as(GLOBAL);
            let stores = (TABLE.read_only(), GLOBAL.read_only());
            let processed = builder.stream(A).process(stores, |(table, global), key, value: String, out| {
                let own = table.get_timestamped(key).map(|row| format!("{}@{}", row.value, row.timestamp.0));
                let all: Vec<_> = table.all().into_iter().map(|(key, _)| key).collect();
                let from_j: Vec<_> = global.range("j".to_owned()..).into_iter().map(|(key, _)| key).collect();
                out.send(key.clone(), format!("{value} {own:?} {all:?} {:?} {from_j:?}", global.get(key)));
            });
            _ = processed.to(OUT);
        })
    };
    assert!(build().describe().contains("(stores: [table])"), "{}", build().describe());
    for caching in [0, 1 << 20] {
        let mut driver = TestDriver::configure(build()).caching(caching).start();
        let global = streams_core::topic::Topic::<String, String>::new("g");
        driver.pipe_at(&B, "k", "row", Timestamp(5));
        driver.pipe_at(&B, "j", "other", Timestamp(6));
        driver.pipe_at(&global, "k", "everywhere", Timestamp(6));
        driver.pipe_at(&global, "i", "everywhere", Timestamp(6));
        let mut found = outcome(&mut driver, &[(7, "k", "a"), (8, "l", "b")]);
        driver.commit();
        found.extend(driver.read(&OUT));
        let expected =
            [("k", r#"a Some("row@5") ["j", "k"] Some("everywhere") ["k"]"#), ("l", r#"b None ["j", "k"] None ["k"]"#)];
        assert_eq!(found, texts(expected));
    }
}

#[test]
fn a_store_to_read_must_be_a_tables() {
    let builder = streams_core::dsl::StreamsBuilder::new();
    _ = builder.stream(A).process(ROWS.read_only(), |_, key, value: String, out| out.send(key.clone(), value)).to(OUT);
    let error = builder.build().unwrap_err().to_string();
    assert!(error.contains("reads the store `rows`, which no table before it has"), "{error}");
}
