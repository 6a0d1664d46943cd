//! Typed constants that name stores: one place where a name meets its types.

use std::borrow::Cow;
use std::marker::PhantomData;

use crate::topic::{NameError, check_name};
use crate::windows::Windowed;

/// The longest store name: topics named `<application id>-<store>-changelog` must stay within Kafka's
/// limit for any application id of reasonable length.
const STORE_NAME_LENGTH_MAX: usize = 150;

macro_rules! store_constant {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<K, V> {
            name: Cow<'static, str>,
            types: PhantomData<fn() -> (K, V)>,
        }

        impl<K, V> $name<K, V> {
            /// Names a store. Meant for constants: a bad name is then a compile error.
            ///
            /// # Panics
            /// When the name breaks a rule of [`NameError`]; in a constant the compiler reports it.
            #[must_use]
            pub const fn new(name: &'static str) -> Self {
                match check_name(name.as_bytes(), STORE_NAME_LENGTH_MAX) {
                    Ok(()) => {}
                    Err(NameError::Empty) => panic!("a store needs a name"),
                    Err(NameError::Dots) => panic!("a store cannot be named `.` or `..`"),
                    Err(NameError::TooLong { .. }) => panic!("a store's name has at most 150 characters"),
                    Err(NameError::Character { .. }) => {
                        panic!("a store's name may hold only letters, digits, `.`, `_` and `-`")
                    }
                }
                Self { name: Cow::Borrowed(name), types: PhantomData }
            }

            /// Names a store at run time.
            ///
            /// # Errors
            /// When the name breaks a rule of [`NameError`].
            pub fn named(name: impl Into<String>) -> Result<Self, NameError> {
                let name = name.into();
                check_name(name.as_bytes(), STORE_NAME_LENGTH_MAX)?;
                Ok(Self { name: Cow::Owned(name), types: PhantomData })
            }

            /// The store's name.
            #[must_use]
            pub fn name(&self) -> &str {
                &self.name
            }
        }

        impl<K, V> Clone for $name<K, V> {
            fn clone(&self) -> Self {
                Self { name: self.name.clone(), types: PhantomData }
            }
        }

        impl<K, V> std::fmt::Debug for $name<K, V> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.name)
            }
        }
    };
}

store_constant! {
    /// Names a key-value store and its types.
    ///
    /// ```
    /// use streams_core::state::KeyValueStore;
    /// const TOTALS: KeyValueStore<String, i64> = KeyValueStore::new("totals");
    /// assert_eq!(TOTALS.name(), "totals");
    /// ```
    KeyValueStore
}

store_constant! {
    /// Names a store of windows and its types: a value per key and window.
    ///
    /// ```
    /// use streams_core::state::WindowStore;
    /// const VIEWS: WindowStore<String, i64> = WindowStore::new("views-per-minute");
    /// assert_eq!(VIEWS.name(), "views-per-minute");
    /// ```
    WindowStore
}

/// A store constant that can hold a table of these types; `K` is `Windowed<..>` for window stores.
#[diagnostic::on_unimplemented(
    message = "this store cannot hold a table of `{K}` and `{V}`",
    label = "a store of other types",
    note = "declare the store as `KeyValueStore<{K}, {V}>`, or as `WindowStore<.., {V}>` for a windowed table"
)]
pub trait StoreFor<K, V> {
    /// The store's name.
    fn store_name(&self) -> &str;

    /// Whether it is organised for windows.
    fn holds_windows(&self) -> bool {
        false
    }
}

impl<K, V> StoreFor<K, V> for KeyValueStore<K, V> {
    fn store_name(&self) -> &str {
        self.name()
    }
}

impl<K, V> StoreFor<Windowed<K>, V> for WindowStore<K, V> {
    fn store_name(&self) -> &str {
        self.name()
    }

    fn holds_windows(&self) -> bool {
        true
    }
}
