//! `validate`: refuses records whose values break rules, and says which.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::{BuiltNode, Context, Next, OperatorError, Outputs, Recipe};
use crate::record::Record;

/// A rule that a record's value breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The field, for instance `email`, `address.zip` within another one, or `lines[2].amount` within a list. Empty if the
    /// rule is about the value as a whole.
    pub field: String,
    /// The rule's name, for programs, for instance `min`.
    pub code: String,
    /// What the rule compares with, if it does, for instance `18`.
    pub param: Option<String>,
    /// A sentence for people.
    pub message: String,
}

impl Violation {
    /// A violation without a parameter.
    #[must_use]
    pub fn new(field: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), code: code.into(), param: None, message: message.into() }
    }

    /// Adds what the rule compares with.
    #[must_use]
    pub fn with_param(mut self, param: impl fmt::Display) -> Self {
        self.param = Some(param.to_string());
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, code, param, message } = self;
        match param {
            Some(param) => write!(f, "{field} ({code} {param}): {message}"),
            None => write!(f, "{field} ({code}): {message}"),
        }
    }
}

/// All of them as one sentence.
pub(super) fn told(violations: &[Violation]) -> String {
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Forwards a `Record<K, V>` as it is, unless `rules` has something to say about its value: then the record is refused.
pub(crate) fn recipe<K, V, I>(rules: impl Fn(&V) -> I + Send + Sync + 'static) -> Recipe
where
    K: Clone + 'static,
    V: Clone + 'static,
    I: IntoIterator<Item = Violation>,
{
    let rules = Arc::new(rules);
    Recipe::new(move |builder| {
        let (node, outputs) = (Arc::clone(builder.name()), builder.outputs::<K, V>()?);
        Ok(BuiltNode::link::<K, V>(Validate { node, rules: Arc::clone(&rules), outputs }))
    })
}

struct Validate<K, V, F> {
    node: Arc<str>,
    rules: Arc<F>,
    outputs: Outputs<K, V>,
}

impl<K, V, I, F> Next<K, V> for Validate<K, V, F>
where
    K: Clone,
    V: Clone,
    I: IntoIterator<Item = Violation>,
    F: Fn(&V) -> I,
{
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let violations: Vec<_> = (self.rules)(&record.value).into_iter().collect();
        if violations.is_empty() {
            return self.outputs.forward(context, record);
        }
        Err(OperatorError::Invalid { node: self.node.to_string(), violations })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::{Chain, at};

    #[test]
    fn a_record_that_breaks_rules_is_refused_with_all_of_them_and_goes_nowhere() {
        let recipe = recipe::<&str, i64, _>(|age: &i64| {
            let old_enough = (*age < 18).then(|| Violation::new("age", "min", "too young").with_param(18));
            let even = (*age % 2 != 0).then(|| Violation::new("age", "even", "odd"));
            old_enough.into_iter().chain(even)
        });
        let mut chain = Chain::<&str, i64, &str, i64>::new(&recipe);
        chain.send(at(1, "ada", 36));
        let error = chain.try_send(at(2, "bob", 17)).unwrap_err();
        let told = "NODE: the record is not valid: age (min 18): too young; age (even): odd";
        assert_eq!(error.to_string(), told);
        assert_eq!(chain.received(), [at(1, "ada", 36)]);
    }
}
