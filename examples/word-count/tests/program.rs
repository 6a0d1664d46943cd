//! The program as users experience it: with files, in a pipe, misused.
#![allow(clippy::expect_used, reason = "this is how tests fail")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const TEXT: &str = "to be or\tnot to be\n\n  that is\u{b}the question";
const COUNTS: &str = "be\t2\nis\t1\nnot\t1\nor\t1\nquestion\t1\nthat\t1\nthe\t1\nto\t2\n";

/// Runs it with these arguments and this text on its standard input.
fn word_count(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_word-count"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("word-count starts");
    // A program that needs no input may already have ended.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("an end")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn files_and_standard_input_count_the_same() {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("text.txt");
    std::fs::write(&file, TEXT).expect("writable");
    let file = file.to_str().expect("a plain name");
    for (arguments, input) in [(&[file] as &[&str], ""), (&[], TEXT), (&["--threads", "2", file], "")] {
        let output = word_count(arguments, input.as_bytes());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(String::from_utf8_lossy(&output.stdout), COUNTS, "{arguments:?}");
    }
}

#[test]
fn a_line_of_two_megabytes_is_counted_as_any_other() {
    let output = word_count(&[], "to be or ".repeat(230_000).as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "be\t230000\nor\t230000\nto\t230000\n");
}

/// By default, Kafka's topics accept records of up to one megabyte, and a word goes through four topics.
#[test]
fn so_is_a_word_of_two_megabytes() {
    let word = vec![b'x'; 2_000_000];
    let output = word_count(&[], &[&word[..], b" y ", &word].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(output.stdout == [&word[..], b"\t2\ny\t1\n"].concat(), "{} bytes", output.stdout.len());
}

#[test]
fn bytes_that_are_no_text_are_words_as_well() {
    let output = word_count(&[], b"\xff\x80 \0 \xff\x80\n\xc3\xa4\xc2\xa0");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        output.stdout.escape_ascii().to_string(),
        b"\0\t1\n\xc3\xa4\xc2\xa0\t1\n\xff\x80\t2\n".escape_ascii().to_string()
    );
}

#[test]
fn a_missing_file_is_named() {
    let output = word_count(&["no/such/file.txt"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("word-count: no/such/file.txt: "), "{}", stderr(&output));
}

#[cfg(not(all(feature = "kafka", feature = "rocksdb")))]
#[test]
fn kafka_needs_another_build_which_is_named() {
    let output = word_count(&["--bootstrap-servers", "localhost:9092", "--input", "text"], b"");
    assert_eq!(output.status.code(), Some(2));
    let command = "cargo run -p word-count --features kafka,rocksdb -- --bootstrap-servers localhost:9092 --input text";
    assert!(stderr(&output).contains(command), "{}", stderr(&output));
}
