//! Dead letters: records that were left out, as they were, with headers that say why (KIP-1034).
//!
//! | header | |
//! |---|---|
//! | `__streams.errors.exception` | the kind of error, here a name of Rust |
//! | `__streams.errors.message` | the error's sentence |
//! | `__streams.errors.stacktrace` | here the task and the node |
//! | `__streams.errors.topic`, `.partition`, `.offset` | where the record came from; empty and -1 if it is not made of one |
//! | `millstream.errors.node` | the node that failed, or dropped it |
//! | `millstream.errors.reason` | as in the metrics |
//! | `millstream.errors.violations` | the rules that the record's value breaks, as a list of JSON objects |
//! | `millstream.errors.attempts` | how often a handler has failed with the record |
//! | `millstream.errors.timestamp` | the record's time in milliseconds, if it is negative or too far ahead for a topic |
//!
//! The record's own headers come first, as in Kafka Streams. All are texts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::ErrorSettings;
use crate::letter_headers::{
    ATTEMPTS, EXCEPTION, MESSAGE, NODE, OFFSET, PARTITION, REASON, STACK_TRACE, TIMESTAMP, TOPIC, VIOLATIONS,
};
use crate::log::LogErrorKind;
use crate::operators::validate::Violation;
use crate::operators::{Context, Destination, DropReason, GivenUp, Lost, OperatorError};
use crate::record::{Headers, Partition, RecordPosition, Timestamp};
use crate::runtime::AppError;
use crate::topology::Topology;
use crate::wire::murmur2::partition_of;

/// Whether those handlers have a topic for dead letters that want one whatever the settings say. For the settings
/// themselves, [`Settings::check`](crate::runtime::Settings) says so.
///
/// # Errors
/// Names a handler for which that is not so.
pub(crate) fn check_dead_letters(topology: &Topology, errors: &ErrorSettings) -> Result<(), AppError> {
    if errors.dead_letter_topic.is_some() {
        return Ok(());
    }
    let Some(handler) = topology.handlers().iter().find(|handler| handler.wants_dead_letters) else { return Ok(()) };
    let reason = format!(
        "`{}` gives records up as dead letters, and they need a topic; set one with `.dead_letters_to(..)`, or give the \
         records up in another way",
        handler.node
    );
    Err(AppError::Setting { setting: "errors.dead.letter.queue.topic.name".to_owned(), reason })
}

/// Where a task's dead letters go, and how many have gone there.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    destination: Destination,
    written: RefCell<Written>,
}

/// Numbers of dead letters, by node and reason.
type Written = BTreeMap<(Arc<str>, &'static str), u64>;

/// The record itself.
pub(crate) struct Letter<'a> {
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) timestamp: Timestamp,
    pub(crate) headers: Headers,
}

/// What the headers say.
struct Told<'a> {
    exception: String,
    message: String,
    node: Option<&'a str>,
    /// The node for which it is counted if none has failed.
    source: &'a str,
    reason: DropReason,
    /// Whether the record's time may be refused.
    has_odd_time: bool,
    violations: &'a [Violation],
}

/// No node.
const UNKNOWN: &str = "-";

/// Where a record came from, or is to go back to.
enum Address {
    Of(RecordPosition),
    /// It could not be sent to that topic.
    To(Arc<str>),
    Unknown,
}

impl DeadLetters {
    pub(crate) const fn to(destination: Destination) -> Self {
        Self { destination, written: RefCell::new(BTreeMap::new()) }
    }

    /// Takes the numbers of what was written since this was called last, by node and reason.
    pub(crate) fn take_written(&self) -> Written {
        self.written.take()
    }

    /// Writes the record in hand, with which something has failed. `source` is the node that has read it.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub(crate) fn failed(
        &self,
        context: &mut Context,
        letter: Letter<'_>,
        (error, reason): (&OperatorError, DropReason),
        source: &str,
    ) -> Result<(), OperatorError> {
        let address = address_of(context);
        self.write(context, letter, &Told { source, ..Told::of(error, reason) }, &address)
    }

    /// Writes the record in hand, which a node has dropped.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub(crate) fn dropped(
        &self,
        context: &mut Context,
        letter: Letter<'_>,
        (node, reason): (&str, DropReason),
    ) -> Result<(), OperatorError> {
        let told = Told {
            exception: "millstream::DropReason".to_owned(),
            message: format!("{node} has dropped it: {}", reason.label()),
            node: Some(node),
            source: node,
            reason,
            has_odd_time: false,
            violations: &[],
        };
        let address = address_of(context);
        self.write(context, letter, &told, &address)
    }

    /// Writes what is not made of the record in hand: the record that could not be sent, if there is one, else a record
    /// without key and value.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub(crate) fn lost(&self, context: &mut Context, lost: &Lost) -> Result<(), OperatorError> {
        let Lost { error, unsent } = lost;
        let Some(unsent) = unsent else {
            let letter = Letter { key: None, value: None, timestamp: context.stream_time, headers: Headers::new() };
            return self.write(context, letter, &Told::of(error, DropReason::Failed), &Address::Unknown);
        };
        let letter = Letter {
            key: unsent.key.as_deref(),
            value: unsent.value.as_deref(),
            timestamp: unsent.timestamp,
            headers: unsent.headers.clone(),
        };
        let address = Address::To(Arc::clone(&unsent.topic));
        self.write(context, letter, &Told::of(error, DropReason::Unwritable), &address)
    }

    /// Writes a record that was accepted before.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub(crate) fn given_up(&self, context: &mut Context, given_up: GivenUp) -> Result<(), OperatorError> {
        let GivenUp { error, accepted, reason } = given_up;
        let mut headers = accepted.headers;
        if let OperatorError::GivenUp { attempts, .. } = &error {
            headers.push(ATTEMPTS, attempts.to_string());
        }
        let (key, value) = (accepted.key.as_deref(), accepted.value.as_deref());
        let letter = Letter { key, value, timestamp: accepted.timestamp, headers };
        let address = accepted.position.map_or(Address::Unknown, Address::Of);
        self.write(context, letter, &Told::of(&error, reason), &address)
    }

    fn write(
        &self,
        context: &mut Context,
        letter: Letter<'_>,
        told: &Told<'_>,
        address: &Address,
    ) -> Result<(), OperatorError> {
        let (topic, position) = match address {
            Address::Of(position) => (&*position.topic, Some(position)),
            Address::To(topic) => (&**topic, None),
            Address::Unknown => ("", None),
        };
        let Letter { key, value, timestamp, mut headers } = letter;
        let partition = self.partition_for(key, position);
        let node = told.node.unwrap_or(UNKNOWN);
        headers.push(EXCEPTION, told.exception.clone());
        headers.push(MESSAGE, told.message.clone());
        headers.push(STACK_TRACE, format!("task {}\n\tat {node}\n", context.task));
        headers.push(TOPIC, topic.to_owned());
        let number = |number: Option<i64>| number.unwrap_or(-1).to_string();
        headers.push(PARTITION, number(position.map(|position| position.partition.0.into())));
        headers.push(OFFSET, number(position.map(|position| position.offset.0)));
        headers.push(NODE, node.to_owned());
        headers.push(REASON, told.reason.label());
        if let Some(violations) = as_json(told.violations) {
            headers.push(VIOLATIONS, violations);
        }
        let written = if timestamp.0 < 0 || told.has_odd_time {
            headers.push(TIMESTAMP, timestamp.0.to_string());
            context.wall_clock
        } else {
            timestamp
        };
        context.send("dead letters", &self.destination, partition, key, value, written, &headers)?;
        let counted_as = (Arc::from(told.node.unwrap_or(told.source)), told.reason.label());
        *self.written.borrow_mut().entry(counted_as).or_default() += 1;
        Ok(())
    }

    /// By the key, as all records; without one, the number of the partition that it came from, as far as there is one.
    fn partition_for(&self, key: Option<&[u8]>, position: Option<&RecordPosition>) -> Partition {
        let partitions = self.destination.partitions.max(1);
        match (key, position) {
            (Some(key), _) => partition_of(key, partitions),
            (None, Some(position)) => {
                Partition(i32::try_from(position.partition.0.unsigned_abs() % partitions).unwrap_or(0))
            }
            (None, None) => Partition(0),
        }
    }
}

/// Brokers refuse records that are more than an hour ahead of their clock, unless told otherwise.
const fn has_odd_time(error: &OperatorError) -> bool {
    match error {
        OperatorError::TooFarAhead { .. } => true,
        OperatorError::Send { error, .. } => matches!(error.kind, LogErrorKind::Timestamp(_)),
        _ => false,
    }
}

impl<'a> Told<'a> {
    fn of(error: &'a OperatorError, reason: DropReason) -> Self {
        let exception = format!("millstream::OperatorError::{}", error.name());
        let (message, node, has_odd_time) = (error.to_string(), error.node(), has_odd_time(error));
        let violations = match error {
            OperatorError::Invalid { violations, .. } => violations.as_slice(),
            _ => &[],
        };
        Self { exception, message, node, source: UNKNOWN, reason, has_odd_time, violations }
    }
}

/// The rules that a record breaks, if there are any.
fn as_json(violations: &[Violation]) -> Option<String> {
    if violations.is_empty() { None } else { serde_json::to_string(violations).ok() }
}

/// The address of the record in hand.
fn address_of(context: &Context) -> Address {
    context.position.clone().map_or(Address::Unknown, Address::Of)
}
