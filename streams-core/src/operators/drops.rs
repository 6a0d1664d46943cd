//! What was dropped on purpose, by node and reason, until the runtime takes it to tell people.

use super::DropReason;

/// A task's drops since they were last taken.
#[derive(Debug, Default)]
pub(super) struct Drops(Vec<Dropped>);

/// How many records a node has dropped for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// The node; the topic, where records could not be read.
    pub(crate) node: Box<str>,
    pub(crate) reason: DropReason,
    pub(crate) count: u64,
    /// Details of the first one, if there are any.
    pub(crate) first: Option<String>,
}

impl Drops {
    /// Counts a drop. `details` are asked for only if it is the first.
    pub(super) fn count(&mut self, node: &str, reason: DropReason, details: impl FnOnce() -> Option<String>) {
        match self.0.iter_mut().find(|dropped| dropped.reason == reason && *dropped.node == *node) {
            Some(dropped) => dropped.count += 1,
            None => self.0.push(Dropped { node: node.into(), reason, count: 1, first: details() }),
        }
    }

    /// Takes everything.
    pub(super) fn take(&mut self) -> Vec<Dropped> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_and_reasons_are_counted_apart_with_the_details_of_the_first() {
        let mut drops = Drops::default();
        for (node, reason, details) in [
            ("a", DropReason::Late, None),
            ("b", DropReason::Late, None),
            ("a", DropReason::Undecodable, Some("offset 7")),
            ("a", DropReason::Undecodable, Some("offset 9")),
            ("a", DropReason::Late, None),
        ] {
            drops.count(node, reason, || details.map(str::to_owned));
        }
        let dropped = |node: &str, reason, count, first: Option<&str>| Dropped {
            node: node.into(),
            reason,
            count,
            first: first.map(str::to_owned),
        };
        let expected = [
            dropped("a", DropReason::Late, 2, None),
            dropped("b", DropReason::Late, 1, None),
            dropped("a", DropReason::Undecodable, 2, Some("offset 7")),
        ];
        assert_eq!(drops.take(), expected);
        assert_eq!(drops.take(), [], "they are taken once");
    }
}
