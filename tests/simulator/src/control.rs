//! The control endpoint, for who drives the simulator from outside: JSON over HTTP under `/_control/`.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::api::{Reply, TokenKind};
use crate::command::Command;
use crate::fault::{Fault, FaultKind};
use crate::server::Shared;
use crate::truth::{self, TruthQuestion};
use crate::world::DocId;

pub(crate) const PREFIX: &str = "/_control/";

/// What `GET /_control/` says.
const HELP: [(&str, &str); 18] = [
    ("GET site", "where the site is, its cloud id, what time it is there"),
    ("GET tokens", "the default tokens: unscoped, scoped, service_account"),
    ("POST tokens", r#"a new token: {"kind": "unscoped"} or {"kind": {"scoped": ["read:page:confluence"]}}"#),
    ("POST tokens/revoke", r#"{"secret": "..."}"#),
    ("POST tokens/reinstate", r#"{"secret": "..."}"#),
    ("POST tokens/bearer_only", r#"{"secret": "..."}"#),
    ("POST tokens/take_scope", r#"{"secret": "...", "scope": "read:page:confluence"}"#),
    ("POST tokens/give_scope", r#"{"secret": "...", "scope": "read:page:confluence"}"#),
    ("GET faults", "the names of all faults, and those injected"),
    ("POST faults", r#"{"kind": "rate_limited", "operation": "pages", "times": 3} or "rate_limited:pages:3""#),
    ("DELETE faults", "no fault strikes any more"),
    ("GET journal", "what was asked; GET journal/totals counts it by operation"),
    (
        "DELETE journal",
        "says the same and forgets it, so that the next counts begin here; DELETE journal/totals likewise",
    ),
    ("POST truth", r#"{"moment_ms": 1800000000000, "fold_personal": true}; GET takes the present"#),
    ("GET world", "spaces and how many docs, versions and users; GET world/users, GET world/docs/ID"),
    ("POST world", r#"{"do": "edit", "doc": 65601}; see the source of Command for all"#),
    ("POST clock", r#"{"set_ms": 1800000000000} or {"forward_seconds": 60} or {"running": true}"#),
    ("POST latency", r#"{"milliseconds": 50}"#),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    kind: TokenKind,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenChange {
    secret: String,
    #[serde(default)]
    scope: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FaultText {
    Short(String),
    Full(Fault),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClockChange {
    SetMs(i64),
    ForwardSeconds(i64),
    Running(bool),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    milliseconds: u64,
}

pub(crate) fn answer(shared: &Shared, method: &str, path: &str, body: &[u8]) -> Reply {
    match obey(shared, method, path.trim_start_matches(PREFIX), body) {
        Ok(value) => Reply::json(200, value.to_string()),
        Err(problem) => Reply::json(400, json!({ "problem": problem }).to_string()),
    }
}

fn obey(shared: &Shared, method: &str, path: &str, body: &[u8]) -> Result<Value, String> {
    match (method, path) {
        ("GET", "") => Ok(HELP.iter().map(|(what, how)| ((*what).to_owned(), json!(how))).collect()),
        ("GET", "site") => Ok(json!({
            "url": shared.site.origin,
            "gateway": format!("{}/ex/confluence/{}", shared.site.origin, shared.site.cloud_id),
            "cloud_id": shared.site.cloud_id,
            "now_ms": shared.site.clock.now_ms(),
        })),
        (_, "faults") => faults(shared, method, body),
        (_, "journal" | "journal/totals") => Ok(journal(shared, method, path == "journal")),
        (_, "truth") => truth(shared, body),
        ("POST", "clock") => {
            turn_clock(shared, &read(body)?);
            Ok(json!({"now_ms": shared.site.clock.now_ms()}))
        }
        ("GET", "clock") => Ok(json!({"now_ms": shared.site.clock.now_ms()})),
        ("POST", "latency") => {
            let latency: Latency = read(body)?;
            shared.set_latency_ms(latency.milliseconds);
            Ok(json!({}))
        }
        ("POST", "world") => {
            let command: Command = read(body)?;
            command.perform(&mut shared.site.world_in_hand())
        }
        ("GET", _) if path.starts_with("world") => world(shared, path),
        _ if path.starts_with("tokens") => tokens(shared, method, path, body),
        _ => Err(format!("no such control: {method} {path}; GET {PREFIX} lists them")),
    }
}

fn tokens(shared: &Shared, method: &str, path: &str, body: &[u8]) -> Result<Value, String> {
    match (method, path) {
        ("GET", "tokens") => {
            let [unscoped, scoped, service_account] = &shared.tokens;
            Ok(json!({"unscoped": unscoped, "scoped": scoped, "service_account": service_account}))
        }
        ("POST", "tokens") => {
            let wanted: NewToken = read(body)?;
            Ok(json!(shared.site.tokens().issue(wanted.kind)))
        }
        _ => {
            let TokenChange { secret, scope } = read(body)?;
            let mut tokens = shared.site.tokens();
            let done = match path {
                "tokens/revoke" => tokens.revoke(&secret),
                "tokens/reinstate" => tokens.reinstate(&secret),
                "tokens/bearer_only" => tokens.accept_bearer_only(&secret),
                "tokens/take_scope" => tokens.take_scope(&secret, &scope),
                "tokens/give_scope" => tokens.give_scope(&secret, &scope),
                _ => return Err(format!("no such control: {method} {path}")),
            };
            Ok(json!({ "done": done }))
        }
    }
}

fn faults(shared: &Shared, method: &str, body: &[u8]) -> Result<Value, String> {
    match method {
        "POST" => {
            let fault = match read(body)? {
                FaultText::Full(fault) => fault,
                FaultText::Short(text) => text.parse().map_err(|error| format!("{error}"))?,
            };
            shared.inject(fault);
        }
        "DELETE" => shared.faults.clear(),
        _ => {}
    }
    let names: Vec<&str> = FaultKind::ALL.iter().map(|kind| kind.as_str()).collect();
    Ok(json!({"injected": shared.faults.list(), "names": names}))
}

fn journal(shared: &Shared, method: &str, with_entries: bool) -> Value {
    json!(if method == "DELETE" { shared.journal.take(with_entries) } else { shared.journal.tell(with_entries) })
}

fn truth(shared: &Shared, body: &[u8]) -> Result<Value, String> {
    let question = if body.is_empty() { TruthQuestion::at(shared.site.clock.now_ms()) } else { read(body)? };
    let told = truth::tell(&shared.site.world(), &question);
    told.map(|series| json!(series)).ok_or_else(|| "so much has happened that this moment is forgotten".to_owned())
}

fn turn_clock(shared: &Shared, change: &ClockChange) {
    let clock = &shared.site.clock;
    match change {
        ClockChange::SetMs(millis) => clock.set_ms(*millis),
        ClockChange::ForwardSeconds(seconds) => clock.set_ms(clock.now_ms() + seconds * 1000),
        ClockChange::Running(true) => clock.set_ms(crate::clock::SiteClock::RUNNING),
        ClockChange::Running(false) => clock.set_ms(clock.now_ms()),
    }
}

fn world(shared: &Shared, path: &str) -> Result<Value, String> {
    let world = shared.site.world();
    match path {
        "world" => {
            let spaces: Vec<Value> = world
                .spaces()
                .iter()
                .map(|space| {
                    json!({
                        "id": space.id, "key": *space.key, "name": *space.name, "type": *space.space_type,
                        "status": space.status, "sight": format!("{:?}", space.sight),
                    })
                })
                .collect();
            Ok(json!({
                "spaces": spaces, "docs": world.docs().len(), "versions": world.versions(),
                "users": world.users().len(),
                "last_change_ms": world.last_change_ms(),
            }))
        }
        "world/users" => {
            let users = world.users().iter().map(|user| {
                json!({
                    "account_id": *user.account_id, "status": *user.status, "type": *user.account_type,
                    "left_out": user.left_out,
                })
            });
            Ok(users.collect())
        }
        _ => {
            let id = path.trim_start_matches("world/docs/").parse().map_err(|_| format!("no such control: {path}"))?;
            let facts = world.doc(DocId(id)).ok_or_else(|| format!("no doc {id}"))?;
            let versions = facts
                .versions
                .iter()
                .map(|version| json!({"created_ms": version.created_ms, "author": **world.account_id(version.author)}));
            Ok(json!({
                "id": facts.id, "type": facts.doc_type, "status": facts.status, "space": facts.space,
                "created_ms": facts.created_ms, "versions": versions.collect::<Value>(),
                "labels": facts.labels.iter().map(|label| format!("{}:{}", label.prefix, label.name)).collect::<Value>(),
                "state": facts.state.as_deref(), "views": facts.views,
                "owner": facts.owner.map(|owner| world.account_id(owner).to_string()),
            }))
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
