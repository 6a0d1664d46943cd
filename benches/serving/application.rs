//! The process that serves: a table with a number for each key. It is told what to do on its standard input, a line each:
//! `cpu` asks for its CPU time in microseconds, and `feed KEYS UPDATES SECONDS` lets the keys change for a while; the answer is
//! the worker's CPU time in nanoseconds and the number of records. It ends when its input does.

use std::io::{BufRead as _, Write as _};
use std::time::{Duration, Instant};

use millstream::log::Doorbell;
use millstream::prelude::*;
use millstream::runtime::Running;

use crate::{Failure, State, cpu};

/// Short, because the system cuts threads' names off.
const ID: &str = "s";
const WORKER: &str = "s-worker";

const EVENTS: Topic<i64, i64> = Topic::new("events");
const ROWS: KeyValueStore<i64, i64> = KeyValueStore::new("rows");

/// How often records are sent while the keys change.
const TICK: Duration = Duration::from_millis(10);

/// What a key has at first.
pub(crate) const fn value_of(key: i64) -> i64 {
    key.wrapping_mul(7) + 1
}

pub(crate) fn serve(state: State, keys: i64) -> Result<(), Failure> {
    let builder = StreamsBuilder::new();
    builder.stream(EVENTS).group_by_key().reduce(|_, new| new).stored_as(ROWS);
    let log = Embedded::in_memory();
    log.create_topic("events", 4)?;
    let app = App::new(ID, builder.build()?).quiet();
    let folder = tempfile::tempdir()?;
    let app = match state {
        State::Memory => app,
        State::Rocksdb => app.state_in(RocksDb::default()).state_dir(folder.path()),
    };
    let running = app.start(log.clone())?;
    running.wait_until_running()?;
    (0..keys).try_for_each(|key| log.send(&EVENTS, key, value_of(key)).map(drop))?;
    until_committed(&running, keys);
    let http = Http::of(&running).bind("127.0.0.1:0").start()?;
    tell(&format!("answers at {}", http.address()))?;
    let mut sent = i64::MAX / 2;
    let mut fed = keys;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        match *words {
            ["cpu"] => tell(&cpu::of_process()?.as_micros().to_string())?,
            ["feed", keys, updates, seconds] => {
                let before = cpu::of_threads(WORKER)?;
                let records = feed(&log, keys.parse()?, updates.parse()?, seconds.parse()?, &mut sent)?;
                fed += records;
                until_committed(&running, fed);
                let spent = cpu::of_threads(WORKER)?.saturating_sub(before);
                tell(&format!("{} {records} {sent}", spent.as_nanos()))?;
            }
            _ => return Err(format!("`{line}` is not a command").into()),
        }
    }
    drop(http);
    Ok(running.close().map(drop)?)
}

/// Lets each of the first keys change that often in a second, evenly. Values go on counting.
fn feed(log: &Embedded, keys: i64, updates: u64, seconds: u64, sent: &mut i64) -> Result<i64, Failure> {
    let total = keys * i64::try_from(updates * seconds)?;
    let began = Instant::now();
    let doorbell = Doorbell::new();
    let mut done = 0;
    while done < total {
        let due = began.elapsed().as_secs_f64() / seconds as f64 * total as f64;
        while done < total && (done as f64) < due {
            *sent += 1;
            log.send(&EVENTS, done % keys, *sent)?;
            done += 1;
        }
        doorbell.wait(TICK);
    }
    Ok(total)
}

fn until_committed(running: &Running, records: i64) {
    let committed = || running.tasks().values().map(|task| task.processed - task.uncommitted).sum::<u64>();
    while i64::try_from(committed()).unwrap_or(i64::MAX) < records {
        Doorbell::new().wait(Duration::from_millis(10));
    }
}

fn tell(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
