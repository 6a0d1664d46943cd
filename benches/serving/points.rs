//! Point queries, sent by `wrk` as fast as they are answered.

use std::fs;
use std::process::Command;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::Value as Json;

use crate::application::value_of;
use crate::server::Server;
use crate::{Failure, State};

/// How many rows are compared before it is measured.
const COMPARED: usize = 1_000;

/// How long to ask before it is measured.
const WARM_UP: &str = "2s";

/// What `wrk` has found.
struct Load {
    requests: u64,
    p99: String,
    refused: u64,
}

pub(crate) fn measure(keys: i64, connections: usize, seconds: u64) -> Result<(), Failure> {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_header(["rows in", "queries", "queries/s", "server CPU per query", "p99"]);
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    for state in [State::Memory, State::Rocksdb] {
        let mut server = Server::start(state, keys)?;
        compare(&server, keys)?;
        let script = script(keys)?;
        wrk(&server, script.path(), connections, WARM_UP)?;
        let before = server.cpu()?;
        let load = wrk(&server, script.path(), connections, &format!("{seconds}s"))?;
        let spent = server.cpu()?.saturating_sub(before);
        if load.refused > 0 {
            return Err(format!("{} of {} queries were not answered", load.refused, load.requests).into());
        }
        table.add_row([
            format!("{state:?}").to_lowercase(),
            load.requests.to_string(),
            format!("{:.0}", load.requests as f64 / seconds as f64),
            format!("{:.1} us", spent.as_secs_f64() * 1e6 / load.requests as f64),
            load.p99,
        ]);
    }
    println!("{table}\n{COMPARED} answers of each were compared with what was written.");
    Ok(())
}

fn compare(server: &Server, keys: i64) -> Result<(), Failure> {
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..COMPARED {
        let key = rng.i64(0..keys);
        let answer: Json = serde_json::from_str(&server.get(&format!("/api/stores/rows/{key}"))?)?;
        if answer["value"].as_i64() != Some(value_of(key)) {
            return Err(format!("key {key} has {answer}, and not {}", value_of(key)).into());
        }
    }
    Ok(())
}

/// Asks for keys by chance.
fn script(keys: i64) -> Result<tempfile::NamedTempFile, Failure> {
    let file = tempfile::Builder::new().suffix(".lua").tempfile()?;
    let text = format!(
        "math.randomseed(1)\nrequest = function() return wrk.format('GET', '/api/stores/rows/' .. math.random(0, {})) end\n",
        keys - 1
    );
    fs::write(file.path(), text)?;
    Ok(file)
}

fn wrk(server: &Server, script: &std::path::Path, connections: usize, lasting: &str) -> Result<Load, Failure> {
    let mut command = Command::new("wrk");
    command.args(["-t1", &format!("-c{connections}"), &format!("-d{lasting}"), "--latency", "-s"]).arg(script);
    let output = command.arg(format!("http://{}/", server.address)).output();
    let output = output.map_err(|error| format!("wrk: {error}; it is in the package of that name"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let after = |what: &str| text.lines().find_map(|line| line.trim().strip_prefix(what));
    let requests = text.lines().find_map(|line| line.trim().split_once(" requests in"));
    let requests = requests.and_then(|(count, _)| count.parse().ok()).ok_or_else(|| format!("wrk says {text}"))?;
    let p99 = after("99%").ok_or_else(|| format!("wrk says {text}"))?.trim().to_owned();
    let refused = after("Non-2xx or 3xx responses:").and_then(|count| count.trim().parse().ok()).unwrap_or(0);
    Ok(Load { requests, p99, refused })
}
