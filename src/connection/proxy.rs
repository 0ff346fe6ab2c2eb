//! A proxy's address. It may hold a password, and goes to the HTTP client and nowhere else.

use std::fmt;
use std::str::FromStr;

use reqwest::Proxy;
use url::{Host, Url};

/// `http://proxy.example:3128`, with user and password before the host where the proxy wants them.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Url);

/// What is wrong with a proxy's URL. Quotes nothing of it: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProxyUrl {
    #[error("not a proxy's URL: write it like http://proxy.example:3128, and / in a password as %2F")]
    NotAUrl,
    #[error("only proxies with http:// or https:// are spoken to")]
    Scheme,
    #[error("a proxy's URL ends with its port; a / in a password is written %2F")]
    Path,
}

impl ProxyUrl {
    pub(super) fn proxy(&self) -> reqwest::Result<Proxy> {
        Proxy::https(self.0.clone())
    }
}

impl FromStr for ProxyUrl {
    type Err = BadProxyUrl;

    fn from_str(text: &str) -> Result<Self, BadProxyUrl> {
        let text = text.trim();
        // Without a scheme it means what it means in `HTTPS_PROXY`.
        let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
        let url = url.map_err(|_| BadProxyUrl::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(BadProxyUrl::Scheme);
        }
        // The HTTP client passes silently over what it cannot read, and would go without a proxy.
        let is_plain = |domain: &str| domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        match url.host() {
            Some(Host::Domain(domain)) if is_plain(domain) => {}
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => {}
            Some(Host::Domain(_)) | None => return Err(BadProxyUrl::NotAUrl),
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(BadProxyUrl::Path);
        }
        Ok(Self(url))
    }
}

/// There may be a password in it.
impl fmt::Debug for ProxyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ProxyUrl(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_host_with_a_port_and_perhaps_a_login() {
        for (text, url) in [
            ("http://proxy.example:3128", "http://proxy.example:3128/"),
            (" proxy.example:3128 ", "http://proxy.example:3128/"),
            ("https://proxy.example/", "https://proxy.example/"),
            ("http://ann:CANARY%2F%40@proxy:3128", "http://ann:CANARY%2F%40@proxy:3128/"),
            ("ann:CANARY@10.0.0.1:3128", "http://ann:CANARY@10.0.0.1:3128/"),
            ("http://[::1]:3128", "http://[::1]:3128/"),
        ] {
            let proxy: ProxyUrl = text.parse().unwrap();
            assert_eq!(proxy.0.as_str(), url, "{text}");
            assert!(proxy.proxy().is_ok());
            assert!(!format!("{proxy:?}").contains("CANARY"));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, error) in [
            ("", BadProxyUrl::NotAUrl),
            ("http://", BadProxyUrl::NotAUrl),
            ("http://proxy example", BadProxyUrl::NotAUrl),
            ("http://proxy{1}:3128", BadProxyUrl::NotAUrl),
            ("http://proxy:port", BadProxyUrl::NotAUrl),
            ("socks5://proxy.example:1080", BadProxyUrl::Scheme),
            ("ftp://proxy.example", BadProxyUrl::Scheme),
            ("http://proxy.example:3128/proxy.pac", BadProxyUrl::Path),
            ("http://ann:1/2@proxy.example:3128", BadProxyUrl::Path),
            ("http://proxy.example:3128?x", BadProxyUrl::Path),
        ] {
            assert_eq!(text.parse::<ProxyUrl>(), Err(error), "{text}");
        }
    }
}
