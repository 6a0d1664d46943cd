//! The process that serves, as its measurer sees it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::{Failure, State};

/// A running server. Dropping it ends it.
pub(crate) struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(state: State, keys: i64) -> Result<Self, Failure> {
        let name = format!("{state:?}").to_lowercase();
        eprintln!("{name}: writing {keys} rows");
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", &name, &keys.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().ok_or("it has no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let address = line.trim().strip_prefix("answers at ").ok_or_else(|| format!("it says `{line}`"))?.parse()?;
        Ok(Self { child, input, output, address })
    }

    /// Tells it what to do, and returns what it says.
    pub(crate) fn ask(&mut self, command: &str) -> Result<String, Failure> {
        let input = self.input.as_mut().ok_or("it ends")?;
        writeln!(input, "{command}")?;
        input.flush()?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    pub(crate) fn cpu(&mut self) -> Result<Duration, Failure> {
        Ok(Duration::from_micros(self.ask("cpu")?.parse()?))
    }

    /// What it answers to a request, without the head.
    pub(crate) fn get(&self, path: &str) -> Result<String, Failure> {
        let mut stream = TcpStream::connect(self.address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address)?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let (_, body) = text.split_once("\r\n\r\n").ok_or("no answer")?;
        Ok(body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}
