//! A thousand streams, each of one key, while all keys change; beside it the same changes without anybody who follows.

use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};
use futures::future::join_all;
use serde_json::Value as Json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::server::Server;
use crate::{Failure, State};

/// How long after the last change the last stream may hear of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a worker has spent on some records.
struct Fed {
    nanoseconds: f64,
    records: f64,
    /// What the last record had.
    last: i64,
}

pub(crate) fn measure(subscribers: i64, updates: u64, seconds: u64, pairs: usize) -> Result<(), Failure> {
    let mut server = Server::start(State::Memory, subscribers)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut feed = move |server: &mut Server| -> Result<Fed, Failure> {
        let told = server.ask(&format!("feed {subscribers} {updates} {seconds}"))?;
        let figures: Vec<&str> = told.split(' ').collect();
        let [nanoseconds, records, last] = *figures else { return Err(format!("it says `{told}`").into()) };
        Ok(Fed { nanoseconds: nanoseconds.parse()?, records: records.parse()?, last: last.parse()? })
    };
    eprintln!("warming up");
    feed(&mut server)?;
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_header(["pair", "nobody follows", "followed", "more", "changes heard of"]);
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    for pair in 0..pairs {
        let mut alone = None;
        let mut followed = None;
        // A B, then B A, and so on, because machines change their minds.
        for is_followed in if pair % 2 == 0 { [false, true] } else { [true, false] } {
            if is_followed {
                followed = Some(with_subscribers(&runtime, &mut server, subscribers, &mut feed)?);
            } else {
                alone = Some(feed(&mut server)?);
            }
        }
        let (Some(alone), Some((followed, heard))) = (alone, followed) else { continue };
        let per_record = |fed: &Fed| fed.nanoseconds / fed.records;
        table.add_row([
            (pair + 1).to_string(),
            format!("{:.0} ns", per_record(&alone)),
            format!("{:.0} ns", per_record(&followed)),
            format!("{:+.1} %", (per_record(&followed) / per_record(&alone) - 1.0) * 100.0),
            format!("{:.0} %", heard as f64 * 100.0 / followed.records),
        ]);
    }
    println!("worker's CPU per record, {subscribers} keys that change {updates} times a second");
    println!("{table}\nIn the end each stream had the last value of its key.");
    Ok(())
}

fn with_subscribers(
    runtime: &Runtime,
    server: &mut Server,
    subscribers: i64,
    feed: &mut impl FnMut(&mut Server) -> Result<Fed, Failure>,
) -> Result<(Fed, u64), Failure> {
    let address = server.address;
    let (end, ended) = watch::channel(None::<i64>);
    let (begun, mut is_begun) = tokio::sync::mpsc::unbounded_channel();
    let follow = |key| {
        let (mut ended, begun) = (ended.clone(), begun.clone());
        async move {
            let mut stream = TcpStream::connect(address).await?;
            let request = format!("GET /api/stores/rows/stream?key={key} HTTP/1.1\r\nHost: {address}\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut lines = BufReader::new(stream).lines();
            let (mut value, mut heard, mut is_whole) = (0, 0_u64, false);
            loop {
                // Those with the last values know when they have them.
                let expected = ended.borrow().map(|last: i64| last - (subscribers - 1 - key));
                if expected == Some(value) {
                    return Ok::<_, std::io::Error>((heard, true));
                }
                let line = tokio::select! {
                    line = lines.next_line() => line?,
                    _ = ended.changed() => continue,
                };
                let Some(line) = line else { return Ok((heard, false)) };
                let Some(data) = line.strip_prefix("data: ") else { continue };
                let data: Json = serde_json::from_str(data).unwrap_or_default();
                if let Some(now) = data["value"].as_i64() {
                    value = now;
                    heard += u64::from(is_whole);
                } else if value != 0 && !is_whole {
                    is_whole = true;
                    let _ = begun.send(());
                }
            }
        }
    };
    eprintln!("{subscribers} streams begin");
    let following: Vec<JoinHandle<_>> = (0..subscribers).map(|key| runtime.spawn(follow(key))).collect();
    // The streams are read on a thread of their own while the server is fed.
    let (fed, heard) = std::thread::scope(|threads| {
        let reading = threads.spawn(move || {
            runtime.block_on(async move {
                let all = join_all(following).await;
                all.into_iter().map(|one| one.map_err(|error| error.to_string())).collect::<Vec<_>>()
            })
        });
        let began = Instant::now();
        let mut count = 0;
        while count < subscribers && began.elapsed() < PATIENCE {
            match is_begun.try_recv() {
                Ok(()) => count += 1,
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        let fed = feed(server);
        end.send_replace(fed.as_ref().ok().map(|fed| fed.last));
        (fed, reading.join())
    });
    let fed = fed?;
    let mut total = 0;
    for (key, one) in heard.map_err(|_| "the readers have panicked")?.into_iter().enumerate() {
        let (heard, has_last) = one??;
        total += heard;
        if !has_last {
            return Err(format!("the stream of key {key} has ended").into());
        }
    }
    Ok((fed, total))
}
