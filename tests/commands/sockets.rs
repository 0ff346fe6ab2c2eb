//! Where `serve` listens, and what it tells systemd.

use std::os::unix::net::UnixDatagram;
use std::process::Stdio;

use confluence_simulator::TokenKind;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::program::{CONFIG, Desk, site};

/// What systemd does for a socket unit: it listens, and starts the program with the sockets as files 3 and 4.
const ACTIVATE: &str = "
import os, socket, sys
for place in (3, 4):
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen()
    if listener.fileno() != place:
        os.dup2(listener.fileno(), place)
    else:
        listener.detach()
    os.set_inheritable(place, True)
    print(socket.socket(fileno=os.dup(place)).getsockname()[1], flush=True)
os.environ.update(LISTEN_FDS='2', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])
";

#[tokio::test]
async fn it_listens_at_every_address_that_it_is_given() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");

    let serving = desk.serve(&["--web.listen-address=127.0.0.1:0", "--web.listen-address=[::1]:0"]).await;

    let err = serving.err();
    let line = err.lines().find(|line| line.contains("answering scrapes")).unwrap();
    let addresses =
        line.split(['"', ' ', '=']).filter(|word| word.starts_with("127.0.0.1:") || word.starts_with("[::1]"));
    let addresses: Vec<&str> = addresses.collect();
    assert_eq!(addresses.len(), 3, "{line}");
    for address in addresses {
        assert!(TcpStream::connect(address).await.is_ok(), "{address}");
    }
}

#[tokio::test]
async fn it_answers_on_the_sockets_that_systemd_hands_over() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let program = [env!("CARGO_BIN_EXE_confluence-exporter"), "serve", CONFIG, "--web.systemd-socket"];
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", ACTIVATE]).args(program).current_dir(desk.path("")).kill_on_drop(true);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut ports = BufReader::new(child.stdout.take().unwrap()).lines();

    for _ in 0..2 {
        let port = ports.next_line().await.unwrap().unwrap();
        let url = format!("http://127.0.0.1:{port}/-/ready");
        let curl =
            Command::new("curl").args(["-fsS", "--noproxy", "*", "--max-time", "20", &url]).output().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&curl.stdout), "ready\n");
    }
}

#[tokio::test]
async fn without_a_socket_of_systemds_it_says_so() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");

    let ended = desk.run(&["serve", CONFIG, "--web.systemd-socket"]).await;

    insta::assert_snapshot!(ended.complaint(), @"could not listen on systemd's sockets: there is none: LISTEN_FDS is not set for this process");
}

#[tokio::test]
async fn systemd_is_told_when_it_answers_and_when_it_ends() {
    let site = site().await;
    let desk = Desk::at(&site, &site.token(TokenKind::Unscoped), "");
    let systemd = UnixDatagram::bind(desk.path("notify")).unwrap();
    let told = || {
        let mut message = [0; 64];
        let length = systemd.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };

    let serving = desk.serve_with(&[("NOTIFY_SOCKET", desk.path("notify").to_str().unwrap())], &[]).await;

    assert_eq!(told(), "READY=1\n");
    serving.signal("TERM").await;
    assert_eq!(told(), "STOPPING=1\n");
    assert_eq!(serving.end().await.code(), 0);
}
