//! Programs that a suite starts, communicates with and ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::PATIENCE;

/// How many of a program's lines a message repeats, and how many characters of each.
const LINES_TOLD: usize = 15;
const LINE_WIDTH: usize = 400;

/// A running program, and the lines that it has printed. Dropping it kills the program.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Mutex<Child>,
    input: Option<ChildStdin>,
    printed: Arc<Printed>,
}

#[derive(Debug, Default)]
struct Printed {
    lines: Mutex<Lines>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    streams_ended: usize,
}

impl Printed {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn collect(self: &Arc<Self>, stream: impl Read + Send + 'static) {
        let printed = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { break };
                printed.lock().lines.push(String::from_utf8_lossy(&line).into_owned());
                printed.news.notify_all();
            }
            printed.lock().streams_ended += 1;
            printed.news.notify_all();
        });
    }
}

impl Program {
    /// Starts a program; `name` is for messages.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(name: &str, command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        let printed = Arc::new(Printed::default());
        printed.collect(child.stdout.take().expect("a pipe"));
        printed.collect(child.stderr.take().expect("a pipe"));
        Self { name: name.to_owned(), input: child.stdin.take(), child: Mutex::new(child), printed }
    }

    /// Takes its standard input, which ends when it is dropped.
    ///
    /// # Panics
    /// When it has been taken before.
    pub fn input(&mut self) -> ChildStdin {
        self.input.take().expect("the input is taken once")
    }

    /// The lines that it has printed so far, on both streams.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.printed.lock().lines.clone()
    }

    /// The last of these lines, for messages: what a program says before it ends is why it ends.
    #[must_use]
    pub fn last_lines(&self) -> String {
        end_of(&self.lines())
    }

    /// Waits until `find` finds something in the printed lines.
    ///
    /// # Panics
    /// When that does not happen in time, or the program ends before.
    pub fn until<T>(&self, what: &str, find: impl Fn(&[String]) -> Option<T>) -> T {
        let began = Instant::now();
        let mut printed = self.printed.lock();
        loop {
            if let Some(found) = find(&printed.lines) {
                return found;
            }
            let text = || end_of(&printed.lines);
            if printed.streams_ended == 2 {
                panic!("{}: ended ({:?}) before {what}\n{}", self.name, self.child().wait(), text());
            }
            assert!(began.elapsed() < PATIENCE, "{}: waited for {what}, in vain\n{}", self.name, text());
            let waited = self.printed.news.wait_timeout(printed, Duration::from_secs(1));
            printed = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How it has ended; `None` while it is running.
    ///
    /// # Panics
    /// When the system cannot tell.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child().try_wait().expect("a status")
    }

    /// Ends it like a crash, and returns once it has ended.
    ///
    /// # Panics
    /// When it has already ended.
    pub fn kill(self) {
        if let Some(status) = self.ended() {
            panic!("{}: ended ({status}) before it was killed\n{}", self.name, self.last_lines());
        }
        let mut child = self.child();
        child.kill().expect("it runs");
        let _ = child.wait().expect("a status");
    }

    /// Asks it to end, with SIGTERM.
    ///
    /// # Panics
    /// When it has already ended.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Stops it with SIGSTOP: it is there, and does nothing until [`Program::resume`].
    ///
    /// # Panics
    /// When it has already ended.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on after [`Program::pause`].
    ///
    /// # Panics
    /// When it has already ended.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child().id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{}: not there to be sent {signal}", self.name);
    }

    /// How many lines it has printed, and those after the first `from`.
    #[must_use]
    pub fn lines_from(&self, from: usize) -> (usize, Vec<String>) {
        let printed = self.printed.lock();
        (printed.lines.len(), printed.lines.get(from..).unwrap_or_default().to_vec())
    }

    /// Closes its input, if nobody has taken it, and waits for its end. Returns the printed lines.
    ///
    /// # Panics
    /// When it does not end in time, or does not succeed.
    pub fn finish(mut self) -> Vec<String> {
        self.input = None;
        let status = self.wait();
        let lines = self.lines();
        assert!(status.success(), "{}: {status}\n{}", self.name, end_of(&lines));
        lines
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end in time.
    #[must_use]
    pub fn wait(&self) -> ExitStatus {
        let began = Instant::now();
        loop {
            let status = self.child().try_wait().expect("a status");
            let printed = self.printed.lock();
            if let (Some(status), 2) = (status, printed.streams_ended) {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "{}: does not end\n{}", self.name, printed.lines.join("\n"));
            drop(self.printed.news.wait_timeout(printed, Duration::from_millis(50)));
        }
    }
}

/// The last lines, shortened where a report would be cut off.
fn end_of(lines: &[String]) -> String {
    let last = lines.get(lines.len().saturating_sub(LINES_TOLD)..).unwrap_or_default();
    let short = |line: &String| line.chars().take(LINE_WIDTH).collect::<String>();
    last.iter().map(short).collect::<Vec<_>>().join("\n")
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.ended().is_none() {
            let _ = self.child().kill();
            let _ = self.child().wait();
        }
    }
}
