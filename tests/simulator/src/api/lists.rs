//! v2: lists of spaces, docs, versions, labels and users, a page at a time.

use std::fmt::Write as _;

use super::json::push_text;
use super::query::BadRequest;
use super::reply::Reply;
use super::rows;
use super::rules::{Operation, PathKind, Rule, USERS_BULK_ACCOUNTS};
use super::{Question, cursor};
use crate::world::{
    Account, DocId, DocStatus, DocType, Label, Position, PositionKey, Selection, Sight, Sort, SortBy, SpaceId, World,
    label_id,
};

type Answer = Result<Reply, BadRequest>;

/// A path's variable that is to be a number is one.
pub(super) fn check_path(rule: &Rule, variable: &str) -> Result<(), BadRequest> {
    if rule.path_kind == PathKind::Number && variable.parse::<u64>().is_err() {
        let (name, value) = ("id".to_owned(), variable.to_owned());
        return Err(BadRequest::WrongType { name, value, expected: "long" });
    }
    Ok(())
}

pub(super) fn answer(question: &Question<'_>) -> Answer {
    match question.rule.operation {
        Operation::Spaces => spaces(question),
        Operation::Space => Ok(space(question)),
        Operation::Pages | Operation::SpacePages | Operation::LabelPages => docs(question, DocType::Page),
        Operation::Blogposts | Operation::SpaceBlogposts | Operation::LabelBlogposts => {
            docs(question, DocType::Blogpost)
        }
        Operation::Page => Ok(page(question)),
        Operation::PageVersions => versions(question, DocType::Page),
        Operation::BlogpostVersions => versions(question, DocType::Blogpost),
        Operation::PageLabels => doc_labels(question, DocType::Page),
        Operation::BlogpostLabels => doc_labels(question, DocType::Blogpost),
        Operation::Labels => labels(question),
        Operation::SpaceContentLabels => space_content_labels(question),
        Operation::UsersBulk => users_bulk(question),
        // What the world has none of.
        _ => Ok(Page::new(question).finish(question, None).dated(question.site.clock.now_ms())),
    }
}

/// An answer's rows under way.
struct Page {
    body: Vec<u8>,
    rows: usize,
}

impl Page {
    fn new(question: &Question<'_>) -> Self {
        let mut body = Vec::with_capacity(question.query.limit(question.rule) * 900 + 256);
        body.extend_from_slice(b"{\"results\":[");
        Self { body, rows: 0 }
    }

    fn row(&mut self) -> &mut Vec<u8> {
        if self.rows > 0 {
            self.body.push(b',');
        }
        self.rows += 1;
        &mut self.body
    }

    fn finish(mut self, question: &Question<'_>, next: Option<&Position>) -> Reply {
        let base = format!("{}/wiki", question.site.origin);
        let link = next.map(|position| {
            let fingerprint = fingerprint(question);
            let limit = question.query.limit(question.rule);
            question.query.with_cursor(question.wiki_path(), &cursor::write(fingerprint, position), limit)
        });
        self.body.extend_from_slice(b"],\"_links\":{");
        if let Some(link) = &link {
            self.body.extend_from_slice(b"\"next\":");
            push_text(&mut self.body, link);
            self.body.push(b',');
        }
        self.body.extend_from_slice(b"\"base\":");
        push_text(&mut self.body, &base);
        self.body.extend_from_slice(b"}}");
        let mut header = String::new();
        if let Some(link) = link {
            let _ = write!(header, "<{link}>; rel=\"next\", ");
        }
        let _ = write!(header, "<{base}>; rel=\"base\"");
        Reply::json(200, self.body).with("link", header)
    }
}

fn fingerprint(question: &Question<'_>) -> cursor::Fingerprint {
    cursor::Fingerprint::of(question.rule.operation, question.variable, question.query)
}

/// Where the request's cursor stands.
fn after(question: &Question<'_>) -> Result<Option<Position>, BadRequest> {
    match question.query.one("cursor") {
        None => Ok(None),
        Some(text) => cursor::read(fingerprint(question), text).map(Some).ok_or(BadRequest::Cursor),
    }
}

/// Keeps a page's worth of sorted keys and says where the next one begins.
fn cut<T>(
    mut rows: Vec<(PositionKey, T)>,
    after: Option<Position>,
    descending: bool,
    limit: usize,
) -> (Vec<T>, Option<Position>)
where
    T: Copy + Ord,
{
    rows.sort();
    if descending {
        rows.reverse();
    }
    if let Some(Position { key, .. }) = after {
        rows.retain(|(known, _)| if descending { *known < key } else { *known > key });
    }
    let next = (rows.len() > limit).then(|| Position { key: rows[limit - 1].0.clone(), doc: DocId(0) });
    rows.truncate(limit);
    (rows.into_iter().map(|(_, row)| row).collect(), next)
}

fn number_key(number: u64) -> PositionKey {
    PositionKey::Number(i64::try_from(number).unwrap_or(i64::MAX))
}

fn sort_of(question: &Question<'_>, default: &'static str) -> (String, bool) {
    let text = question.query.one("sort").unwrap_or(default);
    (text.trim_start_matches('-').to_owned(), text.starts_with('-'))
}

fn spaces(question: &Question<'_>) -> Answer {
    let after = after(question)?;
    let (by, descending) = sort_of(question, "id");
    let query = question.query;
    let ids = query.numbers("ids");
    let keys: Option<Vec<&str>> = query.has("keys").then(|| query.all("keys").collect());
    let world = question.site.world();
    let listed = world.spaces().iter().enumerate().filter(|(_, space)| {
        space.sight == Sight::Listed
            && ids.as_ref().is_none_or(|ids| ids.contains(&space.id.0))
            && keys.as_ref().is_none_or(|keys| keys.contains(&&*space.key))
            && query.one("type").is_none_or(|wanted| *space.space_type == *wanted)
            && query.one("status").is_none_or(|wanted| space.status.as_str() == wanted)
            // No space of the world has labels or admirers.
            && !query.has("labels")
            && !query.has("favorited-by")
    });
    let keyed = listed.map(|(place, space)| {
        let key = match by.as_str() {
            "key" => PositionKey::Text(space.key.to_string()),
            "name" => PositionKey::Text(format!("{} {}", space.name, space.id.0)),
            _ => number_key(space.id.0),
        };
        (key, place)
    });
    let (places, next) = cut(keyed.collect(), after, descending, query.limit(question.rule));
    let mut page = Page::new(question);
    for place in places {
        rows::write_space(page.row(), &world, &world.spaces()[place]);
    }
    Ok(page.finish(question, next.as_ref()).dated(world.now_ms()))
}

fn space(question: &Question<'_>) -> Reply {
    let world = question.site.world();
    let now_ms = world.now_ms();
    match seen_space(&world, question.variable) {
        None => Reply::absent(question.rule.api, "space", question.variable).dated(now_ms),
        Some(place) => {
            let mut body = Vec::new();
            rows::write_space(&mut body, &world, &world.spaces()[place as usize]);
            Reply::json(200, body).dated(now_ms)
        }
    }
}

fn docs(question: &Question<'_>, doc_type: DocType) -> Answer {
    let after = after(question)?;
    let query = question.query;
    let (by, descending) = sort_of(question, "id");
    let sort = Sort {
        by: match by.as_str() {
            "created-date" => SortBy::Created,
            "modified-date" => SortBy::Modified,
            "title" => SortBy::Title,
            _ => SortBy::Id,
        },
        descending,
    };
    let asked: Vec<DocStatus> = query.all("status").filter_map(DocStatus::from_api).collect();
    let statuses: &[DocStatus] = match (asked.is_empty(), doc_type) {
        (false, _) => &asked,
        (true, DocType::Page) => &[DocStatus::Current, DocStatus::Archived],
        (true, DocType::Blogpost) => &[DocStatus::Current],
    };
    let world = question.site.world();
    let now_ms = world.now_ms();
    let mut selection = Selection {
        doc_type,
        statuses,
        spaces: query.numbers("space-id").map(|ids| {
            let mut places: Vec<u32> = ids.into_iter().filter_map(|id| world.space_place(SpaceId(id))).collect();
            places.sort_unstable();
            places.dedup();
            places
        }),
        ids: query.numbers("id").map(|ids| ids.into_iter().map(DocId).collect()),
        title: query.one("title"),
        label: None,
    };
    match question.rule.operation {
        Operation::SpacePages | Operation::SpaceBlogposts => match seen_space(&world, question.variable) {
            Some(place) => selection.spaces = Some(vec![place]),
            None => return Ok(Reply::absent(question.rule.api, "space", question.variable).dated(now_ms)),
        },
        Operation::LabelPages | Operation::LabelBlogposts => {
            let wanted = question.variable.parse().unwrap_or(0);
            match (0..world.labels().len()).find(|place| label_id(*place) == wanted) {
                Some(place) => selection.label = u32::try_from(place).ok(),
                None => return Ok(Reply::absent(question.rule.api, "label", question.variable).dated(now_ms)),
            }
        }
        _ => {}
    }
    let limit = query.limit(question.rule);
    let mut places = world.select(&selection, sort, after.as_ref(), limit + 1);
    let next = (places.len() > limit).then(|| world.position(places[limit - 1], sort));
    places.truncate(limit);
    let mut page = Page::new(question);
    for place in places {
        rows::write_doc(page.row(), &world, &world.docs_by_place()[place as usize]);
    }
    Ok(page.finish(question, next.as_ref()).dated(now_ms))
}

fn page(question: &Question<'_>) -> Reply {
    let world = question.site.world();
    let now_ms = world.now_ms();
    match seen_doc(&world, question.variable, Some(DocType::Page)) {
        None => Reply::absent(question.rule.api, "page", question.variable).dated(now_ms),
        Some(place) => {
            let mut body = Vec::new();
            rows::write_doc(&mut body, &world, &world.docs_by_place()[place as usize]);
            Reply::json(200, body).dated(now_ms)
        }
    }
}

fn versions(question: &Question<'_>, doc_type: DocType) -> Answer {
    let after = after(question)?;
    let (_, descending) = sort_of(question, "-modified-date");
    let world = question.site.world();
    let now_ms = world.now_ms();
    let Some(place) = seen_doc(&world, question.variable, Some(doc_type)) else {
        return Ok(absent_doc(question, doc_type).dated(now_ms));
    };
    let doc = &world.docs_by_place()[place as usize];
    let history = world.history(place);
    let keyed = history.iter().enumerate().map(|(number, version)| (PositionKey::Number(version.created_ms), number));
    let (numbers, next) = cut(keyed.collect(), after, descending, question.query.limit(question.rule));
    let mut page = Page::new(question);
    for place in numbers {
        let number = u32::try_from(place + 1).expect("no doc has billions of versions");
        rows::write_version(page.row(), &world, doc, number, &history[place]);
    }
    Ok(page.finish(question, next.as_ref()).dated(now_ms))
}

fn doc_labels(question: &Question<'_>, doc_type: DocType) -> Answer {
    let after = after(question)?;
    let world = question.site.world();
    let now_ms = world.now_ms();
    let Some(place) = seen_doc(&world, question.variable, Some(doc_type)) else {
        return Ok(absent_doc(question, doc_type).dated(now_ms));
    };
    let places = world.docs_by_place()[place as usize].labels.to_vec();
    let prefix = question.query.one("prefix");
    Ok(label_page(question, &world, places, after, |label| prefix.is_none_or(|prefix| *label.prefix == *prefix)))
}

fn labels(question: &Question<'_>) -> Answer {
    let after = after(question)?;
    let ids = question.query.numbers("label-id");
    let prefixes: Vec<&str> = question.query.all("prefix").collect();
    let world = question.site.world();
    let places = (0..u32::try_from(world.labels().len()).expect("no world has billions of labels"))
        .filter(|place| ids.as_ref().is_none_or(|ids| ids.contains(&label_id(*place as usize))))
        .collect();
    Ok(label_page(question, &world, places, after, |label| prefixes.is_empty() || prefixes.contains(&&*label.prefix)))
}

/// Global labels, the usual ones, are not here: the real endpoint knows only these two prefixes.
fn space_content_labels(question: &Question<'_>) -> Answer {
    let after = after(question)?;
    let world = question.site.world();
    let Some(space) = seen_space(&world, question.variable) else {
        return Ok(Reply::absent(question.rule.api, "space", question.variable).dated(world.now_ms()));
    };
    let mut places: Vec<u32> = world
        .docs_by_place()
        .iter()
        .filter(|doc| doc.space == space && doc.status == DocStatus::Current)
        .flat_map(|doc| doc.labels.iter().copied())
        .collect();
    places.sort_unstable();
    places.dedup();
    let prefix = question.query.one("prefix");
    Ok(label_page(question, &world, places, after, |label| match prefix {
        Some(prefix) => *label.prefix == *prefix,
        None => matches!(&*label.prefix, "my" | "team"),
    }))
}

fn label_page(
    question: &Question<'_>,
    world: &World,
    places: Vec<u32>,
    after: Option<Position>,
    is_wanted: impl Fn(&Label) -> bool,
) -> Reply {
    let (by, descending) = sort_of(question, "id");
    let wanted = places.into_iter().filter(|place| is_wanted(&world.labels()[*place as usize]));
    let keyed = wanted.map(|place| {
        let label = &world.labels()[place as usize];
        let key = if by == "name" {
            PositionKey::Text(format!("{} {}", label.name, label.prefix))
        } else {
            PositionKey::Number(i64::from(place))
        };
        (key, place)
    });
    let (places, next) = cut(keyed.collect(), after, descending, question.query.limit(question.rule));
    let mut page = Page::new(question);
    for place in places {
        rows::write_label(page.row(), place, &world.labels()[place as usize]);
    }
    page.finish(question, next.as_ref()).dated(world.now_ms())
}

fn users_bulk(question: &Question<'_>) -> Answer {
    let problem = |problem| Err(BadRequest::Body { problem });
    let Ok(serde_json::Value::Object(body)) = serde_json::from_slice(question.body) else {
        return problem("no JSON object");
    };
    if body.keys().any(|name| name != "accountIds") {
        return problem("a member that is not accountIds");
    }
    let Some(ids) = body.get("accountIds").and_then(|ids| ids.as_array()) else {
        return problem("accountIds is no list");
    };
    if !USERS_BULK_ACCOUNTS.contains(&ids.len()) {
        return Err(BadRequest::TooMany { name: "accountIds", given: ids.len(), most: *USERS_BULK_ACCOUNTS.end() });
    }
    let Some(ids) = ids.iter().map(|id| id.as_str()).collect::<Option<Vec<&str>>>() else {
        return problem("an account id that is no string");
    };
    let world = question.site.world();
    // Unknown ids are left out silently, and each account is named once.
    let mut accounts: Vec<Account> = ids.into_iter().filter_map(|id| world.account(id)).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let mut page = Page::new(question);
    for account in accounts.into_iter().filter(|account| !world.user(*account).left_out) {
        rows::write_user(page.row(), &world, account);
    }
    Ok(page.finish(question, None).dated(world.now_ms()))
}

fn absent_doc(question: &Question<'_>, doc_type: DocType) -> Reply {
    let what = match doc_type {
        DocType::Page => "page",
        DocType::Blogpost => "blog post",
    };
    Reply::absent(question.rule.api, what, question.variable)
}

fn seen_space(world: &World, id: &str) -> Option<u32> {
    let place = world.space_place(SpaceId(id.parse().ok()?))?;
    (world.spaces()[place as usize].sight == Sight::Listed).then_some(place)
}

/// The doc's place, where it is there and its space in sight.
pub(super) fn seen_doc(world: &World, id: &str, doc_type: Option<DocType>) -> Option<u32> {
    let place = world.doc_place(DocId(id.parse().ok()?))?;
    let doc = &world.docs_by_place()[place as usize];
    let is_there = !matches!(doc.status, DocStatus::Deleted | DocStatus::Purged);
    (is_there && doc_type.is_none_or(|wanted| wanted == doc.kind) && world.is_in_sight(doc)).then_some(place)
}
