//! Options that follow a call: its name, and how a table is stored.

use std::time::Duration;

use millstream::dsl::{
    GlobalKTable, KGroupedStream, KGroupedTable, KStream, KTable, Output, Repartitioned, Sent, Split,
};
use millstream::state::{KeyValueStore, SessionStore, WindowStore};
use millstream::topic::Topic;
use millstream::windows::{Session, Windowed};
use millstream::wire::{Key, Value};

use super::What;
use crate::functions::Nullable;
use crate::step::Stored;
use crate::text::Text;

/// What can be named.
pub(super) trait Nameable: Sized {
    fn call(self, name: &str) -> Self;

    /// With the name, if there is one.
    fn maybe_named(self, name: Option<&String>) -> Self {
        match name {
            Some(name) => self.call(name),
            None => self,
        }
    }
}

macro_rules! nameable {
    ($($handle:ident)*) => { $(
        impl<K: 'static, V: 'static> Nameable for $handle<'_, K, V> {
            fn call(self, name: &str) -> Self {
                self.named(name)
            }
        }
    )* };
}

nameable!(KStream KTable GlobalKTable KGroupedStream KGroupedTable Repartitioned Sent Split);

impl Nameable for Output<'_> {
    fn call(self, name: &str) -> Self {
        self.named(name)
    }
}

/// A table whose store can be named.
pub(super) trait Storable: Sized {
    fn named_store(self, name: &str) -> Result<Self, What>;
    fn uncached(self) -> Self;
    fn unlogged(self) -> Self;
    fn kept_for(self, retention: Duration) -> Result<Self, What>;

    /// With the store's options, if there are any.
    fn maybe_stored(self, stored: Option<&Stored>) -> Result<Self, What> {
        let Some(Stored { name, retention, caching, logging, versioned, kind }) = stored else { return Ok(self) };
        let mut table = self;
        if let Some(name) = name {
            table = table.named_store(name)?;
        }
        if let Some(retention) = retention {
            table = table.kept_for(Duration::from_millis(*retention))?;
        }
        if *caching == Some(false) {
            table = table.uncached();
        }
        if *logging == Some(false) {
            table = table.unlogged();
        }
        match (versioned, kind) {
            (None, None) => Ok(table),
            _ => Err("versioned stores and kinds of stores are not there yet".to_owned()),
        }
    }
}

impl<V: Value> Storable for KTable<'_, Text, V> {
    fn named_store(self, name: &str) -> Result<Self, What> {
        Ok(self.stored_as(KeyValueStore::named(name).map_err(|error| error.to_string())?))
    }

    fn uncached(self) -> Self {
        self.not_cached()
    }

    fn unlogged(self) -> Self {
        self.not_logged()
    }

    fn kept_for(self, _: Duration) -> Result<Self, What> {
        Err("only windows have a retention".to_owned())
    }
}

impl<K: Key, V: Value> Storable for KTable<'_, Windowed<K>, V> {
    fn named_store(self, name: &str) -> Result<Self, What> {
        Ok(self.stored_as(WindowStore::named(name).map_err(|error| error.to_string())?))
    }

    fn uncached(self) -> Self {
        self.not_cached()
    }

    fn unlogged(self) -> Self {
        self.not_logged()
    }

    fn kept_for(self, retention: Duration) -> Result<Self, What> {
        Ok(self.retention(retention))
    }
}

impl<K: Key, V: Value> Storable for KTable<'_, Windowed<K, Session>, V> {
    fn named_store(self, name: &str) -> Result<Self, What> {
        Ok(self.stored_as(SessionStore::named(name).map_err(|error| error.to_string())?))
    }

    fn uncached(self) -> Self {
        self.not_cached()
    }

    fn unlogged(self) -> Self {
        self.not_logged()
    }

    fn kept_for(self, retention: Duration) -> Result<Self, What> {
        Ok(self.retention(retention))
    }
}

/// A topic of texts.
pub(super) fn topic<K, V>(name: &str) -> Result<Topic<K, V>, What> {
    Topic::named(name).map_err(|error| format!("{name}: {error}"))
}

/// A topic of a case.
pub(super) type TextTopic = Topic<Nullable, Nullable>;
