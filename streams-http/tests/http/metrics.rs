//! `/metrics`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use millstream::config::OnError;
use millstream::dsl::handler::{Job, Permanent};
use millstream::prelude::*;
use prometheus_parse::{Scrape, Value};

use crate::support::{Answer, LINES, Scene, eventually, scene, scene_of, topology};

/// The samples of a scrape, which a parser reads line by line.
fn scraped(scene: &Scene) -> Scrape {
    let answer = scene.get("/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    check_lines(&answer);
    Scrape::parse(answer.body.lines().map(|line| Ok(line.to_owned()))).unwrap()
}

/// Each family has its help and type, in that order, before its samples, and each line is of a known form.
fn check_lines(answer: &Answer) {
    let mut announced: Option<String> = None;
    let mut families = BTreeSet::new();
    for line in answer.body.lines() {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name)) => {
                assert!(families.insert(name.to_owned()), "{name} is there twice");
                assert!(words.next().is_some(), "{line}");
                announced = Some(name.to_owned());
            }
            (Some("#"), Some("TYPE"), Some(name)) => assert_eq!(announced.as_deref(), Some(name), "{line}"),
            (Some(sample), Some(value), None) => {
                let name = sample.split('{').next().unwrap();
                assert!(announced.as_deref().is_some_and(|family| name.starts_with(family)), "{line}");
                value.parse::<f64>().unwrap();
            }
            // A value of a label with a space.
            _ if line.contains("=\"") => {}
            _ => panic!("{line}"),
        }
    }
}

/// The values of a metric, by its labels.
fn values(scrape: &Scrape, name: &str) -> BTreeMap<String, f64> {
    let samples = scrape.samples.iter().filter(|sample| sample.metric == name);
    samples
        .map(|sample| {
            let labels: BTreeSet<String> =
                sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let value = match &sample.value {
                Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => *value,
                other => panic!("{name}: {other:?}"),
            };
            (labels.into_iter().collect::<Vec<_>>().join(","), value)
        })
        .collect()
}

fn of(entries: &[(&str, f64)]) -> BTreeMap<String, f64> {
    entries.iter().map(|(labels, value)| ((*labels).to_owned(), *value)).collect()
}

#[test]
fn a_scrape_says_what_the_application_does() {
    let scene = scene(|http| http);
    scene.process(&[("a", "to"), ("b", "be"), ("c", "or"), ("d", "not"), ("e", "to"), ("f", "be")]);
    eventually(|| values(&scraped(&scene), "kstream_consumer_lag") == of(&[("topic=lines", 0.0)]));
    let scrape = scraped(&scene);
    let is = |name: &str, expected: &[(&str, f64)]| assert_eq!(values(&scrape, name), of(expected), "{name}");
    is("kstream_task_records_processed_total", &[("subtopology=0", 6.0)]);
    is("kstream_task_records_uncommitted", &[("subtopology=0", 0.0)]);
    is("kstream_task_records_buffered", &[("subtopology=0", 0.0)]);
    is("kstream_restore_remaining_records", &[("subtopology=0", 0.0)]);
    is("kstream_threads_alive", &[("", 2.0)]);
    is("kstream_threads_failed_total", &[("", 0.0)]);
    is("kstream_topic_records_consumed_total", &[("topic=lines", 6.0)]);
    is("kstream_topic_records_produced_total", &[("topic=lines-per-key", 6.0), ("topic=shouted", 6.0)]);
    is("kstream_restore_remaining_records", &[("subtopology=0", 0.0)]);
    is("kstream_paused", &[("", 0.0)]);
    is("kstream_consumer_lag_seconds", &[("topic=lines", 0.0)]);
    is("kstream_consumer_lag_unknown_partitions", &[("topic=lines", 0.0)]);
    assert_eq!(values(&scrape, "kstream_tasks")["state=running"], 3.0);
    let states = values(&scrape, "kstream_state");
    assert_eq!((states.len(), states["state=RUNNING"], states.values().sum::<f64>()), (8, 1.0, 1.0));
    let info = values(&scrape, "kstream_info");
    assert!(
        info.keys().all(|labels| labels.contains("application_id=shouter") && labels.contains("exactly_once_v2")),
        "{info:?}"
    );
}

#[test]
fn steps_of_workers_are_counted_in_histograms() {
    let scene = scene(|http| http);
    scene.process(&[("a", "to"), ("b", "be"), ("c", "or"), ("d", "not"), ("e", "to"), ("f", "be")]);
    eventually(|| {
        let text = scene.get("/metrics").body;
        let count = |name: &str| {
            let lines = text.lines().filter(|line| line.starts_with(&format!("{name}_count{{")));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
        };
        // A round takes one record at least; there were six.
        (1.0..=6.0).contains(&count("kstream_thread_process_seconds"))
            && count("kstream_thread_commit_seconds") >= 1.0
            && count("kstream_thread_poll_seconds") >= count("kstream_thread_process_seconds")
    });
    let scrape = scraped(&scene);
    for name in ["poll", "process", "commit", "punctuate"] {
        let name = format!("kstream_thread_{name}_seconds");
        let histograms: Vec<_> = scrape.samples.iter().filter(|sample| sample.metric == name).collect();
        assert_eq!(histograms.len(), 2, "{name}: one for each worker");
        for sample in histograms {
            let Value::Histogram(buckets) = &sample.value else { panic!("{sample:?}") };
            assert!(buckets.windows(2).all(|pair| pair[0].less_than < pair[1].less_than), "{sample:?}");
            assert!(buckets.windows(2).all(|pair| pair[0].count <= pair[1].count), "{sample:?}");
            assert!(buckets.last().is_some_and(|last| last.less_than.is_infinite()), "{sample:?}");
        }
    }
}

/// The counts of a histogram by its label, and how much all of it is together.
fn counts(scene: &Scene, name: &str) -> (BTreeMap<String, f64>, f64) {
    let text = scene.get("/metrics").body;
    let lines = |ending: &str| -> Vec<(String, f64)> {
        let start = format!("{name}_{ending}{{");
        let lines = text.lines().filter_map(|line| line.strip_prefix(&start)?.split_once("} "));
        lines.map(|(labels, value)| (labels.replace('"', ""), value.parse().unwrap())).collect()
    };
    (lines("count").into_iter().collect(), lines("sum").iter().map(|(_, sum)| sum).sum())
}

#[test]
fn ages_of_records_are_counted_at_sources_and_sinks_and_lateness_at_topics() {
    let scene = scene(|http| http);
    let now = scene.app.about().clock().now();
    let hour = 60 * 60 * 1_000;
    for (key, time) in [("a", now.0), ("a", now.0 - hour)] {
        scene.log.send_at(&LINES, key, "line", Timestamp(time)).unwrap();
    }
    let ages = || counts(&scene, "kstream_record_e2e_seconds");
    let nodes = ["KSTREAM-SOURCE-0000000000", "KSTREAM-SINK-0000000006"];
    eventually(|| nodes.iter().all(|node| ages().0.get(&format!("node={node}")) == Some(&2.0)));
    let (counted, sum) = ages();
    assert_eq!(counted.len(), 3, "the counts' sink, too: {counted:?}");
    // One of the records is an hour old in both places. The row of the count has the newer one's time.
    assert!((2.0 * 3_600.0..2.0 * 3_600.0 + 100.0).contains(&sum), "{sum}");
    let (late, sum) = counts(&scene, "kstream_record_lateness_seconds");
    assert_eq!((late, sum), (of(&[("topic=lines", 2.0)]), 3_600.0));
}

#[test]
fn stores_are_measured_and_those_who_ask_them_are_timed() {
    let scene = scene(|http| http);
    scene.process(&[("a", "to"), ("b", "be"), ("c", "or"), ("a", "not")]);
    let store = "KSTREAM-AGGREGATE-STATE-STORE-0000000001";
    let label = format!("store={store}");
    eventually(|| values(&scraped(&scene), "kstream_store_entries") == of(&[(&label, 3.0)]));
    // A key of a byte, a timestamp and a count.
    assert_eq!(values(&scraped(&scene), "kstream_store_bytes"), of(&[(&label, 3.0 * 17.0)]));
    for path in
        [format!("{store}/a"), format!("{store}/nothing"), store.to_owned(), "unknown/a".into(), "unknown".into()]
    {
        scene.get(&format!("/api/stores/{path}"));
    }
    let (asked, _) = counts(&scene, "kstream_iq_requests_seconds");
    let asked_of = |route: &str| format!("store={store},route={route}");
    assert_eq!(asked, of(&[(&asked_of("row"), 2.0), (&asked_of("rows"), 1.0)]), "an unknown store is no label");
}

#[test]
fn a_worker_that_cannot_go_on_is_counted_and_a_dead_letter_at_its_node() {
    let builder = StreamsBuilder::new();
    let checked = builder.stream(LINES).try_map_values(|line: String| match line.as_str() {
        "fatal" => panic!("on purpose"),
        line => line.parse::<i64>(),
    });
    checked.named("parse").to(Topic::<String, i64>::new("numbers"));
    let app = App::new("parser", builder.build().unwrap()).dead_letters_to("letters").quiet();
    let app = app.handle_errors(|failed| {
        if failed.error().to_string().contains("on purpose") { OnError::Fail } else { OnError::DeadLetter }
    });
    let scene = scene_of(app, |http| http);
    scene.process(&[("a", "1"), ("a", "one")]);
    eventually(|| values(&scraped(&scene), "kstream_dlq_records_total") == of(&[("node=parse,reason=failed", 1.0)]));
    assert_eq!(values(&scraped(&scene), "kstream_threads_failed_total"), of(&[("", 0.0)]));
    scene.log.send(&LINES, "a", "fatal").unwrap();
    eventually(|| values(&scraped(&scene), "kstream_threads_failed_total") == of(&[("", 1.0)]));
}

#[test]
fn a_workers_time_is_divided_among_what_it_does() {
    let scene = scene(|http| http);
    scene.process(&[("a", "to"), ("b", "be"), ("c", "or")]);
    let shares = values(&scraped(&scene), "kstream_thread_busy_ratio");
    let phases = ["commit", "poll", "process", "punctuate", "restore"];
    let expected: BTreeSet<_> =
        ["0", "1"].iter().flat_map(|at| phases.map(|phase| format!("phase={phase},thread={at}"))).collect();
    assert_eq!(shares.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for thread in ["0", "1"] {
        let shares = shares.iter().filter(|(labels, _)| labels.ends_with(&format!("thread={thread}")));
        let sum: f64 = shares.map(|(_, share)| *share).sum();
        assert!((0.0..=1.0).contains(&sum), "{thread}: {sum}");
    }
    let worked: f64 = shares.iter().filter(|(labels, _)| labels.contains("process")).map(|(_, share)| share).sum();
    assert!(worked > 0.0, "{shares:?}");
}

/// With many partitions there would be many time series, which somebody has to pay for.
#[test]
fn partitions_are_labels_only_where_that_is_wanted() {
    for (level, expected) in [("INFO", false), ("debug", true)] {
        let config =
            Layers::new().set("application.id", "shouter").set("metrics.recording.level", level).read().unwrap();
        let scene = scene_of(App::configured(&config, topology()).quiet(), |http| http);
        scene.process(&[("a", "to"), ("b", "be"), ("c", "or")]);
        let scrape = scraped(&scene);
        let with = scrape.samples.iter().filter(|sample| sample.labels.get("partition").is_some());
        assert_eq!(with.count() > 0, expected, "{level}");
        let processed = values(&scrape, "kstream_task_records_processed_total");
        assert_eq!((processed.len(), processed.values().sum::<f64>()), (if expected { 3 } else { 1 }, 3.0), "{level}");
        assert_eq!(values(&scrape, "kstream_consumer_lag").len(), if expected { 3 } else { 1 }, "{level}");
    }
}

#[test]
fn drops_are_counted_by_their_reasons() {
    const BYTES: Topic<Vec<u8>, Vec<u8>> = Topic::new("lines");
    let app = App::new("shouter", topology()).on_undecodable(OnError::Skip).quiet();
    let scene = scene_of(app, |http| http);
    scene.log.send(&BYTES, b"a".to_vec(), b"\xff".to_vec()).unwrap();
    eventually(|| {
        values(&scraped(&scene), "kstream_records_dropped_total") == of(&[("reason=undecodable,subtopology=0", 1.0)])
    });
}

#[test]
fn handlers_are_counted_by_their_names() {
    let builder = StreamsBuilder::new();
    builder
        .stream(LINES)
        .handle("mail-1.2_x", |job: Job<String, String>| async move { Ok::<_, Permanent>(job.value().clone()) })
        .to(Topic::<String, String>::new("out"));
    let scene = scene_of(App::new("odd", builder.build().unwrap()).quiet(), |http| http);
    scene.log.send(&LINES, "a", "to be").unwrap();
    eventually(|| {
        let handled = values(&scraped(&scene), "kstream_handler_records_total");
        handled.get("handler=mail-1.2_x,outcome=succeeded") == Some(&1.0)
    });
}

struct Ticks;

impl Processor<String, String, String, String> for Ticks {
    type Stores = ();

    fn init(&mut self, schedule: &mut Schedule) {
        schedule.every(Duration::from_millis(10), PunctuationTime::WallClock);
    }

    fn process(&mut self, (): Refs<'_, ()>, record: Record<String, String>, out: &mut Forward<'_, String, String>) {
        out.send(record.key, record.value);
    }

    fn punctuate(&mut self, _: PunctuationId, _: Timestamp, (): Refs<'_, ()>, _: &mut Forward<'_, String, String>) {}
}

#[test]
fn punctuators_are_timed_when_they_fire() {
    let count = |scene: &Scene| {
        let text = scene.get("/metrics").body;
        let line = text.lines().find(|line| line.starts_with("kstream_thread_punctuate_seconds_count"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap()
    };
    let without = scene_of(App::new("shouter", topology()).quiet(), |http| http);
    without.process(&[("a", "to be")]);
    let builder = StreamsBuilder::new();
    builder.stream(LINES).process_with((), || Ticks).to(Topic::<String, String>::new("out"));
    let with = scene_of(App::new("ticks", builder.build().unwrap()).quiet(), |http| http);
    eventually(|| count(&with) >= 3.0);
    assert_eq!(count(&without), 0.0);
}
