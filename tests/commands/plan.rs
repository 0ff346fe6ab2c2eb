//! `plan`: how large a site is, what it takes to know it, and what to change, from a handful of requests.

use confluence_simulator::{FOUR_SCOPES, Operation, Options, Simulator, TokenKind, TruthQuestion};
use serde_json::Value;

use crate::program::{CONFIG, Desk, Ended, connection, site};

const PLAN: [&str; 2] = ["plan", CONFIG];

fn plans(ended: &Ended) -> Vec<Value> {
    serde_json::from_str(&ended.out).unwrap()
}

async fn as_json(desk: &Desk) -> Ended {
    desk.run(&["plan", CONFIG, "--format=json"]).await
}

/// The plan without the time that the first walk takes, which is the machine's.
fn timeless(ended: &Ended) -> String {
    let cut = |line: &str| match line.split_once(" requests, ").zip(line.split_once(" at concurrency_level")) {
        Some(((before, _), (_, after))) => format!("{before} requests, [time] at concurrency_level{after}\n"),
        None => format!("{line}\n"),
    };
    ended.out.lines().map(cut).collect()
}

#[tokio::test]
async fn a_small_site_is_counted_and_its_plan_reads_well() {
    let site = site().await;
    let ended = Desk::at(&site, &site.token(TokenKind::scoped()), "").run(&PLAN).await;

    assert_eq!((ended.code(), ended.err.as_str()), (0, ""));
    insta::assert_snapshot!(timeless(&ended), @r"
    acme, after 3 requests
      spaces      4
      docs        20
      first walk  8 requests, [time] at concurrency_level 5; not paid from the budget
      refreshes   4,320 requests a day for their bases; not paid from the budget
      budget      172,800 requests a day, at request_budget 120

      COLLECTOR  REQUESTS AT FIRST  A DAY FROM THEN ON  KNOWN IN FULL
      docs                       0                   8  with the first walk
      versions                   7                   0  after 1 min
      users                      1                   1  after 1 min
      labels                    19                  19  after 1 min
      states                    19                  19  after 1 min
      views                     19                   3  after 1 min
      all                       65                  50  after 1 min
    ");
    assert_eq!(site.rejected(), 0);
}

#[tokio::test]
async fn a_site_that_the_budget_does_not_suffice_for_is_told_with_what_to_change() {
    let site = Simulator::start(Options { spaces: 10, docs: 900, ..Options::default() }).await.unwrap();
    let desk = Desk::at(&site, &site.token(TokenKind::scoped()), "  request_budget: 1\n");

    let ended = desk.run(&PLAN).await;

    assert_eq!(ended.code(), 0);
    insta::assert_snapshot!(timeless(&ended), @r"
    acme, after 6 requests
      spaces      10
      docs        897
      first walk  20 requests, [time] at concurrency_level 5; not paid from the budget
      refreshes   4,320 requests a day for their bases; not paid from the budget
      budget      1,440 requests a day, at request_budget 1

      COLLECTOR  REQUESTS AT FIRST  A DAY FROM THEN ON  KNOWN IN FULL
      docs                       0                  20  with the first walk
      versions                 244                   0  after 16.4 h
      users                      1                   1  after 1 min
      labels                   784                 784  never, 83 % at any time
      states                   784                 784  never, 83 % at any time
      views                    784                 112  after 43.9 h
      all                    2,597               1,701  never, 83 % at any time

      TO BE FASTER, ONE OF                                          KNOWN IN FULL
      request_budget: 2                                             after 21.8 h
      collectors.states.enabled: false                              after 34.0 h
      collectors.labels.enabled: false                              after 34.0 h
      collectors.labels.max_age: 7d, collectors.states.max_age: 7d  after 43.9 h
    ");
}

#[tokio::test]
async fn a_large_site_is_guessed_from_a_handful_of_requests_and_says_so() {
    let site = Simulator::start(Options { spaces: 30, docs: 9_000, ..Options::default() }).await.unwrap();
    let desk = Desk::at(&site, &site.token(TokenKind::scoped()), "");

    let (table, json) = (desk.run(&PLAN).await, as_json(&desk).await);

    let plan = &plans(&json)[0];
    let number = |name: &str| plan["docs"][name].as_u64().unwrap();
    let truth = site.world().docs().len() as u64;
    assert!(number("least") <= truth && truth <= number("most"), "{truth} docs: {}", table.out);
    assert!(number("likely") > truth / 3 && number("likely") < truth * 3, "{truth} docs: {}", table.out);
    assert!(table.out.contains("  docs        about "), "{}", table.out);
    let asked = site.totals();
    let all: u64 = asked.values().sum();
    assert!(all <= 2 * 20, "each {all} / 2");
    let only_lists = [Operation::TenantInfo, Operation::Spaces, Operation::Pages, Operation::Blogposts];
    assert!(asked.keys().all(|operation| only_lists.contains(operation)), "{asked:?}");
}

#[tokio::test]
async fn what_is_excluded_or_switched_off_is_not_planned_for() {
    let site = Simulator::start(Options { spaces: 6, docs: 200, ..Options::default() }).await.unwrap();
    let (excluded, others) = {
        let world = site.world();
        let excluded = world.spaces()[0].clone();
        let docs = world.docs();
        let others = docs.iter().filter(|doc| world.doc(**doc).unwrap().space != excluded.id).count();
        (excluded.key.to_string(), others as u64)
    };
    let more = format!("  spaces: {{exclude: [\"{excluded}\"]}}\n  collectors: {{views: {{enabled: false}}}}\n");

    let ended = as_json(&Desk::at(&site, &site.token(TokenKind::scoped()), &more)).await;

    let plan = &plans(&ended)[0];
    assert_eq!((plan["spaces"].as_u64(), plan["docs"]["likely"].as_u64()), (Some(5), Some(others)));
    let collectors: Vec<_> = plan["collectors"].as_array().unwrap().iter().map(|it| it["collector"].clone()).collect();
    assert_eq!(collectors, ["docs", "versions", "users", "labels", "states"]);
}

#[tokio::test]
async fn a_connection_that_cannot_be_asked_says_why_and_the_others_are_planned_for() {
    let site = site().await;
    let token = site.token(TokenKind::service_account());
    let without_pages = FOUR_SCOPES.iter().filter(|scope| **scope != "read:page:confluence");
    let scoped = site.token(TokenKind::Scoped(without_pages.map(|scope| (*scope).to_owned()).collect()));
    let second = connection("beta", &site.site_url(), &scoped).replace("file: token", "file: second");
    let desk = Desk::at(&site, &token, &second);
    desk.write("second", &scoped.secret);

    let one = desk.run(&PLAN).await;
    site.revoke(&token);
    let both = desk.run(&PLAN).await;
    let json = as_json(&desk).await;

    assert_eq!((one.code(), both.code(), json.code()), (1, 1, 1));
    assert!(one.out.starts_with("acme, after ") && one.out.contains("\nbeta cannot be asked: pages: "), "{}", one.out);
    assert!(one.out.ends_with("\n  give the token the scope read:page:confluence\n"), "{}", one.out);
    assert!(both.out.starts_with("acme cannot be asked: spaces: the site answered 404, refused (invalid_credentials)"));
    assert!(both.out.contains("\n  check username and token; the account also needs access to Confluence\n"));
    let errors: Vec<bool> = plans(&json).iter().map(|plan| plan["error"].is_string()).collect();
    assert_eq!(errors, [true, true]);
}

#[tokio::test]
async fn a_connection_without_its_token_is_named_in_its_place_and_the_others_are_planned_for() {
    let site = site().await;
    let token = site.token(TokenKind::scoped());
    let without = |name: &str| connection(name, &site.site_url(), &token).replace("file: token", "file: missing");
    let desk = Desk::at(&site, &token, &(without("beta") + &connection("gamma", &site.site_url(), &token)));

    let (table, json) = (desk.run(&PLAN).await, as_json(&desk).await);

    assert_eq!((table.code(), json.code()), (1, 1));
    let heads: Vec<&str> = table.out.lines().filter(|line| line.starts_with(char::is_alphabetic)).collect();
    let reason = format!(
        "token file in {}: api_token_file cannot be used: the file cannot be read: No such file or directory (os error 2)",
        desk.path("").canonicalize().unwrap().display()
    );
    let told = format!("beta cannot be asked: {reason}");
    assert_eq!(heads, ["acme, after 3 requests", &told, "gamma, after 3 requests"]);
    let errors: Vec<_> = plans(&json).iter().map(|plan| plan["error"].as_str().map(str::to_owned)).collect();
    assert_eq!(errors, [None, Some(reason), None]);
}

#[tokio::test]
async fn an_account_that_sees_no_space_cannot_be_planned_for() {
    let site = Simulator::start(Options::empty()).await.unwrap();

    let ended = Desk::at(&site, &site.token(TokenKind::scoped()), "").run(&PLAN).await;

    assert_eq!(ended.code(), 1);
    insta::assert_snapshot!(ended.out, @r"
    acme cannot be asked: the list of spaces is empty
      the account sees no space: give it access to Confluence and to the spaces to count
    ");
}

#[tokio::test]
async fn one_connection_is_planned_for_by_its_name_and_all_without() {
    let site = site().await;
    let token = site.token(TokenKind::Unscoped);
    let desk = Desk::at(&site, &token, &connection("beta", &site.site_url(), &token));

    let one = desk.run(&["plan", CONFIG, "beta"]).await;
    let all = desk.run(&PLAN).await;
    let none = desk.run(&["plan", CONFIG, "gamma"]).await;

    assert!(!one.out.contains("acme") && one.out.starts_with("beta, after "), "{}", one.out);
    assert!(all.out.starts_with("acme, after ") && all.out.contains("\nbeta, after "), "{}", all.out);
    insta::assert_snapshot!(none.complaint(), @"there is no connection of that name; there are acme, beta");
}

#[tokio::test]
async fn after_the_first_walk_it_is_told_once_what_will_take_longer_than_a_day() {
    let site = Simulator::start(Options { spaces: 10, docs: 900, ..Options::default() }).await.unwrap();
    let desk = Desk::at(&site, &site.token(TokenKind::scoped()), "  request_budget: 1\n  refresh_interval: 1s\n");
    let plan = as_json(&desk).await;
    let serving = desk.serve(&["--store.path=none"]).await;

    serving.scrape_until(|page| page.contains("collector=\"docs\"} 1\n")).await;
    for _ in 0..15 {
        serving.scrape_until(|_| true).await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }

    let err = serving.err();
    let told: Vec<&str> = err.lines().filter(|line| line.contains("the request budget will not")).collect();
    assert_eq!(told.len(), 1, "{err}");
    assert!(told[0].contains("known_in_full=\"never, "), "{}", told[0]);
    assert!(told[0].contains("faster=\"request_budget: 2 (after "), "{}", told[0]);
    let plan = &plans(&plan)[0];
    let found = format!(" spaces={} docs={} ", plan["spaces"], plan["docs"]["likely"]);
    let truth = site.truth(&TruthQuestion::at(site.now_ms()));
    let current = |series: &str| series.starts_with("docs{") && series.contains("status=\"current\"");
    let current: i64 = truth.iter().filter(|(series, _)| current(series)).map(|(_, docs)| docs).sum();
    let requests = format!(", labels {current}, states {current}, views {current}\" ");
    assert!(told[0].contains(&found) && told[0].contains(" by_collector=\"docs "), "{}", told[0]);
    assert!(told[0].contains(&requests), "{}", told[0]);
    let collectors = plan["collectors"].as_array().unwrap();
    let labels = collectors.iter().find(|collector| collector["collector"] == "labels").unwrap();
    assert_eq!(labels["requests_a_day"].to_string(), format!("{current}.0"), "as the plan has it");
}
