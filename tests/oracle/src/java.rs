//! Java's side: starts `tests/java/oracle` once, and passes cases through it, several at a time.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use serde_json::Value as Json;

use crate::answer::Answer;
use crate::case::Case;

/// The main class of `tests/java/oracle`.
const MAIN: &str = "millstream.oracle.Main";

/// A running Java program. It ends when this is dropped.
pub struct Java {
    program: Child,
    lines: Sender<String>,
    answers: Receiver<String>,
}

/// How the Java program is started.
#[derive(Debug, Clone)]
pub struct JavaCommand {
    /// Its class path.
    pub class_path: String,
    /// How many cases it runs at once; all processors otherwise.
    pub threads: Option<usize>,
    /// The address of a broker, if cases run as real applications.
    pub broker: Option<String>,
}

/// Why Java gave no answer.
#[derive(thiserror::Error)]
pub enum JavaError {
    /// There is no such program.
    #[error("java cannot be started: {0}")]
    Start(std::io::Error),
    /// It ended instead of answering.
    #[error("java ended without an answer")]
    Ended,
    /// It understood something else.
    #[error("java does not understand the case: {0}")]
    Refused(String),
    /// We do not understand the answer.
    #[error("java's answer cannot be read: {0}")]
    Unreadable(String),
}

impl std::fmt::Debug for JavaError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl Java {
    /// Starts the program. What it writes to standard error goes to ours.
    ///
    /// # Errors
    /// When there is no Java.
    pub fn start(command: &JavaCommand) -> Result<Self, JavaError> {
        let mut java = Command::new("java");
        // Cases are short and differ: with the optimising compiler, 2,000 of them take twice the time.
        java.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx1g"]);
        java.args(["-cp", &command.class_path, MAIN]);
        if let Some(threads) = command.threads {
            java.arg("--threads").arg(threads.to_string());
        }
        if let Some(broker) = &command.broker {
            java.arg("--broker").arg(broker);
        }
        let mut program = java.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(JavaError::Start)?;
        let (lines, to_write) = channel::<String>();
        let (answered, answers) = channel();
        if let Some(input) = program.stdin.take() {
            thread::spawn(move || write_lines(input, &to_write));
        }
        if let Some(output) = program.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if answered.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self { program, lines, answers })
    }

    /// Asks for the answer to a case. Answers come in the order of the cases.
    pub fn ask(&self, case: &Case) {
        self.ask_line(case.to_line());
    }

    /// As [`Java::ask`], for a case as JSON.
    pub fn ask_line(&self, case: String) {
        // If the program has ended, the missing answer will tell.
        let _ = self.lines.send(case);
    }

    /// Waits for the next answer.
    ///
    /// # Errors
    /// When the program has ended, or refuses the case.
    pub fn answer(&self) -> Result<Answer, JavaError> {
        let json = self.answer_json()?;
        serde_json::from_value(json).map_err(|error| JavaError::Unreadable(error.to_string()))
    }

    /// As [`Java::answer`], but as JSON.
    ///
    /// # Errors
    /// As [`Java::answer`].
    pub fn answer_json(&self) -> Result<Json, JavaError> {
        let line = self.answers.recv().map_err(|_| JavaError::Ended)?;
        let json: Json =
            serde_json::from_str(&line).map_err(|error| JavaError::Unreadable(format!("{error}: {line}")))?;
        match json.get("bad").and_then(Json::as_str) {
            Some(why) => Err(JavaError::Refused(why.to_owned())),
            None => Ok(json),
        }
    }
}

fn write_lines(mut input: ChildStdin, lines: &Receiver<String>) {
    while let Ok(line) = lines.recv() {
        if writeln!(input, "{line}").and_then(|()| input.flush()).is_err() {
            return;
        }
    }
}

impl Drop for Java {
    fn drop(&mut self) {
        // It may be in the middle of a case, and nobody wants the answer.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
