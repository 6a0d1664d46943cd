//! The publisher's part around `publish`: lines that are typed, with the key that each of them has.

use std::io::{BufRead, Read as _};

use millstream::client::ClientError;
use millstream::prelude::*;
use millstream::record::{Offset, TopicPartition};

use crate::Failure;
use crate::pubsub::{Messages, publish};

/// The longest line, in bytes: what a topic accepts by default, without what a record has besides its text.
const LINE_MAX: u64 = 1_000_000;

/// Who publishes.
#[derive(Clone)]
pub struct Publisher {
    pub client: Client,
    pub topic: Messages,
    /// The key of every line, unless it says one itself.
    pub key: Option<String>,
    /// What is between a line's own key and its text.
    pub separator: Option<char>,
}

impl Publisher {
    /// Publishes each line, and calls `told` with its place, until there are no more. Returns how many there were.
    pub fn lines(
        &self,
        mut lines: impl BufRead,
        mut told: impl FnMut(&TopicPartition, Offset),
    ) -> Result<usize, Failure> {
        let mut count = 0;
        let mut line = Vec::new();
        while lines.by_ref().take(LINE_MAX + 1).read_until(b'\n', &mut line)? > 0 {
            if line.len() as u64 > LINE_MAX {
                return Err(format!("line {} has more than {LINE_MAX} bytes", count + 1).into());
            }
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let (partition, offset) = self.line(text.strip_suffix(b"\r").unwrap_or(text))?;
            told(&partition, offset);
            count += 1;
            line.clear();
        }
        Ok(count)
    }

    /// Publishes a line.
    fn line(&self, line: &[u8]) -> Result<(TopicPartition, Offset), ClientError> {
        let own = self.separator.and_then(|separator| divided(line, separator));
        let key = self.key.as_deref().map(str::as_bytes);
        let (key, text) = own.map_or((key, line), |(key, text)| (Some(key), text));
        publish(&self.client, &self.topic, key, text)
    }
}

/// What is before and behind a character.
fn divided(line: &[u8], separator: char) -> Option<(&[u8], &[u8])> {
    let mut bytes = [0; 4];
    let separator = separator.encode_utf8(&mut bytes).as_bytes();
    let place = line.windows(separator.len()).position(|bytes| bytes == separator)?;
    Some((line.get(..place)?, line.get(place + separator.len()..)?))
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, repeat};

    use super::*;

    const TOPIC: Messages = Topic::new("messages");

    fn published(separator: Option<char>, input: impl BufRead) -> Result<Vec<(String, String)>, Failure> {
        let log = Embedded::in_memory();
        log.create_topic("messages", 1)?;
        let key = Some("all".to_owned());
        let publisher = Publisher { client: Client::new(log.clone())?, topic: TOPIC, key, separator };
        publisher.lines(input, |_, _| {})?;
        let text = |bytes: Option<Vec<u8>>| String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
        Ok(log.read(&TOPIC)?.into_iter().map(|record| (text(record.key), text(record.value))).collect())
    }

    #[test]
    fn each_line_is_a_message_with_its_key() -> Result<(), Failure> {
        for (separator, input, expected) in [
            (None, &b""[..], &[][..]),
            (None, b"Hello\nWorld\n", &[("all", "Hello"), ("all", "World")]),
            (None, b"a\r\n\nlast", &[("all", "a"), ("all", ""), ("all", "last")]),
            (None, b"k:v\n", &[("all", "k:v")]),
            (Some('→'), "k→v".as_bytes(), &[("k", "v")]),
            (Some(':'), b"k:v\nv\n:x\nk:a:b\n", &[("k", "v"), ("all", "v"), ("", "x"), ("k", "a:b")]),
        ] {
            let found = published(separator, input)?;
            let found: Vec<_> = found.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
            assert_eq!(found, expected, "{}", input.escape_ascii());
        }
        Ok(())
    }

    #[test]
    fn a_line_without_an_end_is_not_kept() {
        let error = published(None, BufReader::new(repeat(b'x'))).unwrap_err().to_string();
        assert_eq!(error, "line 1 has more than 1000000 bytes");
    }
}
