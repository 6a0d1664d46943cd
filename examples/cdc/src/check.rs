//! Compares the application's tables and its output topic with the database, row by row, and the dead letters with the garbage.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use millstream::client::Client;
use millstream::log::{Doorbell, Isolation, Log};
use millstream::prelude::*;
use millstream::runtime::{AppState, Handle, TaskPhase};

use crate::Failure;
use crate::feed::{Database, Script};
use crate::rows::{Customer, EnrichedOrder, Order, Product};
use crate::topology::{
    CUSTOMERS, CUSTOMERS_STORE, DEAD_LETTERS, ENRICHED_ORDERS, ENRICHED_STORE, ORDERS, ORDERS_STORE, PRODUCTS,
    PRODUCTS_STORE,
};

/// How long to wait for an answer of a store, for instance while it is restored.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often some bytes were seen.
pub type Counted = BTreeMap<Vec<u8>, usize>;

/// What is compared.
#[derive(Debug, Default, PartialEq)]
pub struct Tables {
    /// By their primary keys, as all of these.
    pub customers: BTreeMap<u64, Customer>,
    /// The table.
    pub products: BTreeMap<u64, Product>,
    /// The table.
    pub orders: BTreeMap<u64, Order>,
    /// The table with what orders refer to.
    pub enriched: BTreeMap<u64, EnrichedOrder>,
    /// The same as those have it who read the topic.
    pub published: BTreeMap<u64, EnrichedOrder>,
    /// The values of the dead letters.
    pub dead_letters: Counted,
}

impl Tables {
    /// What the application should have.
    pub fn expected(database: &Database, garbage: Counted) -> Self {
        let enriched = database.enriched();
        Self {
            customers: database.customers.clone(),
            products: database.products.clone(),
            orders: database.orders.clone(),
            published: enriched.clone(),
            enriched,
            dead_letters: garbage,
        }
    }

    /// What the application has.
    pub fn found(app: &Handle, client: &Client) -> Result<Self, Failure> {
        let customers = app.query(&CUSTOMERS_STORE)?.waiting(PATIENCE).all().wait()?;
        let products = app.query(&PRODUCTS_STORE)?.waiting(PATIENCE).all().wait()?;
        let orders = app.query(&ORDERS_STORE)?.waiting(PATIENCE).all().wait()?;
        let enriched = app.query(&ENRICHED_STORE)?.waiting(PATIENCE).all().wait()?;
        let mut published = BTreeMap::new();
        for received in client.records(&ENRICHED_ORDERS)? {
            let record = received?.record;
            match record.value {
                Some(row) => published.insert(record.key.id, row),
                None => published.remove(&record.key.id),
            };
        }
        let mut dead_letters = Counted::new();
        for letter in client.records(&DEAD_LETTERS)? {
            *dead_letters.entry(letter?.record.value.unwrap_or_default()).or_default() += 1;
        }
        Ok(Self {
            customers: customers.into_iter().map(|(key, row)| (key.id, row)).collect(),
            products: products.into_iter().map(|(key, row)| (key.id, row)).collect(),
            orders: orders.into_iter().map(|(key, row)| (key.id, row)).collect(),
            enriched: enriched.into_iter().map(|(key, row)| (key.id, row)).collect(),
            published,
            dead_letters,
        })
    }

    /// One line for each row that is not as it should be.
    pub fn differences(&self, found: &Self) -> Vec<String> {
        [
            compare("customers", &self.customers, &found.customers),
            compare("products", &self.products, &found.products),
            compare("orders", &self.orders, &found.orders),
            compare("enriched orders", &self.enriched, &found.enriched),
            compare("topic enriched-orders", &self.published, &found.published),
            compare("dead letters", &readable(&self.dead_letters), &readable(&found.dead_letters)),
        ]
        .concat()
    }

    /// How many rows there are of each table.
    pub fn sizes(&self) -> String {
        let letters: usize = self.dead_letters.values().sum();
        format!(
            "{} customers, {} products, {} orders, {letters} dead letters",
            self.customers.len(),
            self.products.len(),
            self.enriched.len(),
        )
    }
}

fn compare<K: Ord + Debug, R: PartialEq + Debug>(
    table: &str,
    expected: &BTreeMap<K, R>,
    found: &BTreeMap<K, R>,
) -> Vec<String> {
    let missing = expected.iter().filter(|(key, row)| found.get(*key) != Some(*row));
    let missing = missing.map(|(key, row)| format!("{table}: {key:?} is {:?}, not {row:?}", found.get(key)));
    let more = found.iter().filter(|(key, _)| !expected.contains_key(*key));
    missing.chain(more.map(|(key, row)| format!("{table}: {key:?} is {row:?}, and should not be there"))).collect()
}

fn readable(counted: &Counted) -> BTreeMap<String, usize> {
    counted.iter().map(|(value, count)| (value.escape_ascii().to_string(), *count)).collect()
}

/// The garbage in the topics, each as often as it is there: a feed that was killed may write some again.
pub fn garbage(script: &Script, client: &Client) -> Result<Counted, Failure> {
    let mut counted = Counted::new();
    for topic in [CUSTOMERS.name(), PRODUCTS.name(), ORDERS.name()] {
        for received in client.records(&Topic::<Option<Vec<u8>>, Option<Vec<u8>>>::named(topic)?)? {
            if let Some(value) = received?.record.value.filter(|value| script.garbage().contains(value)) {
                *counted.entry(value).or_default() += 1;
            }
        }
    }
    Ok(counted)
}

/// Whether all that is in the topics has been processed and committed. A join by foreign key sends records to itself, so it is
/// over only when nothing of that is left either; positions in those topics are among the tasks'.
pub fn is_idle(app: &Handle, log: &dyn Log) -> Result<bool, Failure> {
    if app.state() != AppState::Running {
        return Ok(false);
    }
    let assigned = app.assignment().len();
    let mut tasks = app.tasks();
    tasks.retain(|_, task| task.phase != TaskPhase::Closed);
    if tasks.len() < assigned || tasks.values().any(|task| task.phase != TaskPhase::Running || task.uncommitted > 0) {
        return Ok(false);
    }
    let positions: Vec<_> = tasks.values().flat_map(|task| task.positions.clone()).collect();
    let partitions = positions.iter().map(|(partition, _)| partition.clone()).collect();
    match log.admin(Doorbell::new())?.end_offsets(partitions, Isolation::ReadUncommitted).wait() {
        Some(Ok(ends)) => Ok(ends.iter().zip(&positions).all(|(end, (_, position))| end <= position)),
        Some(Err(error)) if !error.is_transient() => Err(error.into()),
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A check that finds nothing is worth nothing.
    #[test]
    fn each_kind_of_difference_is_found() {
        let product = |price_cents| Product { name: "tent".to_owned(), price_cents };
        let expected = Tables {
            products: [(1, product(5)), (2, product(5))].into(),
            dead_letters: [(b"x".to_vec(), 1)].into(),
            ..Tables::default()
        };
        assert_eq!(expected.differences(&expected), Vec::<String>::new());
        let found = Tables {
            products: [(1, product(6)), (3, product(5))].into(),
            dead_letters: [(b"x".to_vec(), 2)].into(),
            ..Tables::default()
        };
        let differences = expected.differences(&found);
        assert_eq!(differences.len(), 4, "{differences:?}");
        assert_eq!(differences[3], r#"dead letters: "x" is Some(2), not 1"#);
    }
}
