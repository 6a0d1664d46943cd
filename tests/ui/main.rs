//! The compiler's messages about mistakes: each program in `cases` must be refused with the message beside it.
//!
//! The texts are partly the compiler's and partly ours; another compiler may word them slightly differently.
//! `TRYBUILD=overwrite cargo test -p millstream-ui-tests` writes them again.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("cases/*.rs");
}
