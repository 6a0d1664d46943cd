//! Patterns for the names of topics that are read together, whichever there are.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use regex::bytes::{Regex, RegexBuilder};

use crate::windows::{CalendarWindows, WindowSize, WindowSizes};
use crate::wire::Field;

/// A pattern for the names of topics, and the types of their keys and values. A stream reads all topics whose whole name
/// matches, also those that are created later; see [`StreamsBuilder::stream`](crate::dsl::StreamsBuilder::stream).
///
/// The pattern is a regular expression as the crate [`regex`](https://docs.rs/regex) has them. Those have what Java's
/// have, except for look-around and back-references.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::topic::TopicPattern;
///
/// const SALES: TopicPattern<String, i64> = TopicPattern::new("sales-[a-z]+");
/// const ALL: Topic<String, i64> = Topic::new("all-sales");
///
/// let builder = StreamsBuilder::new();
/// builder.stream(SALES).to(ALL);
/// assert!(builder.build()?.describe().contains("(topics: sales-[a-z]+)"));
/// # Ok::<(), TopologyError>(())
/// ```
pub struct TopicPattern<K, V> {
    text: Cow<'static, str>,
    windows: WindowSizes,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> TopicPattern<K, V> {
    /// A pattern for a constant. `build()` checks it.
    #[must_use]
    pub const fn new(pattern: &'static str) -> Self {
        Self { text: Cow::Borrowed(pattern), windows: WindowSizes::NONE, types: PhantomData }
    }

    /// A pattern that is known only at run time. `build()` checks it.
    #[must_use]
    pub fn of(pattern: impl Into<String>) -> Self {
        Self { text: Cow::Owned(pattern.into()), windows: WindowSizes::NONE, types: PhantomData }
    }

    /// The regular expression.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The window sizes of the topics' keys that have been set with [`TopicPattern::windows_of`].
    #[must_use]
    pub const fn windows(&self) -> WindowSizes {
        self.windows
    }
}

impl<K: Field, V> TopicPattern<K, V> {
    /// As [`Topic::windows_of`](super::Topic::windows_of), for all topics that match.
    ///
    /// # Panics
    /// As [`Topic::windows_of`](super::Topic::windows_of).
    #[must_use]
    pub const fn windows_of(self, size: Duration) -> Self {
        assert!(size.as_millis() > 0, "a window must be at least one millisecond long");
        self.windows_sized(WindowSize::of(size))
    }

    /// As [`Topic::windows_by`](super::Topic::windows_by), for all topics that match.
    ///
    /// # Panics
    /// As [`Topic::windows_by`](super::Topic::windows_by).
    #[must_use]
    pub const fn windows_by(self, calendar: CalendarWindows) -> Self {
        self.windows_sized(WindowSize::Calendar(calendar))
    }

    const fn windows_sized(mut self, size: WindowSize) -> Self {
        assert!(self.windows.len() < K::WINDOWS, "the topics' keys have no such windows");
        self.windows = self.windows.around(size);
        self
    }
}

impl<K, V> Clone for TopicPattern<K, V> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), windows: self.windows, types: PhantomData }
    }
}

impl<K, V> fmt::Debug for TopicPattern<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicPattern({:?})", self.text)
    }
}

/// A pattern that was checked, without types. It is its text, and is compiled where names are to be matched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(Arc<str>);

impl Pattern {
    /// Checks a regular expression.
    ///
    /// # Errors
    /// When it is none; the text says what is wrong.
    pub fn new(text: &str) -> Result<Self, String> {
        compiled(text).map(|_| Self(text.into())).map_err(|error| error.to_string())
    }

    /// The regular expression.
    #[must_use]
    pub const fn text(&self) -> &Arc<str> {
        &self.0
    }

    /// Tells of topics whether their whole name matches.
    pub fn matcher(&self) -> impl Fn(&str) -> bool + Clone + use<> {
        let compiled = compiled(&self.0).ok();
        move |topic| compiled.as_ref().is_some_and(|regex| regex.is_match(topic.as_bytes()))
    }
}

/// Java matches the whole name. Names consist of ASCII, so Unicode's tables are not needed.
fn compiled(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!("^(?:{text})$")).unicode(false).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_match_as_in_java() {
        for (pattern, matching, others) in [
            ("sales-.*", &["sales-", "sales-north"][..], &["sales", "old-sales-north", ""][..]),
            ("a|bc", &["a", "bc"], &["ac", "abc", "b"]),
            ("", &[""], &["a"]),
            (r"t\d{2}", &["t10"], &["t1", "t100", "tab"]),
            (r"\w+\.v[1-3]", &["orders.v2"], &["orders.v4", "ordersxv2"]),
            ("(?i)SALES", &["sales"], &["sale"]),
        ] {
            let matches = Pattern::new(pattern).unwrap().matcher();
            assert!(matching.iter().all(|name| matches(name)), "{pattern}");
            assert!(others.iter().all(|name| !matches(name)), "{pattern}");
        }
        for wrong in ["(", "a{2", "[", "(?=a)", r"(a)\1", "*"] {
            assert!(Pattern::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn patterns_are_their_texts() {
        let [a, b] = ["a.*", "b.*"].map(|text| Pattern::new(text).unwrap());
        assert_eq!(a, Pattern::new("a.*").unwrap());
        assert!(a < b && a != b);
    }
}
