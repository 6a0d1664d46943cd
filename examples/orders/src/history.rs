//! `orders state ID --at ..`: an order as it was, made of its events alone.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use millstream::log::Log;
use millstream::prelude::*;
use millstream::record::Offset;

use crate::model::Order;
use crate::read::Failure;
use crate::topology::EVENTS;

/// A moment in the history of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Up to and with the event at this offset of the order's partition.
    Offset(Offset),
    /// Up to and with this time.
    Time(Timestamp),
    /// All that there is.
    Now,
}

impl At {
    /// An offset, or a time as `2026-01-31T12:00:00Z`.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Ok(offset) = text.parse::<i64>() {
            return if offset >= 0 {
                Ok(Self::Offset(Offset(offset)))
            } else {
                Err("an offset is 0 or more".to_owned())
            };
        }
        let time: Result<DateTime<Utc>, _> = text.parse();
        let hint = "expected an offset, or a time such as 2026-01-31T12:00:00Z";
        time.map(|time| Self::Time(time.into())).map_err(|error| format!("{error}; {hint}"))
    }

    fn includes(self, offset: Offset, at: i64) -> bool {
        match self {
            Self::Offset(last) => offset <= last,
            Self::Time(last) => at <= last.0,
            Self::Now => true,
        }
    }
}

/// The order at that moment; `None` if there was none.
pub fn state(log: &Arc<dyn Log>, id: &str, at: At) -> Result<Option<Order>, Failure> {
    let mut order = None;
    for received in Client::new(Arc::clone(log))?.records(&EVENTS)? {
        let received = received?;
        if received.record.key == id && at.includes(received.offset, received.record.value.at) {
            order = Order::after(order, &received.record.value);
        }
    }
    Ok(order)
}
