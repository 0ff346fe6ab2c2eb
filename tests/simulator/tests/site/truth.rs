//! The truth of a world small enough to be counted by hand, and that it can be told of any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use confluence_simulator::{Account, DocType, FAMILIES, Label, Options, Simulator, TruthQuestion, chance};

const START_MS: i64 = 1_790_000_000_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

fn assert_tells(truth: &BTreeMap<String, i64>, expected: &[(&str, i64)]) {
    for (series, value) in expected {
        assert_eq!(truth.get(*series), Some(value), "{series} in {truth:#?}");
    }
}

#[tokio::test]
async fn a_hand_counted_world_is_counted_so() {
    let site = Simulator::start(Options { start_at: Some(START_MS), ..Options::empty() }).await.unwrap();
    let clock = site.clock();
    let (ada, bot) = (Account(0), site.world().add_user("active", "app"));
    let (eng, mine) = {
        let mut world = site.world();
        (world.add_space("ENG", "Engineering", "global"), world.add_space("~ada", "Ada", "personal"))
    };
    let (page, post, private) = {
        let mut world = site.world();
        let page = world.create(eng, DocType::Page, ada).unwrap();
        let post = world.create(eng, DocType::Blogpost, bot).unwrap();
        (page, post, world.create(mine, DocType::Page, ada).unwrap())
    };
    // Forty days later: two edits of one session, a third one beyond half an hour, one of somebody else between them.
    let later_ms = START_MS + 40 * DAY_MS;
    for (minutes, author) in [(0, ada), (30, ada), (45, bot), (61, ada)] {
        clock.store(later_ms + minutes * MINUTE_MS, Ordering::SeqCst);
        assert!(site.world().edit(page, author));
    }
    {
        let mut world = site.world();
        world.relabel(page, &[Label::new("global", "how-to"), Label::new("team", "reviewed")]);
        world.set_state(page, Some("Verified"));
        world.view(page, 7);
        world.trash(post);
        world.set_owner(private, None);
    }

    let truth = site.truth(&TruthQuestion::at(later_ms + 61 * MINUTE_MS));
    assert_tells(
        &truth,
        &[
            (r#"spaces{space_type="global",space_status="current"}"#, 1),
            (r#"docs{space="ENG",type="page",status="current"}"#, 1),
            (r#"docs{space="ENG",type="page",status="trashed"}"#, 0),
            (r#"docs{space="ENG",type="blogpost",status="trashed"}"#, 1),
            (r#"docs{space="(personal)",type="page",status="current"}"#, 1),
            (r#"new_docs{space="ENG",type="page",window="30d"}"#, 0),
            (r#"new_docs{space="ENG",type="page",window="90d"}"#, 1),
            (r#"updated_docs{space="ENG",type="page",window="1d"}"#, 1),
            (r#"doc_updates{space="ENG",type="page",window="1d"}"#, 4),
            (r#"doc_edit_sessions{space="ENG",type="page",window="1d"}"#, 3),
            (r#"contributors{space="ENG",account_type="atlassian",window="1d"}"#, 1),
            (r#"contributors{space="ENG",account_type="app",window="90d"}"#, 1),
            (r#"contributors{space="(personal)",account_type="app",window="90d"}"#, 0),
            (r#"site_contributors{account_type="atlassian",window="90d"}"#, 1),
            (r#"stale_docs{space="ENG",type="page",age="30d"}"#, 0),
            (r#"stale_docs{space="(personal)",type="page",age="30d"}"#, 1),
            (r#"docs_by_owner_status{space="ENG",owner_status="active"}"#, 1),
            (r#"docs_by_owner_status{space="(personal)",owner_status="none"}"#, 1),
            (r#"docs_by_label{space="ENG",label="how-to"}"#, 1),
            (r#"docs_by_label{space="ENG",label="team:reviewed"}"#, 1),
            (r#"unlabelled_docs{space="ENG",type="page"}"#, 0),
            (r#"unlabelled_docs{space="(personal)",type="page"}"#, 1),
            (r#"docs_by_state{space="ENG",state="Verified"}"#, 1),
            (r#"docs_by_state{space="(personal)",state="(none)"}"#, 1),
            (r#"doc_views{space="ENG",type="page"}"#, 7),
            (r#"views_sampled_docs{space="ENG",type="blogpost"}"#, 0),
            (r#"users{account_status="active",account_type="app"}"#, 1),
        ],
    );
    assert_eq!(truth.get(r#"doc_views{space="ENG",type="blogpost"}"#), None);
    let last_update = later_ms / 1000 + 61 * 60;
    assert_eq!(truth[r#"space_last_update_timestamp_seconds{space="ENG"}"#], last_update);
}

#[tokio::test]
async fn the_window_is_open_at_its_start_and_closed_at_its_end() {
    let site = Simulator::start(Options { start_at: Some(START_MS), ..Options::empty() }).await.unwrap();
    let space = site.world().add_space("ENG", "Engineering", "global");
    site.world().create(space, DocType::Page, Account(0));
    let new_docs = |moment_ms| {
        let truth = site.truth(&TruthQuestion::at(moment_ms));
        truth.get(r#"new_docs{space="ENG",type="page",window="1d"}"#).copied()
    };
    assert_eq!(new_docs(START_MS - 1), None);
    assert_eq!(new_docs(START_MS), Some(1));
    assert_eq!(new_docs(START_MS + DAY_MS - 1), Some(1));
    assert_eq!(new_docs(START_MS + DAY_MS), Some(0));
}

#[tokio::test]
async fn spaces_out_of_sight_take_their_docs_along_and_are_unseen_for_a_month() {
    let site = Simulator::start(Options { start_at: Some(START_MS), ..Options::default() }).await.unwrap();
    let eng = site.world().space_by_key("ENG").unwrap();
    let before = site.truth(&TruthQuestion::at(START_MS));
    assert!(before.keys().any(|series| series.contains(r#"space="ENG""#)));
    site.world().hide_space(eng);
    let unseen = r#"spaces{space_type="global",space_status="unseen"}"#;
    let after = site.truth(&TruthQuestion::at(START_MS));
    assert_eq!(after.get(unseen), Some(&1));
    assert!(!after.keys().any(|series| series.contains(r#"space="ENG""#)));
    assert_eq!(site.truth(&TruthQuestion::at(START_MS + 30 * DAY_MS)).get(unseen), None);
    site.world().show_space(eng);
    assert_eq!(site.truth(&TruthQuestion::at(START_MS)), before);
}

#[tokio::test]
async fn some_spaces_and_the_labels_used_most_can_be_asked_for() {
    let site = Simulator::start(Options { start_at: Some(START_MS), ..Options::empty() }).await.unwrap();
    let spaces = ["ENG", "OPS"].map(|key| site.world().add_space(key, key, "global"));
    // Three docs with the first, two with the second and the third, one with the last; in the other space all of the last.
    for (space, labels) in [
        (spaces[0], &["a", "c", "b"][..]),
        (spaces[0], &["a", "c", "b"]),
        (spaces[0], &["a", "d"]),
        (spaces[1], &["d"]),
        (spaces[1], &["d"]),
    ] {
        let labels: Vec<_> = labels.iter().map(|name| Label::new("global", name)).collect();
        let page = site.world().create(space, DocType::Page, Account(0)).unwrap();
        site.world().relabel(page, &labels);
    }
    let labels = |question: TruthQuestion| {
        let truth = site.truth(&TruthQuestion { moment_ms: START_MS, ..question });
        let of_labels = truth.into_iter().filter_map(|(series, docs)| {
            let labels = series.strip_prefix("docs_by_label{space=")?.replace("label=", "");
            Some(format!("{} {docs}", labels.replace(['"', '}'], "")))
        });
        of_labels.collect::<Vec<_>>().join("; ")
    };
    let eng = || Some(["ENG".to_owned()].into());

    let all = TruthQuestion { spaces: eng(), ..TruthQuestion::default() };
    assert_eq!(labels(all), "ENG,a 3; ENG,b 2; ENG,c 2; ENG,d 1");
    let two = TruthQuestion { spaces: eng(), top_labels: Some(2), ..TruthQuestion::default() };
    assert_eq!(labels(two), "ENG,a 3; ENG,b 2");
    let one_and_a_named_one =
        TruthQuestion { top_labels: Some(1), named_labels: vec!["c".to_owned()], ..TruthQuestion::default() };
    assert_eq!(labels(one_and_a_named_one), "ENG,a 3; ENG,c 2");
    let other = TruthQuestion { spaces: Some(["OPS".to_owned()].into()), ..TruthQuestion::default() };
    assert_eq!(labels(other), "OPS,d 2");
}

#[tokio::test]
async fn odd_names_are_escaped_as_prometheus_reads_them() {
    let site = Simulator::start(Options { start_at: Some(START_MS), ..Options::empty() }).await.unwrap();
    site.world().add_odd_names();
    let truth = site.truth(&TruthQuestion::at(START_MS));
    let series = r#"docs_by_label{space="OD\"D\\\n🦉",label="say-\"hi\""}"#;
    assert_eq!(truth.get(series), Some(&1), "{truth:#?}");
}

#[tokio::test]
async fn a_world_of_some_size_has_something_of_every_family() {
    let site = Simulator::start(Options { start_at: Some(START_MS), ..Options::default() }).await.unwrap();
    let truth = site.truth(&TruthQuestion::at(START_MS));
    let told: BTreeSet<&str> = truth.keys().filter_map(|series| series.split('{').next()).collect();
    assert_eq!(told, BTreeSet::from(FAMILIES));
}

#[tokio::test]
async fn any_past_moment_can_be_lived_again() {
    let site = Simulator::start(Options { start_at: Some(START_MS), ..Options::default() }).await.unwrap();
    let mut rng = chance(3);
    let mut told = Vec::new();
    for step in 0..20 {
        let now_ms = START_MS + step * 3 * 60 * MINUTE_MS;
        site.clock().store(now_ms, Ordering::SeqCst);
        for _ in 0..40 {
            site.world().random_event(&mut rng);
        }
        told.push((now_ms, site.truth(&TruthQuestion::at(now_ms))));
    }
    for (moment_ms, truth) in told {
        let again = TruthQuestion { facts_at_ms: Some(moment_ms), ..TruthQuestion::at(moment_ms) };
        assert_eq!(site.truth(&again), truth, "at {moment_ms}");
    }
}
