//! An order, what can be asked of it, and what has happened to it. Nothing here knows of topics.
//!
//! The rule of event sourcing: [`decide`] says what a command leads to and changes nothing, [`Order::after`] is how an order is
//! made of its events and decides nothing.

use millstream::prelude::*;
use serde::{Deserialize, Serialize};

/// The commands whose outcome an order remembers, so that one that is sent again has the same outcome.
const REMEMBERED: usize = 20;

/// Something that is sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub sku: String,
    pub quantity: u32,
    /// The price of one.
    pub cents: u32,
}

/// What somebody wants of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Value)]
#[streams(json)]
pub struct Command {
    /// One that is sent twice with the same id counts once.
    pub id: String,
    /// The version of the order that its sender has seen, if it matters.
    pub expects: Option<u64>,
    pub action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Place { customer: String, items: Vec<Item> },
    Pay,
    Ship,
    Cancel,
}

/// What has happened to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Value)]
#[streams(json)]
pub struct Event {
    /// Of the order after this; the first one is 1.
    pub version: u64,
    /// When the command was sent, in milliseconds since 1970.
    pub at: i64,
    /// The offset of the command that has led to it, in the partition of the order.
    pub command: i64,
    pub what: Happened,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happened {
    Placed { customer: String, items: Vec<Item>, cents: i64 },
    Paid,
    Shipped,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Placed,
    Paid,
    Shipped,
    Cancelled,
}

impl Status {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Paid => "paid",
            Self::Shipped => "shipped",
            Self::Cancelled => "cancelled",
        }
    }
}

/// An order, made of its events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Value)]
#[streams(json)]
pub struct Order {
    pub version: u64,
    pub status: Status,
    pub customer: String,
    pub items: Vec<Item>,
    pub cents: i64,
    pub placed_at: i64,
    pub paid_at: Option<i64>,
    /// The offset of the last command that has changed it.
    pub command: i64,
}

/// What the owner of an order keeps: the order, once there is one, and the outcomes of the last commands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Value)]
#[streams(json)]
pub struct Kept {
    pub order: Option<Order>,
    pub outcomes: Vec<(String, Outcome)>,
}

/// What has become of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The order has this version now.
    Done { version: u64 },
    /// Somebody else was faster; the order has this version.
    Conflict { version: u64 },
    /// There is no such order.
    Unknown,
    /// The order is in no state for it.
    Refused { because: String },
}

/// What a command leads to.
pub fn decide(order: Option<&Order>, command: &Command) -> Result<Happened, Outcome> {
    let version = order.map_or(0, |order| order.version);
    if command.expects.is_some_and(|expects| expects != version) {
        return Err(Outcome::Conflict { version });
    }
    let refused = |because: String| Err(Outcome::Refused { because });
    match (&command.action, order.map(|order| order.status)) {
        (Action::Place { customer, items }, None) => {
            let cents = items.iter().map(|item| i64::from(item.quantity) * i64::from(item.cents)).sum();
            Ok(Happened::Placed { customer: customer.clone(), items: items.clone(), cents })
        }
        (Action::Place { .. }, Some(_)) => Err(Outcome::Conflict { version }),
        (_, None) => Err(Outcome::Unknown),
        (Action::Pay, Some(Status::Placed)) => Ok(Happened::Paid),
        (Action::Ship, Some(Status::Paid)) => Ok(Happened::Shipped),
        (Action::Ship, Some(Status::Placed)) => refused("it is not paid".to_owned()),
        (Action::Cancel, Some(Status::Placed | Status::Paid)) => Ok(Happened::Cancelled),
        (Action::Pay | Action::Ship | Action::Cancel, Some(status)) => {
            refused(format!("it is {} already", status.name()))
        }
    }
}

impl Order {
    /// The order after an event. One that cannot be about it changes nothing.
    pub fn after(order: Option<Self>, event: &Event) -> Option<Self> {
        let &Event { version, at, command, ref what } = event;
        match (what, order) {
            (Happened::Placed { customer, items, cents }, None) => Some(Self {
                version,
                status: Status::Placed,
                customer: customer.clone(),
                items: items.clone(),
                cents: *cents,
                placed_at: at,
                paid_at: None,
                command,
            }),
            (Happened::Placed { .. }, Some(order)) => Some(order),
            (_, None) => None,
            (Happened::Paid, Some(order)) => {
                Some(Self { version, status: Status::Paid, paid_at: Some(at), command, ..order })
            }
            (Happened::Shipped, Some(order)) => Some(Self { version, status: Status::Shipped, command, ..order }),
            (Happened::Cancelled, Some(order)) => Some(Self { version, status: Status::Cancelled, command, ..order }),
        }
    }

    /// What was earned with it, and has not been paid back.
    pub fn revenue(&self) -> i64 {
        if self.paid_at.is_some() && self.status != Status::Cancelled { self.cents } else { 0 }
    }
}

impl Kept {
    pub fn outcome(&self, command: &str) -> Option<&Outcome> {
        self.outcomes.iter().find(|(id, _)| id == command).map(|(_, outcome)| outcome)
    }

    pub fn remember(&mut self, command: String, outcome: Outcome) {
        if self.outcomes.len() >= REMEMBERED {
            self.outcomes.remove(0);
        }
        self.outcomes.push((command, outcome));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(action: Action, expects: Option<u64>) -> Command {
        Command { id: "c".to_owned(), expects, action }
    }

    fn place() -> Action {
        let items = vec![Item { sku: "pen".to_owned(), quantity: 3, cents: 150 }];
        Action::Place { customer: "ada".to_owned(), items }
    }

    /// The order after these actions, each of which must be possible.
    fn order(actions: &[Action]) -> Option<Order> {
        let apply = |(order, version): (Option<Order>, u64), action: &Action| {
            let what = decide(order.as_ref(), &command(action.clone(), Some(version))).expect("it is possible");
            let event = Event { version: version + 1, at: 1_000, command: 7, what };
            (Order::after(order, &event), version + 1)
        };
        actions.iter().fold((None, 0), apply).0
    }

    #[test]
    fn each_state_allows_some_actions_and_refuses_the_others_with_a_reason() {
        use Action::{Cancel, Pay, Ship};
        let refused = |because: &str| Err(Outcome::Refused { because: because.to_owned() });
        for (before, action, expected) in [
            (vec![], Pay, Err(Outcome::Unknown)),
            (vec![place()], place(), Err(Outcome::Conflict { version: 1 })),
            (vec![place()], Pay, Ok(Happened::Paid)),
            (vec![place()], Ship, refused("it is not paid")),
            (vec![place()], Cancel, Ok(Happened::Cancelled)),
            (vec![place(), Pay], Pay, refused("it is paid already")),
            (vec![place(), Pay], Ship, Ok(Happened::Shipped)),
            (vec![place(), Pay], Cancel, Ok(Happened::Cancelled)),
            (vec![place(), Pay, Ship], Cancel, refused("it is shipped already")),
            (vec![place(), Cancel], Pay, refused("it is cancelled already")),
            (vec![place(), Pay, Cancel], Ship, refused("it is cancelled already")),
        ] {
            assert_eq!(
                decide(order(&before).as_ref(), &command(action.clone(), None)),
                expected,
                "{before:?}, then {action:?}"
            );
        }
    }

    #[test]
    fn who_has_seen_another_version_is_told_which_there_is() {
        let order = order(&[place(), Action::Pay]);
        let ship = |expects| decide(order.as_ref(), &command(Action::Ship, expects));
        assert_eq!(ship(Some(1)), Err(Outcome::Conflict { version: 2 }));
        assert_eq!(ship(Some(2)), Ok(Happened::Shipped));
        assert_eq!(decide(None, &command(place(), Some(1))), Err(Outcome::Conflict { version: 0 }));
    }

    #[test]
    fn revenue_is_what_was_paid_and_not_paid_back() {
        let revenue = |actions: &[Action]| order(actions).map(|order| order.revenue());
        assert_eq!(revenue(&[place()]), Some(0));
        assert_eq!(revenue(&[place(), Action::Pay]), Some(450));
        assert_eq!(revenue(&[place(), Action::Pay, Action::Cancel]), Some(0));
    }
}
