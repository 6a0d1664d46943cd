//! Makes the table, kills the application, takes the times, and checks the counts.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use comfy_table::{CellAlignment, Table, presets};
use millstream::client::{Client, StartAt};
use millstream::log::{Admin, CommittedOffset, Doorbell, Isolation, Log as _};
use millstream::prelude::*;
use millstream::record::{Offset, TopicPartition};

use crate::application::{SESSION, input, output};
use crate::{Arguments, Failure};

const PARTITIONS: u32 = 4;

/// How long records come before a process is killed, so that it is in the middle of its work.
const LOAD_BEFORE: Duration = Duration::from_secs(10);

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(900);

/// What a start was like.
struct Start {
    what: &'static str,
    restored: u64,
    restoring: Duration,
    running: Duration,
    first_output: Duration,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let id = format!("recovery-{since}");
    let kafka = Kafka::at(&*arguments.bootstrap_servers);
    let client = Client::new(kafka.clone())?;
    client.create_topic(&input(&id)?).partitions(PARTITIONS).create()?;
    client.create_topic(&output(&id)?).partitions(PARTITIONS).create()?;
    let state = tempfile::tempdir()?;
    let keys = i64::try_from(arguments.state_mb * 1_000_000 / arguments.value_bytes.max(1) as u64)?.max(1);

    eprintln!("writing {keys} records of {} bytes", arguments.value_bytes);
    let random = fastrand::Rng::with_seed(1);
    let size = arguments.value_bytes;
    client.send_all(&input(&id)?, (0..keys).map(|key| (key, value(&random, size))))?;
    let mut application = Application::start(arguments, &id, state.path())?;
    application.until("running")?;
    let admin = kafka.admin(Doorbell::new())?;
    until_processed(&*admin, &id, &mut application)?;

    let load = Load::start(client.clone(), &id, keys, arguments)?;
    let mut starts = Vec::new();
    for (what, loses_state) in [("with its state", false), ("with an empty folder", true)] {
        eprintln!("records come; then the process is killed, and comes back {what}");
        std::thread::sleep(LOAD_BEFORE);
        application.kill()?;
        if loses_state {
            std::fs::remove_dir_all(state.path().join(&id))?;
        }
        let (start, again) = measure(what, arguments, &id, state.path(), &client)?;
        starts.push(start);
        application = again;
    }
    let more = load.stop()?;
    until_processed(&*admin, &id, &mut application)?;
    application.stop()?;
    check(&client, &id, keys, &more)?;
    print(&starts, keys, arguments);
    Ok(())
}

fn value(random: &fastrand::Rng, bytes: usize) -> Vec<u8> {
    let mut value = vec![0; bytes];
    let mut random = random.clone();
    random.fill(&mut value);
    value
}

/// Starts the application and takes the times until its first result.
fn measure(
    what: &'static str,
    arguments: &Arguments,
    id: &str,
    state: &Path,
    client: &Client,
) -> Result<(Start, Application), Failure> {
    let mut results = client.tail(&output(id)?, StartAt::End)?;
    let began = Instant::now();
    let first = std::thread::spawn(move || results.next().map(|_| began.elapsed()));
    let mut application = Application::start(arguments, id, state)?;
    application.until("restoring")?;
    let restoring = began.elapsed();
    let restored = application.until("running")?.parse()?;
    let running = began.elapsed();
    let first_output = first.join().ok().flatten().ok_or("no result came")?;
    Ok((Start { what, restored, restoring, running, first_output }, application))
}

/// Waits until the group's positions are at the inputs' ends.
fn until_processed(admin: &dyn Admin, id: &str, application: &mut Application) -> Result<(), Failure> {
    let partitions: Vec<_> =
        (0..PARTITIONS).map(|number| TopicPartition::new(format!("{id}-in"), number.cast_signed())).collect();
    let began = Instant::now();
    loop {
        let ends = admin.end_offsets(partitions.clone(), Isolation::ReadUncommitted).wait().ok_or("no answer")??;
        let committed = admin.committed(id, partitions.clone()).wait().ok_or("no answer")??;
        let is_there = |(end, committed): (&Offset, &Option<_>)| {
            committed.as_ref().map_or(0, |committed: &CommittedOffset| committed.offset.0) >= end.0
        };
        if ends.iter().zip(&committed).all(is_there) {
            return Ok(());
        }
        application.must_run()?;
        if began.elapsed() > PATIENCE {
            return Err("the application does not get to the end of its input".into());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Records that keep coming, and how many there were of each key.
struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<HashMap<i64, i64>, String>>,
}

impl Load {
    fn start(client: Client, id: &str, keys: i64, arguments: &Arguments) -> Result<Self, Failure> {
        let (topic, stop) = (input(id)?, Arc::new(AtomicBool::new(false)));
        let (size, batch) = (arguments.value_bytes, (arguments.rate / 10).max(1));
        let is_over = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut written, mut random) = (HashMap::<i64, i64>::new(), fastrand::Rng::with_seed(2));
            while !is_over.load(Ordering::Relaxed) {
                let began = Instant::now();
                let chosen: Vec<_> = (0..batch).map(|_| random.i64(0..keys)).collect();
                let values = fastrand::Rng::with_seed(random.u64(..));
                let records = chosen.iter().map(|key| (*key, value(&values, size)));
                client.send_all(&topic, records).map_err(|error| error.to_string())?;
                chosen.into_iter().for_each(|key| *written.entry(key).or_default() += 1);
                std::thread::sleep(Duration::from_millis(100).saturating_sub(began.elapsed()));
            }
            Ok(written)
        });
        Ok(Self { stop, thread })
    }

    fn stop(self) -> Result<HashMap<i64, i64>, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.thread.join().map_err(|_| "the load has panicked")??)
    }
}

/// Every record must have been counted once: the results of a key are 1, 2, 3 and so on.
fn check(client: &Client, id: &str, keys: i64, more: &HashMap<i64, i64>) -> Result<(), Failure> {
    let mut counted = HashMap::<i64, i64>::new();
    for received in client.records(&output(id)?)? {
        let record = received?.record;
        let last = counted.entry(record.key).or_default();
        if record.value != *last + 1 {
            return Err(format!("key {} was counted as {last}, and then as {}", record.key, record.value).into());
        }
        *last = record.value;
    }
    let wrong = (0..keys).find(|key| counted.get(key) != Some(&(1 + more.get(key).copied().unwrap_or(0))));
    match wrong {
        None => Ok(()),
        Some(key) => Err(format!("key {key} was counted as {:?}", counted.get(&key)).into()),
    }
}

fn print(starts: &[Start], keys: i64, arguments: &Arguments) {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_header(["comes back", "restored", "of", "restoring after", "for", "MB/s", "first result after"]);
    for start in starts {
        let time = start.running.saturating_sub(start.restoring).as_secs_f64();
        let bytes = start.restored as f64 * arguments.value_bytes as f64;
        table.add_row([
            start.what.to_owned(),
            start.restored.to_string(),
            keys.to_string(),
            format!("{:.2} s", start.restoring.as_secs_f64()),
            format!("{time:.2} s"),
            format!("{:.0}", bytes / 1e6 / time.max(0.001)),
            format!("{:.2} s", start.first_output.as_secs_f64()),
        ]);
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    println!("{table}");
    println!(
        "all {keys} keys were counted right. A process with an empty folder is a new member, so the group waits for the old one's session ({} s) first.",
        SESSION.as_secs()
    );
}

/// The process that is killed.
struct Application {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Application {
    fn start(arguments: &Arguments, id: &str, state: &Path) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--bootstrap-servers", &arguments.bootstrap_servers, "application", id]).arg(state);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Self { child, lines })
    }

    /// Waits for a line that begins like that, and returns the rest of it.
    fn until(&mut self, word: &str) -> Result<String, Failure> {
        let mut line = String::new();
        while self.lines.read_line(&mut line)? > 0 {
            if let Some(rest) = line.trim().strip_prefix(word) {
                return Ok(rest.trim().to_owned());
            }
            line.clear();
        }
        Err("the application has ended".into())
    }

    fn must_run(&mut self) -> Result<(), Failure> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(format!("the application has ended: {status}").into()),
        }
    }

    fn kill(mut self) -> Result<(), Failure> {
        self.must_run()?;
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Stops it by closing its input.
    fn stop(mut self) -> Result<(), Failure> {
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the application has ended: {status}").into()) }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
