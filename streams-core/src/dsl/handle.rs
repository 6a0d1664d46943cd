//! Implementations for the DSL's handles, which are `Copy` whatever their types are. A derive would demand `Copy` of the
//! types.

/// `Clone` and `Copy` for a handle with types `K` and `V`.
macro_rules! copy {
    ($handle:ident) => {
        impl<K, V> Clone for $handle<'_, K, V> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<K, V> Copy for $handle<'_, K, V> {}
    };
}

/// `Debug` for a handle of a step of its builder.
macro_rules! debug {
    ($handle:ident) => {
        impl<K, V> std::fmt::Debug for $handle<'_, K, V> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($handle), "({})"), self.step.0)
            }
        }
    };
}

/// `Clone`, `Copy`, `Debug` and `new` for a handle that consists of a builder, one of its steps and the types.
macro_rules! step {
    ($handle:ident) => {
        $crate::dsl::handle::copy!($handle);
        $crate::dsl::handle::debug!($handle);

        impl<'t, K, V> $handle<'t, K, V> {
            pub(in $crate::dsl) const fn new(
                builder: &'t $crate::dsl::StreamsBuilder,
                step: $crate::topology::program::CallId,
            ) -> Self {
                Self { builder, step, types: std::marker::PhantomData }
            }
        }
    };
}

/// `windows_of` for a handle whose records have values `$value`.
macro_rules! windows_of {
    ($handle:ident, $value:ty) => {
        impl<K: $crate::wire::Field, V: 'static> $handle<'_, K, V> {
            /// Sets the length of the keys' windows from here on: each window ends that long after its start. For windows
            /// within windows, set the outermost first.
            ///
            /// A windowed key's bytes leave out the end of its window, so the length must be known where keys are sent
            /// through a topic or kept in a store. It is known after windowed aggregations and for topics whose constants
            /// declare it. It must be set where a closure creates keys, and where windows of several lengths meet.
            ///
            /// ```
            /// use millstream::prelude::*;
            /// use millstream::windows::Window;
            /// use std::time::Duration;
            ///
            /// const VISITS: Topic<String, i64> = Topic::new("visits-with-their-day");
            /// const PER_DAY: Topic<Windowed<String>, i64> = Topic::new("visits-per-day");
            /// const DAY: Duration = Duration::from_secs(24 * 60 * 60);
            ///
            /// let builder = StreamsBuilder::new();
            /// builder
            ///     .stream(VISITS)
            ///     .select_key(|page, day| {
            ///         let start = day * 24 * 60 * 60 * 1_000;
            ///         let window = Window { start: Timestamp(start), end: Timestamp(start + 24 * 60 * 60 * 1_000) };
            ///         Windowed { key: page.clone(), window }
            ///     })
            ///     .windows_of(DAY)
            ///     .group_by_key()
            ///     .count()
            ///     .to_stream()
            ///     .to(PER_DAY);
            /// builder.build()?;
            /// # Ok::<(), TopologyError>(())
            /// ```
            pub fn windows_of(self, size: std::time::Duration) -> Self {
                self.windows_sized($crate::windows::WindowSize::of(size))
            }

            /// As [`windows_of`](Self::windows_of), for windows of a calendar.
            pub fn windows_by(self, calendar: $crate::windows::CalendarWindows) -> Self {
                self.windows_sized($crate::windows::WindowSize::Calendar(calendar))
            }

            fn windows_sized(self, size: $crate::windows::WindowSize) -> Self {
                const { assert!(K::WINDOWS > 0, "the keys have no windows") };
                self.builder.options(self.step, |options| {
                    let sizes = options.windows.map_or($crate::windows::WindowSizes::NONE, |said| said.sizes);
                    let (sizes, give) = (sizes.around(size), $crate::operators::window_ends::recipe::<K, $value>);
                    options.windows = Some($crate::topology::program::SaidWindows { sizes, give });
                });
                self
            }
        }
    };
}

pub(super) use {copy, debug, step, windows_of};
