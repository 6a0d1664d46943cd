//! Where do they live? All activity by country.

use millstream::prelude::*;

use crate::events::{Activity, UserId};

/// Output: the total activity from each country.
pub const COUNTRY_TOTALS: Topic<String, i64> = Topic::new("pulse-country-totals");

/// The total activity by country.
pub const COUNTRY_TOTALS_STORE: KeyValueStore<String, i64> = KeyValueStore::new("country-totals");

pub(super) fn countries(activity: KStream<'_, UserId, Activity>) {
    activity
        .group_by(|_, activity| activity.country().to_owned())
        .named("by-country")
        .count()
        .stored_as(COUNTRY_TOTALS_STORE)
        .live(|tile| tile.bars("Countries").unit("events"))
        .to_stream()
        .to(COUNTRY_TOTALS);
}
