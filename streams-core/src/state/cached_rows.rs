//! Rows side by side, in pieces of equal length: a cache grows and shrinks without moving all of its rows, and takes
//! no more memory than they need.

use super::cached_row::CachedRow;

/// How many rows a piece has.
const PIECE: usize = 128;

/// Rows by their places, which are numbers from 0 on without a gap.
pub(super) struct CachedRows<V> {
    pieces: Vec<Vec<CachedRow<V>>>,
    len: usize,
}

impl<V> CachedRows<V> {
    pub(super) const fn new() -> Self {
        Self { pieces: Vec::new(), len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The row at a place that is less than the length.
    #[inline]
    pub(super) fn get(&self, place: usize) -> &CachedRow<V> {
        &self.pieces[place / PIECE][place % PIECE]
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn get_mut(&mut self, place: usize) -> &mut CachedRow<V> {
        &mut self.pieces[place / PIECE][place % PIECE]
    }

    /// Adds a row behind the others.
    pub(super) fn push(&mut self, cached: CachedRow<V>) {
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < PIECE => piece.push(cached),
            // The only piece of a small cache grows by and by.
            None => self.pieces.push(vec![cached]),
            Some(_) => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.push(cached);
                self.pieces.push(piece);
            }
        }
        self.len += 1;
    }

    /// Takes the row at a place out; the last one moves there.
    pub(super) fn swap_remove(&mut self, place: usize) -> Option<CachedRow<V>> {
        let piece = self.pieces.last_mut()?;
        let last = piece.pop()?;
        if piece.is_empty() {
            self.pieces.pop();
        }
        self.len -= 1;
        if place == self.len { Some(last) } else { Some(std::mem::replace(self.get_mut(place), last)) }
    }
}
