//! The actual program: what is counted, and from which topics to which.
//!
//! This is the file to read and change first. Everything else in this example generates traffic, checks numbers or draws.
//! Change [`WINDOW`], add `.filter(|_, activity| ..)` after the join, or count something else: `cargo run -p pulse` shows
//! it, and says whether the numbers are still right.

use std::time::Duration;

use millstream::prelude::*;

use crate::events::{Activity, Click, PageCounts, User, UserId, View, Visit};

/// The length of a window. Windows follow each other without a gap.
pub const WINDOW: Duration = Duration::from_secs(2);

/// How late an event may be to be counted in its window. It is longer than an outage of an instance: after that, the
/// tasks that catch up faster advance the time for those that are slower.
pub const GRACE: Duration = Duration::from_secs(30);

/// Input: page views, by visitor.
pub const VIEWS: Topic<UserId, View> = Topic::new("pulse-views");
/// Input: clicks, by visitor.
pub const CLICKS: Topic<UserId, Click> = Topic::new("pulse-clicks");
/// Input: the users; the last record of a key is its row.
pub const USERS: Topic<UserId, User> = Topic::new("pulse-users");

/// Output: the activity of each visitor in each window.
pub const VISITS: Topic<Windowed<UserId>, Visit> = Topic::new("pulse-visits").windows_of(WINDOW);
/// Output: how often each page was viewed and clicked on in each window.
pub const PAGE_WINDOWS: Topic<Windowed<String>, PageCounts> = Topic::new("pulse-page-windows").windows_of(WINDOW);
/// Output: how often each page was viewed and clicked on in total.
pub const PAGE_TOTALS: Topic<String, PageCounts> = Topic::new("pulse-page-totals");
/// Output: the total activity from each country.
pub const COUNTRY_TOTALS: Topic<String, i64> = Topic::new("pulse-country-totals");

const VISITS_STORE: WindowStore<UserId, Visit> = WindowStore::new("visits");
const PAGE_WINDOWS_STORE: WindowStore<String, PageCounts> = WindowStore::new("page-windows");
const PAGE_TOTALS_STORE: KeyValueStore<String, PageCounts> = KeyValueStore::new("page-totals");
const COUNTRY_TOTALS_STORE: KeyValueStore<String, i64> = KeyValueStore::new("country-totals");

/// Real-time user activity.
pub fn pulse() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let windows = Tumbling::of(WINDOW).grace(GRACE);

    // Views and clicks become one stream. Their key is the visitor, as in the users table, so they can be joined with it
    // without repartitioning; guests have no row.
    let users = builder.table(USERS);
    let views = builder.stream(VIEWS).map_values(Activity::of_view);
    let clicks = builder.stream(CLICKS).map_values(Activity::of_click);
    let activity = views.merge(clicks).left_join(users, Activity::by);

    // Active users: what each visitor did in each window.
    activity
        .group_by_key()
        .windowed_by(windows)
        .aggregate(Visit::default, Visit::add)
        .stored_as(VISITS_STORE)
        .to_stream()
        .to(VISITS);

    // Per page. The key changes, so the records go through an internal topic, `by-page`, which both aggregations below
    // read.
    let by_page = activity.group_by(|_, activity| activity.page.clone()).named("by-page");
    by_page
        .windowed_by(windows)
        .aggregate(PageCounts::default, PageCounts::add)
        .stored_as(PAGE_WINDOWS_STORE)
        .to_stream()
        .to(PAGE_WINDOWS);
    by_page.aggregate(PageCounts::default, PageCounts::add).stored_as(PAGE_TOTALS_STORE).to_stream().to(PAGE_TOTALS);

    // Per country.
    activity
        .group_by(|_, activity| activity.country().to_owned())
        .named("by-country")
        .count()
        .stored_as(COUNTRY_TOTALS_STORE)
        .to_stream()
        .to(COUNTRY_TOTALS);

    builder.build()
}

#[cfg(test)]
mod tests {
    use millstream::record::Timestamp;
    use millstream::testing::TestDriver;

    use super::*;

    const ADA: UserId = UserId(1);
    const GUEST: UserId = UserId(2);

    fn view(page: &str) -> View {
        View { page: page.to_owned() }
    }

    fn click(page: &str) -> Click {
        Click { page: page.to_owned(), element: "buy".to_owned() }
    }

    /// The application on four partitions, with a clock that stands still. Ada lives in Kenya.
    fn start() -> TestDriver {
        let mut driver = TestDriver::configure(pulse().expect("a topology")).partitions(4).start();
        driver.pipe(&USERS, ADA, User { name: "Ada Berg".to_owned(), country: "Kenya".to_owned() });
        driver
    }

    /// Views and clicks on a page: in total, and by window.
    fn counts(driver: &TestDriver, page: &str) -> String {
        let total = driver.get(&PAGE_TOTALS_STORE, page).unwrap_or_default();
        let windows = driver.windows(&PAGE_WINDOWS_STORE).into_iter().filter(|(of, ..)| of == page);
        let windows = windows.map(|(_, start, counts)| format!(", {}+{} at {}", counts.views, counts.clicks, start.0));
        format!("{}+{}{}", total.views, total.clicks, windows.collect::<String>())
    }

    #[test]
    fn activity_is_counted_by_page_window_visitor_and_country() {
        let mut driver = start();
        driver.pipe_at(&VIEWS, ADA, view("/cart"), Timestamp(1_999));
        driver.pipe_at(&VIEWS, GUEST, view("/cart"), Timestamp(2_000));
        driver.pipe_at(&CLICKS, ADA, click("/cart"), Timestamp(1_000));

        assert_eq!(counts(&driver, "/cart"), "2+1, 1+1 at 0, 1+0 at 2000");
        assert_eq!(driver.get(&COUNTRY_TOTALS_STORE, "Kenya"), Some(2));
        assert_eq!(driver.get(&COUNTRY_TOTALS_STORE, "(guests)"), Some(1));

        let mut visits = driver.read(&VISITS);
        visits.sort_by_key(|(key, visit)| (key.key, visit.actions));
        let visits: Vec<_> = visits
            .into_iter()
            .map(|(key, visit)| (key.key, key.window.start.0, visit.user.map(|user| user.name), visit.actions))
            .collect();
        let name = Some("Ada Berg".to_owned());
        assert_eq!(visits, [(ADA, 0, name.clone(), 1), (ADA, 0, name, 2), (GUEST, 2_000, None, 1)]);
    }

    #[test]
    fn an_event_that_is_too_late_is_in_the_totals_only() {
        let mut driver = start();
        let closed = i64::try_from((WINDOW + GRACE).as_millis()).expect("a short time");
        driver.pipe_at(&VIEWS, ADA, view("/"), Timestamp(closed - 1));
        driver.pipe_at(&VIEWS, ADA, view("/"), Timestamp(0));
        assert_eq!(counts(&driver, "/"), "2+0, 1+0 at 0, 1+0 at 30000");
        driver.pipe_at(&VIEWS, ADA, view("/"), Timestamp(closed));
        driver.pipe_at(&VIEWS, ADA, view("/"), Timestamp(1));
        // The first window is closed, so its row has been deleted, and it does not come back.
        assert_eq!(counts(&driver, "/"), "4+0, 1+0 at 30000, 1+0 at 32000");
        let windows = driver.read(&PAGE_WINDOWS);
        assert_eq!(windows.iter().filter(|(key, _)| key.window.start.0 == 0).count(), 1, "{windows:?}");
    }

    #[test]
    fn a_killed_instance_goes_on_where_it_was() {
        let mut driver = start();
        let late = Timestamp(10 * 60_000);
        driver.pipe_at(&VIEWS, ADA, view("/"), late);
        driver.pipe_at(&CLICKS, ADA, click("/"), late);
        driver.kill();
        driver.restart();

        // The numbers and the users table are still there, and stream time is still known.
        driver.pipe_at(&VIEWS, ADA, view("/"), late);
        driver.pipe_at(&VIEWS, ADA, view("/"), Timestamp(0));
        assert_eq!(counts(&driver, "/"), "3+1, 2+1 at 600000");
        assert_eq!(driver.get(&COUNTRY_TOTALS_STORE, "Kenya"), Some(4));
    }
}
