//! What is looked at? Views and clicks of each page: per second, over the last minute, and in total.

use std::time::Duration;

use millstream::prelude::*;

use super::{GRACE, TOP_EVERY, TOP_OVER, WINDOW};
use crate::events::{Activity, PageCounts, UserId};

/// Output: how often each page was viewed and clicked on in each window.
pub const PAGE_WINDOWS: Topic<Windowed<String>, PageCounts> = Topic::new("pulse-page-windows").windows_of(WINDOW);
/// Output: how often each page was viewed in the overlapping windows of the top pages.
pub const TOP_PAGES: Topic<Windowed<String>, i64> = Topic::new("pulse-top-pages").windows_of(TOP_OVER);
/// Output: how often each page was viewed and clicked on in total.
pub const PAGE_TOTALS: Topic<String, PageCounts> = Topic::new("pulse-page-totals");

/// Views and clicks by page and window.
pub const PAGE_WINDOWS_STORE: WindowStore<String, PageCounts> = WindowStore::new("page-windows");
/// Views by page and overlapping window.
pub const TOP_PAGES_STORE: WindowStore<String, i64> = WindowStore::new("top-pages");
/// All views and clicks by page.
pub const PAGE_TOTALS_STORE: KeyValueStore<String, PageCounts> = KeyValueStore::new("page-totals");

/// For how long windows are kept to be shown.
const SHOWN_FOR: Duration = Duration::from_secs(300);

/// Counts by page, and returns the counts per window as they change.
pub(super) fn pages<'t>(activity: KStream<'t, UserId, Activity>) -> KStream<'t, Windowed<String>, Option<PageCounts>> {
    // The key changes, so the records go through an internal topic, `by-page`, which all three aggregations below read.
    let by_page = activity.group_by(|_, activity| activity.page.clone()).named("by-page");

    let per_window = by_page
        .windowed_by(Tumbling::of(WINDOW).grace(GRACE))
        .aggregate(PageCounts::default, PageCounts::add)
        .stored_as(PAGE_WINDOWS_STORE)
        .retention(SHOWN_FOR)
        .live(|tile| {
            tile.number("Events").sum(|_, counts| counts.views + counts.clicks).rate(WINDOW * 5).unit("per second")
        })
        .live(|tile| {
            tile.lines("Views and clicks")
                .series("views", |_, counts| counts.views)
                .series("clicks", |_, counts| counts.clicks)
                .unit("per window")
        })
        .to_stream();
    per_window.to(PAGE_WINDOWS);

    by_page
        .windowed_by(Hopping::of(TOP_OVER).advance_by(TOP_EVERY).grace(GRACE))
        .aggregate(|| 0, |views, activity: Activity| *views += activity.views())
        .stored_as(TOP_PAGES_STORE)
        .live(|tile| tile.bars("Top pages").unit("views in a minute"))
        .to_stream()
        .to(TOP_PAGES);

    by_page.aggregate(PageCounts::default, PageCounts::add).stored_as(PAGE_TOTALS_STORE).to_stream().to(PAGE_TOTALS);

    per_window
}
