//! `connection reseal`: another key for every saved token, and no moment at which a token could be lost.

use confluence_exporter::config::{CannotReseal, Files, Reseal};
use confluence_simulator::{Simulator, TokenKind};

use crate::program::{CONFIG, Desk, Ended, site};
use crate::saved::{ACME, KEY, desk, save};

const NAMES: [&str; 3] = ["acme", "beta", "gamma"];
const RESEAL: [&str; 3] = ["connection", "reseal", CONFIG];

async fn three_saved(site: &Simulator) -> Desk {
    let desk = desk();
    for name in NAMES {
        let added = save(&desk, "add", name, site, &site.token(TokenKind::Unscoped), &["--untested"]).await;
        assert_eq!(added.code(), 0, "{}", added.err);
    }
    desk
}

fn files(desk: &Desk) -> Files {
    Files::new(Some(&desk.path("exporter.yml")), None, None)
}

fn keys(desk: &Desk) -> Vec<String> {
    desk.read(KEY).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

fn seals(desk: &Desk) -> Vec<String> {
    let seal = |name: &str| {
        let text = desk.read(&format!("connections.d/{name}.yml"));
        text.lines().find(|line| line.starts_with("api_token_sealed: ")).unwrap().to_owned()
    };
    NAMES.iter().map(|name| seal(name)).collect()
}

/// Every token opens, for whoever starts now.
async fn assert_all_open(desk: &Desk) {
    let Ended { status, out, err } = desk.run(&["check-config", CONFIG]).await;
    assert!(status.success(), "{err}");
    assert_eq!(out, "exporter.yml: good, 0 connections\nconnections.d: good, 3 connections\n");
}

#[tokio::test]
async fn a_new_key_seals_every_token_and_the_old_one_opens_none() {
    let site = site().await;
    let desk = three_saved(&site).await;
    let (old_key, old_seals) = (desk.read(KEY), seals(&desk));

    let ended = desk.run(&RESEAL).await;

    assert_eq!((ended.code(), ended.err.as_str()), (0, ""));
    insta::assert_snapshot!(ended.out, @"confluence-exporter.key holds a new key, and 3 tokens in connections.d are sealed under it. What was copied before opens with the old key only.");
    assert_eq!((keys(&desk).len(), desk.mode(KEY), desk.mode(ACME)), (1, 0o600, 0o600));
    assert!(seals(&desk).iter().zip(&old_seals).all(|(new, old)| new != old));
    assert_all_open(&desk).await;
    assert_eq!(desk.run(&["connection", "test", CONFIG]).await.code(), 0);
    desk.write(KEY, &old_key);
    assert_eq!(desk.run(&["check-config", CONFIG]).await.code(), 1);
}

#[tokio::test]
async fn stopped_between_any_two_steps_every_token_opens_and_the_next_run_ends_it() {
    let site = site().await;
    let whole = {
        let desk = three_saved(&site).await;
        let mut steps = 0;
        let files = files(&desk);
        let mut change = Reseal::begin(&files).unwrap();
        while change.step().unwrap() {
            steps += 1;
        }
        steps
    };
    assert_eq!(whole, 1 + NAMES.len() + 1);
    let desk = three_saved(&site).await;
    let first_key = keys(&desk);
    for stop_after in 0..=whole {
        let before = keys(&desk);
        {
            let files = files(&desk);
            let mut change = Reseal::begin(&files).unwrap();
            for _ in 0..stop_after {
                assert!(change.step().unwrap());
            }
        }
        assert_all_open(&desk).await;
        assert!(keys(&desk).len() <= 2);

        assert_eq!(desk.run(&RESEAL).await.code(), 0);

        assert_all_open(&desk).await;
        assert_eq!(keys(&desk).len(), 1);
        assert!(!before.contains(&keys(&desk)[0]));
    }
    assert_ne!(keys(&desk), first_key);
}

#[tokio::test]
async fn killed_at_any_moment_it_loses_no_token() {
    let site = site().await;
    let desk = three_saved(&site).await;
    for kill in 0..10 {
        desk.start_and_kill(&RESEAL, std::time::Duration::from_millis(2 * kill)).await;
        assert_all_open(&desk).await;
    }
    assert_eq!(desk.run(&RESEAL).await.code(), 0);
    assert_all_open(&desk).await;
}

#[tokio::test]
async fn a_token_that_does_not_open_stands_in_the_way_before_anything_is_changed() {
    let site = site().await;
    let desk = three_saved(&site).await;
    desk.write(ACME, &desk.read(ACME).replace("v1:", "v1:AAAA"));
    let before = desk.files();

    let ended = desk.run(&RESEAL).await;

    assert!(
        ended.complaint().starts_with(
            "connection acme stands in the way of a new key: seal its token anew with `connection edit acme`, or remove it: "
        ),
        "{}",
        ended.err
    );
    assert_eq!(desk.files(), before);
}

#[tokio::test]
async fn a_file_in_a_form_that_cannot_be_changed_stands_in_the_way_too() {
    let site = site().await;
    let desk = three_saved(&site).await;
    let lines: Vec<String> =
        desk.read(ACME).lines().filter(|line| !line.starts_with('#')).map(|line| format!("  {line}")).collect();
    desk.write(ACME, &format!("{{\n{}\n}}\n", lines.join(",\n")));
    assert_all_open(&desk).await;
    let before = desk.files();

    let files = files(&desk);
    let error = Reseal::begin(&files).err().unwrap();

    assert!(matches!(error, CannotReseal::Config(_)), "{error}");
    assert_eq!(desk.files(), before);
}

#[tokio::test]
async fn without_a_key_there_is_none_to_change() {
    let desk = desk();
    let ended = desk.run(&RESEAL).await;
    assert!(ended.complaint().starts_with("the key file confluence-exporter.key is missing"), "{}", ended.err);
}
