//! The actual program: three topics of changes become tables, and orders are joined with the two others. Read and change this
//! file first.
//!
//! A join by foreign key keeps track of which orders refer to a customer or product. So when a customer moves, each of their
//! orders is sent again with the new address; when a product is deleted, its orders are sent without it.

use millstream::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::debezium::Change;
use crate::rows::{Customer, CustomerKey, EnrichedOrder, Order, OrderKey, Product, ProductKey};

#[cfg(test)]
mod tests;

/// Input: changes of the table `customers`. A tombstone is a record without a value.
pub const CUSTOMERS: Topic<CustomerKey, Option<Change<Customer>>> = Topic::new("shop.public.customers");
/// Input: changes of the table `products`.
pub const PRODUCTS: Topic<ProductKey, Option<Change<Product>>> = Topic::new("shop.public.products");
/// Input: changes of the table `orders`.
pub const ORDERS: Topic<OrderKey, Option<Change<Order>>> = Topic::new("shop.public.orders");
/// Output: each order with its customer and product, again whenever one of the three changes.
pub const ENRICHED_ORDERS: Topic<OrderKey, Option<EnrichedOrder>> = Topic::new("enriched-orders");
/// Output: input records that cannot be read or make no sense, as they were.
pub const DEAD_LETTERS: Topic<Option<Vec<u8>>, Option<Vec<u8>>> = Topic::new("cdc-dead-letters");

/// The customers as they are now.
pub const CUSTOMERS_STORE: KeyValueStore<CustomerKey, Customer> = KeyValueStore::new("customers");
/// The products as they are now.
pub const PRODUCTS_STORE: KeyValueStore<ProductKey, Product> = KeyValueStore::new("products");
/// The orders as they are now.
pub const ORDERS_STORE: KeyValueStore<OrderKey, Order> = KeyValueStore::new("orders");
/// The orders with their customers, on the way to their products. It has a name because its changelog has it, too.
const WITH_CUSTOMERS_STORE: KeyValueStore<OrderKey, EnrichedOrder> = KeyValueStore::new("orders-with-customers");
/// The orders with their customers and products.
pub const ENRICHED_STORE: KeyValueStore<OrderKey, EnrichedOrder> = KeyValueStore::new("enriched-orders");

/// Orders, each with its customer and its product.
pub fn cdc() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let customers = rows(builder.stream(CUSTOMERS), "customer-changes").stored_as(CUSTOMERS_STORE);
    let products = rows(builder.stream(PRODUCTS), "product-changes").stored_as(PRODUCTS_STORE);
    let orders = rows(builder.stream(ORDERS), "order-changes").stored_as(ORDERS_STORE);

    // Left joins, because an order is an order without a customer or product, too.
    let enriched = orders
        .left_join_on(
            customers,
            |_, order| order.customer_id.map(|id| CustomerKey { id }),
            EnrichedOrder::with_customer,
        )
        .named("order-customer")
        .stored_as(WITH_CUSTOMERS_STORE)
        .left_join_on(products, |_, enriched| ProductKey { id: enriched.order.product_id }, EnrichedOrder::and_product)
        .named("order-product")
        .stored_as(ENRICHED_STORE);
    enriched.live(|tile| {
        tile.table("Orders that have changed last")
            .column("order", |key, _| key.id)
            .column("customer", |_, row| row.customer.as_ref().map(|customer| customer.name.clone()))
            .column("address", |_, row| row.customer.as_ref().map(|customer| customer.address.clone()))
            .column("product", |_, row| row.product.as_ref().map(|product| product.name.clone()))
            .column("cents", |_, row| row.total_cents)
    });
    enriched.live(|tile| tile.number("Orders").rows());
    enriched.live(|tile| tile.number("Orders without a product").rows().only(|_, row| row.product.is_none()));
    enriched.to_stream().to(ENRICHED_ORDERS);
    builder.build()
}

/// The table that a stream of changes describes. A change that makes no sense is refused, and becomes a dead letter.
fn rows<'t, K: Key, R>(changes: KStream<'t, K, Option<Change<R>>>, name: &str) -> KTable<'t, K, R>
where
    R: Value + Serialize + DeserializeOwned,
{
    changes.try_map_values(|change| change.map_or(Ok(None), Change::row)).named(name).to_table()
}
