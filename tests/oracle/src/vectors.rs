//! Vectors: cases with Java's answers, in compressed files that are committed, so that they are compared without Java, too.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::thread;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::answer::Answer;
use crate::case::Case;
use crate::compare::{Difference, compare};
use crate::run::run;

/// The folder of the committed files, one a family.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// A case with Java's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    case: Json,
    java: Answer,
}

/// A file that is being written.
pub struct Writer(GzEncoder<File>);

impl Writer {
    /// Creates a file for a family's cases.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(family: &str) -> io::Result<Self> {
        std::fs::create_dir_all(folder())?;
        let file = File::create(folder().join(format!("{family}.jsonl.gz")))?;
        Ok(Self(GzEncoder::new(file, Compression::best())))
    }

    /// Adds a case.
    ///
    /// # Errors
    /// As [`Writer::create`].
    pub fn add(&mut self, case: &Case, java: &Answer) -> io::Result<()> {
        let line = Line { case: case.to_json(), java: java.clone() };
        writeln!(self.0, "{}", serde_json::to_string(&line)?)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As [`Writer::create`].
    pub fn finish(self) -> io::Result<()> {
        self.0.finish()?.sync_all()
    }
}

/// The files of a folder, in order.
///
/// # Errors
/// When the folder cannot be read.
pub fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "gz"));
    files.sort();
    Ok(files)
}

/// The outcome of comparing with what Java did.
#[derive(Debug, Default)]
pub struct Checked {
    /// The cases of which we do something else, each with the first difference.
    pub differing: Vec<(Case, Difference)>,
    /// The number of all cases.
    pub all: usize,
}

/// Runs the cases of all files, each file in a thread of its own.
///
/// # Errors
/// When a file cannot be read.
pub fn check_all(files: &[PathBuf]) -> io::Result<Checked> {
    let checked = thread::scope(|scope| {
        let threads: Vec<_> = files.iter().map(|file| scope.spawn(|| check(file))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread has panicked")))
        };
        threads.into_iter().map(join).collect::<io::Result<Vec<_>>>()
    })?;
    Ok(checked.into_iter().fold(Checked::default(), |mut sum, checked| {
        sum.differing.extend(checked.differing);
        sum.all += checked.all;
        sum
    }))
}

fn check(file: &Path) -> io::Result<Checked> {
    let mut checked = Checked::default();
    for line in BufReader::new(GzDecoder::new(File::open(file)?)).lines() {
        let Line { case, java } = serde_json::from_str(&line?)?;
        let case = Case::from_json(&case).map_err(|error| io::Error::other(error.to_string()))?;
        checked.all += 1;
        if let Some(difference) = compare(&case, &java, &run(&case)).difference {
            checked.differing.push((case, difference));
        }
    }
    Ok(checked)
}
