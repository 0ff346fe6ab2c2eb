//! The token is in the request's header and nowhere else, whatever the site answers.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use tracing::Level;

use crate::scripted::{Reply, Scripted, answer, json};
use crate::setting::{TOKEN, open};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_token_is_in_no_error_no_log_and_no_debug_output() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_writer({
            let log = log.clone();
            move || log.clone()
        })
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let mut texts = String::new();
    let mut authorization = String::new();

    // What it gets, the site sends back wherever it can.
    let echo = format!("atl-traceid: {TOKEN}\r\nlocation: https://evil.example/{TOKEN}\r\n");
    let title = format!(r#"{{"errors":[{{"status":400,"code":"X","title":"{TOKEN}"}}],"message":"{TOKEN}"}}"#);
    let statuses =
        ["200 OK", "302 Found", "400 Bad Request", "401 No", "403 No", "404 No", "410 Gone", "429 No", "503 No"];
    let mut replies: Vec<Reply> = statuses.map(|status| answer(status, &echo, &title)).into();
    replies.extend([Reply::Bytes(Vec::new()), json(&format!(r#"{{"results":[{{"key":"{TOKEN}"}}]}}"#))]);
    for reply in replies {
        let site = Scripted::answering([reply]).await;
        let door = open(&site.url, "ann@acme.example", TOKEN, |settings| {
            settings.patience.retries = 1;
            write!(texts, "{settings:?}").unwrap();
        });
        match door.site.spaces(None).await {
            Ok(listing) => write!(texts, "{:?}", listing.unreadable).unwrap(),
            Err(failure) => write!(texts, "{failure} {failure:?}").unwrap(),
        }
        write!(texts, "{:?} {:?}", door.site, door.site.connection()).unwrap();
        texts += &door.counted("").join("\n");
        authorization = authorization_of(&site.heads()[0]);
    }

    assert!(authorization.len() > TOKEN.len(), "{authorization}");
    texts += &String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(texts.contains("spaces"), "nothing was looked at");
    assert!(!texts.contains(TOKEN), "{texts}");
    assert!(!texts.contains(&authorization), "{texts}");
}

#[tokio::test]
async fn the_exporter_says_who_it_is_and_what_it_wants() {
    let site = Scripted::answering([json(r#"{"results":[]}"#)]).await;

    open(&site.url, "ann@acme.example", TOKEN, |_| {}).site.spaces(None).await.unwrap();

    let head = site.heads().remove(0).to_ascii_lowercase();
    assert!(head.contains(concat!("user-agent: confluence-exporter/", env!("CARGO_PKG_VERSION"), "\r\n")), "{head}");
    assert!(head.contains("accept: application/json\r\n"), "{head}");
    assert!(!head.contains("referer"), "{head}");
}

fn authorization_of(head: &str) -> String {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("authorization: basic ")).unwrap();
    line["authorization: basic ".len()..].to_owned()
}
