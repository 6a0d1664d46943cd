//! The text, the topics and the progress of one test.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use millstream_tests::kafka::bootstrap_servers;
use millstream_tests::records::TopicOf;
use millstream_tests::{PATIENCE, say};
use streams_core::log::Isolation;
use streams_core::testing::log_contract::unique_prefix;
use streams_kafka::Kafka;
use tempfile::TempDir;

use crate::console;
use crate::counters::{Counter, Share};
use crate::text::{Text, count};

const PARTITIONS: u32 = 4;

/// One application and its topics.
pub(crate) struct Run {
    pub(crate) text: Text,
    kafka: Kafka,
    /// The prefix of the names of the topics and the application.
    id: String,
    folder: TempDir,
    exactly_once: bool,
    /// Tests that use the whole machine take turns.
    _turn: MutexGuard<'static, ()>,
}

impl Run {
    /// An application that loses nothing.
    pub(crate) fn new() -> Self {
        Self::begin(false)
    }

    /// An application that counts exactly once.
    pub(crate) fn exactly_once() -> Self {
        Self::begin(true)
    }

    fn begin(exactly_once: bool) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let text = Text::gather();
        let folder = tempfile::tempdir().expect("a folder");
        let (kafka, id) = (Kafka::at(bootstrap_servers()), unique_prefix());
        let run = Self { text, kafka, id, folder, exactly_once, _turn: turn };
        for name in [run.lines_name(), run.counts_name()] {
            let _ = TopicOf::create(&run.kafka, &name, PARTITIONS);
        }
        say(&format!(
            "text: {} bytes, {} lines, {} words, {} different",
            run.text.bytes.len(),
            run.text.lines(),
            run.text.words(),
            run.text.counts.len()
        ));
        run
    }

    pub(crate) fn lines_name(&self) -> String {
        format!("{}-lines", self.id)
    }

    fn counts_name(&self) -> String {
        format!("{}-word-counts", self.id)
    }

    fn topic(&self, name: &str) -> TopicOf<'_> {
        TopicOf::new(&self.kafka, name, PARTITIONS)
    }

    pub(crate) fn start_counter(&self, name: &str) -> Counter {
        let (input, output) = (self.lines_name(), self.counts_name());
        let servers = bootstrap_servers();
        let arguments = ["--bootstrap-servers", servers, "--application-id", &self.id, "--input", &input];
        let guarantee: &[_] = if self.exactly_once { &["--exactly-once"] } else { &[] };
        Counter::start(name, &[arguments.as_slice(), &["--output", &output], guarantee].concat(), self.folder.path())
    }

    /// The number of lines that have been split into words and committed.
    pub(crate) fn lines_done(&self) -> i64 {
        self.topic(&self.lines_name()).committed(&self.id).iter().sum()
    }

    /// Waits until all lines have arrived, and they and all their words have been processed and committed.
    pub(crate) fn until_counted(&self) {
        let lines = self.topic(&self.lines_name());
        let arrived = lines.ends();
        assert_eq!(arrived.iter().sum::<i64>(), self.text.lines(), "the console producer lost lines: {arrived:?}");
        let least = self.text.lines() / i64::from(PARTITIONS) / 2;
        assert!(arrived.iter().all(|lines| *lines >= least), "the partitions have no fair shares: {arrived:?}");
        self.until(&lines);
        // The words of committed lines are in this topic, so it does not grow any more.
        let words = self.topic(&format!("{}-counts-repartition", self.id));
        self.until(&words);
        let words = words.ends();
        assert_eq!(words.iter().sum::<i64>(), self.text.words(), "words were lost or repeated: {words:?}");
        say(&format!("lines by partition: {arrived:?}, words by partition: {words:?}"));
    }

    /// Waits until all lines have arrived, and there are committed counts of as many words as they have, or more.
    pub(crate) fn until_committed(&self) {
        let lines = self.topic(&self.lines_name());
        assert_eq!(lines.ends().iter().sum::<i64>(), self.text.lines(), "the console producer lost lines");
        self.until(&lines);
        let (began, words) = (Instant::now(), self.text.words());
        loop {
            let (_, counted) = self.counted();
            if counted >= words {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{counted} of {words} words are counted");
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    /// The number of committed counts, and the sum of all words' last ones.
    fn counted(&self) -> (usize, i64) {
        let (mut records, mut last) = (0, HashMap::new());
        self.topic(&self.counts_name()).read(Isolation::ReadCommitted, |record| {
            let count = record.value.and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes);
            last.insert(record.key.map(<[u8]>::to_vec), count.expect("a count"));
            records += 1;
        });
        (records, last.values().sum())
    }

    fn until(&self, topic: &TopicOf<'_>) {
        let (began, ends) = (Instant::now(), topic.ends());
        loop {
            let committed = topic.committed(&self.id);
            if committed == ends {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{}: {committed:?} of {ends:?} are committed", topic.name());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Compares the counts that Kafka's console consumer reads with those of coreutils.
    pub(crate) fn check_counts(&self) {
        let counts = self.topic(&self.counts_name());
        // Ends of partitions would count the markers of transactions, too.
        let records = i64::try_from(self.counted().0).expect("a count");
        let found = console::last_counts(bootstrap_servers(), counts.name(), records);
        let words = self.text.counts.keys().chain(found.keys().filter(|word| !self.text.counts.contains_key(*word)));
        let wrong = words
            .filter(|word| found.get(*word) != self.text.counts.get(*word))
            .map(|word| format!("{word:?}: {:?} instead of {:?}", found.get(word), self.text.counts.get(word)))
            .collect::<Vec<_>>();
        say(&format!("counts: {records} records, {} words, {} wrong", found.len(), wrong.len()));
        assert!(wrong.is_empty(), "{} counts are wrong: {:?}", wrong.len(), wrong.iter().take(10).collect::<Vec<_>>());
    }

    /// Checks that each process did a substantial part of the work, and that together they did it once.
    pub(crate) fn check_shares(&self, shares: &[Share]) {
        let (all_lines, all_words) = (self.text.lines(), self.text.words());
        for Share { name, lines, words } in shares {
            let percent = 100 * words / all_words;
            say(&format!("{name}: split {lines} lines, counted {words} words ({percent} % of all)"));
        }
        let lines: i64 = shares.iter().map(|share| share.lines).sum();
        let words: i64 = shares.iter().map(|share| share.words).sum();
        assert_eq!((lines, words), (all_lines, all_words), "all shut down cleanly, so nothing is done twice");
        for Share { name, words, .. } in shares {
            assert!(words * 10 >= all_words, "{name} counted {words} of {all_words} words, which is no share");
        }
    }

    /// The number of bytes in this fraction of the text, up to the end of a line.
    pub(crate) fn bytes_until(&self, part: f64) -> usize {
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let bytes = (self.text.bytes.len() as f64 * part.clamp(0.0, 1.0)) as usize;
        let rest = self.text.bytes.get(bytes..).unwrap_or_default();
        rest.iter().position(|byte| *byte == b'\n').map_or(self.text.bytes.len(), |end| bytes + end + 1)
    }

    /// The number of lines in the first `bytes` bytes of the text.
    pub(crate) fn lines_in(&self, bytes: usize) -> i64 {
        let fed = self.text.bytes.get(..bytes).unwrap_or_default();
        count(fed.iter().filter(|byte| **byte == b'\n').count())
    }
}
