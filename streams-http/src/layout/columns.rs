//! Where the shapes of each layer are, from left to right: as near to those that they are connected with as their order and their
//! widths allow.
//!
//! Each shape wants to be in the middle of its neighbours in other layers. Of a layer, those that would get too close become a
//! block, which is where its members together want to be. That is the best place that keeps order and gaps (isotonic
//! regression), and a few rounds down and up through all layers settle the rest.

use std::collections::BTreeMap;

use super::{Arrow, GAP};

/// How often it goes down and up through all layers.
const ROUNDS: usize = 30;

/// How much a shape without neighbours wants to stay where it is.
const AT_EASE: f64 = 0.05;

/// A shape of a layer, by its place in the drawing's list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) shape: usize,
    pub(super) width: f64,
}

/// Which neighbours a shape looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Towards {
    Above,
    Below,
    Both,
}

impl Towards {
    const fn includes(self, own: usize, other: usize) -> bool {
        match self {
            Self::Above => other < own,
            Self::Below => other > own,
            Self::Both => other != own,
        }
    }
}

/// The middles of all shapes of these layers.
pub(super) fn columns(layers: &[Vec<Member>], arrows: &[Arrow]) -> BTreeMap<usize, f64> {
    let mut places = Places::of(layers, arrows);
    for _ in 0..ROUNDS {
        (0..).zip(layers).for_each(|(number, layer)| places.settle(number, layer, Towards::Above));
        (0..layers.len()).zip(layers).rev().for_each(|(number, layer)| places.settle(number, layer, Towards::Below));
    }
    for _ in 0..ROUNDS {
        (0..).zip(layers).for_each(|(number, layer)| places.settle(number, layer, Towards::Both));
    }
    places.middles
}

struct Places {
    middles: BTreeMap<usize, f64>,
    /// Of each shape, its neighbours, each with the number of its layer.
    neighbours: BTreeMap<usize, Vec<(usize, usize)>>,
}

impl Places {
    /// One beside the other.
    fn of(layers: &[Vec<Member>], arrows: &[Arrow]) -> Self {
        let (mut layer_of, mut middles) = (BTreeMap::new(), BTreeMap::new());
        for (number, layer) in (0..).zip(layers) {
            layer_of.extend(layer.iter().map(|member| (member.shape, number)));
            middles.extend(layer.iter().zip(offsets(layer)).map(|(member, offset)| (member.shape, offset)));
        }
        let mut neighbours: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for (one, other) in arrows.iter().flat_map(|arrow| [(arrow.from, arrow.to), (arrow.to, arrow.from)]) {
            if let Some(layer) = layer_of.get(&other) {
                neighbours.entry(one).or_default().push((other, *layer));
            }
        }
        Self { middles, neighbours }
    }

    /// Moves the shapes of a layer to where they want to be.
    fn settle(&mut self, number: usize, layer: &[Member], towards: Towards) {
        let offsets = offsets(layer);
        let wishes = layer.iter().zip(&offsets).map(|(member, offset)| {
            let (place, weight) = self.wish(member.shape, number, towards);
            Block { sum: (place - offset) * weight, weight, members: 1 }
        });
        let mut blocks: Vec<Block> = Vec::new();
        for mut block in wishes {
            while let Some(before) = blocks.pop_if(|before| before.place() > block.place()) {
                block = before.and(&block);
            }
            blocks.push(block);
        }
        let places = blocks.iter().flat_map(|block| std::iter::repeat_n(block.place(), block.members));
        let moved = layer.iter().zip(offsets).zip(places);
        self.middles.extend(moved.map(|((member, offset), place)| (member.shape, place + offset)));
    }

    /// Where a shape wants to be, and how much.
    fn wish(&self, shape: usize, layer: usize, towards: Towards) -> (f64, f64) {
        let others = self.neighbours.get(&shape).into_iter().flatten();
        let (mut sum, mut many) = (0.0, 0.0);
        for (other, _) in others.filter(|(_, other_layer)| towards.includes(layer, *other_layer)) {
            sum += self.middle(*other);
            many += 1.0;
        }
        if many > 0.0 { (sum / many, many) } else { (self.middle(shape), AT_EASE) }
    }

    fn middle(&self, shape: usize) -> f64 {
        self.middles.get(&shape).copied().unwrap_or_default()
    }
}

/// Shapes side by side, with nothing but gaps between them.
#[derive(Debug, Clone, Copy)]
struct Block {
    /// Of the places that its members want, each times its weight.
    sum: f64,
    weight: f64,
    members: usize,
}

impl Block {
    fn place(&self) -> f64 {
        self.sum / self.weight
    }

    fn and(&self, other: &Self) -> Self {
        let members = self.members + other.members;
        Self { sum: self.sum + other.sum, weight: self.weight + other.weight, members }
    }
}

/// The middles of a layer's shapes if there is nothing but gaps between them, and the first one is at 0.
fn offsets(layer: &[Member]) -> Vec<f64> {
    let (mut offsets, mut last) = (Vec::with_capacity(layer.len()), None::<(f64, f64)>);
    for member in layer {
        let offset = last.map_or(0.0, |(offset, width)| offset + f64::midpoint(width, member.width) + GAP);
        offsets.push(offset);
        last = Some((offset, member.width));
    }
    offsets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(shapes: &[(usize, f64)]) -> Vec<Member> {
        shapes.iter().map(|(shape, width)| Member { shape: *shape, width: *width }).collect()
    }

    fn arrows(pairs: &[(usize, usize)]) -> Vec<Arrow> {
        pairs.iter().map(|(from, to)| Arrow { from: *from, to: *to, kind: "records", sink: None }).collect()
    }

    /// Regression: chains beside each other were pulled far apart, because each was as wide as its widest shape.
    #[test]
    fn chains_are_straight_and_side_by_side() {
        let layers = [layer(&[(0, 50.0), (1, 200.0)]), layer(&[(2, 200.0), (3, 50.0)]), layer(&[(4, 50.0), (5, 50.0)])];
        let places = columns(&layers, &arrows(&[(0, 2), (2, 4), (1, 3), (3, 5)]));
        let close = |one: usize, other: usize, distance: f64| {
            let found = places[&other] - places[&one];
            assert!((found - distance).abs() < 1.0, "from {one} to {other}: {found}, and not {distance}");
        };
        for (one, other) in [(0, 2), (2, 4), (1, 3), (3, 5)] {
            close(one, other, 0.0);
        }
        close(0, 1, 125.0 + GAP);
    }

    #[test]
    fn who_has_many_is_in_their_middle() {
        let layers = [layer(&[(0, 100.0)]), layer(&[(1, 30.0), (2, 30.0), (3, 30.0)])];
        let places = columns(&layers, &arrows(&[(0, 1), (0, 2), (0, 3), (3, 3)]));
        assert!((places[&0] - places[&2]).abs() < 0.01, "{places:?}");
        assert!(((places[&3] - places[&1]) - 2.0 * (30.0 + GAP)).abs() < 0.01, "{places:?}");
    }

    #[test]
    fn what_is_connected_with_nothing_stays_in_its_place() {
        let places = columns(&[layer(&[(7, 10.0), (8, 10.0)]), Vec::new()], &arrows(&[(7, 99)]));
        assert_eq!(places.into_iter().collect::<Vec<_>>(), [(7, 0.0), (8, 10.0 + GAP)]);
    }
}
