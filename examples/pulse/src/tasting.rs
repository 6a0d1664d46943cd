//! How good the recommendations are: whether what a visitor views next is among the ten products that were recommended
//! just before, and whether it is among the ten most popular ones.
//!
//! The visitors' tastes are known to the traffic alone, so this has a right answer that the application cannot look up.

use std::collections::VecDeque;

use crate::recommend::{AT_MOST, followers, most_popular, recommend};
use crate::reference::Numbers;
use crate::topology::is_product;

/// The hit rates are those of the last so many views.
const OVER: usize = 400;

/// So many views are needed for a rate that means anything.
const ENOUGH: usize = 100;

/// The outcome of the last views.
#[derive(Default)]
pub struct Tasting {
    last: VecDeque<(bool, bool)>,
}

/// How often the product that was viewed was among the ten.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct HitRates {
    /// Of the recommended ones, between 0 and 1.
    pub recommended: f64,
    /// Of the most popular ones.
    pub most_popular: f64,
}

impl Tasting {
    /// A visitor who has viewed these products opens another one.
    pub fn taste(&mut self, numbers: &Numbers, viewed: &[String], next: &str) {
        if viewed.is_empty() || !is_product(next) || viewed.iter().any(|page| page == next) {
            return;
        }
        let lists: Vec<_> = viewed.iter().map(|page| followers(&numbers.pairs, page)).collect();
        let is_hit = recommend(viewed, &lists).iter().take(AT_MOST).any(|one| one.page == next);
        let views = numbers.pages.iter().filter(|(page, _)| is_product(page));
        let views = views.map(|(page, counts)| (page.as_str(), counts.views));
        let is_popular = most_popular(viewed, views).iter().any(|one| one.page == next);
        self.last.push_back((is_hit, is_popular));
        if self.last.len() > OVER {
            self.last.pop_front();
        }
    }

    /// The rates, once they mean something.
    pub fn rates(&self) -> Option<HitRates> {
        let share =
            |is: fn(&&(bool, bool)) -> bool| self.last.iter().filter(is).count() as f64 / self.last.len() as f64;
        (self.last.len() >= ENOUGH)
            .then(|| HitRates { recommended: share(|one| one.0), most_popular: share(|one| one.1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{Lengths, Reference};
    use crate::traffic::Traffic;

    #[test]
    fn recommendations_are_three_times_as_good_as_what_is_popular() {
        let lengths = Lengths { window_ms: 1, top_over_ms: 1, top_every_ms: 1, gap_ms: 1, within_ms: [1; 3] };
        let mut reference = Reference::new(&[], lengths, 0, Numbers::default());
        let mut tasting = Tasting::default();
        let mut traffic = Traffic::new(200, 7);
        let mut rates = Vec::new();
        for seconds in [60_i64, 180] {
            for event in traffic.until(seconds * 1_000) {
                if event.clicked.is_none() {
                    let viewed = reference.recent.get(&event.user).map(|recent| recent.pages.clone());
                    tasting.taste(&reference.numbers, &viewed.unwrap_or_default(), &event.page);
                }
                reference.note(&event);
            }
            rates.push(tasting.rates().expect("enough views"));
        }
        for rates in rates {
            assert!(rates.recommended >= 3.0 * rates.most_popular && rates.recommended > 0.6, "{rates:?}");
        }
    }
}
