//! The iteration orders of Java's collections.
//!
//! `describe()` prints nodes in the order in which Java's hash sets and trees happen to yield them, and the sort keys
//! change while the trees are filled. Printing the same text therefore takes the same hash function, table sizes and
//! trees.

use std::cmp::Ordering;

/// The iteration order of a `HashSet<String>` whose elements were added one by one.
pub(crate) fn hash_set_order<T: AsRef<str>>(inserted: Vec<T>) -> Vec<T> {
    let mut capacity = 16;
    while inserted.len() > capacity / 4 * 3 {
        capacity *= 2;
    }
    by_bucket(inserted, capacity)
}

/// The iteration order of `new HashSet<String>(set)`.
pub(crate) fn copied_hash_set_order<T: AsRef<str>>(source: Vec<T>) -> Vec<T> {
    let capacity = (source.len() * 4 / 3 + 1).max(16).next_power_of_two();
    by_bucket(source, capacity)
}

/// Elements in the same bucket keep the order of insertion, even when the table grows.
fn by_bucket<T: AsRef<str>>(mut elements: Vec<T>, capacity: usize) -> Vec<T> {
    elements.sort_by_key(|element| {
        let hash = hash_code(element.as_ref());
        (hash ^ (hash >> 16)) as usize & (capacity - 1)
    });
    elements
}

/// `String.hashCode()`.
fn hash_code(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

/// A `TreeSet`: a red-black tree whose shape, and so its order, depends on the results of comparisons at the time when
/// elements were added.
#[derive(Debug, Clone)]
pub(crate) struct TreeSet<T> {
    nodes: Vec<TreeNode<T>>,
    root: Option<usize>,
}

#[derive(Debug, Clone)]
struct TreeNode<T> {
    element: T,
    parent: Option<usize>,
    /// The left and the right one.
    children: [Option<usize>; 2],
    red: bool,
}

const LEFT: usize = 0;
const RIGHT: usize = 1;

impl<T> Default for TreeSet<T> {
    fn default() -> Self {
        Self { nodes: Vec::new(), root: None }
    }
}

impl<T> TreeSet<T> {
    /// Adds an element unless the set has an equal one.
    pub(crate) fn insert(&mut self, element: T, compare: impl Fn(&T, &T) -> Ordering) {
        let mut parent = None;
        let mut side = LEFT;
        let mut at = self.root;
        while let Some(index) = at {
            side = match compare(&element, &self.nodes[index].element) {
                Ordering::Less => LEFT,
                Ordering::Greater => RIGHT,
                Ordering::Equal => return,
            };
            parent = Some(index);
            at = self.nodes[index].children[side];
        }
        let new = self.nodes.len();
        self.nodes.push(TreeNode { element, parent, children: [None; 2], red: true });
        match parent {
            Some(parent) => self.nodes[parent].children[side] = Some(new),
            None => self.root = Some(new),
        }
        self.rebalance(new);
    }

    /// The elements from left to right.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let mut pending = Vec::new();
        let mut at = self.root;
        std::iter::from_fn(move || {
            while let Some(index) = at {
                pending.push(index);
                at = self.nodes[index].children[LEFT];
            }
            let next = pending.pop()?;
            at = self.nodes[next].children[RIGHT];
            Some(&self.nodes[next].element)
        })
    }

    /// Ensures that no red node has a red parent, in the same way as `TreeMap` after an insertion.
    fn rebalance(&mut self, inserted: usize) {
        let mut at = inserted;
        while let Some(parent) = self.nodes[at].parent.filter(|parent| self.nodes[*parent].red) {
            let Some(grandparent) = self.nodes[parent].parent else { break };
            let side = self.side_of(parent, grandparent);
            if let Some(uncle) = self.nodes[grandparent].children[1 - side].filter(|uncle| self.nodes[*uncle].red) {
                self.nodes[parent].red = false;
                self.nodes[uncle].red = false;
                self.nodes[grandparent].red = true;
                at = grandparent;
                continue;
            }
            let mut upper = parent;
            if self.side_of(at, parent) != side {
                upper = at;
                self.rotate(parent, side);
            }
            self.nodes[upper].red = false;
            self.nodes[grandparent].red = true;
            self.rotate(grandparent, 1 - side);
            break;
        }
        if let Some(root) = self.root {
            self.nodes[root].red = false;
        }
    }

    fn side_of(&self, child: usize, parent: usize) -> usize {
        if self.nodes[parent].children[LEFT] == Some(child) { LEFT } else { RIGHT }
    }

    /// Moves a node down to `side`; its child on the other side takes its place.
    fn rotate(&mut self, down: usize, side: usize) {
        let Some(up) = self.nodes[down].children[1 - side] else { return };
        let inner = self.nodes[up].children[side];
        self.nodes[down].children[1 - side] = inner;
        if let Some(inner) = inner {
            self.nodes[inner].parent = Some(down);
        }
        let above = self.nodes[down].parent;
        match above {
            Some(above) => {
                let place = self.side_of(down, above);
                self.nodes[above].children[place] = Some(up);
            }
            None => self.root = Some(up),
        }
        self.nodes[up].parent = above;
        self.nodes[up].children[side] = Some(down);
        self.nodes[down].parent = Some(up);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // All expected values were printed by Java 17.

    #[test]
    fn hash_codes_are_javas() {
        for (text, expected) in
            [("", 0), ("a", 97), ("Aa", 2112), ("KSTREAM-SOURCE-0000000000", 1_861_603_632), ("clicks", -1_357_714_453)]
        {
            assert_eq!(hash_code(text), i32::cast_unsigned(expected), "{text}");
        }
    }

    #[test]
    fn sets_are_in_the_order_of_their_buckets() {
        assert_eq!(
            hash_set_order("payments clicks views users orders".split(' ').collect()),
            ["payments", "clicks", "orders", "views", "users"]
        );
    }

    #[test]
    fn collisions_keep_the_order_of_insertion() {
        assert_eq!(hash_set_order(vec!["BB", "Aa", "a"]), ["BB", "Aa", "a"]);
        assert_eq!(copied_hash_set_order(vec!["Aa", "a", "BB"]), ["Aa", "BB", "a"]);
    }

    #[test]
    fn a_set_that_grew_has_more_buckets() {
        let names = (0..14).map(|number| format!("KSTREAM-MAP-{number:010}")).collect();
        let numbers: Vec<_> = hash_set_order(names).iter().map(|name| name[20..].to_owned()).collect();
        assert_eq!(numbers, ["07", "08", "05", "06", "09", "10", "00", "11", "03", "04", "01", "12", "02", "13"]);
    }

    #[test]
    fn a_tree_with_a_steady_order_is_sorted() {
        let mut tree = TreeSet::default();
        for element in [5, 3, 8, 1, 4, 7, 9, 2, 6, 0, 5] {
            tree.insert(element, Ord::cmp);
        }
        assert_eq!(tree.iter().copied().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_tree_whose_sort_keys_change_meanwhile_is_ordered_as_in_java() {
        let mut sizes = [3, 9, 1, 5, 7, 2, 8];
        let mut tree = TreeSet::default();
        for element in 0..7 {
            tree.insert(element, |left: &usize, right: &usize| {
                sizes[*right].cmp(&sizes[*left]).then_with(|| left.cmp(right))
            });
            sizes[element] += (element * 5) % 7;
            sizes[0] += 2;
        }
        assert_eq!(tree.iter().copied().collect::<Vec<_>>(), [1, 0, 4, 6, 3, 2, 5]);
    }
}
