//! How long the windows in keys are.

use std::time::Duration;

use super::millis;

/// The window sizes of keys, which the keys' bytes leave out. For windows within windows, the outermost comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowSizes {
    millis: [i64; WINDOWS_MAX],
    known: usize,
}

/// The deepest nesting of windows whose keys can be read back.
const WINDOWS_MAX: usize = 4;

impl WindowSizes {
    /// No sizes are known.
    pub const NONE: Self = Self { millis: [0; WINDOWS_MAX], known: 0 };

    /// These sizes and a window inside the innermost one.
    #[must_use]
    pub const fn around(mut self, size: Duration) -> Self {
        if self.known < WINDOWS_MAX {
            self.millis[self.known] = millis(size);
            self.known += 1;
        }
        self
    }

    /// These sizes and a window around the outermost one.
    #[must_use]
    pub fn within(self, size: Duration) -> Self {
        let outer = Self::NONE.around(size);
        self.as_slice().iter().fold(outer, |sizes, size| sizes.around(Duration::from_millis(size.unsigned_abs())))
    }

    /// The sizes in milliseconds, the outermost first.
    #[must_use]
    pub fn as_slice(&self) -> &[i64] {
        self.millis.get(..self.known).unwrap_or_default()
    }

    /// The number of sizes that are known.
    #[must_use]
    pub const fn len(self) -> usize {
        self.known
    }

    /// Whether no sizes are known.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.known == 0
    }

    /// These sizes without the outermost window.
    #[must_use]
    pub fn inner(self) -> Self {
        let sizes = self.as_slice().iter().skip(1);
        sizes.fold(Self::NONE, |sizes, size| sizes.around(Duration::from_millis(size.unsigned_abs())))
    }
}

impl Default for WindowSizes {
    fn default() -> Self {
        Self::NONE
    }
}

impl std::fmt::Display for WindowSizes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, size) in self.as_slice().iter().enumerate() {
            let around = if place > 0 { " around " } else { "" };
            write!(f, "{around}{:?}", Duration::from_millis(size.unsigned_abs()))?;
        }
        Ok(())
    }
}
