//! Sliding windows record by record.

use std::time::Duration;

use super::recipe;
use crate::operators::testing::{Chain, Setup, Word, at, headers};
use crate::operators::{DropReason, Emission, Recipe, StoreId};
use crate::record::{Change, Record, Timestamp};
use crate::state::kinds::Windowing as _;
use crate::windows::{Sliding, SlidingWindows, Windowed};

type Table = Chain<Option<Word>, Option<Word>, Windowed<Word>, Change<Word>>;

fn tens(grace: u64) -> SlidingWindows {
    Sliding::of(Duration::from_millis(10)).grace(Duration::from_millis(grace))
}

/// Concatenates values; `X` deletes the row.
fn texts(windows: SlidingWindows, emission: Emission) -> Recipe {
    recipe::<Option<Word>, Option<Word>, Word>(StoreId(0), windows, emission, |_, value, all| {
        (value.0 != "X").then(|| Word(all.map_or_else(String::new, |all| all.0) + &value.0))
    })
}

fn chain(windows: SlidingWindows, emission: Emission, cache_bytes: usize) -> Table {
    let setup = Setup { cache_bytes, old_values: true, ..Setup::default() }.windowed(windows, windows.changing_for());
    Chain::with(setup, &texts(windows, emission))
}

fn input(timestamp: i64, value: &str) -> Record<Option<Word>, Option<Word>> {
    at(timestamp, Some("k".into()), Some(value.into()))
}

/// Each change as `start..end@timestamp old>new`.
fn seen(chain: &mut Table) -> Vec<String> {
    let text = |word: Option<Word>| word.map_or_else(|| "-".to_owned(), |word| word.0);
    let received = chain.received().into_iter();
    received
        .map(|Record { key, value, timestamp, .. }| {
            let (start, end) = (key.window.start.0, key.window.end.0);
            format!("{start}..{end}@{} {}>{}", timestamp.0, text(value.old), text(value.new))
        })
        .collect()
}

#[test]
fn a_record_updates_and_creates_windows_in_kafka_streams_order() {
    let mut chain = chain(tens(100), Emission::OnUpdate, 0);
    for (timestamp, value, expected) in [
        (20, "a", &["10..20@20 ->a"][..]),
        (25, "b", &["21..31@25 ->b", "15..25@25 ->ab"]),
        (23, "c", &["21..31@25 b>bc", "15..25@25 ab>abc", "13..23@23 ->ac", "24..34@25 ->b"]),
        (23, "d", &["21..31@25 bc>bcd", "15..25@25 abc>abcd", "13..23@23 ac>acd"]),
        (40, "e", &["30..40@40 ->e"]),
        (3, "f", &["0..10@3 ->f"]),
        (5, "g", &["4..14@5 ->g", "0..10@5 f>fg"]),
    ] {
        chain.send(input(timestamp, value));
        assert_eq!(seen(&mut chain), expected, "{value} at {timestamp}");
    }
}

/// With a window's row, what is known of its records is gone.
#[test]
fn a_deleted_row_is_forwarded_and_not_begun_with() {
    let mut chain = chain(tens(100), Emission::OnUpdate, 0);
    for (timestamp, value, expected) in [
        (20, "a", &["10..20@20 ->a"][..]),
        (20, "X", &["10..20@20 a>-"]),
        (25, "b", &["15..25@25 ->b"]),
        (25, "X", &["15..25@25 b>-"]),
    ] {
        chain.send(input(timestamp, value));
        assert_eq!(seen(&mut chain), expected, "{value} at {timestamp}");
    }
}

#[test]
fn with_a_cache_each_window_is_written_logged_and_forwarded_once_per_flush() {
    let mut chain = chain(tens(100), Emission::OnUpdate, 1 << 20);
    for (timestamp, value) in [(20, "a"), (25, "b"), (23, "c")] {
        chain.send(input(timestamp, value));
    }
    chain.flush();
    let expected =
        ["10..20@20 ->a", "21..31@25 ->bc", "15..25@25 ->abc", "13..23@23 ->ac", "24..34@25 ->b"].map(str::to_owned);
    assert_eq!(seen(&mut chain), expected);
    let logged: Vec<_> = chain.logged(0).into_iter().map(|(key, _, timestamp)| (key, timestamp)).collect();
    let key = |start: i64| [&b"k"[..], &start.to_be_bytes(), &[0; 4]].concat();
    assert_eq!(logged, [(key(10), 20), (key(21), 25), (key(15), 25), (key(13), 23), (key(24), 25)]);
    chain.send(input(24, "d"));
    chain.flush();
    let expected = ["24..34@25 b>bd", "21..31@25 bc>bcd", "15..25@25 abc>abcd", "14..24@24 ->acd", "25..35@25 ->b"];
    assert_eq!(seen(&mut chain), expected);
}

#[test]
fn late_records_and_negative_times_are_dropped() {
    let mut chain = chain(tens(5), Emission::OnUpdate, 0);
    for (timestamp, late) in [(100, 0), (85, 1), (84, 2), (90, 3), (95, 3)] {
        chain.send(input(timestamp, "v"));
        assert_eq!(chain.context.dropped(DropReason::Late), late, "{timestamp}");
    }
    chain.send(input(-1, "v"));
    assert_eq!(chain.context.dropped(DropReason::NegativeTimestamp), 1);
    chain.send(at(200, Some("k".into()), None));
    chain.send(at(200, None, Some("v".into())));
    chain.send(input(95, "v"));
    assert_eq!(chain.context.dropped(DropReason::Late), 3, "what was dropped does not advance stream time");
}

#[test]
fn on_close_windows_are_forwarded_once_by_start_and_key() {
    for cache_bytes in [0, 300, 1 << 20] {
        let mut chain = chain(tens(5), Emission::OnClose, cache_bytes);
        for (timestamp, key, value) in [(20, "b", "1"), (20, "a", "2"), (25, "b", "3"), (35, "b", "4")] {
            chain.send(at(timestamp, Some(key.into()), Some(value.into())));
        }
        chain.flush();
        let closed = ["10..20@20 ->2", "10..20@20 ->1", "15..25@25 ->13"];
        assert_eq!(seen(&mut chain), closed, "cache: {cache_bytes}");
        let caused = Record { headers: headers("h", "x"), ..input(200, "5") };
        chain.send(caused);
        let received = chain.received();
        assert!(received.iter().all(|record| record.headers == headers("h", "x") && record.value.old.is_none()));
        let starts: Vec<_> = received.iter().map(|record| (record.key.window.start, record.timestamp)).collect();
        let expected = [(21, 25), (25, 35), (26, 35)].map(|(start, time)| (Timestamp(start), Timestamp(time)));
        assert_eq!(starts, expected, "cache: {cache_bytes}");
    }
}
