//! Values that know their rules, which they have from the crate `validator`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streams_core::config::OnError;
use streams_core::dsl::handler::{HasRules, Job, Violation};
use streams_core::prelude::*;
use streams_core::testing::TestDriver;
use streams_core::wire::{DecodeError, EncodeError};
use validator::{Validate, ValidationError};

use crate::service::{DEAD, Failed};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
struct Address {
    #[validate(length(min = 2, max = 40))]
    city: String,
    #[validate(length(equal = 5, message = "a ZIP code has five digits"))]
    zip: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
struct Line {
    article: String,
    #[validate(range(min = 1, max = 99))]
    amount: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[validate(schema(function = "has_lines_if_paid"))]
struct Order {
    #[validate(email)]
    email: String,
    #[validate(url)]
    page: Option<String>,
    #[validate(nested)]
    address: Address,
    #[validate(nested)]
    lines: Vec<Line>,
    paid: bool,
}

fn has_lines_if_paid(order: &Order) -> Result<(), ValidationError> {
    if order.paid && order.lines.is_empty() { Err(ValidationError::new("paid_for_nothing")) } else { Ok(()) }
}

impl Value for Order {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        serde_json::to_writer(out, self).map_err(|error| EncodeError::new::<Self>(error.to_string()))
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        serde_json::from_slice(bytes).map_err(|error| DecodeError::new::<Self>(error.to_string()))
    }
}

fn order() -> Order {
    Order {
        email: "ada@example.org".to_owned(),
        page: Some("https://example.org/ada".to_owned()),
        address: Address { city: "Ulm".to_owned(), zip: "89073".to_owned() },
        lines: vec![Line { article: "pen".to_owned(), amount: 3 }],
        paid: true,
    }
}

fn line(amount: u32) -> Line {
    Line { article: "ink".to_owned(), amount }
}

/// Three valid ones and three that are not, by the customer's name, with the rules that they break.
fn orders() -> Vec<(&'static str, Order, Vec<[&'static str; 4]>)> {
    let good = order();
    vec![
        ("ada", good.clone(), vec![]),
        ("bob", Order { page: None, ..good.clone() }, vec![]),
        ("cyd", Order { lines: vec![], paid: false, ..good.clone() }, vec![]),
        (
            "dan",
            Order { email: "dan".to_owned(), page: Some("nowhere".to_owned()), ..good.clone() },
            vec![["email", "email", "-", "it is no e-mail address"], ["page", "url", "-", "it is no URL"]],
        ),
        (
            "eve",
            Order {
                address: Address { city: "U".to_owned(), zip: "8907".to_owned() },
                lines: vec![line(1), line(0), line(99), line(100)],
                ..good.clone()
            },
            vec![
                ["address.city", "length", "max=40, min=2", "its length is not allowed (max=40, min=2)"],
                ["address.zip", "length", "equal=5", "a ZIP code has five digits"],
                ["lines[1].amount", "range", "max=99, min=1", "it is out of range (max=99, min=1)"],
                ["lines[3].amount", "range", "max=99, min=1", "it is out of range (max=99, min=1)"],
            ],
        ),
        (
            "fay",
            Order { lines: vec![], ..good },
            vec![["", "paid_for_nothing", "-", "it breaks the rule `paid_for_nothing`"]],
        ),
    ]
}

#[test]
fn each_broken_rule_is_told_with_its_field_however_deep_that_lies() {
    for (who, order, expected) in orders() {
        let violations = order.violations();
        let told: Vec<_> = violations
            .iter()
            .map(|Violation { field, code, param, message }| {
                [field.as_str(), code.as_str(), param.as_deref().unwrap_or("-"), message.as_str()]
            })
            .collect();
        assert_eq!(told, expected, "{who}");
    }
    let list = vec![line(1), line(0)];
    let fields: Vec<_> = list.violations().into_iter().map(|violation| violation.field).collect();
    assert_eq!(fields, ["[1].amount"], "a list that is no field");
}

#[test]
fn only_valid_records_are_handled_and_a_dead_letter_of_another_one_has_the_rules_that_it_breaks() {
    const ORDERS: Topic<String, Order> = Topic::new("orders");
    const SAVED: Topic<String, String> = Topic::new("saved");
    let builder = StreamsBuilder::new();
    let save = |job: Job<String, Order>| async move { Ok::<_, Failed>(job.value().email.clone()) };
    builder.stream(ORDERS).validated().handle("save", save).to(SAVED);
    let setup = TestDriver::configure(builder.build().unwrap()).partitions(3);
    let setup = setup.with(|app| app.exactly_once().dead_letters_to("dead-letters"));
    let mut driver = setup.with(|app| app.on_processing_error(OnError::DeadLetter)).start();
    for (who, order, _) in orders() {
        driver.pipe(&ORDERS, who, order);
    }
    driver.commit();
    let saved: BTreeMap<_, _> = driver.read(&SAVED).into_iter().collect();
    assert_eq!(saved.keys().collect::<Vec<_>>(), ["ada", "bob", "cyd"]);
    let dead: BTreeMap<_, _> =
        driver.read_records(&DEAD).into_iter().map(|dead| (dead.key.unwrap(), dead.headers)).collect();
    let expected: Vec<_> = orders().into_iter().filter(|(_, _, broken)| !broken.is_empty()).collect();
    assert_eq!(dead.len(), expected.len());
    for (who, _, broken) in expected {
        let json: serde_json::Value =
            serde_json::from_slice(dead[who].get("millstream.errors.violations").unwrap()).unwrap();
        let broken: Vec<_> = broken
            .into_iter()
            .map(|[field, code, param, message]| {
                let param = (param != "-").then_some(param);
                serde_json::json!({ "field": field, "code": code, "param": param, "message": message })
            })
            .collect();
        assert_eq!(json, serde_json::Value::Array(broken), "{who}");
    }
}
