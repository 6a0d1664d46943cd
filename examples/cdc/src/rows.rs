//! The rows of the three tables, and what is made of them.
//!
//! A column may appear while the application runs: records from before that do not have it, so it has a default. Columns that
//! are not here are ignored. A column that may be null is an `Option`; both are different from each other, and a null in any
//! other column is a record that cannot be read.

use millstream::prelude::*;
use serde::{Deserialize, Serialize};

/// A key as the JSON converter writes it: `{"id":7}`.
#[derive(Key, Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[streams(json)]
pub struct CustomerKey {
    /// The primary key.
    pub id: u64,
}

/// As [`CustomerKey`].
#[derive(Key, Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[streams(json)]
pub struct ProductKey {
    /// The primary key.
    pub id: u64,
}

/// As [`CustomerKey`].
#[derive(Key, Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[streams(json)]
pub struct OrderKey {
    /// The primary key.
    pub id: u64,
}

/// A row of `customers`.
#[derive(Value, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Customer {
    /// Who it is.
    pub name: String,
    /// Where orders go.
    pub address: String,
    /// Not everybody has said it.
    pub phone: Option<String>,
    /// The column that appears while the application runs.
    #[serde(default)]
    pub tier: Option<String>,
}

/// A row of `products`.
#[derive(Value, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Product {
    /// What it is.
    pub name: String,
    /// What one of them costs.
    pub price_cents: u64,
}

/// A row of `orders`.
#[derive(Value, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Order {
    /// Whose it is; null if a guest has ordered.
    pub customer_id: Option<u64>,
    /// Which product.
    pub product_id: u64,
    /// How many of it.
    pub quantity: u32,
}

/// An order with the customer and the product that it refers to, as they are now.
#[derive(Value, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct EnrichedOrder {
    /// The order.
    pub order: Order,
    /// `None` for a guest, and if there is no such customer.
    pub customer: Option<Customer>,
    /// `None` if there is no such product, perhaps not yet.
    pub product: Option<Product>,
    /// What it costs; `None` as long as the price is not known.
    pub total_cents: Option<u64>,
}

impl EnrichedOrder {
    /// An order and its customer, without a product.
    pub fn with_customer(order: Order, customer: Option<Customer>) -> Self {
        Self { order, customer, product: None, total_cents: None }
    }

    /// The same with its product.
    pub fn and_product(self, product: Option<Product>) -> Self {
        let price = product.as_ref().map(|product| product.price_cents);
        let total_cents = price.and_then(|price| price.checked_mul(self.order.quantity.into()));
        Self { product, total_cents, ..self }
    }
}
