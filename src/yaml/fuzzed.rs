//! For the targets that read YAML: a token that must not be told on, wherever it stands.

/// Fits no name, no key, and nothing else that may be told.
const TOKEN: &str = "ATATT3xCANARY0that0nobody0may0see=0C0FFEE";

/// So short that a fuzzer keeps it whole and moves it around.
const MARK: &str = "TOKEN";

/// What is wrong with a YAML text, which is not told by its values.
pub(crate) fn assert_told_well(problem: &str) {
    assert!(!problem.contains(TOKEN), "the token is told: {problem}");
    assert!(problem.lines().count() == 1 && problem.len() < 2_000, "not a line of a log: {problem}");
}

/// The text with the token wherever it is marked; nothing where it is no text.
pub(crate) fn with_token(input: &[u8]) -> Option<String> {
    Some(str::from_utf8(input).ok()?.replace(MARK, TOKEN))
}
