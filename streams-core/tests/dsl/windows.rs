//! The ends of windows: known after every topic and store, or asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use streams_core::dsl::{KStream, StreamsBuilder};
use streams_core::record::Timestamp;
use streams_core::state::KeyValueStore;
use streams_core::testing::TestDriver;
use streams_core::topic::Topic;
use streams_core::windows::{Hopping, Tumbling, Window, Windowed};

use crate::results::{TEXTS, WORDS, pipe_at, read};
use crate::topology;

const TEN: Duration = Duration::from_millis(10);
const HUNDRED: Duration = Duration::from_millis(100);
/// A topic that somebody else writes.
const OTHERS: Topic<Windowed<String>, i64> = Topic::new("others").windows_of(TEN);
const STORE: KeyValueStore<Windowed<String>, i64> = KeyValueStore::new("by-window");

/// A stream of counts per window.
type Counts<'t> = KStream<'t, Windowed<String>, Option<i64>>;

fn tens(b: &StreamsBuilder) -> Counts<'_> {
    b.stream(WORDS).group_by_key().windowed_by(Tumbling::of(TEN).no_grace()).count().to_stream()
}

/// Shows the keys' windows as `start..end`.
fn show<K: Clone + Windows + 'static, V: Clone + 'static>(stream: KStream<'_, K, V>) {
    stream.map(|key, _| (None::<String>, Some(key.show()))).to(TEXTS);
}

trait Windows {
    fn show(&self) -> String;
}

impl Windows for String {
    fn show(&self) -> String {
        self.clone()
    }
}

impl<K: Windows> Windows for Windowed<K> {
    fn show(&self) -> String {
        format!("{}@{}..{}", self.key.show(), self.window.start.0, self.window.end.0)
    }
}

fn window(key: &str, start: i64, end: i64) -> Windowed<String> {
    Windowed { key: key.to_owned(), window: Window { start: Timestamp(start), end: Timestamp(end) } }
}

/// Regression: the window of a key that came back from a topic ended at the end of time.
#[test]
fn a_windowed_key_comes_back_whole_from_the_applications_own_topics() {
    #[expect(clippy::type_complexity, reason = "a table of programs")]
    let programs: [(&str, fn(&StreamsBuilder), &str); 9] = [
        ("repartition", |b| show(*tens(b).repartition()), "a@10..20"),
        ("a table behind it", |b| show(tens(b).repartition().to_table().to_stream()), "a@10..20"),
        (
            "a join behind it",
            |b| {
                let table = tens(b).repartition().named("left").to_table();
                show(tens(b).filter_some().repartition().named("right").join(table, |left, right| left + right));
            },
            "a@10..20",
        ),
        (
            "a group of rows",
            |b| {
                let counts = b.stream(WORDS).group_by_key().windowed_by(Tumbling::of(TEN).no_grace()).count();
                show(counts.group_by(|key, count| (key.clone(), count)).windows_of(TEN).count().to_stream());
            },
            "a@10..20",
        ),
        (
            "a key made anew",
            |b| {
                let daily = tens(b).select_key(|key, _| window(&key.key, 0, 100)).windows_of(HUNDRED);
                show(daily.group_by_key().count().to_stream());
            },
            "a@0..100",
        ),
        (
            "a group with a key made anew",
            |b| {
                show(b.stream(WORDS).group_by(|key, _| window(key, 0, 100)).windows_of(HUNDRED).count().to_stream());
            },
            "a@0..100",
        ),
        (
            "windows of windows",
            |b| {
                let hundreds = Hopping::of(HUNDRED).advance_by(HUNDRED).no_grace();
                let counts = tens(b).repartition().group_by_key().windowed_by(hundreds).count();
                show(*counts.to_stream().repartition());
            },
            "a@10..20@0..100",
        ),
        (
            "merged with others' of the same size",
            |b| {
                let others = b.stream(OTHERS).map_values(Some);
                show(*tens(b).merge(others).repartition());
            },
            "a@10..20",
        ),
        (
            "a processor that keeps the key",
            |b| {
                show(*tens(b).process_values((), |(), _, count, out| out.send(count)).repartition());
            },
            "a@10..20",
        ),
    ];
    for (name, write, expected) in programs {
        for caching in [0, 1 << 20] {
            let mut driver = TestDriver::configure(topology(write)).caching(caching).start();
            pipe_at(&mut driver, ('w', "a", "x"), 13);
            driver.commit();
            let shown = read(&mut driver, &TEXTS);
            let last = shown.split(' ').next_back().unwrap_or_default();
            assert_eq!(last, format!("-={expected}"), "{name}, cache: {caching}");
        }
    }
}

#[test]
fn a_windowed_key_comes_back_whole_from_others_topics_and_from_stores() {
    let mut driver = TestDriver::new(topology(|b| {
        b.table(OTHERS).stored_as(STORE);
        show(b.stream(Topic::<Windowed<String>, i64>::new("more").windows_of(HUNDRED)));
    }));
    driver.pipe(&OTHERS, window("a", 10, 20), 1);
    driver.pipe(&Topic::<Windowed<String>, i64>::new("more"), window("a", 0, 100), 1);
    assert_eq!(driver.rows(&STORE), [(window("a", 10, 20), 1)]);
    assert_eq!(read(&mut driver, &TEXTS), "-=a@0..100");

    // Processors read keys back from their own stores.
    const SEEN: KeyValueStore<Windowed<String>, i64> = KeyValueStore::new("seen").windows_of(TEN);
    let mut driver = TestDriver::new(topology(|b| {
        let seen = b.stream(OTHERS).process(SEEN, |mut seen, key, value, out| {
            seen.put(key, value);
            seen.all().into_iter().for_each(|(key, value)| out.send(key, value));
        });
        show(seen);
    }));
    driver.pipe(&OTHERS, window("a", 10, 20), 1);
    assert_eq!(read(&mut driver, &TEXTS), "-=a@10..20");
    assert_eq!(driver.rows(&SEEN), [(window("a", 10, 20), 1)]);
}

#[test]
fn a_topic_is_read_with_the_windows_that_its_constant_says() {
    const OUT: Topic<Windowed<String>, Option<i64>> = Topic::new("out");
    let mut driver = TestDriver::new(topology(|b| _ = tens(b).to(OUT)));
    pipe_at(&mut driver, ('w', "a", "x"), 13);
    assert_eq!(driver.read(&OUT.windows_of(TEN)), [(window("a", 10, 20), Some(1))]);
    let error = driver.log().read(&OUT).unwrap_err().to_string();
    assert!(error.contains("set it with `Topic::new(\"out\").windows_of(..)`"), "{error}");
}

#[test]
fn windows_end_from_there_on_where_it_was_said() {
    fn said(b: &StreamsBuilder) -> Counts<'_> {
        let hundreds = b.stream(WORDS).group_by_key().windowed_by(Tumbling::of(HUNDRED).no_grace()).count();
        tens(b).merge(hundreds.to_stream()).windows_of(HUNDRED)
    }
    // Without a topic in between, after one, and after an aggregation, whichever of the two windows a cached row was last
    // updated with.
    let programs: [fn(Counts<'_>); 3] =
        [|said| show(said), |said| show(*said.repartition()), |said| show(said.group_by_key().count().to_stream())];
    for caching in [0, 1 << 20] {
        for (number, program) in programs.iter().enumerate() {
            let mut driver = TestDriver::configure(topology(|b| program(said(b)))).caching(caching).start();
            for (at, value) in [(1, "x"), (2, "y"), (13, "z")] {
                pipe_at(&mut driver, ('w', "a", value), at);
            }
            driver.commit();
            let shown = read(&mut driver, &TEXTS);
            let windows: BTreeSet<_> = shown.split(' ').collect();
            let expected = ["-=a@0..100", "-=a@10..110"].into();
            assert_eq!(windows, expected, "program {number}, cache: {caching}");
        }
    }
}
