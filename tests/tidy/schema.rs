//! SCHEMA.md and the store's database: table by table, column by column, in one order.

use rusqlite::Connection;

use crate::{code_spans, read, table_rows};

#[test]
fn schema_md_lists_every_table_and_view_with_its_columns() {
    let page = read("docs/SCHEMA.md");
    let sections = page.split("\n### ").skip(1);
    let written: Vec<(String, Vec<String>)> = sections
        .map(|section| {
            let name = section.lines().next().unwrap().to_owned();
            let section = section.split("\n## ").next().unwrap();
            let rows = table_rows(section).into_iter().skip(1);
            (name, rows.map(|cells| code_spans(&cells[0])[0].clone()).collect())
        })
        .collect();

    assert_eq!(written, in_database());
}

/// Views first, as the page has them.
fn in_database() -> Vec<(String, Vec<String>)> {
    let database = Connection::open_in_memory().unwrap();
    for migration in ["schema.sql", "schema-2.sql"] {
        database.execute_batch(&read(format!("src/store/{migration}"))).unwrap();
    }
    let mut names = database
        .prepare("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY type DESC, rowid")
        .unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    names
        .into_iter()
        .map(|name| {
            let mut columns = database.prepare("SELECT name FROM pragma_table_info(?)").unwrap();
            let columns = columns.query_map([&name], |row| row.get(0)).unwrap();
            let columns = columns.collect::<Result<_, _>>().unwrap();
            (name, columns)
        })
        .collect()
}
