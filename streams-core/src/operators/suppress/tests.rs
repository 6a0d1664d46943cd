//! What suppressions hold back, send on, and keep.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Limits, Suppression, Until, WhenFull};
use crate::operators::testing::{Chain, Num, Setup, Word, at, headers};
use crate::operators::{
    BuiltNode, Context, Next, OperatorError, Outputs, Recipe, RecordPosition, StoreId, TableView, TableViewRecipe,
    stream_table_join,
};
use crate::record::{Change, Headers, Offset, Partition, Record, Timestamp};
use crate::state::StoreKind as _;
use crate::state::kinds::{ChangelogRecord, Suppressed};
use crate::windows::{Window, WindowSize, WindowSizes, Windowed};

type Plain = Chain<Word, Change<Num>, Word, Change<Num>>;
type InWindows = Chain<Windowed<Word>, Change<Num>, Windowed<Word>, Change<Num>>;

const STORE: StoreId = StoreId(0);
/// How long windows are.
const SIZE_MS: i64 = 100;

fn setup() -> Setup {
    Setup { kind: std::sync::Arc::new(Suppressed), ..Setup::default() }
}

fn time_limit(limit_ms: i64) -> Suppression<Word> {
    Suppression { until: Until::TimeLimit(limit_ms), limits: Limits::NONE }
}

fn limited(limits: Limits) -> Suppression<Word> {
    Suppression { limits, ..time_limit(i64::MAX) }
}

fn closing(grace_ms: i64) -> Suppression<Windowed<Word>> {
    let until = Until::WindowCloses { end: |key: &Windowed<Word>| key.window.end, grace_ms };
    Suppression { until, limits: Limits::NONE }
}

fn plain(suppression: Suppression<Word>) -> Plain {
    Chain::with(setup(), &super::recipe::<Word, Num>(STORE, suppression, false))
}

fn windowed(suppression: Suppression<Windowed<Word>>, behind_caches: bool) -> InWindows {
    let windows = WindowSizes::NONE.around(WindowSize::Millis(SIZE_MS));
    let setup = Setup { windows, cache_bytes: if behind_caches { 1 << 20 } else { 0 }, ..setup() };
    Chain::with(setup, &super::recipe::<Windowed<Word>, Num>(STORE, suppression, behind_caches))
}

fn change(timestamp: i64, key: &str, old: Option<i64>, new: Option<i64>) -> Record<Word, Change<Num>> {
    at(timestamp, key.into(), Change::latest(old.map(Num), new.map(Num)))
}

fn in_window(timestamp: i64, key: &str, start: i64, new: Option<i64>) -> Record<Windowed<Word>, Change<Num>> {
    let window = Window { start: Timestamp(start), end: Timestamp(start + SIZE_MS) };
    at(timestamp, Windowed { key: key.into(), window }, Change::latest(None, new.map(Num)))
}

/// A record, and what is to come out at once.
type Then<K, V> = (Record<K, V>, Vec<Record<K, V>>);

/// Sends records one after the other.
fn timeline<K, V>(mut chain: Chain<K, V, K, V>, steps: Vec<Then<K, V>>) -> Chain<K, V, K, V>
where
    K: std::fmt::Debug + Clone + PartialEq + Send + 'static,
    V: std::fmt::Debug + Clone + PartialEq + Send + 'static,
{
    for (number, (record, expected)) in steps.into_iter().enumerate() {
        chain.send(record.clone());
        assert_eq!(chain.received(), expected, "after record {number}, {record:?}");
    }
    chain
}

#[test]
fn without_a_time_everything_passes_at_once() {
    let chain = timeline(
        plain(time_limit(0)),
        vec![
            (change(5, "a", None, Some(1)), vec![change(5, "a", None, Some(1))]),
            (change(7, "a", Some(1), None), vec![change(7, "a", Some(1), None)]),
            // Late, so it is over at once.
            (change(3, "b", None, Some(2)), vec![change(3, "b", None, Some(2))]),
        ],
    );
    assert_eq!(chain.stored(0), []);
}

#[test]
fn a_change_waits_from_the_first_one_of_its_key_and_the_last_one_is_sent() {
    timeline(
        plain(time_limit(10)),
        vec![
            (change(0, "a", None, Some(1)), vec![]),
            (change(5, "b", None, Some(2)), vec![]),
            (change(8, "a", Some(1), Some(3)), vec![]),
            (change(9, "a", Some(3), Some(4)), vec![]),
            // The old value is what was sent on before: nothing.
            (change(10, "c", None, Some(5)), vec![change(9, "a", None, Some(4))]),
            (change(11, "a", Some(4), Some(6)), vec![]),
            (change(14, "a", Some(6), Some(7)), vec![]),
            (
                change(21, "d", None, Some(8)),
                vec![change(5, "b", None, Some(2)), change(10, "c", None, Some(5)), change(14, "a", Some(4), Some(7))],
            ),
        ],
    );
}

/// To be compared with Kafka Streams, which sends the old value of the last change, although nobody has got it.
#[test]
fn where_flaws_are_repeated_the_old_value_is_that_of_the_last_change() {
    let setup = Setup { repeats_flaws: true, ..setup() };
    let chain = Chain::with(setup, &super::recipe::<Word, Num>(STORE, time_limit(10), false));
    timeline(
        chain,
        vec![
            (change(0, "a", Some(1), Some(2)), vec![]),
            (change(8, "a", Some(2), Some(3)), vec![]),
            (change(9, "b", Some(4), Some(5)), vec![]),
            (change(30, "c", None, Some(6)), vec![change(8, "a", Some(2), Some(3)), change(9, "b", Some(4), Some(5))]),
        ],
    );
}

#[test]
fn changes_of_the_same_time_are_sent_in_the_order_of_their_keys() {
    timeline(
        plain(time_limit(5)),
        vec![
            (change(1, "b", None, Some(1)), vec![]),
            (change(1, "a", None, Some(2)), vec![]),
            (change(1, "ab", None, Some(3)), vec![]),
            (
                change(6, "x", None, Some(4)),
                vec![change(1, "a", None, Some(2)), change(1, "ab", None, Some(3)), change(1, "b", None, Some(1))],
            ),
        ],
    );
}

#[test]
fn a_window_is_sent_when_its_end_and_its_grace_are_over() {
    timeline(
        windowed(closing(5), false),
        vec![
            (in_window(99, "a", 0, Some(1)), vec![]),
            (in_window(104, "b", 100, Some(1)), vec![]),
            (in_window(50, "a", 0, Some(2)), vec![]),
            (in_window(105, "b", 100, Some(2)), vec![in_window(50, "a", 0, Some(2))]),
            // A window that is closed already is sent at once.
            (in_window(10, "c", 0, Some(3)), vec![in_window(10, "c", 0, Some(3))]),
        ],
    );
}

#[test]
fn only_windows_that_are_final_leave_out_deletions() {
    timeline(
        windowed(closing(0), false),
        vec![
            (in_window(1, "a", 0, Some(1)), vec![]),
            (in_window(2, "a", 0, None), vec![]),
            (in_window(100, "b", 100, Some(1)), vec![]),
        ],
    );
    timeline(plain(time_limit(0)), vec![(change(1, "a", None, None), vec![change(1, "a", None, None)])]);
}

const ROOM_FOR_TWO: Limits = Limits { records: 2, ..Limits::NONE };

#[test]
fn too_many_changes_are_sent_early_the_longest_waiting_first() {
    timeline(
        plain(limited(Limits { when_full: WhenFull::EmitEarly, ..ROOM_FOR_TWO })),
        vec![
            (change(3, "a", None, Some(1)), vec![]),
            (change(2, "b", None, Some(2)), vec![]),
            (change(4, "b", Some(2), Some(3)), vec![]),
            (change(9, "c", None, Some(4)), vec![change(4, "b", None, Some(3))]),
            (change(1, "d", None, Some(5)), vec![change(1, "d", None, Some(5))]),
        ],
    );
}

/// A change has 8 bytes of time, 1 of key, 8 of each value and 20 of context; topic and headers add to that.
#[test]
fn bytes_are_counted_as_java_counts_them() {
    let limits = Limits { bytes: 100, when_full: WhenFull::EmitEarly, ..Limits::NONE };
    timeline(
        plain(limited(limits)),
        vec![
            (change(1, "a", None, Some(1)), vec![]),    // 37
            (change(2, "b", Some(1), Some(1)), vec![]), // 45
            (change(3, "b", Some(1), Some(2)), vec![]), // the same
            (change(4, "b", Some(2), Some(3)), vec![]), // 53: 90 in all
            (change(5, "a", Some(1), Some(2)), vec![]), // 45: 98
            (change(6, "c", None, None), vec![change(5, "a", None, Some(2))]),
        ],
    );
    for (topic, over) in [("12345678", false), ("123456789", true)] {
        let mut chain = plain(limited(Limits { bytes: 48, when_full: WhenFull::ShutDown, ..Limits::NONE }));
        chain.context.position = Some(position(topic));
        let record = Record { headers: headers("h", "xy"), ..change(1, "a", None, Some(1)) };
        assert_eq!(chain.try_send(record).is_err(), over, "{topic}");
    }
}

#[test]
fn a_full_buffer_that_must_not_send_early_is_an_error_that_says_so() {
    for (limits, what, held, limit) in
        [(ROOM_FOR_TWO, "records", 3, 2), (Limits { bytes: 80, ..Limits::NONE }, "bytes", 111, 80)]
    {
        let mut chain = plain(limited(limits));
        chain.send(change(1, "a", None, Some(1)));
        chain.send(change(2, "b", None, Some(2)));
        let error = chain.try_send(change(3, "c", None, Some(3))).unwrap_err();
        assert_eq!(error, OperatorError::BufferFull { node: "NODE".to_owned(), what, held, limit });
        assert!(
            error.to_string().starts_with(&format!("NODE holds back {held} {what}, and may hold {limit}: ")),
            "{error}"
        );
    }
}

fn position(topic: &str) -> RecordPosition {
    RecordPosition { topic: topic.into(), partition: Partition(3), offset: Offset(7) }
}

#[test]
fn what_is_sent_has_the_headers_of_the_change_that_waited() {
    let mut chain = plain(time_limit(10));
    for (time, key, name) in [(0, "a", "first"), (1, "a", "last"), (20, "b", "other")] {
        let record = Record { headers: headers(name, "x"), ..change(time, key, None, Some(time)) };
        chain.send(record);
    }
    assert_eq!(chain.received(), [Record { headers: headers("last", "x"), ..change(1, "a", None, Some(1)) }]);
}

/// Key, value and headers of a changelog record.
type Logged = (Vec<u8>, Option<Vec<u8>>, Headers);

fn logged(chain: &mut Plain) -> Vec<Logged> {
    chain.logged_with_headers(0).into_iter().map(|((key, value, _), headers)| (key, value, headers)).collect()
}

#[test]
fn each_key_that_changed_is_written_once_at_a_commit_in_javas_layout() {
    let mut chain = plain(time_limit(10));
    chain.context.position = Some(position("in"));
    for record in [change(1, "b", Some(7), Some(8)), change(2, "a", None, Some(1)), change(3, "a", Some(1), Some(2))] {
        chain.send(record);
    }
    assert_eq!((logged(&mut chain), chain.stored(0)), (vec![], vec![]));
    chain.flush();
    let context =
        |timestamp: i64| [&timestamp.to_be_bytes()[..], b"\0\0\0\0\0\0\0\x07\0\0\0\x02in\0\0\0\x03\0\0\0\0"].concat();
    let [null, same, eight] = [-1_i32, -2, 8].map(i32::to_be_bytes);
    let number = |number: i64| [&eight[..], &number.to_be_bytes()].concat();
    let time = |time: i64| time.to_be_bytes().to_vec();
    let a = [context(3), null.to_vec(), number(1), number(2), time(2)].concat();
    let b = [context(1), number(7), same.to_vec(), number(8), time(1)].concat();
    let mut layout = Headers::new();
    layout.push("v", &b"\x03"[..]);
    let [key_a, key_b] = [b"a".to_vec(), b"b".to_vec()];
    let rows = [(key_a.clone(), a.clone()), (key_b.clone(), b.clone())];
    assert_eq!(chain.stored(0), rows);
    let expected = [(key_a.clone(), Some(a), layout.clone()), (key_b.clone(), Some(b), layout)];
    assert_eq!(logged(&mut chain), expected);

    // What came and went between two commits is deleted all the same, as Java does.
    chain.send(change(12, "c", None, Some(1)));
    chain.send(change(30, "d", None, Some(1)));
    chain.send(change(40, "d", None, Some(1)));
    chain.flush();
    let expected = [key_a, key_b, b"c".to_vec(), b"d".to_vec()].map(|key| (key, None, Headers::new()));
    assert_eq!(logged(&mut chain), expected);
    assert_eq!(chain.stored(0), []);
}

#[test]
fn after_a_restart_everything_goes_on_as_before() {
    let suppression = time_limit(10);
    let recipe = super::recipe::<Word, Num>(STORE, suppression, false);
    let mut chain = plain(suppression);
    for record in [change(0, "a", Some(9), Some(1)), change(4, "a", Some(1), Some(2)), change(5, "b", None, Some(3))] {
        chain.send(record);
    }
    chain.commit();
    chain.send(change(6, "c", None, Some(4)));
    let chain = chain.restarted(&recipe);
    timeline(
        chain,
        vec![
            (change(7, "b", Some(3), Some(5)), vec![]),
            (change(10, "d", None, Some(6)), vec![change(4, "a", Some(9), Some(2))]),
            (change(15, "e", None, Some(7)), vec![change(7, "b", None, Some(5))]),
        ],
    );
}

#[test]
fn rows_of_another_type_are_refused_with_what_to_do() {
    let recipe = super::recipe::<Word, Word>(STORE, time_limit(10), false);
    let mut chain: Chain<Word, Change<Word>, Word, Change<Word>> = Chain::with(setup(), &recipe);
    chain.send(at(1, "a".into(), Change::latest(None, Some("a long text".into()))));
    chain.commit();
    let mut chain: Plain = chain.retyped(&super::recipe::<Word, Num>(STORE, time_limit(10), false));
    let error = chain.try_send(change(2, "b", None, Some(1))).unwrap_err().to_string();
    assert!(error.contains("store store holds a row that cannot be read") && error.contains("not 8 bytes"), "{error}");
}

/// Several changes arrive at each flush, in an order that has nothing to do with time.
#[test]
fn behind_caches_windows_are_sent_at_commits_each_once() {
    let mut chain = windowed(closing(0), true);
    for record in [in_window(150, "b", 100, Some(1)), in_window(99, "a", 0, Some(1)), in_window(98, "a", 0, Some(2))] {
        chain.send(record);
    }
    assert_eq!(chain.received(), []);
    chain.flush();
    assert_eq!(chain.received(), [in_window(98, "a", 0, Some(2))]);
    chain.send(in_window(200, "c", 200, Some(1)));
    chain.send(in_window(199, "b", 100, Some(2)));
    chain.flush();
    assert_eq!(chain.received(), [in_window(199, "b", 100, Some(2))]);
    assert_eq!(chain.stored(0).len(), 1);
    assert!(!chain.context.commit_requested);
}

#[test]
fn behind_caches_a_buffer_that_is_full_asks_for_a_commit_before_it_gives_up() {
    let mut chain = windowed(Suppression { limits: ROOM_FOR_TWO, ..closing(0) }, true);
    for record in [in_window(1, "a", 0, Some(1)), in_window(2, "b", 0, Some(1)), in_window(100, "c", 100, Some(1))] {
        assert!(!chain.context.commit_requested);
        chain.send(record);
    }
    assert!(chain.context.commit_requested);
    chain.flush();
    assert_eq!(chain.received(), [in_window(1, "a", 0, Some(1)), in_window(2, "b", 0, Some(1))]);
    for key in ["d", "e"] {
        chain.send(in_window(101, key, 100, Some(1)));
    }
    let error = chain.parts.flush(&mut chain.context, 3).unwrap_err();
    assert!(matches!(error, OperatorError::BufferFull { held: 3, limit: 2, .. }), "{error}");
}

#[test]
fn on_the_wall_clock_only_its_time_counts() {
    let suppression = Suppression { until: Until::WallClock(50), limits: Limits::NONE };
    let mut chain = plain(suppression);
    let punctuation = &chain.parts.punctuations[0];
    assert_eq!(punctuation.interval, std::time::Duration::from_millis(5));
    let (id, target) = (punctuation.id, std::rc::Rc::clone(&punctuation.target));
    let look = |chain: &mut Plain, now: i64| {
        chain.context.wall_clock = Timestamp(now);
        target.borrow_mut().punctuate(&mut chain.context, id, Timestamp(now)).unwrap();
        chain.received()
    };
    chain.context.wall_clock = Timestamp(1_000);
    chain.send(change(7, "a", None, Some(1)));
    chain.context.wall_clock = Timestamp(1_030);
    chain.send(change(90_000, "a", Some(1), Some(2)));
    chain.send(change(3, "b", None, Some(3)));
    assert_eq!(look(&mut chain, 1_049), []);
    assert_eq!(look(&mut chain, 1_050), [change(90_000, "a", None, Some(2))]);
    assert_eq!(look(&mut chain, 1_079), []);
    assert_eq!(look(&mut chain, 1_090), [change(3, "b", None, Some(3))]);
    assert_eq!(look(&mut chain, 1_200), []);
}

/// A join sees what was sent on; while a change is on its way, that is what was sent before it.
#[test]
fn lookups_find_what_was_sent_on() {
    /// What was sent, and the row that the join found.
    type Found = (Option<Num>, Option<Num>);
    /// A parent whose rows are all 1,000.
    struct Thousand;
    impl TableView<Word, Num> for Thousand {
        fn get(&mut self, key: &Word) -> Result<Option<(Num, Timestamp)>, OperatorError> {
            self.get_forwarded(key)
        }

        fn get_forwarded(&mut self, _: &Word) -> Result<Option<(Num, Timestamp)>, OperatorError> {
            Ok(Some((Num(1_000), Timestamp(1))))
        }
    }
    let view = || super::view::<Word, Num>(STORE, TableViewRecipe::new(|_| Ok(Box::new(Thousand))));
    let joiner = |_: &Word, change: Change<Num>, row: Option<Num>| Some((change.new, row));
    let join = stream_table_join::recipe::<Word, Change<Num>, Num, Found>(view(), true, joiner);
    let suppress = super::recipe::<Word, Num>(STORE, time_limit(10), false);
    let mut chain: Chain<Word, Change<Num>, Word, Found> = Chain::in_a_row(setup(), &[&suppress, &join]);
    for record in [change(0, "a", Some(7), Some(8)), change(1, "b", None, Some(9)), change(20, "c", None, Some(1))] {
        chain.send(record);
    }
    let sent = |time, key: &str, new, row: Option<i64>| at(time, key.into(), (Some(Num(new)), row.map(Num)));
    assert_eq!(chain.received(), [sent(0, "a", 8, Some(7)), sent(1, "b", 9, None)]);
}

#[test]
fn what_is_sent_comes_from_where_the_change_came_from() {
    /// Forwards where the record comes from.
    struct Where(Outputs<Word, Option<RecordPosition>>);
    impl Next<Word, Change<Num>> for Where {
        fn process(&mut self, context: &mut Context, record: Record<Word, Change<Num>>) -> Result<(), OperatorError> {
            let position = context.position.clone();
            self.0.forward(context, record.with(Word::from("k"), position))
        }
    }
    let place = Recipe::new(|builder| Ok(BuiltNode::link::<Word, Change<Num>>(Where(builder.outputs()?))));
    let suppress = super::recipe::<Word, Num>(STORE, time_limit(10), false);
    let mut chain: Chain<Word, Change<Num>, Word, Option<RecordPosition>> =
        Chain::in_a_row(setup(), &[&suppress, &place]);
    chain.send(change(1, "a", None, Some(1)));
    chain.context.position = Some(position("first"));
    chain.send(change(2, "b", None, Some(1)));
    chain.context.position = Some(position("last"));
    chain.send(change(12, "c", None, Some(1)));
    let positions: Vec<_> = chain.received().into_iter().map(|record| record.value).collect();
    assert_eq!(positions, [None, Some(position("first"))]);
    assert_eq!(chain.context.position, Some(position("last")));
}

/// A change's timestamp, old and new value.
type Waiting = (i64, Option<i64>, Option<i64>);

/// What a suppression should do, told plainly.
#[derive(Clone, Default)]
struct Model {
    /// By time and key: the last change's timestamp, what was sent before, and the last change's value.
    waiting: BTreeMap<(i64, String), Waiting>,
    stream_time: Option<i64>,
}

impl Model {
    fn take(&mut self, time: i64, key: &str, (timestamp, old, new): Waiting) {
        self.stream_time = self.stream_time.max(Some(timestamp));
        match self.waiting.iter_mut().find(|((_, other), _)| other == key) {
            Some((_, waiting)) => (waiting.0, waiting.2) = (timestamp, new),
            None => _ = self.waiting.insert((time, key.to_owned()), (timestamp, old, new)),
        }
    }

    /// What is to be sent, if so much time has to pass and there is room for so many.
    fn due(&mut self, wait_ms: i64, room: usize) -> Vec<Record<Word, Change<Num>>> {
        let due = self.stream_time.unwrap_or(-1) - wait_ms;
        let mut sent = Vec::new();
        while let Some(first) = self.waiting.first_entry() {
            if first.key().0 > due && self.waiting.len() <= room {
                break;
            }
            let ((_, key), (timestamp, old, new)) = self.waiting.pop_first().unwrap();
            sent.push(change(timestamp, &key, old, new));
        }
        sent
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Key, timestamp, value; `None` deletes.
    Record(u8, i64, Option<i64>),
    Commit,
    /// After a crash: what was not committed is gone.
    Restart,
}

fn steps(times: i64) -> impl Strategy<Value = Vec<Step>> {
    let record = (0_u8..5, 0_i64..times, prop::option::weighted(0.8, 0_i64..4));
    let step = prop_oneof![
        8 => record.prop_map(|(key, timestamp, value)| Step::Record(key, timestamp, value)),
        1 => Just(Step::Commit),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 0..80)
}

/// The rows that a changelog leads to.
fn replayed(changelog: &[(Vec<u8>, Option<Vec<u8>>)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = BTreeMap::new();
    for (key, value) in changelog {
        let record = ChangelogRecord { key, value: value.as_deref(), timestamp: Timestamp(0) };
        match Suppressed.to_store(record).unwrap() {
            (key, Some(row)) => _ = rows.insert(key, row),
            (key, None) => _ = rows.remove(&key),
        }
    }
    rows.into_iter().collect()
}

proptest! {
    #[test]
    fn a_time_limit_does_what_the_model_does(steps in steps(60), wait_ms in 0_i64..30, room in 0_usize..6) {
        let room = if room == 5 { usize::MAX } else { room };
        let limits = Limits { records: room, when_full: WhenFull::EmitEarly, ..Limits::NONE };
        let suppression = Suppression { until: Until::TimeLimit(wait_ms), limits };
        let recipe = super::recipe::<Word, Num>(STORE, suppression, true);
        let (mut chain, mut changelog) = (plain(suppression), Vec::new());
        // The table, what downstream knows of it, and the model; each now and as of the last commit.
        let (mut table, mut downstream) = (BTreeMap::<String, i64>::new(), BTreeMap::<Word, Num>::new());
        let mut model = Model::default();
        let mut committed = (table.clone(), downstream.clone(), model.clone());
        for step in steps {
            match step {
                Step::Record(key, timestamp, new) => {
                    let key = format!("k{key}");
                    let old = table.get(&key).copied();
                    match new {
                        Some(new) => _ = table.insert(key.clone(), new),
                        None => _ = table.remove(&key),
                    }
                    model.take(timestamp, &key, (timestamp, old, new));
                    chain.send(change(timestamp, &key, old, new));
                    let received = chain.received();
                    prop_assert_eq!(&received, &model.due(wait_ms, room));
                    for Record { key, value: Change { old, new, .. }, .. } in received {
                        prop_assert_eq!(downstream.get(&key), old.as_ref(), "old is what was sent before");
                        match new {
                            Some(new) => _ = downstream.insert(key, new),
                            None => _ = downstream.remove(&key),
                        }
                    }
                }
                Step::Commit => {
                    chain.commit();
                    changelog.extend(chain.logged_with_headers(0).into_iter().map(|((key, row, _), _)| (key, row)));
                    prop_assert_eq!(chain.stored(0), replayed(&changelog));
                    prop_assert_eq!(chain.stored(0).len(), model.waiting.len());
                    committed = (table.clone(), downstream.clone(), model.clone());
                }
                Step::Restart => {
                    chain = chain.restarted(&recipe);
                    (table, downstream, model) = committed.clone();
                    // The harness keeps no stream times.
                    model.stream_time = None;
                }
            }
        }
    }

    #[test]
    fn windows_are_sent_once_as_the_model_does(steps in steps(500), grace_ms in 0_i64..100, behind_caches in any::<bool>()) {
        let suppression = closing(grace_ms);
        let recipe = super::recipe::<Windowed<Word>, Num>(STORE, suppression, behind_caches);
        let mut chain = windowed(suppression, behind_caches);
        let (mut model, mut committed) = (Model::default(), Model::default());
        let name = |key: &Windowed<Word>| Word(format!("{}@{:03}", key.key.0, key.window.start.0));
        for step in steps {
            let expected = match step {
                Step::Record(number, timestamp, new) => {
                    let record = in_window(timestamp, &format!("k{number}"), timestamp / SIZE_MS * SIZE_MS, new);
                    model.take(record.key.window.end.0, &name(&record.key).0, (timestamp, None, new));
                    chain.send(record);
                    if behind_caches { vec![] } else { model.due(grace_ms, usize::MAX) }
                }
                Step::Commit => {
                    chain.commit();
                    let due = model.due(grace_ms, usize::MAX);
                    committed = model.clone();
                    due
                }
                Step::Restart => {
                    chain = chain.restarted(&recipe);
                    model = Model { stream_time: None, ..committed.clone() };
                    vec![]
                }
            };
            let named = |record: Record<Windowed<Word>, Change<Num>>| {
                let (key, value) = (name(&record.key), record.value.clone());
                record.with(key, value)
            };
            let received: Vec<_> = chain.received().into_iter().map(named).collect();
            let expected: Vec<_> = expected.into_iter().filter(|record| record.value.new.is_some()).collect();
            prop_assert_eq!(received, expected);
        }
    }
}
