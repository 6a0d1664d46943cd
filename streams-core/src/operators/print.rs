//! `print`: writes every record in readable form, and ends the stream.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use super::{BuiltNode, Context, Next, OperatorError, Recipe};
use crate::record::Record;

/// Writes one line per record to `out`: `[label]: ` and what `line` makes of it. Takes `Record<K, V>`, forwards nothing.
///
/// All tasks share `out` and write whole lines. If writing fails, this is logged once and no more records are
/// written; processing continues.
pub(crate) fn recipe<K: 'static, V: 'static>(
    label: String,
    out: impl Write + Send + 'static,
    line: impl Fn(&K, &V) -> String + Send + Sync + 'static,
) -> Recipe {
    let page = Arc::new(Mutex::new(Page { label, out: Some(Box::new(out)) }));
    let line = Arc::new(line);
    Recipe::new(move |_| Ok(BuiltNode::link::<K, V>(Print { page: Arc::clone(&page), line: Arc::clone(&line) })))
}

struct Page {
    label: String,
    out: Option<Box<dyn Write + Send>>,
}

struct Print<F> {
    page: Arc<Mutex<Page>>,
    line: Arc<F>,
}

impl<K, V, F: Fn(&K, &V) -> String> Next<K, V> for Print<F> {
    fn process(&mut self, _context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        // Before the page is locked: others go on writing if this panics.
        let line = (self.line)(&record.key, &record.value);
        let mut page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        let Page { label, out: Some(out) } = &mut *page else { return Ok(()) };
        let line = format!("[{label}]: {line}\n");
        if let Err(error) = out.write_all(line.as_bytes()).and_then(|()| out.flush()) {
            tracing::warn!(%label, %error, "records can no longer be printed");
            page.out = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind, Result, Write};
    use std::sync::{Arc, Mutex};

    use crate::operators::testing::{Chain, at};

    /// Accepts the given number of writes, then fails.
    struct Paper(Arc<Mutex<(usize, String)>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            let mut paper = self.0.lock().unwrap();
            paper.0 = paper.0.checked_sub(1).ok_or(Error::from(ErrorKind::BrokenPipe))?;
            paper.1.push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_record_is_a_line_and_none_goes_on() {
        let paper = Arc::new(Mutex::new((9, String::new())));
        let recipe = super::recipe("views".to_owned(), Paper(Arc::clone(&paper)), |key: &&str, value: &i32| {
            format!("{key}={value}")
        });
        let mut chain = Chain::<&str, i32, i32, i32>::new(&recipe);
        chain.send(at(1, "ada", 10));
        chain.send(at(2, "bob", 20));
        assert_eq!(paper.lock().unwrap().1, "[views]: ada=10\n[views]: bob=20\n");
        assert_eq!(chain.received(), []);
    }

    #[test]
    fn a_page_that_is_gone_stops_nothing() {
        let paper = Arc::new(Mutex::new((1, String::new())));
        let recipe = super::recipe("n".to_owned(), Paper(Arc::clone(&paper)), |_: &i32, value: &i32| value.to_string());
        let mut chain = Chain::<i32, i32, i32, i32>::new(&recipe);
        (1..=3).for_each(|number| chain.send(at(number, 0, 0)));
        assert_eq!(paper.lock().unwrap().1, "[n]: 0\n");
    }
}
