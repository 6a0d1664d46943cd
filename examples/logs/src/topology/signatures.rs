//! Which errors were never seen before? Messages of the same kind have the same [`signature`].
//!
//! A processor of its own remembers each signature of each service, and tells of the first one.

use std::time::Duration;

use millstream::prelude::*;
use serde::{Deserialize, Serialize};

use super::alerts::{Alert, Kind};
use crate::line::Entry;
use crate::signature::signature;

/// What has been seen.
pub const SIGNATURES_STORE: KeyValueStore<SignatureKey, Seen> = KeyValueStore::new("error-signatures");

/// A signature that was not seen for so long is forgotten, and is new when it comes again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Services have the same errors independently.
#[derive(Key, Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[streams(json)]
pub struct SignatureKey {
    /// Whose errors.
    pub service: String,
    /// What they have in common.
    pub signature: String,
}

/// What is known of a signature.
#[derive(Value, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Seen {
    /// The first message.
    pub example: String,
    /// Its time, in milliseconds since the Unix epoch.
    pub first: i64,
    /// How many there were.
    pub count: u64,
}

/// Returns an alert for each signature, when it is seen for the first time.
pub(super) fn signatures<'t>(
    builder: &StreamsBuilder,
    errors: KStream<'t, String, Entry>,
) -> KStream<'t, String, Alert> {
    builder.store(SIGNATURES_STORE).expire_after(FORGOTTEN_AFTER);
    errors
        .process(SIGNATURES_STORE, |mut all, service: &String, entry: Entry, out| {
            let key = SignatureKey { service: service.clone(), signature: signature(&entry.message) };
            let first = out.timestamp().0;
            let seen = all.get(&key);
            let count = seen.as_ref().map_or(0, |seen| seen.count) + 1;
            if seen.is_none() {
                let kind = Kind::NewError { signature: key.signature.clone() };
                out.send(service.clone(), Alert { kind, text: entry.message.clone(), at: first });
            }
            let seen = seen.unwrap_or(Seen { example: entry.message, first, count });
            all.put(&key, Seen { count, ..seen });
        })
        .named("find-new")
}
