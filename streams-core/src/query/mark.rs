//! How far somebody has followed a store, so that he can go on from there after a break.

use std::fmt;
use std::str::FromStr;

/// How far somebody has followed a store: for each instance that tells about its tasks, which of its lists of changes that
/// was, and the number of the next batch in it.
///
/// A list's number is a new one whenever somebody begins to follow a store that nobody followed, so a mark of another process
/// or another time is not mistaken for one of this list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mark(Vec<(u64, u64)>);

impl Mark {
    pub(crate) fn new(list: u64, next: u64) -> Self {
        Self(vec![(list, next)])
    }

    /// The number of the next batch in one list.
    pub(crate) fn in_list(&self, list: u64) -> Option<u64> {
        self.0.iter().find(|(own, _)| *own == list).map(|(_, next)| *next)
    }

    /// How many lists it is about.
    pub(crate) const fn lists(&self) -> usize {
        self.0.len()
    }
}

impl<'a> FromIterator<&'a Mark> for Mark {
    fn from_iter<T: IntoIterator<Item = &'a Self>>(marks: T) -> Self {
        Self(marks.into_iter().flat_map(|mark| mark.0.iter().copied()).collect())
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (list, next)) in self.0.iter().enumerate() {
            write!(f, "{}{list:x}-{next}", if number == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

/// A text that is no mark. Whoever gives one begins anew, so nobody needs to know what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoMark;

impl FromStr for Mark {
    type Err = NoMark;

    fn from_str(text: &str) -> Result<Self, NoMark> {
        let parse = |part: &str| {
            let (list, next) = part.split_once('-')?;
            Some((u64::from_str_radix(list, 16).ok()?, next.parse().ok()?))
        };
        text.split('.').map(|part| parse(part).ok_or(NoMark)).collect::<Result<Vec<_>, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_leads_back_to_its_mark() {
        let mark = Mark::from_iter(&[Mark::new(u64::MAX, 0), Mark::new(10, u64::MAX)]);
        assert_eq!(mark.to_string(), "ffffffffffffffff-0.a-18446744073709551615");
        assert_eq!(mark.to_string().parse(), Ok(mark.clone()));
        assert_eq!((mark.in_list(10), mark.in_list(9), mark.lists()), (Some(u64::MAX), None, 2));
        for text in ["", "a", "a-", "-1", "a-1.", "x-1", "a-b", "a-1,b-2", "a-18446744073709551616"] {
            assert_eq!(text.parse::<Mark>(), Err(NoMark), "{text:?}");
        }
    }
}
