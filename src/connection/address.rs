//! Where a site is: any form of its URL that a user may have at hand, made one.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// A site's own address, or its address at the gateway. Only what is needed of it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstanceUrl {
    /// `https://acme.atlassian.net`, without a slash at its end.
    Site(Origin),
    /// The gateway's base names the site by its cloud id.
    Gateway { gateway: GatewayUrl, cloud_id: CloudId },
}

/// Where scoped tokens go, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayUrl(String);

/// A scheme, a host, and a port where it is not the usual one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

/// The id that the gateway knows a site by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudId(String);

/// What is wrong with a URL. Quotes nothing of it: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    #[error("not a URL: write it like acme.atlassian.net or https://acme.atlassian.net")]
    Unparsable,
    #[error("not a whole host name: write it like acme.atlassian.net")]
    NoDomain,
    #[error("only https is accepted, or http for a loopback address: anything else would carry the token in the clear")]
    InTheClear,
    #[error("a user or a password does not belong into the URL: username and api_token_file are for that")]
    UserInfo,
    #[error("Atlassian's hosts are reached at their usual port: leave the port out")]
    Port,
    #[error("the path is none of Confluence's: leave it out")]
    Path,
    #[error("the gateway's base needs a cloud id: https://api.atlassian.com/ex/confluence/<cloud-id>")]
    NoCloudId,
}

impl FromStr for InstanceUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let url = parse(text)?;
        let mut path = segments(&url);
        match (path.next(), path.next(), path.next()) {
            (Some("ex"), Some("confluence"), id) => {
                let cloud_id = id.ok_or(BadUrl::NoCloudId)?.parse()?;
                Ok(Self::Gateway { gateway: GatewayUrl(origin(&url)), cloud_id })
            }
            _ if url.host_str() == Some(GATEWAY_HOST) => Err(BadUrl::NoCloudId),
            // Whatever page of the site the browser was on.
            (None | Some("wiki"), ..) => Ok(Self::Site(Origin(origin(&url)))),
            _ if is_atlassians(&url) => Ok(Self::Site(Origin(origin(&url)))),
            _ => Err(BadUrl::Path),
        }
    }
}

/// For people: who it is, without how it is spoken to.
impl fmt::Display for InstanceUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site(origin) => formatter.write_str(origin.host()),
            Self::Gateway { gateway, cloud_id } => write!(formatter, "{} (cloud id {})", gateway.host(), cloud_id.0),
        }
    }
}

impl FromStr for GatewayUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let url = parse(text)?;
        // A proxy may serve the gateway below a path of its own.
        let path = url.path().trim_end_matches('/');
        if segments(&url).any(|segment| segment == "ex") {
            return Err(BadUrl::Path);
        }
        Ok(Self(format!("{}{path}", origin(&url))))
    }
}

impl FromStr for CloudId {
    type Err = BadUrl;

    /// Checked strictly: it may come from an answer, and becomes part of a path that carries the token.
    fn from_str(text: &str) -> Result<Self, BadUrl> {
        let fits =
            (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if fits { Ok(Self(text.to_owned())) } else { Err(BadUrl::NoCloudId) }
    }
}

impl Default for GatewayUrl {
    fn default() -> Self {
        Self(format!("https://{GATEWAY_HOST}"))
    }
}

impl InstanceUrl {
    pub(super) fn is_loopback(&self) -> bool {
        match self {
            Self::Site(origin) => is_loopback_base(&origin.0),
            Self::Gateway { gateway, .. } => gateway.is_loopback(),
        }
    }
}

impl GatewayUrl {
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback_base(&self.0)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// For people: who it is, without how it is spoken to.
    pub(super) fn host(&self) -> &str {
        host(&self.0)
    }

    /// What paths of this site follow.
    pub(super) fn base(&self, cloud_id: &CloudId) -> String {
        format!("{}/ex/confluence/{}", self.0, cloud_id.0)
    }
}

impl Origin {
    pub(super) fn host(&self) -> &str {
        host(&self.0)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl CloudId {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

const GATEWAY_HOST: &str = "api.atlassian.com";

fn parse(text: &str) -> Result<Url, BadUrl> {
    let text = text.trim();
    let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("https://{text}")) };
    let url = url.map_err(|_| BadUrl::Unparsable)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadUrl::UserInfo);
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        _ => return Err(BadUrl::InTheClear),
    }
    match url.host() {
        Some(Host::Domain(domain)) if !domain.contains('.') && domain != "localhost" => Err(BadUrl::NoDomain),
        Some(_) if is_atlassians(&url) && url.port().is_some() => Err(BadUrl::Port),
        Some(_) => Ok(url),
        None => Err(BadUrl::Unparsable),
    }
}

fn is_loopback_base(base: &str) -> bool {
    Url::parse(base).is_ok_and(|url| is_loopback(&url))
}

fn host(base: &str) -> &str {
    base.split_once("://").map_or(base, |(_, host)| host)
}

fn segments(url: &Url) -> impl Iterator<Item = &str> {
    url.path_segments().into_iter().flatten().filter(|segment| !segment.is_empty())
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn is_atlassians(url: &Url) -> bool {
    url.domain().is_some_and(|domain| [GATEWAY_HOST, "atlassian.net"].iter().any(|own| is_within(domain, own)))
}

fn is_within(domain: &str, own: &str) -> bool {
    domain.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(text: &str) -> String {
        match text.parse() {
            Ok(InstanceUrl::Site(origin)) => origin.0,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn any_url_of_a_site_leads_to_the_site() {
        for text in [
            "acme.atlassian.net",
            " acme.atlassian.net/ ",
            "https://acme.atlassian.net",
            "https://ACME.atlassian.net:443/wiki",
            "https://acme.atlassian.net/wiki",
            concat!("https://acme.atlassian.net/", "wiki/home?src=mail#top"),
            concat!("acme.atlassian.net/", "wiki/spaces/ENG/pages/1234567890/Some+page"),
            "https://acme.atlassian.net/jira/your-work",
        ] {
            assert_eq!(site(text), "https://acme.atlassian.net", "{text}");
        }
        assert_eq!(site("https://confluence.acme.example:8443/wiki"), "https://confluence.acme.example:8443");
    }

    #[test]
    fn the_gateways_base_names_the_site_by_its_cloud_id() {
        for text in [
            "https://api.atlassian.com/ex/confluence/5c1e-77",
            concat!("https://api.atlassian.com/ex/confluence/5c1e-77/", "wiki/api/v2/pages"),
            "api.atlassian.com/ex/confluence/5c1e-77/",
        ] {
            let Ok(InstanceUrl::Gateway { gateway, cloud_id }) = text.parse() else { panic!("{text}") };
            assert_eq!(gateway.base(&cloud_id), "https://api.atlassian.com/ex/confluence/5c1e-77");
        }
        let proxied: GatewayUrl = "https://proxy.example:8443/atlassian/".parse().unwrap();
        assert_eq!(
            proxied.base(&CloudId("5c1e".to_owned())),
            "https://proxy.example:8443/atlassian/ex/confluence/5c1e"
        );
    }

    #[test]
    fn http_is_for_loopback_addresses() {
        for text in ["http://127.0.0.1:8090", "http://127.9.9.9:8090", "http://[::1]:8090", "http://localhost:8090"] {
            assert_eq!(site(text), text);
        }
        for text in ["http://acme.atlassian.net", "http://10.0.0.1", "http://localhost.acme.example", "ftp://127.0.0.1"]
        {
            assert_eq!(text.parse::<InstanceUrl>(), Err(BadUrl::InTheClear), "{text}");
            assert_eq!(text.parse::<GatewayUrl>(), Err(BadUrl::InTheClear), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, error) in [
            ("", BadUrl::Unparsable),
            ("https://", BadUrl::Unparsable),
            ("https://acme atlassian net", BadUrl::Unparsable),
            ("acme", BadUrl::NoDomain),
            ("https://ann:secret@acme.atlassian.net", BadUrl::UserInfo),
            ("ann@acme.atlassian.net", BadUrl::UserInfo),
            ("https://acme.atlassian.net:8443", BadUrl::Port),
            ("https://api.atlassian.com:8443/ex/confluence/5c1e", BadUrl::Port),
            ("https://proxy.example/confluence", BadUrl::Path),
            ("https://api.atlassian.com", BadUrl::NoCloudId),
            ("https://api.atlassian.com/ex/confluence", BadUrl::NoCloudId),
            ("https://api.atlassian.com/ex/jira/5c1e", BadUrl::NoCloudId),
            ("https://api.atlassian.com/ex/confluence/5c%2F1e", BadUrl::NoCloudId),
        ] {
            assert_eq!(text.parse::<InstanceUrl>(), Err(error), "{text}");
        }
        let with_id = "https://api.atlassian.com/ex/confluence/5c1e";
        assert_eq!(with_id.parse::<GatewayUrl>(), Err(BadUrl::Path));
    }
}
