//! v1: views, states, who am I, search. Ids are numbers here.

use serde_json::{Value, json};

use super::lists::seen_doc;
use super::query::BadRequest;
use super::reply::Reply;
use super::rules::{Api, Operation};
use super::{Question, cursor};
use crate::world::{Doc, DocStatus, DocType, Position, PositionKey, Sight, World, title};

type Answer = Result<Reply, BadRequest>;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(super) fn answer(question: &Question<'_>, username: &str) -> Answer {
    let world = question.site.world();
    let now_ms = world.now_ms();
    let reply = match question.rule.operation {
        Operation::ContentViews => views(question, &world, 1),
        Operation::ContentViewers => views(question, &world, 3),
        Operation::ContentState => state(question, &world),
        Operation::SpaceStates => space_states(question, &world),
        Operation::SpaceStateContent => space_state_content(question, &world),
        Operation::Search => search(question, &world)?,
        _ => current_user(&world, username),
    };
    Ok(reply.dated(now_ms))
}

/// `share`: of so many views one is another viewer's.
fn views(question: &Question<'_>, world: &World, share: u32) -> Reply {
    let Some(place) = seen_doc(world, question.variable, None) else { return absent(question) };
    let doc = &world.docs_by_place()[place as usize];
    let lifetime = i64::from(doc.views.div_ceil(share));
    let count = match question.query.one("fromDate") {
        None => lifetime,
        Some(from) => lifetime * days_since(world, from).min(days_of(world, doc)) / days_of(world, doc),
    };
    Reply::json(200, json!({"id": doc.id.0, "count": count}).to_string())
}

fn days_of(world: &World, doc: &Doc) -> i64 {
    ((world.now_ms() - doc.created_ms) / DAY_MS).max(1)
}

fn days_since(world: &World, from: &str) -> i64 {
    let day = from.get(..10).and_then(|day| day.parse::<jiff::civil::Date>().ok());
    let start = day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
    start.map_or(0, |start| ((world.now_ms() - start.timestamp().as_millisecond()) / DAY_MS).max(0))
}

fn state(question: &Question<'_>, world: &World) -> Reply {
    let Some(place) = seen_doc(world, question.variable, None) else { return absent(question) };
    let doc = &world.docs_by_place()[place as usize];
    if doc.status.as_str() != question.query.one("status").unwrap_or("current") {
        return absent(question);
    }
    let body = match world.state_of(doc) {
        None => json!({"contentState": null, "lastUpdated": null}),
        Some(state) => json!({
            "contentState": {"id": state.id, "name": *state.name, "color": *state.color},
            "lastUpdated": time(doc.newest_ms),
        }),
    };
    Reply::json(200, body.to_string())
}

fn space_states(question: &Question<'_>, world: &World) -> Reply {
    if seen_space(world, question.variable).is_none() {
        return absent(question);
    }
    let states = world.states().iter();
    let rows: Vec<Value> =
        states.map(|state| json!({"id": state.id, "name": *state.name, "color": *state.color})).collect();
    Reply::json(200, Value::from(rows).to_string())
}

fn space_state_content(question: &Question<'_>, world: &World) -> Reply {
    let Some(space) = seen_space(world, question.variable) else { return absent(question) };
    let number = |name| question.query.one(name).and_then(|value| value.parse::<usize>().ok());
    let (start, limit) = (number("start").unwrap_or(0), question.query.limit(question.rule));
    let in_state = world.docs_by_place().iter().filter(|doc| {
        doc.space as usize == space
            && doc.status == DocStatus::Current
            && world.state_of(doc).is_some_and(|state| usize::try_from(state.id).ok() == number("state-id"))
    });
    let rows: Vec<Value> = in_state.skip(start).take(limit).map(content).collect();
    let size = rows.len();
    let body = json!({"results": rows, "start": start, "limit": limit, "size": size, "_links": {}});
    Reply::json(200, body.to_string())
}

fn current_user(world: &World, username: &str) -> Reply {
    let is_service = username.ends_with("@serviceaccount.atlassian.com");
    let account_id = world.users().first().map_or("", |user| &*user.account_id);
    let body = json!({
        "type": "known",
        "accountId": account_id,
        "accountType": if is_service { "app" } else { "atlassian" },
        "email": username,
        "publicName": "Exporter",
        "displayName": "Exporter",
        "timeZone": null,
        "isExternalCollaborator": false,
        "_expandable": {"operations": "", "personalSpace": ""},
        "_links": {"self": format!("/wiki/rest/api/user?accountId={account_id}")},
    });
    Reply::json(200, body.to_string())
}

/// Understands `type = page|blogpost` and `space = KEY`; whatever else the query says is not obeyed.
fn search(question: &Question<'_>, world: &World) -> Answer {
    let query = question.query;
    let fingerprint = cursor::Fingerprint::of(question.rule.operation, "", query);
    let after = match query.one("cursor") {
        None => None,
        Some(text) => Some(cursor::read(fingerprint, text).ok_or(BadRequest::Cursor)?),
    };
    let cql = query.one("cql").unwrap_or_default();
    let words: Vec<&str> = cql.split([' ', '=', '"', '\'', '(', ')', ',']).filter(|word| !word.is_empty()).collect();
    let follows =
        |name: &str| words.windows(2).find(|pair| pair[0].eq_ignore_ascii_case(name)).map(|pair| pair[1].to_owned());
    let (doc_type, space) = (follows("type"), follows("space").or_else(|| follows("space.key")));
    let matching = || {
        world.docs_by_place().iter().filter(|doc| {
            doc.status == DocStatus::Current
                && world.is_in_sight(doc)
                && doc_type.as_ref().is_none_or(|wanted| wanted == doc.kind.as_str())
                && space.as_ref().is_none_or(|key| *world.spaces()[doc.space as usize].key == **key)
        })
    };
    let limit = query.limit(question.rule);
    let later = matching().filter(|doc| after.as_ref().is_none_or(|after| doc.id > after.doc));
    let docs: Vec<&Doc> = later.take(limit + 1).collect();
    let rows: Vec<Value> = docs.iter().take(limit).map(|doc| result(world, doc)).collect();
    let base = format!("{}/wiki", question.site.origin);
    let mut links = json!({"base": base, "context": "/wiki", "self": format!("{base}/rest/api/search")});
    if limit > 0 && docs.len() > limit {
        let position = Position { key: PositionKey::Number(0), doc: docs[limit - 1].id };
        links["next"] = query.with_cursor("/rest/api/search", &cursor::write(fingerprint, &position), limit).into();
    }
    // An estimate, as on the real site: never a count.
    let estimate = matching().count() * 99 / 100;
    let body = json!({
        "results": rows, "start": 0, "limit": limit, "size": rows.len(), "totalSize": estimate,
        "cqlQuery": cql, "searchDuration": 7, "archivedResultCount": 0, "_links": links,
    });
    Ok(Reply::json(200, body.to_string()))
}

fn result(world: &World, doc: &Doc) -> Value {
    let space = &world.spaces()[doc.space as usize];
    json!({
        "content": content(doc),
        "title": title(doc.id.0),
        "excerpt": "",
        "url": format!("/spaces/{}/pages/{}", space.key, doc.id.0),
        "resultGlobalContainer": {"title": *space.name, "displayUrl": format!("/spaces/{}", space.key)},
        "breadcrumbs": [],
        "entityType": "content",
        "iconCssClass": "aui-icon content-type-page",
        "lastModified": time(doc.newest_ms),
        "friendlyLastModified": "recently",
        "score": 0.0,
    })
}

fn content(doc: &Doc) -> Value {
    let doc_type = match doc.kind {
        DocType::Page => "page",
        DocType::Blogpost => "blogpost",
    };
    json!({
        "id": doc.id.0.to_string(), "type": doc_type, "status": doc.status.as_str(), "title": title(doc.id.0),
        "_expandable": {}, "_links": {},
    })
}

fn time(millis: i64) -> String {
    let mut text = Vec::new();
    super::json::push_time(&mut text, millis);
    String::from_utf8(text).expect("digits are ASCII")
}

fn absent(question: &Question<'_>) -> Reply {
    Reply::absent(Api::V1, "content", question.variable)
}

fn seen_space(world: &World, key: &str) -> Option<usize> {
    world.spaces().iter().position(|space| *space.key == *key && space.sight == Sight::Listed)
}
