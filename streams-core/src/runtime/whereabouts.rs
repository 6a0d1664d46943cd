//! Where other instances of the application find this one.
//!
//! Whoever serves an instance over a network says under which address (`Handle::announce`). It becomes part of the member's
//! client name, which the group tells to everybody together with the member's share. A name is fixed when the member joins.
//! So if the address was not known then, or the group still lists the name of a predecessor whose place was taken, the member
//! leaves the group and comes back; but only if there are others who might want to know.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fellows::has_hash;
use super::name_text::{decoded, encoded};
use crate::log::GroupMemberInfo;

/// Between a client's name and its address.
const MARK: &str = ".at.";

/// Stands for the character that addresses have most often.
const UNDERSCORE: char = '.';

/// The name of a client that can be reached at an address.
pub(super) fn telling_name(client_id: &str, endpoint: &str) -> String {
    format!("{client_id}{MARK}{}", encoded(endpoint.chars(), UNDERSCORE))
}

/// A client's name without its address, and the address if it tells one.
pub(super) fn told_by(client_id: &str) -> (&str, Option<String>) {
    // The part that the user has chosen may look like a mark, but the topology's hash comes after it.
    let mut marks = client_id.match_indices(MARK).map(|(at, _)| client_id.split_at(at));
    let found = marks.find_map(|(name, rest)| has_hash(name).then_some((name, rest.strip_prefix(MARK)?)));
    found.map_or((client_id, None), |(name, endpoint)| (name, Some(decoded(endpoint, UNDERSCORE))))
}

/// What is known of this instance's own place.
#[derive(Debug, Default)]
pub(crate) struct Whereabouts {
    inside: Mutex<Inside>,
    version: AtomicU64,
}

#[derive(Debug, Default)]
struct Inside {
    endpoint: Option<Arc<str>>,
    /// Its id as a member, as soon as the group has assigned tasks to it.
    member_id: String,
    /// The address for which it has left the group and come back. Once must be enough.
    returned_for: Option<Arc<str>>,
}

impl Whereabouts {
    /// The address, from now on.
    pub(super) fn announce(&self, endpoint: &str) {
        self.lock().endpoint = Some(endpoint.into());
        self.version.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn endpoint(&self) -> Option<Arc<str>> {
        self.lock().endpoint.clone()
    }

    /// Changes with each address.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    pub(super) fn set_member_id(&self, member_id: &str) {
        member_id.clone_into(&mut self.lock().member_id);
    }

    /// Whether a member of the group is this instance.
    pub(super) fn is_self(&self, member: &GroupMemberInfo) -> bool {
        self.lock().member_id == member.member_id
    }

    /// Whether the group does not tell others the address, so that the member has to leave and come back; once for an
    /// address at most.
    pub(super) fn must_return(
        &self,
        members: &[GroupMemberInfo],
        is_fellow: impl Fn(&GroupMemberInfo) -> bool,
    ) -> bool {
        let mut inside = self.lock();
        let Some(endpoint) = inside.endpoint.clone() else { return false };
        let own = members.iter().find(|member| member.member_id == inside.member_id);
        let is_told = own.is_none_or(|own| told_by(&own.client_id).1.as_deref() == Some(&*endpoint));
        if is_told || inside.returned_for.as_ref() == Some(&endpoint) || !members.iter().any(is_fellow) {
            return false;
        }
        inside.returned_for = Some(endpoint);
        true
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "shop-4711-t1.00000000000000ff";

    fn member(member_id: &str, client_id: &str) -> GroupMemberInfo {
        let (member_id, client_id) = (member_id.to_owned(), client_id.to_owned());
        GroupMemberInfo { member_id, client_id, host: String::new(), assigned: Vec::new() }
    }

    #[test]
    fn a_name_tells_the_address_whatever_the_rest_of_it_looks_like() {
        for client in [NAME.to_owned(), format!("look.at.{NAME}"), format!("{NAME}.00000000000000aa")] {
            assert_eq!(told_by(&client), (&*client, None));
            for endpoint in ["127.0.0.1:7070", "[fe80::1]:80", "web-1.stop.shop_x:7070", "a.at.b:1"] {
                let name = telling_name(&client, endpoint);
                assert_eq!(told_by(&name), (&*client, Some(endpoint.to_owned())), "{name}");
                assert!(!name.contains(".stop."), "{name} is no call to stop");
            }
        }
        assert_eq!(told_by("kafka-console-consumer.at.home"), ("kafka-console-consumer.at.home", None));
    }

    #[test]
    fn a_member_comes_back_once_if_there_are_others_who_do_not_know_its_address() {
        let known = telling_name(NAME, "127.0.0.1:7070");
        let (alone, others) = (vec![member("1", NAME)], vec![member("1", NAME), member("2", "other")]);
        let is_fellow = |member: &GroupMemberInfo| member.member_id != "1";
        let place = Whereabouts::default();
        place.set_member_id("1");
        assert!(!place.must_return(&others, is_fellow), "there is nothing to tell");
        place.announce("127.0.0.1:7070");
        assert!(!place.must_return(&alone, is_fellow), "there is nobody to tell it to");
        assert!(!place.must_return(&[member("1", &known), member("2", "other")], is_fellow), "they know");
        assert!(!place.must_return(&[member("2", "other")], is_fellow), "the answer is from before it joined");
        assert!(place.must_return(&others, is_fellow));
        assert!(!place.must_return(&others, is_fellow), "once was enough");
        place.announce("127.0.0.1:7071");
        assert!(place.must_return(&[member("1", &known), member("2", "other")], is_fellow), "it has moved");
        assert!(place.is_self(&member("1", "x")) && !place.is_self(&member("2", "x")));
    }
}
