//! Kills an application again and again, and keeps the books.

use millstream_tests::progress::Partition;
use millstream_tests::say;

use crate::counter::{Application, Beginning, positions, repeated};
use crate::events::Events;

const KILLS: usize = 10;

/// The cost of ten kills.
pub(crate) struct Books {
    /// The total number of records processed since the last commit when a process died or lost its tasks: at most this
    /// many may be counted twice.
    pub(crate) uncommitted: i64,
    /// The number of records that were committed at the last kill.
    pub(crate) committed: i64,
}

/// Runs the application until it has counted all events, and kills it ten times meanwhile, at random moments between 5
/// and 95 % of the events. After each kill, compares the state from which the next process starts with what the dead one
/// had done.
pub(crate) fn kill_ten_times(application: &Application, events: &Events) -> Books {
    let moments = moments();
    let mut books = Books { uncommitted: 0, committed: 0 };
    let mut dead: Option<(Beginning, Vec<Partition>)> = None;
    let mut twice_before = 0;
    for number in 0..=KILLS {
        let counter = application.start(number);
        let beginning = counter.beginning();
        if let Some((its_beginning, progress)) = dead.take() {
            let twice = book(application, &mut books, number, (&its_beginning, &progress), &beginning, twice_before);
            twice_before = twice;
        }
        match moments.get(number) {
            Some(permille) => {
                counter.until_processed(&beginning, events.number * permille / 1_000);
                dead = Some((beginning, counter.kill()));
            }
            None => {
                counter.until_processed(&beginning, events.number);
                let (progress, _) = counter.finish();
                books.uncommitted += repeated(&progress);
            }
        }
    }
    assert!(books.uncommitted > 0, "every kill came right after a commit: nothing was tried");
    assert!(books.committed > 0, "no kill came after a commit: the bound says nothing");
    books
}

/// Records a kill, and returns how many events are counted twice from then on.
fn book(
    application: &Application,
    books: &mut Books,
    number: usize,
    (before, progress): (&Beginning, &[Partition]),
    after: &Beginning,
    twice_before: i64,
) -> i64 {
    let died_at = positions(before, progress);
    let uncommitted = died_at.iter().zip(&after.positions).map(|(died, committed)| died - committed);
    assert!(uncommitted.clone().all(|records| records >= 0), "committed without being processed: {after:?}");
    let (uncommitted, repeated) = (uncommitted.sum::<i64>(), repeated(progress));
    let committed: i64 = after.positions.iter().sum();
    let twice = after.counted - committed;
    say(&format!(
        "kill {number}: at {}, changelog {} records, restored {}, committed {committed}, processed since {uncommitted}, \
         of these counted twice {}",
        died_at.iter().sum::<i64>(),
        after.changelog,
        after.restored,
        twice - twice_before,
    ));
    if repeated > 0 {
        say(&format!("kill {number}: the process had repeated {repeated} records before"));
    }
    assert!(twice >= 0, "{} records are committed but not counted", -twice);
    assert!(after.restored <= after.changelog, "restored more than there is");
    if application.exactly_once {
        assert_eq!(twice, 0, "state and positions are committed as one");
    }
    assert!(twice - twice_before <= uncommitted + repeated, "counted twice, although it was committed");
    books.uncommitted += uncommitted + repeated;
    books.committed = committed;
    twice
}

/// When to kill, in thousandths of all events, in order.
fn moments() -> Vec<i64> {
    let seed = std::env::var("MILLSTREAM_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let mut random = fastrand::Rng::with_seed(seed);
    let mut moments: Vec<i64> = (0..KILLS).map(|_| random.i64(50..=950)).collect();
    moments.sort_unstable();
    say(&format!("MILLSTREAM_SEED={seed}: kills at {moments:?} thousandths"));
    moments
}
