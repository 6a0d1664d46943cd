//! Where and to whom simulated cards pay.

use crate::records::Place;

/// A city, where everybody pays at the same place.
#[derive(Debug)]
pub struct City {
    latitude: f64,
    longitude: f64,
}

impl City {
    /// Where it is.
    pub const fn place(&self) -> Place {
        Place { latitude: self.latitude, longitude: self.longitude }
    }
}

/// Berlin, Lima, Nairobi, Osaka, Perth, Quebec, Reykjavik and Suva.
pub const CITIES: [City; 8] = [
    City { latitude: 52.520, longitude: 13.405 },
    City { latitude: -12.046, longitude: -77.043 },
    City { latitude: -1.286, longitude: 36.817 },
    City { latitude: 34.694, longitude: 135.502 },
    City { latitude: -31.953, longitude: 115.857 },
    City { latitude: 46.813, longitude: -71.208 },
    City { latitude: 64.147, longitude: -21.942 },
    City { latitude: -18.124, longitude: 178.450 },
];

/// Where everybody may pay.
pub const MERCHANTS: [&str; 6] =
    ["Oak & Ash", "Corner Bakery", "Blue Line Tickets", "Harbour Books", "Good Soil Garden", "Night Owl Pharmacy"];

/// Where nobody should, and one that sounds nearly the same and is not blocked.
pub const BLOCKED: [(&str, &str); 3] =
    [("Lucky Fortune", "Lucky Fortuna"), ("Pixel Gifts", "Pixel Gift"), ("QuickCash 24", "QuickCash 247")];

/// Whose the cards are.
pub const HOLDERS: [&str; 12] = [
    "Ada Berg",
    "Ben Ito",
    "Chi Okoye",
    "Dora Lund",
    "Emil Vega",
    "Fay Moreau",
    "Gus Novak",
    "Hana Sato",
    "Ivo Petrov",
    "Jun Park",
    "Kim Silva",
    "Lea Weber",
];

/// All merchants, and whether they are blocked.
pub fn merchants() -> impl Iterator<Item = (&'static str, bool)> {
    let pairs = BLOCKED.into_iter().flat_map(|(blocked, allowed)| [(blocked, true), (allowed, false)]);
    MERCHANTS.into_iter().map(|name| (name, false)).chain(pairs)
}
