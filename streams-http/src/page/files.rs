//! The files of the page, by their paths.

type Entry = (&'static str, &'static str, &'static [u8]);

pub(super) const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! script {
    ($name:literal) => {
        (concat!("/page/", $name), SCRIPT, include_bytes!(concat!("../../page/", $name)))
    };
}

pub(super) const ALL: &[Entry] = &[
    ("/", "text/html; charset=utf-8", include_bytes!("../../page/index.html")),
    ("/page/style.css", "text/css; charset=utf-8", include_bytes!("../../page/style.css")),
    ("/page/icon.svg", "image/svg+xml", include_bytes!("../../page/icon.svg")),
    script!("app.js"),
    script!("api.js"),
    script!("charts.js"),
    script!("config.js"),
    script!("details.js"),
    script!("dom.js"),
    script!("errors.js"),
    script!("flows.js"),
    script!("format.js"),
    script!("instances.js"),
    script!("live.js"),
    script!("state.js"),
    script!("tasks.js"),
    script!("tiles.js"),
    script!("topology.js"),
];

#[cfg(test)]
mod tests {
    use super::ALL;

    /// A module that is imported and not served would be noticed by nobody but a browser.
    #[test]
    fn everything_that_the_page_loads_is_among_its_files() {
        let paths: Vec<&str> = ALL.iter().map(|(path, ..)| *path).collect();
        for (path, _, bytes) in ALL {
            let text = std::str::from_utf8(bytes).expect("a text");
            let quoted = text.split(['"', '\'', '`']).filter(|part| part.ends_with(".js") || part.ends_with(".css"));
            for part in quoted.filter(|part| !part.contains("${")) {
                let wanted = part.trim_start_matches("./").trim_start_matches("/page/");
                assert!(paths.contains(&&*format!("/page/{wanted}")), "{path} loads {part}");
            }
            assert!(!text.contains("http://") || text.contains("www.w3.org"), "{path} names something outside");
            assert!(!text.contains("https://"), "{path} names something outside");
            assert!(text.lines().count() < 600, "{path} is long");
        }
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/page")).expect("a folder");
        assert_eq!(folder.count(), ALL.len(), "every file is served");
    }
}
