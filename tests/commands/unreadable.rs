//! What cannot be read of Confluence's answers: a line in the log for each kind, however often it comes.

use confluence_simulator::{Fault, FaultKind, Operation, TokenKind};

use crate::program::{Desk, site};

#[tokio::test]
async fn each_kind_of_what_cannot_be_read_is_told_once() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "  refresh_interval: 1s\n");
    // One after the other, the last one for good.
    for kind in [FaultKind::WrongTypes, FaultKind::UnknownStatus, FaultKind::UnlistedSpace] {
        site.inject(Fault::new(kind).on(Operation::Pages).times(2));
    }
    site.inject(Fault::new(FaultKind::DoubleId).on(Operation::Pages));
    let kinds = ["page", "doc_status", "doc_space", "doc_id"];

    let serving = desk.serve(&[]).await;
    let has_come_often = |page: &str, kind: &str| {
        let series = format!("confluence_unreadable_total{{connection=\"acme\",kind=\"{kind}\"}} ");
        let count = page.lines().find_map(|line| line.strip_prefix(&series)).and_then(|count| count.parse().ok());
        count.unwrap_or(0.0) > 1.0
    };
    serving.scrape_until(|page| kinds.iter().all(|kind| has_come_often(page, kind))).await;

    let log = serving.err();
    for kind in kinds {
        let told = log
            .lines()
            .filter(|line| line.contains(&format!("kind={kind} ")) || line.ends_with(&format!("kind={kind}")));
        let told: Vec<_> = told.collect();
        assert_eq!(told.len(), 1, "{kind}: {told:?}\n{log}");
        assert!(
            ["level=warn", "connection=acme", "operation=pages", "trace="].iter().all(|part| told[0].contains(part)),
            "{told:?}"
        );
    }
}
