//! An application stays within its memory, whatever it is fed.

use std::process::Command;

use millstream_tests::kafka::bootstrap_servers;
use millstream_tests::program::Program;
use millstream_tests::records::{TopicOf, Writer};
use millstream_tests::say;
use streams_core::log::Isolation;
use streams_core::record::Timestamp;
use streams_core::testing::log_contract::unique_prefix;
use streams_kafka::Kafka;

const MIB: usize = 1 << 20;

/// What the application may hold.
const BUDGET: usize = 192 * MIB;

/// What the program itself needs, apart from what the budget is for.
const PROGRAM: usize = 64 * MIB;

const VALUE: usize = 10 * MIB;

const MESSAGE: usize = 12 * MIB;

const PARTITIONS: u32 = 4;

/// Together they are much larger than the budget.
const RECORDS: usize = 64;

/// The key of almost all records, and that of the others.
const KEYS: [&str; 2] = ["hot", "cold"];

/// The value of a record, which is larger than the one before. Nothing can compress it.
fn value(number: usize, random: &mut fastrand::Rng) -> Vec<u8> {
    let mut value = vec![0; VALUE];
    random.fill(&mut value);
    value[..8].copy_from_slice(&(number as u64).to_be_bytes());
    value
}

#[test]
fn records_of_ten_mebibytes_on_one_key_stay_within_the_memory_that_was_given() {
    let id = unique_prefix();
    let message = MESSAGE.to_string();
    let kafka = Kafka::at(bootstrap_servers()).set("producer.message.max.bytes", &*message);
    let input = TopicOf::create_with(&kafka, &format!("{id}-in"), PARTITIONS, &[("max.message.bytes", &message)]);
    let output = TopicOf::create(&kafka, &format!("{id}-out"), PARTITIONS);
    let (mut writer, mut random) = (Writer::new(&input), fastrand::Rng::with_seed(1));
    for number in 0..RECORDS {
        let key = if number == RECORDS / 2 { KEYS[1] } else { KEYS[0] };
        let partition = i32::from(key == KEYS[1]);
        writer.send(partition, key, &value(number, &mut random), Timestamp(i64::try_from(number).unwrap_or(0)));
    }
    writer.flush();
    let state = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_memory-app"));
    command.arg(bootstrap_servers()).args([&*id, input.name(), output.name()]).arg(state.path());
    // Otherwise glibc keeps much of what was freed, which is not what the budget is for (`App::memory_bytes` says so).
    command.env("MALLOC_TRIM_THRESHOLD_", "131072");
    let program = Program::start("memory-app", command.args([&BUDGET.to_string(), &message]));
    let peak: usize =
        program.until("its peak", |lines| lines.iter().find_map(|line| line.strip_prefix("peak=")?.parse().ok()));
    let lines = program.finish();
    let mut seen = 0;
    output.read(Isolation::ReadCommitted, |record| {
        assert_eq!(record.value, Some(&i64::try_from(VALUE).unwrap_or(0).to_be_bytes()[..]));
        seen += 1;
    });
    assert!(seen >= KEYS.len() && seen <= RECORDS, "{seen} results of {RECORDS} records: {lines:?}");
    let allowed = BUDGET / 10 * 11 + PROGRAM;
    say(&format!("peak {} MiB of {} MiB, for a budget of {} MiB", peak / MIB, allowed / MIB, BUDGET / MIB));
    assert!(peak <= allowed, "{peak} bytes, with a budget of {BUDGET}: {lines:?}");
}
