//! Typed rows in a versioned store: a table's or a processor's.
//!
//! A write goes to the store and to the changelog at once; there is no cache, because each version counts. What is
//! refused is not logged. After a write that is not the latest of its key, the latest is logged once more: compaction
//! keeps the last record of each key, which would otherwise be an older version.

use std::marker::PhantomData;
use std::time::Duration;

use super::rows::{Changed, Row, RowError};
use super::versions::{History, Version, Written};
use super::{FreshRows, StoreAccess, StoreError, StoreErrorKind, StoreView};
use crate::record::{Change, Headers, Timestamp};
use crate::wire::encoded_key::AsKey;
use crate::wire::{Key, Value};

/// Rows with their versions.
pub struct VersionedRows<K, V> {
    access: StoreAccess,
    versions: History,
    wants_old: bool,
    logged: bool,
    /// The newest timestamp that was ever written, once it has been read.
    newest: Option<Timestamp>,
    /// Rows whose keys sort below this have been deleted.
    floor: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
    types: PhantomData<fn(K) -> V>,
}

impl<K: Value, V: Value> VersionedRows<K, V> {
    /// Rows in `access`, whose kind says how long versions are kept.
    #[must_use]
    pub(crate) fn new(access: StoreAccess) -> Self {
        let history = access.kind().history().unwrap_or(Duration::MAX);
        Self {
            access,
            versions: History { millis: i64::try_from(history.as_millis()).unwrap_or(i64::MAX) },
            wants_old: false,
            logged: true,
            newest: None,
            floor: Vec::new(),
            key: Vec::new(),
            value: Vec::new(),
            types: PhantomData,
        }
    }

    /// Whether changes tell what the latest version was. Off at first.
    pub(crate) const fn want_old_values(&mut self, wanted: bool) {
        self.wants_old = wanted;
    }

    /// Whether writes go to the changelog, if there is one. On at first.
    pub(crate) const fn log_changes(&mut self, logged: bool) {
        self.logged = logged;
    }

    /// A key's latest version.
    ///
    /// # Errors
    /// When the store fails or holds bytes of another type, or the key cannot be encoded.
    pub(crate) fn get(&mut self, key: &K) -> Result<Option<Version<V>>, RowError> {
        self.encode_key(key)?;
        let latest = History::latest(&self.access, &self.key)?;
        latest.map(|latest| self.version(&latest)).transpose()
    }

    /// Forgets what it knows of rows that somebody else may have written.
    pub(crate) fn look_again(&mut self) {
        if !self.access.is_logged() {
            self.newest = None;
        }
    }

    /// The version of a key that was valid at some time, as far as that is still known.
    ///
    /// # Errors
    /// As [`VersionedRows::get`].
    pub(crate) fn get_as_of(&mut self, key: &K, at: Timestamp) -> Result<Option<Version<V>>, RowError> {
        self.encode_key(key)?;
        let newest = self.newest()?;
        let version = self.versions.as_of(&self.access, &self.key, at, newest)?;
        version.map(|version| self.version(&version)).transpose()
    }

    /// Writes a version that is valid from then on, or `None` to delete the row.
    ///
    /// # Errors
    /// As [`VersionedRows::get`]; also when the changelog fails, or the value cannot be encoded.
    pub(crate) fn put(&mut self, key: &K, value: Option<&V>, at: Timestamp) -> Result<Written, RowError> {
        self.encode_key(key)?;
        let latest = History::latest(&self.access, &self.key)?;
        self.write(latest.as_ref(), value, at)
    }

    /// Writes a version of the key that was encoded last.
    fn write(
        &mut self,
        latest: Option<&Version<Vec<u8>>>,
        value: Option<&V>,
        at: Timestamp,
    ) -> Result<Written, RowError> {
        self.value.clear();
        if let Some(value) = value {
            value.encode(&mut self.value)?;
        }
        let mut newest = self.newest()?;
        let value = value.map(|_| self.value.as_slice());
        let written = self.versions.put(&mut self.access, &self.key, latest, (value, at), &mut newest)?;
        self.newest = Some(newest);
        self.log(latest, value, at, written)?;
        self.expire(newest);
        Ok(written)
    }

    fn log(
        &self,
        latest: Option<&Version<Vec<u8>>>,
        value: Option<&[u8]>,
        at: Timestamp,
        written: Written,
    ) -> Result<(), StoreError> {
        let repeats_flaws = self.access.repeats_flaws();
        if !self.logged || (written == Written::Refused && !repeats_flaws) {
            return Ok(());
        }
        let log = |value: Option<&[u8]>, at| self.access.log(&self.key, value, at, &Headers::new());
        log(value, at)?;
        if repeats_flaws || !matches!(written, Written::Until(_)) {
            return Ok(());
        }
        match latest {
            Some(latest) => log(Some(&latest.value), latest.from),
            None => match self.versions.deleted_at(&self.access, &self.key, self.newest.unwrap_or(at))? {
                Some(deleted_at) => log(None, deleted_at),
                None => Ok(()),
            },
        }
    }

    /// Deletes versions that have ended too long ago, by whole spans of time.
    fn expire(&mut self, newest: Timestamp) {
        let floor = self.versions.floor(newest);
        if floor > self.floor {
            self.access.delete_below(&floor);
            self.floor = floor;
        }
    }

    fn newest(&mut self) -> Result<Timestamp, StoreError> {
        match self.newest {
            Some(newest) => Ok(newest),
            None => History::newest(&self.access).inspect(|newest| self.newest = Some(*newest)),
        }
    }

    fn encode_key(&mut self, key: &K) -> Result<(), RowError> {
        self.key.clear();
        Ok(key.encode(&mut self.key)?)
    }

    fn version(&self, version: &Version<Vec<u8>>) -> Result<Version<V>, RowError> {
        match V::decode(&version.value) {
            Ok(value) => Ok(Version { value, from: version.from, until: version.until }),
            Err(error) => {
                let message = format!(
                    "store {} holds a version that cannot be read: {error}; if the type or its format has changed, give \
                     the store a new name or reset the application",
                    self.access.name()
                );
                Err(StoreError::new(StoreErrorKind::Decode, message).into())
            }
        }
    }
}

/// What a table forwards when it is written to.
impl<K: Key, V: Value> VersionedRows<K, V> {
    /// Writes a version: `update` gets the latest one and returns the new one, or `None` to delete the row, with the
    /// time from which it is valid. Returns what is to be forwarded, which is nothing if the write is refused.
    ///
    /// # Errors
    /// As [`VersionedRows::get`]; also when the changelog fails, or the value cannot be encoded.
    pub(crate) fn update(
        &mut self,
        key: &impl AsKey<K>,
        update: impl FnOnce(Option<Row<V>>) -> (Option<V>, Timestamp),
    ) -> Result<Option<Changed<V>>, RowError> {
        self.key.clear();
        key.encode(&mut self.key)?;
        let latest = History::latest(&self.access, &self.key)?;
        let row = latest.as_ref().map(|latest| self.version(latest)).transpose()?.map(Version::row);
        let old = if self.wants_old { row.as_ref().map(|(value, _)| value.clone()) } else { None };
        let (new, at) = update(row);
        self.change(latest.as_ref(), (old, new), at)
    }

    /// As [`VersionedRows::update`], whatever the latest version is.
    ///
    /// # Errors
    /// As [`VersionedRows::update`].
    pub(crate) fn set(&mut self, key: &K, new: Option<V>, at: Timestamp) -> Result<Option<Changed<V>>, RowError> {
        self.encode_key(key)?;
        let latest = History::latest(&self.access, &self.key)?;
        let old = match &latest {
            Some(latest) if self.wants_old => Some(self.version(latest)?.value),
            _ => None,
        };
        self.change(latest.as_ref(), (old, new), at)
    }

    fn change(
        &mut self,
        latest: Option<&Version<Vec<u8>>>,
        (old, new): (Option<V>, Option<V>),
        at: Timestamp,
    ) -> Result<Option<Changed<V>>, RowError> {
        let written = self.write(latest, new.as_ref(), at)?;
        Ok((written != Written::Refused).then(|| {
            let change = Change { old, new, is_latest: written == Written::Latest };
            Changed { change, timestamp: at }
        }))
    }
}

impl<K: Value, V: Value> StoreView for VersionedRows<K, V> {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows {
        &mut self.access
    }

    fn newest(&self) -> Option<Timestamp> {
        self.newest.or_else(|| History::newest(&self.access).ok())
    }
}
