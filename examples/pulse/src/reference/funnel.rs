//! The funnel that must result: for each view of a product, whether a click, a cart and a purchase have followed in time.
//!
//! A plain search, done again for the visitor's recent views with every event, whatever order the events come in.

use std::collections::BTreeMap;

use crate::events::{Click, UserId};
use crate::topology::{STEPS, is_click, is_payment, is_to_cart};

/// What visitors have done with products lately.
pub struct Chains {
    within_ms: [i64; 3],
    visitors: BTreeMap<UserId, Steps>,
}

#[derive(Default)]
struct Steps {
    views: Vec<Viewed>,
    clicks: Vec<(String, i64)>,
    carts: Vec<(String, i64)>,
    payments: Vec<i64>,
}

struct Viewed {
    page: String,
    at: i64,
    /// The number of steps after the view that were counted.
    counted: usize,
}

impl Chains {
    pub fn new(within_ms: [i64; 3]) -> Self {
        Self { within_ms, visitors: BTreeMap::new() }
    }

    /// Counts a view of a product.
    pub fn view(&mut self, funnel: &mut BTreeMap<String, i64>, user: UserId, page: &str, at: i64) {
        *funnel.entry(STEPS[0].to_owned()).or_default() += 1;
        let steps = self.steps(user, at);
        // Two views at the same moment cannot be told apart.
        if !steps.views.iter().any(|view| view.at == at && view.page == page) {
            steps.views.push(Viewed { page: page.to_owned(), at, counted: 0 });
        }
        self.count(funnel, user);
    }

    /// Counts a click.
    pub fn click(&mut self, funnel: &mut BTreeMap<String, i64>, user: UserId, click: &Click, at: i64) {
        let steps = self.steps(user, at);
        if is_to_cart(click) {
            steps.carts.push((click.page.clone(), at));
        } else if is_click(click) {
            steps.clicks.push((click.page.clone(), at));
        } else if is_payment(click) {
            steps.payments.push(at);
        } else {
            return;
        }
        self.count(funnel, user);
    }

    /// The visitor's steps, without those that nothing can follow any more.
    fn steps(&mut self, user: UserId, now: i64) -> &mut Steps {
        let kept_since = now - self.within_ms.iter().sum::<i64>() - 10_000;
        let steps = self.visitors.entry(user).or_default();
        steps.views.retain(|view| view.at >= kept_since);
        steps.clicks.retain(|(_, at)| *at >= kept_since);
        steps.carts.retain(|(_, at)| *at >= kept_since);
        steps.payments.retain(|at| *at >= kept_since);
        steps
    }

    fn count(&mut self, funnel: &mut BTreeMap<String, i64>, user: UserId) {
        let [click_ms, cart_ms, buy_ms] = self.within_ms;
        let Some(steps) = self.visitors.get_mut(&user) else { return };
        let soon = |at: i64, after: i64, within: i64| at >= after && at <= after + within;
        for view in &mut steps.views {
            let of_page = |steps: &[(String, i64)], after: &[i64], within: i64| -> Vec<i64> {
                let of_page = steps.iter().filter(|(page, _)| *page == view.page).map(|(_, at)| *at);
                of_page.filter(|at| after.iter().any(|after| soon(*at, *after, within))).collect()
            };
            let clicked = of_page(&steps.clicks, &[view.at], click_ms);
            let in_cart = of_page(&steps.carts, &clicked, cart_ms);
            let is_bought = steps.payments.iter().any(|at| in_cart.iter().any(|after| soon(*at, *after, buy_ms)));
            let reached = [!clicked.is_empty(), !in_cart.is_empty(), is_bought].iter().filter(|is| **is).count();
            for step in STEPS.iter().take(reached + 1).skip(view.counted + 1) {
                *funnel.entry((*step).to_owned()).or_default() += 1;
            }
            view.counted = view.counted.max(reached);
        }
    }
}
