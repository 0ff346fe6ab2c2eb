//! Files of older versions of the tables, and what becomes of what they hold.

use super::*;

fn of_version_1(path: &Path) -> Connection {
    let old = Connection::open(path).unwrap();
    old.execute_batch(MIGRATIONS[0]).unwrap();
    old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    old
}

#[test]
fn a_file_of_version_1_is_brought_up_to_date_with_all_that_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let old = of_version_1(&path);
    let doc = "0, 1, 0, 10, 30, 3, 1, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, 0, 'Title', '/path', NULL";
    for rows in [
        "connections VALUES (1, 'acme', 'https://acme.example', NULL), (2, 'beta', 'https://beta.example', NULL)",
        "accounts VALUES (1, 1, 'ann', NULL, NULL, NULL, NULL), (2, 1, 'bob', NULL, NULL, NULL, NULL)",
        &format!(
            "docs VALUES (1, 70, 'page', 5, 'current', {doc}), (1, 30, 'page', 5, 'current', {doc}), (2, 70, 'page', 5, NULL, {doc})"
        ),
        "edits VALUES (1, 30, 2, 20, 1), (1, 70, 2, 25, 1), (2, 70, 2, 21, 1)",
        "labels VALUES (1, 0, 'how-to')",
        "doc_labels VALUES (1, 70, 0)",
    ] {
        old.execute(&format!("INSERT INTO {rows}"), []).unwrap();
    }
    drop(old);

    let database = File::open(&path).unwrap().database;

    let told = |query: &str| -> Vec<String> {
        let mut rows = database.prepare(query).unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let docs = "SELECT connection || ' ' || number || ' ' || id || ' ' || title FROM docs ORDER BY connection, number";
    assert_eq!(told(docs), ["1 0 30 Title", "1 1 70 Title", "2 0 70 Title"]);
    let versions =
        "SELECT connection || ' ' || page_id || ' ' || author_id FROM confluence_page_versions WHERE number = 2";
    assert_eq!(told(versions), ["acme 30 ann", "acme 70 ann", "beta 70 bob"]);
    assert_eq!(told("SELECT page_id || ' ' || name FROM confluence_page_labels"), ["70 how-to"]);
    assert_eq!(told("SELECT status FROM confluence_pages WHERE connection = 'beta'"), ["unseen"]);
}

#[test]
fn views_observed_in_a_file_of_version_1_stay_under_the_names_that_were_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let old = of_version_1(&path);
    old.execute_batch(
        r#"
        INSERT INTO spaces (connection, id, key, name, type, status, unseen_since, walked) VALUES
            (1, 1, 'ENG', '', 'global', 'current', NULL, 1), (1, 2, 'SMALL', '', 'global', 'current', NULL, 1),
            (1, 3, 'TINY', '', 'global', 'current', NULL, 1), (1, 4, '~ann', '', 'personal', 'current', NULL, 1),
            (1, 5, '~ben', '', 'personal', 'current', NULL, 1), (1, 6, '~cid', '', 'personal', 'current', 7, 1),
            (2, 1, '~ann', '', 'personal', 'current', NULL, 1), (3, 1, '~ann', '', 'personal', 'current', NULL, 1);
        INSERT INTO observed_views VALUES
            (1, 1, 'page', 10), (1, 1, 'blogpost', 5), (1, 2, 'page', 20), (1, 3, 'page', 22), (1, 4, 'page', 40),
            (1, 5, 'page', 44), (1, 6, 'page', 60), (2, 1, 'page', 70), (3, 1, 'page', 80);
        INSERT INTO progress VALUES
            (1, 'shown', '{"docs":["(other)","(personal)","ENG"]}'), (1, 'folded', '[2,3]'),
            (2, 'shown', '{"docs":["~ann"]}'), (3, 'shown', '{"docs":["(pers');
        "#,
    )
    .unwrap();
    drop(old);

    for _ in 0..2 {
        let file = File::open(&path).unwrap();
        let mut views = file.database.prepare("SELECT connection, space, type, views FROM observed_views").unwrap();
        let views = views.query_map([], |row| {
            Ok(format!(
                "{} {} {} {}",
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, i64>(3)?
            ))
        });
        let views: Vec<_> = views.unwrap().map(Result::unwrap).collect();
        assert_eq!(
            views,
            [
                "1 (other) page 42",
                "1 (personal) page 84",
                "1 ENG blogpost 5",
                "1 ENG page 10",
                "1 ~cid page 60",
                "2 ~ann page 70",
                "3 ~ann page 80"
            ]
        );
    }
}

#[test]
fn a_file_of_version_1_forgets_the_names_of_personal_spaces() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let old = of_version_1(&path);
    // So many, and in such an order, that pages of the file have been split and have old rows in what they do not use.
    old.execute_batch(
        "WITH RECURSIVE places(place) AS (SELECT 1 UNION ALL SELECT place + 1 FROM places WHERE place < 400)
         INSERT INTO spaces (connection, id, key, name, type, status, unseen_since, walked)
         SELECT 1, place * 7919 % 1009, '~' || place, 'Ann Lee the ' || place || 'th', 'personal', 'current', NULL, 1
         FROM places;
         INSERT INTO spaces VALUES (1, 2000, 'ENG', 'Engineering', 'global', 'archived', 7, 0)",
    )
    .unwrap();
    drop(old);

    let file = File::open(&path).unwrap();

    let counted = |spaces: &str| -> i64 {
        file.database.query_row(&format!("SELECT count(*) FROM spaces WHERE {spaces}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!(counted("type = 'personal' AND name = '' AND key LIKE '~%' AND walked = 1"), 400);
    assert_eq!(counted("name = 'Engineering' AND status = 'archived' AND unseen_since = 7 AND walked = 0"), 1);
    drop(file);
    let bytes = std::fs::read(&path).unwrap();
    let holds = |words: &str| bytes.windows(words.len()).any(|window| window == words.as_bytes());
    assert_eq!(["Engineering", "Ann Lee"].map(holds), [true, false]);
}
