//! What a program adds to `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use millstream::http::{Http, HttpError};
use millstream::prelude::*;
use prometheus_parse::Scrape;

use crate::support::{Scene, scene, topology};

type Values = Vec<([String; 1], f64)>;

fn of(services: &[(&str, f64)]) -> Values {
    services.iter().map(|(service, value)| ([(*service).to_owned()], *value)).collect()
}

/// The lines of a metric, and whether the whole scrape can be read and has the application's own metrics.
fn lines(scene: &Scene, name: &str) -> Vec<String> {
    let answer = scene.get("/metrics");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let scrape = Scrape::parse(answer.body.lines().map(|line| Ok(line.to_owned()))).unwrap();
    assert!(scrape.samples.iter().any(|sample| sample.metric == "kstream_info"), "{}", answer.body);
    let is_of = |line: &&str| line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ").starts_with(name);
    answer.body.lines().filter(is_of).map(str::to_owned).collect()
}

#[test]
fn a_programs_own_numbers_are_in_the_scrape() {
    let errors = || async { Ok::<_, String>(of(&[("cart", 3.0), ("say \"hi\"\n", 0.5)])) };
    let scene = scene(|http| {
        http.gauge("log_errors", "Errors in the last minute, by service.", ["service"], errors)
            .counter("log_lines_total", "Lines.", [], async || Ok::<_, String>(vec![([], 7.0)]))
            .gauge("log_nothing", "Has no values now.", ["service"], async || Ok::<Values, String>(Vec::new()))
    });
    let expected = [
        "# HELP log_errors Errors in the last minute, by service.",
        "# TYPE log_errors gauge",
        r#"log_errors{service="cart"} 3"#,
        r#"log_errors{service="say \"hi\"\n"} 0.5"#,
        "# HELP log_lines_total Lines.",
        "# TYPE log_lines_total counter",
        "log_lines_total 7",
    ];
    assert_eq!(lines(&scene, "log_"), expected);
}

#[test]
fn one_that_cannot_be_read_is_left_out_and_all_others_are_not() {
    let fails = Arc::new(AtomicBool::new(true));
    let read = {
        let fails = Arc::clone(&fails);
        move || {
            let fails = fails.load(Ordering::Relaxed);
            async move { if fails { Err("not now") } else { Ok(of(&[("cart", 1.0)])) } }
        }
    };
    let scene = scene(|http| {
        http.gauge("log_fails", "Fails at first.", ["service"], read)
            .gauge("log_panics", "Panics.", ["service"], async || -> Result<Values, String> { panic!("no") })
            .gauge("log_panics_at_once", "Panics before there is a future.", ["service"], || {
                assert!(std::hint::black_box(false), "no");
                std::future::ready(Ok::<Values, String>(Vec::new()))
            })
            .gauge("log_hangs", "Does not come back.", ["service"], std::future::pending::<Result<Values, String>>)
            .gauge("log_doubles", "Says one thing twice.", ["service"], async || {
                Ok::<_, String>(of(&[("cart", 1.0), ("mail", 2.0), ("cart", 3.0)]))
            })
            .gauge("log_works", "Works.", ["service"], async || Ok::<_, String>(of(&[("cart", 1.0)])))
    });
    let works = ["# HELP log_works Works.", "# TYPE log_works gauge", r#"log_works{service="cart"} 1"#];
    let began = Instant::now();
    assert_eq!(lines(&scene, "log_"), works);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    fails.store(false, Ordering::Relaxed);
    assert_eq!(lines(&scene, "log_fails").last().map(String::as_str), Some(r#"log_fails{service="cart"} 1"#));
}

#[test]
fn a_server_with_a_name_that_cannot_be_does_not_start() {
    let log = Embedded::in_memory();
    log.create_topic("lines", 1).unwrap();
    let app = App::new("shouter", topology()).quiet().start(log).unwrap();
    let named = |name: &str| {
        let values = async || Ok::<_, String>(vec![([], 1.0)]);
        Http::of(&app).bind("127.0.0.1:0").gauge(name, "What it is.", [], values)
    };
    for name in ["kstream_lag", "log errors"] {
        let refused = HttpError::Metric { name: name.to_owned(), reason: "" };
        let is_refused = |error: &HttpError| std::mem::discriminant(error) == std::mem::discriminant(&refused);
        assert!(named(name).start().is_err_and(|error| is_refused(&error)), "{name}");
        assert!(named(name).router().is_err_and(|error| is_refused(&error)), "{name}");
    }
    assert!(named("log_errors").start().is_ok());
}
