//! Alerts and dashboards ask only for series and labels that the exporter has, and every alert has its runbook.

use std::collections::{BTreeMap, BTreeSet};

use confluence_exporter::metrics::{Kind, Series, catalogue};
use confluence_exporter::model::{Code, Collector, DocStatus, DocType, Operation, OwnerStatus};
use serde::Deserialize;
use serde_json::Value;

use super::promql::asked;
use super::{assert_none, files_below, read};

#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    alert: String,
    expr: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

/// What Prometheus adds to every series, and to a histogram's.
const SET_BY_PROMETHEUS: [&str; 3] = ["job", "instance", "le"];

const RUNBOOKS: &str = "https://github.com/confluence-exporter/confluence-exporter/blob/main/docs/runbooks/";

#[test]
fn every_alert_asks_for_series_that_exist() {
    let findings = alerts().iter().flat_map(|alert| faults(&alert.alert, &alert.expr)).collect::<Vec<_>>();
    assert_none(&findings);
}

#[test]
fn every_alert_says_how_bad_it_is_what_to_do_and_where_more_is_written() {
    for Alert { alert, labels, annotations, .. } in alerts() {
        assert!(["critical", "warning", "info"].contains(&labels["severity"].as_str()), "{alert}");
        assert!(annotations.contains_key("summary") && annotations.contains_key("description"), "{alert}");
        assert_eq!(annotations["runbook_url"], format!("{RUNBOOKS}{alert}.md"));
    }
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let alerts: BTreeSet<String> = alerts().into_iter().map(|alert| alert.alert).collect();
    let runbooks = files_below("docs/runbooks", ".md");
    let runbooks: BTreeSet<String> =
        runbooks.iter().map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(alerts, runbooks);
}

#[test]
fn every_alert_is_proven_to_fire_and_not_to_fire() {
    let tests: String = files_below("deploy/prometheus/tests", ".test.yml").iter().map(read).collect();
    for Alert { alert, .. } in alerts() {
        let silent = tests.contains(&format!("alertname: {alert}\n        exp_alerts: []"));
        let firing = tests.matches(&format!("alertname: {alert}\n        exp_alerts:")).count() >= 2;
        assert!(silent && firing, "promtool's tests show {alert} firing: {firing}, silent: {silent}");
    }
}

#[test]
fn every_panel_and_variable_asks_for_series_that_exist() {
    for path in files_below("dashboards", ".json") {
        let dashboard: Value = serde_json::from_str(&read(&path)).unwrap();
        let mut queries = Vec::new();
        texts_under(&dashboard, &["expr", "definition"], &mut queries);
        assert!(queries.len() > 10, "{} has hardly a query", path.display());
        assert_none(&queries.iter().flat_map(|query| faults(&path.display().to_string(), query)).collect::<Vec<_>>());
    }
}

#[test]
fn every_panel_says_what_it_shows_and_takes_the_data_source_that_is_chosen() {
    for path in files_below("dashboards", ".json") {
        let dashboard: Value = serde_json::from_str(&read(&path)).unwrap();
        assert!(dashboard["uid"].is_string() && dashboard["tags"].is_array(), "{}", path.display());
        let panels = dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row");
        for panel in panels {
            let described = panel["description"].as_str().is_some_and(|text| text.ends_with('.'));
            assert!(described, "{} has no description", panel["title"]);
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        }
        let ids = dashboard["panels"].as_array().unwrap().iter().map(|panel| panel["id"].as_u64().unwrap());
        let distinct: BTreeSet<u64> = ids.clone().collect();
        assert_eq!(distinct.len(), ids.count(), "two panels with one id in {}", path.display());
    }
}

fn alerts() -> Vec<Alert> {
    let rules: Rules = serde_saphyr::from_str(&read("deploy/prometheus/confluence.rules.yml")).unwrap();
    rules.groups.into_iter().flat_map(|group| group.rules).collect()
}

/// What a query names that the exporter does not have.
fn faults(place: &str, query: &str) -> Vec<String> {
    let asked = asked(query, |word| word.starts_with("confluence_") || word.starts_with("process_"));
    let mut faults = Vec::new();
    for matched in &asked.series {
        let Some(series) = find(&matched.name) else {
            faults.push(format!("{place}: there is no series {}", matched.name));
            continue;
        };
        for (label, value) in &matched.matchers {
            if !series.labels.contains(&label.as_str()) && !SET_BY_PROMETHEUS.contains(&label.as_str()) {
                faults.push(format!("{place}: {} has no label {label}", matched.name));
            }
            if !may_be(label, value) {
                faults.push(format!("{place}: {label} is never {value}"));
            }
        }
    }
    let labels: BTreeSet<&str> = catalogue().iter().flat_map(|series| series.labels).copied().collect();
    let unknown = asked.grouping.iter().filter(|label| !labels.contains(label.as_str()));
    let unknown = unknown.filter(|label| !SET_BY_PROMETHEUS.contains(&label.as_str()));
    faults.extend(unknown.map(|label| format!("{place}: no series has a label {label}")));
    faults
}

/// The series that a sample of this name belongs to.
fn find(name: &str) -> Option<&'static Series> {
    let of_histogram = |series: &&Series| {
        let suffix = name.strip_prefix(series.name);
        series.kind == Kind::Histogram && suffix.is_some_and(|suffix| ["_bucket", "_sum", "_count"].contains(&suffix))
    };
    catalogue().iter().find(|series| series.name == name).or_else(|| catalogue().iter().find(of_histogram))
}

/// Whether a label of a closed set can have this value; patterns and variables are let pass.
fn may_be(label: &str, value: &str) -> bool {
    let known: Vec<&str> = match label {
        "code" => Code::ALL.iter().map(|code| code.as_str()).chain(["ok"]).collect(),
        "collector" => Collector::ALL.iter().map(|collector| collector.as_str()).collect(),
        "operation" => Operation::ALL.iter().map(|operation| operation.as_str()).collect(),
        "type" => DocType::ALL.iter().map(|doc_type| doc_type.as_str()).collect(),
        "owner_status" => OwnerStatus::ALL.iter().map(|status| status.as_str()).collect(),
        "age" => vec!["30d", "90d", "180d", "365d"],
        _ => return true,
    };
    value.contains(['$', '*']) || value.split('|').all(|value| known.contains(&value))
}

/// Every text below one of these keys, wherever it stands.
fn texts_under(value: &Value, keys: &[&str], found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(text) if keys.contains(&key.as_str()) => found.push(text.clone()),
                    _ => texts_under(member, keys, found),
                }
            }
        }
        Value::Array(members) => members.iter().for_each(|member| texts_under(member, keys, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_statuses_of_the_dashboard_are_those_of_docs() {
    let dashboard = read("dashboards/overview.json");
    for status in DocStatus::ALL {
        assert!(dashboard.contains(&format!("status=\\\"{status}\\\"")), "the dashboard shows no {status} docs");
    }
}
