//! What to recommend to a visitor: what others have viewed soon after the same products.
//!
//! A plain function on the counts of pairs. `GET /recommend/user/..` calls it with the rows of the application's stores.

use std::collections::BTreeMap;

/// How many products are recommended.
pub const AT_MOST: usize = 10;

/// A product that was viewed after another one, and how often.
pub type Follower = (String, i64);

/// A product to recommend.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Recommended {
    /// The product's page.
    pub page: String,
    /// Between 0 and the number of products that the visitor has viewed: how likely it is after each of them, in sum.
    pub score: f64,
}

/// The products most likely to be viewed next, best first. There is one list of followers for each product that the visitor
/// has viewed, newest first; the newer ones count more.
pub fn recommend(viewed: &[String], followers: &[Vec<Follower>]) -> Vec<Recommended> {
    let mut scores: BTreeMap<&str, f64> = BTreeMap::new();
    for (age, followers) in followers.iter().enumerate() {
        let all: i64 = followers.iter().map(|(_, count)| *count).sum();
        for (page, count) in followers.iter().filter(|(page, _)| !viewed.contains(page)) {
            *scores.entry(page).or_default() += *count as f64 / all.max(1) as f64 / (1.0 + 0.2 * age as f64);
        }
    }
    best(scores.into_iter().map(|(page, score)| Recommended { page: page.to_owned(), score }))
}

/// The products that are viewed most, for visitors of whom nothing is known, and to compare with.
pub fn most_popular<'a>(viewed: &[String], views: impl IntoIterator<Item = (&'a str, i64)>) -> Vec<Recommended> {
    let others = views.into_iter().filter(|(page, _)| !viewed.iter().any(|viewed| viewed == page));
    best(others.map(|(page, views)| Recommended { page: page.to_owned(), score: views as f64 }))
}

fn best(all: impl Iterator<Item = Recommended>) -> Vec<Recommended> {
    let mut all: Vec<Recommended> = all.collect();
    all.sort_by(|left, right| right.score.total_cmp(&left.score).then_with(|| left.page.cmp(&right.page)));
    all.truncate(AT_MOST);
    all
}

/// The counts of pairs that begin with this product, from all counts.
pub fn followers(pairs: &BTreeMap<String, i64>, page: &str) -> Vec<Follower> {
    let prefix = crate::events::pairs_of(page);
    let of_page = pairs.range(prefix.clone()..).take_while(|(pair, _)| pair.starts_with(&prefix));
    of_page.map(|(pair, count)| (pair[prefix.len()..].to_owned(), *count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs() -> BTreeMap<String, i64> {
        [("/a > /b", 3), ("/a > /c", 1), ("/ab > /x", 100), ("/b > /a", 5), ("/b > /c", 4), ("/b > /d", 1)]
            .map(|(pair, count)| (pair.to_owned(), count))
            .into()
    }

    #[test]
    fn what_follows_all_that_was_viewed_comes_first() {
        let viewed = ["/b".to_owned(), "/a".to_owned()];
        let lists = viewed.each_ref().map(|page| followers(&pairs(), page));
        assert_eq!(lists[1], [("/b".to_owned(), 3), ("/c".to_owned(), 1)], "and not those of /ab");
        let pages = |recommended: Vec<Recommended>| recommended.into_iter().map(|one| one.page).collect::<Vec<_>>();
        assert_eq!(pages(recommend(&viewed, &lists)), ["/c", "/d"]);
        assert_eq!(pages(recommend(&viewed, &[])), [""; 0]);
        assert_eq!(pages(most_popular(&viewed, [("/a", 9), ("/d", 1), ("/c", 1)])), ["/c", "/d"]);
    }
}
