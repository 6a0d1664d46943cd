//! The topics, and who makes them.

use millstream::client::ClientError;
use millstream::prelude::*;
use serde::{Deserialize, Serialize};

use crate::notification::Notification;

/// What users are told, by the receiver's number.
pub const NOTIFICATIONS: Topic<String, Notification> = Topic::new("notifications");

/// The same, for those who have the JSON already.
pub const NOTIFICATIONS_IN_JSON: Topic<String, Vec<u8>> = Topic::new("notifications");

/// Who follows whom, by the number of the one who is followed.
pub const FOLLOWS: Topic<String, Follow> = Topic::new("follows");

/// What users have written for their followers, by the author's number.
pub const POSTS: Topic<String, Post> = Topic::new("posts");

/// How far users have read their notifications, by the reader's number.
pub const READS: Topic<String, Read> = Topic::new("notification-reads");

/// Records of these topics that cannot be read.
pub const DEAD_LETTERS: Topic<Option<Vec<u8>>, Option<Vec<u8>>> = Topic::new("notifications.dlq");

/// How many partitions the topics get, unless there are notifications already.
const PARTITIONS: u32 = 3;

/// Somebody follows somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Value)]
#[streams(json)]
pub struct Follow {
    pub follower: i64,
}

/// Somebody has written something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Value)]
#[streams(json)]
pub struct Post {
    pub text: String,
}

/// Somebody has read the notifications with smaller numbers than this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Value)]
#[streams(json)]
pub struct Read {
    pub until: u64,
}

/// Creates what is not there yet. A user's records of all topics belong into one task, so all topics have as many partitions
/// as that of the notifications, which may be older than this program.
///
/// # Errors
/// When the log does not answer, or a topic has another number of partitions.
pub fn create(client: &Client) -> Result<(), ClientError> {
    let partitions = match client.topic(NOTIFICATIONS.name()) {
        Ok(there) => there.partitions,
        Err(ClientError::MissingTopic { .. }) => PARTITIONS,
        Err(error) => return Err(error),
    };
    client.create_topic(&NOTIFICATIONS).partitions(partitions).if_missing().create()?;
    client.create_topic(&FOLLOWS).partitions(partitions).if_missing().create()?;
    client.create_topic(&POSTS).partitions(partitions).if_missing().create()?;
    client.create_topic(&READS).partitions(partitions).if_missing().create()?;
    client.create_topic(&DEAD_LETTERS).if_missing().create()
}
