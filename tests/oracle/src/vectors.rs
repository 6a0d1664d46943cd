//! Vectors: cases with Java's answers, in compressed files that are committed, so that they are compared without Java, too.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

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

/// The committed files, in order.
///
/// # Errors
/// When the folder cannot be read.
pub fn files() -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder())?.collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "gz"));
    files.sort();
    Ok(files)
}

/// The cases of a file of which we do not what Java did, each with the first difference, and the number of all.
///
/// # Errors
/// When the file cannot be read.
pub fn check(file: &Path) -> io::Result<(Vec<(Case, Difference)>, usize)> {
    let (mut differing, mut all) = (Vec::new(), 0);
    for line in BufReader::new(GzDecoder::new(File::open(file)?)).lines() {
        let Line { case, java } = serde_json::from_str(&line?)?;
        let case = Case::from_json(&case).map_err(|error| io::Error::other(error.to_string()))?;
        all += 1;
        if let Some(difference) = compare(&case, &java, &run(&case)).difference {
            differing.push((case, difference));
        }
    }
    Ok((differing, all))
}
