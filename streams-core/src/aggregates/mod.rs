//! Ready-made aggregates: totals, extremes, the top few, and sketches of distinct counts and quantiles.
//!
//! Each is a value that starts empty (`default`), takes one thing after another (`add`), and has a compact format of its own,
//! so it can be the aggregate of a table. All can be [merged](Merge): the result is that of all that either has taken, which
//! is what the windows of sessions need. Kafka Streams has none of these.
//!
//! ```
//! use millstream::aggregates::{DistinctCount, Merge, Total};
//! use millstream::prelude::*;
//! use millstream::testing::TestDriver;
//! use std::time::Duration;
//!
//! const SALES: Topic<String, i64> = Topic::new("sales");
//! const MEANS: Topic<String, f64> = Topic::new("means");
//! const VIEWS: Topic<String, String> = Topic::new("views");
//! const VIEWERS: Topic<String, u64> = Topic::new("viewers");
//!
//! let builder = StreamsBuilder::new();
//! // Without windows, or with tumbling and hopping ones.
//! let totals = builder.stream(SALES).group_by_key().aggregate(Total::default, |total, cents| total.add(cents));
//! totals.to_stream().filter_some().map_values(|total| total.mean().unwrap_or(0.0)).to(MEANS);
//! // Sessions merge.
//! let visits = Sessions::gap(Duration::from_secs(60)).no_grace();
//! let viewers = builder.stream(VIEWS).group_by_key().windowed_by(visits).aggregate(
//!     DistinctCount::default,
//!     |viewers, viewer| viewers.add(viewer),
//!     Merge::merged,
//! );
//! viewers.to_stream().filter_some().map(|key, viewers| (key.key, viewers.estimate())).to(VIEWERS);
//!
//! let mut driver = TestDriver::new(builder.build()?);
//! driver.pipe(&SALES, "north", 10);
//! driver.pipe(&SALES, "north", 20);
//! assert_eq!(driver.read(&MEANS), [("north".to_owned(), 10.0), ("north".to_owned(), 15.0)]);
//! for (seconds, viewer) in [(0, "ada"), (100, "bob"), (50, "ada")] {
//!     driver.pipe_record(&VIEWS, Record::new("page".to_owned(), viewer.to_owned(), Timestamp(seconds * 1_000)));
//! }
//! // The last view joins the sessions of the two others.
//! assert_eq!(driver.read(&VIEWERS).last(), Some(&("page".to_owned(), 2)));
//! # Ok::<(), TopologyError>(())
//! ```

mod distinct_count;
mod extremes;
mod fields;
mod quantiles;
mod totals;

pub use distinct_count::DistinctCount;
pub use extremes::{Max, Min, Top};
pub use quantiles::Quantiles;
pub use totals::{Mean, Total};

/// What can be merged with another of its type, as if one had taken all that both have.
pub trait Merge: Sized {
    /// Takes in what `other` has.
    fn merge(&mut self, other: Self);

    /// Both as one: what the merger of a session window returns.
    #[must_use]
    fn merged(mut self, other: Self) -> Self {
        self.merge(other);
        self
    }
}
