//! One ordered view of two layers of rows.
//!
//! The upper layer has changes, the lower one the rows before them. Both are read only as far as the view is.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::iter::Peekable;

use super::key_range::KeyOrder;

/// The rows of `lower` with the changes of `upper`, in which `None` is a deletion. Both must be in the given order. An
/// error of the lower layer takes the place of its row.
pub(super) struct Layered<U: Iterator, L: Iterator> {
    upper: Peekable<U>,
    lower: Peekable<L>,
    order: KeyOrder,
}

impl<U: Iterator, L: Iterator> Layered<U, L> {
    pub(super) fn new(upper: U, lower: L, order: KeyOrder) -> Self {
        Self { upper: upper.peekable(), lower: lower.peekable(), order }
    }
}

impl<'a, U, L, R, E> Iterator for Layered<U, L>
where
    U: Iterator<Item = (&'a [u8], Option<R>)>,
    L: Iterator<Item = Result<(Cow<'a, [u8]>, R), E>>,
{
    type Item = Result<(Cow<'a, [u8]>, R), E>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((upper, _)) = self.upper.peek() else { return self.lower.next() };
            let place = match self.lower.peek() {
                Some(Ok((lower, _))) => self.order.compare(upper, lower),
                Some(Err(_)) => Ordering::Greater,
                None => Ordering::Less,
            };
            match place {
                Ordering::Greater => return self.lower.next(),
                Ordering::Equal => _ = self.lower.next(),
                Ordering::Less => {}
            }
            if let (key, Some(row)) = self.upper.next()? {
                return Some(Ok((Cow::Borrowed(key), row)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (&'static str, u8);

    /// The view, and the number of rows of the lower layer that were read for it.
    fn read(upper: &[(&'static str, Option<u8>)], lower: &[Row], order: KeyOrder, rows: usize) -> (Vec<Row>, usize) {
        let mut pulled = 0;
        let upper = upper.iter().map(|(key, row)| (key.as_bytes(), *row));
        let lower = lower.iter().map(|(key, row)| Ok::<_, ()>((Cow::Borrowed(key.as_bytes()), *row)));
        let view = Layered::new(upper, lower.inspect(|_| pulled += 1), order);
        let rows = view.take(rows).map(|row| row.map(|(key, row)| (text(&key), row)).unwrap()).collect();
        (rows, pulled)
    }

    fn text(key: &[u8]) -> &'static str {
        String::from_utf8(key.to_vec()).unwrap().leak()
    }

    #[test]
    fn changes_replace_add_and_hide_rows() {
        let upper = [("a", Some(10)), ("b", None), ("c", Some(12)), ("e", None), ("g", Some(16))];
        let lower = [("b", 1), ("c", 2), ("d", 3), ("e", 4), ("f", 5)];
        let expected = [("a", 10), ("c", 12), ("d", 3), ("f", 5), ("g", 16)];
        assert_eq!(read(&upper, &lower, KeyOrder::Ascending, 9).0, expected);
        let reversed = |rows: &[Row]| rows.iter().rev().copied().collect::<Vec<_>>();
        let upper: Vec<_> = upper.into_iter().rev().collect();
        assert_eq!(read(&upper, &reversed(&lower), KeyOrder::Descending, 9).0, reversed(&expected));
    }

    #[test]
    fn no_more_is_read_than_asked_for() {
        let lower: Vec<Row> = ["a", "b", "c", "d", "e", "f"].into_iter().zip(0..).collect();
        let upper = [("a", None), ("b", Some(9)), ("f", None)];
        assert_eq!(read(&upper, &lower, KeyOrder::Ascending, 2), (vec![("b", 9), ("c", 2)], 3));
    }

    #[test]
    fn a_failure_below_comes_in_its_turn() {
        let upper = [(&b"a"[..], Some(1)), (b"c", Some(2))];
        let lower = [Ok((Cow::Borrowed(&b"b"[..]), 3)), Err("broken")];
        let view: Vec<_> = Layered::new(upper.into_iter(), lower.into_iter(), KeyOrder::Ascending).take(3).collect();
        let found = |key: &'static [u8], row| Ok((Cow::Borrowed(key), row));
        assert_eq!(view, [found(b"a", 1), found(b"b", 3), Err("broken")]);
    }
}
