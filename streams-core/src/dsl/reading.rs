//! How sources are read: timestamps and where reading starts. The options follow `stream` and `table`.

use std::any::Any;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use super::{KStream, KTable, Shared, StreamsBuilder};
use crate::operators::timestamps::{Extractor, IntoExtractedTime};
use crate::record::{Record, Timestamp};
use crate::topic::{OffsetReset, TimestampPolicy};
use crate::topology::program::{CallId, SourceOptions};
use crate::topology::{CallSite, TopologyError};

impl<K: 'static, V: 'static> KStream<'_, K, V> {
    /// Takes the time of each record from the record, instead of the timestamp that it was written with; directly after
    /// [`stream`](StreamsBuilder::stream). This is Kafka Streams' `TimestampExtractor`.
    ///
    /// The closure also gets the largest time so far in the record's partition, which is [`Timestamp::UNKNOWN`] at first.
    /// It returns a [`Timestamp`] or a chrono time. A record is skipped and counted if its time is negative or `None`; an
    /// error of a `Result` ends the application.
    ///
    /// Windows, joins and the order in which records of several topics are processed go by this time, and records that
    /// are made of this one have it, too.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// #[derive(Clone, serde::Serialize, serde::Deserialize, Value)]
    /// #[streams(json)]
    /// struct Click {
    ///     page: String,
    ///     at: i64,
    /// }
    ///
    /// const CLICKS: Topic<u64, Click> = Topic::new("clicks");
    /// const PER_MINUTE: Topic<Windowed<String>, i64> = Topic::new("clicks-per-minute").windows_of(MINUTE);
    /// const MINUTE: Duration = Duration::from_secs(60);
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream(CLICKS)
    ///     .timestamped_by(|click, _| Timestamp(click.value.at))
    ///     .group_by(|_, click| click.page.clone())
    ///     .windowed_by(Tumbling::of(MINUTE).no_grace())
    ///     .count()
    ///     .to_stream()
    ///     .to(PER_MINUTE);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe_at(&CLICKS, 1_u64, Click { page: "/home".to_owned(), at: 125_000 }, Timestamp(500_000));
    /// let (page, _) = driver.read(&PER_MINUTE).remove(0);
    /// assert_eq!(page.window.start, Timestamp(120_000));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias("TimestampExtractor", "with_timestamp_extractor"))]
    #[track_caller]
    pub fn timestamped_by<T: IntoExtractedTime>(
        self,
        extract: impl Fn(&Record<K, V>, Timestamp) -> T + Shared,
    ) -> Self {
        let extract: Extractor<K, V> =
            Arc::new(move |record, partition_time| extract(record, partition_time).into_time());
        set_extractor(self.builder, self.step, Rc::new(extract), Location::caller());
        self
    }

    /// Chooses what happens to records of this source that have no valid timestamp, or that all get the clock's time;
    /// directly after [`stream`](StreamsBuilder::stream). The default is
    /// [the application's](crate::runtime::App::timestamps).
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use millstream::topic::TimestampPolicy;
    ///
    /// const READINGS: Topic<u64, i64> = Topic::new("readings");
    /// const COPIES: Topic<u64, i64> = Topic::new("copies");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(READINGS).timestamps(TimestampPolicy::PartitionTime).to(COPIES);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe_at(&READINGS, 1_u64, 20, Timestamp(5_000));
    /// driver.pipe_at(&READINGS, 1_u64, 21, Timestamp(-1));
    /// let times: Vec<_> = driver.read_records(&COPIES).iter().map(|record| record.timestamp.0).collect();
    /// assert_eq!(times, [5_000, 5_000]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn timestamps(self, policy: TimestampPolicy) -> Self {
        set_policy(self.builder, self.step, policy, Location::caller());
        self
    }

    /// Where reading starts if the application has no position in this source's topics, instead of where
    /// `auto.offset.reset` says; directly after [`stream`](StreamsBuilder::stream). Once there is a position, reading goes
    /// on from there at every start.
    ///
    /// If a position no longer exists, reading goes on here, too.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::topic::OffsetReset;
    /// use std::time::Duration;
    ///
    /// const VIEWS: Topic<u64, String> = Topic::new("views");
    /// const RECENT: Topic<u64, String> = Topic::new("recent-views");
    ///
    /// let builder = StreamsBuilder::new();
    /// let an_hour = Duration::from_secs(60 * 60);
    /// builder.stream(VIEWS).offset_reset(OffsetReset::ByDuration(an_hour)).to(RECENT);
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias("with_offset_reset_policy", "AutoOffsetReset"))]
    #[track_caller]
    pub fn offset_reset(self, reset: OffsetReset) -> Self {
        set_reset(self.builder, self.step, reset, Location::caller());
        self
    }
}

impl<K: 'static, V: 'static> KTable<'_, K, V> {
    /// As [`KStream::timestamped_by`], directly after [`table`](StreamsBuilder::table). The closure gets records as they
    /// are in the topic: without a value if a row is deleted, and without a key if they have none.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const PRICES: Topic<String, i64> = Topic::new("prices");
    /// const CHANGES: Topic<String, i64> = Topic::new("changes");
    ///
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.table(PRICES).timestamped_by(|price, _| price.value.map(Timestamp));
    /// prices.to_stream().filter_some().to(CHANGES);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&PRICES, "pen", 120);
    /// assert_eq!(driver.read_records(&CHANGES)[0].timestamp, Timestamp(120));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn timestamped_by<T: IntoExtractedTime>(
        self,
        extract: impl Fn(&Record<Option<K>, Option<V>>, Timestamp) -> T + Shared,
    ) -> Self {
        let extract: Extractor<Option<K>, Option<V>> =
            Arc::new(move |record, partition_time| extract(record, partition_time).into_time());
        set_extractor(self.builder, self.step, Rc::new(extract), Location::caller());
        self
    }

    /// As [`KStream::timestamps`], directly after [`table`](StreamsBuilder::table).
    #[track_caller]
    pub fn timestamps(self, policy: TimestampPolicy) -> Self {
        set_policy(self.builder, self.step, policy, Location::caller());
        self
    }

    /// As [`KStream::offset_reset`], directly after [`table`](StreamsBuilder::table). Rows that were written before that
    /// position are not in the table.
    #[track_caller]
    pub fn offset_reset(self, reset: OffsetReset) -> Self {
        set_reset(self.builder, self.step, reset, Location::caller());
        self
    }
}

const TIMESTAMPED_BY: &str = ".timestamped_by(..)";
const TIMESTAMPS: &str = ".timestamps(..)";
const OFFSET_RESET: &str = ".offset_reset(..)";

fn set_extractor(builder: &StreamsBuilder, step: CallId, extractor: Rc<dyn Any>, at: CallSite) {
    let has_times = |source: &SourceOptions| source.extractor.is_some() || source.reading.timestamps.is_some();
    set(builder, step, (TIMESTAMPED_BY, at), has_times, |source| source.extractor = Some(extractor));
}

fn set_policy(builder: &StreamsBuilder, step: CallId, policy: TimestampPolicy, at: CallSite) {
    let has_times = |source: &SourceOptions| source.extractor.is_some() || source.reading.timestamps.is_some();
    set(builder, step, (TIMESTAMPS, at), has_times, |source| source.reading.timestamps = Some(policy));
}

fn set_reset(builder: &StreamsBuilder, step: CallId, reset: OffsetReset, at: CallSite) {
    set(
        builder,
        step,
        (OFFSET_RESET, at),
        |source| source.reading.reset.is_some(),
        |source| {
            source.reading.reset = Some(reset);
        },
    );
}

/// Sets an option of a source, unless it says otherwise already.
fn set(
    builder: &StreamsBuilder,
    step: CallId,
    (option, at): (&'static str, CallSite),
    is_said: impl FnOnce(&SourceOptions) -> bool,
    say: impl FnOnce(&mut SourceOptions),
) {
    let is_said = builder.options(step, |options| {
        options.source.said = Some((option, at));
        let is_said = is_said(&options.source);
        say(&mut options.source);
        is_said
    });
    if is_said {
        let reason = "the source has another one already; keep one of the two".to_owned();
        builder.complain(TopologyError::Option { option, reason, at });
    }
}
