//! What the tests' handlers call, and the topology around it. What a call does is what its record's value says.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use streams_core::dsl::Handled;
use streams_core::dsl::handler::{HandlerMetrics, Job, Permanent};
use streams_core::prelude::*;
use streams_core::testing::{Setup, TestDriver};

pub(crate) const JOBS: Topic<String, String> = Topic::new("jobs");
pub(crate) const DONE: Topic<String, String> = Topic::new("done");
pub(crate) const DEAD: Topic<Option<String>, Option<String>> = Topic::new("dead-letters");

pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Notes each call, and how many there were at the same time.
#[derive(Clone, Default)]
pub(crate) struct Service {
    calls: Arc<Mutex<Vec<String>>>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

/// Dropped when a call ends or is cancelled.
struct Call(Arc<AtomicUsize>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Service {
    /// The calls since this was asked last, as `key value attempt`.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.lock())
    }

    /// How many calls there were at the same time at most.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.calls.lock().unwrap()
    }

    fn call(&self, job: &Job<String, String>) -> Call {
        self.lock().push(format!("{} {} {}", job.key(), job.value(), job.attempt()));
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        Call(Arc::clone(&self.running))
    }

    /// * `fails` always fails, `fails 2` twice.
    /// * `flags 1` fails once, after two seconds.
    /// * `naps` takes two seconds, `slow` ten, `stuck` never ends.
    /// * `panics`, and `permanent` fails for good.
    pub(crate) async fn work(self, job: Job<String, String>) -> Result<String, Failed> {
        let _call = self.call(&job);
        let mut words = job.value().split(' ');
        let (what, times) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match (what, times.parse::<u32>()) {
            ("fails", Ok(times)) if job.attempt() <= times => Err("it is busy".into()),
            ("fails", Err(_)) => Err("it is busy".into()),
            ("flags", Ok(times)) if job.attempt() <= times => {
                job.sleep(Duration::from_secs(2)).await;
                Err("it is tired".into())
            }
            ("permanent", _) => Err(Permanent::new("there is no such thing").into()),
            ("panics", _) => panic!("the handler gave up"),
            ("slow", _) => {
                job.sleep(Duration::from_secs(10)).await;
                Ok(job.value().clone())
            }
            ("naps", _) => {
                job.sleep(Duration::from_secs(2)).await;
                Ok(job.value().clone())
            }
            ("stuck", _) => std::future::pending().await,
            _ => Ok(job.value().clone()),
        }
    }
}

/// `jobs` -> the service -> `done`, on three partitions and exactly-once.
pub(crate) fn setup(
    service: &Service,
    options: impl for<'t> Fn(Handled<'t, String, String>) -> Handled<'t, String, String>,
) -> Setup {
    let (builder, service) = (StreamsBuilder::new(), service.clone());
    let handled = builder.stream(JOBS).handle("work", move |job| service.clone().work(job));
    options(handled).to(DONE);
    let setup = TestDriver::configure(builder.build().unwrap()).partitions(3);
    setup.with(|app| app.exactly_once().dead_letters_to("dead-letters"))
}

pub(crate) fn plain(handled: Handled<'_, String, String>) -> Handled<'_, String, String> {
    handled
}

pub(crate) fn pipe(driver: &mut TestDriver, jobs: &[(&str, &str)]) {
    for (key, value) in jobs {
        driver.pipe(&JOBS, *key, *value);
    }
}

/// What came out, sorted: keys are in several partitions.
pub(crate) fn done(driver: &mut TestDriver) -> Vec<String> {
    let mut done: Vec<_> = driver.read(&DONE).into_iter().map(|(key, value)| format!("{key} {value}")).collect();
    done.sort();
    done
}

pub(crate) fn sorted(mut all: Vec<String>) -> Vec<String> {
    all.sort();
    all
}

/// What the handler of that name has done, over all tasks.
pub(crate) fn metrics(driver: &mut TestDriver, name: &str) -> HandlerMetrics {
    let mut all = HandlerMetrics::default();
    for task in driver.tasks().into_values() {
        let Some(one) = task.handlers.get(name) else { continue };
        all.accepted += one.accepted;
        all.succeeded += one.succeeded;
        all.retried += one.retried;
        all.moved_to_topics += one.moved_to_topics;
        all.running += one.running;
        all.waiting += one.waiting;
        one.given_up.iter().for_each(|(reason, count)| *all.given_up.entry(reason).or_default() += count);
    }
    all
}

/// How many rows the changelog of the handler's store has once it is compacted, where there is one partition.
pub(crate) fn left_in_changelog(driver: &TestDriver) -> usize {
    const CHANGELOG: Topic<Vec<u8>, Option<Vec<u8>>> = Topic::new("test-work-changelog");
    let records = driver.log().read(&CHANGELOG).unwrap();
    let rows: BTreeMap<_, _> = records.into_iter().map(|record| (record.key, record.value)).collect();
    rows.values().filter(|row| row.is_some()).count()
}
