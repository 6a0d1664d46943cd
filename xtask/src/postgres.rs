//! `cargo xtask postgres`: a real PostgreSQL for tests and for trying things out, in a folder for temporary files.
//!
//! Nothing is kept: `stop` deletes the folder, and nothing is synced to the disk.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Failure, find_program, output_of, run as run_program, succeeds};
use crate::{cache, setup};

const HELP: &str = "\
A real PostgreSQL for tests and for trying things out, without a password, on this machine only.

usage: cargo xtask postgres COMMAND [--name NAME]

  start    Starts a server, unless it runs already, and prints its address: `host=127.0.0.1 port=..`.
  stop     Stops it and deletes all that it has.
  status   Prints its address if it runs.

Servers of different names run beside each other; the name is `default` unless you say otherwise.";

const DEFAULT: &str = "default";
const USER: &str = "millstream";

/// Whether the server's programs are there.
pub(crate) fn is_installed() -> bool {
    programs().is_some()
}

/// Runs `cargo xtask postgres`.
pub(crate) fn run(args: &[&str]) -> Result<(), Failure> {
    let (what, name) = match args {
        [what] => (*what, DEFAULT),
        [what, "--name", name] => (*what, *name),
        _ => return Err(Failure::failed(HELP)),
    };
    if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-') {
        return Err(Failure::failed("a name has letters, digits and `-`"));
    }
    match what {
        "start" => {
            println!("{}", start(name)?);
            Ok(())
        }
        "stop" => stop(name),
        "status" => match address(name) {
            Some(address) => {
                println!("{address}");
                Ok(())
            }
            None => Err(Failure::failed(format!("no PostgreSQL named {name} runs; `cargo xtask postgres start`"))),
        },
        _ => Err(Failure::failed(HELP)),
    }
}

/// Starts a server, or finds it, and returns its address.
pub(crate) fn start(name: &str) -> Result<String, Failure> {
    setup::ensure(setup::FOR_POSTGRES)?;
    let _alone = lock(name)?;
    if let Some(address) = address(name) {
        return Ok(address);
    }
    let programs = programs().ok_or_else(|| Failure::missing("PostgreSQL's `initdb` cannot be found"))?;
    let folder = folder(name);
    // What an interrupted run has left.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| cannot(&folder, &error))?;
    if let Some(user) = other_user() {
        run_program(Command::new("chown").arg(user).arg(&folder))?;
    }
    let data = folder.join("data");
    let init = ["-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "-D"];
    output_of(as_other_user(&programs.join("initdb")).args(init).arg(&data))?;
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .map_err(|error| cannot(&folder, &error))?
        .port();
    let options = format!(
        "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c max_connections=200"
    );
    let started = output_of(
        as_other_user(&programs.join("pg_ctl"))
            .args(["-w", "-s", "-o", &options, "-l"])
            .arg(folder.join("log"))
            .arg("-D")
            .arg(&data)
            .arg("start"),
    );
    if let Err(failure) = started {
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        return Err(Failure::failed(format!("{}\n{log}", failure.message)));
    }
    let address = format!("host=127.0.0.1 port={port} user={USER} dbname=postgres");
    fs::write(folder.join("address"), &address).map_err(|error| cannot(&folder, &error))?;
    Ok(address)
}

/// Stops a server and deletes its folder.
pub(crate) fn stop(name: &str) -> Result<(), Failure> {
    let _alone = lock(name)?;
    let folder = folder(name);
    if let Some(programs) = programs().filter(|_| folder.join("data").is_dir()) {
        // One that does not run has nothing to stop.
        succeeds(
            as_other_user(&programs.join("pg_ctl"))
                .args(["-w", "-m", "immediate", "-D"])
                .arg(folder.join("data"))
                .arg("stop"),
        );
    }
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(cannot(&folder, &error)),
        _ => Ok(()),
    }
}

/// The address of a server that runs.
fn address(name: &str) -> Option<String> {
    let folder = folder(name);
    let address = fs::read_to_string(folder.join("address")).ok()?;
    let programs = programs()?;
    succeeds(as_other_user(&programs.join("pg_ctl")).arg("-D").arg(folder.join("data")).arg("status"))
        .then_some(address)
}

fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("millstream-postgres-{name}"))
}

/// The folder with the server's programs: not all systems have it in `PATH`.
fn programs() -> Option<PathBuf> {
    if let Some(folder) = find_program("initdb").and_then(|program| program.parent().map(Path::to_owned)) {
        return Some(folder);
    }
    let versions = ["/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt", "/usr"];
    let folders = versions.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let mut folders: Vec<PathBuf> =
        folders.map(|version| version.path().join("bin")).filter(|folder| folder.join("initdb").is_file()).collect();
    folders.sort();
    folders.pop()
}

/// The server refuses to run as root.
fn other_user() -> Option<&'static str> {
    let is_root = output_of(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let exists = |user: &&str| succeeds(Command::new("id").arg(user));
    is_root.then(|| ["postgres", "nobody"].into_iter().find(exists)).flatten()
}

fn as_other_user(program: &Path) -> Command {
    let mut command = match other_user() {
        Some(user) => {
            let mut command = Command::new("runuser");
            command.args(["-u", user, "--"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    // The other user may not enter the folder that we are in.
    command.current_dir(std::env::temp_dir()).stdin(std::process::Stdio::null());
    command
}

/// Allows one command at a time per server.
fn lock(name: &str) -> Result<File, Failure> {
    let folder = cache::folder()?;
    let path = folder.join(format!("postgres-{name}.lock"));
    let file = fs::create_dir_all(&folder).and_then(|()| File::create(&path)).map_err(|error| cannot(&path, &error))?;
    file.lock().map_err(|error| cannot(&path, &error))?;
    Ok(file)
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("{}: {error}", path.display()))
}
