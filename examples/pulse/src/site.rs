//! The web site that the simulated visitors browse, and the users' names and countries.

/// A page with its links.
pub struct Page {
    /// The path in the site.
    pub path: &'static str,
    /// The elements that can be clicked.
    pub elements: &'static [&'static str],
    /// The pages that visitors open next, as indexes with weights.
    pub links: &'static [(usize, u32)],
}

/// All pages. Visits start at the first.
pub const PAGES: [Page; 12] = [
    Page { path: "/", elements: &["logo", "banner", "menu"], links: &[(1, 6), (2, 8), (9, 3), (10, 1)] },
    Page { path: "/search", elements: &["box", "filter"], links: &[(3, 4), (4, 3), (5, 2), (1, 3)] },
    Page { path: "/products", elements: &["filter", "next"], links: &[(3, 5), (4, 4), (5, 3), (2, 2)] },
    Page { path: "/products/lamp", elements: &["photo", "buy"], links: &[(6, 4), (2, 4), (4, 2)] },
    Page { path: "/products/chair", elements: &["photo", "buy"], links: &[(6, 3), (2, 4), (5, 2)] },
    Page { path: "/products/desk", elements: &["photo", "buy"], links: &[(6, 2), (2, 4), (3, 2)] },
    Page { path: "/cart", elements: &["remove", "pay"], links: &[(7, 5), (2, 4), (0, 1)] },
    Page { path: "/checkout", elements: &["address", "pay"], links: &[(8, 6), (6, 2), (10, 1)] },
    Page { path: "/thanks", elements: &["share"], links: &[(0, 3), (11, 2)] },
    Page { path: "/blog", elements: &["article", "share"], links: &[(9, 4), (0, 3), (3, 1)] },
    Page { path: "/help", elements: &["chat"], links: &[(0, 3), (11, 1)] },
    Page { path: "/account", elements: &["orders", "logout"], links: &[(0, 3), (2, 2)] },
];

/// First names.
pub const FIRST_NAMES: [&str; 20] = [
    "Ada", "Bo", "Chidi", "Dina", "Emre", "Fay", "Goran", "Hana", "Ines", "Jun", "Kofi", "Lena", "Mats", "Nora",
    "Omar", "Pia", "Quinn", "Rosa", "Sami", "Tara",
];

/// Last names.
pub const LAST_NAMES: [&str; 15] = [
    "Abe", "Berg", "Costa", "Dahl", "Eze", "Fujita", "Garcia", "Haas", "Iyer", "Jansen", "Kowal", "Lund", "Moreau",
    "Novak", "Okoro",
];

/// Countries, weighted by the number of users who live there.
pub const COUNTRIES: [(&str, u32); 9] = [
    ("Brazil", 14),
    ("Canada", 8),
    ("France", 10),
    ("Germany", 16),
    ("India", 20),
    ("Japan", 12),
    ("Kenya", 7),
    ("Norway", 5),
    ("Poland", 8),
];
