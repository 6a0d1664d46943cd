//! A single plain request, over a connection of its own.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::operations::Operation;

/// No answer takes that long.
const PATIENCE: Duration = Duration::from_secs(20);

/// The JSON at a path.
pub(crate) fn get_json(address: SocketAddr, path: &str) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::from_str(&ask(address, ("GET", path), None, false)?.body)?)
}

/// The same, where a token is needed.
pub(crate) fn get_json_with(address: SocketAddr, path: &str, token: &str) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::from_str(&ask(address, ("GET", path), Some(token), false)?.body)?)
}

/// The status that an operation is answered with. The answer of a stream counts if it has an event.
pub(crate) fn status(address: SocketAddr, operation: &Operation, token: Option<&str>) -> Result<u16, Box<dyn Error>> {
    let asked = ask(address, (&operation.method, &operation.example), token, operation.is_stream);
    Ok(asked.map_err(|error| format!("{operation}: {error}"))?.status)
}

struct Answer {
    status: u16,
    body: String,
}

fn ask(
    address: SocketAddr,
    (method, path): (&str, &str),
    token: Option<&str>,
    is_stream: bool,
) -> Result<Answer, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let body = if method == "GET" { "" } else { "Content-Length: 0\r\n" };
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{authorization}{body}\r\n")?;
    let mut lines = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if lines.read_line(&mut head)? == 0 {
            return Err("the connection ends before the answer".into());
        }
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("the answer has no status")?;
    let mut body = String::new();
    if is_stream && status == 200 {
        while !body.contains("event: ") {
            if lines.read_line(&mut body)? == 0 {
                return Err("the stream ends before an event".into());
            }
        }
    } else {
        lines.read_to_string(&mut body)?;
    }
    Ok(Answer { status, body })
}
