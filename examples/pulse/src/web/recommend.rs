//! `GET /recommend/user/{user}` and `GET /recommend/after?page=..`: what to show to a visitor next, from the application's
//! stores.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use millstream::query::QueryError;
use millstream::runtime::Handle;
use serde::{Deserialize, Serialize};

use super::{Refusal, Served};
use crate::events::{UserId, pairs_of};
use crate::recommend::{AT_MOST, Follower, Recommended, most_popular, recommend};
use crate::topology::{ALSO_VIEWED_STORE, PAGE_TOTALS_STORE, RECENT_STORE, is_product};

/// So many followers of a product are looked at.
const FOLLOWERS_MAX: usize = 1_000;

/// What is recommended, and why.
#[derive(Serialize)]
pub(super) struct ForUser {
    user: u64,
    /// The products that the visitor has viewed last, newest first.
    viewed: Vec<String>,
    /// `viewed` or, if the visitor has viewed none or nothing is known of those, `popular`.
    because: &'static str,
    recommended: Vec<Recommended>,
}

/// What to recommend to a visitor.
pub(super) async fn for_user(
    State(served): State<Served>,
    user: Result<Path<u64>, PathRejection>,
) -> Result<Json<ForUser>, Refusal> {
    let Path(user) = user.map_err(|_| Refusal::bad_request("a visitor is a number, as in /recommend/user/1001"))?;
    let viewed = served.app.query(&RECENT_STORE)?.get(UserId(user)).await?.unwrap_or_default().pages;
    let mut lists = Vec::new();
    for page in &viewed {
        lists.push(followers(&served.app, page).await?);
    }
    let recommended = recommend(&viewed, &lists);
    if recommended.is_empty() {
        let recommended = popular(&served.app, &viewed).await?;
        return Ok(Json(ForUser { user, viewed, because: "popular", recommended }));
    }
    Ok(Json(ForUser { user, viewed, because: "viewed", recommended }))
}

#[derive(Deserialize)]
pub(super) struct Of {
    page: String,
}

/// What others have viewed after a product.
#[derive(Serialize)]
pub(super) struct After {
    page: String,
    also_viewed: Vec<Also>,
}

#[derive(Serialize)]
struct Also {
    page: String,
    times: i64,
}

/// What others have viewed soon after this product, most often first.
pub(super) async fn after(
    State(served): State<Served>,
    of: Result<Query<Of>, QueryRejection>,
) -> Result<Json<After>, Refusal> {
    let hint = "a product's page is needed, as in /recommend/after?page=/products/tent";
    let Query(Of { page }) = of.map_err(|_| Refusal::bad_request(hint))?;
    if !is_product(&page) {
        return Err(Refusal::bad_request(hint));
    }
    let mut also: Vec<Follower> = followers(&served.app, &page).await?;
    also.sort_by(|(left_page, left), (right_page, right)| right.cmp(left).then(left_page.cmp(right_page)));
    also.truncate(AT_MOST);
    let also_viewed = also.into_iter().map(|(page, times)| Also { page, times }).collect();
    Ok(Json(After { page, also_viewed }))
}

async fn followers(app: &Handle, page: &str) -> Result<Vec<Follower>, QueryError> {
    let prefix = pairs_of(page);
    let pairs = app.query(&ALSO_VIEWED_STORE)?.prefixed(&prefix).limit(FOLLOWERS_MAX).await?;
    Ok(pairs.into_iter().filter_map(|(pair, count)| Some((pair.strip_prefix(&prefix)?.to_owned(), count))).collect())
}

/// The products that are viewed most, without those that the visitor has viewed.
async fn popular(app: &Handle, viewed: &[String]) -> Result<Vec<Recommended>, QueryError> {
    let totals = app.query(&PAGE_TOTALS_STORE)?.all().await?;
    let products = totals.iter().filter(|(page, _)| is_product(page));
    Ok(most_popular(viewed, products.map(|(page, counts)| (page.as_str(), counts.views))))
}
