//! The token is in the request's header and nowhere else, whatever the site answers.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::Level;

use crate::scripted::{Reply, Scripted, answer, json};
use crate::setting::{TOKEN, open};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
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
    let echo = format!("atl-traceid: {TOKEN} {TOKEN}\r\nlocation: https://evil.example/{TOKEN}\r\n");
    let title = format!(r#"{{"errors":[{{"status":400,"code":"X","title":"{TOKEN}"}}],"message":"{TOKEN}"}}"#);
    let statuses =
        ["200 OK", "302 Found", "400 Bad Request", "401 No", "403 No", "404 No", "410 Gone", "429 No", "503 No"];
    let mut replies: Vec<Reply> = statuses.map(|status| answer(status, &echo, &title)).into();
    replies.extend([Reply::Bytes(Vec::new()), json(&format!(r#"{{"results":[{{"key":"{TOKEN}"}}]}}"#))]);
    for reply in replies {
        let site = Scripted::answering([reply]).await;
        let door = open(&site.url, "ann@acme.example", TOKEN, |settings| {
            settings.patience.retries = 1;
            texts += &format!("{settings:?}");
        });
        texts += &match door.site.spaces(None).await {
            Ok(listing) => format!("{:?}", listing.unreadable),
            Err(failure) => format!("{failure} {failure:?}"),
        };
        texts += &format!("{:?} {:?}", door.site, door.site.connection());
        texts += &door.counted("").join("\n");
        authorization = authorization_of(&site.heads()[0]);
    }

    assert!(authorization.len() > TOKEN.len(), "{authorization}");
    texts += &String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(texts.contains("spaces"), "nothing was looked at");
    assert!(!texts.contains(TOKEN), "{texts}");
    assert!(!texts.contains(&authorization), "{texts}");
}

fn authorization_of(head: &str) -> String {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("authorization: basic ")).unwrap();
    line["authorization: basic ".len()..].to_owned()
}
