//! Internal topics: how they are created, and which of their settings are checked at every start.

use super::AppError;
use super::plan::Plan;
use crate::log::NewTopic;
use crate::topic::TopicRef;
use crate::topology::InternalTopic;

/// The topic to create, including the user's settings for all internal topics (`for_all`); `None` if its number of
/// partitions is not known.
pub(crate) fn internal_topic(
    plan: &Plan,
    topic: &InternalTopic,
    replication: Option<u16>,
    for_all: &[(String, String)],
) -> Option<NewTopic> {
    let name = TopicRef::Internal(topic.name.clone()).full_name(&plan.application_id);
    let partitions = plan.partitions.get(&name).copied()?;
    let settings = topic.settings(plan.topology.graph(), for_all, InternalTopic::WINDOW_ADDITIONAL_RETENTION);
    Some(NewTopic { name: name.to_string(), partitions, replication, configs: settings.into_iter().collect() })
}

/// Compares a topic's settings with those it should have been created with. A setting that deletes records the
/// application needs is an error; one that may do so is a warning.
pub(crate) fn check_settings(wanted: &NewTopic, found: &[(String, String)]) -> Result<(), AppError> {
    let in_wanted = |name: &str| wanted.configs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let in_found = |name: &str| found.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let topic = &wanted.name;
    if let (Some(wanted), Some(found)) = (in_wanted("cleanup.policy"), in_found("cleanup.policy"))
        && policies(found).any(|policy| !policies(wanted).any(|wanted| wanted == policy))
    {
        let (topic, wanted, found) = (topic.clone(), wanted.to_owned(), found.to_owned());
        return Err(AppError::InternalTopicPolicy { topic, wanted, found });
    }
    if let (Some(wanted), Some(found)) = (in_wanted("retention.ms"), in_found("retention.ms"))
        && milliseconds(found) < milliseconds(wanted)
    {
        tracing::warn!(
            topic,
            wanted,
            found,
            "an internal topic's `retention.ms` is shorter than the application needs: records may be deleted before \
             they are used"
        );
    }
    Ok(())
}

fn policies(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

/// -1 means for ever.
fn milliseconds(text: &str) -> i64 {
    text.parse().ok().filter(|milliseconds| *milliseconds >= 0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_loses_what_is_needed_is_refused() {
        for (wanted, found, refused) in [
            ("compact", "compact", false),
            ("compact", "compact,delete", true),
            ("compact", "delete", true),
            ("compact,delete", "delete, compact", false),
            ("compact,delete", "compact", false),
            ("delete", "delete", false),
            ("delete", "compact", true),
        ] {
            let configs = |policy: &str| vec![("cleanup.policy".to_owned(), policy.to_owned())];
            let topic =
                NewTopic { name: "app-x".to_owned(), partitions: 1, replication: None, configs: configs(wanted) };
            let checked = check_settings(&topic, &configs(found));
            assert_eq!(checked.is_err(), refused, "{wanted} / {found}");
        }
    }

    #[test]
    fn a_limit_of_minus_one_is_none() {
        assert!(milliseconds("-1") > milliseconds("86400000") && milliseconds("5") < milliseconds("50"));
    }
}
