//! Two instances on a real Kafka, with tables in SQLite and in PostgreSQL, killed and stopped while orders are written: in the end
//! both databases are what the events say, and who has written has read it.
//!
//! `cargo xtask test` runs a short one. `MILLSTREAM_CYCLES=20` kills 20 times, and stops one in seven of these times.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use millstream::log::{Doorbell, Log as _};
use millstream::prelude::*;
use serde_json::{Value as Json, json};
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// How long others wait for one that is silent, and how long one is stopped: for longer.
const SESSION: Duration = Duration::from_secs(6);
const STOPPED: Duration = Duration::from_secs(14);

const TOPICS: [&str; 5] = ["order-commands", "order-events", "order-summary", "customer-totals", "daily-revenue"];

struct Instance {
    child: Child,
    address: String,
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where everything is.
struct World<'a> {
    kafka: &'a str,
    postgres: String,
    id: String,
    folder: &'a Path,
}

impl World<'_> {
    fn start(&self, number: usize) -> Instance {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
        command.args(["--bootstrap-servers", self.kafka, "--application-id", &self.id, "--port", "0"]);
        command.arg("--sql").arg(self.folder.join("read.db")).args(["--sql", &self.postgres]);
        command.args(["-X", &format!("session.timeout.ms={}", SESSION.as_millis())]);
        command.arg("-X").arg(format!("state.dir={}", self.folder.join(format!("state-{number}")).display()));
        let log =
            std::fs::File::options().create(true).append(true).open(self.folder.join(format!("log-{number}"))).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.strip_prefix("orders at http://").and_then(|rest| rest.split('/').next());
        let address = address.unwrap_or_else(|| panic!("it says {line:?}")).to_owned();
        Instance { child, address }
    }
}

/// `None` if there was no whole answer.
fn ask(address: &str, method: &str, path: &str, body: &str) -> Option<(u16, Json)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).ok()?))
}

/// What the writers share.
#[derive(Default)]
struct Writing {
    addresses: Mutex<Vec<String>>,
    is_over: AtomicBool,
    read_back: AtomicU32,
}

impl Writing {
    /// Asks one instance after the other until there is an answer that says something.
    fn ask(&self, turn: &mut usize, method: &str, path: &str, body: &str) -> Option<Json> {
        while !self.is_over.load(Ordering::SeqCst) {
            *turn += 1;
            let address = {
                let addresses = self.addresses.lock().unwrap();
                addresses[*turn % addresses.len()].clone()
            };
            match ask(&address, method, path, body) {
                Some((200 | 201, answer)) => return Some(answer),
                Some((503, _)) | None => std::thread::sleep(Duration::from_millis(50)),
                Some(other) => panic!("{method} {path}: {other:?}"),
            }
        }
        None
    }

    /// Places orders and pays them, and reads some of them back. Returns those that were paid.
    fn write(&self, writer: usize) -> Vec<String> {
        let (mut paid, mut turn) = (Vec::new(), writer);
        for number in 0_u32.. {
            let id = format!("w{writer}-{number}");
            let items = json!([{ "sku": "pen", "quantity": 2, "cents": number }]);
            let order = json!({ "id": id, "customer": format!("customer-{}", number % 7), "items": items }).to_string();
            let Some(_) = self.ask(&mut turn, "POST", "/orders", &order) else { return paid };
            let pay = format!("/orders/{id}/pay?version=1&command=pay");
            let Some(answer) = self.ask(&mut turn, "POST", &pay, "") else { return paid };
            paid.push(id.clone());
            if number % 5 == 0 {
                let read = format!("/orders/{id}?min_position={}", answer["position"].as_str().unwrap());
                let Some(read) = self.ask(&mut turn, "GET", &read, "") else { return paid };
                assert_eq!(
                    (&read["version"], &read["status"]),
                    (&json!(2), &json!("paid")),
                    "who has written reads it: {id}"
                );
                self.read_back.fetch_add(1, Ordering::SeqCst);
            }
        }
        paid
    }
}

/// What the events say: each order's version, cents and status.
fn said(client: &Client) -> BTreeMap<String, (i64, i64, &'static str)> {
    let events = Topic::<String, String>::new("order-events");
    let mut said: BTreeMap<String, (i64, i64, &str)> = BTreeMap::new();
    for record in client.read(&events).unwrap() {
        let event: Json = serde_json::from_str(&record.value).unwrap();
        let (version, before, _) = said.get(&record.key).copied().unwrap_or_default();
        assert_eq!(event["version"], version + 1, "each version is there once: {} {event}", record.key);
        let (cents, status) = match &event["what"]["placed"]["cents"] {
            Json::Null => (before, "paid"),
            cents => (cents.as_i64().unwrap(), "placed"),
        };
        said.insert(record.key, (version + 1, cents, status));
    }
    said
}

const SUMMARY: &str = "SELECT id, version, status, cents FROM order_summary";
const TOTALS: &str = "SELECT customer, orders, cents FROM customer_totals";

fn in_sqlite(file: &Path, sql: &str) -> Vec<String> {
    let database = rusqlite::Connection::open(file).unwrap();
    database.busy_timeout(Duration::from_secs(20)).unwrap();
    let mut statement = database.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map((), |row| {
        let text = |column| row.get::<_, rusqlite::types::Value>(column);
        let texts = (0..columns).map(text).collect::<rusqlite::Result<Vec<_>>>()?;
        let texts: Vec<String> = texts
            .into_iter()
            .map(|value| match value {
                rusqlite::types::Value::Integer(number) => number.to_string(),
                rusqlite::types::Value::Text(text) => text,
                other => format!("{other:?}"),
            })
            .collect();
        Ok(texts.join("|"))
    });
    let mut rows: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
    rows.sort();
    rows
}

fn in_postgres(runtime: &tokio::runtime::Runtime, client: &tokio_postgres::Client, sql: &str) -> Vec<String> {
    let messages = runtime.block_on(client.simple_query(sql)).unwrap();
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|column| row.get(column).unwrap_or("-").to_owned()).collect::<Vec<_>>().join("|"))
        }
        _ => None,
    });
    let mut rows: Vec<String> = rows.collect();
    rows.sort();
    rows
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// Kills one of two instances, or stops it for longer than others wait, again and again.
fn disturb(world: &World<'_>, writing: &Writing, cycles: usize) {
    let mut instances = [Some(world.start(0)), Some(world.start(1))];
    let tell = |instances: &[Option<Instance>; 2]| {
        *writing.addresses.lock().unwrap() = instances.iter().flatten().map(|one| one.address.clone()).collect();
    };
    tell(&instances);
    for cycle in 0..cycles {
        std::thread::sleep(Duration::from_millis(2_000 + 300 * (cycle as u64 % 5)));
        let victim = cycle % 2;
        if cycle % 7 == 1 {
            let zombie = &instances[victim].as_ref().unwrap().child;
            signal(zombie, "-STOP");
            std::thread::sleep(STOPPED);
            signal(zombie, "-CONT");
        } else {
            instances[victim] = None;
            instances[victim] = Some(world.start(victim));
        }
        tell(&instances);
    }
    std::thread::sleep(Duration::from_secs(2));
    writing.is_over.store(true, Ordering::SeqCst);
    // The tables must get there with what is left of the instances.
    let client = Client::new(Kafka::at(world.kafka)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let postgres = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&world.postgres, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    });
    let began = Instant::now();
    loop {
        let said = said(&client);
        let mut summary: Vec<String> =
            said.iter().map(|(id, (version, cents, status))| format!("{id}|{version}|{status}|{cents}")).collect();
        summary.sort();
        let found = [in_sqlite(&world.folder.join("read.db"), SUMMARY), in_postgres(&runtime, &postgres, SUMMARY)];
        let totals = [in_sqlite(&world.folder.join("read.db"), TOTALS), in_postgres(&runtime, &postgres, TOTALS)];
        if found.iter().all(|found| *found == summary) && totals[0] == totals[1] {
            let earned: i64 = said.values().filter(|order| order.2 == "paid").map(|order| order.1).sum();
            let in_totals: i64 = totals[0].iter().filter_map(|row| row.rsplit('|').next()?.parse::<i64>().ok()).sum();
            if earned == in_totals {
                return;
            }
        }
        if began.elapsed() > Duration::from_secs(60) {
            for (name, found) in [("SQLite", &found[0]), ("PostgreSQL", &found[1])] {
                let missing: Vec<&String> = summary.iter().filter(|row| !found.contains(row)).take(5).collect();
                let wrong: Vec<&String> = found.iter().filter(|row| !summary.contains(row)).take(5).collect();
                eprintln!(
                    "{name}: {} of {} rows; not there: {missing:?}; not so: {wrong:?}",
                    found.len(),
                    summary.len()
                );
            }
            let logs =
                |number: usize| std::fs::read_to_string(world.folder.join(format!("log-{number}"))).unwrap_or_default();
            panic!("the tables are not what the events say; {totals:?}\n{}\n--\n{}", logs(0), logs(1));
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Creates the topics, without what another run has left in them.
fn create_topics(kafka: &str, client: &Client) {
    let admin = Kafka::at(kafka).admin(Doorbell::new()).unwrap();
    // Those that are not there cannot be deleted.
    let _ = admin.delete_topics(TOPICS.map(str::to_owned).into()).wait();
    let began = Instant::now();
    for topic in TOPICS {
        let topic = Topic::<String, String>::named(topic).unwrap();
        // A broker deletes a topic some time after it has said so.
        while let Err(error) = client.create_topic(&topic).partitions(4).create() {
            assert!(began.elapsed() < Duration::from_secs(30), "{error}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

#[test]
fn both_databases_are_what_the_events_say_whoever_is_killed_or_stopped() {
    let kafka = std::env::var("MILLSTREAM_KAFKA").expect("MILLSTREAM_KAFKA, as `cargo xtask test` sets it");
    let server = std::env::var("MILLSTREAM_POSTGRES").expect("MILLSTREAM_POSTGRES, as `cargo xtask test` sets it");
    let cycles = std::env::var("MILLSTREAM_CYCLES").map_or(4, |cycles| cycles.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let id = format!("orders-{}", std::process::id());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let schema = id.replace('-', "_");
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&server, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("CREATE SCHEMA {schema}")).await.unwrap();
    });
    let client = Client::new(Kafka::at(&kafka)).unwrap();
    create_topics(&kafka, &client);
    let postgres = format!("{server} options='-c search_path={schema}'");
    let world = World { kafka: &kafka, postgres, id, folder: folder.path() };
    let writing = Writing::default();
    let paid: Vec<String> = std::thread::scope(|scope| {
        let writing = &writing;
        let disturbing = scope.spawn(|| {
            // Whatever goes wrong, writers end.
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| disturb(&world, writing, cycles)));
            writing.is_over.store(true, Ordering::SeqCst);
            outcome
        });
        while writing.addresses.lock().unwrap().is_empty() && !disturbing.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let writers: Vec<_> = (0..4).map(|writer| scope.spawn(move || writing.write(writer))).collect();
        let paid = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
        if let Err(panic) = disturbing.join().unwrap() {
            std::panic::resume_unwind(panic);
        }
        paid
    });
    let said = said(&client);
    for id in &paid {
        assert_eq!(said.get(id).map(|order| order.2), Some("paid"), "what was answered stays: {id}");
    }
    let read_back = writing.read_back.load(Ordering::SeqCst);
    assert!(paid.len() > 20 && read_back > 4, "{} orders were paid, {read_back} read back", paid.len());
    println!("{cycles} cycles: {} orders, {} paid and answered, {read_back} read back at once", said.len(), paid.len());
}
