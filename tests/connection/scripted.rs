//! A site that answers with the very bytes that a test wrote: for what no real site, and no simulated one, would send.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) struct Scripted {
    pub(crate) url: String,
    heads: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
pub(crate) enum Reply {
    Bytes(Vec<u8>),
    /// The bytes, and then zeros for as long as somebody reads.
    Endless(Vec<u8>),
    /// The bytes, and then nothing, on an open line.
    Silence(Vec<u8>),
}

pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Reply {
    Reply::Bytes(format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

pub(crate) fn json(body: &str) -> Reply {
    answer("200 OK", "content-type: application/json\r\n", body)
}

impl Scripted {
    /// Gives these answers in turn, and the last one ever after. The cloud id is told beside them.
    pub(crate) async fn answering(replies: impl Into<Vec<Reply>>) -> Self {
        Self::telling(json(r#"{"cloudId":"5c1e-77"}"#), replies).await
    }

    /// The same, but this is what it answers to who asks for its cloud id.
    pub(crate) async fn telling(tenant: Reply, replies: impl Into<Vec<Reply>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::default();
        let replies = Arc::new(Mutex::new(replies.into()));
        let server = tokio::spawn({
            let heads = Arc::clone(&heads);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&heads), tenant.clone(), Arc::clone(&replies)));
                }
            }
        });
        Self { url, heads, server }
    }

    /// The head of every request so far, but for those after the cloud id.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.all_heads().into_iter().filter(|head| !is_after_the_cloud_id(head)).collect()
    }

    /// Those, too.
    pub(crate) fn all_heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub(crate) fn requests(&self) -> usize {
        self.heads().len()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn is_after_the_cloud_id(head: &str) -> bool {
    head.starts_with("GET /_edge/tenant_info ")
}

async fn serve(mut stream: TcpStream, heads: Arc<Mutex<Vec<String>>>, tenant: Reply, replies: Arc<Mutex<Vec<Reply>>>) {
    let mut head = Vec::new();
    // A client that begins with a TLS handshake is answered at its first byte.
    while !head.ends_with(b"\r\n\r\n") && head != [0x16] {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let reply = if is_after_the_cloud_id(&head) {
        tenant
    } else {
        let mut replies = replies.lock().unwrap();
        if replies.len() > 1 { replies.remove(0) } else { replies[0].clone() }
    };
    heads.lock().unwrap().push(head);
    // Whoever went away in between has what he wanted.
    let (Reply::Bytes(bytes) | Reply::Endless(bytes) | Reply::Silence(bytes)) = &reply;
    if stream.write_all(bytes).await.is_err() {
        return;
    }
    match reply {
        Reply::Bytes(_) => drop(stream.shutdown().await),
        Reply::Endless(_) => while stream.write_all(&[b'0'; 1 << 14]).await.is_ok() {},
        Reply::Silence(_) => drop(stream.read_u8().await),
    }
}
