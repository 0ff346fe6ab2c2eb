//! A site that refuses everybody, and says back wherever it can what it was told: the worst that can happen to a token.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) struct Echo {
    pub(crate) url: String,
    heads: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl Echo {
    /// Answers with this status, and with the secret in headers and body.
    pub(crate) async fn answering(status: &'static str, secret: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let error = serde_json::json!({ "status": 400, "code": secret, "title": secret, "detail": secret });
        let body = serde_json::json!({ "errors": [error], "message": secret }).to_string();
        let answer = format!(
            "HTTP/1.1 {status}\r\natl-traceid: {secret}\r\nx-failure-category: {secret}\r\n\
             location: https://evil.example/{secret}\r\nlink: <{secret}>; rel=\"next\"\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n{body}",
            length = body.len()
        );
        let heads = Arc::default();
        let server = tokio::spawn({
            let heads = Arc::clone(&heads);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&heads), answer.clone()));
                }
            }
        });
        Self { url, heads, server }
    }

    /// All that it was sent.
    pub(crate) fn heard(&self) -> String {
        self.heads.lock().unwrap().concat()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(mut stream: TcpStream, heads: Arc<Mutex<Vec<String>>>, answer: String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    heads.lock().unwrap().push(String::from_utf8(head).unwrap());
    // Whoever went away in between has what he wanted.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
