//! What Prometheus sees of the services, beside what `/metrics` says of the application itself. All of it was computed in the
//! stream, so it survives restarts, and counters never fall.
//!
//! Each instance shows the services whose tasks it has; Prometheus scrapes all instances.

use millstream::http::Http;
use millstream::prelude::*;
use millstream::query::QueryError;
use millstream::runtime::Handle;

use crate::topology::{ALERTS_TOTAL_STORE, ERRORS_STORE, ERRORS_TOTAL_STORE, LATENCY_STORE, MINUTE};

/// A label's values are time series, and whoever sends lines chooses the names of services: more are not shown.
const SERVICES_MAX: usize = 200;

/// The percentiles that are shown, as Prometheus writes them.
const QUANTILES: [(&str, f64); 3] = [("0.5", 0.5), ("0.95", 0.95), ("0.99", 0.99)];

type Values<const N: usize> = Result<Vec<([String; N], f64)>, QueryError>;

/// Adds them to a server.
pub fn add(http: Http, app: &Handle) -> Http {
    let (errors, minute, alerts, latencies) = (app.clone(), app.clone(), app.clone(), app.clone());
    http.counter("log_errors_total", "Errors, by service.", ["service"], move || {
        counts(errors.clone(), ERRORS_TOTAL_STORE)
    })
    .counter("log_alerts_total", "Alerts, by service, also those that were silenced.", ["service"], move || {
        counts(alerts.clone(), ALERTS_TOTAL_STORE)
    })
    .gauge("log_errors_last_minute", "Errors in the last whole minute, by service.", ["service"], move || {
        errors_last_minute(minute.clone())
    })
    .gauge(
        "log_latency_seconds",
        "Latencies of requests in the last whole minute in seconds, by service and quantile.",
        ["service", "quantile"],
        move || latency_last_minute(latencies.clone()),
    )
}

async fn counts(app: Handle, store: KeyValueStore<String, i64>) -> Values<1> {
    let rows = app.query(&store)?.local().all().limit(SERVICES_MAX).await?;
    Ok(rows.into_iter().map(|(service, count)| ([service], count as f64)).collect())
}

async fn errors_last_minute(app: Handle) -> Values<1> {
    let minute = last_whole_minute(&app);
    let rows = app.query(&ERRORS_STORE)?.local().all(minute..=minute).limit(SERVICES_MAX).await?;
    Ok(rows.into_iter().map(|(window, errors)| ([window.key], errors as f64)).collect())
}

async fn latency_last_minute(app: Handle) -> Values<2> {
    let minute = last_whole_minute(&app);
    let rows = app.query(&LATENCY_STORE)?.local().all(minute..=minute).limit(SERVICES_MAX).await?;
    let values = rows.into_iter().flat_map(|(window, sketch)| {
        QUANTILES.into_iter().filter_map(move |(label, part)| {
            let seconds = sketch.quantile(part)? / 1_000.0;
            Some(([window.key.clone(), label.to_owned()], seconds))
        })
    });
    Ok(values.collect())
}

/// The start of the last minute that is over by the clock.
fn last_whole_minute(app: &Handle) -> Timestamp {
    let length = i64::try_from(MINUTE.as_millis()).unwrap_or(i64::MAX);
    let now = app.about().clock().now().0;
    Timestamp(now.div_euclid(length).saturating_sub(1).saturating_mul(length))
}
