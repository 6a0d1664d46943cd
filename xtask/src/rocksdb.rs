//! RocksDB's C++, compiled once per machine.
//!
//! This takes about nine minutes on two cores, and cargo would repeat it for every checkout, profile and set of features.
//! So the library is compiled into the cache folder, under a name that identifies version, settings and compiler, and
//! every `cargo` that we start is told where it is.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::process::{Failure, cargo_program, command, find_program, output_of, workspace};
use crate::{cache, packages};

const LIBRARY: &str = "librocksdb.a";
const PROGRESS_EVERY: Duration = Duration::from_secs(30);

/// The library, which may still be compiling.
pub(crate) struct Library {
    folder: PathBuf,
    is_ours: bool,
    compilation: Option<JoinHandle<Result<(), Failure>>>,
}

impl Library {
    /// Finds the library, or starts to compile it in the background.
    pub(crate) fn find_or_compile() -> Result<Self, Failure> {
        if let Some(folder) = std::env::var_os("ROCKSDB_LIB_DIR").filter(|folder| !folder.is_empty()) {
            return Ok(Self { folder: folder.into(), is_ours: false, compilation: None });
        }
        let folder = cache::folder()?.join("rocksdb").join(key()?);
        let compilation = if folder.join(LIBRARY).is_file() {
            None
        } else {
            eprintln!("RocksDB: compiling its C++ once for this machine, into {}", folder.display());
            let folder = folder.clone();
            Some(thread::spawn(move || compile(&folder)))
        };
        Ok(Self { folder, is_ours: true, compilation })
    }

    /// The variables that tell `cargo` where the library is. Only linking needs it to exist.
    pub(crate) fn variables(&self) -> Vec<(&'static str, OsString)> {
        let mut variables = vec![("ROCKSDB_LIB_DIR", self.folder.clone().into_os_string())];
        if self.is_ours {
            variables.push(("ROCKSDB_STATIC", "1".into()));
        }
        variables
    }

    /// Waits until the library exists.
    pub(crate) fn wait(&mut self) -> Result<(), Failure> {
        match self.compilation.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(Failure::failed("RocksDB: the compilation ended unexpectedly")),
        }
    }
}

/// One folder per version, settings and compiler: `0.19.0+11.8.1-0123456789abcdef`.
fn key() -> Result<String, Failure> {
    let version = packages::locked_version("librocksdb-sys")?;
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    // With something like `ccache g++`, the text itself must do.
    let compiler = output_of(command(&compiler).arg("--version")).unwrap_or(compiler);
    let manifest = fs::read_to_string(workspace().join("Cargo.toml")).unwrap_or_default();
    let settings = manifest.lines().find(|line| line.starts_with("rocksdb ")).unwrap_or_default();
    let variables = ["RUSTFLAGS", "CXXFLAGS", "CFLAGS", "ROCKSDB_CXX_STD", "CXXSTDLIB"];
    let variables = variables.map(|name| std::env::var(name).unwrap_or_default());
    Ok(key_of(&version, &[compiler.lines().next().unwrap_or_default(), settings, std::env::consts::ARCH], &variables))
}

fn key_of(version: &str, inputs: &[&str], variables: &[String]) -> String {
    let inputs = inputs.iter().copied().chain(variables.iter().map(String::as_str));
    format!("{version}-{}", cache::fingerprint(inputs))
}

/// Compiles `librocksdb-sys` with the workspace's features, keeps its library and deletes the rest.
fn compile(folder: &Path) -> Result<(), Failure> {
    let failed = |what: &str, error: &dyn std::fmt::Display| Failure::failed(format!("RocksDB: {what}: {error}"));
    fs::create_dir_all(folder).map_err(|error| failed(&folder.display().to_string(), &error))?;
    // Another checkout may be compiling the same library; the system releases its lock if it dies.
    let lock = File::create(folder.join("lock")).map_err(|error| failed("lock", &error))?;
    lock.lock().map_err(|error| failed("lock", &error))?;
    if folder.join(LIBRARY).is_file() {
        return Ok(());
    }
    let build = folder.join("build");
    let log_file = folder.join("log");
    let log = File::create(&log_file).map_err(|error| failed("log", &error))?;
    let log_too = log.try_clone().map_err(|error| failed("log", &error))?;

    // The caller's own work has priority; once that has ended, we have all cores.
    let mut cargo = match find_program("nice") {
        Some(nice) => {
            let mut nice = command(nice);
            nice.args(["-n", "10"]).arg(cargo_program());
            nice
        }
        None => command(cargo_program()),
    };
    cargo.args(["build", "--locked", "--release", "-p", "librocksdb-sys", "--target-dir"]).arg(&build);
    // Debug information would make the library ten times as large.
    cargo.env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    for variable in ["ROCKSDB_LIB_DIR", "ROCKSDB_STATIC", "ROCKSDB_COMPILE", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(variable);
    }
    let started = Instant::now();
    let mut child = cargo.stdout(log).stderr(log_too).spawn().map_err(|error| failed("cargo", &error))?;
    let status = report_while(&build, started, || child.wait()).map_err(|error| failed("cargo", &error))?;
    if !status.success() {
        let log = fs::read_to_string(&log_file).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(30).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        let what = format!("not compiled ({status}); the end of {}", log_file.display());
        return Err(failed(&what, &format!("\n{}", tail.join("\n"))));
    }
    let outputs = files_below(&build);
    let library = outputs.iter().find(|file| file.ends_with(LIBRARY)).ok_or_else(|| failed(LIBRARY, &"not built"))?;
    // It gets its final name only once it is complete.
    let partial = folder.join("partial");
    fs::copy(library, &partial)
        .and_then(|_| fs::rename(&partial, folder.join(LIBRARY)))
        .and_then(|()| fs::remove_dir_all(&build))
        .map_err(|error| failed("library", &error))?;
    eprintln!("RocksDB: compiled in {}", minutes(started.elapsed()));
    Ok(())
}

/// Runs `work` and prints a line at intervals, so that it does not seem to hang.
fn report_while<T>(build: &Path, started: Instant, work: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let (done, is_done) = channel::<()>();
        scope.spawn(move || {
            while is_done.recv_timeout(PROGRESS_EVERY) == Err(RecvTimeoutError::Timeout) {
                let objects =
                    files_below(build).iter().filter(|file| file.extension().is_some_and(|e| e == "o")).count();
                eprintln!("RocksDB: {objects} files compiled in {}", minutes(started.elapsed()));
            }
        });
        let outcome = work();
        drop(done);
        outcome
    })
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files
}

/// `3 min 10 s`.
pub(crate) fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {:02} s", seconds / 60, seconds % 60) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{key_of, minutes};

    #[test]
    fn another_compiler_or_setting_is_another_library() {
        let none = [String::new()];
        let key = key_of("0.19.0+11.8.1", &["g++ 12", "lz4"], &none);
        assert_eq!(key, "0.19.0+11.8.1-".to_owned() + &key[14..], "the version can be read");
        assert_eq!(key, key_of("0.19.0+11.8.1", &["g++ 12", "lz4"], &none), "and it is the same every time");
        for (inputs, variables) in [
            (["g++ 13", "lz4"], none.clone()),
            (["g++ 12", "zstd"], none.clone()),
            (["g++ 12l", "z4"], none.clone()),
            (["g++ 12", "lz4"], ["-Ctarget-cpu=native".to_owned()]),
        ] {
            assert_ne!(key, key_of("0.19.0+11.8.1", &inputs, &variables), "{inputs:?} {variables:?}");
        }
    }

    #[test]
    fn times_are_told_in_minutes() {
        assert_eq!(minutes(Duration::from_secs(59)), "59 s");
        assert_eq!(minutes(Duration::from_secs(605)), "10 min 05 s");
    }
}
