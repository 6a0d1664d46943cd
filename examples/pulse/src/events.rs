//! The records in the topics: the visitors' events, the users, and the counts.
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

/// What one visitor did in one window.
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
}
