//! Tests sessions against a plain list of them: whatever the cache does and whenever it is flushed, what is forwarded, stored
//! and logged agrees with the list.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::recipe;
use crate::operators::testing::{Chain, Setup, Word, at};
use crate::operators::{DropReason, Emission, StoreId};
use crate::record::{Change, Record, Timestamp};
use crate::state::kinds::{ChangelogRecord, Windowing as _};
use crate::windows::{Session, SessionWindows, Windowed};

#[derive(Debug, Clone)]
enum Step {
    /// Key, timestamp, value; a value of 9 deletes.
    Record(usize, i64, u8),
    Flush,
    Commit,
}

const KEYS: [&str; 3] = ["", "k", "k\0"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        10 => (0..KEYS.len(), 0..200_i64, 0..10_u8).prop_map(|(key, at, value)| Step::Record(key, at, value)),
        1 => Just(Step::Flush),
        1 => Just(Step::Commit),
    ];
    prop::collection::vec(step, 0..80)
}

/// The sessions of the model by key, end and start, each with the text of its values.
type Rows = BTreeMap<(usize, i64, i64), String>;

/// What Kafka Streams does, on a list.
struct Model {
    windows: SessionWindows,
    retention: i64,
    rows: Rows,
    stream_time: i64,
    late: u64,
}

impl Model {
    fn take(&mut self, key: usize, at: i64, value: u8) {
        // The store's time lags behind by this record.
        let kept_from = if self.stream_time < 0 { i64::MIN } else { self.stream_time - self.retention + 1 };
        self.stream_time = self.stream_time.max(at);
        let SessionWindows { gap_ms, grace_ms } = self.windows;
        let joins = |(other, end, start): (usize, i64, i64)| {
            other == key && end >= kept_from && end >= at - gap_ms && start <= at + gap_ms
        };
        let joined: Vec<_> = self.rows.keys().copied().filter(|row| joins(*row)).collect();
        let start = joined.iter().map(|row| row.2).fold(at, i64::min);
        let end = joined.iter().map(|row| row.1).fold(at, i64::max);
        if end < self.stream_time - grace_ms - gap_ms {
            self.late += 1;
            return;
        }
        let texts: Vec<_> = joined.iter().filter_map(|row| self.rows.remove(row)).collect();
        let text = texts.iter().fold(String::new(), |all, text| format!("({all}+{text})"));
        self.rows.remove(&(key, end, start));
        if value != 9 {
            self.rows.insert((key, end, start), format!("{text}{value}"));
        }
    }
}

fn check(windows: SessionWindows, retention: i64, cache_bytes: usize, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let text = |all: Option<Word>| all.map_or_else(String::new, |all| all.0);
    let texts = recipe::<Word, Word, Word>(
        StoreId(0),
        windows,
        Emission::OnUpdate,
        move |_, value, all| value.filter(|value| value.0 != "9").map(|value| Word(text(all) + &value.0)),
        move |_, all, other| Some(Word(format!("({}+{})", text(all), other.0))),
    );
    let kept = Duration::from_millis(retention.unsigned_abs());
    let setup = Setup { cache_bytes, old_values: true, ..Setup::default() }.windowed(windows, kept);
    let mut chain: Chain<Word, Word, Windowed<Word, Session>, Change<Word>> = Chain::with(setup, &texts);
    let mut model = Model { windows, retention, rows: Rows::new(), stream_time: -1, late: 0 };
    let mut seen = Rows::new();
    for step in steps.into_iter().chain([Step::Commit]) {
        match step {
            Step::Record(key, timestamp, value) => {
                chain.send(at(timestamp, KEYS[key].into(), Word(value.to_string())));
                model.take(key, timestamp, value);
            }
            Step::Flush => chain.flush(),
            Step::Commit => chain.commit(),
        }
        for Record { key, value: Change { old, new, .. }, timestamp, .. } in chain.received() {
            let Windowed { key, window } = key;
            prop_assert_eq!(timestamp, window.end);
            let number = KEYS.iter().position(|known| *known == key.0).expect("a known key");
            let row = (number, window.end.0, window.start.0);
            prop_assert_eq!(old.map(|old| old.0), seen.remove(&row), "old of {:?}", row);
            seen.extend(new.map(|new| (row, new.0)));
        }
    }
    prop_assert_eq!(&seen, &model.rows);
    prop_assert_eq!(chain.context.dropped(DropReason::Late), model.late);

    let kind = windows.kind(kept);
    let mut restored = BTreeMap::new();
    for (key, value, timestamp) in chain.logged(0) {
        let record = ChangelogRecord { key: &key, value: value.as_deref(), timestamp: Timestamp(timestamp) };
        match kind.to_store(record).expect("our own changelog") {
            (key, Some(row)) => restored.insert(key, row),
            (key, None) => restored.remove(&key),
        };
    }
    let stored: BTreeMap<_, _> = chain.stored(0).into_iter().collect();
    prop_assert_eq!(&restored, &stored, "spans are a minute long at least, so nothing is deleted yet");
    let stored: Rows = stored
        .iter()
        .map(|(key, row)| {
            let row = kind.read(key, row).expect("a session");
            let window = row.window.expect("a session");
            let number = KEYS.iter().position(|known| known.as_bytes() == row.key).expect("a known key");
            ((number, window.end.0, window.start.0), String::from_utf8(row.value.to_vec()).expect("text"))
        })
        .collect();
    prop_assert_eq!(stored, model.rows);
    Ok(())
}

proptest! {
    #[test]
    fn sessions_are_what_a_list_would_be(
        steps in steps(),
        cache_bytes in prop::sample::select(vec![0, 1_000, 1 << 20]),
        gap_ms in 0..30_i64,
        grace_ms in 0..40_i64,
        extra in prop::sample::select(vec![0, 7, 1_000]),
    ) {
        check(SessionWindows { gap_ms, grace_ms }, gap_ms + grace_ms + extra, cache_bytes, steps)?;
    }
}
