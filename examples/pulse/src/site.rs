//! The web site that the simulated visitors browse, and the users' names and countries.
//!
//! Nothing of this is known to the application: neither that there are tastes, nor which products belong to one.

/// A page with its links. Visits start at the first one of [`PAGES`].
pub struct Page {
    /// The path in the site.
    pub path: &'static str,
    /// The elements that can be clicked.
    pub elements: &'static [&'static str],
    /// Where visitors go next, with weights.
    pub links: &'static [(To, u32)],
}

/// Where a link leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// To one of [`PAGES`].
    Page(usize),
    /// To a product that the visitor likes.
    Product,
}

/// The page of the cart.
pub const CART: usize = 3;

/// All pages but those of products.
pub const PAGES: [Page; 9] = [
    Page { path: "/", elements: &["logo", "banner"], links: &[(To::Page(1), 5), (To::Page(2), 8), (To::Product, 6)] },
    Page { path: "/search", elements: &["box", "filter"], links: &[(To::Product, 10), (To::Page(1), 2)] },
    Page { path: "/products", elements: &["filter", "next"], links: &[(To::Product, 12), (To::Page(0), 1)] },
    Page { path: "/cart", elements: &["remove"], links: &[(To::Page(4), 6), (To::Product, 4)] },
    Page { path: "/checkout", elements: &["address", "pay", "pay"], links: &[(To::Page(5), 6), (To::Page(7), 1)] },
    Page { path: "/thanks", elements: &["share"], links: &[(To::Page(0), 3), (To::Page(8), 2)] },
    Page { path: "/blog", elements: &["article", "share"], links: &[(To::Page(0), 3), (To::Product, 1)] },
    Page { path: "/help", elements: &["chat"], links: &[(To::Page(0), 3), (To::Page(8), 1)] },
    Page { path: "/account", elements: &["orders", "logout"], links: &[(To::Page(2), 3), (To::Page(6), 2)] },
];

/// What can be clicked on a product's page.
pub const PHOTO: &str = "photo";
/// What puts a product into the cart.
pub const ADD_TO_CART: &str = "add-to-cart";

/// Where visitors go from a product: most of them to another one.
pub const PRODUCT_LINKS: [(To, u32); 3] = [(To::Product, 20), (To::Page(2), 2), (To::Page(1), 1)];

/// The products by taste. Each visitor has one taste, and rarely looks at anything else.
pub const TASTES: [[&str; 9]; 8] = [
    ["pan", "kettle", "whisk", "ladle", "apron", "oven", "spoon", "plate", "grater"],
    ["spade", "rake", "seeds", "hose", "gloves", "bench", "fence", "pots", "shears"],
    ["guitar", "drum", "violin", "strings", "amp", "piano", "flute", "tuner", "banjo"],
    ["tent", "lantern", "stove", "compass", "rope", "boots", "map", "flask", "hammock"],
    ["novel", "atlas", "comic", "diary", "poems", "puzzle", "cookbook", "shelf", "bookmark"],
    ["racket", "ball", "skates", "helmet", "whistle", "net", "goggles", "kayak", "dumbbell"],
    ["robot", "kite", "blocks", "doll", "train", "marbles", "yoyo", "crayons", "drone"],
    ["desk", "lamp", "chair", "stapler", "folder", "monitor", "pen", "clock", "drawer"],
];

/// All products.
pub const PRODUCTS: usize = TASTES.len() * TASTES[0].len();

/// The path of a product's page.
pub fn product_path(product: usize) -> String {
    let [taste, rank] = [product / TASTES[0].len(), product % TASTES[0].len()];
    let name = TASTES.get(taste).map_or("", |names| names[rank]);
    format!("/products/{name}")
}

/// Whether a page of the site has this path.
pub fn is_known_page(path: &str) -> bool {
    PAGES.iter().any(|page| page.path == path)
        || path.strip_prefix("/products/").is_some_and(|name| TASTES.as_flattened().contains(&name))
}

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
