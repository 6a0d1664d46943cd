//! Keeps a line that comes again and again from drowning the others.

use std::time::Duration;

/// How long a callsite is silent after it has printed a line.
const SILENCE: Duration = Duration::from_secs(10);

/// What each callsite has printed and held back.
pub(super) struct Limits<C>(Vec<Spoken<C>>);

struct Spoken<C> {
    callsite: C,
    at: Duration,
    held_back: u64,
    last: String,
}

impl<C> Default for Limits<C> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<C: PartialEq> Limits<C> {
    /// The line to print, if it is time for one of this callsite.
    pub(super) fn admit(&mut self, callsite: C, line: String, now: Duration) -> Option<String> {
        let Some(spoken) = self.0.iter_mut().find(|spoken| spoken.callsite == callsite) else {
            self.0.push(Spoken { callsite, at: now, held_back: 0, last: String::new() });
            return Some(line);
        };
        if now.saturating_sub(spoken.at) < SILENCE {
            spoken.held_back += 1;
            spoken.last = line;
            return None;
        }
        spoken.at = now;
        match std::mem::take(&mut spoken.held_back) {
            0 => Some(line),
            more => Some(format!("{line} (and {more} more like this)")),
        }
    }

    /// What was held back, as lines.
    pub(super) fn rest(&mut self) -> Vec<String> {
        let held = self.0.iter_mut().filter(|spoken| spoken.held_back > 0);
        held.map(|spoken| {
            let last = std::mem::take(&mut spoken.last);
            match std::mem::take(&mut spoken.held_back) {
                1 => last,
                more => format!("{last} (and {} more like this)", more - 1),
            }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callsite_speaks_every_ten_seconds_and_tells_how_often_it_did_not() {
        let mut limits = Limits::default();
        let mut admit = |seconds| limits.admit('a', format!("line {seconds}"), Duration::from_secs(seconds));
        let admitted: Vec<_> = [0, 1, 9, 10, 15, 30, 31, 39].into_iter().filter_map(&mut admit).collect();
        assert_eq!(admitted, ["line 0", "line 10 (and 2 more like this)", "line 30 (and 1 more like this)"]);
        assert_eq!(limits.admit('b', "other".to_owned(), Duration::from_secs(39)).as_deref(), Some("other"));
        assert_eq!(limits.rest(), ["line 39 (and 1 more like this)"]);
        assert_eq!(limits.rest(), Vec::<String>::new());
    }
}
