//! What becomes of the records: each user's inbox, and posts that go to all followers of their authors.

use std::collections::BTreeSet;

use millstream::prelude::*;
use serde::{Deserialize, Serialize};

use crate::inbox::{self, KEPT, MARKS, ROWS};
use crate::notification::{Notification, user};
use crate::topics::{FOLLOWS, NOTIFICATIONS, POSTS, Post, READS};

/// Who follows a user, by that user's number.
const FOLLOWERS: KeyValueStore<String, Followers> = KeyValueStore::new("followers");

/// How many notifications each user has ever got.
const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("notifications-per-user");

/// The numbers of those who follow somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Value)]
#[streams(json)]
struct Followers(BTreeSet<i64>);

/// The whole application.
///
/// # Errors
/// Never, as the test of the topology shows.
pub fn topology() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();

    let notifications = builder.stream(NOTIFICATIONS).named("notifications");
    _ = notifications.process(
        (ROWS, MARKS),
        |(mut rows, mut marks), user, notification, _: &mut Forward<'_, (), ()>| {
            let mut now = marks.get(user).unwrap_or_default();
            rows.put(&inbox::row(user, now.next), notification);
            now.next += 1;
            while now.next - now.first > KEPT {
                rows.delete(&inbox::row(user, now.first));
                now.first += 1;
            }
            marks.put(user, now);
        },
    );
    _ = builder.stream(READS).process(MARKS, |mut marks, user, read, _: &mut Forward<'_, (), ()>| {
        if let Some(mut now) = marks.get(user) {
            now.read = now.read.max(read.until.min(now.next));
            marks.put(user, now);
        }
    });
    let counts = notifications.group_by_key().count().stored_as(COUNTS);
    let name = |id: &str| id.parse().ok().and_then(user).map_or_else(|| id.to_owned(), |user| user.name);
    _ = counts.live(|tile| tile.bars("Notifications per user").label(move |id, _| name(id)));

    let follows = builder.stream(FOLLOWS).group_by_key();
    let followers = follows.aggregate(Followers::default, |followers, follow| {
        followers.0.insert(follow.follower);
    });
    let posts = builder.stream(POSTS).join(followers.stored_as(FOLLOWERS), |post, followers| (post, followers));
    posts.try_flat_map(|author, (post, followers)| fan_out(&author, &post, &followers)).to(NOTIFICATIONS);

    builder.build()
}

/// One notification for each follower of the author. Whoever is no user fails, so that the record becomes a dead letter.
fn fan_out(author: &str, post: &Post, followers: &Followers) -> Result<Vec<(String, Notification)>, String> {
    let find = |id: i64| user(id).ok_or_else(|| format!("there is no user {id}"));
    let from = find(author.parse().map_err(|_| format!("{author:?} is no user's number"))?)?;
    let message = format!("{} posted: '{}'", from.name, post.text);
    let told = |follower: &i64| {
        let to = find(*follower)?;
        Ok((to.id.to_string(), Notification { from: from.clone(), to, message: message.clone() }))
    };
    followers.0.iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "this is how tests fail")]

    use millstream::testing::TestDriver;

    use super::*;
    use crate::inbox::Marks;
    use crate::topics::{DEAD_LETTERS, Follow, Read};

    fn driver() -> TestDriver {
        TestDriver::configure(topology().unwrap()).partitions(3).with(crate::running::configured).start()
    }

    fn notification(message: &str) -> Notification {
        Notification { from: user(2).unwrap(), to: user(1).unwrap(), message: message.to_owned() }
    }

    fn messages(driver: &TestDriver) -> Vec<(String, String)> {
        driver.rows(&ROWS).into_iter().map(|(key, row)| (key, row.message)).collect()
    }

    #[test]
    fn lists_are_in_the_order_of_arrival_whatever_the_times_are() {
        let mut driver = driver();
        for (key, message, time) in [("1", "a", 5_000), ("1", "late", 1), ("11", "other", 9_000), ("1", "b", 6_000)] {
            driver.pipe_at(&NOTIFICATIONS, key, notification(message), Timestamp(time));
        }
        let mut rows = messages(&driver);
        rows.sort();
        let expected = [
            (inbox::row("1", 0), "a"),
            (inbox::row("1", 1), "late"),
            (inbox::row("1", 2), "b"),
            (inbox::row("11", 0), "other"),
        ];
        assert_eq!(rows, expected.map(|(key, message)| (key, message.to_owned())));
        assert!(
            inbox::row("1", 9).starts_with(&inbox::prefix("1"))
                && !inbox::row("11", 0).starts_with(&inbox::prefix("1"))
        );
        assert_eq!((inbox::number(&inbox::row("a/b", 7)), inbox::number("?")), (Some(7), None));
    }

    #[test]
    fn marks_go_forward_only_and_never_beyond_what_is_there() {
        let mut driver = driver();
        for message in ["a", "b", "c"] {
            driver.pipe(&NOTIFICATIONS, "1", notification(message));
        }
        for (until, read) in [(2, 2), (1, 2), (9, 3)] {
            driver.pipe(&READS, "1", Read { until });
            assert_eq!(driver.get(&MARKS, "1"), Some(Marks { first: 0, next: 3, read }), "{until}");
        }
        driver.pipe(&READS, "2", Read { until: 1 });
        assert_eq!(driver.get(&MARKS, "2"), None);
    }

    #[test]
    fn what_cannot_be_read_or_is_of_nobody_becomes_a_dead_letter() {
        let mut driver = driver();
        let raw = |name: &str| Topic::<Option<String>, Option<Vec<u8>>>::named(name).unwrap();
        driver.pipe(&FOLLOWS, "1", Follow { follower: 2 });
        driver.pipe(&FOLLOWS, "nobody", Follow { follower: 2 });
        for (topic, key, value) in [
            ("notifications", Some("1"), Some("{")),
            ("notifications", Some("1"), None),
            ("notifications", None, Some("{}")),
            ("posts", Some("nobody"), Some(r#"{"text":"t"}"#)),
            ("posts", Some("1"), Some(r#"{"text":1}"#)),
            ("follows", Some("1"), Some("2")),
            ("notification-reads", Some("1"), Some(r#"{"until":-1}"#)),
        ] {
            let key = key.map(str::to_owned);
            driver.pipe(&raw(topic), key, value.map(|value| value.as_bytes().to_vec()));
        }
        driver.pipe(&POSTS, "1", Post { text: "still here".to_owned() });
        let letters = driver.read_records(&DEAD_LETTERS);
        let mut topics: Vec<&[u8]> = letters.iter().filter_map(|it| it.headers.get("__streams.errors.topic")).collect();
        topics.sort_unstable();
        let expected =
            ["follows", "notification-reads", "notifications", "notifications", "notifications", "posts", "posts"];
        assert_eq!(topics, expected.map(str::as_bytes));
        assert_eq!(messages(&driver), [(inbox::row("2", 0), "Emma posted: 'still here'".to_owned())]);
    }

    #[test]
    fn a_post_is_told_to_those_who_followed_before_it() {
        let mut driver = driver();
        driver.pipe_at(&FOLLOWS, "1", Follow { follower: 4 }, Timestamp(1_000));
        driver.pipe_at(&POSTS, "1", Post { text: "first".to_owned() }, Timestamp(2_000));
        driver.pipe_at(&FOLLOWS, "1", Follow { follower: 3 }, Timestamp(3_000));
        driver.pipe_at(&FOLLOWS, "1", Follow { follower: 3 }, Timestamp(4_000));
        driver.pipe_at(&POSTS, "1", Post { text: "second".to_owned() }, Timestamp(5_000));
        driver.pipe_at(&POSTS, "2", Post { text: "nobody follows".to_owned() }, Timestamp(6_000));
        let mut told: Vec<_> =
            driver.read(&NOTIFICATIONS).into_iter().map(|(key, it)| format!("{key} {}", it.message)).collect();
        told.sort();
        assert_eq!(told, ["3 Emma posted: 'second'", "4 Emma posted: 'first'", "4 Emma posted: 'second'"]);
    }

    #[test]
    fn nothing_is_lost_or_doubled_by_a_crash() {
        let mut driver = driver();
        for message in ["a", "b"] {
            driver.pipe(&NOTIFICATIONS, "1", notification(message));
        }
        driver.commit();
        driver.pipe(&NOTIFICATIONS, "1", notification("c"));
        driver.kill();
        driver.restart();
        driver.pipe(&NOTIFICATIONS, "1", notification("d"));
        let all: Vec<String> = messages(&driver).into_iter().map(|(_, message)| message).collect();
        assert_eq!(all, ["a", "b", "c", "d"]);
    }
}
