//! Which door a request knocks at, and for which endpoint.

use super::access::Base;
use super::query::percent_decoded;
use super::rules::{Api, Operation, PathKind, RULES, Rule};

#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) door: Door,
}

#[derive(Clone, Debug)]
pub(crate) enum Door {
    TenantInfo,
    Endpoint {
        rule: &'static Rule,
        base: Base,
        variable: String,
    },
    /// Endpoints of v1 that Atlassian has removed.
    Gone(Base),
    WrongCloud,
    WrongMethod {
        allowed: &'static str,
    },
    Nowhere,
}

impl Route {
    pub(crate) fn operation(&self) -> Option<Operation> {
        match &self.door {
            Door::TenantInfo => Some(Operation::TenantInfo),
            Door::Endpoint { rule, .. } => Some(rule.operation),
            Door::Gone(_) | Door::WrongCloud | Door::WrongMethod { .. } | Door::Nowhere => None,
        }
    }

    pub(crate) fn base(&self) -> Option<Base> {
        match &self.door {
            Door::Endpoint { base, .. } | Door::Gone(base) => Some(*base),
            Door::TenantInfo => Some(Base::Site),
            Door::WrongCloud => Some(Base::Gateway),
            Door::WrongMethod { .. } | Door::Nowhere => None,
        }
    }

    pub(crate) fn api(&self) -> Api {
        match &self.door {
            Door::Endpoint { rule, .. } => rule.api,
            Door::Gone(_) => Api::V1,
            Door::TenantInfo | Door::WrongCloud | Door::WrongMethod { .. } | Door::Nowhere => Api::V2,
        }
    }

    pub(crate) fn variable(&self) -> &str {
        match &self.door {
            Door::Endpoint { variable, .. } => variable,
            _ => "",
        }
    }
}

pub(crate) fn route(cloud_id: &str, method: &str, path: &str) -> Route {
    Route { door: door(cloud_id, method, path) }
}

fn door(cloud_id: &str, method: &str, path: &str) -> Door {
    if path == "/_edge/tenant_info" {
        return Door::TenantInfo;
    }
    let (base, path) = match path.strip_prefix("/ex/confluence/") {
        None => (Base::Site, path),
        Some(rest) => match rest.split_once('/') {
            Some((cloud, _)) if cloud == cloud_id => (Base::Gateway, &rest[cloud.len()..]),
            _ => return Door::WrongCloud,
        },
    };
    let (api, path) = if let Some(path) = path.strip_prefix("/wiki/api/v2") {
        (Api::V2, path)
    } else if let Some(path) = path.strip_prefix("/wiki/rest/api") {
        (Api::V1, path)
    } else {
        return Door::Nowhere;
    };
    if api == Api::V1 && matches!(path.trim_end_matches('/'), "/content" | "/space") {
        return Door::Gone(base);
    }
    let mut allowed = None;
    for rule in RULES.iter().filter(|rule| rule.api == api) {
        let Some(variable) = variable_of(rule, path) else { continue };
        if rule.method == method {
            return Door::Endpoint { rule, base, variable };
        }
        allowed = Some(rule.method);
    }
    allowed.map_or(Door::Nowhere, |allowed| Door::WrongMethod { allowed })
}

fn variable_of(rule: &Rule, path: &str) -> Option<String> {
    if rule.path_kind == PathKind::Fixed || !rule.path.contains('{') {
        return (rule.path == path).then(String::new);
    }
    let (before, rest) = rule.path.split_once('{')?;
    let (_, after) = rest.split_once('}')?;
    let variable = path.strip_prefix(before)?.strip_suffix(after)?;
    (!variable.is_empty() && !variable.contains('/')).then(|| percent_decoded(variable).into_owned())
}
