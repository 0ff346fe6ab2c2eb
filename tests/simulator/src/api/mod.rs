//! Confluence's two APIs over the world: doors, rules, lists. How bytes travel is `server`'s business.

mod access;
mod cursor;
mod json;
mod lists;
mod query;
mod reply;
mod route;
mod rows;
pub mod rules;
mod strike;
mod table;
mod v1;

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::clock::SiteClock;
use crate::world::World;

pub(crate) use access::Tokens;
pub use access::{Base, FOUR_SCOPES, Token, TokenKind};
pub(crate) use query::percent_decoded;
pub(crate) use reply::Reply;
pub(crate) use route::{Door, Route, route};
pub use rules::Operation;

use access::Refusal;
use query::Query;
use rules::{Api, Rule};

/// The site behind both doors.
pub(crate) struct Site {
    pub(crate) clock: SiteClock,
    pub(crate) cloud_id: String,
    /// `http://127.0.0.1:PORT`: what a real site has as `https://SITE.atlassian.net`.
    pub(crate) origin: String,
    world: RwLock<World>,
    tokens: Mutex<Tokens>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) authorization: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// An answer and what the journal says of it.
pub(crate) struct Answered {
    pub(crate) reply: Reply,
    pub(crate) username: Option<String>,
    /// Why the request broke the rules, if it did.
    pub(crate) rejected: Option<String>,
}

impl Site {
    pub(crate) fn new(world: World, clock: SiteClock, cloud_id: String, origin: String) -> Self {
        Self { clock, cloud_id, origin, world: RwLock::new(world), tokens: Mutex::default() }
    }

    /// To be looked at, by many at once.
    // A test that panicked with the guard in its hands has failed already; the others may go on.
    pub(crate) fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be changed.
    pub(crate) fn world_in_hand(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn answer(&self, route: &Route, request: &Request<'_>) -> Answered {
        let reply = match &route.door {
            Door::TenantInfo => Reply::json(200, serde_json::json!({ "cloudId": self.cloud_id }).to_string()),
            Door::Gone(_) => Reply::gone(),
            Door::WrongCloud => Reply::json(404, serde_json::json!({"code": 404, "message": "Not Found"}).to_string()),
            Door::Nowhere => return Answered::rejected(Reply::anonymous(Api::V2), "no such endpoint"),
            Door::WrongMethod { allowed } => {
                let reply = Reply::failure(Api::V2, 405, "METHOD_NOT_ALLOWED", "Method Not Allowed", None);
                return Answered::rejected(reply.with("allow", *allowed), "no such method");
            }
            Door::Endpoint { rule, base, variable } => return self.answer_endpoint(rule, *base, variable, request),
        };
        Answered { reply, username: None, rejected: None }
    }

    fn answer_endpoint(&self, rule: &'static Rule, base: Base, variable: &str, request: &Request<'_>) -> Answered {
        let username = match self.tokens().admit(base, request.authorization, rule) {
            Ok(token) => token.username.clone(),
            Err(refusal) => {
                let username = matches!(refusal, Refusal::Scope).then(String::new);
                return Answered { reply: Reply::refused(refusal, rule.api, &self.origin), username, rejected: None };
            }
        };
        let query = Query::parse(request.query);
        let answer = query.validate(rule).and_then(|()| lists::check_path(rule, variable)).and_then(|()| {
            let question =
                Question { site: self, rule, variable, query: &query, body: request.body, path: request.path };
            match rule.api {
                Api::V2 => lists::answer(&question),
                Api::V1 => v1::answer(&question, &username),
            }
        });
        match answer {
            Ok(reply) => Answered { reply, username: Some(username), rejected: None },
            Err(problem) => Answered {
                reply: Reply::bad_request(rule.api, &problem),
                username: Some(username),
                rejected: Some(problem.title()),
            },
        }
    }
}

impl Answered {
    fn rejected(reply: Reply, why: &str) -> Self {
        Self { reply, username: None, rejected: Some(why.to_owned()) }
    }
}

/// A request that may be answered.
struct Question<'a> {
    site: &'a Site,
    rule: &'static Rule,
    /// The path's variable segment, decoded; empty where it has none.
    variable: &'a str,
    query: &'a Query<'a>,
    body: &'a [u8],
    path: &'a str,
}

impl Question<'_> {
    /// The path from `/wiki` on, as links show it.
    fn wiki_path(&self) -> &str {
        self.path.find("/wiki/").map_or(self.path, |place| &self.path[place..])
    }
}
