//! The application: a table with the last value of each key and how often it was written.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use millstream::prelude::*;
use millstream::runtime::{Running, TaskPhase};

use crate::Failure;

/// How long the group waits for a process that was killed, if another one than it takes its place.
pub(crate) const SESSION: Duration = Duration::from_secs(6);

/// How often to look how far it is.
const LOOK: Duration = Duration::from_millis(10);

pub(crate) fn input(id: &str) -> Result<Topic<i64, Vec<u8>>, Failure> {
    Ok(Topic::named(format!("{id}-in"))?)
}

pub(crate) fn output(id: &str) -> Result<Topic<i64, i64>, Failure> {
    Ok(Topic::named(format!("{id}-out"))?)
}

fn topology(id: &str) -> Result<Topology, Failure> {
    let builder = StreamsBuilder::new();
    let values = builder.stream(input(id)?).group_by_key();
    let table = values.aggregate(Vec::new, |row: &mut Vec<u8>, value| *row = row_with(count_of(row) + 1, &value));
    table.to_stream().filter_some().map_values(|row| count_of(&row)).to(output(id)?);
    Ok(builder.build()?)
}

/// How often a row was written.
fn count_of(row: &[u8]) -> i64 {
    row.first_chunk().map_or(0, |count| i64::from_be_bytes(*count))
}

fn row_with(count: i64, value: &[u8]) -> Vec<u8> {
    [&count.to_be_bytes(), value].concat()
}

/// Runs it until it is killed or its standard input ends. Says when all its tasks run, and what was restored for that.
pub(crate) fn run(servers: &str, id: &str, state_dir: &Path) -> Result<(), Failure> {
    let app = App::new(id, topology(id)?).exactly_once().session_timeout(SESSION).cache_bytes(0);
    let app = app.state_in(RocksDb::default()).state_dir(state_dir).quiet();
    let running = app.start(Kafka::at(servers))?;
    let handle = running.handle();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        handle.stop();
    });
    tell_beginning(&running)?;
    Ok(running.wait()?)
}

/// Says `restoring` when the first task restores or at the latest when none does any more, and `running RESTORED` when all run.
fn tell_beginning(running: &Running) -> Result<(), Failure> {
    let mut is_told = false;
    while running.state() != AppState::Running && !running.state().is_final() {
        if !is_told && running.tasks().values().any(|task| task.phase == TaskPhase::Restoring) {
            is_told = true;
            say("restoring")?;
        }
        std::thread::sleep(LOOK);
    }
    if !is_told {
        // It was over before anybody looked.
        say("restoring")?;
    }
    say(&format!("running {}", running.tasks().values().map(|task| task.restored).sum::<u64>()))
}

/// Prints a line at once, because the rig takes the time when it reads the line.
fn say(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
