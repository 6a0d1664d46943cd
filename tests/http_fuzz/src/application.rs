//! What is fuzzed: an application with a store of every kind, rows in each, and dead letters. It goes on whatever is written
//! into its topics.

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use millstream::config::OnError;
use millstream::http::{Http, HttpError, HttpServer};
use millstream::log::Doorbell;
use millstream::prelude::*;
use millstream::runtime::{Running, TaskPhase};
use serde::{Deserialize, Serialize};

/// What somebody buys.
#[derive(Value, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[streams(json)]
struct Order {
    article: String,
    cents: i64,
    gift_for: Option<String>,
}

const ORDERS: Topic<String, Order> = Topic::new("orders");
const PRICES: Topic<String, Option<f64>> = Topic::new("prices");
const HOMES: Topic<String, Option<String>> = Topic::new("homes");
const REVENUE: Topic<String, i64> = Topic::new("revenue");
const SHIPPED: Topic<String, String> = Topic::new("shipped");

const PER_ARTICLE: KeyValueStore<String, i64> = KeyValueStore::new("cents-per-article");
const PER_MINUTE: WindowStore<String, i64> = WindowStore::new("orders-per-minute");
const VISITS: SessionStore<String, i64> = SessionStore::new("visits");
const HISTORY: VersionedStore<String, f64> = VersionedStore::new("price-history", Duration::from_secs(3_600));
const COUNTRIES: KeyValueStore<String, String> = KeyValueStore::new("countries");

/// Where records go with which something fails.
const DEAD_LETTERS: &str = "shop-dead-letters";

/// How many orders there are at the beginning, and how many of them cannot be shipped.
const GOOD: u32 = 40;
const BAD: u32 = 5;

/// Nothing that is waited for takes that long.
const PATIENCE: Duration = Duration::from_secs(20);

/// The application and its server.
pub(crate) struct Shop {
    // Fields are dropped in this order.
    http: HttpServer,
    app: Running,
}

impl Shop {
    /// Opens it, with something in every store, and some dead letters.
    pub(crate) fn open() -> Result<Self, Box<dyn Error>> {
        let log = Embedded::in_memory();
        for topic in [ORDERS.name(), PRICES.name(), HOMES.name(), DEAD_LETTERS] {
            log.create_topic(topic, 3)?;
        }
        fill(&log)?;
        let config = Layers::new()
            .set("application.id", "shop")
            // A fuzzer writes any time into a record, also one that would close all windows.
            .set("timestamp.future.max.ms", "3600000")
            .set("timestamp.future.handler", "dead-letter")
            .read()?;
        let app = App::configured(&config, topology()?)
            .workers(2)
            .quiet()
            .on_undecodable(OnError::DeadLetter)
            .on_processing_error(OnError::DeadLetter)
            .on_production_error(OnError::DeadLetter)
            .dead_letters_to(DEAD_LETTERS)
            .start(log)?;
        app.wait_until_running()?;
        let shop = Self { http: serve(&app, None)?, app };
        let committed =
            |shop: &Self| shop.app.tasks().values().map(|task| task.processed - task.uncommitted).sum::<u64>();
        shop.wait("its first records are processed", |shop| committed(shop) >= u64::from(GOOD + BAD))?;
        Ok(shop)
    }

    pub(crate) fn url(&self) -> String {
        self.http.url()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.http.address()
    }

    /// Another server of the same application.
    pub(crate) fn serve(&self, token: Option<&str>) -> Result<HttpServer, HttpError> {
        serve(&self.app, token)
    }

    /// Waits until it runs and all its tasks do. If they do not, the error says why.
    pub(crate) fn is_well(&self) -> Result<(), Box<dyn Error>> {
        let has_ended = |shop: &Self| shop.app.state().is_final();
        let is_ready = |shop: &Self| {
            let (assigned, tasks) = (shop.app.assignment(), shop.app.tasks());
            let runs = |id| tasks.get(id).is_some_and(|task| task.phase == TaskPhase::Running);
            shop.app.state() == AppState::Running && !assigned.is_empty() && assigned.keys().all(runs)
        };
        self.wait("all tasks run", |shop| has_ended(shop) || is_ready(shop))?;
        match self.app.error() {
            _ if is_ready(self) => Ok(()),
            Some(error) => Err(format!("the application has ended: {error}").into()),
            None => Err(format!("the application is {}", self.app.state()).into()),
        }
    }

    /// Waits until the application has ended.
    pub(crate) fn has_stopped(&self) -> Result<(), Box<dyn Error>> {
        self.wait("the application has stopped", |shop| shop.app.state() == AppState::NotRunning)
    }

    fn wait(&self, what: &str, is_true: impl Fn(&Self) -> bool) -> Result<(), Box<dyn Error>> {
        let began = Instant::now();
        while !is_true(self) {
            if began.elapsed() > PATIENCE {
                return Err(format!("after {PATIENCE:?} it is not true that {what}").into());
            }
            Doorbell::new().wait(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// Serves everything there is.
fn serve(app: &Running, token: Option<&str>) -> Result<HttpServer, HttpError> {
    let http = Http::of(app).bind("127.0.0.1:0").allow_actions(true).all_topics(true);
    token.into_iter().fold(http, Http::token).start()
}

fn topology() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let orders = builder.stream(ORDERS);
    let homes = builder.global_table(HOMES);
    homes.stored_as(COUNTRIES);
    builder.table(PRICES).stored_as(HISTORY);

    let article = |_: &String, order: &Order| order.article.clone();
    let sum = |sum: &mut i64, order: Order| *sum = sum.saturating_add(order.cents);
    let cents = orders.group_by(article).aggregate(|| 0, sum).stored_as(PER_ARTICLE);
    cents.live(|tile| tile.bars("Cents per article"));
    cents.to_stream().to(REVENUE);

    let minutes = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(60));
    orders.group_by_key().windowed_by(minutes).count().stored_as(PER_MINUTE);
    let visits = Sessions::gap(Duration::from_secs(30)).grace(Duration::from_secs(60));
    orders.group_by_key().windowed_by(visits).count().stored_as(VISITS);

    let has_price = |order: Order| match order.cents {
        cents if cents < 0 => Err(format!("{cents} cents are no price")),
        _ => Ok(order.article),
    };
    orders
        .try_map_values(has_price)
        .join_global(homes, |customer, _| customer.clone(), |_, country| country)
        .to(SHIPPED);
    builder.build()
}

fn fill(log: &Embedded) -> Result<(), Box<dyn Error>> {
    for number in 0..GOOD + BAD {
        let cents = if number < GOOD { i64::from(number) * 100 } else { -1 };
        let gift_for = (number % 3 == 0).then(|| "ada".to_owned());
        let order = Order { article: format!("article {}", number % 7), cents, gift_for };
        log.send(&ORDERS, format!("customer {}", number % 5), order)?;
        log.send(&PRICES, format!("article {}", number % 7), f64::from(number))?;
    }
    for (customer, country) in [("customer 0", "Kenya"), ("customer 1", "Peru"), ("customer 2", "Norway")] {
        log.send(&HOMES, customer, country.to_owned())?;
    }
    Ok(())
}
