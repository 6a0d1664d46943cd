//! # Showing tables
//!
//! `.live(..)` says how a table is to be seen while the application runs: as a *tile* of its page. The closure gets what a
//! tile can be, and returns one. Where the rows' values are numbers, a title is enough:
//!
//! ```
//! use millstream::prelude::*;
//! use std::time::Duration;
//!
//! const VIEWS: Topic<String, String> = Topic::new("views");
//!
//! let builder = StreamsBuilder::new();
//! let views = builder.stream(VIEWS);
//! let pages = views.group_by(|_, page| page.clone());
//!
//! let every_five_seconds = Hopping::of(Duration::from_secs(60)).advance_by(Duration::from_secs(5)).no_grace();
//! pages.windowed_by(every_five_seconds).count().live(|tile| tile.bars("Top pages").unit("views a minute"));
//!
//! let seconds = Tumbling::of(Duration::from_secs(1)).no_grace();
//! pages
//!     .windowed_by(seconds)
//!     .count()
//!     .live(|tile| tile.number("Now").rate(Duration::from_secs(5)).unit("views a second"))
//!     .live(|tile| tile.lines("Views a second"));
//!
//! let visits = views.group_by_key().windowed_by(Sessions::gap(Duration::from_secs(30)).no_grace());
//! visits
//!     .count()
//!     .live(|tile| tile.number("Active users").rows().last(Duration::from_secs(30)))
//!     .live(|tile| {
//!         tile.table("Visits")
//!             .column("user", |visit, _| visit.key.clone())
//!             .column("views", |_, views| *views)
//!             .column("last seen", |visit, _| visit.window.end)
//!     });
//!
//! let topology = builder.build()?;
//! assert_eq!(topology.tiles().len(), 5);
//! # Ok::<(), TopologyError>(())
//! ```
//!
//! | tile | shows | says which numbers |
//! | --- | --- | --- |
//! | `tile.number(title)` | one number | `.sum(..)`, `.mean()`, `.max()`, `.rows()`; of windows `.rate(duration)` |
//! | `tile.lines(title)` | numbers over windows | `.series(name, ..)`, several times |
//! | `tile.bars(title)` | the largest rows | `.by(..)`, `.label(..)`, `.top(n)` |
//! | `tile.table(title)` | the latest rows, or the `.largest(..)` | `.column(name, ..)`, `.top(n)` |
//! | `tile.funnel(title)` | numbers of steps | `.step(name, ..)`, or `.keys([..])` of a table of steps |
//!
//! All of them have `.unit(..)`, `.only(..)`, which leaves out other rows, `.last(duration)` and `.by_wall_clock()`. Which rows
//! count, and what time it is for a tile, says [`dsl::live`](crate::dsl::live): in short, time is that of the records, windows that
//! are over leave the picture, and so does what the store does not keep any more.
//!
//! A tile changes nothing else: not the names of nodes, topics and stores, not what is computed. So it can be added to a
//! running application's next version, and taken out again. It is fresh, as an uncommitted query is: up to the latest record.
//!
//! A tile shows the rows of all instances, if they can be asked ([`over_http`](crate::guide::over_http)); otherwise it shows those of
//! the instance that serves the page, and says so. It holds at most 50,000 rows or 16 MiB of them, wherever they are needed
//! for its picture (of windows, only those that count); if its table has more, it shows those it has, and says so. As long as
//! nobody looks at the page, rows are not followed, and tiles cost nothing.
