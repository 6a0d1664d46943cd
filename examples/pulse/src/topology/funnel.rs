//! How many of those who look also buy? View, click, cart, purchase: each step within a time of the one before.
//!
//! Joins of streams find the pairs: every click with every view of the same product by the same visitor shortly before.
//! Several clicks do not make several views, so each view counts only once at every step.

use std::time::Duration;

use millstream::prelude::*;

use super::GRACE;
use crate::events::{Click, Interest, UserId, View};

/// Output: how many views of a product have got that far.
pub const FUNNEL: Topic<String, i64> = Topic::new("pulse-funnel");

/// The views by how far they have got.
pub const FUNNEL_STORE: KeyValueStore<String, i64> = KeyValueStore::new("funnel");

/// The steps, in order.
pub const STEPS: [&str; 4] = ["viewed", "clicked", "in the cart", "bought"];

/// How long after the view a click on the product counts.
pub const CLICK_WITHIN: Duration = Duration::from_secs(30);
/// How long after that the product may be put into the cart.
pub const CART_WITHIN: Duration = Duration::from_secs(60);
/// How long after that the visitor may pay.
pub const BUY_WITHIN: Duration = Duration::from_secs(120);

/// No two steps of a view are further apart than this.
const ONCE_WITHIN: Duration = Duration::from_secs(300);

/// Whether this is the path of a product's page.
pub fn is_product(page: &str) -> bool {
    page.starts_with("/products/")
}

/// Whether the click is on a product, other than to buy it.
pub fn is_click(click: &Click) -> bool {
    is_product(&click.page) && !is_to_cart(click)
}

/// Whether the click puts a product into the cart.
pub fn is_to_cart(click: &Click) -> bool {
    is_product(&click.page) && click.element == "add-to-cart"
}

/// Whether the click pays for what is in the cart.
pub fn is_payment(click: &Click) -> bool {
    click.page == "/checkout" && click.element == "pay"
}

pub(super) fn funnel<'t>(views: KStream<'t, UserId, View>, clicks: KStream<'t, UserId, Click>) {
    let later_by_at_most = |time| JoinWindows::of(time).before(Duration::ZERO).grace(GRACE);

    let viewed = views
        .filter(|_, view| is_product(&view.page))
        .process_values((), |(), _, view, out| out.send(Interest { page: view.page, viewed_at: out.timestamp().0 }));
    let clicks_on_it = clicks.filter(|_, click| is_click(click)).within(later_by_at_most(CLICK_WITHIN));
    let clicked = viewed.join(clicks_on_it, Interest::and_click).named("view-click").filter_some();
    let to_cart = clicks.filter(|_, click| is_to_cart(click)).within(later_by_at_most(CART_WITHIN));
    let in_cart = clicked.join(to_cart, Interest::and_click).named("click-cart").filter_some();
    let payments = clicks.filter(|_, click| is_payment(click)).within(later_by_at_most(BUY_WITHIN));
    let bought = in_cart.join(payments, |interest, _| interest).named("cart-buy");

    let once = DistinctWindows::of(ONCE_WITHIN).grace(GRACE);
    let [first, second, third, fourth] = STEPS;
    viewed
        .map_values(move |_| first.to_owned())
        .merge(clicked.distinct_by(once, Interest::id).named("clicked-once").map_values(move |_| second.to_owned()))
        .merge(in_cart.distinct_by(once, Interest::id).named("in-cart-once").map_values(move |_| third.to_owned()))
        .merge(bought.distinct_by(once, Interest::id).named("bought-once").map_values(move |_| fourth.to_owned()))
        .group_by(|_, step| step.clone())
        .named("by-step")
        .count()
        .stored_as(FUNNEL_STORE)
        .live(|tile| tile.funnel("From view to purchase").keys(STEPS).unit("views of products"))
        .to_stream()
        .to(FUNNEL);
}
