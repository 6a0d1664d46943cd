//! What happens in the shop, determined by a seed: first what was there, then one change after the other, half of them with the
//! new columns. Some records are garbage.

use std::collections::{BTreeSet, VecDeque};

use fastrand::Rng;

use super::database::{CUSTOMERS, Database, Message, ORDERS, PRODUCTS};
use crate::rows::{Customer, Order, Product};

const CUSTOMERS_AT_FIRST: u64 = 30;
const PRODUCTS_AT_FIRST: u64 = 20;
const ORDERS_AT_FIRST: u64 = 40;

const NAMES: [&str; 8] = ["Ada", "Grace", "Edsger", "Barbara", "Tony", "Frances", "Niklaus", "Jean"];
const STREETS: [&str; 6] = ["Elm Street", "Station Road", "Harbour Lane", "Mill Hill", "North Parade", "Orchard Way"];
const THINGS: [&str; 8] = ["tent", "stove", "lantern", "rope", "map", "bottle", "hammock", "compass"];
const TIERS: [&str; 3] = ["bronze", "silver", "gold"];

/// The steps of a run, in order. Each is the records of one change; those of a deletion are two.
pub struct Script {
    random: Rng,
    database: Database,
    /// What was there when the connector first looked.
    snapshot: VecDeque<Message>,
    /// How many changes there are, and how many of them have happened.
    changes: u64,
    done: u64,
    /// The primary keys that were given last.
    last_customer: u64,
    last_product: u64,
    last_order: u64,
    /// The values of all garbage so far.
    garbage: BTreeSet<Vec<u8>>,
}

impl Script {
    /// So many changes after the snapshot.
    pub fn new(seed: u64, changes: u64) -> Self {
        let mut script = Self {
            random: Rng::with_seed(seed),
            database: Database::default(),
            snapshot: VecDeque::new(),
            changes,
            done: 0,
            last_customer: 0,
            last_product: 0,
            last_order: 0,
            garbage: BTreeSet::new(),
        };
        (0..CUSTOMERS_AT_FIRST).for_each(|_| drop(script.new_customer()));
        (0..PRODUCTS_AT_FIRST).for_each(|_| drop(script.new_product()));
        (0..ORDERS_AT_FIRST).for_each(|_| drop(script.new_order()));
        script.snapshot = script.database.snapshot().into();
        script
    }

    /// How many steps there are in all.
    pub fn length(&self) -> u64 {
        CUSTOMERS_AT_FIRST + PRODUCTS_AT_FIRST + ORDERS_AT_FIRST + self.changes
    }

    /// The database after the last step.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The values of the records that nobody can read.
    pub fn garbage(&self) -> &BTreeSet<Vec<u8>> {
        &self.garbage
    }

    fn change(&mut self) -> Vec<Message> {
        if self.done == self.changes / 2 {
            self.database.add_tier();
        }
        match self.random.u32(0..100) {
            0..25 => vec![self.new_order()],
            25..40 => self.move_customer(),
            40..48 => vec![self.new_customer()],
            48..56 => vec![self.new_product()],
            56..66 => self.new_price(),
            66..76 => self.change_order(),
            76..86 => {
                let id = self.random.u64(1..=self.last_order);
                self.database.delete_order(id)
            }
            86..91 => {
                let id = self.random.u64(1..=self.last_customer);
                self.database.delete_customer(id)
            }
            91..95 => {
                let id = self.random.u64(1..=self.last_product);
                self.database.delete_product(id)
            }
            _ => vec![self.some_garbage()],
        }
    }

    fn new_customer(&mut self) -> Message {
        self.last_customer += 1;
        let row = self.customer();
        self.database.put_customer(self.last_customer, row)
    }

    /// Now and then a primary key is used again after its row was deleted.
    fn new_product(&mut self) -> Message {
        let gone = (1..=self.last_product).find(|id| !self.database.products.contains_key(id));
        let id = gone.filter(|_| self.random.bool()).unwrap_or(self.last_product + 1);
        self.last_product = self.last_product.max(id);
        let row = Product { name: self.one_of(&THINGS).to_owned(), price_cents: self.random.u64(199..20_000) };
        self.database.put_product(id, row)
    }

    fn new_order(&mut self) -> Message {
        self.last_order += 1;
        let row = self.order();
        self.database.put_order(self.last_order, row)
    }

    fn customer(&mut self) -> Customer {
        let phone = self.random.bool().then(|| format!("+49 30 {:06}", self.random.u32(0..1_000_000)));
        Customer { name: self.one_of(&NAMES).to_owned(), address: self.address(), phone, tier: None }
    }

    /// An order may come before its product, and guests have no customer.
    fn order(&mut self) -> Order {
        let customer_id = (self.random.u32(0..10) > 0).then(|| self.random.u64(1..=self.last_customer.max(1)));
        let product_id = self.random.u64(1..=self.last_product + 2);
        Order { customer_id, product_id, quantity: self.random.u32(1..10) }
    }

    fn move_customer(&mut self) -> Vec<Message> {
        let id = self.random.u64(1..=self.last_customer);
        let Some(before) = self.database.customers.get(&id).cloned() else { return Vec::new() };
        let tier = match self.done > self.changes / 2 {
            true => Some(self.one_of(&TIERS).to_owned()),
            false => before.tier,
        };
        let address = self.address();
        vec![self.database.put_customer(id, Customer { address, tier, ..before })]
    }

    fn new_price(&mut self) -> Vec<Message> {
        let id = self.random.u64(1..=self.last_product);
        let Some(before) = self.database.products.get(&id).cloned() else { return Vec::new() };
        let price_cents = self.random.u64(199..20_000);
        vec![self.database.put_product(id, Product { price_cents, ..before })]
    }

    fn change_order(&mut self) -> Vec<Message> {
        let id = self.random.u64(1..=self.last_order);
        if !self.database.orders.contains_key(&id) {
            return Vec::new();
        }
        let row = self.order();
        vec![self.database.put_order(id, row)]
    }

    /// Has the key of a row that may be there, and changes nothing of it. No two are the same.
    fn some_garbage(&mut self) -> Message {
        let (step, id) = (self.done, self.random.u64(1..=self.last_product));
        let value = match self.random.u32(0..5) {
            0 => format!("not JSON at all, {step}"),
            1 => format!(r#"{{"op":"u","ts_ms":{step},"after":{{"id":{id},"na"#),
            2 => format!(r#"{{"op":"x","ts_ms":{step},"after":null}}"#),
            3 => format!(r#"{{"op":"c","ts_ms":{step},"before":null,"after":null}}"#),
            _ => format!(r#"{{"op":"u","ts_ms":{step},"after":{{"id":{id},"name":null,"product_id":null}}}}"#),
        };
        let topic = self.one_of(&[CUSTOMERS, PRODUCTS, ORDERS]);
        self.garbage.insert(value.clone().into_bytes());
        Message { topic, key: format!(r#"{{"id":{id}}}"#).into_bytes(), value: Some(value.into_bytes()) }
    }

    fn address(&mut self) -> String {
        format!("{} {}", self.random.u32(1..200), self.one_of(&STREETS))
    }

    fn one_of(&mut self, choices: &[&'static str]) -> &'static str {
        self.random.choice(choices).copied().unwrap_or_default()
    }
}

/// A change of something that is not there any more has no records.
impl Iterator for Script {
    type Item = Vec<Message>;

    fn next(&mut self) -> Option<Vec<Message>> {
        if let Some(message) = self.snapshot.pop_front() {
            return Some(vec![message]);
        }
        if self.done == self.changes {
            return None;
        }
        let messages = self.change();
        self.done += 1;
        Some(messages)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// What the whole feed is about has to happen in it.
    #[test]
    fn everything_happens_and_a_seed_determines_it() {
        let messages: Vec<Message> = Script::new(7, 2_000).flatten().collect();
        assert_eq!(messages, Script::new(7, 2_000).flatten().collect::<Vec<_>>());
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for message in &messages {
            let value = message.value.as_deref().map(serde_json::from_slice::<serde_json::Value>);
            let kind = match &value {
                None => "tombstone",
                Some(Err(_)) => "not JSON",
                Some(Ok(change)) => match change["op"].as_str() {
                    Some("r") => "snapshot",
                    Some("c") => "insert",
                    Some("u") => "update",
                    Some("d") => "delete",
                    _ => "unknown",
                },
            };
            *counts.entry(kind).or_default() += 1;
            if let Some(Ok(change)) = value {
                *counts.entry(if change["after"].get("tier").is_some() { "tier" } else { "no tier" }).or_default() += 1;
            }
        }
        assert!(messages.iter().take(90).all(|message| message.topic.starts_with("shop.public.")));
        assert_eq!((counts["snapshot"], counts["tombstone"]), (90, counts["delete"]));
        for (kind, at_least) in
            [("insert", 500), ("update", 400), ("delete", 100), ("not JSON", 20), ("unknown", 10), ("tier", 100)]
        {
            assert!(counts[kind] >= at_least, "{kind}: {counts:?}");
        }
    }
}
