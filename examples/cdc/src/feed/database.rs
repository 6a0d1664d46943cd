//! The source: a shop's database as a few maps, which writes its changes as Debezium does. It is what the application's tables
//! are compared with, and so it shares nothing with them but the rows' types: records are written by hand here.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::rows::{Customer, EnrichedOrder, Order, Product};

/// The topics, as Debezium names them: `topic.prefix`, schema and table.
pub const CUSTOMERS: &str = "shop.public.customers";
/// As [`CUSTOMERS`].
pub const PRODUCTS: &str = "shop.public.products";
/// As [`CUSTOMERS`].
pub const ORDERS: &str = "shop.public.orders";

/// A record of one of the topics of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The topic.
    pub topic: &'static str,
    /// The key's bytes.
    pub key: Vec<u8>,
    /// The value's bytes; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

/// The tables, and what Debezium knows about itself.
#[derive(Debug, Default)]
pub struct Database {
    /// By their primary keys.
    pub customers: BTreeMap<u64, Customer>,
    /// By their primary keys.
    pub products: BTreeMap<u64, Product>,
    /// By their primary keys.
    pub orders: BTreeMap<u64, Order>,
    /// Whether `customers` has its new columns, `tier` and `newsletter`.
    has_tier: bool,
    /// The position in the database's own log.
    lsn: u64,
}

/// A row as JSON, with its primary key among the columns.
trait Columns {
    const TOPIC: &'static str;

    fn columns(&self, id: u64, has_tier: bool) -> Json;
}

impl Columns for Customer {
    const TOPIC: &'static str = CUSTOMERS;

    fn columns(&self, id: u64, has_tier: bool) -> Json {
        let Self { name, address, phone, tier } = self;
        match has_tier {
            false => json!({ "id": id, "name": name, "address": address, "phone": phone }),
            // The application knows of one of the new columns, and not of the other.
            true => json!({
                "id": id, "name": name, "address": address, "phone": phone, "tier": tier, "newsletter": id.is_multiple_of(2)
            }),
        }
    }
}

impl Columns for Product {
    const TOPIC: &'static str = PRODUCTS;

    fn columns(&self, id: u64, _: bool) -> Json {
        json!({ "id": id, "name": self.name, "price_cents": self.price_cents, "description": null })
    }
}

impl Columns for Order {
    const TOPIC: &'static str = ORDERS;

    fn columns(&self, id: u64, _: bool) -> Json {
        let Self { customer_id, product_id, quantity } = self;
        json!({ "id": id, "customer_id": customer_id, "product_id": product_id, "quantity": quantity })
    }
}

impl Database {
    /// Inserts or changes a customer.
    pub fn put_customer(&mut self, id: u64, row: Customer) -> Message {
        let before = self.customers.insert(id, row.clone());
        self.written(id, before.as_ref(), &row)
    }

    /// Inserts or changes a product.
    pub fn put_product(&mut self, id: u64, row: Product) -> Message {
        let before = self.products.insert(id, row.clone());
        self.written(id, before.as_ref(), &row)
    }

    /// Inserts or changes an order. Nothing checks that its customer and product exist: the shop's tables have no constraints.
    pub fn put_order(&mut self, id: u64, row: Order) -> Message {
        let before = self.orders.insert(id, row.clone());
        self.written(id, before.as_ref(), &row)
    }

    /// Deletes a customer, if it is there.
    pub fn delete_customer(&mut self, id: u64) -> Vec<Message> {
        let before = self.customers.remove(&id);
        self.deleted(id, before)
    }

    /// Deletes a product, if it is there.
    pub fn delete_product(&mut self, id: u64) -> Vec<Message> {
        let before = self.products.remove(&id);
        self.deleted(id, before)
    }

    /// Deletes an order, if it is there.
    pub fn delete_order(&mut self, id: u64) -> Vec<Message> {
        let before = self.orders.remove(&id);
        self.deleted(id, before)
    }

    /// Adds columns to `customers`. That alone writes no record.
    pub fn add_tier(&mut self) {
        self.has_tier = true;
    }

    /// All rows, as a connector reads them when it first looks.
    pub fn snapshot(&mut self) -> Vec<Message> {
        let (customers, products, orders) = (self.customers.clone(), self.products.clone(), self.orders.clone());
        let customers = customers.iter().map(|(id, row)| self.read(*id, row)).collect::<Vec<_>>();
        let products = products.iter().map(|(id, row)| self.read(*id, row)).collect();
        let orders = orders.iter().map(|(id, row)| self.read(*id, row)).collect();
        [customers, products, orders].concat()
    }

    /// Every order with what it refers to, as the application should have it.
    pub fn enriched(&self) -> BTreeMap<u64, EnrichedOrder> {
        let enrich = |order: &Order| {
            let customer = order.customer_id.and_then(|id| self.customers.get(&id)).cloned();
            let product = self.products.get(&order.product_id).cloned();
            let total_cents = product.as_ref().map(|product| product.price_cents * u64::from(order.quantity));
            EnrichedOrder { order: order.clone(), customer, product, total_cents }
        };
        self.orders.iter().map(|(id, order)| (*id, enrich(order))).collect()
    }

    fn read<R: Columns>(&mut self, id: u64, row: &R) -> Message {
        let after = row.columns(id, self.has_tier);
        self.message(R::TOPIC, id, ("r", "true"), (Json::Null, after))
    }

    fn written<R: Columns>(&mut self, id: u64, before: Option<&R>, row: &R) -> Message {
        let op = if before.is_some() { "u" } else { "c" };
        let after = row.columns(id, self.has_tier);
        // With PostgreSQL's `REPLICA IDENTITY DEFAULT`, an update does not say what was there before.
        self.message(R::TOPIC, id, (op, "false"), (Json::Null, after))
    }

    fn deleted<R: Columns>(&mut self, id: u64, row: Option<R>) -> Vec<Message> {
        let Some(row) = row else { return Vec::new() };
        // And of what was deleted only the key is known: all other columns are null.
        let mut before = row.columns(id, self.has_tier);
        if let Some(columns) = before.as_object_mut() {
            columns.iter_mut().filter(|(name, _)| *name != "id").for_each(|(_, value)| *value = Json::Null);
        }
        let message = self.message(R::TOPIC, id, ("d", "false"), (before, Json::Null));
        let tombstone = Message { value: None, ..message.clone() };
        vec![message, tombstone]
    }

    fn message(
        &mut self,
        topic: &'static str,
        id: u64,
        (op, snapshot): (&str, &str),
        (before, after): (Json, Json),
    ) -> Message {
        self.lsn += 8;
        let table = topic.rsplit('.').next().unwrap_or_default();
        let ts_ms = 1_700_000_000_000 + self.lsn;
        let source = json!({
            "version": "3.3.1.Final", "connector": "postgresql", "name": "shop", "ts_ms": ts_ms, "snapshot": snapshot,
            "db": "shop", "schema": "public", "table": table, "txId": self.lsn / 8, "lsn": self.lsn, "xmin": null
        });
        let value = json!({ "before": before, "after": after, "source": source, "op": op, "ts_ms": ts_ms + 3 });
        let key = json!({ "id": id });
        Message { topic, key: key.to_string().into_bytes(), value: Some(value.to_string().into_bytes()) }
    }
}
