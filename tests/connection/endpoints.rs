//! Each endpoint's question and answer, against a world that can be looked into.

use std::collections::{BTreeMap, BTreeSet};

use confluence_exporter::confluence::{DocsListing, Listing, Order, Site};
use confluence_exporter::connection::{Turn, Verdict};
use confluence_exporter::model::{AccountId, Code, DocId, DocRow, DocStatus, DocType, Timestamp};
use confluence_simulator::{Fault, FaultKind, Label, Options, Simulator, TokenKind};

use crate::setting::{Door, open_simulated};

/// A site and a token with the four scopes that a user is told to give it.
async fn simulated(options: Options) -> (Simulator, Door) {
    let simulator = Simulator::start(options).await.unwrap();
    let door = open_simulated(&simulator, &simulator.token(TokenKind::scoped()));
    (simulator, door)
}

fn listing(doc_type: DocType, order: Order) -> DocsListing {
    DocsListing { doc_type, order, spaces: Vec::new(), turn: Turn::Base }
}

async fn all_docs(site: &Site, listing: &DocsListing) -> Vec<DocRow> {
    let mut answer = site.docs(listing, None).await.unwrap();
    let mut rows = std::mem::take(&mut answer.rows);
    while let Some(cursor) = answer.next {
        answer = site.docs(listing, Some(&cursor)).await.unwrap();
        assert!(answer.unreadable.is_empty());
        rows.append(&mut answer.rows);
    }
    rows
}

#[tokio::test]
async fn all_spaces_are_listed_over_as_many_answers_as_it_takes() {
    let (simulator, door) = simulated(Options { spaces: 600, docs: 0, ..Options::default() }).await;
    let archived = simulator.world().spaces()[3].id;
    simulator.world().archive_space(archived);
    let mut listed = BTreeSet::new();
    let mut cursor = None;

    for expected in [250, 250, 100] {
        let answer = door.site.spaces(cursor.as_ref()).await.unwrap();
        assert_eq!(answer.rows.len(), expected);
        listed
            .extend(answer.rows.into_iter().map(|row| (row.id.0, row.key.to_string(), row.status.as_str().to_owned())));
        cursor = answer.next;
    }

    assert_eq!(cursor, None);
    let world = simulator.world();
    let spaces = world.spaces().iter();
    let expected = spaces.map(|space| (space.id.0, space.key.to_string(), space.status.as_str().to_owned())).collect();
    assert_eq!(listed, expected);
    assert!(listed.iter().any(|(id, _, status)| *id == archived.0 && status == "archived"));
    drop(world);
    assert_eq!(simulator.rejected(), 0);
}

#[tokio::test]
async fn docs_are_listed_in_both_orders_with_every_status_that_counts() {
    let (simulator, door) = simulated(Options { docs: 700, ..Options::default() }).await;
    let mut facts = BTreeMap::new();
    {
        let mut world = simulator.world();
        let docs = world.docs();
        world.trash(docs[0]);
        world.trash(docs[1]);
        for doc in docs {
            if let Some(fact) = world.doc(doc) {
                facts.insert(DocId(doc.0), format!("{:?}", fact.status).to_lowercase());
            }
        }
    }

    let mut listed = BTreeMap::new();
    for doc_type in DocType::ALL.iter().copied() {
        let by_id = all_docs(&door.site, &listing(doc_type, Order::ById)).await;
        let newest_first = all_docs(&door.site, &listing(doc_type, Order::NewestFirst)).await;

        assert!(by_id.is_sorted_by_key(|row| row.id));
        assert!(newest_first.is_sorted_by_key(|row| std::cmp::Reverse(row.version.created_at)));
        assert_eq!(by_id.len(), newest_first.len());
        assert!(by_id.iter().all(|row| row.doc_type == doc_type && row.author.is_some()));
        assert!(doc_type == DocType::Page || by_id.iter().all(|row| row.owner.is_none()));
        listed.extend(by_id.into_iter().map(|row| (row.id, row.status.map_or("none", DocStatus::as_str).to_owned())));
    }

    facts.retain(|_, status| ["current", "archived", "trashed"].contains(&status.as_str()));
    assert_eq!(listed, facts);
    assert_eq!(simulator.rejected(), 0);
}

#[tokio::test]
async fn docs_can_be_listed_for_some_spaces_only() {
    let (simulator, door) = simulated(Options { docs: 300, ..Options::default() }).await;
    let spaces = door.site.spaces(None).await.unwrap().rows;
    let chosen = vec![spaces[0].id, spaces[1].id];

    let rows =
        all_docs(&door.site, &DocsListing { spaces: chosen.clone(), ..listing(DocType::Page, Order::ById) }).await;

    assert!(!rows.is_empty());
    assert!(rows.iter().all(|row| chosen.contains(&row.space)));
    assert_eq!(simulator.rejected(), 0);
}

#[tokio::test]
async fn docs_asked_for_by_id_tell_what_has_become_of_them() {
    let (simulator, door) = simulated(Options { docs: 60, ..Options::default() }).await;
    let pages = all_docs(&door.site, &listing(DocType::Page, Order::ById)).await;
    let live: Vec<DocId> =
        pages.iter().filter(|row| row.status == Some(DocStatus::Current)).map(|row| row.id).collect();
    let id = |doc: DocId| confluence_simulator::DocId(doc.0);
    simulator.world().trash(id(live[0]));
    simulator.world().trash(id(live[1]));
    simulator.world().purge(id(live[1]));

    let asked = [live[0], live[1], live[2], DocId(9)];
    let rows = door.site.docs_by_id(DocType::Page, &asked, None).await.unwrap().rows;

    let status = |doc| rows.iter().find(|row| row.id == doc).map(|row| row.status);
    assert_eq!(status(live[0]), Some(Some(DocStatus::Trashed)));
    assert!(matches!(status(live[1]), None | Some(None)), "out of sight");
    assert_eq!(status(live[2]), Some(Some(DocStatus::Current)));
    assert_eq!(status(DocId(9)), None);
    door.site.docs_by_id(DocType::Blogpost, &asked, None).await.unwrap();
    assert_eq!(simulator.rejected(), 0);
}

#[tokio::test]
async fn versions_come_newest_first() {
    let (simulator, door) = simulated(Options { docs: 20, ..Options::default() }).await;
    let page = all_docs(&door.site, &listing(DocType::Page, Order::ById)).await.remove(0);
    let author = simulator.world().accounts().next().unwrap();
    simulator.world().autosave_burst(confluence_simulator::DocId(page.id.0), author, 300);

    let first = door.site.versions(DocType::Page, page.id, None).await.unwrap();
    let second = door.site.versions(DocType::Page, page.id, first.next.as_ref()).await.unwrap();

    let numbers: Vec<u32> = first.rows.iter().chain(&second.rows).map(|row| row.number).collect();
    let newest = page.version.number + 300;
    assert_eq!(numbers, (1..=newest).rev().collect::<Vec<_>>());
    assert_eq!(second.next, None);
    assert_eq!(simulator.rejected(), 0);
}

#[tokio::test]
async fn labels_states_views_and_users_are_told_as_they_are() {
    let (simulator, door) = simulated(Options { docs: 20, ..Options::default() }).await;
    let page = all_docs(&door.site, &listing(DocType::Page, Order::ById)).await.remove(0);
    let doc = confluence_simulator::DocId(page.id.0);
    {
        let mut world = simulator.world();
        world.relabel(doc, &[Label::new("global", "how-to"), Label::new("my", "später")]);
        world.set_state(doc, Some("Verified"));
        world.view(doc, 3);
    }
    let views = door.site.views(page.id).await.unwrap().value;
    simulator.world().view(doc, 4);

    let labels: BTreeSet<String> =
        door.site.labels(DocType::Page, page.id, None).await.unwrap().rows.iter().map(ToString::to_string).collect();
    assert_eq!(labels, BTreeSet::from(["how-to".to_owned(), "my:später".to_owned()]));
    assert_eq!(door.site.state(page.id).await.unwrap().value.as_deref(), Some("Verified"));
    assert_eq!(door.site.views(page.id).await.unwrap().value, views + 4);

    simulator.world().set_state(doc, None);
    assert_eq!(door.site.state(page.id).await.unwrap().value, None);

    let author = page.author.unwrap();
    let asked = [author.clone(), AccountId("nobody".into())];
    let users = door.site.users(&asked).await.unwrap().rows;
    assert_eq!(users.iter().map(|user| &user.account).collect::<Vec<_>>(), [&author], "unknown ones are left out");

    // Four scopes do not open this one.
    let failure = door.site.current_user().await.unwrap_err();
    assert_eq!(failure.verdict(), Verdict::Refused { code: Code::InvalidPermissions, named: true });
    assert_eq!(simulator.rejected(), 0);
    let unscoped = open_simulated(&simulator, &simulator.token(TokenKind::Unscoped));
    unscoped.site.current_user().await.unwrap();
}

#[tokio::test]
async fn an_answer_tells_the_sites_own_time() {
    let start = 1_790_000_000_000;
    let (_simulator, door) = simulated(Options { start_at: Some(start), docs: 5, ..Options::default() }).await;

    let answer = door.site.spaces(None).await.unwrap();

    assert_eq!(answer.date, Timestamp::from_millis(start));
}

#[tokio::test]
async fn what_cannot_be_read_costs_a_row_and_no_more() {
    let (simulator, door) = simulated(Options { docs: 20, ..Options::default() }).await;
    let pages = listing(DocType::Page, Order::ById);
    let whole = all_docs(&door.site, &pages).await.len();
    let unreadable = |answer: &Listing<DocRow>| answer.unreadable.clone();
    for (kind, rows, expected) in [
        (FaultKind::WrongTypes, whole - 1, vec!["page"]),
        (FaultKind::NullFields, whole - 1, vec!["page"]),
        (FaultKind::UnknownStatus, whole - 1, vec!["doc_status"]),
        (FaultKind::UnknownType, whole, vec![]),
        (FaultKind::UnknownEnum, whole, vec![]),
        (FaultKind::UnlistedSpace, whole, vec![]),
        (FaultKind::VersionFalls, whole, vec![]),
        (FaultKind::DoubleId, whole - 1, vec!["doc_id"]),
        (FaultKind::Date1970, whole, vec![]),
        (FaultKind::Date2100, whole, vec![]),
        (FaultKind::EmptyList, 0, vec![]),
        (FaultKind::HostileNext, whole, vec![]),
        (FaultKind::HostileBase, whole, vec![]),
        (FaultKind::HostileLink, whole, vec![]),
    ] {
        simulator.clear_faults();
        simulator.inject(Fault::new(kind));

        let answer = door.site.docs(&pages, None).await.unwrap_or_else(|failure| panic!("{kind:?}: {failure}"));

        assert_eq!((answer.rows.len(), unreadable(&answer)), (rows, expected), "{kind:?}");
    }
}

#[tokio::test]
async fn a_space_that_can_be_counted_is_kept_whatever_its_words() {
    let (simulator, door) = simulated(Options { docs: 20, ..Options::default() }).await;
    let whole = door.site.spaces(None).await.unwrap().rows.len();
    for (kind, rows, expected) in [
        (FaultKind::UnknownStatus, whole, &[][..]),
        (FaultKind::UnknownType, whole, &[]),
        (FaultKind::WrongTypes, whole - 1, &["space"]),
        (FaultKind::NullFields, whole - 1, &["space"]),
    ] {
        simulator.clear_faults();
        simulator.inject(Fault::new(kind));

        let answer = door.site.spaces(None).await.unwrap();

        assert_eq!((answer.rows.len(), &*answer.unreadable), (rows, expected), "{kind:?}");
    }
}

#[tokio::test]
async fn an_answer_about_one_doc_is_readable_or_it_is_none() {
    let (simulator, door) = simulated(Options { docs: 20, ..Options::default() }).await;
    let page = all_docs(&door.site, &listing(DocType::Page, Order::ById)).await.remove(0).id;
    for kind in [FaultKind::WrongTypes, FaultKind::NullFields] {
        simulator.clear_faults();
        simulator.inject(Fault::new(kind));

        let failure = door.site.views(page).await.unwrap_err();

        assert_eq!(failure.code(), Some(Code::BadResponse), "{kind:?}");
    }
}
