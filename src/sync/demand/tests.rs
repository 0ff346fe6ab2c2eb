//! What sites of known sizes take.

use std::sync::Arc;

use super::course::fair_shares;
use super::*;
use crate::model::{DocType, GroupNumbers, SpaceId, SpaceInfo, TypeNumbers};
use crate::sync::CollectorSettings;

const AT_ONCE: Means = Means { concurrency: 5, answer: Duration::ZERO };

fn site(docs: u64) -> SiteSize {
    SiteSize { spaces: 40, docs, current_docs: docs, docs_of_many_versions: docs / 10, users: 600 }
}

fn demand(docs: u64, adapt: impl FnOnce(&mut Settings)) -> Demand {
    let mut settings = Settings::default();
    adapt(&mut settings);
    Demand::of(&site(docs), &settings, AT_ONCE)
}

fn of(demand: &Demand, collector: Collector) -> CollectorDemand {
    *demand.collectors.iter().find(|demand| demand.collector == collector).unwrap()
}

fn hours(reach: Reach) -> f64 {
    match reach {
        Reach::After(time) => time.as_secs_f64() / 3_600.0,
        Reach::Never { coverage } => panic!("never more than {coverage}"),
    }
}

fn percent(reach: Reach) -> u64 {
    match reach {
        Reach::After(time) => panic!("after {time:?}"),
        Reach::Never { coverage } => part(100, coverage),
    }
}

#[test]
fn turns_give_everybody_the_same_but_nobody_more_than_he_wants() {
    let shares = fair_shares(&[100.0, 1.0, 0.0, 40.0], 100.0);
    assert!([59.0, 1.0, 0.0, 40.0].iter().zip(&shares).all(|(one, other)| (one - other).abs() < 1e-9), "{shares:?}");
    let shares = fair_shares(&[100.0, 70.0, 10.0], 90.0);
    assert!([40.0, 40.0, 10.0].iter().zip(&shares).all(|(one, other)| (one - other).abs() < 1e-9), "{shares:?}");
}

#[test]
fn each_collector_takes_what_its_facts_cost() {
    let demand = demand(10_000, |_| {});

    let rounded: Vec<_> = demand
        .collectors
        .iter()
        .map(|demand| (demand.collector.as_str(), whole(demand.at_first), whole(demand.a_day)))
        .collect();
    assert_eq!(
        rounded,
        [
            // 41 answers, four times a day.
            ("docs", 0, 164),
            ("versions", 1_000, 0),
            ("users", 3, 3),
            ("labels", 10_000, 10_000),
            ("states", 10_000, 10_000),
            ("views", 10_000, 1_429),
        ]
    );
    assert_eq!((whole(demand.base_a_day), whole(demand.budget_a_day)), (4_320, 172_800));
    // 15 groups of both types, each with an answer that is not full.
    assert_eq!(demand.first_walk, 55);
}

#[test]
fn a_site_is_known_when_the_budget_has_paid_for_all_its_docs() {
    let demand = demand(10_000, |_| {});

    // 31,000 requests and a few for the reconciling walk, at 7,200 an hour.
    assert!((4.2..4.5).contains(&hours(demand.full())), "{}", hours(demand.full()));
    // The fourth part of the budget, as long as the others want theirs.
    assert!((0.5..0.6).contains(&hours(of(&demand, Collector::Versions).full)));
    assert!(hours(of(&demand, Collector::Users).full) < 0.1);
    assert!(demand.full().is_within(Duration::from_hours(5)) && !demand.full().is_within(Duration::from_hours(4)));
}

#[test]
fn what_is_saved_up_is_enough_for_a_small_site() {
    let demand = demand(50, |_| {});
    assert!(hours(demand.full()) < 0.02);
}

#[test]
fn a_budget_that_does_not_keep_up_is_never_enough_and_says_how_far_it_gets() {
    let demand = demand(100_000, |_| {});

    // Views take 14,286 a day and the walk 1,604; labels and states get the half of the rest each.
    assert_eq!(percent(of(&demand, Collector::Labels).full), 78);
    assert_eq!(percent(of(&demand, Collector::States).full), 78);
    assert!((24.0..168.0).contains(&hours(of(&demand, Collector::Views).full)));
    assert_eq!(percent(demand.full()), 78);
}

#[test]
fn what_has_grown_old_before_the_rest_is_known_is_asked_again_in_between() {
    let within_a_day = demand(55_000, |_| {});
    let longer = demand(62_000, |_| {});

    assert!((23.0..24.0).contains(&hours(within_a_day.full())), "{}", hours(within_a_day.full()));
    let paid_for = 62_000.0 * 3.1 / 7_200.0;
    assert!((paid_for + 1.0..paid_for * 1.5).contains(&hours(longer.full())), "{}", hours(longer.full()));
}

#[test]
fn with_the_budget_that_it_wants_a_site_is_known_within_a_day() {
    for docs in [30, 10_000, 100_000, 1_000_000] {
        for adapt in [|_: &mut Settings| {}, |settings: &mut Settings| settings.collectors.views.enabled = false] {
            let wanted = demand(docs, adapt).wanted_a_day();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a small number")]
            let a_minute = (wanted / 1_440.0 * 1.01).ceil() as u32;
            let enough = demand(docs, |settings| {
                adapt(settings);
                settings.request_budget = a_minute.try_into().unwrap();
            });
            assert!(enough.full().is_within(DAY), "{docs} docs, {a_minute} a minute: {:?}", enough.full());
        }
    }
}

#[test]
fn what_is_wanted_a_day_is_told_by_collector() {
    let told = |demand: &Demand| -> Vec<String> {
        demand.wanted_by_collector().iter().map(|(collector, requests)| format!("{collector} {requests:.0}")).collect()
    };

    let first = ["docs 164", "versions 1000", "users 3", "labels 10000", "states 10000", "views 10000"];
    assert_eq!(told(&demand(10_000, |_| {})), first);
    // What is asked every hour takes more than to ask for everything once.
    let hourly = demand(10_000, |settings| {
        settings.collectors.labels.max_age = Some(Duration::from_hours(1));
    });
    let afterwards = ["docs 164", "versions 0", "users 3", "labels 240000", "states 10000", "views 1429"];
    assert_eq!(told(&hourly), afterwards);
    assert_eq!(whole(hourly.wanted_a_day()), 251_596);
}

#[test]
fn who_is_switched_off_takes_nothing_and_who_may_be_older_takes_less() {
    let off = demand(100_000, |settings| settings.collectors.states.enabled = false);
    assert!(off.collectors.iter().all(|demand| demand.collector != Collector::States));
    assert!(hours(off.full()) > 24.0);

    let older = demand(100_000, |settings| {
        let week = CollectorSettings { enabled: true, max_age: Some(DAY * 7) };
        (settings.collectors.labels, settings.collectors.states) = (week, week);
    });
    assert_eq!(whole(of(&older, Collector::Labels).a_day), 14_286);
    assert!(hours(older.full()) < 7.0 * 24.0);
}

#[test]
fn a_long_refresh_interval_spends_no_more_than_is_saved_up() {
    let demand = demand(10_000, |settings| settings.refresh_interval = Duration::from_mins(10));
    // 240 every ten minutes.
    assert_eq!(whole(demand.budget_a_day), 34_560);
}

#[test]
fn no_budget_asks_faster_than_the_site_answers() {
    let settings = Settings { request_budget: 1_000_000.try_into().unwrap(), ..Settings::default() };
    let means = Means { concurrency: 5, answer: Duration::from_millis(500) };
    let demand = Demand::of(&site(10_000), &settings, means);

    assert_eq!(whole(demand.budget_a_day), 864_000);
    assert_eq!(demand.first_walk_takes, Duration::from_millis(5_500));
}

#[test]
fn advice_names_what_helps_and_how_far_and_nothing_where_nothing_is_wanted() {
    let told = |docs: u64| -> Vec<String> {
        let all = advice(&site(docs), &Settings::default(), AT_ONCE);
        all.into_iter().map(|advice| format!("{} {}", advice.setting, advice.full)).collect()
    };

    assert!(told(10_000).is_empty());
    insta::assert_snapshot!(told(100_000).join("\n"), @r"
    request_budget: 230 after 22.6 h
    collectors.states.enabled: false after 33.5 h
    collectors.labels.enabled: false after 33.5 h
    collectors.labels.max_age: 7d, collectors.states.max_age: 7d after 43.4 h
    ");
}

#[test]
fn what_is_never_known_in_full_is_told_with_how_much_is() {
    assert_eq!(Reach::Never { coverage: 0.789 }.to_string(), "never, 78 % at any time");
}

#[test]
fn a_site_that_has_been_walked_is_as_large_as_its_snapshot_says() {
    let of_type = |doc_type, docs| TypeNumbers {
        doc_type,
        docs,
        new: Vec::new(),
        updated: Vec::new(),
        updates: Vec::new(),
        edit_sessions: Vec::new(),
        stale: Vec::new(),
        unlabelled: None,
        views: None,
    };
    let group = |types| GroupNumbers {
        space: Arc::from("ENG"),
        last_update: None,
        types,
        contributors: Vec::new(),
        owners: None,
        labels: None,
        states: None,
    };
    // Current, archived, trashed.
    let (pages, posts) = (of_type(DocType::Page, [10, 3, 2]), of_type(DocType::Blogpost, [4, 0, 1]));
    let users = [(("active", "atlassian"), 5), (("closed", "atlassian"), 2)];
    let users = users.map(|((status, kind), count)| ((Arc::from(status), Arc::from(kind)), count));
    let info = SpaceInfo {
        id: SpaceId(1),
        space: Arc::from("ENG"),
        name: Arc::from("Engineering"),
        space_type: Arc::from("global"),
        status: Arc::from("current"),
    };
    let numbers = Numbers {
        space_infos: vec![info],
        folded_spaces: 2,
        groups: vec![group(vec![pages, posts])],
        users: Some(users.into_iter().collect()),
        ..Numbers::default()
    };

    let size = SiteSize::of(&numbers, 0.75);

    let expected = SiteSize { spaces: 3, docs: 20, current_docs: 14, docs_of_many_versions: 5, users: 7 };
    assert_eq!(size, expected);
}
