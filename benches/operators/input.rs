//! The input, the same in every call: records in order of time, with random keys and values.

/// How many keys there are.
const KEYS: u64 = 1_000;
/// How many records there are per second of event time: two of each key.
const RECORDS_PER_SECOND: u64 = 2_000;
const SEED: u64 = 42;
/// How much later the last record is that lets windows close, in milliseconds.
const CLOSING_AFTER: i64 = 3_600_000;

/// A record: its key, its value and its time in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    pub(crate) key: u64,
    pub(crate) value: i64,
    pub(crate) time: i64,
}

/// So many records.
pub(crate) fn items(records: u64) -> impl Iterator<Item = Item> {
    let mut random = fastrand::Rng::with_seed(SEED);
    (0..records).map(move |number| Item {
        key: random.u64(0..KEYS),
        value: random.i64(0..1_000),
        time: i64::try_from(number * 1_000 / RECORDS_PER_SECOND).unwrap_or(i64::MAX),
    })
}

/// Every second record of the input is one of the right stream, where there are two. The last record of the left stream comes
/// so much later that nothing else waits for a match any more: a left join looks only now and then whether something has
/// waited long enough.
pub(crate) fn sides(records: u64) -> impl Iterator<Item = (bool, Item)> {
    let last = records.saturating_sub(1);
    let closing = items(records).skip(usize::try_from(last).unwrap_or(usize::MAX)).map(|item| (false, after(item)));
    items(records)
        .take(usize::try_from(last).unwrap_or(usize::MAX))
        .enumerate()
        .map(|(number, item)| (number % 2 == 1, item))
        .chain(closing)
}

fn after(item: Item) -> Item {
    Item { time: item.time.saturating_add(CLOSING_AFTER), ..item }
}

/// How many partitions a backlog has.
pub(crate) const BACKLOG_PARTITIONS: u32 = 4;

/// The same time in each of the partitions, of which the first has half of the records and the last one in twelve: read as
/// fast as they come, they are soon far apart in time.
pub(crate) fn backlog(records: u64) -> impl Iterator<Item = (i32, Item)> {
    let of_partition = move |(partition, share): (i32, u64)| {
        let count = records * share / 12;
        let span = records * 1_000 / RECORDS_PER_SECOND;
        items(count).zip(0..).map(move |(item, number)| {
            let time = i64::try_from(number * span / count).unwrap_or(i64::MAX);
            (partition, Item { time, ..item })
        })
    };
    [(0, 6), (1, 3), (2, 2), (3, 1)].into_iter().flat_map(of_partition)
}
