//! Payments, with what is needed to judge them: where they are in the topic, and whose card it is.

use std::time::Duration;

use millstream::prelude::*;

use super::{CARD_TX, GRACE, LATE};
use crate::records::{Attempt, Card, Evidence, Payment};

/// For how long payments are counted to be shown.
const SHOWN_FOR: Duration = Duration::from_secs(120);

/// The time of the newest payment in each partition. (Stream time is that of cards, too, whose rows may be newer.)
const NEWEST_STORE: KeyValueStore<i32, i64> = KeyValueStore::new("newest-payment");

/// A payment and its place.
#[derive(Clone)]
struct Received {
    payment: Payment,
    record: Evidence,
    is_late: bool,
}

pub(super) fn attempts<'t>(
    builder: &'t StreamsBuilder,
    cards: KTable<'t, String, Card>,
) -> KStream<'t, String, Attempt> {
    builder.store(NEWEST_STORE).cached();
    let payments = builder.stream(CARD_TX);
    let received = payments.process_values(NEWEST_STORE, |mut newest, _, payment, out| {
        let Some(position) = out.position() else { return };
        let record = Evidence::new(position, out.timestamp());
        let newest_ms = newest.get(&record.partition).unwrap_or(record.at_ms).max(record.at_ms);
        newest.put(&record.partition, newest_ms);
        let is_late = record.at_ms < newest_ms.saturating_sub(GRACE.as_millis() as i64);
        out.send(Received { payment, record, is_late });
    });
    received.filter(|_, received| received.is_late).map_values(|received| received.payment).to(LATE);

    payments
        .group_by_key()
        .windowed_by(Tumbling::of(Duration::from_secs(1)).grace(GRACE))
        .count()
        .stored_as(WindowStore::new("payments-per-second"))
        .retention(SHOWN_FOR)
        .live(|tile| tile.number("Payments").rate(Duration::from_secs(5)).unit("per second"))
        .live(|tile| tile.lines("Payments per second").last(Duration::from_secs(60)));

    received
        .filter_not(|_, received| received.is_late)
        .map_values(|Received { payment, record, .. }| Attempt { payment, record, holder: None })
        .left_join(cards, Attempt::with)
}
