//! ARCHITECTURE.md's floor plan, and whether the code keeps to it.

use std::collections::{BTreeMap, BTreeSet};

use super::{assert_none, code_spans, files_below, read, table_rows};

/// One row of the floor plan.
struct Room {
    name: String,
    floor: u32,
    may_import: Imports,
    /// Words that no other room may use.
    own_words: Vec<String>,
    /// What contains such a word and is free for all.
    free_words: Vec<String>,
}

enum Imports {
    Rooms(BTreeSet<String>),
    All,
}

/// A source file without its comments.
struct Source {
    path: String,
    room: String,
    code: String,
}

#[test]
fn every_room_stands_in_the_floor_plan_and_every_room_of_the_plan_in_the_code() {
    let planned: BTreeSet<String> = floor_plan().into_iter().map(|room| room.name).collect();
    let built: BTreeSet<String> = sources().into_iter().map(|source| source.room).collect();
    assert_eq!(built, planned);
}

#[test]
fn rooms_import_only_what_the_floor_plan_lets_them() {
    let plan = floor_plan();
    let findings = sources().into_iter().flat_map(|source| {
        let room = room(&plan, &source.room);
        let imported = rooms_used(&source.code).into_iter().filter(|used| *used != room.name);
        let forbidden = imported.filter(|used| match &room.may_import {
            Imports::All => self::room(&plan, used).floor >= room.floor,
            Imports::Rooms(rooms) => !rooms.contains(used),
        });
        forbidden.map(|used| format!("{} uses crate::{used}", source.path)).collect::<Vec<_>>()
    });
    assert_none(&findings.collect::<Vec<_>>());
}

#[test]
fn the_floor_plan_itself_leads_down_only() {
    let plan = floor_plan();
    let findings = plan.iter().flat_map(|upper| {
        let imports = match &upper.may_import {
            Imports::All => Vec::new(),
            Imports::Rooms(rooms) => rooms.iter().collect(),
        };
        let not_below = imports.into_iter().filter(|lower| room(&plan, lower).floor >= upper.floor);
        not_below.map(|lower| format!("{} may import {lower}, which is not below it", upper.name)).collect::<Vec<_>>()
    });
    assert_none(&findings.collect::<Vec<_>>());
}

#[test]
fn the_floors_of_the_plan_are_in_order() {
    let floors: Vec<u32> = floor_plan().iter().map(|room| room.floor).collect();
    assert!(floors.is_sorted(), "the floor plan reads from the ground up");
    let mut seen = BTreeMap::new();
    for room in floor_plan() {
        assert_eq!(seen.insert(room.name.clone(), room.floor), None, "{} stands twice in the floor plan", room.name);
    }
}

#[test]
fn a_room_s_own_words_are_used_by_no_other() {
    let plan = floor_plan();
    let sources = sources();
    let mut findings = Vec::new();
    for room in &plan {
        for source in sources.iter().filter(|source| source.room != room.name) {
            let code = room.free_words.iter().fold(source.code.clone(), |code, free| code.replace(free.as_str(), ""));
            let used = room.own_words.iter().filter(|word| code.contains(word.as_str()));
            findings.extend(used.map(|word| format!("{} uses `{word}`, a word of {}", source.path, room.name)));
        }
    }
    assert_none(&findings);
}

#[test]
fn the_simulator_knows_nothing_of_the_exporter() {
    let manifest = read("tests/simulator/Cargo.toml");
    assert!(!manifest.contains("confluence-exporter"), "the simulator would agree with the exporter's mistakes");
}

#[test]
fn the_reader_of_imports_sees_every_spelling() {
    let code = "use crate::model::{Code, Snapshot};\nuse crate::{clock::Clock, metrics};\nlet x = crate::sync::Sync;";
    assert_eq!(rooms_used(code), BTreeSet::from(["model", "clock", "metrics", "sync"].map(str::to_owned)));
}

fn floor_plan() -> Vec<Room> {
    let architecture = read("ARCHITECTURE.md");
    let rows = table_rows(&architecture).into_iter().filter(|cells| cells.len() == 5);
    let numbered = rows.filter_map(|cells| Some((cells[0].parse().ok()?, cells)));
    let rooms: Vec<(u32, Vec<String>)> = numbered.collect();
    assert!(rooms.len() > 5, "ARCHITECTURE.md has no floor plan");
    let names: BTreeSet<String> = rooms.iter().map(|(_, cells)| cells[1].clone()).collect();
    let read_room = |(floor, cells): (u32, Vec<String>)| {
        let (words, exceptions) = cells[4].split_once("(but for").unwrap_or((cells[4].as_str(), ""));
        Room {
            name: cells[1].clone(),
            floor,
            may_import: imports(&cells[3], &names),
            own_words: code_spans(words),
            free_words: code_spans(exceptions),
        }
    };
    rooms.into_iter().map(read_room).collect()
}

fn imports(cell: &str, names: &BTreeSet<String>) -> Imports {
    // A room that gathers the others' `Settings` has no use for anything else of theirs.
    if cell == "all" || cell.starts_with("every room's") {
        return Imports::All;
    }
    let rooms = cell.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
    let rooms: BTreeSet<String> = rooms.collect();
    assert!(rooms.is_subset(names), "the floor plan lets somebody import a room that it does not have: {cell}");
    Imports::Rooms(rooms)
}

fn room<'a>(plan: &'a [Room], name: &str) -> &'a Room {
    plan.iter().find(|room| room.name == name).unwrap_or_else(|| panic!("ARCHITECTURE.md knows no room {name}"))
}

/// The files of the rooms: `lib.rs` lists them and `main.rs` opens the door, neither is one.
fn sources() -> Vec<Source> {
    let paths = files_below("src", ".rs").into_iter();
    let in_rooms = paths.filter(|path| !path.ends_with("lib.rs") && !path.ends_with("main.rs"));
    let sources = in_rooms.map(|path| {
        let inside = path.strip_prefix("src").unwrap();
        let room = inside.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned();
        Source { path: path.display().to_string(), room, code: without_comments(&read(&path)) }
    });
    sources.collect()
}

fn without_comments(text: &str) -> String {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

/// The rooms named after `crate::`, alone or in braces.
fn rooms_used(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (_, after) in split_after(code, "crate::") {
        match after.strip_prefix('{') {
            Some(list) => rooms.extend(first_words(list)),
            None => rooms.extend(word(after)),
        }
    }
    // A macro or a type that stands at the crate's root is nobody's room.
    rooms.retain(|room| room.starts_with(|first: char| first.is_ascii_lowercase()));
    rooms
}

fn split_after<'a>(code: &'a str, pattern: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    code.match_indices(pattern).map(move |(at, _)| (at, &code[at + pattern.len()..]))
}

/// The first word of each member of a braced list, whose own braces are passed over.
fn first_words(list: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut starts = vec![0];
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts.push(at + 1),
            _ => {}
        }
    }
    starts.into_iter().filter_map(|start| word(list[start..].trim_start())).collect()
}

fn word(text: &str) -> Option<String> {
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}
