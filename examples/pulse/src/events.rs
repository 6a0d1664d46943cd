//! The records in the topics: the visitors' events, the users, the counts, and what is
//! kept to count them.
//!
//! Every type chooses its wire format: `#[streams(json)]` makes a topic readable with any Kafka tool.

use millstream::prelude::*;
use serde::{Deserialize, Serialize};

/// A visitor. On the wire: eight bytes, as Java's `Long`.
#[derive(Key, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub u64);

/// A visitor opened a page.
#[derive(Value, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct View {
    /// The page's path.
    pub page: String,
}

/// A visitor clicked on something.
#[derive(Value, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Click {
    /// The page's path.
    pub page: String,
    /// The name of what was clicked.
    pub element: String,
}

/// A row of the users table. Guests have none.
#[derive(Value, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct User {
    /// First and last name.
    pub name: String,
    /// Where the user lives.
    pub country: String,
}

/// What a visitor did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Opened a page.
    View,
    /// Clicked on something.
    Click,
}

/// A view or a click, joined with the visitor's row in the users table.
#[derive(Value, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Activity {
    /// View or click.
    pub action: Action,
    /// The page's path.
    pub page: String,
    /// `None` means a guest.
    pub user: Option<User>,
}

impl Activity {
    /// A view before the join.
    pub fn of_view(view: View) -> Self {
        Self { action: Action::View, page: view.page, user: None }
    }

    /// A click before the join.
    pub fn of_click(click: Click) -> Self {
        Self { action: Action::Click, page: click.page, user: None }
    }

    /// The same activity after the join.
    pub fn by(self, user: Option<User>) -> Self {
        Self { user, ..self }
    }

    /// 1 if it is a view, 0 if it is a click.
    pub fn views(&self) -> i64 {
        i64::from(self.action == Action::View)
    }

    /// The user's country, or [`GUEST`].
    pub fn country(&self) -> &str {
        self.user.as_ref().map_or(GUEST, |user| &user.country)
    }
}

/// Used as the country of visitors without a row in the users table.
pub const GUEST: &str = "(guests)";

/// How often a page was viewed and clicked on, in total or in one window.
#[derive(Value, Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct PageCounts {
    /// How often it was opened.
    pub views: i64,
    /// How often something on it was clicked.
    pub clicks: i64,
}

impl PageCounts {
    /// Counts one more activity.
    pub fn add(&mut self, activity: Activity) {
        match activity.action {
            Action::View => self.views += 1,
            Action::Click => self.clicks += 1,
        }
    }
}

/// What one visitor did in one session.
#[derive(Value, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Visit {
    /// `None` means a guest.
    pub user: Option<User>,
    /// The last page that the visitor was on.
    pub page: String,
    /// The number of views and clicks.
    pub actions: i64,
}

impl Visit {
    /// Counts one more activity.
    pub fn add(&mut self, activity: Activity) {
        self.actions += 1;
        self.page = activity.page;
        self.user = activity.user;
    }

    /// First and last name; guests have a number instead.
    pub fn name(&self, id: UserId) -> String {
        self.user.as_ref().map_or_else(|| format!("guest {}", id.0), |user| user.name.clone())
    }

    /// The user's country, or [`GUEST`].
    pub fn country(&self) -> &str {
        self.user.as_ref().map_or(GUEST, |user| &user.country)
    }

    /// This session and a later one as one.
    pub fn and_then(self, later: Self) -> Self {
        Self { actions: self.actions + later.actions, ..later }
    }
}

/// A view of a product, by a visitor who may buy it.
#[derive(Value, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Interest {
    /// The product's page.
    pub page: String,
    /// When it was viewed, in milliseconds since the Unix epoch.
    pub viewed_at: i64,
}

impl Interest {
    /// The same view, if the click is on the same product.
    pub fn and_click(self, click: Click) -> Option<Self> {
        (self.page == click.page).then_some(self)
    }

    /// Tells the views of a visitor apart.
    pub fn id(_: &UserId, interest: &Self) -> String {
        format!("{} {}", interest.viewed_at, interest.page)
    }
}

/// The products that a visitor has viewed last, newest first.
#[derive(Value, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[streams(json)]
pub struct Recent {
    /// The products' pages, each once.
    pub pages: Vec<String>,
}

impl Recent {
    /// How many products are remembered.
    pub const LENGTH: usize = 5;

    /// Remembers one more view.
    pub fn add(&mut self, view: View) {
        self.pages.retain(|page| *page != view.page);
        self.pages.insert(0, view.page);
        self.pages.truncate(Self::LENGTH);
    }

    /// The newest product as the second one of a pair with each of the others.
    pub fn pairs(&self) -> impl Iterator<Item = String> {
        let (newest, before) =
            self.pages.split_first().map_or((None, &[][..]), |(newest, before)| (Some(newest), before));
        newest.into_iter().flat_map(|newest| before.iter().map(move |page| pair(page, newest)))
    }
}

/// The key of two products that are viewed after each other.
pub fn pair(first: &str, second: &str) -> String {
    format!("{first} > {second}")
}

/// The first part of the keys of all pairs that begin with this product.
pub fn pairs_of(first: &str) -> String {
    pair(first, "")
}

/// What is usual for a page, in views per window.
#[derive(Value, Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[streams(json)]
pub struct Usual {
    /// The start of the newest window, in milliseconds since the Unix epoch.
    pub window: i64,
    /// The views in it so far.
    pub views: i64,
    /// The number of windows that the mean is made of, and the newest one.
    pub known: u32,
    /// The mean of the windows before.
    pub mean: f64,
    /// The mean of their squared differences from it.
    pub variance: f64,
    /// The window that was last reported.
    pub reported: Option<i64>,
}

impl Usual {
    /// How far the windows usually are from their mean.
    pub fn deviation(&self) -> f64 {
        self.variance.sqrt()
    }

    /// Takes one more window into account, with a weight between 0 and 1; the first ones count more.
    pub fn learn(&mut self, views: f64, weight: f64) {
        let weight = weight.max(1.0 / f64::from(self.known.max(1)));
        let difference = views - self.mean;
        self.mean += weight * difference;
        self.variance = (1.0 - weight) * (self.variance + weight * difference * difference);
        self.known = self.known.saturating_add(1);
    }
}

/// A page is viewed far more often than usual.
#[derive(Value, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[streams(json)]
pub struct Alert {
    /// The start of the window in which that was noticed, in milliseconds since the Unix epoch.
    pub window: i64,
    /// The views in it when it was noticed.
    pub views: i64,
    /// How many there are usually.
    pub usual: f64,
    /// How many deviations lie between the two.
    pub deviations: f64,
}
