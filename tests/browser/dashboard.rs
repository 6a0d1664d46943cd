//! What a person does with the dashboard.

use crate::application::Shop;
use crate::chromium::Browser;

const TILES: &str = "document.querySelectorAll('.tile').length";

#[test]
fn tiles_move_and_everything_comes_from_the_server_itself() {
    let shop = Shop::open();
    let mut browser = Browser::open(&shop.url());
    browser.wait_for(&format!("{TILES} === 7"));
    browser.wait_for_text("#app-state", "RUNNING");
    browser.wait_for_text("#application", "shop");
    let steps = "Number(document.querySelector('[data-tile=steps] .big').textContent.replaceAll(',', ''))";
    browser.wait_for(&format!("{steps} > 20"));
    // The same elements go on, so that nobody loses their place.
    browser.eval("document.querySelector('[data-tile=steps] .big').dataset.mark = 'kept'");
    let before = browser.eval(steps);
    browser.wait_for(&format!("{steps} > {before} + 50"));
    browser.wait_for("document.querySelector('[data-tile=steps] .big').dataset.mark === 'kept'");
    browser.wait_for("document.querySelectorAll('[data-tile=revenue-by-country] .bar-row').length > 2");
    browser.wait_for("document.querySelectorAll('[data-tile=visits] tbody tr').length === 8");
    browser.wait_for("document.querySelector('[data-tile=what-visitors-do] path').getAttribute('d').length > 20");
    browser.wait_for_text("[data-tile=from-view-to-sale] .funnel-row", "100 %");
    let elsewhere: Vec<_> = browser.requests().into_iter().filter(|url| !url.starts_with(&shop.url())).collect();
    assert_eq!(elsewhere.iter().filter(|url| *url != "about:blank").count(), 0, "{elsewhere:?}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn tabs_are_used_by_keyboard_and_have_addresses() {
    let shop = Shop::open();
    let mut browser = Browser::open(&format!("{}/#tasks", shop.url()));
    browser.wait_for("document.querySelector('.view.tasks') !== null");
    // The first two stops of the Tab key are the way to the content and the chosen tab.
    browser.press("Tab", 9);
    browser.press("Tab", 9);
    browser.wait_for("document.activeElement.id === 'tab-tasks'");
    for (key, code, tab) in [
        ("ArrowLeft", 37, "state"),
        ("ArrowRight", 39, "tasks"),
        ("ArrowRight", 39, "errors"),
        ("End", 35, "config"),
        ("ArrowRight", 39, "live"),
        ("ArrowLeft", 37, "config"),
        ("Home", 36, "live"),
    ] {
        browser.press(key, code);
        browser.wait_for(&format!(
            "document.activeElement.id === 'tab-{tab}' && document.querySelector('.view.{tab}') !== null \
             && location.hash.split('/')[0] === '#{tab}' && document.querySelectorAll('[aria-selected=true]').length === 1"
        ));
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_key_is_looked_up_and_a_wrong_one_is_said_to_be_wrong() {
    let shop = Shop::open();
    let mut browser = Browser::open(&format!("{}/#state/steps-in-total", shop.url()));
    browser.wait_for_text("[aria-label='Look up a key'] h2", "steps-in-total");
    browser.enter("[name=key]", "view");
    browser.wait_for_text("[aria-label='The rows of the key'] td", "view");
    browser.enter("[name=key]", "nobody does that");
    browser.wait_for_text("[aria-label='Look up a key']", "There is no row with the key nobody does that");
    browser.wait_for("document.querySelectorAll('[aria-label=Rows] tbody tr').length === 3");
    browser.enter("[name=prefix]", "v");
    browser.wait_for("document.querySelectorAll('[aria-label=Rows] tbody tr').length === 1");
    browser.enter("[name=from]", "a");
    browser.wait_for_text("[aria-label='Browse rows'] .error", "only one of them");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_topology_is_drawn_and_each_part_of_it_says_more() {
    let shop = Shop::open();
    let mut browser = Browser::open(&format!("{}/#topology", shop.url()));
    browser.look((390, 844), false);
    browser.wait_for_text(".graph text", "by-step-repartition");
    browser.eval("document.querySelector('[aria-label=\"topic steps\"]').focus()");
    browser.press("Enter", 13);
    browser.wait_for_text(".details dd", "String, String");
    browser
        .wait_for("[...document.querySelectorAll('.details dd')].some((one) => one.textContent.endsWith('records/s'))");
    let width = "document.querySelector('.graph svg').getBoundingClientRect().width";
    browser.wait_for(&format!("{width} > 700"));
    browser.eval("[...document.querySelectorAll('button')].find((one) => one.textContent === 'Whole drawing').click()");
    browser.wait_for(&format!("{width} <= 390"));
    browser.eval("document.querySelector('[aria-label=\"store steps-in-total\"]').dispatchEvent(new Event('click'))");
    browser.wait_for_text(".details a", "Look at its rows");
    browser.eval("document.querySelector('.details a').click()");
    browser.wait_for_text("[aria-label='Look up a key'] h2", "steps-in-total");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn dead_letters_say_why_and_go_back() {
    let shop = Shop::open();
    let mut browser = Browser::open(&format!("{}/#errors", shop.url()));
    browser.wait_for_text("#tab-errors .count", "3");
    browser.wait_for("document.querySelectorAll('[aria-label^=\"Dead letters\"] tbody tr').length === 3");
    browser.wait_for_text("[aria-label^='Dead letters'] td", "amounts");
    browser.eval("document.querySelector('[aria-label^=\"Replay \"]').click()");
    browser.wait_for_text("[role=status]", "Put back as amounts");
    // It fails again, and is a dead letter that was replayed.
    browser.wait_for_text("[aria-label^='Dead letters'] td small", "replayed");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_server_that_is_gone_is_said_to_be_gone_until_it_is_back() {
    let mut shop = Shop::open();
    let mut browser = Browser::open(&shop.url());
    browser.wait_for(&format!("{TILES} === 7"));
    shop.shut();
    browser.wait_for_text("#notice", "The server does not answer");
    browser.wait_for("[...document.querySelectorAll('.tile')].every((tile) => tile.classList.contains('stale'))");
    browser.save("gone");
    let steps = "Number(document.querySelector('[data-tile=steps] .big').textContent.replaceAll(',', ''))";
    let before = browser.eval(steps);
    browser.tab("state");
    shop.reopen();
    // Whoever has gone on to another tab meanwhile sees it there, too.
    browser.wait_for("document.querySelectorAll('[aria-label=Rows] tbody tr').length > 0");
    browser.tab("live");
    browser.wait_for(&format!("{TILES} === 7"));
    browser.wait_for(&format!("document.querySelector('#notice').hidden && {steps} > {before}"));
    browser.wait_for_text("#app-state", "RUNNING");
}

#[test]
fn a_token_is_asked_for_as_often_as_it_takes() {
    let shop = Shop::serving(|http| http.token("s3cret"));
    let mut browser = Browser::open(&shop.url());
    browser.wait_for("document.querySelector('#token').open");
    browser.save("token");
    browser.enter("#token-text", "wrong");
    browser.wait_for_text("#token-wrong", "This is not the token");
    browser.enter("#token-text", "s3cret");
    browser.wait_for(&format!("!document.querySelector('#token').open && {TILES} === 7"));
    browser.wait_for_text("#app-state", "RUNNING");
    assert!(browser.requests().iter().all(|url| !url.contains("s3cret")));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_programs_own_panel_is_above_the_tiles_and_may_fail() {
    let buttons = "export async function show(element, api) {
        const { state } = await api.get('/api/app');
        const button = element.appendChild(document.createElement('button'));
        button.textContent = `Pause what is ${state}`;
        button.addEventListener('click', () => api.post('/api/app/pause'));
    }";
    let broken = "export function show() { throw new Error('it is broken'); }";
    let shop = Shop::serving(|http| http.panel("buttons", buttons).panel("broken", broken));
    let mut browser = Browser::open(&shop.url());
    browser.wait_for_text("[data-panel=buttons] button", "Pause what is RUNNING");
    browser.wait_for_text("[data-panel=broken]", "it is broken");
    browser.wait_for(&format!("{TILES} === 7"));
    browser.eval("document.querySelector('[data-panel=buttons] button').click()");
    browser.wait_for_text("#app-state", "PAUSED");
}
