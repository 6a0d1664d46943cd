//! Joins of streams.

use std::time::Duration;

use millstream::dsl::{Joinable, StreamWithin};
use millstream::windows::{JoinSpan, JoinWindows};

use super::options::Nameable as _;
use super::{Handle, Interpreter, NO_KEY, Stream, What, unfit};
use crate::case::StoreType;
use crate::functions::{Joiner, Nullable};
use crate::step::{JoinKind, Step};
use crate::text::Text;

impl<'t> Interpreter<'t> {
    pub(super) fn join(&self, step: &Step) -> Result<Handle<'t>, What> {
        let joined: Option<Stream<'t>> = match step.clone() {
            Step::Join { kind, input, other, before, after, grace, joiner, store, logging, r#type, .. } => {
                let (stream, other) = (self.stream(input)?, self.stream(other)?.within(span(before, after, grace)));
                let other = maybe_stored(other, store, logging, r#type);
                match kind {
                    JoinKind::Outer => Some(outer(stream, other, joiner)),
                    JoinKind::Inner | JoinKind::Left => inner_or_left(stream, other, kind, joiner),
                }
            }
            Step::JoinTable { kind, input, other, joiner, grace, .. } => {
                let (stream, table) = (self.stream(input)?, self.table(other)?);
                match grace {
                    Some(grace) => inner_or_left(stream, table.with_grace(Duration::from_millis(grace)), kind, joiner),
                    None => inner_or_left(stream, table, kind, joiner),
                }
            }
            Step::JoinGlobal { kind, input, other, key: make, joiner, .. } => {
                let Handle::GlobalTable(table) = self.get(other)? else {
                    return Err(format!("step {other} is no global table"));
                };
                let (stream, sees_key) = (self.stream(input)?, joiner.sees_key());
                let key = move |key: &_, value: &Text| make.apply(key, &Some(value.clone()));
                match kind {
                    JoinKind::Inner if sees_key => {
                        Some(stream.join_global_with_key(table, key, joiner.inner_with_key()))
                    }
                    JoinKind::Inner => Some(stream.join_global(table, key, joiner.inner())),
                    JoinKind::Left if sees_key => {
                        Some(stream.left_join_global_with_key(table, key, joiner.left_with_key()))
                    }
                    JoinKind::Left => Some(stream.left_join_global(table, key, joiner.left())),
                    JoinKind::Outer => None,
                }
            }
            _ => None,
        };
        match (joined, step) {
            (Some(joined), Step::Join { name, .. } | Step::JoinTable { name, .. } | Step::JoinGlobal { name, .. }) => {
                Ok(Handle::Stream(joined.maybe_named(name.as_ref())))
            }
            _ => unfit(step),
        }
    }
}

/// One of the sides may be negative.
fn span(before: i64, after: i64, grace: u64) -> JoinSpan {
    let [before_by, after_by] = [before, after].map(|millis| Duration::from_millis(millis.unsigned_abs()));
    let windows = JoinWindows::of(Duration::ZERO);
    let windows = if before < 0 { windows.later_by(before_by) } else { windows.before(before_by) };
    let windows = if after < 0 { windows.earlier_by(after_by) } else { windows.after(after_by) };
    windows.grace(Duration::from_millis(grace))
}

fn maybe_stored<'t>(
    other: StreamWithin<'t, Nullable, Nullable>,
    store: Option<String>,
    logging: Option<bool>,
    kind: Option<StoreType>,
) -> StreamWithin<'t, Nullable, Nullable> {
    let other = match store {
        Some(name) => other.stores_named(name),
        None => other,
    };
    let other = if logging == Some(false) { other.not_logged() } else { other };
    if kind == Some(StoreType::Memory) { other.in_memory() } else { other }
}

/// Joins a stream with a table or with another stream.
fn inner_or_left<'t>(
    stream: Stream<'t>,
    other: impl Joinable<'t, Nullable, Text>,
    kind: JoinKind,
    joiner: Joiner,
) -> Option<Stream<'t>> {
    match (kind, joiner.sees_key()) {
        (JoinKind::Inner, false) => Some(stream.join(other, joiner.inner())),
        (JoinKind::Inner, true) => Some(stream.join_with_key(other, joiner.inner_with_key())),
        (JoinKind::Left, false) => Some(stream.left_join(other, joiner.left())),
        (JoinKind::Left, true) => Some(stream.left_join_with_key(other, joiner.left_with_key())),
        (JoinKind::Outer, _) => None,
    }
}

fn outer<'t>(stream: Stream<'t>, other: StreamWithin<'t, Nullable, Nullable>, joiner: Joiner) -> Stream<'t> {
    if joiner.sees_key() {
        stream.outer_join_with_key(other, move |key, left, right| joiner.apply(key, &left, &right))
    } else {
        stream.outer_join(other, move |left, right| joiner.apply(&NO_KEY, &left, &right))
    }
}

impl Joiner {
    /// Whether it is passed to the overload with the key.
    fn sees_key(&self) -> bool {
        *self == Self::KeyPair
    }

    fn inner(self) -> impl Fn(Text, Text) -> Nullable {
        move |left, right| self.apply(&NO_KEY, &Some(left), &Some(right))
    }

    fn inner_with_key(self) -> impl Fn(&Nullable, Text, Text) -> Nullable {
        move |key, left, right| self.apply(key, &Some(left), &Some(right))
    }

    fn left(self) -> impl Fn(Text, Option<Text>) -> Nullable {
        move |left, right| self.apply(&NO_KEY, &Some(left), &right)
    }

    fn left_with_key(self) -> impl Fn(&Nullable, Text, Option<Text>) -> Nullable {
        move |key, left, right| self.apply(key, &Some(left), &right)
    }
}
