//! Converts librdkafka's error codes for the engine: a kind for code that decides, and a sentence for people.
//!
//! Decisions depend on codes, never on texts. Codes are plain numbers, because a broker may send one that the library
//! does not know.

use streams_core::log::{CommitOutcome, LogError, LogErrorKind};

use crate::native;

/// An error code: positive ones are Kafka's own, negative ones librdkafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Code(pub(crate) i32);

impl Code {
    pub(crate) const AUTO_OFFSET_RESET: Self = Self(-140);
    pub(crate) const FENCED: Self = Self(-144);
    pub(crate) const STATE: Self = Self(-172);
    pub(crate) const MAX_POLL_EXCEEDED: Self = Self(-147);
    pub(crate) const FATAL: Self = Self(-150);
    pub(crate) const PURGE_INFLIGHT: Self = Self(-151);
    pub(crate) const PURGE_QUEUE: Self = Self(-152);
    pub(crate) const NO_ENTRY: Self = Self(-156);
    pub(crate) const MSG_TIMED_OUT: Self = Self(-192);
    pub(crate) const NOT_IMPLEMENTED: Self = Self(-170);
    pub(crate) const NO_OFFSET: Self = Self(-168);
    pub(crate) const AUTHENTICATION: Self = Self(-169);
    pub(crate) const SSL: Self = Self(-181);
    pub(crate) const INVALID_DIFFERENT_RECORD: Self = Self(-138);
    pub(crate) const QUEUE_FULL: Self = Self(-184);
    pub(crate) const TIMED_OUT: Self = Self(-185);
    pub(crate) const ALL_BROKERS_DOWN: Self = Self(-187);
    pub(crate) const PARTITION_EOF: Self = Self(-191);
    pub(crate) const RESOLVE: Self = Self(-193);
    pub(crate) const TRANSPORT: Self = Self(-195);
    pub(crate) const OFFSET_OUT_OF_RANGE: Self = Self(1);
    pub(crate) const MSG_SIZE_TOO_LARGE: Self = Self(10);
    pub(crate) const UNKNOWN_TOPIC_OR_PARTITION: Self = Self(3);
    pub(crate) const INVALID_RECORD: Self = Self(87);
    pub(crate) const INVALID_TIMESTAMP: Self = Self(32);
    pub(crate) const GROUP_AUTHORIZATION_FAILED: Self = Self(30);
    pub(crate) const NON_EMPTY_GROUP: Self = Self(68);
    pub(crate) const GROUP_ID_NOT_FOUND: Self = Self(69);
    pub(crate) const INVALID_PRODUCER_EPOCH: Self = Self(47);
    pub(crate) const FENCED_INSTANCE: Self = Self(82);
    pub(crate) const INVALID_SESSION_TIMEOUT: Self = Self(26);
    pub(crate) const PRODUCER_FENCED: Self = Self(90);

    /// The kind of error that the code stands for.
    pub(crate) const fn kind(self) -> LogErrorKind {
        match self.0 {
            // Brokers, coordinators, leaders and replicas that are unavailable or moving, and concurrent transactions.
            -197 | -195 | -193 | -187 | -180 | 5 | 6 | 8 | 9 | 13 | 14 | 15 | 16 | 19 | 20 | 27 | 41 | 51 | 56 | 72
            | 74 | 75 | 78 | 83 | 88 | 89 => LogErrorKind::Unavailable,
            -192 | -185 | -166 | 7 => LogErrorKind::Timeout,
            -190 | -188 | 3 | 100 => LogErrorKind::UnknownTopic,
            36 => LogErrorKind::TopicExists,
            10 | 18 => LogErrorKind::TooLarge,
            -144 | -142 | 22 | 25 | 47 | 82 | 90 | 110 | 113 => LogErrorKind::Fenced,
            -181 | -169 | 29 | 30 | 31 | 33 | 34 | 53 | 54 | 58 | 65 => LogErrorKind::Denied,
            -186 | -145 | 12 | 17 | 21 | 23 | 24 | 26 | 32 | 35 | 37 | 38 | 39 | 40 | 42 | 43 | 44 | 50 | 76 | 87 => {
                LogErrorKind::Invalid
            }
            -199 | -198 | 2 => LogErrorKind::Corrupt,
            _ => LogErrorKind::Other,
        }
    }

    /// Whether a broker does not let the client in, or the client does not trust the broker.
    pub(crate) const fn is_refusal(self) -> bool {
        matches!(self, Self::AUTHENTICATION | Self::SSL)
    }

    /// Whether a group's coordinator is not there yet, or is another broker since a moment ago.
    pub(crate) const fn is_about_the_coordinator(self) -> bool {
        // COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR
        matches!(self.0, 14..=16)
    }

    /// Whether a question about a group may have gone to a broker that no longer coordinates it, or is gone.
    pub(crate) const fn may_be_from_a_former_coordinator(self) -> bool {
        // NOT_COORDINATOR, and librdkafka's time-outs: while waiting for the connection, and for the answer
        matches!(self.0, 16 | -166 | -185)
    }

    /// Whether the broker that was asked no longer leads the partition, or leads it in another epoch.
    pub(crate) const fn is_about_an_old_leader(self) -> bool {
        matches!(self.0, 5 | 6 | 74 | 75)
    }

    /// Whether what has arrived is not what was written.
    pub(crate) const fn is_damage(self) -> bool {
        // librdkafka's: a wrong checksum, and a batch that cannot be unpacked; and the broker's own finding.
        matches!(self.0, -199 | -198 | 2)
    }

    /// Whether a record was not acknowledged because too few replicas may have it, as far as anybody knows: librdkafka repeats
    /// the broker's refusal until the record's time is up, and does not tell it.
    pub(crate) const fn may_be_short_of_replicas(self) -> bool {
        // NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS_AFTER_APPEND
        matches!(self, Self::MSG_TIMED_OUT) || matches!(self.0, 19 | 20)
    }

    /// Whether another producer has taken over the transactional id, or the transaction has timed out.
    pub(crate) const fn is_producer_fenced(self) -> bool {
        matches!(self, Self::FENCED | Self::INVALID_PRODUCER_EPOCH | Self::PRODUCER_FENCED)
    }

    /// An error with this code about `subject`. The message says what to do next, if that is known.
    pub(crate) fn about(self, subject: impl std::fmt::Display) -> LogError {
        self.about_a(Right::Read, subject)
    }

    /// The same for a request that needs another right on a topic than to read it.
    pub(crate) fn about_a(self, right: Right, subject: impl std::fmt::Display) -> LogError {
        LogError::new(self.kind(), format!("{subject}: {self}{}", self.advice(right)))
    }

    fn advice(self, right: Right) -> String {
        let advice = match self.kind() {
            LogErrorKind::Denied => return self.missing(right),
            _ if self == Self::NOT_IMPLEMENTED => {
                "; the records there are packed in a way that this program cannot read, or damaged: for zstd, build it with \
                 the feature `zstd`"
            }
            _ if self == Self::INVALID_SESSION_TIMEOUT => {
                "; set `session.timeout.ms` to a time between the broker's `group.min.session.timeout.ms` and \
                 `group.max.session.timeout.ms` (6 s and 30 min, unless they were set)"
            }
            LogErrorKind::UnknownTopic => "; create it, or check its name",
            LogErrorKind::TooLarge => {
                "; raise the topic's `max.message.bytes` and the setting `producer.message.max.bytes`, or send less"
            }
            _ => "",
        };
        advice.to_owned()
    }

    /// What a client lacks that is not allowed to do something.
    fn missing(self, right: Right) -> String {
        let (right, resource) = match (self.0, right) {
            (29, right) => return right.on_the_topic(),
            // Whoever may read in a group may also look at it.
            (30, _) => (Right::Read, "the group"),
            (31, Right::Create) => (Right::Create, "the topic or the cluster"),
            (53, _) => (Right::Write, "the transactional id"),
            (-169 | 33 | 34 | 58, _) => return "; check `sasl.mechanism`, the user and the password".to_owned(),
            (-181, _) => return "; check the certificates and `ssl.ca.location`".to_owned(),
            _ => return "; check the credentials and the access rights (ACLs) of this client".to_owned(),
        };
        format!("; this client needs the right (ACL) `{right:?}` on {resource}")
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match native::describe_code(*self) {
            Some((name, description)) => write!(f, "{description} ({name})"),
            None => write!(f, "error code {} of the broker", self.0),
        }
    }
}

/// What a request needs the right for, in Kafka's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Read,
    Write,
    Create,
    Delete,
    Describe,
    DescribeConfigs,
}

impl Right {
    /// The advice for a client that lacks it.
    pub(crate) fn on_the_topic(self) -> String {
        format!("; this client needs the right (ACL) `{self:?}` on the topic")
    }
}

/// The failure of a transactional call, as librdkafka reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TransactionError {
    pub(crate) code: Code,
    pub(crate) is_fatal: bool,
    pub(crate) is_retriable: bool,
    pub(crate) requires_abort: bool,
    pub(crate) reason: String,
}

impl TransactionError {
    /// The outcome that says what to do next. If an error is neither retriable nor abortable nor understood, the end of
    /// the transaction is unknown. The producer must then be replaced; registering the new one settles the transaction.
    pub(crate) fn outcome(&self, what: &str) -> CommitOutcome {
        let is_denied = self.code.kind() == LogErrorKind::Denied;
        let advice = if is_denied { self.code.missing(Right::Write) } else { String::new() };
        let error = LogError::new(self.code.kind(), format!("{what}: {} [{}]{advice}", self.reason, self.code));
        let needs_other_setup = matches!(error.kind, LogErrorKind::Denied | LogErrorKind::Invalid);
        match self {
            _ if self.code.is_producer_fenced() => CommitOutcome::Fenced(error),
            _ if self.is_retriable => CommitOutcome::Retriable(error),
            _ if self.is_fatal && needs_other_setup => CommitOutcome::Fatal(error),
            _ if self.requires_abort => CommitOutcome::AbortRequired(error),
            _ => CommitOutcome::Unknown(error),
        }
    }
}

/// The outcome of an offset commit outside transactions.
pub(crate) fn commit_outcome(result: Result<(), Code>, what: &str) -> CommitOutcome {
    let Err(code) = result else { return CommitOutcome::Done };
    let error = code.about(what);
    match error.kind {
        LogErrorKind::Fenced => CommitOutcome::Fenced(error),
        LogErrorKind::Unavailable | LogErrorKind::Timeout => CommitOutcome::Retriable(error),
        _ => CommitOutcome::Fatal(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(code: i32, flags: &str) -> CommitOutcome {
        let error = TransactionError {
            code: Code(code),
            is_fatal: flags.contains('f'),
            is_retriable: flags.contains('r'),
            requires_abort: flags.contains('a'),
            reason: "reason".into(),
        };
        error.outcome("commit")
    }

    #[test]
    fn transaction_errors_say_what_may_be_done_next() {
        for (code, flags, expected) in [
            (-185, "r", "Retriable"),
            (22, "a", "AbortRequired: Fenced"),
            (25, "a", "AbortRequired: Fenced"),
            (82, "a", "AbortRequired: Fenced"),
            (-144, "f", "Fenced"),
            (90, "f", "Fenced"),
            (12, "a", "AbortRequired"),
            (-192, "a", "AbortRequired"),
            (53, "f", "Fatal"),
            (50, "f", "Fatal"),
            (45, "f", "Unknown"),
            (-172, "", "Unknown"),
            (-173, "", "Unknown"),
            (9999, "", "Unknown"),
        ] {
            let outcome = match failed(code, flags) {
                CommitOutcome::AbortRequired(error) => format!("AbortRequired: {:?}", error.kind),
                outcome => format!("{outcome:?}"),
            };
            assert!(outcome.starts_with(expected), "{code} {flags}: {outcome}");
        }
    }

    #[test]
    fn errors_name_their_subject_and_the_next_step() {
        let error = Code::UNKNOWN_TOPIC_OR_PARTITION.about("topic `clicks`");
        assert_eq!(error.kind, LogErrorKind::UnknownTopic);
        assert_eq!(
            error.message,
            "topic `clicks`: Broker: Unknown topic or partition (UNKNOWN_TOPIC_OR_PART); create it, or check its name"
        );
        let error = Code::INVALID_SESSION_TIMEOUT.about("group `g`");
        assert!(error.message.contains("`session.timeout.ms`") && error.message.contains("6 s and 30 min"), "{error}");
        assert_eq!(Code(9999).about("x").message, "x: error code 9999 of the broker");
    }

    #[test]
    fn whoever_is_not_allowed_to_do_something_is_told_which_right_is_missing() {
        for (code, right, expected) in [
            (29, Right::Read, "this client needs the right (ACL) `Read` on the topic"),
            (29, Right::DescribeConfigs, "this client needs the right (ACL) `DescribeConfigs` on the topic"),
            (30, Right::Describe, "this client needs the right (ACL) `Read` on the group"),
            (31, Right::Create, "this client needs the right (ACL) `Create` on the topic or the cluster"),
            (31, Right::Write, "check the credentials and the access rights (ACLs) of this client"),
            (53, Right::Write, "this client needs the right (ACL) `Write` on the transactional id"),
            (-169, Right::Read, "check `sasl.mechanism`, the user and the password"),
            (-181, Right::Read, "check the certificates and `ssl.ca.location`"),
        ] {
            let error = Code(code).about_a(right, "x");
            assert_eq!(error.kind, LogErrorKind::Denied);
            assert!(error.message.ends_with(&format!("; {expected}")), "{error}");
        }
    }
}
