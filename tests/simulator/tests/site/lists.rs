//! Lists are paged as awkwardly as the live ones, and show what they should.

use std::collections::BTreeSet;

use crate::client::{bearer, get, send};
use confluence_simulator::{DocType, Options, Simulator, TokenKind};
use serde_json::json;

/// Follows the cursor alone, as a careful client does.
async fn walk(site: &Simulator, token: &str, path: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let got = get(&format!("{}{path}{cursor}", site.site_url()), token).await;
        assert_eq!(got.status, 200, "{}", got.body);
        ids.extend(got.ids());
        let json = got.json();
        let Some(next) = json["_links"]["next"].as_str() else { return ids };
        assert!(next.starts_with("/wiki/api/v2/"));
        assert_eq!(json["_links"]["base"], format!("{}/wiki", site.site_url()));
        let link = got.header("link").expect("a next page has a link");
        assert!(link.contains(&format!("<{next}>; rel=\"next\"")) && link.contains("rel=\"base\""), "{link}");
        let (_, rest) = next.split_once("cursor=").expect("a next page has a cursor");
        let (value, more) = rest.split_once('&').expect("the cursor is not the last parameter");
        assert!(value.ends_with('=') && !more.is_empty(), "{next}");
        cursor = format!("&cursor={value}");
    }
}

#[tokio::test]
async fn a_walk_meets_every_doc_once_in_every_order() {
    let site = Simulator::start(Options { docs: 600, ..Options::default() }).await.unwrap();
    let token = bearer(&site.token(TokenKind::Unscoped));
    let all = "/wiki/api/v2/pages?status=current&status=archived&status=trashed&limit=17";
    let by_id = walk(&site, &token, &format!("{all}&sort=id")).await;
    let distinct: BTreeSet<&String> = by_id.iter().collect();
    assert_eq!(distinct.len(), by_id.len());
    for sort in ["-id", "created-date", "-modified-date", "modified-date", "title", "-title"] {
        let ids = walk(&site, &token, &format!("{all}&sort={sort}")).await;
        assert_eq!(ids.iter().collect::<BTreeSet<_>>(), distinct, "{sort}");
        assert_eq!(ids.len(), by_id.len(), "{sort}");
    }
    let mut reversed = walk(&site, &token, &format!("{all}&sort=-id")).await;
    reversed.reverse();
    assert_eq!(reversed, by_id);

    let spaces: Vec<String> = site.world().spaces().iter().map(|space| format!("&space-id={}", space.id.0)).collect();
    let (some, others) = spaces.split_at(3);
    let mut parts = walk(&site, &token, &format!("{all}&sort=id{}", some.concat())).await;
    parts.extend(walk(&site, &token, &format!("{all}&sort=id{}", others.concat())).await);
    assert_eq!(parts.iter().collect::<BTreeSet<_>>(), distinct);
    assert_eq!(parts.len(), by_id.len());
}

#[tokio::test]
async fn statuses_are_listed_as_they_are_asked_for() {
    let site = Simulator::start(Options { docs: 3000, ..Options::default() }).await.unwrap();
    let token = bearer(&site.token(TokenKind::Unscoped));
    let statuses = |body: serde_json::Value| -> BTreeSet<String> {
        body["results"].as_array().unwrap().iter().map(|row| row["status"].as_str().unwrap().to_owned()).collect()
    };
    let asked = [
        ("pages?limit=250", vec!["archived", "current"]),
        ("blogposts?limit=250", vec!["current"]),
        ("pages?limit=250&status=trashed", vec!["trashed"]),
        ("pages?limit=250&status=deleted&status=trashed", vec!["deleted", "trashed"]),
    ];
    for (query, expected) in asked {
        let got = get(&format!("{}/wiki/api/v2/{query}", site.site_url()), &token).await;
        assert_eq!(statuses(got.json()), expected.into_iter().map(str::to_owned).collect(), "{query}");
    }
}

#[tokio::test]
async fn a_row_and_its_versions_tell_the_same_story() {
    let site = Simulator::start(Options { docs: 100, ..Options::default() }).await.unwrap();
    let token = bearer(&site.token(TokenKind::Unscoped));
    let pages = get(&format!("{}/wiki/api/v2/pages?limit=250", site.site_url()), &token).await.json();
    for row in pages["results"].as_array().unwrap() {
        let id = row["id"].as_str().unwrap();
        let url = format!("{}/wiki/api/v2/pages/{id}/versions?limit=250", site.site_url());
        let versions = get(&url, &token).await.json();
        let versions = versions["results"].as_array().unwrap();
        assert_eq!(versions.len(), usize::try_from(row["version"]["number"].as_u64().unwrap()).unwrap());
        for name in ["number", "createdAt", "authorId"] {
            assert_eq!(versions[0][name], row["version"][name], "{id} {name}");
        }
        let first = versions.last().unwrap();
        assert_eq!((&first["createdAt"], &first["authorId"]), (&row["createdAt"], &row["authorId"]));
    }
}

#[tokio::test]
async fn the_control_endpoint_drives_the_world() {
    let site = Simulator::start(Options { start_at: Some(1_790_000_000_000), ..Options::empty() }).await.unwrap();
    let url = site.control_url();
    let post = async |path: &str, body: &str| {
        let got = crate::client::send("POST", &format!("{url}/{path}"), "", body).await;
        assert_eq!(got.status, 200, "{}", got.body);
        got.json()
    };
    post("world", r#"{"do": "add_space", "key": "ENG", "name": "Engineering", "type": "global"}"#).await;
    let doc = post("world", r#"{"do": "create", "space": "ENG"}"#).await["doc"].as_u64().unwrap();
    post("clock", r#"{"forward_seconds": 60}"#).await;
    post("world", &format!(r#"{{"do": "edit", "doc": {doc}}}"#)).await;
    let truth = get(&format!("{url}/truth"), "").await.json();
    assert_eq!(truth[r#"doc_updates{space="ENG",type="page",window="1d"}"#], 1);
    post("faults", r#""rate_limited:pages:1""#).await;
    let tokens = get(&format!("{url}/tokens"), "").await.json();
    let token = format!("Bearer {}", tokens["unscoped"]["secret"].as_str().unwrap());
    assert_eq!(get(&format!("{}/wiki/api/v2/pages", site.site_url()), &token).await.status, 429);
    assert_eq!(get(&format!("{url}/journal"), "").await.json()["totals"]["pages"], 1);
}

#[tokio::test]
async fn what_was_confided_stands_in_every_body_message_and_address() {
    const WORDS: &str = "between \"us\"";
    let site = Simulator::start(Options::default()).await.unwrap();
    let token = bearer(&site.token(TokenKind::Unscoped));
    let (page, author) = {
        let mut world = site.world();
        world.confide(WORDS);
        let page = world.docs().into_iter().find(|doc| world.doc(*doc).unwrap().doc_type == DocType::Page).unwrap();
        (page.0, world.account_id(world.doc(page).unwrap().creator).to_string())
    };

    let first =
        async |path: &str| get(&format!("{}{path}", site.site_url()), &token).await.json()["results"][0].clone();
    let doc = first("/wiki/api/v2/pages?limit=1").await;
    let version = first(&format!("/wiki/api/v2/pages/{page}/versions")).await;
    let users = format!("{}/wiki/api/v2/users-bulk", site.site_url());
    let user =
        send("POST", &users, &token, &json!({"accountIds": [author]}).to_string()).await.json()["results"][0].clone();

    let told = [
        &doc["body"]["storage"]["value"],
        &doc["version"]["message"],
        &version["message"],
        &version["page"]["body"]["storage"]["value"],
        &user["email"],
        &user["displayName"],
    ];
    assert_eq!(told, [WORDS; 6], "{doc} {version} {user}");
}
