//! Joins of streams.

use super::Arms;
use super::draft::{Draft, Sort};
use super::sources::{global_table, some_stream, some_table};
use super::vocabulary::{joiner, key_map};
use crate::step::{JoinKind, Step};

/// All of them.
pub(super) const ARMS: Arms = &[(4, join_table), (3, join_global)];

fn inner_or_left(draft: &mut Draft) -> JoinKind {
    draft.random.one_of(JoinKind::Inner, &[JoinKind::Left])
}

fn join_table(draft: &mut Draft) -> Option<()> {
    let (input, other) = (some_stream(draft), some_table(draft));
    let (kind, joiner, name) = (inner_or_left(draft), joiner(&mut draft.random), draft.name());
    draft.add(Step::JoinTable { kind, input, other, joiner, name, grace: None }, Sort::Stream, &[input, other]);
    Some(())
}

fn join_global(draft: &mut Draft) -> Option<()> {
    let input = some_stream(draft);
    let other = match draft.any(Sort::GlobalTable).filter(|_| draft.random.percent(50)) {
        Some(table) => table,
        None => global_table(draft),
    };
    let (kind, key, joiner) = (inner_or_left(draft), key_map(&mut draft.random), joiner(&mut draft.random));
    let name = draft.name();
    draft.add(Step::JoinGlobal { kind, input, other, key, joiner, name }, Sort::Stream, &[input]);
    Some(())
}
