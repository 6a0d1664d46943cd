//! The call of one instance to all others to stop (Kafka Streams' `SHUTDOWN_APPLICATION`).
//!
//! A member's client name is fixed when it joins. So an instance that ends and wants the others to end, too, leaves the
//! group and comes back for a moment as a member without work, whose client name carries the call (`control/calling.rs`).
//! Its joining starts a rebalance, in which the others look the group up (`fellows.rs`). Here is what such a name says,
//! and who is meant by it.
//!
//! A call is meant for those who were members when it was made. If a caller dies, the group lists it until its session
//! times out, and an instance that is started meanwhile must not stop because of that. So calls that are there when an
//! instance looks for the first time are not for it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::AppError;
use super::fellows::hash_of;
use super::name_text::{decoded, encoded};
use crate::log::GroupMemberInfo;

/// Between a client's name and the reason for its call.
const MARK: &str = ".stop.";

/// How many characters of the reason are told. It becomes part of each request's header.
const REASON_MAX: usize = 300;

/// The name of a client that calls all others to stop.
pub(super) fn calling_name(client_id: &str, reason: &str) -> String {
    format!("{client_id}{MARK}{}", encoded(reason.chars().take(REASON_MAX), ' '))
}

/// A client's own name and its reason, if it calls all others to stop.
fn call_in(client_id: &str) -> Option<(&str, String)> {
    let mut marks = client_id.match_indices(MARK).map(|(at, _)| client_id.split_at(at));
    // The part that the user has chosen may look like a mark, but the topology's hash comes after it.
    let (name, call) = marks.find(|(name, _)| hash_of(name).is_some())?;
    Some((name, decoded(call.strip_prefix(MARK)?, ' ')))
}

/// Whether a member is there only to call the others.
pub(super) fn is_caller(member: &GroupMemberInfo) -> bool {
    call_in(&member.client_id).is_some()
}

/// Whom an instance heeds.
#[derive(Debug, Default)]
pub(super) struct StopCalls {
    /// The callers that were there when the instance looked for the first time; `None` before that.
    before_us: Mutex<Option<BTreeSet<String>>>,
}

impl StopCalls {
    /// The call to stop that is among these members, as the error with which this instance ends.
    pub(super) fn heard(&self, application_id: &str, members: &[GroupMemberInfo]) -> Result<(), AppError> {
        let mut before_us = self.before_us.lock().unwrap_or_else(PoisonError::into_inner);
        let callers = members.iter().filter(|member| is_caller(member));
        let Some(before_us) = &*before_us else {
            *before_us = Some(callers.map(|member| member.member_id.clone()).collect());
            return Ok(());
        };
        for member in callers.filter(|member| !before_us.contains(&member.member_id)) {
            let Some((name, reason)) = call_in(&member.client_id) else { continue };
            return Err(AppError::StoppedByMember {
                application_id: application_id.to_owned(),
                member: if member.host.is_empty() { name.to_owned() } else { format!("{name} on {}", member.host) },
                reason,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "shop-4711-t1.00000000000000ff";

    fn member(member_id: &str, client_id: String) -> GroupMemberInfo {
        let (member_id, host) = (member_id.to_owned(), "/10.0.0.7".to_owned());
        GroupMemberInfo { member_id, client_id, host, assigned: Vec::new() }
    }

    #[test]
    fn a_name_gives_the_reason_back_and_has_only_characters_that_brokers_accept() {
        for (reason, told) in [
            ("task 0_1 failed at offset 7 of a-b-0: \"größer\"", "task 0_1 failed at offset 7 of a-b-0: \"größer\""),
            ("", ""),
            ("~7e.stop.~", "~7e.stop.~"),
            (&"x".repeat(400), &"x".repeat(300)),
        ] {
            for client in [NAME.to_owned(), format!("non.stop.{NAME}"), format!("{NAME}.00000000000000aa")] {
                let name = calling_name(&client, reason);
                assert_eq!(call_in(&name), Some((&*client, told.to_owned())), "{name}");
                assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_~".contains(&byte)), "{name}");
            }
        }
    }

    #[test]
    fn other_names_are_no_calls() {
        for name in [NAME, "non.stop.music", "shop.stop.all-4711-t1.00000000000000ff", ""] {
            assert_eq!(call_in(name), None, "{name}");
        }
    }

    #[test]
    fn a_call_is_meant_for_those_who_were_there_before_it() {
        let calls = StopCalls::default();
        let old = member("1", calling_name(NAME, "long ago"));
        let others = [old.clone(), member("2", NAME.to_owned())];
        for _ in 0..2 {
            assert_eq!(calls.heard("shop", &others), Ok(()));
        }
        let error = calls.heard("shop", &[old, member("3", calling_name(NAME, "no space"))]).map_err(|e| e.to_string());
        let error = error.expect_err("a call");
        for part in ["shop", &format!("member {NAME} on /10.0.0.7"), "no space"] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}
