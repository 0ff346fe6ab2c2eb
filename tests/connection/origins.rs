//! Where the token goes: to the site and the gateway of the configuration, and nowhere else, whatever they answer.

use confluence_exporter::connection::{CredentialChoice, Verdict};
use confluence_exporter::model::{AccountId, Code, Cursor, DocId, DocType};

use crate::scripted::{Reply, Scripted, answer, json};
use crate::setting::{Door, TOKEN, open};

const PERSON: &str = "ann@acme.example";
const SERVICE_ACCOUNT: &str = "exporter@serviceaccount.atlassian.com";
const QUESTION: &str = "GET /wiki/api/v2/pages/7/versions?limit=250&sort=-modified-date";

fn empty_list() -> Reply {
    json(r#"{"results":[]}"#)
}

/// Somebody who would like to have the token.
async fn thief() -> Scripted {
    Scripted::answering([empty_list()]).await
}

fn assert_heard_nothing(thief: &Scripted) {
    assert_eq!(thief.all_heads(), Vec::<String>::new());
}

/// A scoped token's door to a site and to a gateway that stands elsewhere.
fn door_by_gateway(site: &Scripted, gateway: &Scripted) -> Door {
    open(&site.url, PERSON, TOKEN, |settings| {
        settings.gateway_url = gateway.url.parse().unwrap();
        settings.credential = CredentialChoice::Scoped;
        settings.patience.retries = 0;
    })
}

fn first_line(head: &str) -> &str {
    head.lines().next().unwrap_or_default()
}

fn has_credential(head: &str) -> bool {
    head.to_ascii_lowercase().contains("authorization:")
}

#[tokio::test]
async fn no_redirect_of_any_kind_is_followed() {
    let thief = thief().await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let to_the_thief = answer(status, &format!("location: {}/steal\r\n", thief.url), "");
        let site = Scripted::answering([to_the_thief]).await;
        let door = open(&site.url, PERSON, TOKEN, |_| {});

        let listed = door.site.spaces(None).await.unwrap_err();
        // A POST, whose body some redirects would take along.
        let posted = door.site.users(&[AccountId("712020:ann".into())]).await.unwrap_err();

        for failure in [listed, posted] {
            let verdict = failure.verdict();
            assert_eq!(verdict, Verdict::Refused { code: Code::WrongBaseUrl, named: false }, "{status}");
        }
        assert_eq!(site.requests(), 2);
    }
    assert_heard_nothing(&thief);
}

#[tokio::test]
async fn the_same_host_at_another_port_is_somebody_else() {
    let thief = thief().await;
    let same_host = thief.url.trim_start_matches("http:");
    for location in [same_host.to_owned(), format!("http:{same_host}"), format!("http://ann@{}", &same_host[2..])] {
        let site = Scripted::answering([answer("302 Found", &format!("location: {location}/steal\r\n"), "")]).await;

        let failure = open(&site.url, PERSON, TOKEN, |_| {}).site.spaces(None).await.unwrap_err();

        assert_eq!(failure.code(), Some(Code::WrongBaseUrl), "{location}");
    }
    assert_heard_nothing(&thief);
}

/// Links that want to lead the next question astray, and the value that is taken from each.
fn hostile_links(thief: &str) -> Vec<(String, &'static str)> {
    let host = thief.trim_start_matches("http://");
    vec![
        (format!("{thief}/steal?limit=1&cursor=eyJ+/ab==&status=draft"), "eyJ+/ab=="),
        (format!("{thief}/steal?cursor=a"), "a"),
        (format!("//{host}/steal?cursor=a"), "a"),
        (format!("/\\\\{host}/steal?cursor=a"), "a"),
        (format!("?cursor=@{host}/steal"), "@HOST/steal"),
        (format!("/list?cursor={thief}/steal"), "http://HOST/steal"),
        ("/list?cursor=../../../steal".to_owned(), "../../../steal"),
        ("/list?cursor=a%26limit%3D1%23".to_owned(), "a&limit=1#"),
        (format!("/list?cursor=a%0D%0AHost:%20{host}%0D%0A"), "a\r\nHost: HOST\r\n"),
        (format!("/list?cursor=a%20HTTP/1.1%0D%0A%0D%0AGET%20{thief}"), "a HTTP/1.1\r\n\r\nGET http://HOST"),
    ]
}

/// The next question of a listing: the same page of the same site, with a cursor that is nothing else.
fn assert_goes_on_here(site: &Scripted, value: &str, link: &str) {
    let heads = site.heads();
    let (first, second) = (first_line(&heads[0]), first_line(&heads[1]));
    assert_eq!(first, format!("{QUESTION} HTTP/1.1"));
    let cursor = second.strip_prefix(&format!("{QUESTION}&cursor=")).and_then(|rest| rest.strip_suffix(" HTTP/1.1"));
    let cursor = cursor.unwrap_or_else(|| panic!("{link} leads to {second}"));
    assert!(!cursor.contains([' ', '&', '#']), "{second}");
    let pair = url::form_urlencoded::parse(cursor.as_bytes()).next().unwrap();
    assert_eq!(pair.0, value, "{link}");
    let hosts = |head: &String| head.lines().filter(|line| line.to_ascii_lowercase().starts_with("host:")).count();
    assert_eq!(heads.iter().map(hosts).collect::<Vec<_>>(), [1, 1], "{heads:?}");
}

async fn list_twice(site: &Scripted) {
    let door = open(&site.url, PERSON, TOKEN, |_| {});
    let next: Option<Cursor> = door.site.versions(DocType::Page, DocId(7), None).await.unwrap().next;
    assert!(next.is_some());
    door.site.versions(DocType::Page, DocId(7), next.as_ref()).await.unwrap();
}

#[tokio::test]
async fn neither_a_next_link_nor_a_base_leads_anywhere_else() {
    let thief = thief().await;
    for (link, value) in hostile_links(&thief.url) {
        let links = serde_json::json!({ "results": [], "_links": { "next": link, "base": thief.url } });
        let site = Scripted::answering([json(&links.to_string()), empty_list()]).await;

        list_twice(&site).await;

        let host = thief.url.trim_start_matches("http://");
        assert_goes_on_here(&site, &value.replace("HOST", host), &link);
    }
    assert_heard_nothing(&thief);
}

#[tokio::test]
async fn neither_does_a_link_header() {
    let thief = thief().await;
    for (link, value) in hostile_links(&thief.url) {
        let header = format!(
            "link: <{link}>; rel=\"next\", <{}>; rel=\"base\"\r\ncontent-type: application/json\r\n",
            thief.url
        );
        let site = Scripted::answering([answer("200 OK", &header, r#"{"results":[]}"#), empty_list()]).await;

        list_twice(&site).await;

        let host = thief.url.trim_start_matches("http://");
        assert_goes_on_here(&site, &value.replace("HOST", host), &link);
    }
    assert_heard_nothing(&thief);
}

#[tokio::test]
async fn a_gateway_that_answers_with_another_origin_changes_nothing() {
    let thief = thief().await;
    let astray = format!(r#"{{"results":[],"_links":{{"next":"{0}/steal?cursor=a","base":"{0}"}}}}"#, thief.url);
    let site = Scripted::answering([empty_list()]).await;
    let gateway = Scripted::answering([json(&astray), empty_list()]).await;
    let door = door_by_gateway(&site, &gateway);
    let first = door.site.versions(DocType::Page, DocId(7), None).await.unwrap();
    door.site.versions(DocType::Page, DocId(7), first.next.as_ref()).await.unwrap();

    let heads = gateway.all_heads();
    let here = "GET /ex/confluence/5c1e-77/wiki/api/v2/pages/7/versions?";
    assert!(heads.len() == 2 && heads.iter().all(|head| head.starts_with(here)), "{heads:?}");
    assert!(heads.iter().all(|head| has_credential(head)));

    let redirect = answer("307 Temporary Redirect", &format!("location: {}/steal\r\n", thief.url), "");
    let gateway = Scripted::answering([redirect]).await;
    let failure = door_by_gateway(&site, &gateway).site.spaces(None).await.unwrap_err();
    assert_eq!(failure.code(), Some(Code::WrongBaseUrl));
    // The site only told its cloud id, to somebody who did not say who he is.
    assert_eq!(site.all_heads().iter().map(|head| has_credential(head)).collect::<Vec<_>>(), [false, false]);
    assert_heard_nothing(&thief);
}

#[tokio::test]
async fn a_cloud_id_that_leads_elsewhere_is_none() {
    let (thief, gateway) = (thief().await, Scripted::answering([empty_list()]).await);
    let host = thief.url.trim_start_matches("http://").to_owned();
    let long = "5".repeat(65);
    let ids = [
        "../../steal",
        "..",
        ".",
        "",
        "5c1e/../../steal",
        "5c1e/steal",
        "5c1e\\steal",
        "5c1e?steal",
        "5c1e#steal",
        "5c1e%2Fsteal",
        "5c1e steal",
        "5c1e\r\nHost: evil.example",
        "@evil.example",
        "5c1e@evil.example",
        "evil.example",
        "5ç1e",
        &long,
        &host,
        &thief.url,
    ];
    for id in ids {
        let tenant = serde_json::json!({ "cloudId": id }).to_string();
        let site = Scripted::telling(json(&tenant), [empty_list()]).await;
        let door = door_by_gateway(&site, &gateway);

        let failure = door.site.spaces(None).await.unwrap_err();

        assert_eq!(failure.code(), Some(Code::BadResponse), "{id:?}");
        assert_eq!(door.site.connection().whereabouts().1, None, "{id:?}");
    }
    for id in ["7", "null", "[\"5c1e\"]", "{\"5c1e\":1}"] {
        let site = Scripted::telling(json(&format!("{{\"cloudId\":{id}}}")), [empty_list()]).await;
        assert!(door_by_gateway(&site, &gateway).site.spaces(None).await.is_err(), "{id}");
    }
    assert_heard_nothing(&gateway);
    assert_heard_nothing(&thief);
}

#[tokio::test]
async fn who_sends_elsewhere_for_the_cloud_id_has_none() {
    let thief = Scripted::telling(json(r#"{"cloudId":"stolen"}"#), [empty_list()]).await;
    let redirect = answer("302 Found", &format!("location: {}/_edge/tenant_info\r\n", thief.url), "");
    let site = Scripted::telling(redirect, [empty_list()]).await;

    let failure = open(&site.url, SERVICE_ACCOUNT, TOKEN, |_| {}).site.spaces(None).await.unwrap_err();

    assert_eq!(failure.code(), Some(Code::WrongBaseUrl));
    assert!(site.all_heads().iter().all(|head| !has_credential(head)), "the cloud id is asked for without a token");
    assert_heard_nothing(&thief);
}
