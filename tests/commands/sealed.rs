//! A sealed token that does not open is a clear error, and one connection's alone.

use std::fs;

use confluence_simulator::{Operation, Simulator, TokenKind};

use crate::program::{CONFIG, Desk, site};
use crate::saved::{ACME, KEY, desk, save};

const OTHER_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

/// Two saved connections to one site.
async fn two_saved(site: &Simulator) -> Desk {
    let desk = desk();
    for name in ["acme", "beta"] {
        let added = save(&desk, "add", name, site, &site.token(TokenKind::Unscoped), &[]).await;
        assert_eq!(added.code(), 0, "{}", added.err);
    }
    desk
}

fn change_the_seal(desk: &Desk) {
    let text = desk.read(ACME);
    let place = text.find("v1:").unwrap() + 30;
    let other = if text.as_bytes()[place] == b'A' { "B" } else { "A" };
    let mut changed = text.clone();
    changed.replace_range(place..=place, other);
    desk.write(ACME, &changed);
}

/// `acme` is down and says why, `beta` is served; and `acme` is up again once `mend` has been done.
async fn assert_alone(site: &Simulator, desk: &Desk, name: &str, reason: &str, mend: impl FnOnce(&Desk)) {
    let checked = desk.run(&["check-config", CONFIG]).await;
    let tested = desk.run(&["connection", "test", name, CONFIG]).await;
    let prefix =
        format!("connection {name}, saved connection connections.d/{name}.yml: its token cannot be opened: {reason}");
    for ended in [checked, tested] {
        assert!(ended.complaint().starts_with(&prefix), "{}", ended.err);
    }
    assert_eq!(desk.run(&["connection", "test", "beta", CONFIG]).await.code(), 0);
    let all = desk.run(&["connection", "test", CONFIG]).await;
    assert!(all.code() == 1 && all.err.contains(&prefix) && all.out.contains("\nbeta "), "{}{}", all.err, all.out);
    let planned = desk.run(&["plan", CONFIG]).await;
    let cannot = format!("{name} cannot be asked: {}", prefix.split_once(", ").unwrap().1);
    assert!(
        planned.code() == 1 && planned.out.contains(&cannot) && planned.out.contains("beta, after "),
        "{}",
        planned.out
    );
    site.clear_journal();

    let serving = desk.serve(&["--store.path=none"]).await;

    let up = |name: &str, up: u8| format!("confluence_up{{connection=\"{name}\"}} {up}\n");
    let code = format!("confluence_connection_error{{connection=\"{name}\",code=\"invalid_credentials\"}}");
    for _ in 0..2 {
        serving
            .scrape_until(|page| {
                [up("beta", 1), up(name, 0), format!("{code} 1\n")].iter().all(|line| page.contains(line))
            })
            .await;
    }
    let told = |serving: &crate::program::Serving| {
        serving.err().lines().filter(|line| line.contains("level=error")).map(str::to_owned).collect::<Vec<_>>()
    };
    serving.log_until("level=error").await;
    assert_eq!(told(&serving).len(), 1, "{}", serving.err());
    assert!(told(&serving)[0].contains(reason) && told(&serving)[0].contains(name), "{}", serving.err());

    mend(desk);
    serving
        .scrape_until(|page| [up("beta", 1), up(name, 1), format!("{code} 0\n")].iter().all(|line| page.contains(line)))
        .await;
    assert_eq!(told(&serving).len(), 1, "{}", serving.err());
}

#[tokio::test]
async fn a_changed_seal_takes_down_its_own_connection() {
    let site = site().await;
    let desk = two_saved(&site).await;
    let before = desk.read(ACME);
    change_the_seal(&desk);

    assert_alone(&site, &desk, "acme", "the key does not open api_token_sealed", |desk| desk.write(ACME, &before))
        .await;
}

#[tokio::test]
async fn another_key_opens_nothing_that_it_has_not_sealed() {
    let site = site().await;
    let desk = two_saved(&site).await;
    let key = desk.read(KEY);
    desk.write(KEY, OTHER_KEY);
    // Sealed anew, beta is the other key's.
    assert_eq!(save(&desk, "edit", "beta", &site, &site.token(TokenKind::Unscoped), &[]).await.code(), 0);

    let both = format!("{}{}", OTHER_KEY, key.lines().last().unwrap());
    assert_alone(&site, &desk, "acme", "the key does not open api_token_sealed", |desk| desk.write(KEY, &both)).await;
}

#[tokio::test]
async fn a_token_does_not_open_under_another_connections_name() {
    let site = site().await;
    let desk = two_saved(&site).await;
    let renamed = "connections.d/gamma.yml";
    // What belongs there, and what came there by a change of name.
    assert_eq!(save(&desk, "add", "gamma", &site, &site.token(TokenKind::Unscoped), &[]).await.code(), 0);
    let mended = desk.read(renamed);
    fs::rename(desk.path(ACME), desk.path(renamed)).unwrap();

    assert_alone(&site, &desk, "gamma", "the key does not open api_token_sealed", |desk| desk.write(renamed, &mended))
        .await;
}

#[tokio::test]
async fn without_the_key_nothing_is_asked_and_the_exporter_serves_all_the_same() {
    let site = site().await;
    let desk = two_saved(&site).await;
    let key = desk.read(KEY);
    desk.remove(KEY);
    site.clear_journal();

    let checked = desk.run(&["check-config", CONFIG]).await;
    let serving = desk.serve(&["--store.path=none"]).await;

    insta::assert_snapshot!(checked.complaint(), @"connection acme, saved connection connections.d/acme.yml: its token cannot be opened: the key file confluence-exporter.key is missing: put the one back that sealed the token, or name it with --secrets.key-file");
    for name in ["acme", "beta"] {
        let down = format!("confluence_up{{connection=\"{name}\"}} 0\n");
        serving.scrape_until(|page| page.contains(&down)).await;
    }
    assert!(site.journal().is_empty());
    assert!(!desk.path(KEY).exists(), "only a new seal makes a new key");

    desk.write(KEY, &key);
    for name in ["acme", "beta"] {
        let up = format!("confluence_up{{connection=\"{name}\"}} 1\n");
        serving.scrape_until(|page| page.contains(&up)).await;
    }
    assert!(site.totals().contains_key(&Operation::Spaces));
}

#[tokio::test]
async fn a_key_that_others_can_read_is_refused() {
    let site = site().await;
    let desk = two_saved(&site).await;
    desk.permit(KEY, 0o644);

    let checked = desk.run(&["check-config", CONFIG]).await;
    let added = save(&desk, "add", "gamma", &site, &site.token(TokenKind::Unscoped), &[]).await;
    let resealed = desk.run(&["connection", "reseal", CONFIG]).await;

    let reason = "others than its owner may read the key file confluence-exporter.key: chmod 600 it, and `connection reseal` if somebody may have";
    assert!(checked.complaint().ends_with(reason), "{}", checked.err);
    assert_eq!(added.complaint(), reason);
    assert_eq!(resealed.complaint(), reason);

    let serving = desk.serve(&["--store.path=none"]).await;
    serving.scrape_until(|page| page.contains("confluence_up{connection=\"acme\"} 0")).await;
    // Which leaves its date as it was.
    desk.permit(KEY, 0o600);
    serving.scrape_until(|page| page.contains("confluence_up{connection=\"acme\"} 1")).await;
}

#[tokio::test]
async fn systemd_may_hand_the_key_over() {
    let site = site().await;
    let desk = two_saved(&site).await;
    fs::create_dir(desk.path("credentials")).unwrap();
    fs::rename(desk.path(KEY), desk.path("credentials").join(KEY)).unwrap();
    let folder = desk.path("credentials").display().to_string();
    let variables = [("CREDENTIALS_DIRECTORY", folder.as_str())];

    let tested = desk.run_with(&variables, &["connection", "test", CONFIG]).await;
    let resealed = desk.run_with(&variables, &["connection", "reseal", CONFIG]).await;
    let serving = desk.serve_with(&variables, &["--store.path=none"]).await;

    assert_eq!(tested.code(), 0, "{}", tested.err);
    assert!(resealed.complaint().contains("is systemd's to hand over"), "{}", resealed.err);
    serving.scrape_until(|page| page.contains("confluence_up{connection=\"acme\"} 1")).await;
    assert!(!desk.path(KEY).exists());
}
