//! `count`, `reduce` and `aggregate` of a grouped stream in tumbling or hopping windows: one row per key and window.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::cached::flush_at_commit;
use super::presence::{Count, counting};
use super::{
    BuildError, BuiltNode, Context, DropReason, Emission, Next, NodeBuilder, OperatorError, Outputs, Recipe, StoreId,
    TableView, TableViewRecipe,
};
use crate::record::{Change, Headers, Record, Timestamp};
use crate::state::rows::{Cause, Row, RowError};
use crate::state::window_store::{KeyInWindows, Rest, WindowRows};
use crate::windows::{TimeWindows, Window, Windowed};
use crate::wire::encoded_key::AsKey;
use crate::wire::{Key, Nullable, NullableKey, Value};

/// Takes `Record<K, V>`, forwards `Change<A>` by key and window.
///
/// Records with a null key are dropped and counted. Null values reach `update`, as they do in Java for windows,
/// despite its documentation. A window accepts records as long as its end is after the node's stream time minus the
/// grace. Each closed window of a record counts as a drop; the others are updated in ascending order. Stream time is
/// the largest timestamp among the records with a key that this node has seen.
///
/// On close, changes are not forwarded. Instead each row is forwarded when stream time has reached its window's end and the
/// grace, in the order of the windows' starts and the keys' bytes, with the headers of the record that has closed it. As
/// stream time is kept with the state, none is forwarded again after a restart.
pub(crate) fn recipe<K, V, A>(
    store: StoreId,
    windows: TimeWindows,
    emission: Emission,
    update: impl Fn(&K::Inner, Option<V::Inner>, Option<A>) -> Option<A> + Send + Sync + 'static,
) -> Recipe
where
    K: NullableKey,
    V: Nullable,
    A: Value,
{
    let update = Arc::new(update);
    Recipe::new(move |builder| {
        let table = WindowedTable::new(builder, store, windows, emission)?;
        Ok(BuiltNode::link::<K, V>(WindowAggregate::<K, A, _> { table, update: Arc::clone(&update) }))
    })
    .of_store::<K::Inner, A>(store)
}

/// As [`recipe`], for a count, which never reads the values.
pub(crate) fn counting_recipe<K: NullableKey, V: Nullable>(
    store: StoreId,
    windows: TimeWindows,
    emission: Emission,
) -> Recipe {
    Recipe::new(move |builder| {
        Ok(counting::<K, V>(WindowedTable::<K::Inner, i64>::new(builder, store, windows, emission)?))
    })
    .of_store::<K::Inner, i64>(store)
}

/// The rows of a windowed table, for nodes that look them up.
#[must_use]
pub(crate) fn view<K: Key, A: Value>(store: StoreId) -> TableViewRecipe<Windowed<K>, A> {
    TableViewRecipe::new(move |builder| {
        let rows = builder.cached_store(store, WindowRows::<K, A>::new)?;
        let key = rows.borrow().key_in_windows();
        Ok(Box::new(WindowView { node: Arc::clone(builder.name()), rows, key }))
    })
}

struct WindowView<K: Key, A: Value> {
    node: Arc<str>,
    rows: Rc<RefCell<WindowRows<K, A>>>,
    key: KeyInWindows,
}

impl<K: Key, A: Value> TableView<Windowed<K>, A> for WindowView<K, A> {
    fn get(&mut self, key: &Windowed<K>) -> Result<Option<Row<A>>, OperatorError> {
        self.look_up(key, WindowRows::get)
    }

    fn get_forwarded(&mut self, key: &Windowed<K>) -> Result<Option<Row<A>>, OperatorError> {
        self.look_up(key, WindowRows::get_forwarded)
    }
}

impl<K: Key, A: Value> WindowView<K, A> {
    fn look_up(
        &mut self,
        key: &Windowed<K>,
        get: impl FnOnce(&mut WindowRows<K, A>, &mut KeyInWindows, Window) -> Result<Option<Row<A>>, RowError>,
    ) -> Result<Option<Row<A>>, OperatorError> {
        let row = match self.key.set(&key.key) {
            Ok(()) => get(&mut self.rows.borrow_mut(), &mut self.key, key.window),
            Err(error) => Err(error.into()),
        };
        row.map_err(|error| OperatorError::rows(&self.node, error))
    }
}

struct WindowAggregate<K: NullableKey, A: Value, F> {
    table: WindowedTable<K::Inner, A>,
    update: Arc<F>,
}

impl<K, V, A, F> Next<K, V> for WindowAggregate<K, A, F>
where
    K: NullableKey,
    V: Nullable,
    A: Value,
    F: Fn(&K::Inner, Option<V::Inner>, Option<A>) -> Option<A>,
{
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let Record { key, value, timestamp, headers } = record;
        let record = Record { key: key.into_option(), value: value.into_option(), timestamp, headers };
        self.table.take(context, record, &*self.update)
    }
}

impl<K: Key> Count<K> for WindowedTable<K, i64> {
    #[inline]
    fn count<Q: AsKey<K>>(
        &mut self,
        context: &mut Context,
        record: Record<Option<Q>, Option<()>>,
    ) -> Result<(), OperatorError> {
        self.take(context, record, |_, _, count| Some(count.unwrap_or(0) + 1))
    }
}

/// A node's own windowed table: its rows, which windows still accept records, and the children that get the changes.
struct WindowedTable<K: Key, A: Value> {
    node: Arc<str>,
    windows: TimeWindows,
    emission: Emission,
    rows: Rc<RefCell<WindowRows<K, A>>>,
    key: KeyInWindows,
    stream_time: Rc<Cell<Timestamp>>,
    outputs: Outputs<Windowed<K>, Change<A>>,
}

impl<K: Key, A: Value> WindowedTable<K, A> {
    fn new(
        builder: &mut NodeBuilder<'_>,
        store: StoreId,
        windows: TimeWindows,
        emission: Emission,
    ) -> Result<Self, BuildError> {
        let rows = builder.cached_store(store, WindowRows::<K, A>::new)?;
        match emission {
            Emission::OnUpdate => rows.borrow_mut().rows_mut().want_old_values(builder.sends_old_values()),
            Emission::OnClose => rows.borrow_mut().read_on_close(),
        }
        let outputs = builder.outputs()?;
        flush_at_commit(builder, &rows, &emission.of_changes(&outputs));
        let (node, key) = (Arc::clone(builder.name()), rows.borrow().key_in_windows());
        Ok(Self { node, windows, emission, rows, key, stream_time: builder.stream_time(), outputs })
    }

    /// Takes a record into its key's row in each of its windows.
    #[inline]
    fn take<Q: AsKey<K>, V: Clone>(
        &mut self,
        context: &mut Context,
        record: Record<Option<Q>, Option<V>>,
        update: impl Fn(&Q, Option<V>, Option<A>) -> Option<A>,
    ) -> Result<(), OperatorError> {
        let Record { key, mut value, timestamp, headers } = record;
        let Some(key) = key else {
            context.drop_record(&self.node, DropReason::NullKey);
            return Ok(());
        };
        let before = self.stream_time.get();
        let stream_time = before.max(timestamp);
        self.stream_time.set(stream_time);
        let closed_until = stream_time.0.saturating_sub(self.windows.grace_ms);
        self.key.set(&key).map_err(|error| OperatorError::rows(&self.node, error.into()))?;
        let mut windows = self.windows.windows_for(timestamp).peekable();
        while let Some(window) = windows.next() {
            if window.end.0 <= closed_until {
                context.drop_record(&self.node, DropReason::Late);
                continue;
            }
            // Clone the value only if the record is in several windows.
            let value = if windows.peek().is_some() { value.clone() } else { value.take() };
            let update = |row| update(&key, value, row);
            self.update(context, &key, window, Cause { timestamp, headers: &headers }, update)?;
        }
        match self.emission {
            Emission::OnUpdate => Ok(()),
            Emission::OnClose => self.close(context, before, &headers),
        }
    }

    /// Forwards the rows of the windows that have closed since stream time was `before`.
    fn close(&self, context: &mut Context, before: Timestamp, headers: &Headers) -> Result<(), OperatorError> {
        if let Some((first, last)) = self.windows.closing(before, self.stream_time.get()) {
            let mut rest = Rest::between(first, last);
            loop {
                // The rows are let go before they are forwarded, because nodes downstream may look them up.
                let page = self.rows.borrow_mut().take_page(&mut rest, ROWS_PER_STEP);
                let page = page.map_err(|error| OperatorError::rows(&self.node, error))?;
                let is_last = page.len() < ROWS_PER_STEP;
                for (key, (value, timestamp)) in page {
                    let (value, headers) = (Change::latest(None, Some(value)), headers.clone());
                    let record = Record { key, value, timestamp, headers };
                    context.release(|context| self.outputs.forward(context, record))?;
                }
                if is_last {
                    break;
                }
            }
        }
        self.rows.borrow_mut().expire();
        Ok(())
    }

    #[inline]
    fn update<Q: AsKey<K>>(
        &mut self,
        context: &mut Context,
        key: &Q,
        window: Window,
        cause: Cause<'_>,
        update: impl FnOnce(Option<A>) -> Option<A>,
    ) -> Result<(), OperatorError> {
        let timestamp = cause.timestamp;
        let changed = self.rows.borrow_mut().update(&mut self.key, window, cause, |row| match row {
            Some((aggregate, time)) => (update(Some(aggregate)), time.max(timestamp)),
            None => (update(None), timestamp),
        });
        if self.rows.borrow().refuses(window) {
            context.drop_record(&self.node, DropReason::Expired);
        }
        match changed.map_err(|error| OperatorError::rows(&self.node, error))? {
            Some(changed) if self.emission == Emission::OnUpdate => {
                let key = key.clone().into_key().map_err(|error| OperatorError::unmade_key(&self.node, &error))?;
                let (value, timestamp, headers) = (changed.change, changed.timestamp, cause.headers.clone());
                self.outputs.forward(context, Record { key: Windowed { key, window }, value, timestamp, headers })
            }
            _ => Ok(()),
        }
    }
}

/// How many rows of closed windows are copied before they are forwarded.
const ROWS_PER_STEP: usize = 256;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::operators::testing::{Chain, Setup, Word, at, headers};
    use crate::operators::{DropReason, Emission, Recipe, StoreId, stream_table_join};
    use crate::record::{Change, Headers, Record, Timestamp};
    use crate::state::kinds::Windowing as _;
    use crate::state::rows::Cause;
    use crate::state::window_store::WindowRows;
    use crate::state::{CacheBudget, Memory, StateBackend, StoreAccess, StoreIndex, TaskState};
    use crate::windows::{Hopping, TimeWindows, Tumbling, Window, WindowSize, WindowSizes, Windowed};

    type Windows = Chain<Option<Word>, Option<Word>, Windowed<Word>, Change<Word>>;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Concatenates values, with `~` for null; `X` deletes the row.
    fn concatenated(windows: TimeWindows) -> Recipe {
        concatenated_and_emitted(windows, Emission::OnUpdate)
    }

    fn concatenated_and_emitted(windows: TimeWindows, emission: Emission) -> Recipe {
        super::recipe::<Option<Word>, Option<Word>, Word>(StoreId(0), windows, emission, |_, value, all| {
            let value = value.map_or_else(|| "~".to_owned(), |value| value.0);
            (value != "X").then(|| Word(all.map_or_else(String::new, |all| all.0) + &value))
        })
    }

    fn chain(windows: TimeWindows, cache_bytes: usize, old_values: bool) -> Windows {
        let setup = Setup { cache_bytes, old_values, ..Setup::default() }.windowed(windows, windows.changing_for());
        Chain::with(setup, &concatenated(windows))
    }

    fn input(timestamp: i64, value: &str) -> Record<Option<Word>, Option<Word>> {
        at(timestamp, Some("k".into()), Some(value.into()))
    }

    /// The window's start and end, and the change's timestamp, old and new value.
    type Seen = (i64, i64, i64, Option<String>, Option<String>);

    fn seen(chain: &mut Windows) -> Vec<Seen> {
        let received = chain.received().into_iter();
        received
            .map(|Record { key, value, timestamp, .. }| {
                let text = |word: Option<Word>| word.map(|word| word.0);
                (key.window.start.0, key.window.end.0, timestamp.0, text(value.old), text(value.new))
            })
            .collect()
    }

    fn row(start: i64, end: i64, timestamp: i64, new: &str) -> Seen {
        (start, end, timestamp, None, Some(new.to_owned()))
    }

    #[test]
    fn tumbling_windows_hold_their_start_and_not_their_end() {
        for cache_bytes in [0, 1 << 20] {
            let mut chain = chain(Tumbling::of(ms(10)).grace(ms(100)), cache_bytes, false);
            for (timestamp, value) in [(0, "a"), (9, "b"), (10, "c"), (19, "d"), (5, "e")] {
                chain.send(input(timestamp, value));
            }
            chain.flush();
            let all = seen(&mut chain);
            let last: Vec<_> = if cache_bytes == 0 {
                assert_eq!(all.len(), 5);
                all[3..].to_vec()
            } else {
                all
            };
            assert_eq!(last, [row(10, 20, 19, "cd"), row(0, 10, 9, "abe")], "times are the largest of the row's");
        }
    }

    #[test]
    fn a_window_closes_when_stream_time_is_its_end_plus_grace() {
        for (stream_time, late) in [(10, 0), (14, 0), (15, 1), (16, 1)] {
            let mut chain = chain(Tumbling::of(ms(10)).grace(ms(5)), 0, false);
            chain.send(input(3, "a"));
            chain.send(input(stream_time, "b"));
            chain.received();
            chain.send(input(9, "c"));
            let expected = if late == 0 { vec![row(0, 10, 9, "ac")] } else { vec![] };
            assert_eq!(seen(&mut chain), expected, "stream time {stream_time}");
            assert_eq!(chain.context.dropped(DropReason::Late), late, "stream time {stream_time}");
        }
    }

    #[test]
    fn a_hopping_record_that_is_late_for_some_windows_still_updates_the_others() {
        let mut chain = chain(Hopping::of(ms(10)).advance_by(ms(4)).grace(ms(2)), 0, false);
        chain.send(input(9, "a"));
        assert_eq!(seen(&mut chain), [row(0, 10, 9, "a"), row(4, 14, 9, "a"), row(8, 18, 9, "a")]);
        chain.send(input(16, "b"));
        assert_eq!(seen(&mut chain), [row(8, 18, 16, "ab"), row(12, 22, 16, "b"), row(16, 26, 16, "b")]);
        chain.send(input(9, "c"));
        assert_eq!(seen(&mut chain), [row(8, 18, 16, "abc")], "[0,10) and [4,14) are closed at 16 - 2");
        assert_eq!(chain.context.dropped(DropReason::Late), 2, "counted per window");
    }

    #[test]
    fn null_values_count_and_null_keys_do_not_even_move_stream_time() {
        let mut chain = chain(Tumbling::of(ms(10)).no_grace(), 0, false);
        chain.send(at(1, Some("k".into()), None));
        chain.send(at(1_000, None, Some("lost".into())));
        chain.send(input(2, "a"));
        assert_eq!(seen(&mut chain), [row(0, 10, 1, "~"), row(0, 10, 2, "~a")]);
        assert_eq!(chain.context.dropped(DropReason::NullKey), 1);
        assert_eq!(chain.context.dropped(DropReason::Late), 0);
    }

    #[test]
    fn a_deleted_row_forwards_a_tombstone_and_begins_anew() {
        let mut chain = chain(Tumbling::of(ms(10)).no_grace(), 0, true);
        for (timestamp, value) in [(5, "a"), (4, "X"), (3, "b")] {
            chain.send(input(timestamp, value));
        }
        let text = |text: &str| Some(text.to_owned());
        let expected = [(0, 10, 5, None, text("a")), (0, 10, 5, text("a"), None), (0, 10, 3, None, text("b"))];
        assert_eq!(seen(&mut chain), expected);
    }

    #[test]
    fn with_a_cache_each_window_is_written_logged_and_forwarded_once_per_flush() {
        let mut chain = chain(Tumbling::of(ms(10)).grace(ms(50)), 1 << 20, true);
        for (timestamp, value) in [(12, "a"), (5, "b"), (13, "c")] {
            chain.send(input(timestamp, value));
        }
        chain.send(input(25, "d"));
        chain.send(input(26, "X"));
        chain.flush();
        assert_eq!(seen(&mut chain), [row(0, 10, 5, "b"), row(10, 20, 13, "ac")], "the third came and went");
        let key = |start: i64| [&b"k"[..], &start.to_be_bytes(), &[0; 4]].concat();
        let logged = [(key(0), Some(b"b".to_vec()), 5), (key(10), Some(b"ac".to_vec()), 13)];
        assert_eq!(chain.logged(0), logged, "Java's key, the plain value, the row's time");
        let stored = |start: i64, time: i64, value: &[u8]| {
            ([&(start ^ i64::MIN).to_be_bytes()[..], b"k"].concat(), [&time.to_be_bytes(), value].concat())
        };
        assert_eq!(chain.stored(0), [stored(0, 5, b"b"), stored(10, 13, b"ac")]);

        chain.send(input(14, "e"));
        chain.flush();
        let expected = (10, 20, 14, Some("ac".to_owned()), Some("ace".to_owned()));
        assert_eq!(seen(&mut chain), [expected]);
    }

    #[test]
    fn rows_whose_time_is_over_are_deleted_but_not_from_the_changelog() {
        for cache_bytes in [0, 1 << 20] {
            let tens = Tumbling::of(ms(10)).no_grace();
            let setup = Setup { cache_bytes, ..Setup::default() }.windowed(tens, ms(40));
            let mut chain: Windows = Chain::with(setup, &concatenated(tens));
            for (timestamp, starts) in
                [(0, vec![0]), (10, vec![0, 10]), (39, vec![0, 10, 30]), (49, vec![10, 30, 40]), (95, vec![90])]
            {
                chain.send(input(timestamp, "v"));
                chain.commit();
                let stored = chain.stored(0);
                let found: Vec<_> = stored
                    .iter()
                    .map(|(key, _)| crate::state::window_key::split(key).expect("a window's key").0.0)
                    .collect();
                assert_eq!(found, starts, "at {timestamp}");
            }
            assert!(chain.logged(0).iter().all(|(_, value, _)| value.is_some()), "no deletion is logged");
        }
    }

    #[test]
    fn the_nodes_own_stream_time_is_kept_for_it() {
        let mut chain = chain(Tumbling::of(ms(10)).no_grace(), 0, false);
        let (name, time) = (&chain.parts.stream_times[0].0, std::rc::Rc::clone(&chain.parts.stream_times[0].1));
        assert_eq!((&**name, time.get()), ("NODE", Timestamp::UNKNOWN));
        time.set(Timestamp(50));
        chain.send(input(5, "late"));
        assert_eq!((seen(&mut chain), chain.context.dropped(DropReason::Late)), (vec![], 1));
        chain.send(input(60, "a"));
        assert_eq!(time.get(), Timestamp(60));
    }

    #[test]
    fn a_look_up_by_a_key_that_does_not_know_its_windows_end_leaves_the_rows_as_they_are() {
        let windows = Tumbling::of(ms(10)).no_grace();
        for cache_bytes in [0, 1 << 20] {
            let join = stream_table_join::recipe::<Windowed<Word>, Word, Word, String>(
                super::view(StoreId(0)),
                true,
                |_, _, row| Some(row.map_or_else(|| "-".to_owned(), |row: Word| row.0)),
            );
            let setup = Setup { cache_bytes, ..Setup::default() }.windowed(windows, ms(10));
            let (mut joined, aggregate) = Chain::<Windowed<Word>, Word, Windowed<Word>, String>::with_neighbour::<
                Option<Word>,
                Option<Word>,
            >(setup, &join, &concatenated(windows));
            let read = Windowed { key: "k".into(), window: Window { start: Timestamp(10), end: Timestamp(i64::MAX) } };
            joined.send(at(1, read.clone(), "x".into()));
            aggregate.borrow_mut().process(&mut joined.context, input(15, "a")).unwrap();
            joined.send(at(1, read.clone(), "x".into()));
            joined.commit();
            joined.send(at(1, read, "x".into()));
            let values: Vec<_> = joined.received().into_iter().map(|record| record.value).collect();
            assert_eq!(values, ["-", "a", "a"], "cache: {cache_bytes}");
        }
        let mut rows = rows_of(1 << 20);
        let read = Window { start: Timestamp(10), end: Timestamp(i64::MAX) };
        let mut key = rows.key_in_windows();
        key.set(&Word::from("k")).unwrap();
        assert_eq!(rows.get(&mut key, read).unwrap(), None);
        let cause = Cause { timestamp: Timestamp(15), headers: &Headers::new() };
        let window = Window { start: Timestamp(10), end: Timestamp(20) };
        rows.update(&mut key, window, cause, |_| (Some("a".into()), Timestamp(15))).unwrap();
        let mut changes = Vec::new();
        rows.rows_mut().flush(10, Some(&mut changes)).unwrap();
        assert_eq!(changes[0].key.window, window);
    }

    /// Regression: a cache kept rows of windows that were over, so what a lookup found depended on the cache's size; and a
    /// row was found until it was deleted, some time after it was over.
    #[test]
    fn a_row_of_a_window_that_is_over_is_not_found_cached_or_not() {
        for cache_bytes in [0, 1 << 20] {
            let mut rows = rows_of(cache_bytes);
            let mut key = rows.key_in_windows();
            key.set(&Word::from("k")).unwrap();
            let mut found = Vec::new();
            for start in [10, 100, 109, 110, 1_000] {
                let window = Window { start: Timestamp(start), end: Timestamp(start + 10) };
                let cause = Cause { timestamp: Timestamp(start), headers: &Headers::new() };
                rows.update(&mut key, window, cause, |_| (Some("a".into()), Timestamp(start))).unwrap();
                let first = Window { start: Timestamp(10), end: Timestamp(20) };
                found.push(rows.get(&mut key, first).unwrap().is_some());
            }
            assert_eq!(found, [true, true, true, false, false], "cache: {cache_bytes}");
        }
    }

    /// Rows over an empty store.
    fn rows_of(cache_bytes: usize) -> WindowRows<Word, Word> {
        let store = Memory.open(std::path::Path::new("unused"), &["store".to_owned()]).unwrap();
        let state = std::rc::Rc::new(std::cell::RefCell::new(TaskState::new(store)));
        let kind = Tumbling::of(ms(10)).no_grace().kind(ms(100));
        let access = StoreAccess::new("store".into(), StoreIndex(1), state, None);
        WindowRows::new(
            access.of(kind, WindowSizes::NONE.around(WindowSize::Millis(10))),
            CacheBudget::new(cache_bytes),
        )
    }

    #[test]
    fn on_close_rows_are_forwarded_once_and_logged_once_per_flush() {
        for (cache_bytes, updates_logged) in [(0, 5), (1 << 20, 3)] {
            let tens = Tumbling::of(ms(10)).grace(ms(5));
            let setup = Setup { cache_bytes, old_values: true, ..Setup::default() }.windowed(tens, tens.changing_for());
            let mut chain: Windows = Chain::with(setup, &concatenated_and_emitted(tens, Emission::OnClose));
            for (timestamp, key, value) in
                [(3, "b", "1"), (8, "k", "2"), (6, "k", "3"), (5, "a", "X"), (14, "a", "4"), (2, "k", "5")]
            {
                chain.send(at(timestamp, Some(key.into()), Some(value.into())));
            }
            chain.flush();
            assert_eq!(chain.received(), [], "nothing has closed");
            let caused = Record { headers: headers("h", "x"), ..input(90, "6") };
            chain.send(caused);
            let expected = [("b", 0, 3, "1"), ("k", 0, 8, "235"), ("a", 10, 14, "4")];
            let expected = expected.map(|(key, start, timestamp, value)| Record {
                key: Windowed {
                    key: Word::from(key),
                    window: Window { start: Timestamp(start), end: Timestamp(start + 10) },
                },
                value: Change::latest(None, Some(Word::from(value))),
                timestamp: Timestamp(timestamp),
                headers: headers("h", "x"),
            });
            assert_eq!(chain.received(), expected, "by start and key, with the headers of what has closed them");
            let of_closed = |(_, value, timestamp): &(_, Option<Vec<u8>>, i64)| value.is_some() && *timestamp < 90;
            assert_eq!(chain.logged(0).iter().filter(|row| of_closed(row)).count(), updates_logged);
        }
    }

    #[test]
    fn windows_of_one_key_and_keys_of_one_window_are_kept_apart() {
        let mut chain = chain(Tumbling::of(ms(10)).grace(ms(1_000)), 1 << 20, false);
        for key in ["a", "b", "aa"] {
            for timestamp in (0..500).step_by(10) {
                chain.send(at(timestamp, Some(key.into()), Some(Word(format!("{key}{timestamp}")))));
            }
        }
        chain.flush();
        let received = chain.received();
        assert_eq!(received.len(), 150);
        for record in received {
            let Windowed { key, window: Window { start, .. } } = record.key;
            assert_eq!(record.value.new, Some(Word(format!("{}{start}", key.0, start = start.0))));
        }
    }
}
