//! What the compiler says about mistakes: each program in `cases` must be refused with the words beside it.
//!
//! The words are the compiler's and ours; with another compiler they may be put a little differently.
//! `TRYBUILD=overwrite cargo test -p millstream-ui-tests` writes them anew.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("cases/*.rs");
}
