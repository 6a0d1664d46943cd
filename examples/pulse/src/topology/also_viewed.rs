//! What else might they like? Which product is viewed soon after which other one.
//!
//! Each view of a product makes a pair with the last few products that its visitor has viewed before. How often there was a
//! pair is all that `GET /recommend/user/..` needs to know: see [`recommend`](crate::recommend).

use millstream::prelude::*;

use super::is_product;
use crate::events::{Recent, UserId, View};

/// Output: how often the second product was viewed soon after the first one.
pub const ALSO_VIEWED: Topic<String, i64> = Topic::new("pulse-also-viewed");

/// How often products were viewed soon after each other. A key is the two paths with ` > ` between them, so those after a
/// product are found by a prefix.
pub const ALSO_VIEWED_STORE: KeyValueStore<String, i64> = KeyValueStore::new("also-viewed");

/// The products that each visitor has viewed last.
pub const RECENT_STORE: KeyValueStore<UserId, Recent> = KeyValueStore::new("recently-viewed");

pub(super) fn also_viewed(views: KStream<'_, UserId, View>) {
    views
        .filter(|_, view| is_product(&view.page))
        .group_by_key()
        .aggregate(Recent::default, Recent::add)
        .stored_as(RECENT_STORE)
        // Each change counts, and a cache would leave some out.
        .not_cached()
        .to_stream()
        .filter_some()
        .flat_map(|_, recent| recent.pairs().map(|pair| (pair, 1_i64)).collect())
        .group_by_key()
        .named("by-pair")
        .count()
        .stored_as(ALSO_VIEWED_STORE)
        .live(|tile| tile.bars("Viewed soon after each other").unit("times"))
        .to_stream()
        .to(ALSO_VIEWED);
}
