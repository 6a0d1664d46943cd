//! Results that are sent when windows close: each once, whatever happens on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use streams_core::dsl::StreamsBuilder;
use streams_core::record::Timestamp;
use streams_core::runtime::App;
use streams_core::testing::{KeptState, TestDriver};
use streams_core::topic::Topic;
use streams_core::windows::{Hopping, Session, Sessions, TimeWindows, Tumbling, Windowed};

use crate::results::{WORDS, pipe_at};
use crate::topology;

const TENS: Topic<Windowed<String>, Option<i64>> = Topic::new("tens").windows_of(ms(10));
const VISITS: Topic<Windowed<String, Session>, Option<i64>> = Topic::new("visits");

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A result: the window's start and end, the key, the count.
type Sent = (i64, i64, String, i64);

/// Whose results are sent when they close.
#[derive(Debug, Clone, Copy)]
enum Windows {
    Time(TimeWindows),
    Sessions(i64, i64),
}

impl Windows {
    fn program(self, b: &StreamsBuilder) {
        let group = b.stream(WORDS).group_by_key();
        match self {
            Self::Time(windows) => _ = group.windowed_by(windows).emit_on_close().count().to_stream().to(TENS),
            Self::Sessions(gap, grace) => {
                let sessions = Sessions::gap(ms(gap.unsigned_abs())).grace(ms(grace.unsigned_abs()));
                group.windowed_by(sessions).emit_on_close().count().to_stream().to(VISITS);
            }
        }
    }

    fn read(self, driver: &mut TestDriver) -> Vec<Sent> {
        let shown =
            |key: String, start: Timestamp, end: Timestamp, count: Option<i64>| (start.0, end.0, key, count.unwrap());
        match self {
            Self::Time(_) => {
                let rows = driver.read(&TENS).into_iter();
                rows.map(|(key, count)| shown(key.key, key.window.start, key.window.end, count)).collect()
            }
            Self::Sessions(..) => {
                let rows = driver.read(&VISITS).into_iter();
                rows.map(|(key, count)| shown(key.key, key.window.start, key.window.end, count)).collect()
            }
        }
    }

    /// Adds a record to the windows that are open at a time.
    fn add(self, open: &mut BTreeMap<(i64, i64, String), i64>, key: &str, at: i64, stream_time: i64) {
        match self {
            Self::Time(windows) => {
                for window in windows.windows_for(Timestamp(at)) {
                    if window.end.0 > stream_time - windows.grace_ms {
                        *open.entry((window.end.0, window.start.0, key.to_owned())).or_default() += 1;
                    }
                }
            }
            Self::Sessions(gap, grace) => {
                let is_near =
                    |(end, start, other): &(i64, i64, String)| other == key && *end >= at - gap && *start <= at + gap;
                let joined: Vec<_> = open.keys().filter(|session| is_near(session)).cloned().collect();
                let start = joined.iter().map(|(_, start, _)| *start).chain([at]).min().unwrap_or(at);
                let end = joined.iter().map(|(end, ..)| *end).chain([at]).max().unwrap_or(at);
                if end < stream_time - gap - grace {
                    return;
                }
                let count = joined.iter().filter_map(|session| open.remove(session)).sum::<i64>() + 1;
                open.insert((end, start, key.to_owned()), count);
            }
        }
    }

    fn is_closed(self, end: i64, stream_time: i64) -> bool {
        match self {
            Self::Time(windows) => end <= stream_time - windows.grace_ms,
            Self::Sessions(gap, grace) => end < stream_time - gap - grace,
        }
    }

    /// All results in order, by looking at every window with every record.
    fn expected(self, steps: &[Step]) -> Vec<Sent> {
        let (mut open, mut stream_time, mut sent) = (BTreeMap::new(), -1, Vec::new());
        for step in steps {
            let Step::Record(key, at) = step else { continue };
            stream_time = stream_time.max(*at);
            self.add(&mut open, &format!("k{key}"), *at, stream_time);
            let closed: Vec<_> = open.keys().filter(|(end, ..)| self.is_closed(*end, stream_time)).cloned().collect();
            for (end, start, key) in closed {
                let count = open.remove(&(end, start, key.clone())).unwrap_or_default();
                sent.push((start, end, key, count));
            }
        }
        sent
    }
}

#[derive(Debug, Clone)]
enum Step {
    Record(u8, i64),
    Commit,
    Kill,
}

/// Times mostly advance by a little, and now and then by more than windows are kept for.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let record = (0..4_u8, prop_oneof![10 => -15..15_i64, 1 => 30..500_i64]);
    let step = prop_oneof![
        12 => record.prop_map(|(key, by)| Step::Record(key, by)),
        1 => Just(Step::Commit),
        1 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 1..80).prop_map(|mut steps| {
        let mut now = 20;
        for step in &mut steps {
            if let Step::Record(_, at) = step {
                let by = std::mem::replace(at, (now + *at).max(0));
                now += by.max(0);
            }
        }
        steps
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Windows are kept only as long as Kafka Streams keeps them, which loses closed ones.
    #[test]
    fn every_window_that_closes_is_sent_once(
        steps in steps(),
        windows in prop::sample::select(vec![
            Windows::Time(Tumbling::of(ms(10)).grace(ms(5))),
            Windows::Time(Hopping::of(ms(10)).advance_by(ms(3)).no_grace()),
            Windows::Sessions(10, 5),
            Windows::Sessions(0, 0),
        ]),
        cache in prop::sample::select(vec![0, 2_000, 10 << 20]),
        keeps in any::<bool>(),
    ) {
        let driver = TestDriver::configure(topology(|b| windows.program(b))).caching(cache).with(App::exactly_once);
        let mut driver = if keeps { driver.state_in(KeptState::default()).start() } else { driver.start() };
        for step in &steps {
            match step {
                Step::Record(key, at) => pipe_at(&mut driver, ('w', &format!("k{key}"), "x"), *at),
                Step::Commit => driver.commit(),
                Step::Kill => {
                    driver.kill();
                    driver.restart();
                }
            }
        }
        driver.commit();
        let (sent, expected) = (windows.read(&mut driver), windows.expected(&steps));
        let ends: BTreeSet<_> = sent.iter().map(|(start, _, key, _)| (*start, key)).collect();
        prop_assert_eq!(ends.len(), sent.len(), "each once");
        prop_assert_eq!(sent, expected);
    }
}

/// Joins of a table look its rows up as they are, also those that are not sent yet.
#[test]
fn what_waits_for_its_window_can_be_looked_up() {
    for caching in [0, 1 << 20] {
        let program = topology(|b| {
            let tens = Tumbling::of(ms(10)).no_grace();
            let group = b.stream(WORDS).group_by_key();
            let waiting = group.windowed_by(tens).emit_on_close().count();
            let updates = group.windowed_by(tens).count().to_stream().filter_some();
            updates.join(waiting, |left, right| left * 10 + right).map_values(Some).to(TENS);
        });
        let mut driver = TestDriver::configure(program).caching(caching).start();
        pipe_at(&mut driver, ('w', "a", "x"), 3);
        driver.commit();
        pipe_at(&mut driver, ('w', "a", "x"), 4);
        driver.commit();
        let counts: Vec<_> = driver.read(&TENS).into_iter().map(|(_, count)| count).collect();
        assert_eq!(counts, [Some(11), Some(22)], "cache: {caching}");
    }
}
