//! `windows_of`: gives the windows in keys their length.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Context, Link, Next, OperatorError, Recipe, pass};
use crate::record::Record;
use crate::windows::WindowSizes;
use crate::wire::Field;

/// Wraps a node, so that the windows in the keys it forwards have these sizes: each ends that long after its start.
#[must_use]
pub(crate) fn recipe<K: Field, V: 'static>(node: Recipe, windows: WindowSizes) -> Recipe {
    node.before_its_children(move |child: Link<K, V>| Rc::new(RefCell::new(WindowEnds { windows, child })))
}

struct WindowEnds<K, V> {
    windows: WindowSizes,
    child: Link<K, V>,
}

impl<K: Field, V> Next<K, V> for WindowEnds<K, V> {
    #[inline]
    fn process(&mut self, context: &mut Context, mut record: Record<K, V>) -> Result<(), OperatorError> {
        record.key.set_window_sizes(self.windows.as_slice());
        pass(&self.child, context, record)
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::peek;
    use crate::operators::testing::{Chain, Word, at};
    use crate::record::Timestamp;
    use crate::windows::{Window, WindowSize, WindowSizes, Windowed};

    fn within<K>(key: K, start: i64, end: i64) -> Windowed<K> {
        Windowed { key, window: Window { start: Timestamp(start), end: Timestamp(end) } }
    }

    #[test]
    fn windows_end_where_it_was_said_on_the_way_to_every_child() {
        type Key = Option<Windowed<Windowed<Word>>>;
        let node = peek::recipe::<Key, i64>(|_, _| {});
        let recipe = super::recipe::<Key, i64>(
            node,
            WindowSizes::NONE.around(WindowSize::Millis(100)).around(WindowSize::Millis(10)),
        );
        let mut chain = Chain::<Key, i64, Key, i64>::with_children(&recipe, 2);
        chain.send(at(1, Some(within(within("a".into(), 20, 7), 0, i64::MAX)), 1));
        chain.send(at(2, Some(within(within("a".into(), i64::MAX, 0), i64::MAX - 1, 0)), 2));
        chain.send(at(3, None, 3));
        let expected = [
            at(1, Some(within(within("a".into(), 20, 30), 0, 100)), 1),
            at(2, Some(within(within("a".into(), i64::MAX, i64::MAX), i64::MAX - 1, i64::MAX)), 2),
            at(3, None, 3),
        ];
        assert_eq!(chain.received_by(0), expected);
        assert_eq!(chain.received_by(1), expected);
    }
}
