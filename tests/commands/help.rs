//! What the program says of itself. It is read by people: a change in these snapshots is read by one, too.

use crate::program::Desk;

async fn said(arguments: &[&str]) -> String {
    let ended = Desk::new("", "").run(arguments).await;
    assert_eq!((ended.code(), ended.err.as_str()), (0, ""));
    ended.out
}

#[tokio::test]
async fn help_tells_what_the_program_is_for_and_what_it_can_do() {
    insta::assert_snapshot!("help", said(&["--help"]).await);
    insta::assert_snapshot!("serve", said(&["serve", "--help"]).await);
    insta::assert_snapshot!("connection", said(&["connection", "--help"]).await);
    insta::assert_snapshot!("connection_add", said(&["connection", "add", "--help"]).await);
    insta::assert_snapshot!("connection_test", said(&["connection", "test", "--help"]).await);
    insta::assert_snapshot!("plan", said(&["plan", "--help"]).await);
    insta::assert_snapshot!("check_config", said(&["check-config", "--help"]).await);
}

#[tokio::test]
async fn the_version_is_the_packages() {
    assert_eq!(said(&["--version"]).await, concat!("confluence-exporter ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[tokio::test]
async fn an_unknown_flag_is_named_and_runs_nothing() {
    let ended = Desk::new("", "").run(&["serve", "--web.port=80"]).await;

    assert_eq!((ended.code(), ended.out.as_str()), (2, ""));
    assert!(ended.err.contains("'--web.port'"), "{}", ended.err);
}
