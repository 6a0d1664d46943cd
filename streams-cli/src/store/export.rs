//! Writes the rows of a store to a file.
//!
//! They go to a file beside it first, which takes its name when all are there, so that a file of that name is always whole.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use super::Export;
use super::rows::Rows;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output;
use crate::running::Caller;

/// How often progress is shown.
const SHOWN_EVERY: Duration = Duration::from_millis(200);

pub(super) fn run(out: &mut dyn Write, server: &Caller, command: &Export) -> Result<(), Failure> {
    let Export { store, file, force, wanted, server: asked } = command;
    if file.exists() && !force {
        let file = file.display();
        return Err(Failure::because(format!("{file} is there already: say `--force` to replace it, or another name")));
    }
    let (interrupt, _asked) = Interrupt::listen()?;
    let mut unfinished = Unfinished::create(file)?;
    let mut progress = Progress::new();
    let (mut rows, mut count) = (Rows::new(server, store, wanted), 0_u64);
    while let Some(page) = rows.next_page()? {
        for row in &page {
            writeln!(unfinished.writer, "{row}").map_err(|error| cannot(&unfinished.path, &error))?;
        }
        count += page.len() as u64;
        progress.show(count);
        if interrupt.was_asked() {
            progress.clear();
            return Err(Failure::because(format!(
                "interrupted after {count} rows; {} was not written",
                file.display()
            )));
        }
    }
    progress.clear();
    unfinished.finish(file)?;
    if asked.json {
        return Ok(output::pretty(out, &json!({ "store": store, "file": file, "rows": count }))?);
    }
    let rows = if count == 1 { "row" } else { "rows" };
    writeln!(out, "{count} {rows} of {store} written to {}", file.display())?;
    Ok(())
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    Failure::because(format!("{} cannot be written: {error}", path.display()))
}

/// A file that is removed unless it is finished.
struct Unfinished {
    path: PathBuf,
    writer: BufWriter<File>,
    is_finished: bool,
}

impl Unfinished {
    fn create(file: &Path) -> Result<Self, Failure> {
        let mut name = file.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        let opened = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        let opened = opened.map_err(|error| cannot(&path, &error))?;
        Ok(Self { path, writer: BufWriter::new(opened), is_finished: false })
    }

    fn finish(mut self, file: &Path) -> Result<(), Failure> {
        let finished = self.writer.flush().and_then(|()| self.writer.get_ref().sync_all());
        finished.and_then(|()| std::fs::rename(&self.path, file)).map_err(|error| cannot(file, &error))?;
        self.is_finished = true;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_finished {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// How far it is, on a terminal.
struct Progress {
    is_shown: bool,
    last: Instant,
}

impl Progress {
    fn new() -> Self {
        Self { is_shown: io::stderr().is_terminal(), last: Instant::now() }
    }

    fn show(&mut self, rows: u64) {
        if self.is_shown && self.last.elapsed() >= SHOWN_EVERY {
            self.last = Instant::now();
            let _ = write!(io::stderr(), "\r{rows} rows");
        }
    }

    fn clear(&self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
