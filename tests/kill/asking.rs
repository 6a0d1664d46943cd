//! Three processes on a real Kafka are asked over HTTP, any of them for everything, while events come and one process after the
//! other is killed. Every answer must be right, or say that there is none at the moment.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use millstream::prelude::*;
use millstream::query::Position;
use millstream_tests::http::get;
use millstream_tests::kafka::bootstrap_servers;
use millstream_tests::program::Program;
use millstream_tests::{PATIENCE, say};
use serde_json::Value as Json;
use streams_core::testing::log_contract::unique_prefix;

use crate::counter::turn;

const PARTITIONS: u32 = 6;
const INSTANCES: usize = 3;
const KEYS: usize = 60;

/// Which keys are sent and asked for.
const SEED: u64 = 11;

/// How long an instance that is killed for good is away: longer than its session, so that others get its tasks.
const AWAY: Duration = Duration::from_secs(8);

/// What was sent of each key, and where its last record is.
type Sent = BTreeMap<String, (i64, Position)>;

struct Scene {
    id: String,
    folder: tempfile::TempDir,
    addresses: Vec<SocketAddr>,
    sent: Mutex<Sent>,
    is_over: AtomicBool,
    answered: AtomicU64,
    postponed: AtomicU64,
}

impl Scene {
    fn new() -> Self {
        // If somebody else gets such a port before its process does, that takes the next one, which the test notices.
        let address = || TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
        Self {
            id: unique_prefix(),
            folder: tempfile::tempdir().expect("a folder"),
            addresses: (0..INSTANCES).map(|_| address()).collect(),
            sent: Mutex::default(),
            is_over: AtomicBool::new(false),
            answered: AtomicU64::new(0),
            postponed: AtomicU64::new(0),
        }
    }

    fn start(&self, number: usize) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ask-app"));
        command.args([bootstrap_servers(), &self.id]);
        command.arg(self.folder.path().join(format!("state-{number}")));
        command.arg(self.addresses[number].to_string());
        let program = Program::start(&format!("instance {number}"), &mut command);
        let expected = format!("answers at {}", self.addresses[number]);
        program.until(&expected, |lines| lines.contains(&expected).then_some(()));
        program
    }

    fn sent(&self) -> std::sync::MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// Sends events, one after the other, until it is over.
    fn send(&self, client: &Client, events: &Topic<String, i64>) {
        let mut rng = fastrand::Rng::with_seed(SEED);
        while !self.is_over() {
            let key = format!("key-{}", rng.usize(..KEYS));
            let (partition, offset) = client.send(events, key.as_str(), 1).expect("it is sent");
            let mut sent = self.sent();
            let of_key = sent.entry(key).or_default();
            *of_key = (of_key.0 + 1, Position::behind(partition, offset));
        }
    }

    /// Asks any of the instances for any key, until it is over: what was sent before the question must be counted, and nothing
    /// that was not sent until the answer.
    fn ask(&self, number: u64) {
        let mut rng = fastrand::Rng::with_seed(SEED + number);
        while !self.is_over() {
            let key = format!("key-{}", rng.usize(..KEYS));
            let (before, position) = self.sent().get(&key).cloned().unwrap_or_default();
            let headers = format!("X-KStream-Min-Position: {position}\r\n");
            let path = format!("/api/stores/counts/{key}?wait=2s");
            let address = self.addresses[rng.usize(..INSTANCES)];
            // Whoever was killed answers nobody.
            let Some(answer) = get(address, &path, &headers) else { continue };
            let after = self.sent().get(&key).map_or(0, |(count, _)| *count) + 1;
            let count = match answer.status {
                200 => answer.json()["value"].as_i64().expect("a count"),
                404 => 0,
                503 => {
                    assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
                    self.postponed.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                _ => panic!("{path} at {address}: {answer:?}"),
            };
            assert!((before..=after).contains(&count), "{key} at {address}: {count} is not from {before} to {after}");
            self.answered.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// All rows as an instance tells them, or `None` if it postpones that.
    fn all(&self, number: usize) -> Option<BTreeMap<String, i64>> {
        let answer = get(self.addresses[number], "/api/stores/counts?limit=1000&wait=5s", "")?;
        match answer.status {
            200 => Some(answer.json()["rows"].as_array().expect("rows").iter().map(row).collect()),
            503 => None,
            _ => panic!("{answer:?}"),
        }
    }

    /// Follows the committed rows, and connects again whenever the connection is lost, to the next instance, and goes on behind
    /// the last event that has come. What is told of a key never goes back. Returns what it knows once it is over and nothing
    /// more is to come.
    fn follow(&self, first: usize, patience: usize) -> Follower {
        let mut follower = Follower { patience, ..Follower::default() };
        loop {
            let address = self.addresses[(first + follower.connections) % INSTANCES];
            follower.connections += 1;
            if self.listen(address, &mut follower).is_some() {
                return follower;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn listen(&self, address: SocketAddr, follower: &mut Follower) -> Option<()> {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let id = follower.last_id.as_ref().map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
        write!(stream, "GET /api/stores/counts/stream?committed=true HTTP/1.1\r\nHost: {address}\r\n{id}\r\n").ok()?;
        let (mut is_whole, mut event, mut told) = (false, String::new(), 0);
        for line in BufReader::new(stream).lines() {
            let line = line.ok()?;
            if let Some(name) = line.strip_prefix("event: ") {
                name.clone_into(&mut event);
            }
            if let Some(id) = line.strip_prefix("id: ") {
                follower.last_id = Some(id.to_owned());
            }
            let data = line.strip_prefix("data: ").map(|data| serde_json::from_str::<Json>(data).expect("JSON"));
            match (&*event, data) {
                // A line that only shows that the stream is alive, an id, or the end of an event.
                (_, None) => {}
                ("snapshot", _) => (follower.rows, is_whole) = (BTreeMap::new(), false),
                ("complete", _) => is_whole = true,
                ("resumed", _) => {
                    follower.resumed += 1;
                    is_whole = true;
                }
                ("error", _) => return None,
                ("upsert", Some(data)) => {
                    let (key, count) = row(&data);
                    let before = follower.seen.insert(key.clone(), count).unwrap_or(0);
                    assert!(before <= count, "{key} at {address}: {count} after {before}");
                    follower.rows.insert(key, count);
                    told += 1;
                }
                (other, Some(data)) => panic!("{other}: {data}"),
            }
            if is_whole && self.is_over() && follower.rows == self.counts() {
                return Some(());
            }
            if told >= follower.patience && !self.is_over() {
                return None;
            }
        }
        None
    }

    fn counts(&self) -> BTreeMap<String, i64> {
        self.sent().iter().map(|(key, (count, _))| (key.clone(), *count)).collect()
    }
}

/// Somebody who follows the counts.
#[derive(Default)]
struct Follower {
    /// After how many rows it hangs up.
    patience: usize,
    connections: usize,
    /// How often it was told that it had missed nothing.
    resumed: usize,
    last_id: Option<String>,
    /// The rows, and the last that was ever told of each.
    rows: BTreeMap<String, i64>,
    seen: BTreeMap<String, i64>,
}

fn row(row: &Json) -> (String, i64) {
    (row["key"].as_str().expect("a key").to_owned(), row["value"].as_i64().expect("a count"))
}

/// Kills one of the others, and starts it again after a while.
fn kill_and_restart(scene: &Scene, instances: &mut [Option<Program>], number: usize, away: Duration) {
    instances[number].take().expect("it runs").kill();
    std::thread::sleep(away);
    instances[number] = Some(scene.start(number));
}

#[test]
fn any_of_three_instances_answers_for_all_while_one_after_the_other_is_killed() {
    let _turn = turn();
    let scene = Scene::new();
    let client = Client::new(millstream::kafka::Kafka::at(bootstrap_servers())).expect("a client");
    let events: Topic<String, i64> = Topic::named(format!("{}-events", scene.id)).expect("a name");
    client.create_topic(&events).partitions(PARTITIONS).create().expect("a topic");
    let mut instances: Vec<_> = (0..INSTANCES).map(|number| Some(scene.start(number))).collect();
    until("all of them to have tasks", || {
        let answer = get(scene.addresses[0], "/api/instances", "");
        let Some(answer) = answer.filter(|answer| answer.status == 200) else { return false };
        let json = answer.json();
        let of = |instance: &Json| instance["assigned"].as_array().map_or(0, Vec::len);
        json["instances"].as_array().is_some_and(|all| all.len() == INSTANCES && all.iter().all(|it| of(it) == 2))
    });
    let followed: Vec<_> = std::thread::scope(|threads| {
        threads.spawn(|| scene.send(&client, &events));
        (1..=2).for_each(|number| {
            drop(threads.spawn({
                let scene = &scene;
                move || scene.ask(number)
            }))
        });
        let followers: Vec<_> = [(0, usize::MAX), (1, usize::MAX), (2, 300)]
            .map(|(first, patience)| {
                threads.spawn({
                    let scene = &scene;
                    move || scene.follow(first, patience)
                })
            })
            .into();
        std::thread::sleep(Duration::from_secs(2));
        kill_and_restart(&scene, &mut instances, 1, AWAY);
        std::thread::sleep(Duration::from_secs(3));
        kill_and_restart(&scene, &mut instances, 2, Duration::from_millis(500));
        std::thread::sleep(Duration::from_secs(3));
        scene.is_over.store(true, Ordering::SeqCst);
        followers.into_iter().map(|follower| follower.join().expect("it is told everything")).collect()
    });
    let counts = scene.counts();
    for number in 0..INSTANCES {
        until("an instance to have everything", || scene.all(number).is_some_and(|all| all == counts));
    }
    let connections: Vec<_> = followed.iter().map(|follower| follower.connections).collect();
    for follower in &followed {
        assert_eq!(follower.rows, counts);
    }
    let resumed = followed[2].resumed;
    assert_eq!(connections[0], 1, "an instance that goes on does not lose whoever follows");
    assert!(connections[1] > 1, "a killed one does");
    assert!(
        resumed > 0 && resumed < connections[2],
        "{resumed} of {} went on, those before tasks moved",
        connections[2]
    );
    let (answered, postponed) = (scene.answered.into_inner(), scene.postponed.into_inner());
    let sent: i64 = counts.values().sum();
    say(&format!(
        "asking: {sent} events, 2 kills, {answered} right answers, {postponed} postponed, streams connected {connections:?} times, {resumed} \
         times without beginning anew"
    ));
    assert!(answered > 100, "{answered}");
    for instance in instances.into_iter().flatten() {
        instance.finish();
    }
}

fn until(what: &str, reached: impl Fn() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < PATIENCE, "waited for {what}, in vain");
        std::thread::sleep(Duration::from_millis(50));
    }
}
