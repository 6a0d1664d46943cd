//! Handlers on real threads, which nothing else here has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use streams_core::dsl::handler::Job;
use streams_core::prelude::*;

use crate::service::{DONE, Failed, JOBS};

/// Sleeps by tokio's clock, and counts how many do so at the same time.
fn sleeping(most: &Arc<AtomicUsize>) -> Topology {
    let (builder, running, most) = (StreamsBuilder::new(), Arc::new(AtomicUsize::new(0)), Arc::clone(most));
    let work = move |job: Job<String, String>| {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(2)).await;
            running.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, Failed>(job.into_pair().1)
        }
    };
    builder.stream(JOBS).handle("work", work).concurrency(5).to(DONE);
    builder.build().unwrap()
}

fn run_and_check() {
    let (log, most) = (Embedded::in_memory(), Arc::new(AtomicUsize::new(0)));
    log.create_topic("jobs", 4).unwrap();
    (0..300).for_each(|number| log.send(&JOBS, format!("key-{}", number % 30), number.to_string()).map(drop).unwrap());
    let app = App::new("threads", sleeping(&most)).workers(2).quiet();
    let summary = app.run_until_idle(log.clone()).unwrap();
    assert_eq!((summary.records_in, summary.records_out), (300, 300));
    let mut done: Vec<usize> =
        log.read(&DONE).unwrap().into_iter().map(|record| record.value.parse().unwrap()).collect();
    done.sort_unstable();
    assert!(done.into_iter().eq(0..300), "each is there once");
    let most = most.load(Ordering::SeqCst);
    assert!((2..=5).contains(&most), "{most} at the same time");
}

#[test]
fn a_batch_job_ends_when_all_records_are_handled() {
    run_and_check();
}

#[test]
fn a_program_within_a_runtime_of_its_own_needs_no_other() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { tokio::task::spawn_blocking(run_and_check).await }).unwrap();
}

/// It blocks the only thread of its runtime until the application ends.
#[test]
fn a_program_within_a_runtime_of_a_single_thread_does_not_wait_for_ever() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { run_and_check() });
}
