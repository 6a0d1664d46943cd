//! Plants bugs in a copy of the workspace, builds it once, and lets the recorded cases find them, one bug at a time.
//! `cargo xtask mutants --suite oracle` starts it.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use millstream_oracle::mutants::{CHOICE, MODULE, MUTANTS, Mutant, plant};
use millstream_oracle::vectors;

/// Plants bugs in a copy of the engine and lets recorded cases find them.
#[derive(Parser, Debug)]
#[command(name = "cargo xtask mutants --suite oracle")]
struct Options {
    /// The folder for the copy and its build.
    folder: PathBuf,
    /// Only mutants whose names contain this text.
    #[arg(long, default_value = "")]
    only: String,
    /// The folder of the recorded cases, if not the committed ones.
    #[arg(long)]
    vectors: Option<PathBuf>,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether every mutant was found.
fn run(options: &Options) -> Outcome<bool> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let copy = options.folder.join("copy");
    copy_workspace(&workspace, &copy)?;
    let oracle = build(&copy, &options.folder.join("target"))?;
    let cases = options.vectors.clone().unwrap_or_else(vectors::folder);
    let Found::Differing { differing: 0, all } = found(&oracle, &cases, None)? else {
        return Err("cases differ without any bug; `cargo xtask oracle --check-vectors` shows them".into());
    };
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["mutant", "found by", "seconds"]);
    let chosen = MUTANTS.iter().filter(|mutant| mutant.name.contains(&options.only));
    let (mut caught, mut missed) = (0, 0);
    for mutant in chosen {
        eprintln!("{}", mutant.name);
        let started = Instant::now();
        let found = found(&oracle, &cases, Some(mutant))?;
        let text = match found {
            Found::Differing { differing: 0, .. } => "NOTHING".to_owned(),
            Found::Differing { differing, .. } => format!("{differing} cases"),
            Found::NoEnd => "no end".to_owned(),
        };
        if matches!(found, Found::Differing { differing: 0, .. }) {
            missed += 1
        } else {
            caught += 1
        }
        table.add_row([mutant.name.to_owned(), text, format!("{:.1}", started.elapsed().as_secs_f64())]);
    }
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}\n");
    println!("{all} cases; {caught} mutants found, {missed} not");
    Ok(missed == 0)
}

/// Brings the copy to the workspace's present state, with all bugs planted: what is no longer there goes. A file that stays
/// the same isn't touched, so that it isn't compiled again.
fn copy_workspace(workspace: &Path, copy: &Path) -> Outcome<()> {
    let mut git = Command::new("git");
    git.current_dir(workspace).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = git.output().map_err(|error| format!("git, which lists the sources, cannot be started: {error}"))?;
    if !listed.status.success() {
        return Err(format!("git cannot list the sources: {}", String::from_utf8_lossy(&listed.stderr)).into());
    }
    let mut present = BTreeSet::from([copy.join(ENGINE).join(PLANTED)]);
    for name in String::from_utf8(listed.stdout)?.split_terminator('\0') {
        // What is deleted but not committed is listed, too.
        if let Some(content) = content(&workspace.join(name))? {
            let content = match name.strip_prefix(ENGINE) {
                Some(name) => planted(name, content)?,
                None => content,
            };
            write_changed(&copy.join(name), &content)?;
            present.insert(copy.join(name));
        }
    }
    write_changed(&copy.join(ENGINE).join(PLANTED), MODULE.as_bytes())?;
    Ok(remove_others(copy, &present)?)
}

/// Removes the files of a folder that are not `present`.
fn remove_others(folder: &Path, present: &BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let (path, is_folder) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?.is_dir())))?;
        if is_folder {
            remove_others(&path, present)?;
        } else if !present.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The module in the engine's sources that knows which bug is chosen.
const PLANTED: &str = "planted.rs";

/// The folder of the engine's sources.
const ENGINE: &str = "streams-core/src/";

/// A source file with its bugs.
fn planted(name: &str, content: Vec<u8>) -> Outcome<Vec<u8>> {
    if name == "lib.rs" {
        return Ok([content.as_slice(), b"\nmod planted;\n"].concat());
    }
    let mutants: Vec<_> = MUTANTS.iter().filter(|mutant| mutant.file == name).collect();
    if mutants.is_empty() {
        return Ok(content);
    }
    Ok(plant(&String::from_utf8(content)?, mutants)?.into_bytes())
}

fn content(file: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(file) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_changed(file: &Path, content: &[u8]) -> io::Result<()> {
    if self::content(file)?.as_deref() == Some(content) {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, content)
}

/// Builds the copy. Returns its oracle.
fn build(copy: &Path, target: &Path) -> Outcome<PathBuf> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(copy).env("CARGO_TARGET_DIR", target);
    // A planted bug may leave something unused.
    cargo.env("RUSTFLAGS", "--cap-lints allow");
    cargo.args(["build", "--locked", "--release", "-p", "millstream-oracle", "--bin", "oracle"]);
    let status = cargo.stdin(Stdio::null()).status()?;
    if !status.success() {
        return Err(format!("the copy in {} cannot be built", copy.display()).into());
    }
    Ok(target.join("release/oracle"))
}

/// What the cases made of a mutant.
enum Found {
    /// So many of all cases differ.
    Differing { differing: u64, all: u64 },
    /// The run took so long that it was ended.
    NoEnd,
}

/// Far more than all cases need.
const PATIENCE: Duration = Duration::from_secs(60);

fn found(oracle: &Path, cases: &Path, mutant: Option<&Mutant>) -> Outcome<Found> {
    let mut command = Command::new(oracle);
    command.arg("--check-vectors").arg(cases).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    match mutant {
        Some(mutant) => command.env(CHOICE, mutant.name),
        None => command.env_remove(CHOICE),
    };
    let mut running = command.spawn()?;
    let mut stdout = running.stdout.take().ok_or("there is no output")?;
    let reader = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let started = Instant::now();
    while running.try_wait()?.is_none() {
        if started.elapsed() > PATIENCE {
            running.kill()?;
            running.wait()?;
            return Ok(Found::NoEnd);
        }
        thread::sleep(Duration::from_millis(20));
    }
    let text = reader.join().map_err(|_| "the output cannot be read")??;
    let last = text.lines().last().unwrap_or_default();
    let (passed, failed) = summary(last).ok_or_else(|| format!("the oracle ended with `{last}`"))?;
    Ok(Found::Differing { differing: failed, all: passed + failed })
}

/// The numbers of `N passed, N failed`.
fn summary(line: &str) -> Option<(u64, u64)> {
    let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
    Some((passed.parse().ok()?, failed.parse().ok()?))
}
