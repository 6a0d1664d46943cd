//! The numbers of a tile: a row's value itself, or what a closure makes of key and value.

use std::sync::Arc;

use super::Making;
use crate::dsl::Shared;

/// A number to show.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no number that a tile could show",
    label = "a tile shows numbers",
    note = "where the rows' values are no numbers, say which ones to show: `.sum(|key, value| ..)` of a number tile, \
            `.by(..)` of bars, `.series(name, ..)` of lines, `.step(name, ..)` of a funnel"
)]
pub trait Figure {
    /// As a float; large integers lose digits that nobody sees. What is not finite is no number, and is not shown.
    fn figure(&self) -> f64;
}

macro_rules! figures {
    ($($number:ty),+) => {$(
        impl Figure for $number {
            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "as documented")]
            fn figure(&self) -> f64 {
                *self as f64
            }
        }
    )+};
}

figures!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize, f32, f64);

/// No number, where there is none.
impl<T: Figure> Figure for Option<T> {
    fn figure(&self) -> f64 {
        self.as_ref().map_or(f64::NAN, Figure::figure)
    }
}

/// Which number of a row with key `K` and value `V` is meant.
#[diagnostic::on_unimplemented(
    message = "this tile does not say which number of a row it shows",
    note = "say which one: `.sum(|key, value| ..)` of a number tile, `.by(..)` of bars, `.series(name, ..)` of lines"
)]
pub trait Measure<K, V>: Send + Sync + 'static {
    /// The number.
    fn of(&self, key: &K, value: &V) -> f64;
}

/// The row's value, which is a number.
#[derive(Debug, Clone, Copy)]
pub struct Itself;

impl<K, V: Figure> Measure<K, V> for Itself {
    fn of(&self, _: &K, value: &V) -> f64 {
        value.figure()
    }
}

/// What a closure makes of the row.
pub struct By<K, V>(Making<K, V, f64>);

impl<K, V> By<K, V> {
    pub(super) fn new<F: Figure>(measure: impl Fn(&K, &V) -> F + Shared) -> Self {
        Self(Arc::new(move |key, value| measure(key, value).figure()))
    }
}

impl<K: 'static, V: 'static> Measure<K, V> for By<K, V> {
    fn of(&self, key: &K, value: &V) -> f64 {
        (self.0)(key, value)
    }
}

impl<K, V> std::fmt::Debug for By<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("By(..)")
    }
}
