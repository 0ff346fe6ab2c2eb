//! Networks that stand between: proxies by the environment and by the configuration, and authorities that the system does not
//! know.

use std::net::SocketAddr;

use confluence_simulator::network::{Authority, Manner, Proxy, TlsFront};
use confluence_simulator::{Simulator, Token, TokenKind};

use crate::program::{CONFIG, Desk, Ended, connection, site};

const TEST: [&str; 4] = ["connection", "test", CONFIG, "--log.level=debug"];
const ACME: &str = "https://acme.test";
const OPEN: &str = "Everything that is needed is open.\n";
/// No proxy: neither this machine's, nor one of the test's.
const DIRECT: [(&str, &str); 2] = [("HTTPS_PROXY", ""), ("NO_PROXY", "")];

/// A site behind TLS, an authority for it, and a proxy that leads there whatever is asked for.
struct Network {
    site: Simulator,
    token: Token,
    authority: Authority,
    front: TlsFront,
    proxy: Proxy,
}

impl Network {
    async fn new(name: &str) -> Self {
        let site = site().await;
        let token = site.token(TokenKind::Unscoped);
        let authority = Authority::new("ours");
        let front = authority.front(name, site.address()).await.unwrap();
        let proxy = Proxy::start(Manner::ConnectsTo(front.address())).await.unwrap();
        Self { site, token, authority, front, proxy }
    }

    /// A connection that trusts the authority; `more` is added to it.
    fn desk(&self, url: &str, more: &str) -> Desk {
        let connection = connection("acme", url, &self.token);
        let desk = Desk::new(&format!("connections:\n{connection}  ca_file: ca.pem\n{more}"), &self.token.secret);
        desk.write("ca.pem", self.authority.pem());
        desk
    }

    fn was_reached(&self) -> bool {
        self.site.journal().iter().any(|asked| asked.status == 200)
    }
}

async fn test(desk: &Desk, variables: &[(&str, &str)]) -> Ended {
    desk.run_with(variables, &TEST).await
}

/// What the row of the first operation says to do.
fn to_do(ended: &Ended) -> String {
    let row = ended.out.lines().find(|line| line.contains(" spaces ")).unwrap();
    let (_, to_do) = row.split_once(" unreachable ").unwrap_or_else(|| panic!("{row}"));
    to_do.trim_start().trim_start_matches("everything").trim().to_owned()
}

#[tokio::test]
async fn the_environments_proxy_is_used_and_sees_no_token() {
    let network = Network::new("acme.test").await;
    let desk = network.desk(ACME, "");

    let ended = test(&desk, &[("HTTPS_PROXY", &network.proxy.url()), ("NO_PROXY", "")]).await;

    assert!(ended.out.ends_with(OPEN), "{}{}", ended.out, ended.err);
    let seen = network.proxy.heads().concat() + &String::from_utf8_lossy(&network.proxy.passed());
    assert!(seen.starts_with("CONNECT acme.test:443 HTTP/1.1\r\n"), "{seen}");
    assert!(!seen.contains(&network.token.secret) && !seen.to_ascii_lowercase().contains("\r\nauthorization"));
}

#[tokio::test]
async fn no_proxy_leads_past_the_environments_proxy() {
    // This machine by a name that is no loopback address.
    let network = Network::new("0.0.0.0").await;
    let desk = network.desk(&format!("https://0.0.0.0:{}", network.front.address().port()), "");
    let proxy = network.proxy.url();

    let through = test(&desk, &[("HTTPS_PROXY", &proxy), ("NO_PROXY", "acme.test")]).await;
    assert!(through.out.ends_with(OPEN), "{}{}", through.out, through.err);
    let heads = network.proxy.heads().len();
    assert!(heads > 0);

    let past = test(&desk, &[("HTTPS_PROXY", &proxy), ("NO_PROXY", "acme.test, 0.0.0.0")]).await;
    assert!(past.out.ends_with(OPEN), "{}{}", past.out, past.err);
    assert_eq!(network.proxy.heads().len(), heads);
}

#[tokio::test]
async fn the_connections_own_proxy_goes_before_the_environment() {
    let network = Network::new("acme.test").await;
    let refusing = Proxy::start(Manner::Answers(403)).await.unwrap();
    let desk = network.desk(ACME, &format!("  proxy_url: {}\n", network.proxy.url()));

    let ended = test(&desk, &[("HTTPS_PROXY", &refusing.url()), ("NO_PROXY", "acme.test")]).await;

    assert!(ended.out.ends_with(OPEN), "{}{}", ended.out, ended.err);
    assert!(refusing.heads().is_empty());
}

#[tokio::test]
async fn the_proxys_password_is_told_to_the_proxy_and_to_nobody_else() {
    let network = Network::new("acme.test").await;
    let manner = |login: &str| Manner::ConnectsWhoShows { login: login.to_owned(), to: network.front.address() };
    let (willing, unwilling) = (Proxy::start(manner("ann:CANARY")).await, Proxy::start(manner("bob:other")).await);
    let (willing, unwilling) = (willing.unwrap(), unwilling.unwrap());
    let with_login = |proxy: &Proxy| proxy.url().replace("://", "://ann:CANARY@");

    let own = network.desk(ACME, &format!("  proxy_url: {}\n", with_login(&willing)));
    let taken = test(&own, &DIRECT).await;
    let own = network.desk(ACME, &format!("  proxy_url: {}\n", with_login(&unwilling)));
    let refused = test(&own, &DIRECT).await;
    let of_the_environment = network.desk(ACME, "");
    let refused_too = test(&of_the_environment, &[("HTTPS_PROXY", &with_login(&unwilling)), ("NO_PROXY", "")]).await;

    assert!(taken.out.ends_with(OPEN), "{}{}", taken.out, taken.err);
    assert_eq!(to_do(&refused), to_do(&refused_too));
    insta::assert_snapshot!(to_do(&refused), @"put the right user and password into proxy_url or HTTPS_PROXY, like http://user:password@host:port (spaces: the proxy wants user and password (407), it may pass (unreachable))");
    for ended in [taken, refused, refused_too] {
        let said = ended.out + &ended.err;
        assert!(!said.contains("CANARY") && !said.contains(&base64_of("ann:CANARY")), "{said}");
    }
}

#[tokio::test]
async fn a_site_out_of_reach_says_whether_it_was_the_proxy_or_tls_and_what_to_do() {
    let network = Network::new("acme.test").await;
    let refusing = Proxy::start(Manner::Answers(403)).await.unwrap();
    let gone = Proxy::start(Manner::Answers(403)).await.unwrap().url();
    let desk = network.desk(ACME, "");
    let without_ca = network.desk(ACME, "");
    without_ca.write("ca.pem", Authority::new("theirs").pem());
    let through = |proxy: String| [("HTTPS_PROXY", proxy), ("NO_PROXY", String::new())];
    let mut texts = Vec::new();
    for (desk, proxy) in [(&desk, refusing.url()), (&desk, gone), (&without_ca, network.proxy.url())] {
        let variables = through(proxy);
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let ended = test(desk, &variables).await;
        assert_eq!(ended.code(), 1);
        texts.push(to_do(&ended));
    }
    assert!(!network.was_reached());
    insta::assert_snapshot!(texts.join("\n"), @r"
    have the proxy let CONNECT through to the site and to api.atlassian.com, or go past it with NO_PROXY (spaces: the proxy does not connect us with the site, it may pass (unreachable))
    check the proxy's address in proxy_url or HTTPS_PROXY (spaces: no connection to the proxy, it may pass (unreachable))
    if a proxy or a firewall opens TLS here, name its authority's certificate in ca_file (spaces: no secure connection to the site: its certificate is from an authority that this machine does not know, it may pass (unreachable))
    ");
}

#[tokio::test]
async fn a_ca_file_adds_to_the_systems_authorities() {
    let network = Network::new("acme.test").await;
    let desk = network.desk(ACME, "");
    let proxy = network.proxy.url();
    let through = [("HTTPS_PROXY", proxy.as_str()), ("NO_PROXY", "")];
    // The system knows the site's authority, and the file another.
    desk.write("system.pem", network.authority.pem());
    desk.write("ca.pem", Authority::new("theirs").pem());
    let system = desk.path("system.pem");
    let system = ("SSL_CERT_FILE", system.to_str().unwrap());

    let by_the_system = test(&desk, &[through[0], through[1], system]).await;
    let by_nobody = test(&desk, &through).await;
    desk.write("ca.pem", network.authority.pem());
    let by_the_file = test(&desk, &through).await;

    assert!(by_the_system.out.ends_with(OPEN), "{}{}", by_the_system.out, by_the_system.err);
    assert_eq!(by_nobody.code(), 1, "{}", by_nobody.out);
    assert!(by_the_file.out.ends_with(OPEN), "{}{}", by_the_file.out, by_the_file.err);
}

#[tokio::test]
async fn what_cannot_be_a_proxy_or_an_authority_is_told_by_key_and_file() {
    let network = Network::new("acme.test").await;
    let check = async |desk: &Desk| desk.run(&["check-config", CONFIG]).await.complaint().to_owned();
    let mut complaints = Vec::new();
    for proxy in ["socks5://CANARY:1080", "http://ann:CANARY/1@proxy:3128", "http://CANARY CANARY"] {
        complaints.push(check(&network.desk(ACME, &format!("  proxy_url: {proxy}\n"))).await);
    }
    let loopback = SocketAddr::from(([127, 0, 0, 1], 8090));
    complaints.push(check(&network.desk(&format!("http://{loopback}"), "  proxy_url: http://proxy:3128\n")).await);
    let desk = network.desk(ACME, "");
    for file in ["", "CANARY", "-----BEGIN CERTIFICATE-----\nCANARY\n-----END CERTIFICATE-----\n"] {
        desk.write("ca.pem", file);
        complaints.push(check(&desk).await);
    }

    let complaints = complaints.join("\n");
    assert!(!complaints.contains("CANARY"), "{complaints}");
    insta::assert_snapshot!(complaints, @r"
    exporter.yml: line 8: connections[0].proxy_url: only proxies with http:// or https:// are spoken to
    exporter.yml: line 8: connections[0].proxy_url: not a proxy's URL: write it like http://proxy.example:3128, and / in a password as %2F
    exporter.yml: line 8: connections[0].proxy_url: not a proxy's URL: write it like http://proxy.example:3128, and / in a password as %2F
    connection acme: proxy_url has no use here: what goes to a loopback address does not leave this machine
    connection acme, CA file ca.pem: ca_file cannot be used: there is no certificate in it: they begin with -----BEGIN CERTIFICATE-----
    connection acme, CA file ca.pem: ca_file cannot be used: there is no certificate in it: they begin with -----BEGIN CERTIFICATE-----
    connection acme, CA file ca.pem: ca_file cannot be used: it holds something that is no certificate
    ");
    desk.remove("ca.pem");
    let missing = check(&desk).await;
    assert!(missing.starts_with("connection acme, CA file in "), "{missing}");
    assert!(missing.contains(": ca_file cannot be used: the file cannot be read: "), "{missing}");
}

fn base64_of(login: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(login)
}
