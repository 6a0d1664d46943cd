//! What is measured of the workers, each of which is a thread. All of it is counted once per round, and never per record.

use prometheus::proto::MetricType;
use streams_core::runtime::{Histogram, WorkerTimings};

use super::Family;
use super::sample::{Sample, Value, number};
use super::snapshot::{Snapshot, seconds};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "kstream_threads_alive",
        help: "Number of workers that the application runs; 0 once it has ended.",
        kind: MetricType::GAUGE,
        samples: |snapshot| {
            let alive = if snapshot.state.is_final() { 0 } else { snapshot.turns.workers.len() as u64 };
            vec![Sample::new(Vec::new(), number(alive))]
        },
    },
    Family {
        name: "kstream_threads_failed_total",
        help: "Workers that could not go on because of an error.",
        kind: MetricType::COUNTER,
        samples: |snapshot| vec![Sample::new(Vec::new(), number(snapshot.turns.failed))],
    },
    Family {
        name: "kstream_thread_busy_ratio",
        help: "Share of the last moments, from 0 to 1, that a worker has spent on something. The rest of the time it has waited.",
        kind: MetricType::GAUGE,
        samples: |snapshot| {
            let workers = (0..).zip(&snapshot.timings);
            let shares = workers.flat_map(|(at, timings)| timings.busy.ratios().map(move |share| (at, share)));
            shares
                .map(|(at, (phase, share))| {
                    let mut labels = thread(at);
                    labels.push(("phase", phase.to_owned()));
                    Sample::new(labels, share)
                })
                .collect()
        },
    },
    Family {
        name: "kstream_thread_step_seconds",
        help: "Time in seconds that a worker's step lasts so far. It is 0 between two steps.",
        kind: MetricType::GAUGE,
        samples: |snapshot| match snapshot.state.is_final() {
            true => Vec::new(),
            false => {
                (0..).zip(&snapshot.turns.workers).map(|(at, step)| Sample::new(thread(at), seconds(*step))).collect()
            }
        },
    },
    Family {
        name: "kstream_thread_poll_seconds",
        help: "Time in seconds to take what the log's client has fetched, per round.",
        kind: MetricType::HISTOGRAM,
        samples: |snapshot| steps(snapshot, |timings| timings.poll),
    },
    Family {
        name: "kstream_thread_process_seconds",
        help: "Time in seconds to process records, per round in which there were some.",
        kind: MetricType::HISTOGRAM,
        samples: |snapshot| steps(snapshot, |timings| timings.process),
    },
    Family {
        name: "kstream_thread_commit_seconds",
        help: "Time in seconds from when a commit begins until the log has accepted it.",
        kind: MetricType::HISTOGRAM,
        samples: |snapshot| steps(snapshot, |timings| timings.commit),
    },
    Family {
        name: "kstream_thread_punctuate_seconds",
        help: "Time in seconds for the wall-clock punctuators of a task that are due at once.",
        kind: MetricType::HISTOGRAM,
        samples: |snapshot| steps(snapshot, |timings| timings.punctuate),
    },
];

fn thread(number: usize) -> Vec<(&'static str, String)> {
    vec![("thread", number.to_string())]
}

fn steps(snapshot: &Snapshot, of: fn(&WorkerTimings) -> Histogram) -> Vec<Sample> {
    let workers = (0..).zip(&snapshot.timings);
    workers.map(|(at, timings)| Sample { labels: thread(at), value: Value::Steps(of(timings)) }).collect()
}
