//! What becomes of records as Debezium writes them.

use millstream::config::OnError;
use millstream::testing::TestDriver;

use super::*;

const CUSTOMER: &str = "shop.public.customers";
const PRODUCT: &str = "shop.public.products";
const ORDER: &str = "shop.public.orders";

/// As in production, with all topics in several partitions.
fn driver() -> TestDriver {
    let app = |app: App| {
        let app = app.exactly_once().on_undecodable(OnError::DeadLetter).on_processing_error(OnError::DeadLetter);
        app.dead_letters_to(DEAD_LETTERS.name())
    };
    TestDriver::configure(cdc().expect("a topology")).partitions(3).with(app).start()
}

/// Sends a record whose key is this row's, and returns what becomes of orders.
fn pipe(driver: &mut TestDriver, topic: &str, id: u64, value: Option<&str>) -> Vec<String> {
    let topic = Topic::<String, Option<String>>::named(topic).expect("a name");
    driver.pipe(&topic, format!(r#"{{"id":{id}}}"#), value.map(str::to_owned));
    // A join's question and its answer are in a transaction each.
    (0..3).for_each(|_| driver.commit());
    driver.read(&ENRICHED_ORDERS).into_iter().map(|(key, row)| told(key.id, row)).collect()
}

fn told(id: u64, row: Option<EnrichedOrder>) -> String {
    let Some(row) = row else { return format!("{id}: gone") };
    let customer = row.customer.map_or_else(
        || "nobody".to_owned(),
        |customer| {
            let tier = customer.tier.map(|tier| format!(" ({tier})")).unwrap_or_default();
            format!("{}, {}{tier}", customer.name, customer.address)
        },
    );
    let product = row.product.map_or_else(|| "nothing".to_owned(), |product| product.name);
    let total = row.total_cents.map_or_else(|| "?".to_owned(), |cents| cents.to_string());
    format!("{id}: {customer} | {product} | {total}")
}

#[test]
fn orders_are_sent_again_whenever_what_they_refer_to_changes() {
    let mut driver = driver();
    for (what, topic, id, value, expected) in [
        (
            "an order whose customer and product are not there yet",
            ORDER,
            1,
            Some(
                r#"{"before":null,"after":{"id":1,"customer_id":7,"product_id":9,"quantity":2},"source":{"snapshot":"true"},"op":"r","ts_ms":1}"#,
            ),
            vec!["1: nobody | nothing | ?"],
        ),
        (
            "a customer of the snapshot, without the column that appears later",
            CUSTOMER,
            7,
            Some(
                r#"{"before":null,"after":{"id":7,"name":"Ada","address":"1 Elm Street","phone":null},"source":{"snapshot":"true"},"op":"r","ts_ms":1}"#,
            ),
            vec!["1: Ada, 1 Elm Street | nothing | ?"],
        ),
        (
            "the product at last",
            PRODUCT,
            9,
            Some(r#"{"before":null,"after":{"id":9,"name":"tent","price_cents":500},"source":{},"op":"c","ts_ms":2}"#),
            vec!["1: Ada, 1 Elm Street | tent | 1000"],
        ),
        (
            "another order of the same customer",
            ORDER,
            2,
            Some(r#"{"after":{"id":2,"customer_id":7,"product_id":9,"quantity":1},"op":"c"}"#),
            vec!["2: Ada, 1 Elm Street | tent | 500"],
        ),
        (
            "a guest's order: a null in a column that may be null",
            ORDER,
            3,
            Some(r#"{"after":{"id":3,"customer_id":null,"product_id":9,"quantity":3},"op":"c"}"#),
            vec!["3: nobody | tent | 1500"],
        ),
        (
            "the customer moves, and the table has two more columns, of which one is unknown",
            CUSTOMER,
            7,
            Some(
                r#"{"before":null,"after":{"id":7,"name":"Ada","address":"2 Mill Hill","phone":"1","tier":"gold","newsletter":true},"op":"u"}"#,
            ),
            vec!["1: Ada, 2 Mill Hill (gold) | tent | 1000", "2: Ada, 2 Mill Hill (gold) | tent | 500"],
        ),
        (
            "the order refers to another product, which is not there",
            ORDER,
            2,
            Some(r#"{"after":{"id":2,"customer_id":7,"product_id":8,"quantity":1},"op":"u"}"#),
            vec!["2: Ada, 2 Mill Hill (gold) | nothing | ?"],
        ),
        (
            "the customer is deleted; all its other columns are null",
            CUSTOMER,
            7,
            Some(r#"{"before":{"id":7,"name":null,"address":null,"phone":null},"after":null,"op":"d"}"#),
            vec!["1: nobody | tent | 1000", "2: nobody | nothing | ?"],
        ),
        ("its tombstone says nothing new", CUSTOMER, 7, None, vec![]),
        (
            "the product is deleted",
            PRODUCT,
            9,
            Some(r#"{"before":{"id":9},"after":null,"op":"d"}"#),
            vec!["1: nobody | nothing | ?", "3: nobody | nothing | ?"],
        ),
        (
            "something that was never there is deleted",
            PRODUCT,
            77,
            Some(r#"{"before":{"id":77},"after":null,"op":"d"}"#),
            vec![],
        ),
        ("an order is deleted", ORDER, 1, Some(r#"{"before":{"id":1},"after":null,"op":"d"}"#), vec!["1: gone"]),
        ("a tombstone of a row that is gone", ORDER, 1, None, vec![]),
        (
            "its key is used again",
            ORDER,
            1,
            Some(r#"{"after":{"id":1,"customer_id":null,"product_id":8,"quantity":1},"op":"c"}"#),
            vec!["1: nobody | nothing | ?"],
        ),
    ] {
        let mut sent = pipe(&mut driver, topic, id, value);
        sent.sort();
        assert_eq!(sent, expected, "{what}");
    }
    assert_eq!(driver.read(&DEAD_LETTERS), []);
}

#[test]
fn what_makes_no_sense_is_a_dead_letter_and_changes_nothing() {
    let mut driver = driver();
    let order = r#"{"after":{"id":1,"customer_id":null,"product_id":9,"quantity":2},"op":"c"}"#;
    pipe(&mut driver, ORDER, 1, Some(order));
    for (value, reason) in [
        ("garbage", "expected value"),
        (r#"{"op":"u","after":{"id":1,"#, "EOF while parsing"),
        (r#"{"op":"u","after":null}"#, "there is no row in `after`"),
        (r#"{"op":"c"}"#, "there is no row in `after`"),
        (r#"{"op":"t","after":null}"#, "unknown variant `t`"),
        (r#"{"op":"u","after":{"id":1,"customer_id":null,"product_id":null,"quantity":2}}"#, "invalid type: null"),
        (r#"{"op":"u","after":{"id":1,"customer_id":null,"quantity":2}}"#, "missing field `product_id`"),
        (r#"{"op":"u","after":{"id":1,"customer_id":null,"product_id":9,"quantity":-2}}"#, "invalid value"),
        // With `schemas.enable=true`, which this does not read.
        (r#"{"schema":{},"payload":{"op":"d","after":null}}"#, "missing field `op`"),
    ] {
        assert_eq!(pipe(&mut driver, ORDER, 1, Some(value)), Vec::<String>::new(), "{value}");
        let letters = driver.read_records(&DEAD_LETTERS);
        let [letter] = letters.as_slice() else { panic!("{value}: {letters:?}") };
        assert_eq!(letter.value.as_deref(), Some(value.as_bytes()));
        let message = letter.headers.get("__streams.errors.message").unwrap_or_default();
        assert!(String::from_utf8_lossy(message).contains(reason), "{value}: {}", message.escape_ascii());
    }
    assert_eq!(driver.rows(&ORDERS_STORE).len(), 1);
}

#[test]
fn a_killed_instance_still_knows_which_orders_refer_to_a_customer() {
    let mut driver = driver();
    pipe(&mut driver, CUSTOMER, 7, Some(r#"{"after":{"id":7,"name":"Ada","address":"1 Elm Street"},"op":"r"}"#));
    pipe(&mut driver, ORDER, 1, Some(r#"{"after":{"id":1,"customer_id":7,"product_id":9,"quantity":2},"op":"r"}"#));
    driver.kill();
    driver.restart();
    let moved = r#"{"after":{"id":7,"name":"Ada","address":"2 Mill Hill"},"op":"u"}"#;
    assert_eq!(pipe(&mut driver, CUSTOMER, 7, Some(moved)), ["1: Ada, 2 Mill Hill | nothing | ?"]);
}
