//! "Did you mean ...?"

/// Short names are similar by chance; below this similarity, a suggestion would only confuse.
const LIKENESS_MIN: f64 = 0.6;

/// A name that differs from a known one by at most this many letters counts as a typo, even where unknown names are
/// accepted.
const TYPO_LETTERS_MAX: usize = 2;

/// The known name that is most similar to this one, if any is similar enough.
pub(super) fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(a, name_a), (b, name_b)| a.total_cmp(b).then_with(|| name_b.cmp(name_a)))
        .map(|(_, candidate)| candidate)
}

/// The known name that was probably meant, for places where unknown names are accepted.
pub(super) fn typo_of<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    closest(name, known).filter(|candidate| strsim::damerau_levenshtein(name, candidate) <= TYPO_LETTERS_MAX)
}
