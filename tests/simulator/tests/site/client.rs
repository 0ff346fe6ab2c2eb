//! A client that hides nothing: one request a connection, the answer as it came over the wire.

use confluence_simulator::Token;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    /// The connection broke before the answer's promised end.
    pub(crate) broke: bool,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        let json = self.json();
        let rows = json["results"].as_array().expect("a list's answer");
        rows.iter().map(|row| row["id"].as_str().expect("ids are strings").to_owned()).collect()
    }
}

pub(crate) fn bearer(token: &Token) -> String {
    format!("Bearer {}", token.secret)
}

pub(crate) async fn get(url: &str, authorization: &str) -> Got {
    send("GET", url, authorization, "").await
}

pub(crate) async fn send(method: &str, url: &str, authorization: &str, body: &str) -> Got {
    let rest = url.strip_prefix("http://").expect("the simulator speaks plain HTTP");
    let (host, path) = rest.split_at(rest.find('/').expect("a URL with a path"));
    let mut stream = TcpStream::connect(host).await.expect("the simulator listens");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: {authorization}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("the simulator reads");
    let mut bytes = Vec::new();
    // Enough to see that a body does not end.
    let read = stream.take(40 * 1024 * 1024).read_to_end(&mut bytes).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let mut got = Got { status, head: head.to_owned(), body: body.to_owned(), broke: false };
    let promised = got.header("content-length").and_then(|length| length.parse::<usize>().ok());
    got.broke = read.is_err() || promised.is_some_and(|promised| promised > got.body.len());
    got
}
