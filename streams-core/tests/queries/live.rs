//! Following stores: all rows first, then each that changes.

use std::collections::BTreeMap;
use std::fmt::Debug;

use futures::{FutureExt, Stream, StreamExt};
use streams_core::query::{Live, QueryError};

use super::*;

const VIEWS: Topic<String, String> = Topic::new("views");
const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");

/// What somebody knows who listens.
pub(super) struct Copy<K, V, S> {
    live: S,
    pub(super) rows: BTreeMap<K, V>,
    pub(super) resets: usize,
    is_whole: bool,
}

impl<K: Ord + Debug, V: PartialEq + Debug, S: Stream<Item = Result<Live<K, V>, QueryError>> + Unpin> Copy<K, V, S> {
    pub(super) const fn of(live: S) -> Self {
        Self { live, rows: BTreeMap::new(), resets: 0, is_whole: false }
    }

    /// Listens to the next piece of news.
    fn hear(&mut self) -> Result<(), QueryError> {
        let news = futures::executor::block_on(self.live.next()).expect("it does not end")?;
        self.take(news);
        Ok(())
    }

    /// Listens to some of the news that are there.
    fn hear_some(&mut self, news_max: usize) {
        for _ in 0..news_max {
            let Some(news) = self.live.next().now_or_never() else { return };
            self.take(news.expect("it does not end").expect("news"));
        }
    }

    fn take(&mut self, news: Live<K, V>) {
        match news {
            Live::Reset => {
                self.rows.clear();
                self.resets += 1;
                self.is_whole = false;
            }
            Live::Row(key, Some(value)) => drop(self.rows.insert(key, value)),
            Live::Row(key, None) => drop(self.rows.remove(&key)),
            Live::Complete => self.is_whole = true,
        }
    }

    /// Listens until it knows just this.
    pub(super) fn until(&mut self, expected: &BTreeMap<K, V>) {
        while !self.is_whole || self.rows != *expected {
            self.hear().expect("news");
        }
    }
}

fn counts() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder.stream(VIEWS).group_by_key().count().stored_as(COUNTS);
    builder.build()
}

fn expected(rows: &[(&str, i64)]) -> BTreeMap<String, i64> {
    rows.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect()
}

/// With a commit every 30 seconds: changes are told long before.
#[test]
fn changes_are_told_when_they_are_made_whatever_waits_in_caches() {
    let log = log_with("views");
    let running = start_as(App::new("live", counts().expect("a topology")).at_least_once(), &log);
    let mut copy = Copy::of(running.query(&COUNTS).expect("a view").all().live());
    copy.until(&expected(&[]));
    for (user, rows) in [
        ("ada", expected(&[("ada", 1)])),
        ("grace", expected(&[("ada", 1), ("grace", 1)])),
        ("ada", expected(&[("ada", 2), ("grace", 1)])),
    ] {
        log.send(&VIEWS, user, "/").expect("sent");
        copy.until(&rows);
    }
    assert_eq!(copy.resets, 1);
    running.close().expect("a clean end");
    while copy.hear().is_ok() {}
}

#[test]
fn committed_changes_are_told_when_they_are_committed() {
    let log = log_with("views");
    let app = App::new("live-committed", counts().expect("a topology")).at_least_once();
    let running = start_as(app.commit_interval(Duration::from_millis(300)), &log);
    log.send(&VIEWS, "ada", "/").expect("sent");
    let view = running.query(&COUNTS).expect("a view");
    while view.get("ada").wait().expect("an answer").is_none() {}
    // The first one is most likely not committed yet when somebody begins to follow.
    let mut copy = Copy::of(view.clone().committed().all().live());
    copy.until(&expected(&[("ada", 1)]));
    for round in 2..5 {
        log.send(&VIEWS, "ada", "/").expect("sent");
        copy.until(&expected(&[("ada", round)]));
        assert_eq!(view.clone().committed().get("ada").wait(), Ok(Some(round)), "not told before it was committed");
    }
    running.close().expect("a clean end");
}

/// Many rows, in several pages, that change, come and go while they are read. Values only grow, and nobody hears of an older
/// one after a newer one.
#[test]
fn nothing_is_missed_and_nothing_goes_back_while_the_rows_are_read() {
    const SIZES: Topic<u64, Option<i64>> = Topic::new("sizes");
    const SIZE_OF: KeyValueStore<u64, i64> = KeyValueStore::new("size-of");
    const KEYS: u64 = 6_000;

    let log = log_with("sizes");
    let builder = StreamsBuilder::new();
    builder.table(SIZES).stored_as(SIZE_OF);
    let (mut model, mut size, mut random) = (BTreeMap::new(), 0, fastrand::Rng::with_seed(7));
    let mut change = |model: &mut BTreeMap<u64, i64>, keys: u64| {
        let key = random.u64(..keys) * (KEYS / keys);
        size += 1;
        let new = (random.u8(..8) > 0).then_some(size);
        log.send(&SIZES, key, new).expect("sent");
        match new {
            Some(new) => drop(model.insert(key, new)),
            None => drop(model.remove(&key)),
        }
    };
    (0..KEYS).for_each(|_| change(&mut model, KEYS));
    let running = start("live-sizes", builder.build(), &log);
    let sizes = running.query(&SIZE_OF).expect("a view");
    for round in 0..40 {
        let mut copy = Copy::of(sizes.all().live());
        let mut some = Copy::of(sizes.range(1_000..2_000).live());
        // Few keys change again and again, so that a change is often followed by another before its row is read.
        for _ in 0..60 {
            (0..5).for_each(|_| change(&mut model, 20));
            for copy in [&mut copy, &mut some] {
                let before = copy.rows.clone();
                copy.hear_some(200);
                let went_back = |(key, size): (&u64, &i64)| before.get(key).is_some_and(|before| before > size);
                assert!(copy.resets > 1 || !copy.rows.iter().any(went_back), "in round {round}");
            }
        }
        copy.until(&model);
        some.until(&model.range(1_000..2_000).map(|(key, size)| (*key, *size)).collect());
    }
    running.close().expect("a clean end");
}

/// A second instance takes half of the tasks over, and gives them back. Whoever follows its own instance's rows hears only
/// of those, and of all again afterwards.
#[test]
fn who_follows_an_instance_hears_when_tasks_move() {
    let log = log_with("views");
    let topology = counts().expect("a topology");
    let users: Vec<_> = (0..40).map(|number| format!("user-{number}")).collect();
    for user in &users {
        log.send(&VIEWS, user, "/").expect("sent");
    }
    let first = start_as(App::new("live-moving", topology.clone()), &log);
    let mut copy = Copy::of(first.query(&COUNTS).expect("a view").local().all().live());
    let all: BTreeMap<_, _> = users.iter().map(|user| (user.clone(), 1)).collect();
    copy.until(&all);
    let second = start_as(App::new("live-moving", topology), &log);
    while !copy.is_whole || copy.rows.len() == users.len() || copy.rows.is_empty() {
        copy.hear().expect("news");
    }
    let others = second.query(&COUNTS).expect("a view").local().waiting(PATIENCE).all().wait().expect("rows");
    let mut both = copy.rows.clone();
    both.extend(others);
    assert_eq!(both, all);
    second.close().expect("a clean end");
    copy.until(&all);
    assert!(copy.resets >= 3, "{}", copy.resets);
    first.close().expect("a clean end");
}

#[test]
fn windows_are_followed_and_a_global_table_cannot_be() {
    const PER_MINUTE: WindowStore<String, i64> = WindowStore::new("per-minute");
    const PRICES: Topic<String, i64> = Topic::new("prices");
    const KNOWN: KeyValueStore<String, i64> = KeyValueStore::new("known");

    let builder = StreamsBuilder::new();
    let minutes = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(600));
    builder.stream(VIEWS).group_by_key().windowed_by(minutes).count().stored_as(PER_MINUTE);
    builder.global_table(PRICES).stored_as(KNOWN);
    let log = log_with("views");
    log.create_topic("prices", 1).expect("a topic");
    let running = start("live-windows", builder.build(), &log);
    let minutes = running.query(&PER_MINUTE).expect("a view");
    let later = minutes.of("ada", Timestamp(60_000)..).live();
    let mut copy = Copy::of(later.map(|news| {
        news.map(|news| match news {
            Live::Row(key, views) => Live::Row((key.key, key.window.start.0), views),
            Live::Reset => Live::Reset,
            Live::Complete => Live::Complete,
        })
    }));
    for (user, second) in [("ada", 1), ("ada", 61), ("grace", 62), ("ada", 63), ("ada", 130)] {
        log.send_at(&VIEWS, user, "/", Timestamp(second * 1_000)).expect("sent");
    }
    let row = |start, views| (("ada".to_owned(), start), views);
    copy.until(&[row(60_000, 2), row(120_000, 1)].into());
    running.close().expect("a clean end");
}
