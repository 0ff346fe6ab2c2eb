//! The connections as targets of Prometheus' HTTP service discovery, each to be probed by itself.

use std::net::Ipv6Addr;

use hyper::Request;
use hyper::http::uri::Authority;
use serde::Serialize;

use crate::model::ConnectionName;

use super::permission::authority;
use super::routes::PROBE;

/// One element of Prometheus' list.
#[derive(Debug, Serialize)]
struct TargetGroup<'a> {
    targets: [&'a str; 1],
    labels: Labels<'a>,
}

#[derive(Debug, Serialize)]
struct Labels<'a> {
    /// Two targets at one address must differ in a label that stays, or their `up` would be one series. `connection` is
    /// the probe's own: here, too, it would turn the samples' into `exported_connection`.
    instance: &'a str,
    #[serde(rename = "__metrics_path__")]
    metrics_path: &'a str,
    #[serde(rename = "__param_connection")]
    connection: &'a str,
}

/// Longer than the name of any host and its port.
const LONGEST_ADDRESS: usize = 261;

/// The whole list, as Prometheus wants it each time.
pub(super) fn targets<'a>(address: &'a str, connections: &'a [ConnectionName]) -> Vec<u8> {
    let labels = |name| Labels { instance: name, metrics_path: PROBE, connection: name };
    let group = |name: &'a ConnectionName| TargetGroup { targets: [address], labels: labels(name.as_str()) };
    serde_json::to_vec(&connections.iter().map(group).collect::<Vec<_>>()).expect("texts can be JSON")
}

/// Under which address the exporter was reached, where that is one: whoever asks for targets will reach them there, too.
pub(super) fn reached_at<B>(request: &Request<B>) -> Option<&str> {
    let told = authority(request).filter(|told| told.len() <= LONGEST_ADDRESS)?;
    let parsed: Authority = told.parse().ok()?;
    let host = parsed.host();
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
    };
    // Nothing but host and port: neither a user nor an empty or impossible port.
    let is_whole = match told.strip_prefix(host)? {
        "" => true,
        port => parsed.port_u16().is_some_and(|number| number > 0 && port == format!(":{number}")),
    };
    (is_host && is_whole).then_some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(host: &str) -> Option<String> {
        let request = Request::get("/sd").header("host", host).body(()).unwrap();
        reached_at(&request).map(str::to_owned)
    }

    #[test]
    fn every_connection_is_a_target_of_its_own_at_one_address() {
        let names = ["acme", "beta.2"].map(|name| ConnectionName::new(name).unwrap());

        insta::assert_snapshot!(String::from_utf8(targets("exporter:10054", &names)).unwrap().replace("},{", "},\n{"), @r#"
        [{"targets":["exporter:10054"],"labels":{"instance":"acme","__metrics_path__":"/probe","__param_connection":"acme"}},
        {"targets":["exporter:10054"],"labels":{"instance":"beta.2","__metrics_path__":"/probe","__param_connection":"beta.2"}}]
        "#);
        assert_eq!(targets("exporter:10054", &[]), b"[]");
    }

    #[test]
    fn an_address_is_believed_when_it_is_one() {
        for host in [
            "exporter:10054",
            "exporter",
            "Exporter.example:443",
            "the_exporter:10054",
            "192.0.2.7:10054",
            "[::1]:10054",
            "[2001:db8::7]",
        ] {
            assert_eq!(reached(host).as_deref(), Some(host));
        }
        for host in [
            "",
            ":10054",
            "exporter:",
            "exporter:0",
            "exporter:010054",
            "exporter:65536",
            "exporter:port",
            "ann@exporter:10054",
            "exporter:10054/probe",
            "exporter 10054",
            "exporter\"},{\"",
            "exp%41rter",
            "exporter,other",
            "::1",
            "[::1",
            "[exporter]:10054",
            &"x".repeat(300),
        ] {
            assert_eq!(reached(host), None, "{host}");
        }
        assert_eq!(reached_at(&Request::get("/sd").body(()).unwrap()), None);
        let in_http_2 = Request::get("https://exporter:10054/sd").body(()).unwrap();
        assert_eq!(reached_at(&in_http_2), Some("exporter:10054"));
    }
}
