//! Stores of windows, sessions and versions of which every instance has a full copy.

use std::time::Duration;

use streams_core::dsl::StreamsBuilder;
use streams_core::dsl::processor::{ProcessorSessionStore, ProcessorWindowStore};
use streams_core::record::Timestamp;
use streams_core::state::VersionedStore;
use streams_core::testing::{KeptState, TestDriver, TopologyTestDriver};
use streams_core::topology::Topology;
use streams_core::windows::Window;

use crate::{A, B, OUT, topology};

const HOUR: Duration = Duration::from_secs(3_600);
const SECOND: Duration = Duration::from_secs(1);

const WINDOWS: ProcessorWindowStore<String, String> = ProcessorWindowStore::new("windows", SECOND, HOUR);
const SEVERAL: ProcessorWindowStore<String, String> =
    ProcessorWindowStore::new("several", SECOND, HOUR).with_duplicates();
const SESSIONS: ProcessorSessionStore<String, String> = ProcessorSessionStore::new("sessions", HOUR);
const VERSIONS: VersionedStore<String, String> = VersionedStore::new("versions", HOUR);

/// What is asked, as (time, key), between what is filled, as (time, key, value).
enum Step {
    Fill(i64, &'static str, &'static str),
    Ask(i64, &'static str),
    Restart,
}
use Step::{Ask, Fill, Restart};

/// The answers, with state in memory and on disk, and of the other driver where nothing is started again.
fn answers(program: &dyn Fn() -> Topology, steps: &[Step]) -> Vec<String> {
    let mut all = Vec::new();
    for keeps in [false, true] {
        let driver = TestDriver::configure(program());
        let mut driver = if keeps { driver.state_in(KeptState::default()).start() } else { driver.start() };
        for step in steps {
            match step {
                Fill(time, key, value) => driver.pipe_at(&B, *key, *value, Timestamp(*time)),
                Ask(time, key) => driver.pipe_at(&A, *key, "?", Timestamp(*time)),
                Restart => driver.restart(),
            }
        }
        all.push(driver.read(&OUT).into_iter().map(|(_, answer)| answer).collect::<Vec<_>>());
    }
    assert_eq!(all[0], all[1], "in memory and on disk");
    if !steps.iter().any(|step| matches!(step, Restart)) {
        let mut driver = TopologyTestDriver::new(program()).unwrap();
        for step in steps {
            match step {
                Fill(time, key, value) => driver.pipe_at(&B, *key, *value, Timestamp(*time)).unwrap(),
                Ask(time, key) => driver.pipe_at(&A, *key, "?", Timestamp(*time)).unwrap(),
                Restart => {}
            }
        }
        let sent = driver.take_sent().into_iter().filter(|sent| *sent.topic == *OUT.name());
        let answers: Vec<_> = sent.map(|sent| String::from_utf8(sent.value.unwrap()).unwrap()).collect();
        assert_eq!(answers, all[0], "of the driver with a single task");
    }
    all.swap_remove(0)
}

fn shown(rows: impl IntoIterator<Item = (Timestamp, String)>) -> String {
    rows.into_iter().map(|(start, value)| format!("{}:{value}", start.0)).collect::<Vec<_>>().join(" ")
}

#[test]
fn windows_are_filled_by_code_and_read_by_processors_as_long_as_they_are_kept() {
    let program = || {
        topology(|b: &StreamsBuilder| {
            b.global_store(B, WINDOWS, |windows, record| {
                if record.value.is_empty() {
                    windows.delete(&record.key, record.timestamp);
                } else {
                    let before = windows.get(&record.key, record.timestamp).unwrap_or_default();
                    windows.put(&record.key, before + &record.value, record.timestamp);
                }
            });
            let asked = b.stream(A).process(WINDOWS.read_only(), |windows, key, _: String, out| {
                let own = windows.fetch(key, Timestamp(0)..=out.timestamp());
                out.send(key.clone(), format!("{} of {}", shown(own), windows.all().len()));
            });
            _ = asked.to(OUT);
        })
    };
    let day = 86_400_000;
    let fills = [Fill(5, "k", "a"), Fill(5, "k", "b"), Fill(9, "j", "c"), Fill(7, "k", "d"), Fill(8, "k", "e")];
    let asks = [Ask(10, "k"), Ask(5, "k"), Fill(8, "k", ""), Ask(10, "k"), Fill(day, "j", "f"), Ask(10, "k")];
    // What is over now is refused.
    let late = [Fill(11, "k", "g"), Ask(20, "k")];
    let steps: Vec<Step> = fills.into_iter().chain(asks).chain(late).collect();
    let expected = ["5:ab 7:d 8:e of 4", "5:ab of 4", "5:ab 7:d of 3", " of 1", " of 1"];
    assert_eq!(answers(&program, &steps), expected);

    let steps = [Fill(5, "k", "a"), Fill(day, "j", "b"), Restart, Fill(11, "k", "c"), Ask(20, "k"), Ask(day, "j")];
    assert_eq!(answers(&program, &steps), [" of 1", "86400000:b of 1"], "the time of the newest row survives");
}

#[test]
fn several_rows_of_the_same_window_are_kept_side_by_side() {
    let program = || {
        topology(|b: &StreamsBuilder| {
            b.global_store(B, SEVERAL, |rows, record| rows.put(&record.key, record.value, record.timestamp));
            let asked = b.stream(A).process_values(SEVERAL.read_only(), |rows, key, _: String, out| {
                out.send(shown(rows.fetch(key, Timestamp(0)..=out.timestamp())));
            });
            _ = asked.to(OUT);
        })
    };
    let steps = [Fill(5, "k", "a"), Fill(5, "k", "b"), Ask(9, "k"), Restart, Fill(5, "k", "c"), Ask(9, "k")];
    assert_eq!(answers(&program, &steps), ["5:a 5:b", "5:a 5:b 5:c"]);
}

#[test]
fn sessions_and_versions_are_filled_by_code() {
    let program = || {
        topology(|b: &StreamsBuilder| {
            b.global_store(B, SESSIONS, |sessions, record| {
                let now = record.timestamp;
                let mut whole = Window { start: now, end: now };
                let mut value = record.value;
                for (session, before) in sessions.find(&record.key, Timestamp(now.0 - 10), Timestamp(now.0 + 10)) {
                    sessions.remove(&record.key, session);
                    whole = Window { start: whole.start.min(session.start), end: whole.end.max(session.end) };
                    value = before + &value;
                }
                sessions.put(&record.key, whole, value);
            });
            let asked = b.stream(A).process(SESSIONS.read_only(), |sessions, key, _: String, out| {
                let all = sessions.fetch(key).into_iter();
                let all = all.map(|(session, value)| format!("{}-{}:{value}", session.start.0, session.end.0));
                out.send(key.clone(), all.collect::<Vec<_>>().join(" "));
            });
            _ = asked.to(OUT);
        })
    };
    let steps =
        [Fill(50, "k", "a"), Fill(55, "k", "b"), Fill(90, "k", "c"), Ask(0, "k"), Fill(60, "k", "d"), Ask(0, "k")];
    assert_eq!(answers(&program, &steps), ["50-55:ab 90-90:c", "50-60:abd 90-90:c"]);

    let program = || {
        topology(|b: &StreamsBuilder| {
            b.global_store(B, VERSIONS, |versions, record| {
                versions.put(&record.key, record.value, record.timestamp);
            });
            let asked = b.stream(A).process(VERSIONS.read_only(), |versions, key, _: String, out| {
                let then = versions.get_as_of(key, out.timestamp()).map(|version| version.value);
                let now = versions.get(key).map(|version| version.value);
                out.send(key.clone(), format!("{} {}", then.unwrap_or_default(), now.unwrap_or_default()));
            });
            _ = asked.to(OUT);
        })
    };
    let hours = 4 * 3_600_000;
    let steps = [
        Fill(50, "k", "a"),
        Fill(90, "k", "c"),
        Ask(60, "k"),
        Fill(70, "k", "b"),
        Ask(80, "k"),
        Restart,
        Ask(69, "k"),
        Fill(hours, "j", "d"),
        Ask(69, "k"),
    ];
    assert_eq!(answers(&program, &steps), ["a c", "b c", "a c", " c"]);
}

/// As those of a task's own store: what is over is not seen, whenever it is really deleted.
#[test]
fn versions_that_are_over_are_no_rows() {
    let filled = topology(|b: &StreamsBuilder| {
        b.global_store(B, VERSIONS, |versions, record| {
            versions.put(&record.key, record.value, record.timestamp);
        });
        let asked = b.stream(A).process(VERSIONS.read_only(), |versions, key, _: String, out| {
            out.send(key.clone(), versions.get(key).map(|version| version.value).unwrap_or_default());
        });
        _ = asked.to(OUT);
    });
    let mut driver = TopologyTestDriver::new(filled).unwrap();
    let hour = 3_600_000;
    for (at, key, value, expected) in [
        (50, "k", "a", "k@50=a"),
        (90, "k", "b", "k@50=a k@90=b"),
        (hour + 89, "j", "c", "k@50=a j@3600089=c k@90=b"),
        (hour + 90, "j", "d", "j@3600089=c j@3600090=d k@90=b"),
        (3 * hour, "j", "e", "j@3600090=d j@10800000=e k@90=b"),
    ] {
        driver.pipe_at(&B, key, value, Timestamp(at)).unwrap();
        let rows = driver.rows().unwrap().into_iter().map(|row| {
            let from = row.window.map_or(-1, |valid| valid.start.0);
            format!("{}@{from}={}", row.key.escape_ascii(), row.value.escape_ascii())
        });
        assert_eq!(rows.collect::<Vec<_>>().join(" "), expected, "after {at}");
    }
}

/// A store of another processor may be read, too.
#[test]
fn a_processor_reads_the_windows_of_another() {
    let program = topology(|b: &StreamsBuilder| {
        let filled = b.stream(B).process(WINDOWS, |mut windows, key, value: String, out| {
            let now = out.timestamp();
            windows.put(key, value.clone(), now);
            out.send(key.clone(), value);
        });
        filled.for_each(|_, _| {});
        let asked = b.stream(A).process(WINDOWS.read_only(), |windows, key, _: String, out| {
            out.send(key.clone(), shown(windows.fetch(key, Timestamp(0)..=out.timestamp())));
        });
        _ = asked.to(OUT);
    });
    let mut driver = TestDriver::new(program);
    driver.pipe_at(&B, "k", "a", Timestamp(5));
    driver.pipe_at(&A, "k", "?", Timestamp(9));
    assert_eq!(driver.read(&OUT), [("k".to_owned(), "5:a".to_owned())]);
}
