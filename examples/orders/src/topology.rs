//! From commands to events, and from events to what is read.

use millstream::prelude::*;

use crate::model::{Command, Event, Kept, Order, Outcome, decide};

/// What is asked for, in the order in which it counts.
pub const COMMANDS: Topic<String, Command> = Topic::new("order-commands");
/// What has happened: the truth, from which all else can be made again.
pub const EVENTS: Topic<String, Event> = Topic::new("order-events");

/// The orders, and the outcomes of commands.
pub const KEPT: KeyValueStore<String, Kept> = KeyValueStore::new("orders");

/// What is read, as topics. Each is a table in the database.
pub const SUMMARY: Topic<String, Order> = Topic::new("order-summary");
pub const CUSTOMERS: Topic<String, Totals> = Topic::new("customer-totals");
pub const REVENUE: Topic<i64, i64> = Topic::new("daily-revenue");

const SUMMARIES: KeyValueStore<String, Order> = KeyValueStore::new("summaries");

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What a customer has ordered.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, Value)]
#[streams(json)]
pub struct Totals {
    pub orders: i64,
    pub cents: i64,
}

pub fn topology() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let events = builder
        .stream(COMMANDS)
        .process_values(KEPT, |mut kept, id, command: Command, out| {
            let mut now = kept.get(id).unwrap_or_default();
            // Sent again: it has happened, or was refused, before.
            if now.outcome(&command.id).is_some() {
                return;
            }
            let outcome = match decide(now.order.as_ref(), &command) {
                Ok(what) => {
                    let version = now.order.as_ref().map_or(0, |order| order.version) + 1;
                    let offset = out.position().map_or(-1, |position| position.offset.0);
                    let event = Event { version, at: out.timestamp().0, command: offset, what };
                    now.order = Order::after(now.order.take(), &event);
                    out.send(event);
                    Outcome::Done { version }
                }
                Err(outcome) => outcome,
            };
            now.remember(command.id, outcome);
            kept.put(id, now);
        })
        .named("decide");
    events.to(EVENTS);

    let summaries =
        events.group_by_key().aggregate_with(|_, event, order| Order::after(order, &event)).stored_as(SUMMARIES);
    summaries
        .group_by(|_, order| (order.customer.clone(), order.clone()))
        .named("by-customer")
        .aggregate(
            Totals::default,
            |totals, order| {
                totals.orders += 1;
                totals.cents += order.revenue();
            },
            |totals, order| {
                totals.orders -= 1;
                totals.cents -= order.revenue();
            },
        )
        .to_stream()
        .to(CUSTOMERS);
    summaries
        .filter(|_, order| order.paid_at.is_some())
        .group_by(|_, order| (order.paid_at.unwrap_or(0).div_euclid(DAY_MS), order.clone()))
        .named("by-day")
        .aggregate(|| 0, |cents, order| *cents += order.revenue(), |cents, order| *cents -= order.revenue())
        .to_stream()
        .to(REVENUE);
    summaries.to_stream().to(SUMMARY);
    builder.build()
}
