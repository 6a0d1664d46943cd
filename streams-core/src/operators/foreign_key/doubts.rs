//! Which rows of an inner foreign-key join may have lost an answer, so that they have to ask again.
//!
//! An answer to a row that has changed since is ignored, because the changed row has asked itself. But an inner join does
//! not always ask for an answer: a row that refers to nothing does not, and a row that refers to the same key as before
//! only wants to know of a row that is there. If the answer that is ignored then says that there is none, nothing else
//! deletes the result. Kafka Streams leaves it in place until one of the two rows changes again.
//!
//! So what is ignored in this way is noted, and asked again with the next commit. Rows that were certain to get an answer
//! since are remembered, as far as there is room, and need not ask. Nothing depends on that: to ask once too often does no
//! harm.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

use bytes::Bytes;

use crate::operators::{Context, Flush, OperatorError};
use crate::wire::foreign_key::RowHash;

/// How many rows are remembered that are certain to get an answer.
const REMEMBERED: usize = 10_000;

/// The doubts of one task about rows with keys `K`.
pub(super) struct Doubts<K> {
    /// The keys of rows that have to ask again, by their bytes.
    doubtful: BTreeMap<Bytes, K>,
    /// The hashes with which rows asked for an answer in any case, by encoded key.
    certain: HashMap<Bytes, RowHash>,
    /// The keys of these rows from the oldest to the newest.
    order: VecDeque<Bytes>,
}

impl<K> Default for Doubts<K> {
    fn default() -> Self {
        Self { doubtful: BTreeMap::new(), certain: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K> Doubts<K> {
    /// Notes that a row with this hash has asked for an answer in any case.
    pub(super) fn will_be_answered(&mut self, key: &Bytes, hash: RowHash) {
        if self.certain.insert(key.clone(), hash).is_none() {
            self.order.push_back(key.clone());
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.certain.remove(&oldest);
            }
        }
    }

    /// Notes that a row has changed, and may get no answer.
    pub(super) fn may_not_be_answered(&mut self, key: &Bytes) {
        self.certain.remove(key);
    }

    /// Notes that a row, whose hash is this now, has ignored the answer that there is no other row.
    pub(super) fn ignored(&mut self, encoded: &[u8], key: K, hash: RowHash) {
        if self.certain.get(encoded) != Some(&hash) {
            self.doubtful.insert(Bytes::copy_from_slice(encoded), key);
        }
    }
}

/// Asks for an answer in any case, on behalf of the row with a key as it is now.
pub(super) trait AskAgain<K> {
    /// Asks.
    ///
    /// # Errors
    /// When the task cannot go on.
    fn ask_again(&mut self, context: &mut Context, key: &K) -> Result<(), OperatorError>;
}

/// Asks again at commits.
pub(super) struct AskAtCommit<K, A> {
    pub(super) doubts: Rc<RefCell<Doubts<K>>>,
    pub(super) asker: A,
}

impl<K, A: AskAgain<K>> Flush for AskAtCommit<K, A> {
    fn flush(&mut self, context: &mut Context, rows_max: usize) -> Result<bool, OperatorError> {
        for _ in 0..rows_max {
            let next = self.doubts.borrow_mut().doubtful.pop_first();
            let Some((_, key)) = next else { return Ok(false) };
            self.asker.ask_again(context, &key)?;
        }
        Ok(!self.doubts.borrow().doubtful.is_empty())
    }

    fn make_room(&mut self, _: &mut Context, _: usize) -> Result<bool, OperatorError> {
        Ok(true)
    }

    fn drop_clean(&mut self, _: usize) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubtful(doubts: &mut Doubts<u32>) -> Vec<u32> {
        std::mem::take(&mut doubts.doubtful).into_values().collect()
    }

    #[test]
    fn a_row_that_is_certain_of_an_answer_has_no_doubts() {
        let mut doubts = Doubts::default();
        let (key, old, new) = (Bytes::from_static(b"k"), Some([1; 16]), Some([2; 16]));
        doubts.ignored(b"k", 1, old);
        assert_eq!(doubtful(&mut doubts), [1]);
        doubts.will_be_answered(&key, new);
        doubts.ignored(b"k", 1, new);
        assert!(doubtful(&mut doubts).is_empty());
        doubts.ignored(b"k", 1, None);
        assert_eq!(doubtful(&mut doubts), [1], "it has changed since");
        doubts.may_not_be_answered(&key);
        doubts.ignored(b"k", 1, new);
        assert_eq!(doubtful(&mut doubts), [1], "it has changed there and back");
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let mut doubts = Doubts::default();
        for number in 0..REMEMBERED + 5 {
            let key = Bytes::from(number.to_string());
            doubts.will_be_answered(&key, None);
            doubts.will_be_answered(&key, Some([0; 16]));
        }
        assert_eq!((doubts.certain.len(), doubts.order.len()), (REMEMBERED, REMEMBERED));
        doubts.ignored(b"4", 4, Some([0; 16]));
        doubts.ignored(b"5", 5, Some([0; 16]));
        assert_eq!(doubtful(&mut doubts), [4]);
    }
}
