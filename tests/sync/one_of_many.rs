//! One doc, or one account, among many: whatever is wrong with it, the numbers of the others stay.

use std::collections::BTreeMap;
use std::time::Duration;

use confluence_exporter::model::Collector;
use confluence_simulator::world::{DocFacts, Space, SpaceStatus};
use confluence_simulator::{DocId, DocStatus, Fault, FaultKind, Operation, Options, SpaceId};

use crate::observer::Observer;

/// Long enough for everything that grows old to be asked again.
const A_WHILE: Duration = Duration::from_hours(8 * 24);
/// What is told of docs one by one, under their space.
const OF_DOCS: [&str; 3] = ["docs_by_state{", "doc_views{", "views_sampled_docs{"];

#[tokio::test(flavor = "multi_thread")]
async fn one_doc_that_is_refused_takes_no_number_of_its_space_along() {
    for is_moved in [false, true] {
        let observer = Observer::of(Options { seed: 6, spaces: 4, docs: 60, ..Options::default() }).await;
        observer.catch_up_on(Collector::ALL).await;
        let (doc, home) = some_current_doc(&observer);
        if is_moved {
            // Where the doc is now no base can tell.
            let mut world = observer.site.world();
            let elsewhere = world.spaces().iter().find(|space| space.id != home && is_in_use(space)).unwrap().id;
            assert!(world.move_to(doc, elsewhere));
        }
        for (kind, operation) in [
            (FaultKind::StatesOffForbidden, Operation::ContentState),
            (FaultKind::AnalyticsRestricted, Operation::ContentViews),
        ] {
            observer.site.inject(Fault::new(kind).on(operation).only(&doc.0.to_string()));
        }

        observer.pass(A_WHILE);
        observer.refresh().await;
        let snapshot = observer.refresh().await;

        assert!(snapshot.health.errors.is_empty());
        let (told, truth) = observer.compare(&snapshot);
        assert_eq!(of_docs(told), without(&observer, doc, of_docs(truth)), "moved: {is_moved}");
    }
}

fn of_docs(series: BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    series.into_iter().filter(|(name, _)| OF_DOCS.iter().any(|family| name.starts_with(family))).collect()
}

/// The truth but for this doc.
fn without(observer: &Observer, doc: DocId, mut truth: BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let world = observer.site.world();
    let facts = world.doc(doc).unwrap();
    let space = &world.space(facts.space).unwrap().key;
    let state = facts.state.as_deref().unwrap_or("(none)");
    let doc_type = facts.doc_type.as_str();
    let shares = [
        (format!("docs_by_state{{space=\"{space}\",state=\"{state}\"}}"), 1),
        (format!("views_sampled_docs{{space=\"{space}\",type=\"{doc_type}\"}}"), 1),
        (format!("doc_views{{space=\"{space}\",type=\"{doc_type}\"}}"), i64::from(facts.views)),
    ];
    for (series, share) in shares {
        *truth.get_mut(&series).unwrap() -= share;
    }
    truth.retain(|series, value| *value > 0 || !series.starts_with("docs_by_state{"));
    truth
}

/// A doc that is asked for everything, and its space.
fn some_current_doc(observer: &Observer) -> (DocId, SpaceId) {
    let world = observer.site.world();
    let mut docs = world.docs().into_iter().filter_map(|doc| world.doc(doc));
    let is_asked_for =
        |facts: &DocFacts| facts.status == DocStatus::Current && is_in_use(world.space(facts.space).unwrap());
    docs.find(is_asked_for).map(|facts| (facts.id, facts.space)).unwrap()
}

/// Its docs are current, and counted under its own key.
fn is_in_use(space: &Space) -> bool {
    space.status == SpaceStatus::Current && &*space.space_type != "personal"
}
