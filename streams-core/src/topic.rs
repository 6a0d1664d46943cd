//! `Topic<K, V>`: a typed constant with a topic's name and the types of its records.
//!
//! A topic's types determine its wire format, and all types downstream are inferred from them. The rules for names are
//! here too, because topics, stores and application ids share them, and so is what can be said about reading a topic.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::windows::{CalendarWindows, WindowSize, WindowSizes};
use crate::wire::Field;

mod pattern;
mod reading;

pub use pattern::{Pattern, TopicPattern};
pub use reading::{OffsetReset, Reading, TimestampPolicy};

/// A topic's name and the types of its keys and values.
///
/// A key type of `()` means that records have no key; `Option<K>` and `Option<V>` allow nulls.
///
/// ```
/// use millstream::prelude::*;
///
/// const LINES: Topic<(), String> = Topic::new("lines");
/// const COUNTS: Topic<String, i64> = Topic::new("word-counts");
///
/// assert_eq!(COUNTS.name(), "word-counts");
/// ```
pub struct Topic<K, V> {
    name: Cow<'static, str>,
    windows: WindowSizes,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Topic<K, V> {
    /// A topic for a constant: there, an invalid name is a compile error.
    ///
    /// # Panics
    /// When the name breaks a rule of [`NameError`]. In a constant, the compiler reports it.
    #[must_use]
    #[expect(clippy::panic, reason = "in a constant the compiler says this")]
    pub const fn new(name: &'static str) -> Self {
        match check_name(name.as_bytes(), NAME_LENGTH_MAX) {
            Ok(()) => {}
            Err(NameError::Empty) => panic!("a topic needs a name"),
            Err(NameError::Dots) => panic!("a topic cannot be named `.` or `..`"),
            Err(NameError::TooLong { .. }) => panic!("a topic's name has at most 249 characters"),
            Err(NameError::Character { .. }) => {
                panic!("a topic's name may contain only letters, digits, `.`, `_` and `-`")
            }
        }
        Self { name: Cow::Borrowed(name), windows: WindowSizes::NONE, types: PhantomData }
    }

    /// A topic whose name is known only at run time, for instance from a command line.
    ///
    /// # Errors
    /// When the name breaks a rule of [`NameError`].
    pub fn named(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        check_name(name.as_bytes(), NAME_LENGTH_MAX)?;
        Ok(Self { name: Cow::Owned(name), windows: WindowSizes::NONE, types: PhantomData })
    }

    /// The topic's full name, as Kafka knows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The window sizes of its keys that have been set with [`Topic::windows_of`].
    #[must_use]
    pub const fn windows(&self) -> WindowSizes {
        self.windows
    }
}

impl<K: Field, V> Topic<K, V> {
    /// Sets the length of its keys' windows, which readers of the topic need because it is not written. If the keys
    /// have windows within windows, set the outermost first.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use std::time::Duration;
    ///
    /// const MINUTE: Duration = Duration::from_secs(60);
    /// const VIEWS: Topic<Windowed<String>, i64> = Topic::new("views-per-minute").windows_of(MINUTE);
    /// ```
    ///
    /// # Panics
    /// When the topic's keys have no windows, when all their sizes have been set already, or when the size is below a
    /// millisecond. In a constant, the compiler reports it.
    #[must_use]
    pub const fn windows_of(self, size: Duration) -> Self {
        assert!(size.as_millis() > 0, "a window must be at least one millisecond long");
        self.windows_sized(WindowSize::of(size))
    }

    /// As [`Topic::windows_of`], for windows of a calendar.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const PER_DAY: Topic<Windowed<String>, i64> = Topic::new("views-per-day").windows_by(CalendarWindows::days());
    /// ```
    ///
    /// # Panics
    /// When the topic's keys have no windows, or when all their sizes have been set already. In a constant, the compiler
    /// reports it.
    #[must_use]
    pub const fn windows_by(self, calendar: CalendarWindows) -> Self {
        self.windows_sized(WindowSize::Calendar(calendar))
    }

    const fn windows_sized(mut self, size: WindowSize) -> Self {
        assert!(self.windows.len() < K::WINDOWS, "the topic's keys have no such windows");
        self.windows = self.windows.around(size);
        self
    }
}

impl<K, V> Clone for Topic<K, V> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), windows: self.windows, types: PhantomData }
    }
}

impl<K, V> std::fmt::Debug for Topic<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Topic({:?})", self.name)
    }
}

/// The name of a topic in a topology, before the application's id is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopicRef {
    /// A topic of the user, by its full name.
    External(Arc<str>),
    /// A repartition or changelog topic of the application. The application's id and a hyphen precede this name.
    Internal(Arc<str>),
    /// The topics of the user, to be read, whose names match.
    Matching(Pattern),
}

impl TopicRef {
    /// The topic's full name in the application with that id.
    #[must_use]
    pub fn full_name(&self, application_id: &str) -> Arc<str> {
        match self {
            Self::External(name) => Arc::clone(name),
            // It stands for the topics as long as they are not known.
            Self::Matching(pattern) => Arc::clone(pattern.text()),
            Self::Internal(name) => format!("{application_id}-{name}").into(),
        }
    }

    /// The name without the application's id, as `describe()` prints it.
    #[must_use]
    pub fn short_name(&self) -> &str {
        match self {
            Self::External(name) | Self::Internal(name) => name,
            Self::Matching(pattern) => pattern.text(),
        }
    }
}

/// Kafka's limit on the length of a topic's name.
pub const NAME_LENGTH_MAX: usize = 249;

/// Why a name cannot be used. The rule is Kafka's rule for topics; it applies to store names and application ids too,
/// because these become part of topic names and folder names.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name has no characters.
    #[error("a name cannot be empty")]
    Empty,
    /// The name is `.` or `..`.
    #[error("a name cannot be `.` or `..`")]
    Dots,
    /// The name exceeds the limit, which is lower for names that become part of others.
    #[error("a name may have at most {max} characters, this one has {length}")]
    TooLong {
        /// In bytes.
        length: usize,
        /// The limit that applies here, in bytes.
        max: usize,
    },
    /// The name contains a character that is not allowed.
    #[error("a name may contain only letters, digits, `.`, `_` and `-`; byte {position} is none of them")]
    Character {
        /// The index of the first such byte, starting at 0.
        position: usize,
    },
}

crate::debug_says_what_display_says!(NameError);

/// Checks a name against Kafka's rule: `[A-Za-z0-9._-]{1,max}`, and neither `.` nor `..`.
///
/// # Errors
/// The part of the rule that the name breaks.
pub const fn check_name(name: &[u8], max: usize) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if matches!(name, b"." | b"..") {
        return Err(NameError::Dots);
    }
    if name.len() > max {
        return Err(NameError::TooLong { length: name.len(), max });
    }
    let mut rest = name;
    while let [byte, tail @ ..] = rest {
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')) {
            return Err(NameError::Character { position: name.len() - rest.len() });
        }
        rest = tail;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kafkas_rule() {
        let long = "x".repeat(250);
        for (name, expected) in [
            ("word-counts", Ok(())),
            ("A.b_c-9", Ok(())),
            ("", Err(NameError::Empty)),
            ("..", Err(NameError::Dots)),
            ("a/b", Err(NameError::Character { position: 1 })),
            ("../x", Err(NameError::Character { position: 2 })),
            ("café", Err(NameError::Character { position: 3 })),
            (long.as_str(), Err(NameError::TooLong { length: 250, max: 249 })),
        ] {
            assert_eq!(check_name(name.as_bytes(), NAME_LENGTH_MAX), expected, "{name:?}");
        }
    }
}
