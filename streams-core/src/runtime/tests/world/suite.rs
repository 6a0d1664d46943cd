//! The suite: runs seeds, repeats and shortens those that fail, and demands that everything worth checking has
//! happened.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::operations::{FAMILIES, Script};
use super::{Outcome, World};
use crate::log::{ConsumerOptions, Doorbell, Log as _};
use crate::record::TopicPartition;
use crate::runtime::Guarantee;
use crate::runtime::tests::tally::{Happening, Tally};
use crate::runtime::worker::panic_message;

/// How many seeds run unless `MILLSTREAM_SEEDS` is set.
const SEEDS: u64 = 500;

/// Everything that a run has left in the log, including the offsets of transaction markers.
fn trace_of(seed: u64) -> Vec<String> {
    let mut world = World::new(Script::from_seed(seed), &Tally::default());
    let outcome = world.run();
    let topics = world.admin.topics(None).wait().expect("an answer").expect("topics");
    let mut trace = vec![format!("{outcome:?}"), format!("{:?}", world.positions)];
    for topic in topics {
        for partition in 0..topic.partitions.cast_signed() {
            let partition = TopicPartition::new(topic.name.as_str(), partition);
            let mut consumer = world.log.consumer(ConsumerOptions::default(), Doorbell::new()).expect("a consumer");
            let starts = world.admin.start_offsets(vec![partition.clone()]).wait().expect("an answer");
            consumer.add(&partition, starts.expect("offsets")[0]);
            let mut events = Vec::new();
            consumer.fetch(100_000, &mut events);
            trace.push(format!("{} {} {events:?}", topic.name, topic.id));
        }
    }
    trace
}

/// Nothing depends on chance, on the order of a hash map or on the machine's clock.
#[test]
fn a_run_is_a_function_of_its_seed() {
    for seed in 0..4 * FAMILIES {
        let (first, second) = (trace_of(seed), trace_of(seed));
        let differs = first.iter().zip(&second).find(|(first, second)| first != second);
        assert_eq!(differs, None, "seed {seed}");
        assert!(first.len() >= 6, "{first:?}");
    }
}

/// Runs a script. The error says what went wrong.
fn run(script: &Script, tally: &Tally) -> Outcome {
    let script = script.clone();
    catch_unwind(AssertUnwindSafe(|| World::new(script, tally).run()))
        .unwrap_or_else(|panic| Err(format!("panic: {}", panic_message(&*panic))))
}

/// Removes operations as long as the run still fails.
fn shortened(script: &Script) -> Script {
    let mut short = script.clone();
    let mut size = short.operations.len() / 2;
    while size > 0 {
        let mut from = 0;
        while from < short.operations.len() {
            let mut shorter = short.clone();
            shorter.operations.drain(from..(from + size).min(short.operations.len()));
            match run(&shorter, &Tally::default()) {
                Err(_) => short = shorter,
                Ok(()) => from += size,
            }
        }
        size /= 2;
    }
    short
}

fn number_in(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs the seeds of one family.
fn check_family(family: u64) {
    if let Some(seed) = number_in("MILLSTREAM_SEED") {
        if seed % FAMILIES == family {
            check_seed(seed);
        }
        return;
    }
    let first = number_in("MILLSTREAM_FIRST").unwrap_or(0);
    let seeds = first..first + number_in("MILLSTREAM_SEEDS").unwrap_or(SEEDS);
    let (mut failed, tally) = (Vec::new(), Tally::default());
    for seed in seeds.filter(|seed| seed % FAMILIES == family) {
        if let Err(what) = run(&Script::from_seed(seed), &tally) {
            println!("seed {seed}: {what}");
            failed.push(seed);
        }
    }
    if let Some(seed) = failed.first() {
        panic!("{failed:?} failed; one of them again, and shortened: MILLSTREAM_SEED={seed} {COMMAND}");
    }
    if number_in("MILLSTREAM_SEEDS").is_none() {
        let missing: Vec<_> = demanded(family).into_iter().filter(|what| !tally.has(*what)).collect();
        assert_eq!(missing, [], "this has not happened in any world, so nothing is known about it; there was: {tally}");
    }
}

/// What has to happen in some world of a family, or the family proves less than it seems to.
fn demanded(family: u64) -> Vec<Happening> {
    let settings = Script::from_seed(family).settings;
    let mut demanded = vec![
        Happening::TaskMoved,
        Happening::TaskResumed,
        Happening::TaskReopened,
        Happening::StateRestored,
        Happening::Killed,
        Happening::PlaceTaken,
        Happening::StoodStill,
        Happening::WorkerStoodStill,
        Happening::Zombie,
        Happening::DeadlineMissed,
        Happening::CommitFenced,
        Happening::CommitUnknown,
        Happening::RecordLost,
        Happening::RecordRefused,
        Happening::PositionLost,
        Happening::Purged,
        Happening::DeadLetter,
    ];
    demanded.extend(match settings.guarantee() {
        Guarantee::AtLeastOnce => [Happening::CommitLate, Happening::CommitRepeated],
        Guarantee::ExactlyOnce => [Happening::TransactionGivenUp, Happening::MarkerLate],
    });
    demanded.extend((settings.cache_bytes > 0).then_some(Happening::CacheMadeRoom));
    demanded
}

const COMMAND: &str = "cargo test -p streams-core --lib world";

/// Runs one seed. If it fails, looks for fewer operations that also fail.
fn check_seed(seed: u64) {
    let script = Script::from_seed(seed);
    let Err(what) = run(&script, &Tally::default()) else { return };
    let short = shortened(&script);
    let what_of_short = run(&short, &Tally::default()).err().unwrap_or_default();
    panic!("{what}\n{script}\nshortened: {what_of_short}\n{short}again: MILLSTREAM_SEED={seed} {COMMAND}");
}

#[test]
fn words_at_least_once() {
    check_family(0);
}

#[test]
fn words_exactly_once() {
    check_family(1);
}

#[test]
fn windows_at_least_once() {
    check_family(2);
}

#[test]
fn windows_exactly_once() {
    check_family(3);
}

#[test]
fn cached_words_at_least_once() {
    check_family(4);
}

#[test]
fn cached_words_exactly_once() {
    check_family(5);
}

#[test]
fn cached_windows_at_least_once() {
    check_family(6);
}

#[test]
fn cached_windows_exactly_once() {
    check_family(7);
}
