//! Which partitions a subscriber has. They change when others of its group come and go, which is called a rebalance.

use std::time::Duration;

use millstream::log::Doorbell;
use millstream::prelude::AppState;
use millstream::runtime::Handle;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Calls `tell` with the partitions whenever they have changed, on a thread of its own, until the subscriber ends.
pub fn follow(subscriber: Handle, topic: &str, tell: impl Fn(&str) + Send + 'static) {
    let topic = topic.to_owned();
    // A thread that cannot be started tells nothing, and the messages come all the same.
    let _ = std::thread::Builder::new().name("assignment".to_owned()).spawn(move || {
        let mut last = None;
        while !subscriber.state().is_final() {
            // In between, it is not decided yet.
            if subscriber.state() == AppState::Running {
                let now: Vec<i32> = subscriber.assignment().keys().map(|task| task.partition.0).collect();
                if last.as_ref() != Some(&now) {
                    tell(&described(&topic, &now));
                    last = Some(now);
                }
            }
            Doorbell::new().wait(LOOK_EVERY);
        }
    });
}

fn described(topic: &str, partitions: &[i32]) -> String {
    let numbers: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    match numbers.as_slice() {
        [] => format!("no partition of {topic}"),
        [one] => format!("partition {one} of {topic}"),
        [others @ .., last] => format!("partitions {} and {last} of {topic}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::described;

    #[test]
    fn partitions_are_listed_as_people_do() {
        for (partitions, expected) in [
            (&[][..], "no partition of t"),
            (&[1], "partition 1 of t"),
            (&[0, 2], "partitions 0 and 2 of t"),
            (&[0, 1, 2], "partitions 0, 1 and 2 of t"),
        ] {
            assert_eq!(described("t", partitions), expected);
        }
    }
}
