//! What an error says where a program prints it with `Debug`, as `fn main() -> Result<(), Box<dyn Error>>` does.
//!
//! A derived `Debug` prints the names of variants and fields, and the sentence that says what to do is never seen. So the
//! public errors print what they say with `Display`, and the causes that it does not already repeat. Which sentence that
//! is, each error decides.

use std::error::Error;
use std::fmt;

/// Prints an error's own text, then its causes, each unless the text so far has it.
pub fn write_error(error: &dyn Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&told(error))
}

/// What [`write_error`] prints.
pub(crate) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

/// Implements `Debug` for errors so that it prints what they say.
#[doc(hidden)]
#[macro_export]
macro_rules! debug_says_what_display_says {
    ($($error:ty),+ $(,)?) => {
        $(impl ::std::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::__private::write_error(self, f)
            }
        })+
    };
}

#[cfg(test)]
mod tests {
    #[derive(thiserror::Error)]
    enum Outer {
        #[error("the folder cannot be used")]
        Silent(#[source] Inner),
        #[error("the folder cannot be used: {0}")]
        Repeating(#[source] Inner),
        #[error(transparent)]
        Passing(Inner),
    }

    #[derive(thiserror::Error)]
    #[error("it cannot be opened")]
    struct Inner(#[source] std::io::Error);

    crate::debug_says_what_display_says!(Outer, Inner);

    #[test]
    fn each_cause_is_told_once() {
        let inner = || Inner(std::io::Error::other("the disk is full"));
        let told = "the folder cannot be used: it cannot be opened: the disk is full";
        assert_eq!(format!("{:?}", Outer::Silent(inner())), told);
        assert_eq!(format!("{:?}", Outer::Repeating(inner())), told);
        assert_eq!(format!("{:?}", Outer::Passing(inner())), "it cannot be opened: the disk is full");
    }
}
