//! Left and outer joins of streams whose task is killed while records wait for a match: each result comes when it would have
//! come, with the headers of the same record.

use std::time::Duration;

use streams_core::record::{Headers, Record, Timestamp};
use streams_core::testing::{KeptState, TestDriver};
use streams_core::topic::Topic;
use streams_core::topology::Topology;
use streams_core::windows::JoinWindows;

use crate::topology;

/// Values that begin with `l` are the left side's.
const BOTH: Topic<String, String> = Topic::new("both");
const O: Topic<String, String> = Topic::new("o");

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Records on the left wait for 1 ms, those on the right for 20.
fn outer() -> Topology {
    topology(|b| {
        let both = b.stream(BOTH);
        let left = both.filter(|_, value| value.starts_with('l'));
        let right = both.filter(|_, value| value.starts_with('r'));
        let shown = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
        let within = right.within(JoinWindows::of(ms(1)).before(ms(20)).no_grace());
        _ = left.outer_join(within, move |left, right| format!("{}/{}", shown(left), shown(right))).to(O);
    })
}

/// Key, value and time of each record, and the results that come with it. Each is sent with a header that is its value.
const STORY: [(&str, &str, i64, &[&str]); 16] = [
    ("a", "r1", 0, &[]),
    ("b", "l2", 2, &[]),
    // The left record is over, but one on the right looks only 20 ms after the earliest record that waits.
    ("c", "r3", 20, &[]),
    ("d", "r4", 21, &["a null/r1 0 by r4", "b l2/null 2 by r4"]),
    ("e", "l5", 22, &[]),
    ("f", "l6", 24, &["e l5/null 22 by l6"]),
    ("g", "r7", 25, &[]),
    // Comes out of order, and from then on is the earliest one.
    ("h", "r8", 23, &[]),
    ("g", "l9", 26, &["f l6/null 24 by l9", "g l9/r7 26 by l9"]),
    // The last look ended at 25, past three earlier records on the right that still waited, so this record does not look
    // for them.
    ("k", "r10", 43, &[]),
    ("m", "l11", 44, &["c null/r3 20 by l11", "d null/r4 21 by l11", "h null/r8 23 by l11"]),
    ("n", "l12", 45, &[]),
    ("o", "l13", 47, &["m l11/null 44 by l13", "n l12/null 45 by l13"]),
    ("p", "r14", 60, &[]),
    // The last look ended at 45.
    ("q", "r15", 64, &[]),
    (
        "z",
        "l16",
        100,
        &["k null/r10 43 by l16", "o l13/null 47 by l16", "p null/r14 60 by l16", "q null/r15 64 by l16"],
    ),
];

/// Tells the story, with `after` called after each record, and returns the results in their order.
fn told(driver: &mut TestDriver, mut after: impl FnMut(usize, &mut TestDriver)) -> Vec<String> {
    for (number, (key, value, at, _)) in STORY.into_iter().enumerate() {
        let mut headers = Headers::new();
        headers.push(value, "x");
        let (key, value) = (key.to_owned(), value.to_owned());
        driver.pipe_record(&BOTH, Record { key, value, timestamp: Timestamp(at), headers });
        after(number, driver);
    }
    driver.commit();
    let by = |headers: &Headers| headers.iter().map(|header| header.name.clone()).collect::<String>();
    let line = |r: Record<String, String>| format!("{} {} {} by {}", r.key, r.value, r.timestamp.0, by(&r.headers));
    driver.read_records(&O).into_iter().map(line).collect()
}

#[test]
fn results_without_a_match_come_with_the_same_records_after_a_restart() {
    let expected: Vec<&str> = STORY.iter().flat_map(|(_, _, _, results)| results.iter().copied()).collect();
    assert_eq!(told(&mut TestDriver::configure(outer()).start(), |_, _| {}), expected);
    for (exactly_once, keeps_state) in [(false, false), (false, true), (true, false), (true, true)] {
        // At-least-once is exact only if there is no uncommitted work.
        for commits_every in if exactly_once { [1, 2, 5].as_slice() } else { &[1] } {
            for kills_every in [1, 2, 3, 7] {
                let setup = TestDriver::configure(outer()).commit_by_hand();
                let setup = if exactly_once { setup.with(|app| app.exactly_once()) } else { setup };
                let setup = if keeps_state { setup.state_in(KeptState::default()) } else { setup };
                let results = told(&mut setup.start(), |number, driver| {
                    if number % commits_every == 0 {
                        driver.commit();
                    }
                    if number % kills_every == 0 {
                        driver.kill();
                        driver.restart();
                    }
                });
                assert_eq!(results, expected, "{exactly_once} {keeps_state} {commits_every} {kills_every}");
            }
        }
    }
}
