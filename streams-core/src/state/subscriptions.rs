//! The subscriptions of a foreign-key join: which rows of the left side refer to a key of the right side.
//!
//! A row's key is Java's (`CombinedKeySchema`): the length of the foreign key in four bytes, the foreign key, and the
//! left side's own key. So the rows that refer to one key are one range. There is no cache, as in Java.

use std::ops::Bound;

use super::key_range::behind;
use super::rows::RowError;
use super::timestamped::{split_timestamped, timestamped};
use super::{FreshRows, KeyRange, StoreAccess, StoreError, StoreErrorKind, StoreView};
use crate::record::{Headers, Timestamp};
use crate::wire::foreign_key::Subscription;
use crate::wire::{DecodeError, EncodeError, Value};

/// A task's subscriptions.
pub(crate) struct Subscriptions {
    access: StoreAccess,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// Where to read on.
pub(crate) struct Rest(Vec<u8>);

impl Subscriptions {
    /// Subscriptions in `access`.
    pub(crate) const fn new(access: StoreAccess) -> Self {
        Self { access, key: Vec::new(), value: Vec::new() }
    }

    /// Keeps or deletes a subscription to `foreign_key`, as its instruction says.
    ///
    /// # Errors
    /// When the changelog fails, or the key cannot be encoded.
    pub(crate) fn take(
        &mut self,
        foreign_key: &impl Value,
        subscription: &Subscription,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<(), RowError> {
        self.set_prefix(foreign_key)?;
        self.key.extend_from_slice(&subscription.key);
        if !subscription.instruction.keeps() {
            self.access.log(&self.key, None, timestamp, headers)?;
            self.access.put(&self.key, None);
            return Ok(());
        }
        self.value.clear();
        subscription.encode(&mut self.value)?;
        self.access.log(&self.key, Some(&self.value), timestamp, headers)?;
        self.access.put(&self.key, Some(&timestamped(timestamp, &self.value)));
        Ok(())
    }

    /// At most `rows_max` subscriptions to `foreign_key`, in the order of the left side's keys, and where to read on if
    /// there may be more.
    ///
    /// # Errors
    /// When the store fails or holds something else, or the key cannot be encoded.
    pub(crate) fn page(
        &mut self,
        foreign_key: &impl Value,
        from: Option<Rest>,
        rows_max: usize,
    ) -> Result<(Vec<Subscription>, Option<Rest>), RowError> {
        self.set_prefix(foreign_key)?;
        let end = behind(&self.key);
        let from = from.map_or_else(|| Bound::Included(self.key.clone()), |Rest(key)| Bound::Excluded(key));
        let (mut found, mut rest, mut failure) = (Vec::new(), None, None);
        let range = KeyRange::between(from.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice));
        self.access.scan(range, &mut |key, row| match decode(row) {
            Ok(subscription) => {
                found.push(subscription);
                let is_full = found.len() >= rows_max;
                rest = is_full.then(|| Rest(key.to_vec()));
                !is_full
            }
            Err(error) => {
                failure = Some(error);
                false
            }
        })?;
        match failure {
            Some(error) => Err(self.unreadable(&error)),
            None => Ok((found, rest)),
        }
    }

    /// Sets the part of the key that all subscriptions to `foreign_key` have in common.
    fn set_prefix(&mut self, foreign_key: &impl Value) -> Result<(), EncodeError> {
        self.key.clear();
        self.key.extend_from_slice(&[0; LENGTH]);
        foreign_key.encode(&mut self.key)?;
        let length = i32::try_from(self.key.len() - LENGTH)
            .map_err(|_| EncodeError::new::<Subscription>("its foreign key is longer than 2 GB"))?;
        self.key.iter_mut().zip(length.to_be_bytes()).for_each(|(to, from)| *to = from);
        Ok(())
    }

    #[cold]
    fn unreadable(&self, error: &DecodeError) -> RowError {
        let message = format!(
            "store {} holds a subscription that cannot be read: {error}; reset the application",
            self.access.name()
        );
        StoreError::new(StoreErrorKind::Decode, message).into()
    }
}

const LENGTH: usize = size_of::<i32>();

fn decode(row: &[u8]) -> Result<Subscription, DecodeError> {
    let (_, subscription) = split_timestamped(row)
        .ok_or_else(|| DecodeError::new::<Subscription>(format!("it has only {} bytes", row.len())))?;
    Subscription::decode(subscription)
}

impl StoreView for Subscriptions {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows {
        &mut self.access
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::path::Path;
    use std::rc::Rc;

    use bytes::Bytes;

    use super::*;
    use crate::state::{Memory, StateBackend, StoreIndex, TaskState};
    use crate::wire::foreign_key::Instruction;

    fn subscriptions() -> Subscriptions {
        let store = Memory.open(Path::new("unused"), &["store".to_owned()]).unwrap();
        let state = Rc::new(RefCell::new(TaskState::new(store)));
        Subscriptions::new(StoreAccess::new("store".into(), StoreIndex(1), state, None))
    }

    fn subscription(key: &str) -> Subscription {
        let (instruction, key) = (Instruction::Answer, Bytes::copy_from_slice(key.as_bytes()));
        Subscription { hash: None, instruction, key, partition: None }
    }

    fn all(subscriptions: &mut Subscriptions, foreign_key: &str, rows_max: usize) -> Vec<String> {
        let (mut keys, mut from) = (Vec::new(), None);
        loop {
            let (page, rest) = subscriptions.page(&foreign_key.to_owned(), from, rows_max).unwrap();
            assert!(page.len() <= rows_max);
            keys.extend(page.iter().map(|found| String::from_utf8(found.key.to_vec()).unwrap()));
            match rest {
                Some(rest) => from = Some(rest),
                None => return keys,
            }
        }
    }

    #[test]
    fn the_subscriptions_to_a_key_are_found_however_they_are_paged() {
        let mut subscriptions = subscriptions();
        for (foreign_key, key) in [("a", "1"), ("a", ""), ("a", "12"), ("ab", "2"), ("", "a1"), ("\u{ff}", "3")] {
            let taken = subscriptions.take(&foreign_key.to_owned(), &subscription(key), Timestamp(1), &Headers::new());
            taken.unwrap();
        }
        for rows_max in 1..5 {
            assert_eq!(all(&mut subscriptions, "a", rows_max), ["", "1", "12"]);
            assert_eq!(all(&mut subscriptions, "", rows_max), ["a1"]);
            assert_eq!(all(&mut subscriptions, "\u{ff}", rows_max), ["3"]);
            assert_eq!(all(&mut subscriptions, "b", rows_max), [""; 0]);
        }
    }

    #[test]
    fn what_is_no_subscription_is_an_error_that_names_the_store() {
        let mut subscriptions = subscriptions();
        subscriptions.access.put(b"\0\0\0\x01ab", Some(b"12345678\x7f"));
        let error = subscriptions.page(&"a".to_owned(), None, 9).map(drop).unwrap_err().to_string();
        assert!(error.starts_with("store store holds a subscription that cannot be read"), "{error}");
    }
}
