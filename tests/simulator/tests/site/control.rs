//! The site can be driven from outside: edited, counted, moved through time.

use crate::client::{bearer, get, send};
use confluence_simulator::{Options, Simulator, TokenKind};
use serde_json::{Value, json};

const START_MS: i64 = 1_790_000_000_000;
const DAY_SECONDS: i64 = 24 * 60 * 60;

async fn control(site: &Simulator, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let got = send(method, &format!("{}/{path}", site.control_url()), "", &body).await;
    assert_eq!(got.status, 200, "{method} {path}: {}", got.body);
    got.json()
}

#[tokio::test]
async fn many_docs_are_edited_at_a_stroke_each_once() {
    let site = Simulator::start(Options { docs: 900, ..Options::default() }).await.unwrap();
    let before = control(&site, "GET", "world", &Value::Null).await;

    for (wanted, doc_type) in [(250, json!("page")), (1, json!("blogpost")), (300, Value::Null)] {
        let edited =
            control(&site, "POST", "world", &json!({"do": "edit_many", "docs": wanted, "type": doc_type})).await;
        assert_eq!(edited, json!({"done": true, "edited": wanted}));
    }

    let after = control(&site, "GET", "world", &Value::Null).await;
    assert_eq!(after["versions"].as_u64().unwrap(), before["versions"].as_u64().unwrap() + 551);
    assert_eq!(after["docs"], before["docs"]);
    let too_many = control(&site, "POST", "world", &json!({"do": "edit_many", "docs": 5000})).await;
    assert_eq!(too_many["done"], false);
    assert!(too_many["edited"].as_u64().unwrap() > 700, "{too_many}");
}

#[tokio::test]
async fn what_was_asked_since_a_mark_is_told_by_operation() {
    let site = Simulator::start(Options::default()).await.unwrap();
    let token = bearer(&site.token(TokenKind::Unscoped));
    let ask = async |path: &str| get(&format!("{}/wiki/api/v2/{path}", site.site_url()), &token).await.status;
    assert_eq!(ask("spaces").await, 200);

    let until_mark = control(&site, "DELETE", "journal/totals", &Value::Null).await;
    assert_eq!((ask("pages").await, ask("pages").await, ask("pages?nonsense=1").await), (200, 200, 400));
    let since_mark = control(&site, "GET", "journal/totals", &Value::Null).await;

    assert_eq!((&until_mark["totals"], &until_mark["requests"]), (&json!({"spaces": 1}), &json!(1)));
    assert_eq!((&since_mark["totals"], &since_mark["requests"]), (&json!({"pages": 3}), &json!(3)));
    assert_eq!(since_mark["rejected"], 1);
}

#[tokio::test]
async fn weeks_pass_at_a_word() {
    let site = Simulator::start(Options { start_at: Some(START_MS), ..Options::default() }).await.unwrap();
    let new_docs = async || {
        let truth = control(&site, "GET", "truth", &Value::Null).await;
        let new = truth.as_object().unwrap().iter().filter(|(series, _)| series.contains("window=\"30d\""));
        new.filter(|(series, _)| series.starts_with("new_docs")).map(|(_, docs)| docs.as_i64().unwrap()).sum::<i64>()
    };
    assert!(new_docs().await > 0);

    let clock = control(&site, "POST", "clock", &json!({"forward_seconds": 31 * DAY_SECONDS})).await;

    assert_eq!(clock["now_ms"], START_MS + 31 * DAY_SECONDS * 1000);
    assert_eq!(new_docs().await, 0);
    let answer = get(&format!("{}/wiki/api/v2/spaces", site.site_url()), "").await;
    assert_eq!(answer.header("date"), Some("Thu, 22 Oct 2026 14:13:20 GMT"));
}
