//! Options that follow a call: its name, and how a table is stored.

use std::time::Duration;

use millstream::dsl::{
    GlobalKTable, KGroupedStream, KGroupedTable, KStream, KTable, Output, Repartitioned, Sent, Split,
};
use millstream::state::{KeyValueStore, SessionStore, VersionedStore, WindowStore};
use millstream::topic::Topic;
use millstream::windows::{Session, Windowed};
use millstream::wire::{Key, Value};

use super::What;
use crate::case::StoreType;
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
    fn versioned_store(self, _: &str, _: Duration) -> Result<Self, What> {
        Err("only rows without windows have versions".to_owned())
    }
    fn uncached(self) -> Self;
    fn unlogged(self) -> Self;
    fn held_in_memory(self) -> Self;
    fn kept_for(self, retention: Duration) -> Result<Self, What>;

    /// With the store's options, if there are any.
    fn maybe_stored(self, stored: Option<&Stored>) -> Result<Self, What> {
        let Some(Stored { name, retention, caching, logging, versioned, kind }) = stored else { return Ok(self) };
        let mut table = self;
        match (name, versioned) {
            (Some(name), Some(history)) => table = table.versioned_store(name, Duration::from_millis(*history))?,
            (Some(name), None) => table = table.named_store(name)?,
            (None, Some(_)) => return Err("a versioned store needs a name".to_owned()),
            (None, None) => {}
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
        // There is no other word for where the application keeps all others.
        if *kind == Some(StoreType::Memory) {
            table = table.held_in_memory();
        }
        Ok(table)
    }
}

impl<V: Value> Storable for KTable<'_, Text, V> {
    fn named_store(self, name: &str) -> Result<Self, What> {
        Ok(self.stored_as(KeyValueStore::named(name).map_err(|error| error.to_string())?))
    }

    fn versioned_store(self, name: &str, history: Duration) -> Result<Self, What> {
        Ok(self.stored_as(VersionedStore::named(name, history).map_err(|error| error.to_string())?))
    }

    fn uncached(self) -> Self {
        self.not_cached()
    }

    fn unlogged(self) -> Self {
        self.not_logged()
    }

    fn held_in_memory(self) -> Self {
        self.in_memory()
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

    fn held_in_memory(self) -> Self {
        self.in_memory()
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

    fn held_in_memory(self) -> Self {
        self.in_memory()
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
