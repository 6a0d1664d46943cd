//! Real text, and its words as counted by coreutils.
//!
//! The text is the documentation of the crates in cargo's registry: documents first, then doc comments, in the order of
//! their paths. It needs no network and exists wherever this compiles.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const BYTES_MIN: usize = 5_000_000;
const BYTES_MAX: usize = 5_500_000;

/// The text to count: whole lines of UTF-8.
pub(crate) struct Text {
    pub(crate) bytes: Vec<u8>,
    /// The correct counts.
    pub(crate) counts: BTreeMap<String, i64>,
}

impl Text {
    pub(crate) fn gather() -> Self {
        let bytes = documentation();
        assert!(bytes.len() >= BYTES_MIN, "only {} bytes of text", bytes.len());
        let counts = count_with_coreutils(&bytes);
        Self { bytes, counts }
    }

    pub(crate) fn lines(&self) -> i64 {
        count(self.bytes.iter().filter(|byte| **byte == b'\n').count())
    }

    pub(crate) fn words(&self) -> i64 {
        self.counts.values().sum()
    }
}

pub(crate) fn count(number: usize) -> i64 {
    i64::try_from(number).expect("a count")
}

fn documentation() -> Vec<u8> {
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).expect("a home folder");
    let mut files = Vec::new();
    collect(&cargo_home.join("registry").join("src"), &mut files);
    files.sort();
    let (documents, sources): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| has_extension(file, "md"));
    let mut text = Vec::new();
    for file in documents {
        add_lines(&mut text, &file, |line| Some(line));
    }
    for file in sources {
        add_lines(&mut text, &file, |line| {
            let line = line.trim_start();
            line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))
        });
    }
    text
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let entry = entry.expect("an entry");
        let (path, kind) = (entry.path(), entry.file_type().expect("a type"));
        if kind.is_dir() {
            collect(&path, files);
        } else if kind.is_file() && (has_extension(&path, "md") || has_extension(&path, "rs")) {
            files.push(path);
        }
    }
}

fn has_extension(file: &Path, extension: &str) -> bool {
    file.extension().is_some_and(|found| found == extension)
}

/// Adds the chosen part of each line until there is enough text. Leaves out files that Kafka's text clients would change,
/// or in which they would see additional lines.
fn add_lines(text: &mut Vec<u8>, file: &Path, choose: impl Fn(&str) -> Option<&str>) {
    if text.len() >= BYTES_MAX {
        return;
    }
    let Ok(content) = String::from_utf8(fs::read(file).unwrap_or_default()) else { return };
    if content.contains(['\r', '\0']) {
        return;
    }
    for line in content.lines().filter_map(choose).take_while(|line| line.len() < 100_000) {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
}

/// Counts words between the C locale's white space, with programs that everybody trusts.
fn count_with_coreutils(text: &[u8]) -> BTreeMap<String, i64> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), text).expect("written");
    let output = Command::new("sh")
        .args(["-c", r"tr -s '[:space:]' '\n' < $0 | sed '/^$/d' | sort | uniq -c"])
        .arg(file.path())
        .env("LC_ALL", "C")
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let counted = String::from_utf8(output.stdout).expect("UTF-8 as the text is");
    let parse = |line: &str| {
        let (count, word) = line.trim_start_matches(' ').split_once(' ').expect("a count and a word");
        (word.to_owned(), count.parse().expect("a count"))
    };
    counted.split_terminator('\n').map(parse).collect()
}
