//! What the log says about records that are dropped on purpose.

use std::time::Duration;

use super::said::said;
use crate::dsl::{KTable, StreamsBuilder};
use crate::record::Timestamp;
use crate::testing::TestDriver;
use crate::topic::Topic;
use crate::topology::Topology;
use crate::windows::{Tumbling, Windowed};

const WORDS: Topic<Option<String>, String> = Topic::new("words");

fn windowed() -> Topology {
    let builder = StreamsBuilder::new();
    let window = Tumbling::of(Duration::from_secs(60)).no_grace();
    let _: KTable<'_, Windowed<String>, _> = builder.stream(WORDS).group_by_key().windowed_by(window).count();
    builder.build().expect("a topology")
}

/// The sentences for people.
fn warnings(said: &str) -> Vec<&str> {
    said.lines().filter_map(|line| Some(line.split_once(" millstream: ")?.1.split_once(" node=")?.0)).collect()
}

/// Regression: a replay in no order of time lost most of its records, and only a counter knew.
#[test]
fn a_replay_that_loses_most_of_its_records_says_so_with_numbers() {
    let said = said(|| {
        let mut driver = TestDriver::new(windowed());
        driver.pipe_at(&WORDS, "a".to_owned(), "word", Timestamp(60 * 60 * 1_000));
        driver.pipe_at(&WORDS, None, "word", Timestamp(0));
        for late in [900, 10, 10, 10, 10, 10] {
            for time in 0..late {
                driver.pipe_at(&WORDS, "a".to_owned(), "word", Timestamp(time));
            }
            driver.advance_wall_clock(Duration::from_secs(2));
        }
        driver.stop();
    });
    let line = |reason: &str, dropped: u32, processed: u32| {
        format!("{dropped} of {processed} records were dropped at KSTREAM-AGGREGATE-0000000002: {reason}")
    };
    let late = "they came after their window was closed; a longer grace keeps it open";
    let expected = [line("their key is null", 1, 902), line(late, 900, 902), line(late, 950, 952)];
    assert_eq!(warnings(&said), expected);
}
