//! The program as people start it: over HTTP, and killed again and again.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "that is how a test fails")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use millstream::prelude::*;
use serde_json::{Value as Json, json};

/// A running program; dropping it kills it with signal 9.
struct Orders {
    child: Child,
    address: String,
}

impl Orders {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
        command.args(["--port", "0", "--sql"]).arg(folder.join("read.db")).arg("--embedded").arg(folder.join("log"));
        // With RocksDB, its state is in the folder that it is started in.
        let errors = std::fs::File::options().create(true).append(true).open(folder.join("errors")).unwrap();
        let mut child = command.current_dir(folder).stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.strip_prefix("orders at http://").and_then(|rest| rest.split('/').next());
        let errors = || std::fs::read_to_string(folder.join("errors")).unwrap_or_default();
        let address = address.unwrap_or_else(|| panic!("it says {line:?} and {}", errors())).to_owned();
        Self { child, address }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Json) {
        ask(&self.address, method, path, body).expect("an answer")
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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

fn order(id: &str, customer: &str, cents: u32) -> String {
    json!({ "id": id, "customer": customer, "items": [{ "sku": "pen", "quantity": 2, "cents": cents }] }).to_string()
}

#[test]
fn an_order_is_placed_paid_and_read_and_every_wrong_request_is_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let orders = Orders::start(folder.path());
    let (status, placed) = orders.ask("POST", "/orders", &order("o-1", "ada", 125));
    assert_eq!((status, &placed["version"], &placed["status"]), (201, &json!(1), &json!("placed")), "{placed}");
    // The same request again, as after an answer that was lost.
    let (status, again) = orders.ask("POST", "/orders", &order("o-1", "ada", 125));
    assert_eq!((status, &again["version"]), (201, &json!(1)));

    let (status, paid) = orders.ask("POST", "/orders/o-1/pay?version=1", "");
    assert_eq!((status, &paid["version"], &paid["status"]), (200, &json!(2), &json!("paid")));
    let position = paid["position"].as_str().unwrap();
    let (status, read) = orders.ask("GET", &format!("/orders/o-1?min_position={position}"), "");
    let expected = json!({ "id": "o-1", "version": 2, "status": "paid", "customer": "ada", "cents": 250 });
    assert_eq!((status, read), (200, expected), "who has written reads it");

    let began = Instant::now();
    loop {
        let (_, totals) = orders.ask("GET", "/customers/ada", "");
        if totals == json!({ "customer": "ada", "orders": 1, "cents": 250 }) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{totals}");
    }

    // Its own commands look at the log through it while it runs.
    let command = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
        let output = command.current_dir(folder.path()).args(args).args(["--embedded", "log"]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    // The end of the first transaction has an offset, too.
    for (at, version) in [("0", 1), ("1", 1), ("2", 2)] {
        let (code, text) = command(&["state", "o-1", "--at", at]);
        let state: Json = serde_json::from_str(&text).unwrap();
        assert_eq!((code, &state["version"], &state["cents"]), (Some(0), &json!(version), &json!(250)), "{text}");
    }
    assert_eq!(command(&["state", "o-1", "--at", "2020-01-01T00:00:00Z"]), (Some(1), String::new()));
    let rebuilt = command(&["rebuild", "order_summary", "--sql", "read.db"]);
    assert_eq!(rebuilt, (Some(0), "made of 2 records\n".to_owned()));
    assert_eq!(orders.ask("GET", "/orders/o-1", "").1["version"], 2);

    for (method, path, body, status, code, says) in [
        ("POST", "/orders/o-1/ship?version=1", "", 409, "conflict", "the order has version 2, and is paid"),
        ("POST", "/orders/o-1/pay", "", 409, "refused", "order o-1: it is paid already"),
        ("POST", "/orders/o-2/pay", "", 404, "not_found", "there is no order o-2"),
        ("POST", "/orders/o-2/pay?version=3", "", 404, "not_found", "there is no order o-2"),
        ("POST", "/orders/o-1/burn", "", 404, "not_found", "an order can be `pay`"),
        ("POST", "/orders/o-1/pay?version=x", "", 400, "bad_request", "version"),
        ("POST", "/orders", "{}", 400, "bad_request", "missing field `customer`"),
        ("POST", "/orders", &order("", "ada", 1), 400, "bad_request", "`id` has 1 to 100 bytes"),
        ("POST", "/orders", r#"{"customer":"ada","items":[]}"#, 400, "bad_request", "an order has 1 to 100 items"),
        (
            "POST",
            "/orders",
            r#"{"customer":"ada","items":[{"sku":"a","quantity":-1,"cents":1}]}"#,
            400,
            "bad_request",
            "-1",
        ),
        ("GET", "/orders/o-3", "", 404, "not_found", "there is no order o-3"),
        ("GET", "/orders/o-1?min_position=x", "", 400, "bad_request", "`x` is no position"),
        ("GET", "/orders/o-1?min_position=other-0:1", "", 400, "bad_request", "order-commands-0:7"),
    ] {
        let (found, answer) = orders.ask(method, path, body);
        let error = &answer["error"];
        let message = error["message"].as_str().unwrap_or_default();
        assert_eq!((found, &error["code"]), (status, &json!(code)), "{method} {path} {body}: {answer}");
        assert!(message.contains(says), "{method} {path} {body}: {message}");
    }
}

/// Sends one order after the other, and pays it, as a careful client does: without an answer, it sends the same again.
fn buy(writer: u32, address: &Mutex<String>, is_over: &AtomicBool) -> Vec<String> {
    let mut paid = Vec::new();
    for number in 0_u32.. {
        let id = format!("w{writer}-{number}");
        let requests = [
            ("/orders".to_owned(), order(&id, &format!("customer-{}", number % 5), number)),
            (format!("/orders/{id}/pay?version=1&command=pay"), String::new()),
        ];
        for (path, body) in requests {
            loop {
                if is_over.load(Ordering::SeqCst) {
                    return paid;
                }
                let to = address.lock().unwrap().clone();
                match ask(&to, "POST", &path, &body) {
                    Some((200 | 201, _)) => break,
                    Some((503, _)) | None => {}
                    Some(other) => panic!("{path}: {other:?}"),
                }
            }
        }
        paid.push(id);
    }
    paid
}

#[test]
fn killed_again_and_again_the_tables_are_what_the_events_say() {
    const ROUNDS: u64 = 4;
    let folder = tempfile::tempdir().unwrap();
    let mut orders = Some(Orders::start(folder.path()));
    let started = orders.as_ref().unwrap().address.clone();
    let (address, is_over) = (Mutex::new(started), AtomicBool::new(false));
    let paid: Vec<String> = std::thread::scope(|scope| {
        let (address, is_over, orders) = (&address, &is_over, &mut orders);
        let writers: Vec<_> = (0..3).map(|writer| scope.spawn(move || buy(writer, address, is_over))).collect();
        for round in 0..ROUNDS {
            std::thread::sleep(Duration::from_millis(500 + 130 * round));
            *orders = None;
            let again = orders.insert(Orders::start(folder.path()));
            address.lock().unwrap().clone_from(&again.address);
        }
        std::thread::sleep(Duration::from_millis(300));
        is_over.store(true, Ordering::SeqCst);
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    let orders = orders.unwrap();
    assert!(paid.len() > 20, "{} orders were paid", paid.len());
    // The last one reads what it has written; then the tables are as far as the events.
    let (_, last) = orders.ask("POST", "/orders", &order("last", "ada", 1));
    let position = last["position"].as_str().unwrap().to_owned();
    assert_eq!(orders.ask("GET", &format!("/orders/last?min_position={position}"), "").0, 200);
    std::thread::sleep(Duration::from_secs(1));
    drop(orders);

    let events = Topic::<String, String>::new("order-events");
    let mut said: BTreeMap<String, (i64, i64, &str)> = BTreeMap::new();
    for record in Embedded::open(folder.path().join("log")).unwrap().read(&events).unwrap() {
        let event: Json = serde_json::from_str(&record.value).unwrap();
        let (version, _, _) = said.get(&record.key).copied().unwrap_or_default();
        assert_eq!(event["version"], version + 1, "each version is there once: {} {event}", record.key);
        let (cents, status) = match &event["what"]["placed"]["cents"] {
            Json::Null => (said[&record.key].1, "paid"),
            cents => (cents.as_i64().unwrap(), "placed"),
        };
        said.insert(record.key, (version + 1, cents, status));
    }
    let expected: Vec<String> =
        said.iter().map(|(id, (version, cents, status))| format!("{id}|{version}|{status}|{cents}")).collect();
    let database = rusqlite::Connection::open(folder.path().join("read.db")).unwrap();
    let mut statement = database.prepare("SELECT id, version, status, cents FROM order_summary ORDER BY id").unwrap();
    let rows = statement.query_map((), |row| {
        let (id, version, status, cents): (String, i64, String, i64) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(format!("{id}|{version}|{status}|{cents}"))
    });
    let rows: Vec<String> = rows.unwrap().map(Result::unwrap).collect();
    assert_eq!(rows, expected);
    for id in &paid {
        assert_eq!(said.get(id).map(|order| order.2), Some("paid"), "what was answered stays: {id}");
    }
    let sums = "SELECT (SELECT sum(cents) FROM customer_totals), (SELECT sum(cents) FROM daily_revenue), \
                (SELECT sum(orders) FROM customer_totals)";
    let sums: (i64, i64, i64) =
        database.query_row(sums, (), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let earned = said.values().filter(|order| order.2 == "paid").map(|order| order.1).sum();
    assert_eq!(sums, (earned, earned, i64::try_from(said.len()).unwrap()));
}
