//! Which rows of a cache are not written yet, and in which order they changed last.
//!
//! A change costs a number and a bit. The order is made when it is asked for, by sorting the numbers: a row that
//! changes a thousand times between two flushes pays once.

/// Places of dirty rows, and the numbers of their last changes.
#[derive(Debug, Default)]
pub(super) struct DirtyRows {
    /// A bit per place.
    bits: Vec<u64>,
    count: usize,
    /// The number of the next change.
    next: u32,
    /// Number and place of the rows that are being taken, the last to be taken first.
    queue: Vec<(u32, u32)>,
}

impl DirtyRows {
    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Notes that the row at a place has changed, and returns the change's number, which the caller keeps.
    #[inline]
    pub(super) fn note(&mut self, place: usize, is_dirty: bool) -> u32 {
        if !is_dirty {
            self.count += 1;
            self.set(place, true);
        }
        let number = self.next;
        // It begins again at 0 whenever everything is written.
        self.next = number.saturating_add(1);
        number
    }

    /// Notes that the row at a place, which was dirty, is written.
    pub(super) fn remove(&mut self, place: usize) {
        self.count -= 1;
        self.set(place, false);
        if self.count == 0 {
            // Numbers are given out again from now on, so none may be left in the queue.
            self.next = 0;
            self.queue = Vec::new();
        }
    }

    /// Notes that the dirty row whose last change had that number has moved to another place.
    pub(super) fn moved(&mut self, from: usize, to: usize, number: u32) {
        self.set(from, false);
        self.set(to, true);
        let queued = self.queue.partition_point(|(other, _)| *other > number);
        let mut same = self.queue.iter_mut().skip(queued).take_while(|(other, _)| *other == number);
        if let Some((_, place)) = same.find(|(_, place)| *place == small(from)) {
            *place = small(to);
        }
    }

    /// The row that changed longest ago; `number` tells the last change of the row at a place.
    pub(super) fn first(&mut self, number: impl Fn(usize) -> u32) -> Option<usize> {
        loop {
            if self.count == 0 {
                return None;
            }
            if self.queue.is_empty() {
                self.queue = self.places().map(|place| (number(place), small(place))).collect();
                self.queue.sort_unstable_by(|left, right| right.cmp(left));
            }
            let (changed, place) = self.queue.pop()?;
            let place = place as usize;
            // Written since, or changed again: then its turn comes later.
            if self.contains(place) && number(place) == changed {
                return Some(place);
            }
        }
    }

    /// All of them, in no order that means anything.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.bits.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(index * 64 + bit)
            })
        })
    }

    fn contains(&self, place: usize) -> bool {
        self.bits.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    #[inline]
    fn set(&mut self, place: usize, dirty: bool) {
        let index = place / 64;
        if index >= self.bits.len() {
            self.bits.resize(index + 1, 0);
        }
        if let Some(word) = self.bits.get_mut(index) {
            let bit = 1 << (place % 64);
            *word = if dirty { *word | bit } else { *word & !bit };
        }
    }
}

/// Places are kept in four bytes.
#[allow(clippy::cast_possible_truncation, reason = "four billion rows of a hundred bytes do not fit into memory")]
pub(super) const fn small(place: usize) -> u32 {
    place as u32
}
