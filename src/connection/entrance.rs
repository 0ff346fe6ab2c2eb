//! The ways into a site: which to try, in which order, and which has worked. Sending is `exchange`'s business.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::RequestBuilder;
use secrecy::ExposeSecret;

use super::address::{CloudId, GatewayUrl, InstanceUrl, Origin};
use super::failure::{Cause, Failure, Verdict};
use super::settings::Settings;
use super::token::Token;
use super::values::{CredentialChoice, Username};
use crate::model::{Code, Credential, SiteInfo, TokenSlot};

/// A way in that may work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entrance {
    pub(super) place: Place,
    scheme: Scheme,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Site,
    Gateway,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Basic,
    Bearer,
}

/// What is known of the ways into one site.
#[derive(Debug)]
pub(super) struct Entrances {
    username: Username,
    credential: CredentialChoice,
    site: Option<Origin>,
    gateway: GatewayUrl,
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    cloud_id: Option<CloudId>,
    /// What has worked with each of the tokens, and with which edition of it.
    settled: BTreeMap<TokenSlot, (Entrance, u64)>,
}

const SITE: Entrance = Entrance { place: Place::Site, scheme: Scheme::Basic };
const GATEWAY: Entrance = Entrance { place: Place::Gateway, scheme: Scheme::Basic };
/// Basic is what Atlassian documents; some service accounts are let in with Bearer only.
const GATEWAY_BEARER: Entrance = Entrance { place: Place::Gateway, scheme: Scheme::Bearer };

impl Entrances {
    pub(super) fn new(settings: &Settings) -> Self {
        let (site, gateway, cloud_id) = match &settings.instance_url {
            InstanceUrl::Site(origin) => (Some(origin.clone()), settings.gateway_url.clone(), None),
            InstanceUrl::Gateway { gateway, cloud_id } => (None, gateway.clone(), Some(cloud_id.clone())),
        };
        let found = Mutex::new(Found { cloud_id, settled: BTreeMap::new() });
        Self { username: settings.username.clone(), credential: settings.credential, site, gateway, found }
    }

    /// What has worked with this token.
    pub(super) fn settled(&self, token: &Token) -> Option<Entrance> {
        let (entrance, edition) = *self.found().settled.get(&token.slot)?;
        (edition == token.edition).then_some(entrance)
    }

    /// What to try while nothing has worked, in this order.
    pub(super) fn candidates(&self) -> &'static [Entrance] {
        if self.site.is_none() {
            return &[GATEWAY, GATEWAY_BEARER];
        }
        match self.credential {
            CredentialChoice::Unscoped => &[SITE],
            CredentialChoice::Scoped => &[GATEWAY, GATEWAY_BEARER],
            CredentialChoice::Auto if self.username.is_service_account() => &[GATEWAY, GATEWAY_BEARER],
            CredentialChoice::Auto => &[SITE, GATEWAY, GATEWAY_BEARER],
        }
    }

    pub(super) fn settle(&self, entrance: Entrance, token: &Token) {
        self.found().settled.insert(token.slot, (entrance, token.edition));
    }

    pub(super) fn cloud_id(&self) -> Option<CloudId> {
        self.found().cloud_id.clone()
    }

    pub(super) fn learn_cloud_id(&self, cloud_id: CloudId) {
        self.found().cloud_id = Some(cloud_id);
    }

    /// The site's own address, where the configuration tells it.
    pub(super) fn site(&self) -> Option<&Origin> {
        self.site.as_ref()
    }

    /// What every path follows there; nothing for the gateway while the cloud id is not known.
    pub(super) fn base(&self, place: Place) -> Option<String> {
        match place {
            Place::Site => self.site.as_ref().map(|site| site.as_str().to_owned()),
            Place::Gateway => self.cloud_id().map(|cloud_id| self.gateway.base(&cloud_id)),
        }
    }

    /// Shows the token. The HTTP client marks both headers as secret.
    pub(super) fn authorise(&self, request: RequestBuilder, entrance: Entrance, token: &Token) -> RequestBuilder {
        let secret = token.secret.expose_secret();
        match entrance.scheme {
            Scheme::Basic => request.basic_auth(self.username.as_str(), Some(secret)),
            Scheme::Bearer => request.bearer_auth(secret),
        }
    }

    /// What has been found out with this token.
    pub(super) fn info(&self, slot: TokenSlot) -> Option<SiteInfo> {
        let found = self.found();
        let (entrance, _) = found.settled.get(&slot)?;
        let credential = match (self.credential, entrance.place) {
            (CredentialChoice::Unscoped, _) | (CredentialChoice::Auto, Place::Site) => Credential::Unscoped,
            (CredentialChoice::Scoped, _) | (CredentialChoice::Auto, Place::Gateway) => Credential::Scoped,
        };
        let site = self.site.as_ref().map_or_else(|| self.gateway.host(), Origin::host);
        let cloud_id = found.cloud_id.as_ref().map(|cloud_id| cloud_id.as_str().into());
        Some(SiteInfo { site: site.into(), cloud_id, credential })
    }

    /// The site's address and cloud id, as far as they are known; the gateway's address for a site that is known by its cloud
    /// id alone.
    pub(super) fn whereabouts(&self) -> (Arc<str>, Option<Arc<str>>) {
        let site = self.site.as_ref().map_or_else(|| self.gateway.as_str(), Origin::as_str);
        (site.into(), self.cloud_id().map(|cloud_id| cloud_id.as_str().into()))
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entrance {
    /// Whether this failure may only mean that the token is not taken here, so that the next candidate is worth a try.
    pub(super) fn is_wrong_by(self, failure: &Failure) -> bool {
        let Verdict::Refused { code, named: false } = failure.verdict else { return false };
        match self.place {
            // A token that the site does not know at all gets a 404 or a 403; one that is for the gateway a 401.
            Place::Site => failure.cause == Cause::Status(401),
            Place::Gateway => code == Code::InvalidCredentials,
        }
    }

    /// Whether whoever answered so had taken the token.
    pub(super) fn is_proven_by(failure: &Failure) -> bool {
        match failure.verdict {
            Verdict::Refused { code, named } => named && matches!(code, Code::InvalidPermissions | Code::PlanRequired),
            Verdict::NotForThisDoc | Verdict::NotForThisSpace | Verdict::DeadCursor => true,
            Verdict::Passing { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::AUTHORIZATION;

    use super::*;
    use crate::connection::exchange;
    use crate::model::TokenSlot;

    #[test]
    fn a_request_that_is_printed_does_not_tell_its_token() {
        // It fails when another test was first: then it has been done.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = "acme.atlassian.net".parse().unwrap();
        let settings = Settings::new(url, "ann@acme.example".parse().unwrap(), "/nonexistent".into());
        let (client, entrances) = (exchange::client(&settings).unwrap(), Entrances::new(&settings));
        let token = Token { secret: "CANARY".into(), edition: 0, slot: TokenSlot::Current };

        for (entrance, sent) in [(GATEWAY, "Basic YW5uQGFjbWUuZXhhbXBsZTpDQU5BUlk="), (GATEWAY_BEARER, "Bearer CANARY")]
        {
            let request = entrances.authorise(client.get("https://acme.atlassian.net"), entrance, &token);
            let printed = format!("{request:?}");
            let request = request.build().unwrap();

            assert_eq!(request.headers()[AUTHORIZATION], sent);
            assert!(request.headers()[AUTHORIZATION].is_sensitive());
            let printed = format!("{printed} {request:?}");
            let (_, secret) = sent.split_once(' ').unwrap();
            assert!(printed.contains("authorization") && !printed.contains(secret), "{printed}");
        }
    }
}
