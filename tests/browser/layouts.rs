//! The dashboard on screens of all sizes, in light and dark.

use crate::application::Shop;
use crate::chromium::Browser;

const PHONE: (u32, u32) = (390, 844);
const LAPTOP: (u32, u32) = (1280, 900);
const WIDE: (u32, u32) = (1600, 1000);

/// Something that each tab shows when it is there.
const TABS: [(&str, &str); 6] = [
    ("live", "document.querySelectorAll('[data-tile=visits] tbody tr').length > 0"),
    ("topology", "[...document.querySelectorAll('.graph .rate')].some((rate) => rate.textContent.endsWith('/s'))"),
    ("state", "document.querySelectorAll('[aria-label=Rows] tbody tr').length > 0"),
    ("tasks", "document.querySelectorAll('[aria-label=Tasks] tbody tr').length > 0"),
    ("errors", "document.querySelectorAll('[aria-label^=\"Dead letters\"] tbody tr').length === 3"),
    ("config", "document.querySelectorAll('[aria-label=Settings] tbody tr').length > 20"),
];

#[test]
fn no_tab_is_wider_than_the_screen() {
    let shop = Shop::open();
    let mut browser = Browser::open(&shop.url());
    for (size, is_dark) in [(PHONE, false), (PHONE, true), (LAPTOP, true), (WIDE, false)] {
        browser.look(size, is_dark);
        for (tab, is_there) in TABS {
            browser.tab(tab);
            browser.wait_for(is_there);
            browser.save(&format!("{tab}-{}{}", size.0, if is_dark { "-dark" } else { "" }));
            let widths = browser.eval("[document.documentElement.scrollWidth, document.documentElement.clientWidth]");
            assert!(widths[0].as_u64() <= widths[1].as_u64(), "{tab} at {size:?}: {widths}");
            let ground = browser.eval("getComputedStyle(document.body).backgroundColor");
            assert_eq!(ground == "rgb(16, 22, 21)", is_dark, "{tab}: {ground}");
        }
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
