//! Facts that come late, broken or from two sides at once.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::{DocRow, Papers, SpaceRow, SpaceStatus, UserRow, VersionRow};

const DOC: DocId = DocId(7);
const HOME: SpaceId = SpaceId(1);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_000_000_000_000 + seconds * 1_000)
}

fn version(number: u32, seconds: i64) -> VersionRow {
    VersionRow { number, created_at: at(seconds), author: None }
}

fn row(space: SpaceId, version: VersionRow) -> DocRow {
    DocRow {
        id: DOC,
        doc_type: DocType::Page,
        space,
        status: Some(DocStatus::Current),
        author: None,
        owner: None,
        created_at: at(0),
        version,
        papers: Papers::default(),
    }
}

fn space(id: SpaceId) -> SpaceRow {
    let key: Arc<str> = format!("S{id}").into();
    SpaceRow { id, name: key.clone(), key, space_type: "global".into(), status: SpaceStatus::Current }
}

/// A ledger that knows of one space and, since `seen`, one doc in it.
fn ledger(newest: VersionRow, seen: i64) -> Ledger {
    let mut ledger = Ledger::new(Duration::from_hours(24 * 365));
    ledger.learn_spaces(vec![space(HOME)], true, at(0));
    ledger.learn_docs(&[row(HOME, newest)], at(seen));
    ledger
}

fn is_wanted(ledger: &Ledger, now: i64) -> bool {
    let day = Duration::from_hours(24);
    let ages = MaxAges { users: day, labels: day, states: day, views: day };
    !ledger.wanting(&[(Collector::Versions, 0)], 9, &ages, at(now))[0].is_empty()
}

#[test]
fn versions_that_a_row_has_overtaken_are_asked_for_again() {
    let mut ledger = ledger(version(5, 10), 20);
    let newest = ledger.newest_version(DOC).unwrap();
    ledger.learn_docs(&[row(HOME, version(6, 21))], at(22));

    let late = [version(5, 10), version(4, 8), version(3, 6), version(2, 4), version(1, 0)];
    ledger.learn_versions(DOC, newest, &Fact::Known(late.to_vec()), true, at(20));

    assert!(is_wanted(&ledger, 23), "an hour, or a day, would be too late");
}

#[test]
fn versions_of_which_one_has_been_deleted_since_are_none() {
    let mut ledger = ledger(version(5, 10), 20);
    let newest = ledger.newest_version(DOC).unwrap();
    // The newest is still the same, and has another number.
    ledger.learn_docs(&[row(HOME, version(4, 10))], at(22));

    let late = [version(5, 10), version(4, 8), version(3, 6), version(2, 4), version(1, 0)];
    ledger.learn_versions(DOC, newest, &Fact::Known(late.to_vec()), true, at(20));

    assert_eq!(ledger.newest_version(DOC), Some((4, at(10))));
    assert!(is_wanted(&ledger, 23));
}

#[test]
fn versions_that_are_older_than_the_row_all_the_time_rest() {
    let mut ledger = ledger(version(5, 10), 20);

    ledger.learn_versions(DOC, (5, at(10)), &Fact::Known(vec![version(4, 8), version(1, 0)]), true, at(30));

    assert!(!is_wanted(&ledger, 31));
}

#[test]
fn a_doc_that_has_been_seen_since_is_not_lost() {
    let is_in_sight = |ledger: &Ledger| ledger.newest_page() == Some(DOC);
    let mut ledger = ledger(version(1, 0), 20);

    ledger.lose(&[DOC], at(19));
    ledger.learn_docs(&[row(SpaceId(404), version(1, 0))], at(19));
    assert!(is_in_sight(&ledger), "both answers are older than the row");

    ledger.learn_docs(&[row(SpaceId(404), version(1, 0))], at(21));
    assert!(!is_in_sight(&ledger));
}

#[test]
fn an_account_whose_row_cannot_be_read_lowers_coverage_and_keeps_what_was_known() {
    let day = Duration::from_hours(24);
    let ages = MaxAges { users: day, labels: day, states: day, views: day };
    let ann = AccountId("ann".into());
    let mut ledger = ledger(VersionRow { author: Some(ann.clone()), ..version(1, 0) }, 20);
    let told = UserRow { account: ann.clone(), status: "active".into(), account_type: "atlassian".into() };

    ledger.learn_users(std::slice::from_ref(&ann), vec![told], false, at(30));
    ledger.learn_users(std::slice::from_ref(&ann), Vec::new(), true, at(40));

    let goal = ledger.goals(&ages, at(41))[Collector::Users as usize];
    assert!(goal.coverage < 0.1 && goal.reached, "{goal:?}");
    assert_eq!(ledger.users[0].status.as_deref(), Some("active"));
}

#[test]
fn a_date_that_went_back_and_came_forth_again_leaves_the_versions_to_be_asked_for() {
    let mut ledger = ledger(version(1, 0), 20);
    ledger.learn_docs(&[row(HOME, version(2, 30))], at(31));
    assert!(!is_wanted(&ledger, 31), "the rows have told both");

    let in_1970 = VersionRow { created_at: Timestamp::from_millis(0), ..version(2, 0) };
    ledger.learn_docs(&[row(HOME, in_1970)], at(40));
    ledger.learn_docs(&[row(HOME, version(3, 50))], at(51));

    assert!(is_wanted(&ledger, 51), "the second one's date is lost");
}

#[test]
fn a_space_is_refused_as_a_whole_once_three_docs_were_and_none_was_answered() {
    let mut ledger = ledger(version(1, 0), 20);
    let ids: Vec<DocId> = (100..110).map(DocId).collect();
    let rows: Vec<DocRow> = ids.iter().map(|id| DocRow { id: *id, ..row(HOME, version(1, 0)) }).collect();
    ledger.learn_docs(&rows, at(20));
    let day = Duration::from_hours(24);
    let ages = MaxAges { users: day, labels: day, states: day, views: day };
    let wanted = |ledger: &Ledger| ledger.wanting(&[(Collector::States, 0)], 99, &ages, at(30))[0].len();

    ledger.refuse_space_of(ids[0], Collector::States, at(21));
    ledger.refuse_space_of(ids[1], Collector::States, at(21));
    assert_eq!(wanted(&ledger), 9, "two may have moved to another space");
    ledger.refuse_space_of(ids[2], Collector::States, at(21));
    assert_eq!(wanted(&ledger), 0);

    ledger.learn_state(ids[3], &Fact::Known(Some("Draft".into())), at(22));
    ledger.refuse_space_of(ids[4], Collector::States, at(23));
    assert!(ledger.docs.iter().any(|doc| doc.state.learnt_at().is_some()), "one that was answered is left alone");
}
