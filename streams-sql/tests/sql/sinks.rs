//! A sink that carries a topic to a table.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use millstream::log::Doorbell;
use millstream::prelude::*;
use streams_connect::sink::{OnRefused, Sink};
use streams_sql::SqlTable;

use crate::on_both;
use crate::rig::Database;

on_both!(
    the_table_is_the_topics_last_values_across_restarts_and_cut_connections,
    windowed_keys_are_columns,
    what_a_column_cannot_have_is_left_out_and_all_else_is_written,
    a_table_is_filled_again_beside_and_the_sink_goes_on_with_the_new_one,
    many_sinks_that_begin_at_once_in_an_empty_database_all_begin,
);

const CENTS: Topic<String, Option<i64>> = Topic::new("cents");
/// The same topic as a table's.
const ROWS: Topic<String, i64> = Topic::new("cents");

fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        Doorbell::new().wait(Duration::from_millis(20));
    }
}

/// What the topic says.
fn folded(client: &Client) -> Vec<String> {
    let mut rows = BTreeMap::new();
    for record in client.read(&CENTS).unwrap() {
        match record.value {
            Some(cents) => rows.insert(record.key, cents),
            None => rows.remove(&record.key),
        };
    }
    let mut rows: Vec<String> = rows.iter().map(|(name, cents)| format!("{name}|{cents}")).collect();
    rows.sort();
    rows
}

fn the_table_is_the_topics_last_values_across_restarts_and_cut_connections<D: Database>(database: &D) {
    let log = Embedded::in_memory();
    log.create_topic("cents", 4).unwrap();
    let client = Client::new(log.clone()).unwrap();
    let table = || SqlTable::of(&ROWS, "cents").key("name", String::clone).column("cents", |cents| *cents);
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..4 {
        let sink = Sink::new("to-sql", &ROWS, database.target(table())).batch(50).start(log.clone()).unwrap();
        until("it has taken over", || sink.positions().len() == 4);
        for _ in 0..4 {
            let records: Vec<(String, Option<i64>)> = (0..150)
                .map(|_| (format!("n{}", random.u32(0..60)), (random.u8(..) > 50).then(|| random.i64(..))))
                .collect();
            client.send_all(&CENTS, records).unwrap();
            database.cut_off();
        }
        until(&format!("round {round}: all is there"), || {
            let mut rows = database.rows("SELECT name, cents FROM cents");
            rows.sort();
            rows == folded(&client)
        });
        sink.close().unwrap();
    }
    let partitions = client.partitions("cents").unwrap();
    let ends: Vec<_> = client.bounds(&partitions).unwrap().into_iter().map(|(_, end)| end).collect();
    let expected: Vec<_> = partitions.into_iter().zip(ends).collect();
    assert_eq!(database.positions("cents"), expected, "each record was passed once");
}

fn windowed_keys_are_columns<D: Database>(database: &D) {
    const PER_MINUTE: Topic<Windowed<String>, i64> = Topic::new("per-minute").windows_of(Duration::from_secs(60));
    const CLICKS: Topic<String, i64> = Topic::new("clicks");
    let builder = StreamsBuilder::new();
    let minute = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(60));
    builder.stream(CLICKS).group_by_key().windowed_by(minute).count().to_stream().to(PER_MINUTE);
    let log = Embedded::in_memory();
    let client = Client::new(log.clone()).unwrap();
    for (name, at) in [("ada", 1_000), ("ada", 59_000), ("bob", 2_000), ("ada", 60_000)] {
        client.send_at(&CLICKS, name, 1, Timestamp(at)).unwrap();
    }
    App::new("clicks", builder.build().unwrap()).quiet().run_until_idle(log.clone()).unwrap();
    let table = SqlTable::of(&PER_MINUTE, "per_minute")
        .key("name", |key: &Windowed<String>| key.key.clone())
        .key("starts", |key| key.window.start.0)
        .key("ends", |key| key.window.end.0)
        .column("clicks", |count| *count);
    let sink = Sink::new("to-sql", &PER_MINUTE, database.target(table)).start(log).unwrap();
    let expected = ["ada|0|60000|2", "ada|60000|120000|1", "bob|0|60000|1"];
    until("all is written", || sink.positions().len() == 1 && sink.written() >= 3);
    assert_eq!(database.rows("SELECT name, starts, ends, clicks FROM per_minute ORDER BY name, starts"), expected);
}

fn what_a_column_cannot_have_is_left_out_and_all_else_is_written<D: Database>(database: &D) {
    let small = if D::IS_POSTGRES { "SMALLINT" } else { "INTEGER CHECK (cents < 32768)" };
    database.execute(&format!("CREATE TABLE cents (name TEXT PRIMARY KEY, cents {small})"));
    let log = Embedded::in_memory();
    let client = Client::new(log.clone()).unwrap();
    let records = [("ada", Some(1)), ("bob", Some(40_000)), ("eve", Some(3))];
    client.send_all(&CENTS, records.map(|(name, cents)| (name.to_owned(), cents))).unwrap();
    let table = SqlTable::of(&ROWS, "cents").key("name", String::clone).column("cents", |cents| *cents);
    let sink = Sink::new("to-sql", &ROWS, database.target(table));
    let sink = sink.on_refused(OnRefused::DeadLetter("refused".to_owned())).start(log).unwrap();
    until("all is written", || sink.written() == 2 && sink.refused() == 1);
    assert_eq!(database.rows("SELECT name, cents FROM cents ORDER BY name"), ["ada|1", "eve|3"]);
    let letters = client.read(&Topic::<String, i64>::new("refused")).unwrap();
    assert_eq!(letters.iter().map(|letter| (letter.key.as_str(), letter.value)).collect::<Vec<_>>(), [("bob", 40_000)]);
}

fn a_table_is_filled_again_beside_and_the_sink_goes_on_with_the_new_one<D: Database>(database: &D) {
    let log = Embedded::in_memory();
    log.create_topic("cents", 3).unwrap();
    let client = Client::new(log.clone()).unwrap();
    let table = |factor: i64| {
        SqlTable::of(&ROWS, "cents").key("name", String::clone).column("cents", move |cents| cents * factor)
    };
    let send = |range: std::ops::Range<i64>| {
        let records = range.map(|number| (format!("n{}", number % 40), (number % 7 != 0).then_some(number)));
        client.send_all(&CENTS, records.collect::<Vec<_>>()).unwrap();
    };
    let sorted = || {
        let mut rows = database.rows("SELECT name, cents FROM cents");
        rows.sort();
        rows
    };
    send(0..100);
    let sink = Sink::new("to-sql", &ROWS, database.target(table(1))).start(log.clone()).unwrap();
    until("it has taken over", || sink.positions().len() == 3);
    until("the sink is there", || sorted() == folded(&client));
    // Somebody damages rows, and something is still coming in.
    database.execute("UPDATE cents SET cents = -1; DELETE FROM cents WHERE name = 'n3'");
    send(100..150);
    assert_eq!(database.rebuild(table(1), &ROWS, log.clone()), 150);
    until("all is as the topic says", || sorted() == folded(&client));
    send(150..300);
    until("the sink goes on", || sorted() == folded(&client));
    // Again, while the sink has nothing to do: the position is the same, and only the epoch is another one.
    assert_eq!(database.rebuild(table(1), &ROWS, log.clone()), 300);
    send(300..340);
    until("the sink goes on with this one, too", || sorted() == folded(&client));
    assert!(sink.trouble().is_none() && !sink.has_ended());
    sink.close().unwrap();
    assert_eq!(database.positions("cents__rebuild"), []);
}

fn many_sinks_that_begin_at_once_in_an_empty_database_all_begin<D: Database>(database: &D) {
    let log = Embedded::in_memory();
    let client = Client::new(log.clone()).unwrap();
    client.send(&CENTS, "ada".to_owned(), Some(1)).unwrap();
    let sinks: Vec<_> = (0..8)
        .map(|number| {
            // Two of them for each table.
            let table = SqlTable::of(&ROWS, format!("cents_{}", number / 2));
            let table = table.key("name", String::clone).column("cents", |cents| *cents);
            Sink::new(format!("to-sql-{number}"), &ROWS, database.target(table)).start(log.clone()).unwrap()
        })
        .collect();
    until("all have begun", || sinks.iter().all(|sink| sink.positions().len() == 1 || sink.trouble().is_some()));
    for sink in &sinks {
        assert_eq!(sink.trouble(), None, "{}", sink.name());
    }
    for number in 0..4 {
        let sql = format!("SELECT name, cents FROM cents_{number}");
        until("the row is there", || database.rows(&sql) == ["ada|1"]);
    }
    sinks.into_iter().for_each(|sink| sink.close().unwrap());
}
