//! Keys that an encoding could confuse: empty ones, ones that begin with others, and long ones of zeros and of all ones. In
//! memory as well as on disk, and restored after a crash, every row belongs to its own key.

#![allow(clippy::expect_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use millstream::prelude::*;
use millstream::testing::TestDriver;

type Bytes = Vec<u8>;

const LEFT: Topic<Bytes, i64> = Topic::new("left");
const RIGHT: Topic<Bytes, i64> = Topic::new("right");
const PAIRS: Topic<Bytes, i64> = Topic::new("pairs");
const ROWS: KeyValueStore<Bytes, i64> = KeyValueStore::new("rows");
const WINDOWS: WindowStore<Bytes, i64> = WindowStore::new("windows");
const SESSIONS: SessionStore<Bytes, i64> = SessionStore::new("sessions");

const SECONDS: i64 = 1_000;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// In the order of their bytes.
fn keys() -> Vec<Bytes> {
    let with = |byte: u8, last: &[u8]| [vec![byte; 1024].as_slice(), last].concat();
    let mut keys = vec![
        vec![],
        vec![0],
        vec![0, 0],
        vec![0, 0, 0, 0, 0, 0, 0, 0],
        vec![0, 0xff],
        b"a".to_vec(),
        b"a\0".to_vec(),
        b"a\0b".to_vec(),
        b"ab".to_vec(),
        vec![0xff],
        vec![0xff, 0],
        vec![0xff, 0xff],
        with(0, &[]),
        with(0, &[0]),
        with(0, &[0xff]),
        with(0xff, &[]),
        with(0xff, &[0]),
        with(0xff, &[0xff]),
        (0..1024_u16).map(|number| [0, 0xff, 1, 0xfe][usize::from(number % 4)]).collect(),
    ];
    keys.sort();
    keys
}

/// Where state is, and whether it is there after a crash.
enum Place {
    Memory,
    Disk,
    /// It has to be restored from its changelogs.
    LostDisk,
}

fn start(topology: Topology, partitions: u32, place: &Place, folder: &tempfile::TempDir) -> TestDriver {
    let setup = TestDriver::configure(topology).partitions(partitions);
    let path = folder.path().to_owned();
    let setup = setup.with(move |app| app.exactly_once().state_dir(&path));
    match place {
        Place::Memory => setup.start(),
        Place::Disk | Place::LostDisk => setup.state_in(streams_rocksdb::RocksDb::default()).start(),
    }
}

/// Ends the application as a crash does, and starts it again.
fn crash(driver: &mut TestDriver, place: &Place, folder: &tempfile::TempDir) {
    driver.kill();
    if matches!(place, Place::LostDisk) {
        for entry in std::fs::read_dir(folder.path()).expect("a folder") {
            std::fs::remove_dir_all(entry.expect("an entry").path()).expect("deleted");
        }
    }
    driver.restart();
}

/// As many records of each key as its number among the keys, and one more, so that no two keys have the same count.
fn pipe_all(driver: &mut TestDriver, topic: &Topic<Bytes, i64>, at: i64) {
    for (number, key) in keys().into_iter().enumerate() {
        for value in 0..=number {
            driver.pipe_at(topic, key.clone(), i64::try_from(value).expect("small"), Timestamp(at));
        }
    }
}

fn counts(factor: i64) -> BTreeMap<Bytes, i64> {
    keys().into_iter().zip(1..).map(|(key, count)| (key, count * factor)).collect()
}

#[test]
fn tables_windows_sessions_and_joins_confuse_no_keys() {
    let grace = seconds(3_600);
    for place in [Place::Memory, Place::Disk, Place::LostDisk] {
        let builder = StreamsBuilder::new();
        let left = builder.stream(LEFT);
        _ = left.group_by_key().count().stored_as(ROWS);
        _ = left.group_by_key().windowed_by(Tumbling::of(seconds(10)).grace(grace)).count().stored_as(WINDOWS);
        _ = left.group_by_key().windowed_by(Sessions::gap(seconds(2)).grace(grace)).count().stored_as(SESSIONS);
        let within = JoinWindows::of(seconds(30)).grace(grace);
        left.join(builder.stream(RIGHT).within(within), |left, right| left * 100 + right).to(PAIRS);
        let folder = tempfile::tempdir().expect("a folder");
        let mut driver = start(builder.build().expect("a topology"), 3, &place, &folder);

        pipe_all(&mut driver, &LEFT, SECONDS);
        crash(&mut driver, &place, &folder);
        pipe_all(&mut driver, &LEFT, 2 * SECONDS);
        pipe_all(&mut driver, &LEFT, 12 * SECONDS);
        crash(&mut driver, &place, &folder);

        assert_eq!(driver.rows(&ROWS).into_iter().collect::<BTreeMap<_, _>>(), counts(3));
        for key in keys() {
            assert_eq!(driver.get(&ROWS, key.clone()), counts(3).remove(&key), "{key:?}");
            let found = driver.windows_with_key(&WINDOWS, key.clone(), ..);
            let count = counts(1)[&key];
            assert_eq!(found, [(Timestamp(0), count * 2), (Timestamp(10 * SECONDS), count)], "{key:?}");
        }
        let sessions = driver.sessions(&SESSIONS);
        let in_sessions = |start: i64| -> BTreeMap<Bytes, i64> {
            let of = sessions.iter().filter(|(_, session, _)| session.start == Timestamp(start));
            of.map(|(key, _, count)| (key.clone(), *count)).collect()
        };
        assert_eq!((in_sessions(SECONDS), in_sessions(12 * SECONDS)), (counts(2), counts(1)));
        assert_eq!(sessions.len(), 2 * keys().len());

        for (number, key) in (0..).zip(keys()) {
            driver.pipe_at(&RIGHT, key, number, Timestamp(13 * SECONDS));
        }
        let mut pairs: BTreeMap<Bytes, Vec<i64>> = BTreeMap::new();
        driver.read(&PAIRS).into_iter().for_each(|(key, pair)| pairs.entry(key).or_default().push(pair));
        for (number, key) in (0..).zip(keys()) {
            // Each record of the left side three times, with the number of its own key.
            let mut expected: Vec<i64> = (0..=number).flat_map(|left| [left * 100 + number; 3]).collect();
            let mut found = pairs.remove(&key).unwrap_or_default();
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected, "{key:?}");
        }
        assert_eq!(pairs, BTreeMap::new());
    }
}

/// For each key: the keys from it on, those up to it, those before it, and those that begin with it.
#[test]
fn ranges_and_prefixes_hold_exactly_their_keys() {
    const FOUND: Topic<Bytes, String> = Topic::new("found");
    for place in [Place::Memory, Place::Disk, Place::LostDisk] {
        let builder = StreamsBuilder::new();
        let found = builder.stream(LEFT).process(ROWS, |mut rows, key: &Bytes, value: i64, out| {
            if value >= 0 {
                rows.put(key, value);
                return;
            }
            let ranges =
                [rows.range(key.clone()..), rows.range(..=key.clone()), rows.range(..key.clone()), rows.prefix(key)];
            let shown = ranges.map(|rows| rows.into_iter().map(|(_, value)| value).collect::<Vec<_>>());
            out.send(key.clone(), format!("{shown:?}"));
        });
        found.to(FOUND);
        let folder = tempfile::tempdir().expect("a folder");
        // A task finds its own rows only, so all are in one.
        let mut driver = start(builder.build().expect("a topology"), 1, &place, &folder);
        for (number, key) in (0_i64..).zip(keys()).collect::<Vec<_>>().into_iter().rev() {
            driver.pipe_at(&LEFT, key, number, Timestamp(SECONDS));
        }
        crash(&mut driver, &place, &folder);
        for key in keys() {
            driver.pipe_at(&LEFT, key, -1, Timestamp(SECONDS));
        }
        let those = |are: &dyn Fn(&Bytes) -> bool| -> Vec<i64> {
            (0..).zip(keys()).filter(|(_, key)| are(key)).map(|(number, _)| number).collect()
        };
        let expected = keys().into_iter().map(|key| {
            let from = those(&|other| *other >= key);
            let (up_to, before) = (those(&|other| *other <= key), those(&|other| *other < key));
            let beginning = those(&|other| other.starts_with(&key));
            (key, format!("{:?}", [from, up_to, before, beginning]))
        });
        assert_eq!(driver.read(&FOUND), expected.collect::<Vec<_>>());
    }
}
