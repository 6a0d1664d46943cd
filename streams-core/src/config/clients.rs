//! Settings that are passed to the Kafka clients unchanged.
//!
//! The names are librdkafka's. Settings that the engine owns, because its guarantees depend on them, are refused here
//! with the reason; librdkafka checks the others.

use std::collections::BTreeMap;
use std::fmt;

use super::error::Origin;
use super::foreign_names::{CONSUMERS, EVERY_CLIENT, PRODUCERS, SECRETS};
use super::refused;
use super::suggest::{closest, typo_of};

/// The clients that a setting is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientScope {
    /// All clients; the names have no prefix, for instance `sasl.password`.
    All,
    /// `consumer.`: all consumers.
    Consumer,
    /// `main.consumer.`: consumers that read input, and the group's member. Overrides `consumer.`.
    MainConsumer,
    /// `restore.consumer.`: consumers that restore state or read global tables. Overrides `consumer.`.
    RestoreConsumer,
    /// `producer.`: all producers.
    Producer,
    /// `admin.`: the client that looks up and creates topics.
    Admin,
}

impl ClientScope {
    /// Longer prefixes come first, so that none hides another.
    pub(super) const PREFIXED: [Self; 5] =
        [Self::RestoreConsumer, Self::MainConsumer, Self::Consumer, Self::Producer, Self::Admin];

    /// The prefix of the names, with its dot; empty for [`ClientScope::All`].
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Consumer => "consumer.",
            Self::MainConsumer => "main.consumer.",
            Self::RestoreConsumer => "restore.consumer.",
            Self::Producer => "producer.",
            Self::Admin => "admin.",
        }
    }

    /// librdkafka's settings for these clients.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let own = match self {
            Self::All | Self::Admin => &[],
            Self::Consumer | Self::MainConsumer | Self::RestoreConsumer => CONSUMERS,
            Self::Producer => PRODUCERS,
        };
        [EVERY_CLIENT, SECRETS, own].into_iter().flatten().copied()
    }

    const fn is_consumer(self) -> bool {
        matches!(self, Self::Consumer | Self::MainConsumer | Self::RestoreConsumer)
    }
}

/// Settings for librdkafka, by client. `Debug` shows only values that cannot be secret.
///
/// ```
/// use millstream::config::{ClientScope, ClientSettings};
///
/// let mut clients = ClientSettings::default();
/// clients.set(ClientScope::Consumer, "fetch.min.bytes", "1000")?;
/// clients.set(ClientScope::MainConsumer, "fetch.min.bytes", "1")?;
/// clients.set(ClientScope::All, "sasl.password", "secret")?;
/// assert_eq!(clients.of(ClientScope::MainConsumer)["fetch.min.bytes"], "1");
/// assert_eq!(clients.of(ClientScope::RestoreConsumer)["fetch.min.bytes"], "1000");
/// assert!(!format!("{clients:?}").contains("secret\""));
///
/// let refused = clients.set(ClientScope::Producer, "acks", "1").unwrap_err();
/// assert!(refused.contains("every replica in sync"), "{refused}");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ClientSettings(BTreeMap<(ClientScope, String), ClientSetting>);

#[derive(Clone, PartialEq, Eq)]
struct ClientSetting {
    value: String,
    origin: Origin,
}

impl ClientSettings {
    /// Adds a setting under librdkafka's name.
    ///
    /// # Errors
    /// When the engine owns the setting, when only Java has it, when it is for another kind of client, or when it looks
    /// like a typo. The error says what to do instead.
    pub fn set(&mut self, scope: ClientScope, name: impl Into<String>, value: impl Into<String>) -> Result<(), String> {
        self.set_from(scope, name.into(), value.into(), Origin::Code)
    }

    pub(super) fn set_from(
        &mut self,
        scope: ClientScope,
        name: String,
        value: String,
        origin: Origin,
    ) -> Result<(), String> {
        check(scope, &name, &value)?;
        self.0.insert((scope, name), ClientSetting { value, origin });
        Ok(())
    }

    /// The settings to create a client of that scope with. Specific settings override general ones.
    #[must_use]
    pub fn of(&self, scope: ClientScope) -> BTreeMap<&str, &str> {
        let general = scope.is_consumer().then_some(ClientScope::Consumer);
        [Some(ClientScope::All), general, Some(scope)]
            .into_iter()
            .flatten()
            .flat_map(|scope| self.0.iter().filter(move |((of, _), _)| *of == scope))
            .map(|((_, name), setting)| (name.as_str(), setting.value.as_str()))
            .collect()
    }

    /// Each setting with its prefix, its value if it may be shown, and its origin.
    pub(super) fn shown(&self) -> impl Iterator<Item = (String, &str, &Origin)> {
        self.0.iter().map(|((scope, name), setting)| {
            let value = if client_value_may_be_shown(name) { setting.value.as_str() } else { HIDDEN };
            (format!("{}{name}", scope.prefix()), value, &setting.origin)
        })
    }
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.shown().map(|(name, value, _)| (name, value.to_owned()))).finish()
    }
}

/// Shown in place of a value that may be secret.
pub(super) const HIDDEN: &str = "********";

/// Whether a setting's value may be shown. Unknown settings might be secret. Adapters ask this, too, so that there is one
/// list.
#[doc(hidden)]
#[must_use]
pub fn client_value_may_be_shown(name: &str) -> bool {
    [EVERY_CLIENT, CONSUMERS, PRODUCERS].iter().any(|names| names.contains(&name))
}

fn check(scope: ClientScope, name: &str, value: &str) -> Result<(), String> {
    if let Some(reason) = owned_client_setting(name) {
        return Err(reason.to_owned());
    }
    if let Some(advice) = refused::client_advice(name) {
        return Err(advice.to_owned());
    }
    let path = value.to_ascii_lowercase();
    if name == "ssl.keystore.location" && (path.ends_with(".jks") || path.ends_with(".bcfks")) {
        return Err("Java's key stores cannot be read, only PKCS#12; or write `ssl.certificate.location` and \
                    `ssl.key.location`, both PEM files"
            .to_owned());
    }
    if scope.names().any(|known| known == name) {
        return Ok(());
    }
    if let Some(right) = scopes_of(name) {
        return Err(format!("it is a setting of {right}"));
    }
    match typo_of(name, scope.names()) {
        Some(known) => Err(format!("did you mean `{}{known}`?", scope.prefix())),
        None => Ok(()),
    }
}

/// The only kind of client that has the setting, if there is one, and what to write for it.
fn scopes_of(name: &str) -> Option<&'static str> {
    if CONSUMERS.contains(&name) {
        Some("consumers; write `consumer.` before it")
    } else if PRODUCERS.contains(&name) {
        Some("producers; write `producer.` before it")
    } else {
        None
    }
}

/// What to write instead of a name that needs a prefix but has none.
pub(super) fn with_prefix(name: &str) -> Option<String> {
    if EVERY_CLIENT.contains(&name) {
        Some(format!("it is a setting of the clients; write `consumer.{name}`, `producer.{name}` or `admin.{name}`"))
    } else {
        scopes_of(name).map(|scopes| format!("it is a setting of {scopes}"))
    }
}

/// The prefixed name that is most similar to this one, if any is similar enough.
pub(super) fn closest_prefixed(key: &str) -> Option<String> {
    let known: Vec<String> = ClientScope::PREFIXED
        .into_iter()
        .flat_map(|scope| scope.names().map(move |name| format!("{}{name}", scope.prefix())))
        .collect();
    closest(key, known.iter().map(String::as_str)).map(str::to_owned)
}

/// Why the engine owns a client's setting, if it does. Adapters use it to refuse the setting from a program's code.
#[doc(hidden)]
#[must_use]
pub fn owned_client_setting(name: &str) -> Option<&'static str> {
    OWNED.iter().find(|(names, _)| names.contains(&name)).map(|(_, reason)| *reason)
}

/// Every name the engine owns.
pub(super) fn owned_names() -> impl Iterator<Item = &'static str> {
    OWNED.iter().flat_map(|(names, _)| names.iter().copied())
}

const OWNED: &[(&[&str], &str)] = &[
    (
        &["enable.auto.commit", "auto.commit.enable", "enable.auto.offset.store", "offset.store.method"],
        "positions are committed together with the state they belong to, never by the client itself",
    ),
    (&["auto.commit.interval.ms"], "write `commit.interval.ms`"),
    (
        &["auto.offset.reset", "topic.auto.offset.reset"],
        "write `auto.offset.reset` without a prefix: it applies to input topics only",
    ),
    (
        &["isolation.level"],
        "it follows from `processing.guarantee`; to read only committed records under at-least-once, write \
         `consumer.isolation.level=read_committed` in the application's settings",
    ),
    (&["enable.idempotence"], "it is always on: without it a retry could write twice or out of order"),
    (&["enable.gapless.guarantee"], "a record that cannot be written stops the application in any case"),
    (&["transactional.id"], "every worker has its own, which is what fences a zombie"),
    (&["group.id"], "it is `application.id`"),
    (
        &["group.instance.id"],
        "it is made from the file `process-id` in the state folder, so that it belongs to one state; an instance whose \
         state is in memory has none",
    ),
    (&["acks", "request.required.acks"], "a record counts as written when every replica in sync has it (`all`)"),
    (
        &["partitioner"],
        "the engine chooses partitions itself, as Java does: murmur2 of the key's bytes, or what \
     `.partitioned_by(..)` says in the topology",
    ),
    (&["enable.partition.eof"], "the engine needs it to know when it has caught up"),
    (&["check.crcs"], "it is always on: records damaged in transit must not become state"),
    (&["log.queue"], "librdkafka's log goes to `tracing`"),
    (
        &["partition.assignment.strategy", "group.protocol", "group.protocol.type", "group.remote.assignor"],
        "the engine turns range assignments into tasks; another strategy would break co-partitioning",
    ),
    (
        &["client.id"],
        "write `client.id` without a prefix, in the application's settings; the clients' names are made from it",
    ),
    (
        &["bootstrap.servers", "metadata.broker.list"],
        "all clients use one cluster, which is passed to `Kafka::at` or set with `bootstrap.servers`",
    ),
    (&["session.timeout.ms"], "write `session.timeout.ms` without a prefix, in the application's settings"),
    (&["max.poll.interval.ms"], "write `max.poll.interval.ms` without a prefix, in the application's settings"),
    (&["transaction.timeout.ms"], "write `transaction.timeout.ms` without a prefix, in the application's settings"),
    (&["allow.auto.create.topics"], "a missing input topic is an error; internal topics are created at startup"),
    (
        &["delivery.report.only.error", "produce.offset.report"],
        "the engine waits for every acknowledgement and needs the offset in it",
    ),
    (&["topic.blacklist"], "topics are named by the topology"),
];
