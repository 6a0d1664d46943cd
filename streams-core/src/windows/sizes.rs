//! How long the windows in keys are.

use std::fmt;

use super::WindowSize;

/// The window sizes of keys, which the keys' bytes leave out. For windows within windows, the outermost comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowSizes {
    sizes: [WindowSize; WINDOWS_MAX],
    known: usize,
}

/// The deepest nesting of windows whose keys can be read back.
const WINDOWS_MAX: usize = 4;

impl WindowSizes {
    /// No sizes are known.
    pub const NONE: Self = Self { sizes: [WindowSize::Millis(0); WINDOWS_MAX], known: 0 };

    /// These sizes and a window inside the innermost one.
    #[must_use]
    pub const fn around(mut self, size: WindowSize) -> Self {
        if self.known < WINDOWS_MAX {
            self.sizes[self.known] = size;
            self.known += 1;
        }
        self
    }

    /// These sizes and a window around the outermost one.
    #[must_use]
    pub fn within(self, size: WindowSize) -> Self {
        self.as_slice().iter().fold(Self::NONE.around(size), |sizes, size| sizes.around(*size))
    }

    /// The sizes, the outermost first.
    #[must_use]
    pub fn as_slice(&self) -> &[WindowSize] {
        self.sizes.get(..self.known).unwrap_or_default()
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
        self.as_slice().iter().skip(1).fold(Self::NONE, |sizes, size| sizes.around(*size))
    }
}

impl Default for WindowSizes {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Display for WindowSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, size) in self.as_slice().iter().enumerate() {
            let around = if place > 0 { " around " } else { "" };
            write!(f, "{around}{size}")?;
        }
        Ok(())
    }
}
