//! Sessions record by record.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{recipe, view};
use crate::operators::testing::{Chain, Setup, Word, at, headers};
use crate::operators::{DropReason, Emission, Recipe, StoreId, stream_table_join};
use crate::record::{Change, Headers, Record, Timestamp};
use crate::windows::{Session, SessionWindows, Sessions, Windowed};

type Table = Chain<Option<Word>, Option<Word>, Windowed<Word, Session>, Change<Word>>;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Concatenates values, with `~` for null, and sessions with `+`; `X` deletes the session.
fn texts(windows: SessionWindows) -> Recipe {
    emitted(windows, Emission::OnUpdate)
}

fn emitted(windows: SessionWindows, emission: Emission) -> Recipe {
    recipe::<Option<Word>, Option<Word>, Word>(
        StoreId(0),
        windows,
        emission,
        |_, value, all| {
            let value = value.map_or_else(|| "~".to_owned(), |value| value.0);
            (value != "X").then(|| Word(all.map_or_else(String::new, |all| all.0) + &value))
        },
        |_, all, other| Some(Word(format!("{}+{}", all.map_or_else(String::new, |all| all.0), other.0))),
    )
}

fn chain_of(windows: SessionWindows, retention: Duration, cache_bytes: usize, old_values: bool) -> Table {
    let setup = Setup { cache_bytes, old_values, ..Setup::default() }.windowed(windows, retention);
    Chain::with(setup, &texts(windows))
}

fn chain(windows: SessionWindows, cache_bytes: usize, old_values: bool) -> Table {
    chain_of(windows, ms(1_000), cache_bytes, old_values)
}

fn input(timestamp: i64, value: &str) -> Record<Option<Word>, Option<Word>> {
    at(timestamp, Some("k".into()), Some(value.into()))
}

/// The session's start and end, the change's old and new value. Its timestamp must be the session's end.
type Seen = (i64, i64, Option<String>, Option<String>);

fn seen(chain: &mut Table) -> Vec<Seen> {
    let received = chain.received().into_iter();
    received
        .map(|Record { key, value, timestamp, .. }| {
            let text = |word: Option<Word>| word.map(|word| word.0);
            assert_eq!((key.key, timestamp), ("k".into(), key.window.end));
            (key.window.start.0, key.window.end.0, text(value.old), text(value.new))
        })
        .collect()
}

fn put(start: i64, end: i64, new: &str) -> Seen {
    (start, end, None, Some(new.to_owned()))
}

fn gone(start: i64, end: i64) -> Seen {
    (start, end, None, None)
}

/// What each of these records changes, without a cache.
fn changes(windows: SessionWindows, records: &[(i64, &str)]) -> Vec<Vec<Seen>> {
    let mut chain = chain(windows, 0, false);
    let changes = records.iter().map(|(timestamp, value)| {
        chain.send(input(*timestamp, value));
        seen(&mut chain)
    });
    changes.collect()
}

#[test]
fn a_record_joins_what_is_at_most_the_gap_away() {
    let tens = Sessions::gap(ms(10)).grace(ms(100));
    for (timestamp, expected) in [
        (39, vec![put(39, 39, "b")]),
        (40, vec![gone(50, 50), put(40, 50, "+ab")]),
        (49, vec![gone(50, 50), put(49, 50, "+ab")]),
        (50, vec![put(50, 50, "+ab")]),
        (60, vec![gone(50, 50), put(50, 60, "+ab")]),
        (61, vec![put(61, 61, "b")]),
    ] {
        let found = changes(tens, &[(50, "a"), (timestamp, "b")]);
        assert_eq!(found, [vec![put(50, 50, "a")], expected], "at {timestamp}");
    }
}

#[test]
fn sessions_become_one_in_the_order_of_their_ends_and_the_record_comes_last() {
    let found = changes(Sessions::gap(ms(10)).grace(ms(100)), &[(40, "c"), (20, "a"), (25, "b"), (30, "d")]);
    let expected = [
        vec![put(40, 40, "c")],
        vec![put(20, 20, "a")],
        vec![gone(20, 20), put(20, 25, "+ab")],
        vec![gone(20, 25), gone(40, 40), put(20, 40, "++ab+cd")],
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_record_inside_a_session_deletes_it_and_puts_it_again() {
    let found = changes(Sessions::gap(ms(10)).grace(ms(100)), &[(20, "a"), (28, "b"), (24, "c"), (28, "d")]);
    let expected = [
        vec![put(20, 20, "a")],
        vec![gone(20, 20), put(20, 28, "+ab")],
        vec![gone(20, 28), put(20, 28, "++abc")],
        vec![gone(20, 28), put(20, 28, "+++abcd")],
    ];
    assert_eq!(found, expected);
}

#[test]
fn without_a_gap_only_records_of_one_moment_belong_together() {
    let found = changes(Sessions::gap(ms(0)).grace(ms(100)), &[(20, "a"), (21, "b"), (20, "c")]);
    assert_eq!(found, [vec![put(20, 20, "a")], vec![put(21, 21, "b")], vec![put(20, 20, "+ac")]]);
}

#[test]
fn old_values_are_what_was_forwarded_last() {
    let text = |text: &str| Some(text.to_owned());
    for cache_bytes in [0, 1 << 20] {
        let mut chain = chain(Sessions::gap(ms(10)).grace(ms(100)), cache_bytes, true);
        let mut found = Vec::new();
        for (timestamp, value) in [(20, "a"), (20, "b"), (30, "c")] {
            chain.send(input(timestamp, value));
            chain.flush();
            found.extend(seen(&mut chain));
        }
        let expected = [
            put(20, 20, "a"),
            // Kafka Streams forgets the old value here unless there is a cache.
            (20, 20, text("a"), text("+ab")),
            (20, 20, text("+ab"), None),
            put(20, 30, "++abc"),
        ];
        assert_eq!(found, expected, "cache: {cache_bytes}");
    }
}

#[test]
fn a_record_is_late_if_what_it_makes_ended_before_the_gap_and_the_grace() {
    for (stream_time, is_late) in [(114, false), (115, false), (116, true)] {
        let mut chain = chain(Sessions::gap(ms(10)).grace(ms(5)), 0, false);
        chain.send(input(stream_time, "now"));
        chain.received();
        chain.send(input(100, "a"));
        let expected = if is_late { vec![] } else { vec![put(100, 100, "a")] };
        assert_eq!(seen(&mut chain), expected, "stream time {stream_time}");
        assert_eq!(chain.context.dropped(DropReason::Late), u64::from(is_late), "stream time {stream_time}");
    }
}

#[test]
fn an_old_record_that_extends_an_open_session_is_in_time() {
    let found = changes(Sessions::gap(ms(10)).no_grace(), &[(100, "a"), (104, "b"), (90, "c"), (80, "d"), (79, "e")]);
    let expected = [
        vec![put(100, 100, "a")],
        vec![gone(100, 100), put(100, 104, "+ab")],
        vec![gone(100, 104), put(90, 104, "++abc")],
        vec![gone(90, 104), put(80, 104, "+++abcd")],
        vec![gone(80, 104), put(79, 104, "++++abcde")],
    ];
    assert_eq!(found, expected);
    let found = changes(Sessions::gap(ms(10)).no_grace(), &[(100, "a"), (104, "b"), (89, "late")]);
    assert_eq!(found[2], []);
}

#[test]
fn null_values_count_and_null_keys_do_not_even_move_stream_time() {
    let mut chain = chain(Sessions::gap(ms(10)).no_grace(), 0, false);
    chain.send(at(1, Some("k".into()), None));
    chain.send(at(1_000, None, Some("lost".into())));
    chain.send(input(2, "a"));
    assert_eq!(seen(&mut chain), [put(1, 1, "~"), gone(1, 1), put(1, 2, "+~a")]);
    chain.send(at(-1, Some("k".into()), Some("before time".into())));
    assert_eq!(seen(&mut chain), []);
    let drops = [DropReason::NullKey, DropReason::Late, DropReason::NegativeTimestamp];
    assert_eq!(drops.map(|reason| chain.context.dropped(reason)), [1, 0, 1]);
}

#[test]
fn a_session_that_is_deleted_begins_anew() {
    let found = changes(Sessions::gap(ms(10)).grace(ms(100)), &[(20, "a"), (25, "X"), (22, "b"), (22, "X"), (24, "c")]);
    let expected = [
        vec![put(20, 20, "a")],
        vec![gone(20, 20), gone(20, 25)],
        vec![put(22, 22, "b")],
        vec![gone(22, 22)],
        vec![put(24, 24, "c")],
    ];
    assert_eq!(found, expected);
}

#[test]
fn with_a_cache_only_sessions_that_last_are_written_logged_and_forwarded() {
    let mut chain = chain(Sessions::gap(ms(10)).grace(ms(100)), 1 << 20, false);
    for (timestamp, value) in [(20, "a"), (50, "b"), (25, "c"), (50, "d"), (80, "e"), (81, "X")] {
        chain.send(input(timestamp, value));
    }
    assert_eq!((seen(&mut chain), chain.logged(0), chain.stored(0)), (vec![], vec![], vec![]));
    chain.flush();
    assert_eq!(seen(&mut chain), [put(20, 25, "+ac"), put(50, 50, "+bd")], "by last change");
    let logged = |start: i64, end: i64, value: Option<&str>, timestamp| {
        let key = [&b"k"[..], &end.to_be_bytes(), &start.to_be_bytes()].concat();
        (key, value.map(|value| value.as_bytes().to_vec()), timestamp)
    };
    assert_eq!(chain.logged(0), [logged(20, 25, Some("+ac"), 25), logged(50, 50, Some("+bd"), 50)]);
    chain.send(input(37, "f"));
    chain.send(input(36, "g"));
    chain.flush();
    assert_eq!(seen(&mut chain), [put(36, 37, "+fg")], "what was never written is not deleted");
    chain.send(input(27, "h"));
    chain.flush();
    assert_eq!(seen(&mut chain), [gone(20, 25), gone(36, 37), put(20, 37, "++ac++fgh")]);
    let expected = [
        logged(36, 37, Some("+fg"), 36),
        logged(20, 25, None, 27),
        logged(36, 37, None, 27),
        logged(20, 37, Some("++ac++fgh"), 27),
    ];
    assert_eq!(chain.logged(0), expected, "with the time of the record that has changed the row");
}

#[test]
fn the_changelog_has_javas_keys_and_the_records_own_times() {
    let mut chain = chain(Sessions::gap(ms(10)).grace(ms(100)), 0, false);
    for (timestamp, value) in [(20, "a"), (15, "b")] {
        chain.send(input(timestamp, value));
    }
    let key = |start: i64, end: i64| [&b"k"[..], &end.to_be_bytes(), &start.to_be_bytes()].concat();
    let expected =
        [(key(20, 20), Some(b"a".to_vec()), 20), (key(20, 20), None, 15), (key(15, 20), Some(b"+ab".to_vec()), 15)];
    assert_eq!(chain.logged(0), expected);
    let stored = [&[0x80, 0, 0, 0, 0, 0, 0, 0][..], &key(15, 20)].concat();
    assert_eq!(chain.stored(0), [(stored, b"+ab".to_vec())]);
}

#[test]
fn headers_are_forwarded_by_a_cache_only() {
    for (cache_bytes, expected) in [(0, Headers::new()), (1 << 20, headers("trace", "y"))] {
        let mut chain = chain(Sessions::gap(ms(10)).grace(ms(100)), cache_bytes, false);
        for (timestamp, trace) in [(20, "x"), (25, "y")] {
            let mut record = input(timestamp, "a");
            record.headers = headers("trace", trace);
            chain.send(record);
        }
        chain.flush();
        let last = chain.received().pop().map(|record| (record.key.window.end.0, record.headers));
        assert_eq!(last, Some((25, expected)), "cache: {cache_bytes}");
    }
}

/// A session store finds no session that ended as long ago as it keeps them, counted from the newest session's end.
#[test]
fn a_session_is_found_as_long_as_it_is_kept_and_no_longer() {
    let tens = Sessions::gap(ms(10)).grace(ms(5));
    for cache_bytes in [0, 300, 1 << 20] {
        for (retention, newest, is_found) in [(15, 34, true), (15, 35, false), (16, 35, true), (100, 35, true)] {
            let mut chain = chain_of(tens, ms(retention), cache_bytes, false);
            let mut last = Vec::new();
            for (timestamp, value) in [(20, "a"), (newest, "b"), (22, "c")] {
                chain.send(input(timestamp, value));
                chain.flush();
                last = seen(&mut chain);
            }
            let expected = if is_found { vec![gone(20, 20), put(20, 22, "+ac")] } else { vec![put(22, 22, "c")] };
            assert_eq!(last, expected, "kept for {retention}, newest {newest}, cache: {cache_bytes}");
        }
    }
}

#[test]
fn on_close_sessions_are_forwarded_once_by_end_start_and_key() {
    let tens = Sessions::gap(ms(10)).grace(ms(5));
    for cache_bytes in [0, 300, 1 << 20] {
        let setup = Setup { cache_bytes, old_values: true, ..Setup::default() }.windowed(tens, ms(15));
        let mut chain: Table = Chain::with(setup, &emitted(tens, Emission::OnClose));
        for (timestamp, key, value) in [
            (20, "b", "1"),
            (12, "b", "2"),
            (20, "a", "3"),
            (13, "a", "4"),
            (19, "c", "5"),
            (12, "c", "X"),
            (35, "z", "6"),
        ] {
            chain.send(at(timestamp, Some(key.into()), Some(value.into())));
        }
        assert_eq!(chain.received(), [], "the first of them ended 15 ms ago, as long as they are kept");
        chain.send(Record { headers: headers("h", "x"), ..at(36, Some("z".into()), Some("7".into())) });
        let received = chain.received().into_iter().map(|record| {
            assert_eq!((record.timestamp, record.headers), (record.key.window.end, headers("h", "x")));
            let Session { start, end } = record.key.window;
            assert_eq!(record.value.old, None);
            (record.key.key.0, start.0, end.0, record.value.new.map(|value| value.0))
        });
        let row = |key: &str, start, end, value: &str| (key.to_owned(), start, end, Some(value.to_owned()));
        let expected = [row("b", 12, 20, "+12"), row("a", 13, 20, "+34")];
        assert_eq!(received.collect::<Vec<_>>(), expected, "cache: {cache_bytes}");
    }
}

#[test]
fn what_is_over_is_deleted_from_the_store_by_and_by() {
    for cache_bytes in [0, 1 << 20] {
        let windows = Sessions::gap(ms(1_000)).no_grace();
        let mut chain = chain_of(windows, ms(100_000), cache_bytes, false);
        let mut kept = Vec::new();
        for timestamp in (0..400_000).step_by(10_000) {
            chain.send(input(timestamp, "v"));
            chain.commit();
            kept.push(chain.stored(0).len());
        }
        assert!(kept.iter().all(|rows| *rows <= 17), "{kept:?}");
        assert!(kept.iter().skip(10).all(|rows| *rows >= 10), "{kept:?}");
        assert!(chain.logged(0).iter().all(|(_, value, _)| value.is_some()), "no deletion is logged");
    }
}

#[test]
fn a_restarted_task_goes_on_from_what_was_committed() {
    for cache_bytes in [0, 1 << 20] {
        let tens = Sessions::gap(ms(10)).grace(ms(100));
        let mut chain = chain(tens, cache_bytes, true);
        for (timestamp, value) in [(70_000, "a"), (70_010, "b")] {
            chain.send(input(timestamp, value));
        }
        chain.commit();
        let mut chain: Table = chain.restarted(&texts(tens));
        chain.send(input(70_005, "c"));
        chain.flush();
        let deleted = (70_000, 70_010, Some("+ab".to_owned()), None);
        let expected = if cache_bytes == 0 {
            vec![deleted, put(70_000, 70_010, "++abc")]
        } else {
            vec![(70_000, 70_010, Some("+ab".to_owned()), Some("++abc".to_owned()))]
        };
        assert_eq!(seen(&mut chain), expected);
    }
}

#[test]
fn a_look_up_finds_the_latest_row_of_a_session_flushed_or_not() {
    for cache_bytes in [0, 300, 1 << 20] {
        let tens = Sessions::gap(ms(10)).grace(ms(100));
        let join = stream_table_join::recipe::<Windowed<Word, Session>, Word, Word, String>(
            view(StoreId(0)),
            true,
            |_, _, row| Some(row.map_or_else(|| "-".to_owned(), |row: Word| row.0)),
        );
        let setup = Setup { cache_bytes, ..Setup::default() }.windowed(tens, ms(1_000));
        let (mut joined, sessions) =
            Chain::<Windowed<Word, Session>, Word, Windowed<Word, Session>, String>::with_neighbour::<
                Option<Word>,
                Option<Word>,
            >(setup, &join, &texts(tens));
        let look = |start, end| {
            let window = Session { start: Timestamp(start), end: Timestamp(end) };
            at(1, Windowed { key: "k".into(), window }, "x".into())
        };
        joined.send(look(20, 20));
        sessions.borrow_mut().process(&mut joined.context, input(20, "a")).unwrap();
        joined.send(look(20, 20));
        joined.commit();
        joined.send(look(20, 20));
        sessions.borrow_mut().process(&mut joined.context, input(22, "b")).unwrap();
        joined.send(look(20, 20));
        joined.send(look(20, 22));
        sessions.borrow_mut().process(&mut joined.context, input(2_000, "c")).unwrap();
        joined.send(look(20, 22));
        let values: Vec<_> = joined.received().into_iter().map(|record| record.value).collect();
        assert_eq!(values, ["-", "a", "a", "-", "+ab", "-"], "cache: {cache_bytes}");
    }
}

#[test]
fn keys_are_kept_apart_even_if_one_begins_with_the_other() {
    for cache_bytes in [0, 1, 1 << 20] {
        let tens = Sessions::gap(ms(10)).grace(ms(100));
        let count = super::counting_recipe::<Word, Word>(StoreId(0), tens, Emission::OnUpdate);
        let setup = Setup { cache_bytes, ..Setup::default() }.windowed(tens, ms(1_000));
        let mut chain: Chain<Word, Word, Windowed<Word, Session>, Change<i64>> = Chain::with(setup, &count);
        let keys = ["", "k", "k\0", "k\0\0\0\0\0\0\0\0", "k\0\0\0\0\0\0\0\u{1}"];
        for timestamp in [20, 25, 22] {
            for key in keys {
                chain.send(at(timestamp, key.into(), "v".into()));
            }
            chain.commit();
        }
        let mut last = BTreeMap::new();
        for Record { key, value, .. } in chain.received() {
            last.insert((key.key.0, key.window), value.new);
        }
        let session = |start, end| Session { start: Timestamp(start), end: Timestamp(end) };
        let rows =
            keys.map(|key| [((key.to_owned(), session(20, 20)), None), ((key.to_owned(), session(20, 25)), Some(3))]);
        assert_eq!(last, rows.into_iter().flatten().collect(), "cache: {cache_bytes}");
        assert_eq!(chain.stored(0).len(), keys.len(), "cache: {cache_bytes}");
    }
}
