//! "Did you mean ...?"

/// Shorter names differ by chance; below this likeness a suggestion would only puzzle.
const LIKENESS_MIN: f64 = 0.6;

/// A name that differs from a known one by so few letters is taken for a typo even where unknown names
/// are let through.
const TYPO_LETTERS_MAX: usize = 2;

/// The known name that is most like this one, if any is.
pub(super) fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(a, name_a), (b, name_b)| a.total_cmp(b).then_with(|| name_b.cmp(name_a)))
        .map(|(_, candidate)| candidate)
}

/// The known name that this one was probably meant to be; for places where unknown names are let through.
pub(super) fn typo_of<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    closest(name, known).filter(|candidate| strsim::damerau_levenshtein(name, candidate) <= TYPO_LETTERS_MAX)
}
