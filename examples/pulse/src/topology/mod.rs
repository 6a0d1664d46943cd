//! The actual program: what is asked about the visitors, and from which topics to which.
//!
//! This is the file to read and change first; each question has a file of its own next to it. Everything else in this
//! example generates traffic, checks numbers, serves or draws them. Change [`WINDOW`], or count
//! something else: `cargo run -p pulse` shows it, and says whether the numbers are still right. It says no if you leave events
//! out, for instance with `.filter(|_, activity| ..)` after the join: the plain calculation beside it counts all of them.

use std::time::Duration;

use millstream::prelude::*;

use crate::events::{Activity, Click, User, UserId, View};

mod alerts;
mod also_viewed;
mod countries;
mod funnel;
mod pages;
mod sessions;
#[cfg(test)]
mod tests;

pub use alerts::ALERTS;
pub use also_viewed::{ALSO_VIEWED, ALSO_VIEWED_STORE, RECENT_STORE};
pub use countries::COUNTRY_TOTALS;
pub use funnel::{BUY_WITHIN, CART_WITHIN, CLICK_WITHIN, FUNNEL, STEPS, is_click, is_payment, is_product, is_to_cart};
pub use pages::{PAGE_TOTALS, PAGE_TOTALS_STORE, PAGE_WINDOWS, TOP_PAGES};
pub use sessions::{SESSION_GAP, SESSIONS};

/// The length of the windows in which views and clicks are counted. They follow each other without a gap.
pub const WINDOW: Duration = Duration::from_secs(1);

/// The length of the windows of the top pages, which overlap: one begins every [`TOP_EVERY`].
pub const TOP_OVER: Duration = Duration::from_secs(60);
/// The time between the starts of the top pages' windows.
pub const TOP_EVERY: Duration = Duration::from_secs(5);

/// How late an event may be to be counted in its window. It is longer than an outage of an instance: after that, the
/// tasks that catch up faster advance the time for those that are slower.
pub const GRACE: Duration = Duration::from_secs(30);

/// Input: page views, by visitor.
pub const VIEWS: Topic<UserId, View> = Topic::new("pulse-views");
/// Input: clicks, by visitor.
pub const CLICKS: Topic<UserId, Click> = Topic::new("pulse-clicks");
/// Input: the users; the last record of a key is its row.
pub const USERS: Topic<UserId, User> = Topic::new("pulse-users");
/// Output: input records that cannot be read, as they were.
pub const DEAD_LETTERS: Topic<Option<Vec<u8>>, Option<Vec<u8>>> = Topic::new("pulse-dead-letters");

/// Real-time user activity.
pub fn pulse() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let views = builder.stream(VIEWS);
    let clicks = builder.stream(CLICKS);
    let users = builder.table(USERS);

    // Views and clicks become one stream. Their key is the visitor, as in the users table, so they can be joined with it
    // without repartitioning; guests have no row.
    let activity =
        views.map_values(Activity::of_view).merge(clicks.map_values(Activity::of_click)).left_join(users, Activity::by);

    // What is looked at? Who is there? Is that unusual?
    let per_page = pages::pages(activity);
    sessions::sessions(activity);
    alerts::alerts(&builder, per_page);

    // How many of those who look also buy? Where do they live? And what else might they like?
    funnel::funnel(views, clicks);
    countries::countries(activity);
    also_viewed::also_viewed(views);

    builder.build()
}
