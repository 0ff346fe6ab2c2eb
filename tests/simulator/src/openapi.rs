//! Holds the simulator's rules and rows against Atlassian's own documents. They are read from a folder that the
//! caller names, and are no part of this project.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::api::rules::{Api, Kind, Operation, RULES, Rule, USERS_BULK_ACCOUNTS};
use crate::api::{Request, Site, route};
use crate::clock::SiteClock;
use crate::world::{Account, DocType, Label, Plan, World};

/// Where the live site is known to differ from the documents, by operation and field, with the reason.
const DEVIATIONS: [(&str, &str, &str); 17] = [
    ("*", "presence", "invented: fields of tomorrow arrive and are to be ignored"),
    ("*", "ncsStepVersion", "live: a field of versions that the documents don't have"),
    ("*", "isStarred", "invented: fields of tomorrow arrive and are to be ignored"),
    ("*", "isGuest", "live: users carry it, the documents of v2 don't"),
    ("*", "parentId", "live: null for pages at the top"),
    ("*", "parentType", "live: null, and types that the documents don't have"),
    ("*", "homepageId", "live: null where a space has no home page"),
    ("*", "description", "live: null where no format was asked for"),
    ("*", "icon", "live: null where it was not asked for"),
    ("*", "timeZone", "live: null where the profile hides it"),
    ("*", "personalSpaceId", "live: null where the user has none"),
    ("space", "currentActiveAlias", "live: the list has it, and the documents have it there alone"),
    ("page", "subtype", "live: the list has it, and the documents have it there alone"),
    ("space", "type", "live: space types are an open list"),
    ("spaces", "type", "live: space types are an open list; the simulator has one that the documents don't"),
    ("content_state", "contentState", "live: null where the content has no state, as its description says"),
    ("content_state", "lastUpdated", "live: null where the content has no state"),
];

/// Everything that differs and is not a known deviation.
pub fn check(folder: &Path) -> Result<Vec<String>, String> {
    let documents = [(Api::V2, "confluence-v2.json", ""), (Api::V1, "confluence-v1.json", "/wiki/rest/api")];
    let mut findings = Vec::new();
    let site = sample_site();
    let mut seen_operations = BTreeSet::new();
    for (api, file, prefix) in documents {
        let path = folder.join(file);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let document: Value = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let checker = Checker { document: &document };
        for rule in RULES.iter().filter(|rule| rule.api == api) {
            seen_operations.insert(rule.operation);
            checker.check_rule(rule, prefix, &mut findings);
            checker.check_rows(&site, rule, prefix, &mut findings);
        }
    }
    if seen_operations.len() != RULES.len() {
        findings.push("two rules for one operation".to_owned());
    }
    Ok(findings)
}

struct Checker<'a> {
    document: &'a Value,
}

impl<'a> Checker<'a> {
    fn check_rule(&self, rule: &Rule, prefix: &str, findings: &mut Vec<String>) {
        let name = rule.operation.as_str();
        let Some(operation) = self.operation(rule, prefix) else {
            findings.push(format!("{name}: {} {} is in no document", rule.method, rule.path));
            return;
        };
        let empty = Vec::new();
        let parameters = operation["parameters"].as_array().unwrap_or(&empty);
        let theirs: Vec<&Value> = parameters.iter().filter(|parameter| parameter["in"] == "query").collect();
        for parameter in &theirs {
            let spelling = parameter["name"].as_str().unwrap_or_default();
            let Some(ours) = rule.parameters.iter().find(|ours| ours.name == spelling) else {
                findings.push(format!("{name}: parameter {spelling} is missing"));
                continue;
            };
            if ours.required != (parameter["required"] == true) {
                findings.push(format!("{name}: parameter {spelling}: required differs"));
            }
            if let Err(problem) = self.check_kind(ours.kind, parameter) {
                findings.push(format!("{name}: parameter {spelling}: {problem}"));
            }
        }
        for ours in rule.parameters {
            if !theirs.iter().any(|theirs| theirs["name"] == ours.name) {
                findings.push(format!("{name}: parameter {} is in no document", ours.name));
            }
        }
        let scopes: BTreeSet<&str> = operation["x-atlassian-oauth2-scopes"]
            .as_array()
            .unwrap_or(&empty)
            .iter()
            .flat_map(|entry| entry["scopes"].as_array().into_iter().flatten())
            .filter_map(Value::as_str)
            .collect();
        if scopes != rule.scopes.iter().copied().collect() {
            findings.push(format!("{name}: scopes are {scopes:?}"));
        }
        if rule.operation == Operation::UsersBulk {
            let body = self.resolved(&operation["requestBody"]);
            let accounts = &body["content"]["application/json"]["schema"]["properties"]["accountIds"];
            let (fewest, most) = (accounts["minItems"].as_u64(), accounts["maxItems"].as_u64());
            let ours = (as_u64(*USERS_BULK_ACCOUNTS.start()), as_u64(*USERS_BULK_ACCOUNTS.end()));
            if (fewest, most) != ours {
                findings.push(format!("{name}: account ids are {fewest:?} to {most:?}"));
            }
        }
    }

    fn operation(&self, rule: &Rule, prefix: &str) -> Option<&'a Value> {
        let wanted = anonymous(&format!("{prefix}{}", rule.path));
        let paths = self.document["paths"].as_object()?;
        let (_, methods) = paths.iter().find(|(path, _)| anonymous(path) == wanted)?;
        methods.get(rule.method.to_ascii_lowercase())
    }

    fn check_kind(&self, ours: Kind, parameter: &'a Value) -> Result<(), String> {
        let schema = self.resolved(&parameter["schema"]);
        let items = self.resolved(&schema["items"]);
        // Atlassian writes the sort of labels as a string whose items are the choice.
        let choice = if schema["enum"].is_array() { schema } else { items };
        let same = |what: &str, ours: Value, theirs: &Value| {
            if ours == *theirs { Ok(()) } else { Err(format!("{what} is {theirs}, here {ours}")) }
        };
        let is_comma = parameter["style"] == "form" && parameter["explode"] == false;
        match ours {
            Kind::Integer { minimum, maximum, default } => {
                same("type", "integer".into(), &schema["type"])?;
                same("minimum", minimum.into(), &schema["minimum"])?;
                same("maximum", maximum.into(), &schema["maximum"])?;
                same("default", default.into(), &schema["default"])
            }
            Kind::Boolean => same("type", "boolean".into(), &schema["type"]),
            Kind::Text => {
                same("type", "string".into(), &schema["type"])?;
                same("choice", Value::Null, &choice["enum"])
            }
            Kind::OneOf(allowed) => {
                same("type", "string".into(), &schema["type"])?;
                same_choice(allowed, choice)
            }
            Kind::Integers { most } => {
                same("type", "array".into(), &schema["type"])?;
                same("items", "integer".into(), &items["type"])?;
                same("most", most.into(), &schema["maxItems"])
            }
            Kind::Texts { most } => {
                same("type", "array".into(), &schema["type"])?;
                same("items", "string".into(), &items["type"])?;
                same("most", most.into(), &schema["maxItems"])
            }
            Kind::SomeOf(allowed) => {
                same("type", "array".into(), &schema["type"])?;
                same_choice(allowed, choice)
            }
            Kind::CommaTexts | Kind::CommaSomeOf(_) if !is_comma => Err("is repeated, not joined by commas".to_owned()),
            Kind::CommaTexts => same("type", "array".into(), &schema["type"]),
            Kind::CommaSomeOf(allowed) => same_choice(allowed, choice),
        }
    }

    /// Asks the simulator, and looks each field of the answer up in the document.
    fn check_rows(&self, site: &(Site, String), rule: &Rule, prefix: &str, findings: &mut Vec<String>) {
        let Some(operation) = self.operation(rule, prefix) else { return };
        let schema = self.resolved(&operation["responses"]["200"]["content"]["application/json"]["schema"]);
        let name = rule.operation.as_str();
        match ask(site, rule) {
            Ok(body) => self.check_value(name, "", &body, schema, findings),
            Err(problem) => findings.push(format!("{name}: {problem}")),
        }
    }

    fn check_value(&self, operation: &str, field: &str, value: &Value, schema: &Value, findings: &mut Vec<String>) {
        let schema = self.resolved(schema);
        let fits = match value {
            Value::Null => schema["nullable"] == true,
            Value::Bool(_) => schema["type"] == "boolean",
            Value::Number(_) => schema["type"] == "integer" || schema["type"] == "number",
            Value::String(text) => {
                let choice = schema["enum"].as_array();
                schema["type"] == "string" && choice.is_none_or(|choice| choice.iter().any(|known| known == text))
            }
            Value::Array(rows) => {
                for row in rows {
                    self.check_value(operation, field, row, &schema["items"], findings);
                }
                schema["type"] == "array"
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    match self.property(schema, name) {
                        Some(property) => self.check_value(operation, name, value, property, findings),
                        None if is_open(schema) => {}
                        None if is_deviation(operation, name) => {}
                        None => findings.push(format!("{operation}: field {name} is in no document")),
                    }
                }
                true
            }
        };
        if !fits && !is_deviation(operation, field) {
            findings.push(format!("{operation}: field {field} is {value}, by the document {}", schema["type"]));
        }
    }

    fn property<'b>(&'b self, schema: &'b Value, name: &str) -> Option<&'b Value> {
        let own = schema["properties"].get(name);
        own.or_else(|| {
            let parts = schema["allOf"].as_array()?;
            parts.iter().find_map(|part| self.property(self.resolved(part), name))
        })
    }

    fn resolved<'b>(&'b self, value: &'b Value) -> &'b Value {
        let Some(reference) = value["$ref"].as_str() else { return value };
        let target = self.document.pointer(reference.trim_start_matches('#'));
        target.map_or(&Value::Null, |target| self.resolved(target))
    }
}

fn is_deviation(operation: &str, field: &str) -> bool {
    DEVIATIONS.iter().any(|(on, deviating, _)| (*on == "*" || *on == operation) && *deviating == field)
}

/// An object of which the document says nothing.
fn is_open(schema: &Value) -> bool {
    schema.get("properties").is_none() && schema.get("allOf").is_none()
}

fn same_choice(ours: &[&str], theirs: &Value) -> Result<(), String> {
    let empty = Vec::new();
    let theirs: BTreeSet<&str> = theirs["enum"].as_array().unwrap_or(&empty).iter().filter_map(Value::as_str).collect();
    let ours: BTreeSet<&str> = ours.iter().copied().collect();
    if ours == theirs { Ok(()) } else { Err(format!("the choice is {theirs:?}")) }
}

/// A path with its variables' names taken away.
fn anonymous(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

fn as_u64(number: usize) -> Option<u64> {
    u64::try_from(number).ok()
}

/// A small world in which every list has rows, and the header that opens it.
fn sample_site() -> (Site, String) {
    let clock = SiteClock::standing_at(1_790_000_000_000);
    let plan = Plan { seed: 5, spaces: 12, docs: 300, start_ms: clock.now_ms() };
    let mut world = World::grow(plan, clock.clone());
    if let Some(space) = world.space_by_key("ENG") {
        for doc_type in DocType::ALL {
            if let Some(doc) = world.create(space, doc_type, Account(1)) {
                world.edit(doc, Account(2));
                world.set_state(doc, Some("Verified"));
                world.relabel(doc, &[Label::new("global", "sample"), Label::new("my", "favourite")]);
            }
        }
    }
    let site = Site::new(world, clock, "cloud".to_owned(), "http://127.0.0.1:1".to_owned());
    let token = site.tokens().issue(crate::api::TokenKind::Unscoped);
    (site, format!("Bearer {}", token.secret))
}

/// A good question to an endpoint, and the JSON of its answer.
fn ask((site, authorization): &(Site, String), rule: &Rule) -> Result<Value, String> {
    let world = site.world();
    let docs = world.docs();
    let doc_of = |wanted| docs.iter().rev().find(|doc| world.doc(**doc).is_some_and(|doc| doc.doc_type == wanted));
    let (page, blogpost) = (doc_of(DocType::Page), doc_of(DocType::Blogpost));
    let id = |doc: Option<&crate::world::DocId>| doc.map_or_else(String::new, |doc| doc.0.to_string());
    let variable = match rule.operation {
        Operation::Space
        | Operation::SpacePages
        | Operation::SpaceBlogposts
        | Operation::SpaceLabels
        | Operation::SpaceContentLabels => world.spaces()[0].id.0.to_string(),
        Operation::LabelPages | Operation::LabelBlogposts => crate::world::label_id(0).to_string(),
        Operation::BlogpostVersions | Operation::BlogpostLabels => id(blogpost),
        Operation::SpaceStates | Operation::SpaceStateContent => "ENG".to_owned(),
        _ => id(page),
    };
    let accounts: Vec<&str> = world.users().iter().take(20).map(|user| &*user.account_id).collect();
    let body = serde_json::json!({ "accountIds": accounts }).to_string();
    drop(world);
    let query = match rule.operation {
        Operation::SpaceStateContent => "state-id=3",
        Operation::Search => "cql=type%3Dpage&limit=3",
        _ => "",
    };
    let base = match rule.api {
        Api::V1 => "/wiki/rest/api",
        Api::V2 => "/wiki/api/v2",
    };
    let path = format!("{base}{}", anonymous(rule.path).replace("{}", &variable));
    let request =
        Request { method: rule.method, path: &path, query, authorization: Some(authorization), body: body.as_bytes() };
    let answered = site.answer(&route(&site.cloud_id, rule.method, &path), &request);
    if answered.reply.status != 200 {
        return Err(format!("{path} gave {}", answered.reply.status));
    }
    serde_json::from_slice(&answered.reply.body).map_err(|error| error.to_string())
}
