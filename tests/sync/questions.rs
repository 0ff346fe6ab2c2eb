//! What a user reads in the store with `sqlite3` while the exporter works: what the site has, and nothing that was said in
//! confidence.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use confluence_exporter::model::{Collector, Snapshot};
use confluence_exporter::sync::PersonalSpaces;
use confluence_simulator::world::{DocFacts, Sight, Space, SpaceStatus};
use confluence_simulator::{DocStatus, EventKind, Fault, FaultKind, Operation, Options, World, chance};
use flate2::read::GzDecoder;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use tokio::process::Command;

use crate::observer::{Observer, told};

/// What it says of one connection's site.
type Row = BTreeMap<String, Value>;

const VIEWS: [&str; 7] = [
    "confluence_spaces",
    "confluence_users",
    "confluence_docs",
    "confluence_pages",
    "confluence_blogposts",
    "confluence_page_versions",
    "confluence_page_labels",
];
const CONFIDENCE: &str = "for-your-ears-only";
const PERSON: &str = "Ann of the Long Name";
const YEAR_MS: i64 = 365 * 86_400_000;
/// Long enough for everything that grows old to be asked again.
const A_WHILE: Duration = Duration::from_hours(8 * 24);

#[tokio::test(flavor = "multi_thread")]
async fn the_views_say_what_the_site_has() {
    let (folder, observer) = lived_through(21).await;
    let store = store(&folder);
    let site = observer.site.site_url();
    let spaces = ask(&store, "confluence_spaces").await;
    let users = ask(&store, "confluence_users").await;
    let docs = ask(&store, "confluence_docs").await;
    let (pages, blogposts) = (ask(&store, "confluence_pages").await, ask(&store, "confluence_blogposts").await);
    let versions = ask(&store, "confluence_page_versions").await;
    let labels = ask(&store, "confluence_page_labels").await;

    let world = observer.site.world();
    let (unseen, listed): (Vec<_>, Vec<_>) = spaces.into_iter().partition(|row| row["status"] == "unseen");
    assert!(unseen.iter().all(|row| is_date(&row["unseen_since"])) && !unseen.is_empty());
    assert_same(listed, world.spaces().iter().filter(|space| space.sight == Sight::Listed).map(space_row));
    assert_users(&world, users);
    let (unseen, seen): (Vec<_>, Vec<_>) = docs.iter().cloned().partition(|row| row["status"] == "unseen");
    assert!(!unseen.is_empty());
    let visible = visible_docs(&world);
    assert_same(seen, visible.iter().map(|doc| doc_row(&world, doc, &site)));
    assert_same([pages, blogposts].concat(), docs);
    assert_versions(&world, &visible, versions);
    let is_current = |row: &Row| visible.iter().any(|doc| row["page_id"] == doc.id.0 && is_in_use(&world, doc));
    let expected = visible.iter().filter(|doc| is_in_use(&world, doc)).flat_map(label_rows);
    assert_same(labels.into_iter().filter(is_current).collect(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_in_confidence_is_never_in_the_file() {
    let folder = tempdir().unwrap();
    let store = store(&folder);
    let mut observer = Observer::of(Options { seed: 22, spaces: 4, docs: 120, ..Options::default() }).await;
    let title = {
        let mut world = observer.site.world();
        world.confide(CONFIDENCE);
        visible_docs(&world)[0].title.clone()
    };
    observer.restart(&store).await;

    let looking = async {
        loop {
            assert!(!holds(&store, CONFIDENCE), "while it is written");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = looking => {}
        _ = observer.catch_up_on(Collector::ALL) => {}
    }
    let author = observer.site.world().accounts().next().unwrap();
    let docs = observer.site.world().docs();
    for doc in docs {
        observer.site.world().autosave_burst(doc, author, 5);
    }
    observer.pass(A_WHILE);
    observer.catch_up_on(Collector::ALL).await;
    all_is_kept(&observer, &store).await;

    assert!(holds(&store, &title), "what is to be there is found");
    assert!(!holds(&store, CONFIDENCE));
    // The next start moves into the file itself what stands in its log.
    observer.restart(&store).await;
    assert!(!holds(&store, CONFIDENCE));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_a_personal_space_is_in_the_file_only_where_the_page_shows_it() {
    let folder = tempdir().unwrap();
    let store = store(&folder);
    let mut observer = Observer::of(Options { seed: 24, spaces: 3, docs: 60, ..Options::default() }).await;
    let personal = observer.site.world().add_space("~ann", PERSON, "personal");
    let names_of = |snapshot: &Snapshot| -> Vec<String> {
        told(snapshot).into_keys().filter(|series| series.starts_with("space_info{")).collect()
    };
    let is_named = |names: &[String]| names.iter().any(|series| series.contains(PERSON));
    observer.restart(&store).await;

    assert!(!is_named(&names_of(observer.catch_up_on(Collector::ALL).await.as_ref())));
    all_is_kept(&observer, &store).await;
    assert!(holds(&store, "~ann") && !holds(&store, PERSON));
    // What changes in it is written with it.
    observer.site.world().archive_space(personal);
    observer.refresh().await;
    all_is_kept(&observer, &store).await;
    assert!(!holds(&store, PERSON));

    observer.adapt(|settings| settings.spaces.personal = PersonalSpaces::Each);
    observer.restart(&store).await;
    let before = names_of(observer.refresh().await.as_ref());
    assert!(is_named(&before), "{before:?}");
    for _ in 0..2 {
        all_is_kept(&observer, &store).await;
        observer.restart(&store).await;
        // No list tells the name anew: that of the last snapshot is on show.
        observer.site.inject(Fault::new(FaultKind::InternalError).on(Operation::Spaces));
        let failed = observer.refresh().await;
        observer.site.clear_faults();
        assert!(!failed.health.up);
        assert_eq!(names_of(&failed), before);
    }
    let spaces = ask(&store, "confluence_spaces").await;
    assert!(spaces.iter().all(|space| space["name"].as_str() != Some(PERSON)), "{spaces:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_while_the_exporter_writes_and_hold_nothing_up() {
    let (folder, observer) = lived_through(23).await;
    let store = store(&folder);
    let author = observer.site.world().accounts().next().unwrap();
    let writing = async {
        loop {
            let docs = observer.site.world().docs();
            for doc in docs.into_iter().take(50) {
                observer.site.world().edit(doc, author);
            }
            observer.pass(Duration::from_mins(1));
            let _ = observer.sync.begin();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let asking = async {
        let before = ask(&store, "confluence_page_versions").await.len();
        // However long it takes until some of what is written meanwhile has been seen.
        while ask(&store, "confluence_page_versions").await.len() < before + 200 {
            for view in VIEWS {
                assert!(!ask(&store, view).await.is_empty(), "{view}");
            }
        }
    };
    tokio::select! {
        () = writing => {}
        answered = tokio::time::timeout(Duration::from_mins(1), asking) => answered.expect("new versions are seen"),
    }
    assert!(observer.store_up.get(), "nothing could not be written for it");
}

/// A site to which everything has happened that can, and an exporter that has seen and kept it all.
async fn lived_through(seed: u64) -> (TempDir, Observer) {
    let folder = tempdir().unwrap();
    let mut observer = Observer::of(Options { seed, spaces: 9, docs: 150, ..Options::default() }).await;
    observer.restart(&store(&folder)).await;
    observer.catch_up_on(Collector::ALL).await;
    observer.site.world().add_odd_names();
    let mut rng = chance(seed);
    // Between two looks at one doc, edits that make up in number for deleted versions can't be seen.
    let (deletions, others): (Vec<_>, Vec<_>) = EventKind::all().partition(|kind| *kind == EventKind::DeleteVersion);
    for kinds in [others, deletions] {
        for _ in 0..400 {
            observer.pass(Duration::from_mins(10));
            observer.site.world().random_event_of(&mut rng, &kinds);
        }
        let hidden = observer.site.world().spaces().iter().find(|space| space.sight == Sight::Listed).unwrap().id;
        observer.site.world().hide_space(hidden);
        observer.pass(A_WHILE);
        observer.catch_up_on(Collector::ALL).await;
    }
    all_is_kept(&observer, &store(&folder)).await;
    (folder, observer)
}

/// Waits until the store has what is on show.
async fn all_is_kept(observer: &Observer, store: &Path) {
    observer.silence().await;
    let database = Connection::open(store).unwrap();
    let kept = || database.query_row("SELECT health FROM snapshots", [], |row| row.get::<_, String>(0)).unwrap();
    let shown = || serde_json::to_string(&observer.sync.snapshots().borrow().as_ref().unwrap().health).unwrap();
    while kept() != shown() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn store(folder: &TempDir) -> PathBuf {
    folder.path().join("store.db")
}

/// As docs/SCHEMA.md says that a user may.
async fn ask(store: &Path, view: &str) -> Vec<Row> {
    let question = format!("SELECT * FROM {view}");
    let arguments = ["-readonly".as_ref(), "-json".as_ref(), store.as_os_str(), question.as_ref()];
    let output = Command::new("sqlite3").args(arguments).output().await.expect("sqlite3 is installed");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && told.is_empty(), "{view}: {told}");
    if output.stdout.is_empty() {
        return Vec::new();
    }
    let rows: Vec<Row> = serde_json::from_slice(&output.stdout).unwrap();
    let of_acme = |mut row: Row| {
        assert_eq!(row.remove("connection"), Some("acme".into()));
        row
    };
    rows.into_iter().map(of_acme).collect()
}

fn space_row(space: &Space) -> Row {
    let name = if &*space.space_type == "personal" { "" } else { &*space.name };
    row(json!({
        "id": space.id.0, "key": *space.key, "name": name, "type": *space.space_type,
        "status": space.status.as_str(), "unseen_since": null,
    }))
}

fn doc_row(world: &World, doc: &DocFacts, site: &str) -> Row {
    let space = world.space(doc.space).unwrap();
    let account = |account| world.account_id(account).to_string();
    let newest = doc.versions.last().unwrap();
    let kind = if doc.doc_type.as_str() == "page" { "pages" } else { "blog" };
    let mut row = row(json!({
        "id": doc.id.0, "type": doc.doc_type.as_str(), "title": doc.title, "status": doc.status.as_str(),
        "space_id": space.id.0, "space_key": *space.key, "space_type": *space.space_type,
        "url": format!("{site}/wiki/spaces/{}/{kind}/{}", space.key, doc.id.0),
        "author_id": account(doc.creator), "owner_id": doc.owner.map(account), "last_owner_id": doc.last_owner.map(account),
        "created_at": date(doc.created_ms), "updated_at": date(newest.created_ms), "updated_by_id": account(newest.author),
        "version_number": doc.versions.len(), "content_state": doc.state.as_deref(), "views_count": doc.views,
    }));
    if !is_in_use(world, doc) {
        row.retain(|column, _| !LAST_LEARNT_IN_USE.contains(&column.as_str()));
    }
    row
}

/// Nobody asks for these of docs that are archived or in the trash: what was known of them stays.
const LAST_LEARNT_IN_USE: [&str; 2] = ["content_state", "views_count"];

fn label_rows(doc: &DocFacts) -> Vec<Row> {
    let row_of = |label: &confluence_simulator::Label| {
        row(json!({"page_id": doc.id.0, "type": doc.doc_type.as_str(), "prefix": *label.prefix, "name": *label.name}))
    };
    doc.labels.iter().map(row_of).collect()
}

/// Everybody who is met is told truly; and everybody is met who has made or owns a doc.
fn assert_users(world: &World, users: Vec<Row>) {
    let mut met = BTreeSet::new();
    for user in users {
        let account = world.account(user["account_id"].as_str().unwrap()).unwrap();
        let truth = world.user(account);
        let (status, account_type) =
            if truth.left_out { ("unknown", "unknown") } else { (&*truth.status, &*truth.account_type) };
        assert_eq!(
            (user["account_status"].as_str(), user["account_type"].as_str()),
            (Some(status), Some(account_type))
        );
        assert!(is_date(&user["learnt_at"]), "{user:?}");
        met.insert(account);
    }
    let people = visible_docs(world).into_iter().flat_map(|doc| doc.owner.into_iter().chain([doc.creator]));
    assert!(people.into_iter().all(|account| met.contains(&account)));
}

/// Of each doc: nothing but versions that it has, and all of the last year, the first and the newest among them.
fn assert_versions(world: &World, visible: &[DocFacts], versions: Vec<Row>) {
    let now_ms = world.now_ms();
    let mut told: BTreeMap<u64, Vec<Row>> = BTreeMap::new();
    for version in versions {
        told.entry(version["page_id"].as_u64().unwrap()).or_default().push(version);
    }
    for doc in visible {
        let truth = (1_usize..).zip(&doc.versions).map(|(number, version)| {
            let is_wanted = number == 1 || number == doc.versions.len() || version.created_ms > now_ms - YEAR_MS;
            let row = row(json!({
                "page_id": doc.id.0, "type": doc.doc_type.as_str(), "number": number,
                "created_at": date(version.created_ms), "author_id": **world.account_id(version.author),
            }));
            (row, is_wanted)
        });
        let truth: Vec<_> = truth.collect();
        let told = told.remove(&doc.id.0).unwrap_or_default();
        let is_true = |row: &&Row| truth.iter().any(|(version, _)| version == *row);
        assert_eq!(told.iter().find(|row| !is_true(row)), None, "of {truth:?}");
        let missing = truth.iter().find(|(row, is_wanted)| *is_wanted && !told.contains(row));
        assert_eq!(missing, None, "in {told:?}");
    }
}

/// In any order; of columns that are not expected, any value.
fn assert_same(mut told: Vec<Row>, expected: impl IntoIterator<Item = Row>) {
    let by_id = |row: &Row| format!("{:?} {:?}", row.get("id").or(row.get("page_id")), row.get("name"));
    let mut expected: Vec<Row> = expected.into_iter().collect();
    told.sort_by_key(by_id);
    expected.sort_by_key(by_id);
    for (told, expected) in told.iter_mut().zip(&expected) {
        told.retain(|column, _| expected.contains_key(column) || !LAST_LEARNT_IN_USE.contains(&column.as_str()));
    }
    assert_eq!(told.iter().zip(&expected).find(|(told, expected)| told != expected), None);
    assert_eq!(told.len(), expected.len());
    assert!(!told.is_empty());
}

fn visible_docs(world: &World) -> Vec<DocFacts> {
    let docs = world.docs().into_iter().map(|doc| world.doc(doc).unwrap());
    let is_visible = |doc: &DocFacts| {
        let is_listed = world.space(doc.space).is_some_and(|space| space.sight == Sight::Listed);
        is_listed && !matches!(doc.status, DocStatus::Deleted | DocStatus::Purged)
    };
    docs.filter(is_visible).collect()
}

fn is_in_use(world: &World, doc: &DocFacts) -> bool {
    let is_current = world.space(doc.space).is_some_and(|space| space.status == SpaceStatus::Current);
    doc.status == DocStatus::Current && is_current
}

fn row(json: Value) -> Row {
    serde_json::from_value(json).unwrap()
}

fn date(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).unwrap().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn is_date(value: &Value) -> bool {
    value.as_str().is_some_and(|date| date.len() == "2026-05-27T07:09:12.034Z".len() && date.ends_with('Z'))
}

/// Whether the words stand anywhere in the store: in the file, in its log, or in the snapshot, which is gzipped.
fn holds(store: &Path, words: &str) -> bool {
    let mut bytes = std::fs::read(store).unwrap();
    bytes.extend(std::fs::read(store.with_extension("db-wal")).unwrap_or_default());
    let database = Connection::open(store).unwrap();
    let mut numbers = database.prepare("SELECT numbers FROM snapshots WHERE numbers IS NOT NULL").unwrap();
    for packed in numbers.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap() {
        GzDecoder::new(&*packed.unwrap()).read_to_end(&mut bytes).unwrap();
    }
    bytes.windows(words.len()).any(|window| window == words.as_bytes())
}
