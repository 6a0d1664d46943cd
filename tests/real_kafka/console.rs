//! Kafka's console clients.

use std::collections::BTreeMap;
use std::process::Command;

use millstream_tests::program::Program;

fn kafka_tool(class: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["xtask", "kafka", "exec", class]);
    command
}

/// A console producer: each line of its input becomes a record without a key.
pub(crate) fn producer(servers: &str, topic: &str) -> Program {
    let mut command = kafka_tool("org.apache.kafka.tools.ConsoleProducer");
    // Records without keys go to one partition until a batch is full, so small batches spread them evenly.
    command.args(["--bootstrap-server", servers, "--topic", topic, "--batch-size", "4096"]);
    Program::start("console producer", &mut command)
}

/// The last value of each key among the `records` committed records that a console consumer reads from the beginning.
pub(crate) fn last_counts(servers: &str, topic: &str, records: i64) -> BTreeMap<String, i64> {
    let mut command = kafka_tool("org.apache.kafka.tools.consumer.ConsoleConsumer");
    command
        .args(["--bootstrap-server", servers, "--topic", topic, "--from-beginning"])
        .args(["--isolation-level", "read_committed"])
        .args(["--max-messages", &records.to_string(), "--timeout-ms", "120000"])
        .args(["--formatter-property", "print.key=true"])
        .args(["--key-deserializer", "org.apache.kafka.common.serialization.StringDeserializer"])
        .args(["--value-deserializer", "org.apache.kafka.common.serialization.LongDeserializer"]);
    let output = command.output().expect("a console consumer");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(&format!("Processed a total of {records} messages")), "of {records}: {said}");
    let printed = String::from_utf8(output.stdout).expect("UTF-8 as the text is");
    let parse = |line: &str| {
        let (word, count) = line.rsplit_once('\t').unwrap_or_else(|| panic!("no count in {line:?}"));
        (word.to_owned(), count.parse().unwrap_or_else(|_| panic!("no count in {line:?}")))
    };
    printed.split_terminator('\n').map(parse).collect()
}

/// Separates what [`with_headers`] prints of a record.
pub(crate) const FIELD: &str = "<|>";
/// Separates headers.
pub(crate) const HEADER: &str = "<;>";
/// Separates records, because headers may have several lines.
const RECORD: &str = "<end>";

/// The `records` committed records of a topic as a console consumer prints them: time, headers and key.
pub(crate) fn with_headers(servers: &str, topic: &str, records: i64) -> Vec<String> {
    let mut command = kafka_tool("org.apache.kafka.tools.consumer.ConsoleConsumer");
    command
        .args(["--bootstrap-server", servers, "--topic", topic, "--from-beginning"])
        .args(["--isolation-level", "read_committed"])
        .args(["--max-messages", &records.to_string(), "--timeout-ms", "60000"]);
    for property in ["print.timestamp=true", "print.headers=true", "print.key=true", "print.value=false"] {
        command.args(["--formatter-property", property]);
    }
    for (property, separator) in [("key.separator", FIELD), ("headers.separator", HEADER), ("line.separator", RECORD)] {
        command.args(["--formatter-property", &format!("{property}={separator}")]);
    }
    let output = command.output().expect("a console consumer");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(&format!("Processed a total of {records} messages")), "of {records}: {said}");
    let printed = String::from_utf8(output.stdout).expect("UTF-8 as all headers are");
    printed.split_terminator(RECORD).map(str::to_owned).collect()
}
