//! The finished page: all connections' families joined, one HELP and TYPE each.

use super::asking::Asking;
use super::catalogue::{SERIES, catalogue};
use super::process::Process;
use super::snapshot::Encoded;
use super::text::{Chunks, Dialect};

/// What one connection has to say on a page.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Nothing before the first base since the start has ended.
    pub encoded: Option<&'a Encoded>,
    pub asking: &'a Asking,
    /// Whether the numbers are young enough to be shown beside the health.
    pub with_numbers: bool,
}

/// Joins the connections' parts and, where it belongs on the page, the process's own series.
pub fn page(dialect: Dialect, parts: &[Part<'_>], process: Option<&Process>) -> Vec<u8> {
    let live: Vec<Chunks> = parts.iter().map(Part::live).chain(process.map(Process::chunks)).collect();
    let chunks: Vec<&Chunks> = parts.iter().flat_map(Part::kept).chain(&live).collect();

    let length = chunks.iter().map(|chunks| chunks.len()).sum::<usize>();
    let mut text = String::with_capacity(length + LONGEST_HEADS);
    for series in catalogue() {
        let mut lines = chunks.iter().filter_map(|chunks| chunks.lines_of(series)).peekable();
        if lines.peek().is_some() {
            dialect.write_head(&mut text, series);
            text.extend(lines);
        }
    }
    dialect.write_end(&mut text);
    text.into_bytes()
}

/// About what all HELP and TYPE lines take: room for them, so that a large page is not moved as it grows.
const LONGEST_HEADS: usize = 16 * 1024;

impl<'a> Part<'a> {
    /// What was written when the snapshot was made.
    fn kept(&self) -> impl Iterator<Item = &'a Chunks> + use<'a> {
        let health = self.encoded.map(|encoded| &encoded.health);
        let numbers = self.encoded.filter(|_| self.with_numbers).and_then(|encoded| encoded.numbers.as_ref());
        health.into_iter().chain(numbers)
    }

    /// What is true now.
    fn live(&self) -> Chunks {
        let mut chunks = self.asking.chunks();
        let shown: u64 = self.kept().map(Chunks::samples).sum();
        chunks.family(&SERIES).push(&[self.asking.connection().as_str()], shown);
        chunks
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::model::{
        Code, Collector, CollectorHealth, ConnectionName, Credential, DocType, GroupNumbers, Health, Numbers,
        Operation, SiteInfo, Snapshot, SpaceId, SpaceInfo, Timestamp, TokenSlot, TypeNumbers, ViewNumbers, Window,
    };

    use super::super::catalogue::SPACE_INFO;
    use super::*;

    #[test]
    fn a_page_tells_health_and_numbers_of_all_connections_under_one_head_each() {
        let (acme, down) = (snapshot("acme", Some(numbers())), failing_snapshot("down"));
        let asking = [Asking::new(&acme.connection), Asking::new(&down.connection)];
        let encoded = [Encoded::of(&acme), Encoded::of(&down)];

        let parts = [part(&encoded[0], &asking[0]), part(&encoded[1], &asking[1])];
        let page = String::from_utf8(page(Dialect::Classic, &parts, None)).unwrap();

        insta::assert_snapshot!("two_connections", page);
    }

    #[test]
    fn openmetrics_names_a_counter_without_its_ending_and_ends_with_its_end() {
        let name = ConnectionName::new("acme").unwrap();
        let asking = Asking::new(&name);
        asking.request(Operation::Pages, "200", 0.3);

        let parts = [Part { encoded: None, asking: &asking, with_numbers: true }];
        let page = String::from_utf8(page(Dialect::OpenMetrics, &parts, None)).unwrap();

        let told: Vec<&str> =
            page.lines().filter(|line| line.contains("_requests ") || line.contains("_requests_total")).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        # HELP confluence_api_requests HTTP requests to Confluence, retries counted, by HTTP status or by what failed before there was one.
        # TYPE confluence_api_requests counter
        confluence_api_requests_total{connection="acme",operation="pages",status="200"} 1
        "#);
        assert!(page.ends_with("\n# EOF\n"));
    }

    #[test]
    fn what_a_label_says_survives_its_spelling() {
        let mut numbers = numbers();
        numbers.space_infos[0].name = "back\\slash \"quoted\"\nnew line 🚀".into();
        let encoded = Encoded::of(&snapshot("acme", Some(numbers)));

        let lines = encoded.numbers.as_ref().unwrap().lines_of(&SPACE_INFO).unwrap();

        insta::assert_snapshot!(lines, @r#"confluence_space_info{connection="acme",space="ENG",space_id="42",space_name="back\\slash \"quoted\"\nnew line 🚀",space_type="global",space_status="current"} 1"#);
    }

    #[test]
    fn what_comes_only_at_times_is_shown_only_then() {
        let asking = Asking::new(&ConnectionName::new("acme").unwrap());
        let shown = || {
            let parts = [Part { encoded: None, asking: &asking, with_numbers: true }];
            let page = String::from_utf8(page(Dialect::Classic, &parts, None)).unwrap();
            let lines = page
                .lines()
                .filter(|line| !line.starts_with('#') && (line.contains("rate_limit_") || line.contains("throttled")));
            lines.map(str::to_owned).collect::<Vec<_>>().join("\n")
        };

        assert_eq!(shown(), "");
        asking.rate_limit(Some(12.0), None, Some(Timestamp::from_millis(1_779_865_752_500)));
        asking.rate_limit(None, Some(100.0), None);
        asking.throttled_until(Some(Timestamp::from_millis(1_779_865_753_000)));
        insta::assert_snapshot!(shown(), @r#"
        confluence_api_rate_limit_remaining{connection="acme"} 12
        confluence_api_rate_limit_limit{connection="acme"} 100
        confluence_api_rate_limit_reset_timestamp_seconds{connection="acme"} 1779865752.5
        confluence_api_throttled_until_timestamp_seconds{connection="acme"} 1779865753
        "#);
        asking.throttled_until(None);
        assert!(!shown().contains("throttled"));
    }

    #[test]
    fn a_request_is_under_way_until_it_is_dropped() {
        let asking = Asking::new(&ConnectionName::new("acme").unwrap());
        let in_flight = || {
            let parts = [Part { encoded: None, asking: &asking, with_numbers: true }];
            let page = String::from_utf8(page(Dialect::Classic, &parts, None)).unwrap();
            page.lines().find(|line| line.starts_with("confluence_api_requests_in_flight")).unwrap().to_owned()
        };

        let (first, second) = (asking.in_flight(), asking.clone().in_flight());
        assert!(in_flight().ends_with(" 2"));
        drop(first);
        assert!(in_flight().ends_with(" 1"));
        drop(second);
        assert!(in_flight().ends_with(" 0"));
    }

    #[test]
    fn numbers_that_are_too_old_leave_and_health_stays() {
        let asking = Asking::new(&ConnectionName::new("acme").unwrap());
        let encoded = Encoded::of(&snapshot("acme", Some(numbers())));

        let parts = [Part { with_numbers: false, ..part(&encoded, &asking) }];
        let page = String::from_utf8(page(Dialect::Classic, &parts, None)).unwrap();

        assert!(page.contains("confluence_snapshot_timestamp_seconds{connection=\"acme\"} 1779865752.034"));
        assert!(!page.contains("confluence_docs") && !page.contains("confluence_folded_spaces"));
    }

    fn part<'a>(encoded: &'a Encoded, asking: &'a Asking) -> Part<'a> {
        Part { encoded: Some(encoded), asking, with_numbers: true }
    }

    fn snapshot(connection: &str, numbers: Option<Numbers>) -> Snapshot {
        let moment = Timestamp::from_millis(1_779_865_752_034);
        let collectors = Collector::ALL.iter().map(|&collector| CollectorHealth {
            collector,
            success: (collector == Collector::Spaces).then_some(moment),
            oldest_fact: None,
            coverage: if collector == Collector::Views { 0.125 } else { 1.0 },
        });
        let health = Health {
            up: true,
            site: Some(SiteInfo {
                site: "https://acme.atlassian.net".into(),
                cloud_id: Some("11111111-2222-3333-4444-555555555555".into()),
                credential: Credential::Scoped,
            }),
            errors: vec![Code::PlanRequired],
            access: vec![(Operation::Spaces, None), (Operation::ContentViews, Some(Code::PlanRequired))],
            token_expires: Some(Timestamp::from_millis(1_814_313_600_000)),
            token_in_use: Some(TokenSlot::Next),
            moment: Some(moment),
            collectors: collectors.collect(),
        };
        Snapshot { connection: ConnectionName::new(connection).unwrap(), health, numbers }
    }

    fn failing_snapshot(connection: &str) -> Snapshot {
        let mut snapshot = snapshot(connection, None);
        snapshot.health = Health {
            up: false,
            site: None,
            errors: vec![Code::InvalidCredentials],
            access: vec![(Operation::Spaces, Some(Code::InvalidCredentials))],
            token_expires: None,
            token_in_use: None,
            moment: None,
            collectors: Vec::new(),
        };
        snapshot
    }

    fn numbers() -> Numbers {
        let one_type = TypeNumbers {
            doc_type: DocType::Page,
            docs: [3, 0, 1],
            new: vec![Some(0), Some(2)],
            updated: vec![Some(1), Some(2)],
            updates: vec![Some(4), None],
            edit_sessions: vec![Some(2), None],
            stale: vec![Some(1)],
            unlabelled: Some(2),
            views: Some(ViewNumbers { lifetime: Some(77), sampled_docs: 2, observed: 5 }),
        };
        let group = GroupNumbers {
            space: "ENG".into(),
            last_update: Some(Timestamp::from_millis(1_779_865_000_000)),
            types: vec![one_type],
            contributors: vec![("atlassian".into(), vec![Some(1), None])],
            owners: Some(BTreeMap::from([(crate::model::OwnerStatus::Active, 3)])),
            labels: Some(BTreeMap::from([("how-to".into(), 1)])),
            states: None,
        };
        Numbers {
            windows: vec![Window::of_days(1), Window::of_days(7)],
            ages: vec![Window::of_days(30)],
            spaces: BTreeMap::from([(("global".into(), "current".into()), 1)]),
            space_infos: vec![SpaceInfo {
                id: SpaceId(42),
                space: "ENG".into(),
                name: "Engineering".into(),
                space_type: "global".into(),
                status: "current".into(),
            }],
            groups: vec![group],
            site_contributors: vec![("atlassian".into(), vec![Some(1), None])],
            users: Some(BTreeMap::from([(("active".into(), "atlassian".into()), 2)])),
            folded_spaces: 0,
        }
    }
}
