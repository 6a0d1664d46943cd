//! `print`, `print_to` and `print_with`.

use std::fmt::Debug;
use std::io::{Write, stdout};

use super::{KStream, Output};
use crate::dsl::{Data, Shared};
use crate::operators::print;
use crate::topology::program::Changes;

impl<'t, K, V> KStream<'t, K, V> {
    /// Writes each record to standard output as `[label]: key, value` and ends the stream, for debugging a topology.
    #[track_caller]
    pub fn print(self, label: impl Into<String>) -> Output<'t>
    where
        K: Data + Debug,
        V: Data + Debug,
    {
        self.print_to(label, stdout())
    }

    /// As [`KStream::print`], but writes to any output, such as a file.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::fs::File;
    ///
    /// const VIEWS: Topic<String, i64> = Topic::new("views");
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("views.txt");
    /// let builder = StreamsBuilder::new();
    /// builder.stream(VIEWS).print_to("views", File::create(&path)?);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&VIEWS, "ada", 3);
    /// assert_eq!(std::fs::read_to_string(&path)?, "[views]: \"ada\", 3\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn print_to(self, label: impl Into<String>, out: impl Write + Send + 'static) -> Output<'t>
    where
        K: Data + Debug,
        V: Data + Debug,
    {
        self.print_with(label, out, |key, value| format!("{key:?}, {value:?}"))
    }

    /// As [`KStream::print_to`], but a closure says what is written of a record after `[label]: `. In Kafka Streams this
    /// is `Printed.withKeyValueMapper`.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const VIEWS: Topic<String, i64> = Topic::new("views");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(VIEWS).print_with("views", std::io::stdout(), |page, count| format!("{page} was seen {count} times"));
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn print_with(
        self,
        label: impl Into<String>,
        out: impl Write + Send + 'static,
        line: impl Fn(&K, &V) -> String + Shared,
    ) -> Output<'t>
    where
        K: Data,
        V: Data,
    {
        let end: Self = self.operator("KSTREAM-PRINTER-", Changes::Nothing, print::recipe(label.into(), out, line));
        Output { builder: end.builder, step: end.step }
    }
}
