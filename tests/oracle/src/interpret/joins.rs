//! Joins.

use super::options::Nameable as _;
use super::{Handle, Interpreter, Stream, What, unfit};
use crate::functions::Joiner;
use crate::step::{JoinKind, Step};

impl<'t> Interpreter<'t> {
    pub(super) fn join(&self, step: &Step) -> Result<Handle<'t>, What> {
        let joined: Stream<'t> = match step.clone() {
            // No join passes the key to its joiner yet.
            Step::JoinTable { joiner: Joiner::KeyPair, .. } | Step::JoinGlobal { joiner: Joiner::KeyPair, .. } => {
                return unfit(step);
            }
            Step::JoinTable { kind, input, other, joiner, name, grace: None } => {
                let (stream, table) = (self.stream(input)?, self.table(other)?);
                match kind {
                    JoinKind::Inner => {
                        stream.join(table, move |left, right| joiner.apply(&None, &Some(left), &Some(right)))
                    }
                    JoinKind::Left => {
                        stream.left_join(table, move |left, right| joiner.apply(&None, &Some(left), &right))
                    }
                    JoinKind::Outer => return unfit(step),
                }
                .maybe_named(name.as_ref())
            }
            Step::JoinGlobal { kind, input, other, key: make, joiner, name } => {
                let Handle::GlobalTable(table) = self.get(other)? else {
                    return Err(format!("step {other} is no global table"));
                };
                let stream = self.stream(input)?;
                let key = move |key: &_, value: &crate::text::Text| make.apply(key, &Some(value.clone()));
                match kind {
                    JoinKind::Inner => stream
                        .join_global(table, key, move |left, right| joiner.apply(&None, &Some(left), &Some(right))),
                    JoinKind::Left => {
                        stream.left_join_global(table, key, move |left, right| joiner.apply(&None, &Some(left), &right))
                    }
                    JoinKind::Outer => return unfit(step),
                }
                .maybe_named(name.as_ref())
            }
            _ => return unfit(step),
        };
        Ok(Handle::Stream(joined))
    }
}
