//! Tests of processors within a task.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{Forward, Processor, PunctuationId, Schedule};
use crate::operators::processor_stores::{Refs, StoreTuple};
use crate::operators::testing::{Chain, Setup, at, headers};
use crate::operators::{Context, PunctuationTime, Recipe, RecordPosition, StoreId};
use crate::record::{Offset, Partition, Record, Timestamp};
use crate::state::KeyValueStore;

const SEEN: KeyValueStore<String, bool> = KeyValueStore::new("seen");
const TOTALS: KeyValueStore<String, i64> = KeyValueStore::new("totals");

/// Fixes the closure's types as the DSL does, from the stream and the stores.
fn process<S: StoreTuple, K2: Clone + 'static, V2: Clone + 'static>(
    stores: S,
    code: impl Fn(Refs<'_, S>, &String, i64, &mut Forward<'_, K2, V2>) + Send + Sync + 'static,
) -> Recipe {
    let ids = (0..).map(StoreId).take(stores.specs().len()).collect();
    super::recipe(&stores, ids, code)
}

fn chain<K2: Send + 'static, V2: Send + 'static>(recipe: &Recipe) -> Chain<String, i64, K2, V2> {
    Chain::with(Setup { stores: vec!["seen", "totals"], ..Setup::default() }, recipe)
}

fn pay(timestamp: i64, id: &str, cents: i64) -> Record<String, i64> {
    at(timestamp, id.to_owned(), cents)
}

#[test]
fn stores_arrive_as_borrowed_handles_and_what_is_sent_is_delivered() {
    let recipe = process((SEEN, TOTALS), |(mut seen, mut totals), id, cents, out| {
        if seen.get(id).is_none() {
            seen.put(id, true);
            let total = totals.get(id).unwrap_or(0) + cents;
            totals.put(id, total);
            out.send(id.clone(), total);
        }
    });
    let mut chain = chain(&recipe);
    for record in [pay(1, "a", 5), pay(2, "a", 6), pay(3, "b", 7)] {
        chain.send(record);
    }
    assert_eq!(chain.received(), [pay(1, "a", 5), pay(3, "b", 7)]);
    let logged = |id: &str, cents: i64, time| (id.into(), Some(cents.to_be_bytes().to_vec()), time);
    assert_eq!(chain.logged(1), [logged("a", 5, 1), logged("b", 7, 3)], "plain values, the record's time");
    assert_eq!(
        chain.stored(1),
        [("a".into(), 5_i64.to_be_bytes().to_vec()), ("b".into(), 7_i64.to_be_bytes().to_vec())]
    );
}

#[test]
fn one_store_arrives_alone_and_none_as_nothing() {
    let mut one = chain(&process(TOTALS, |mut totals, id, cents, out: &mut Forward<'_, String, i64>| {
        totals.put(id, cents);
        totals.delete(&"b".to_owned());
        out.send("all".to_owned(), totals.all().iter().map(|(_, cents)| cents).sum());
    }));
    one.send(pay(1, "a", 5));
    one.send(pay(2, "b", 6));
    one.send(pay(3, "c", 7));
    assert_eq!(one.received(), [pay(1, "all", 5), pay(2, "all", 5), pay(3, "all", 12)]);
    assert_eq!(one.logged(0).iter().filter(|(_, value, _)| value.is_none()).count(), 3, "deletions are logged");

    let mut none = chain::<i64, String>(&process((), |(), id, cents, out| out.send(cents, id.clone())));
    none.send(pay(1, "a", 5));
    assert_eq!(none.received(), [at(1, 5, "a".to_owned())]);
}

#[test]
fn records_are_delivered_in_order_with_the_times_and_headers_they_were_sent_with() {
    let recipe = process((), |(), id, cents, out| {
        out.send(id.clone(), cents);
        out.send_record(Record { headers: headers("own", "2"), ..at(99, "own".to_owned(), out.timestamp().0) });
        out.send(id.clone(), i64::try_from(out.headers().len()).unwrap());
        out.request_commit();
    });
    let mut chain = chain(&recipe);
    let record = Record { headers: headers("in", "1"), ..pay(7, "a", 5) };
    chain.send(record.clone());
    let own = Record { headers: headers("own", "2"), ..pay(99, "own", 7) };
    assert_eq!(chain.received(), [record.clone(), own, Record { value: 1, ..record }]);
    assert!(chain.context.commit_requested);
}

#[test]
fn the_code_can_ask_where_and_when_it_is() {
    let recipe = process((), |(), _, _, out| {
        let position =
            out.position().map(|position| format!("{}-{}@{}", position.topic, position.partition, position.offset));
        out.send(format!("{position:?} in {}", out.task()), (out.stream_time().0, out.wall_clock().0));
    });
    let mut chain = chain::<String, (i64, i64)>(&recipe);
    chain.context.wall_clock = Timestamp(1_000);
    chain.send(pay(7, "a", 5));
    chain.context.position = Some(RecordPosition { topic: "t".into(), partition: Partition(2), offset: Offset(3) });
    chain.send(pay(5, "a", 5));
    let received: Vec<_> = chain.received().into_iter().map(|record| (record.key, record.value)).collect();
    let expected = [("None in 0_0", (7, 1_000)), ("Some(\"t-2@3\") in 0_0", (7, 1_000))];
    assert_eq!(received, expected.map(|(key, value)| (key.to_owned(), value)));
}

#[test]
fn ranges_are_in_the_order_of_keys_and_end_where_they_are_told_to() {
    let recipe = process(TOTALS, |mut totals, _, limit, out| {
        for number in 0..600 {
            totals.put(&format!("{number:03}"), number);
        }
        let range = totals.range("010".to_owned().."013".to_owned());
        let (mut visited, mut sum) = (0, 0);
        totals.visit("100".to_owned().., |_, number| {
            visited += 1;
            sum += number;
            if visited == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        out.send(range, (i64::try_from(totals.count()).unwrap(), visited, sum));
    });
    let mut chain = chain::<Vec<(String, i64)>, (i64, i64, i64)>(&recipe);
    for limit in [3, 300, 10_000] {
        chain.send(pay(1, "", limit));
    }
    let received = chain.received();
    let keys: Vec<_> = received[0].key.iter().map(|(key, number)| (key.as_str(), *number)).collect();
    assert_eq!(keys, [("010", 10), ("011", 11), ("012", 12)]);
    let values: Vec<_> = received.iter().map(|record| record.value).collect();
    let sum = |numbers: std::ops::Range<i64>| numbers.sum::<i64>();
    assert_eq!(values, [(600, 3, 100 + 101 + 102), (600, 300, sum(100..400)), (600, 500, sum(100..600))]);
}

#[test]
fn another_store_can_be_written_while_one_is_visited() {
    let recipe = process((SEEN, TOTALS), |(mut seen, mut totals), id, cents, out| {
        totals.put(id, cents);
        totals.visit(.., |id, _| {
            seen.put(&id, true);
            ControlFlow::Continue(())
        });
        out.send(seen.count(), totals.count());
    });
    let mut chain = chain::<usize, usize>(&recipe);
    chain.send(pay(1, "a", 5));
    chain.send(pay(1, "b", 5));
    assert_eq!(chain.received(), [at(1, 1, 1), at(1, 2, 2)]);
}

#[test]
fn the_first_failure_of_a_store_fails_the_record_when_the_code_returns_and_nothing_is_delivered() {
    let write = process(TOTALS, |mut totals, id, cents, _: &mut Forward<'_, String, i64>| totals.put(id, cents));
    let mut chain = chain::<String, i64>(&write);
    chain.send(pay(1, "a", 1));
    chain.commit();
    const WRONG: KeyValueStore<String, bool> = KeyValueStore::new("seen");
    let read = process(WRONG, |mut wrong, id, _, out| {
        out.send(id.clone(), wrong.get(id).is_some());
        wrong.put(id, true);
        out.send(id.clone(), wrong.get(id).is_some());
    });
    let mut chain = chain.retyped::<String, i64, String, bool>(&read);
    let error = chain.try_send(pay(1, "a", 1)).unwrap_err().to_string();
    assert!(error.starts_with("NODE: store seen holds a value that cannot be read"), "{error}");
    assert_eq!((chain.received(), chain.logged(0).len()), (vec![], 1), "nothing after the failure");
    chain.try_send(pay(2, "b", 1)).unwrap();
    assert_eq!(chain.received(), [at(2, "b".to_owned(), false), at(2, "b".to_owned(), true)]);
}

/// The code in a `process` and in a `process_values` differs only in the keys that it sends.
#[test]
fn code_that_keeps_the_key_is_spelled_like_code_that_may_change_it() {
    macro_rules! code {
        ($($key:ident)?) => {
            |mut totals, id: &String, cents: i64, out| {
                $(let $key = id.clone();)?
                totals.put(id, cents);
                let place = (out.position().is_some(), out.task().partition.0, out.headers().len());
                let times = (out.timestamp().0, out.stream_time().0, out.wall_clock().0);
                out.send($($key.clone(),)? format!("{place:?} {times:?}"));
                out.send_with($($key,)? "late".to_owned(), Timestamp(99), headers("h", "1"));
                out.request_commit();
            }
        };
    }
    let with_keys = process(TOTALS, code!(key));
    let values = super::values_recipe(&TOTALS, vec![StoreId(0)], code!());
    let first = at(1, "a".to_owned(), "(false, 0, 0) (1, 1, 1000)".to_owned());
    let second = Record { headers: headers("h", "1"), ..at(99, "a".to_owned(), "late".to_owned()) };
    for recipe in [with_keys, values] {
        let mut chain = chain::<String, String>(&recipe);
        chain.context.wall_clock = Timestamp(1_000);
        chain.send(pay(1, "a", 5));
        assert_eq!(chain.received(), [first.clone(), second.clone()]);
        assert!(chain.context.commit_requested);
        assert_eq!(chain.logged(0).len(), 1);
    }
}

#[test]
fn values_keep_their_key() {
    let recipe = super::values_recipe(&TOTALS, vec![StoreId(0)], |mut totals, id: &String, cents: i64, out| {
        let total = totals.get(id).unwrap_or(0) + cents;
        totals.put(id, total);
        out.send(format!("{} at {}", total, out.timestamp().0));
        out.send_with("late".to_owned(), Timestamp(99), headers("h", "1"));
    });
    let mut chain = chain::<String, String>(&recipe);
    chain.send(pay(1, "a", 5));
    let second = Record { headers: headers("h", "1"), ..at(99, "a".to_owned(), "late".to_owned()) };
    assert_eq!(chain.received(), [at(1, "a".to_owned(), "5 at 1".to_owned()), second]);
}

/// Counts records, and sends the count along with the punctuation that triggered it.
#[derive(Default)]
struct Counting {
    records: i64,
    by_stream_time: Option<PunctuationId>,
}

impl Processor<String, i64, String, i64> for Counting {
    type Stores = (KeyValueStore<String, i64>,);

    fn init(&mut self, schedule: &mut Schedule) {
        schedule.every(Duration::from_secs(1), PunctuationTime::WallClock);
        self.by_stream_time = Some(schedule.every(Duration::from_millis(10), PunctuationTime::Stream));
    }

    fn process(
        &mut self,
        (mut last,): Refs<'_, Self::Stores>,
        record: Record<String, i64>,
        _: &mut Forward<'_, String, i64>,
    ) {
        self.records += 1;
        last.put(&record.key, record.value);
    }

    fn punctuate(
        &mut self,
        punctuation: PunctuationId,
        time: Timestamp,
        (mut last,): Refs<'_, Self::Stores>,
        out: &mut Forward<'_, String, i64>,
    ) {
        let by = if Some(punctuation) == self.by_stream_time { "stream" } else { "wall clock" };
        last.put(&by.to_owned(), time.0);
        out.send(format!("{by} {}", out.position().is_none()), self.records);
    }
}

#[test]
fn punctuations_call_the_processor_with_its_stores_and_their_time() {
    let recipe = super::processor_recipe(vec![StoreId(0)], Counting::default);
    let mut chain = chain::<String, i64>(&recipe);
    let schedule: Vec<_> = chain.parts.punctuations.iter().map(|due| (due.time, due.interval)).collect();
    let expected =
        [(PunctuationTime::WallClock, Duration::from_secs(1)), (PunctuationTime::Stream, Duration::from_millis(10))];
    assert_eq!(schedule, expected);
    chain.send(pay(1, "a", 5));
    let fire = |which: usize, now: i64, chain: &mut Chain<String, i64, String, i64>| {
        let (id, target) = {
            let due = &chain.parts.punctuations[which];
            (due.id, std::rc::Rc::clone(&due.target))
        };
        let context: &mut Context = &mut chain.context;
        target.borrow_mut().punctuate(context, id, Timestamp(now)).unwrap();
    };
    fire(1, 20, &mut chain);
    chain.send(pay(2, "b", 6));
    fire(0, 5_000, &mut chain);
    assert_eq!(chain.received(), [pay(20, "stream true", 1), pay(5_000, "wall clock true", 2)]);
    let logged: Vec<_> = chain.logged(0).into_iter().map(|(_, _, time)| time).collect();
    assert_eq!(logged, [1, 20, 2, 5_000], "what a punctuation writes has its time");
}

#[test]
fn a_punctuation_without_an_interval_is_an_error_of_the_build() {
    struct Hasty;
    impl Processor<String, i64, String, i64> for Hasty {
        type Stores = ();
        fn init(&mut self, schedule: &mut Schedule) {
            schedule.every(Duration::from_micros(10), PunctuationTime::Stream);
        }
        fn process(&mut self, (): (), _: Record<String, i64>, _: &mut Forward<'_, String, i64>) {}
    }
    let recipe = super::processor_recipe(vec![], || Hasty);
    let error = Chain::<String, i64, String, i64>::try_new(&recipe, 1).err().unwrap().to_string();
    assert!(error.contains("more often than once a millisecond"), "{error}");
}
