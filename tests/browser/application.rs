//! A shop that is looked at: visitors who view, put into carts and buy, all the time, and some records that nobody can read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use millstream::http::{Http, HttpServer};
use millstream::log::Doorbell;
use millstream::prelude::*;
use millstream::runtime::{OnError, Running};

const STEPS: Topic<String, String> = Topic::new("steps");
const AMOUNTS: Topic<String, i64> = Topic::new("amounts");
/// The same topic for somebody who writes something else into it.
const WRONG: Topic<String, String> = Topic::new("amounts");
const BOUGHT: Topic<String, i64> = Topic::new("bought-by-country");
const PER_STEP: KeyValueStore<String, i64> = KeyValueStore::new("steps-in-total");
const PER_COUNTRY: KeyValueStore<String, i64> = KeyValueStore::new("cents-by-country");

const COUNTRIES: [&str; 12] =
    ["Kenya", "Peru", "Norway", "Japan", "Brazil", "Canada", "Ghana", "India", "Italy", "Chile", "Nepal", "Poland"];

/// The application, its visitors and its server.
pub(crate) struct Shop {
    // Fields are dropped in this order.
    http: Option<HttpServer>,
    address: String,
    visitors: Option<JoinHandle<()>>,
    is_over: Arc<AtomicBool>,
    app: Running,
}

fn topology() -> Topology {
    let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
    let builder = StreamsBuilder::new();
    let steps = builder.stream(STEPS);
    let by_step = steps.group_by(|_, step| step.clone()).named("by-step");
    by_step
        .windowed_by(Tumbling::of(second).grace(minute))
        .count()
        .retention(Duration::from_secs(600))
        .live(|tile| tile.number("Events").rate(Duration::from_secs(5)).unit("per second"))
        .live(|tile| {
            tile.lines("What visitors do")
                .series("views", |step, count| if step.key == "view" { *count } else { 0 })
                .series("all others", |step, count| if step.key == "view" { 0 } else { *count })
                .unit("per second")
        });
    steps
        .group_by_key()
        .windowed_by(Sessions::gap(Duration::from_secs(5)).grace(minute))
        .count()
        .live(|tile| tile.number("Active visitors").rows().last(Duration::from_secs(5)))
        .live(|tile| {
            tile.table("Visits")
                .column("visitor", |visit, _| visit.key.clone())
                .column("steps", |_, steps| *steps)
                .column("for", |visit, _| {
                    Duration::from_millis((visit.window.end.0 - visit.window.start.0).unsigned_abs())
                })
                .column("last seen", |visit, _| visit.window.end)
                .top(8)
        });
    by_step
        .count()
        .stored_as(PER_STEP)
        .live(|tile| tile.funnel("From view to sale").keys(["view", "cart", "buy"]))
        .live(|tile| tile.number("Steps").unit("in total"));
    let amounts = builder.stream(AMOUNTS).group_by_key();
    let cents = amounts.aggregate(|| 0_i64, |sum, cents| *sum += cents).stored_as(PER_COUNTRY);
    cents.live(|tile| tile.bars("Revenue by country").by(|_, cents| *cents as f64 / 100.0).unit("EUR").top(8));
    cents.to_stream().to(BOUGHT);
    builder.build().unwrap()
}

impl Shop {
    pub(crate) fn open() -> Self {
        Self::serving(|http| http)
    }

    pub(crate) fn serving(serve: impl FnOnce(Http) -> Http) -> Self {
        let log = Embedded::in_memory();
        log.create_topic("steps", 3).unwrap();
        log.create_topic("amounts", 3).unwrap();
        let app = App::new("shop", topology()).workers(2).quiet();
        let app = app.on_undecodable(OnError::DeadLetter).dead_letters_to("shop-dead-letters");
        let app = app.start(log.clone()).unwrap();
        app.wait_until_running().unwrap();
        for number in 0..3 {
            log.send(&WRONG, "Kenya", format!("{number} EUR")).unwrap();
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_over);
        let visitors = std::thread::spawn(move || visit(&log, &stop));
        let http = serve(Http::of(&app).bind("127.0.0.1:0").allow_actions(true)).start().unwrap();
        let address = http.address().to_string();
        Self { http: Some(http), address, visitors: Some(visitors), is_over, app }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The server is gone, and the application goes on.
    pub(crate) fn shut(&mut self) {
        self.http = None;
    }

    /// It is back at the same address.
    pub(crate) fn reopen(&mut self) {
        let http = Http::of(&self.app).bind(&self.address).allow_actions(true).start().unwrap();
        assert_eq!(http.address().to_string(), self.address);
        self.http = Some(http);
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(visitors) = self.visitors.take() {
            let _ = visitors.join();
        }
    }
}

/// Visitors come and go, in an order that repeats.
fn visit(log: &Embedded, is_over: &AtomicBool) {
    for number in 0_u64.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let visitor = format!("visitor {:02}", (mixed % 23 + number / 200) % 60);
        let step = match mixed % 10 {
            0..=5 => "view",
            6..=8 => "cart",
            _ => "buy",
        };
        let _ = log.send(&STEPS, visitor, step);
        if step == "buy" {
            let place = usize::try_from(mixed / 7 % 144).unwrap();
            let country = COUNTRIES[place / 12 * (place % 12) / 12];
            let _ = log.send(&AMOUNTS, country, i64::try_from(mixed % 9_000).unwrap() + 999);
        }
        Doorbell::new().wait(Duration::from_millis(8));
    }
}
