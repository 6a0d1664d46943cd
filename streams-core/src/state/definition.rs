//! Typed constants that name stores and tie each name to its types. Each kind of store defines its own constant type.

use std::borrow::Cow;
use std::time::Duration;

use crate::topic::{NameError, check_name};

/// The longest store name. It leaves room for an application id of reasonable length in `<application
/// id>-<store>-changelog`, which must stay within Kafka's limit.
const LENGTH_MAX: usize = 150;

/// The name of a store.
#[derive(Clone)]
pub(super) struct StoreName(pub(super) Cow<'static, str>);

impl StoreName {
    #[expect(clippy::panic, reason = "in a constant the compiler says this")]
    pub(super) const fn constant(name: &'static str) -> Self {
        match check_name(name.as_bytes(), LENGTH_MAX) {
            Ok(()) => {}
            Err(NameError::Empty) => panic!("a store needs a name"),
            Err(NameError::Dots) => panic!("a store cannot be named `.` or `..`"),
            Err(NameError::TooLong { .. }) => panic!("a store's name has at most 150 characters"),
            Err(NameError::Character { .. }) => {
                panic!("a store's name may contain only letters, digits, `.`, `_` and `-`")
            }
        }
        Self(Cow::Borrowed(name))
    }

    pub(super) fn checked(name: String) -> Result<Self, NameError> {
        check_name(name.as_bytes(), LENGTH_MAX)?;
        Ok(Self(Cow::Owned(name)))
    }
}

/// Defines a type of constants that name stores with keys `K` and values `V`.
macro_rules! store_constant {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<K, V> {
            name: $crate::state::definition::StoreName,
            windows: $crate::windows::WindowSizes,
            types: std::marker::PhantomData<fn() -> (K, V)>,
        }

        impl<K, V> $name<K, V> {
            /// Names a store. Meant for constants, where a bad name is a compile error.
            ///
            /// # Panics
            /// When the name breaks one of the rules in [`NameError`](crate::topic::NameError). In a constant this is
            /// a compile error.
            #[must_use]
            pub const fn new(name: &'static str) -> Self {
                let name = $crate::state::definition::StoreName::constant(name);
                Self { name, windows: $crate::windows::WindowSizes::NONE, types: std::marker::PhantomData }
            }

            /// Names a store at run time.
            ///
            /// # Errors
            /// When the name breaks one of the rules in [`NameError`](crate::topic::NameError).
            pub fn named(name: impl Into<String>) -> Result<Self, $crate::topic::NameError> {
                let name = $crate::state::definition::StoreName::checked(name.into())?;
                Ok(Self { name, windows: $crate::windows::WindowSizes::NONE, types: std::marker::PhantomData })
            }

            /// The store's name.
            #[must_use]
            pub fn name(&self) -> &str {
                &self.name.0
            }

            /// The sizes of the windows in the store's keys, as far as they are set.
            #[must_use]
            pub const fn windows(&self) -> $crate::windows::WindowSizes {
                self.windows
            }
        }

        impl<K: $crate::wire::Value, V> $name<K, V> {
            /// Sets the size of the windows in its keys, because the bytes leave it out. A table's store finds it out
            /// by itself; a processor's store has to be told. For windows within windows, set the outermost first.
            ///
            /// # Panics
            /// When the store's keys have no windows, when all their sizes are already set, or when the size is below
            /// a millisecond. In a constant this is a compile error.
            #[must_use]
            pub const fn windows_of(self, size: std::time::Duration) -> Self {
                assert!(size.as_millis() > 0, "a window must be at least one millisecond long");
                self.windows_sized($crate::windows::WindowSize::of(size))
            }

            /// As `windows_of`, for windows of a calendar.
            ///
            /// # Panics
            /// When the store's keys have no windows, or when all their sizes are already set. In a constant this is a
            /// compile error.
            #[must_use]
            pub const fn windows_by(self, calendar: $crate::windows::CalendarWindows) -> Self {
                self.windows_sized($crate::windows::WindowSize::Calendar(calendar))
            }

            const fn windows_sized(mut self, size: $crate::windows::WindowSize) -> Self {
                assert!(self.windows.len() < K::WINDOWS, "the store's keys have no such windows");
                self.windows = self.windows.around(size);
                self
            }
        }

        impl<K, V> Clone for $name<K, V> {
            fn clone(&self) -> Self {
                Self { name: self.name.clone(), windows: self.windows, types: std::marker::PhantomData }
            }
        }

        impl<K, V> std::fmt::Debug for $name<K, V> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.name.0)
            }
        }
    };
}

pub(super) use store_constant;

/// A store constant that can hold a table of these types; `K` is `Windowed<..>` for window and session stores.
#[diagnostic::on_unimplemented(
    message = "this store cannot hold a table of `{K}` and `{V}`",
    label = "a store of other types",
    note = "declare the store as `KeyValueStore<{K}, {V}>` or `VersionedStore<{K}, {V}>`; as `WindowStore<.., {V}>` or \
            `SessionStore<.., {V}>` for a windowed table"
)]
pub trait StoreFor<K, V> {
    /// The store's name.
    fn store_name(&self) -> &str;

    /// How long the store keeps the versions that its rows had, if it does.
    fn history(&self) -> Option<Duration> {
        None
    }

    /// The constant's type, as in [`StoreKind::constant`](super::StoreKind::constant).
    fn constant(&self) -> &'static str;
}
