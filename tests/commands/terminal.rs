//! `connection add` and its kin at a terminal, which Debian's `script` makes.

use std::process::Stdio;
use std::time::Duration;

use confluence_simulator::TokenKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::program::{CONFIG, Desk, site};
use crate::saved::{ACME, KEY, desk};

/// A terminal at which a command runs, and then tells how the terminal has been left.
struct Terminal {
    screen: String,
    /// How much of it has been looked at.
    seen: usize,
    child: Child,
    keyboard: ChildStdin,
    output: ChildStdout,
}

const PATIENCE: Duration = Duration::from_secs(30);
const TOKEN_QUESTION: &str = "API token (does not appear): ";

impl Terminal {
    fn run(desk: &Desk, arguments: &[&str]) -> Self {
        let program = env!("CARGO_BIN_EXE_confluence-exporter");
        // The shell waits for the program to end before it looks.
        let line = format!("trap : INT; {program} {}; echo \"ended with $?\"; stty -a", arguments.join(" "));
        let mut child = Command::new("script")
            .args(["--quiet", "--command", &line, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .current_dir(desk.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (keyboard, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { screen: String::new(), seen: 0, child, keyboard, output }
    }

    /// Waits for the question, and types the answer.
    async fn answer(&mut self, question: &str, answer: &str) {
        self.until(question).await;
        self.keyboard.write_all(answer.as_bytes()).await.unwrap();
    }

    /// Waits until this has come to the screen, after what was waited for before.
    async fn until(&mut self, expected: &str) {
        let mut bytes = [0; 4_096];
        loop {
            if let Some(place) = self.screen[self.seen..].find(expected) {
                self.seen += place + expected.len();
                return;
            }
            let read = tokio::time::timeout(PATIENCE, self.output.read(&mut bytes)).await;
            let read = read.unwrap_or_else(|_| panic!("no {expected:?} in {}", self.screen)).unwrap();
            assert!(read > 0, "it ended without {expected:?}: {}", self.screen);
            self.screen.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }

    /// The whole screen, once the command has ended and left the terminal as it was.
    async fn end(mut self, code: i32) -> String {
        self.until(&format!("ended with {code}")).await;
        let mut rest = Vec::new();
        tokio::time::timeout(PATIENCE, self.output.read_to_end(&mut rest)).await.unwrap().unwrap();
        self.screen.push_str(&String::from_utf8_lossy(&rest));
        self.child.wait().await.unwrap();
        let settings = self.screen.split("ended with ").nth(1).unwrap();
        let shows_what_is_typed = settings.split_whitespace().any(|word| word.trim_end_matches(';') == "echo");
        assert!(shows_what_is_typed, "{settings}");
        self.screen.replace("\r\n", "\n")
    }
}

#[tokio::test]
async fn a_newcomer_is_led_to_a_saved_connection_and_never_sees_his_token() {
    let site = site().await;
    let token = site.token(TokenKind::Unscoped);
    let desk = desk();

    let gateway = format!("--gateway-url={}", site.site_url());
    let mut terminal = Terminal::run(&desk, &["connection", "add", "acme", CONFIG, &gateway]);
    terminal.answer("Instance URL: ", "acme\n").await;
    terminal.answer("Instance URL: ", &format!("{}\n", site.site_url())).await;
    terminal.answer("Username, an e-mail address: ", &format!("{}\n", token.username)).await;
    terminal.answer(TOKEN_QUESTION, &format!("{}\n", token.secret)).await;
    terminal.answer("[not known]: ", "2027-06-30\n").await;
    terminal.answer("[5]: ", "\n").await;
    let screen = terminal.end(0).await;

    assert!(!screen.contains(&token.secret), "{screen}");
    for told in [
        "Application: confluence_cloud",
        "not a whole host name: write it like acme.atlassian.net",
        "https://SITE/_edge/tenant_info",
        "https://admin.atlassian.com, Directory, Service accounts",
        "\n  read:confluence-content.summary\n  read:page:confluence\n  read:space:confluence\n  read:user:confluence\n",
        "Everything that is needed is open.",
        "acme is saved in connections.d/acme.yml, its token sealed.",
    ] {
        assert!(screen.contains(told), "{told:?} is not in {screen}");
    }
    let text = desk.read(ACME);
    assert!(text.contains("\napi_token_expires: 2027-06-30\n") && !text.contains("concurrency_level"), "{text}");
    assert_eq!(desk.run(&["connection", "test", CONFIG]).await.code(), 0);
}

#[tokio::test]
async fn an_edit_offers_what_is_there_and_asks_for_the_token_again() {
    let site = site().await;
    let token = site.token(TokenKind::Unscoped);
    let desk = desk();
    let added = crate::saved::save(&desk, "add", "acme", &site, &token, &["--api-token-expires=2027-06-30"]).await;
    assert_eq!(added.code(), 0, "{}", added.err);

    let mut terminal = Terminal::run(&desk, &["connection", "edit", "acme", CONFIG]);
    terminal.answer(&format!("Instance URL [{}]: ", site.site_url()), "\n").await;
    terminal.answer(&format!("[{}]: ", token.username), "\n").await;
    terminal.answer(TOKEN_QUESTION, "\n").await;
    terminal.until("the token is empty").await;
    terminal.answer(TOKEN_QUESTION, &format!("{}\n", token.secret)).await;
    terminal.answer("[2027-06-30]: ", "-\n").await;
    terminal.answer("[5]: ", "3\n").await;
    let screen = terminal.end(0).await;

    assert!(!screen.contains(&token.secret), "{screen}");
    let text = desk.read(ACME);
    assert!(text.contains("\nconcurrency_level: 3\n") && !text.contains("api_token_expires"), "{text}");
}

#[tokio::test]
async fn who_borrows_is_asked_for_no_level() {
    let site = site().await;
    let token = site.token(TokenKind::Unscoped);
    let desk = desk();
    assert_eq!(crate::saved::save(&desk, "add", "acme", &site, &token, &["--untested"]).await.code(), 0);
    let [url, gateway] = ["instance", "gateway"].map(|which| format!("--{which}-url={}", site.site_url()));
    let flags = [&url, &gateway, "--username=ann@acme.example", "--untested"];

    let mut terminal = Terminal::run(&desk, &[&["connection", "add", "beta", CONFIG], &flags[..]].concat());
    terminal.answer(TOKEN_QUESTION, "some-token\n").await;
    terminal.answer("[not known]: ", "\n").await;
    terminal.answer("[none]: ", "acme\n").await;
    let screen = terminal.end(0).await;

    assert!(!screen.contains("Concurrency level"), "{screen}");
    assert!(desk.read("connections.d/beta.yml").contains("\nborrow_concurrency_from: \"acme\"\n"));
}

#[tokio::test]
async fn ctrl_c_leaves_the_terminal_as_it_was_and_writes_nothing() {
    let desk = desk();
    let before = desk.files();
    let hidden = ["--instance-url=acme.atlassian.net", "--username=ann@acme.example"];

    for (flags, question) in [(&[][..], "Instance URL: "), (&hidden[..], TOKEN_QUESTION)] {
        let mut terminal = Terminal::run(&desk, &[&["connection", "add", "acme", CONFIG], flags].concat());
        terminal.answer(question, "half\x03").await;
        let screen = terminal.end(1).await;
        assert!(screen.contains("\nconfluence-exporter: told to stop; nothing was written\n"), "{screen}");
    }

    assert_eq!(desk.files(), before);
    assert!(!desk.path("connections.d").exists() && !desk.path(KEY).exists());
}

#[tokio::test]
async fn the_end_of_the_input_ends_it_too() {
    let desk = desk();
    let mut terminal = Terminal::run(&desk, &["connection", "add", "acme", CONFIG]);
    terminal.answer("Instance URL: ", "\x04").await;
    let screen = terminal.end(1).await;
    assert!(screen.contains("the input has ended before all was answered; nothing was written"), "{screen}");
}

#[tokio::test]
async fn a_removal_is_asked_about() {
    let site = site().await;
    let desk = desk();
    let token = site.token(TokenKind::Unscoped);
    assert_eq!(crate::saved::save(&desk, "add", "acme", &site, &token, &["--untested"]).await.code(), 0);
    for (answer, code) in [("\n", 1), ("n\n", 1), ("y\n", 0)] {
        assert!(desk.path(ACME).exists());
        let mut terminal = Terminal::run(&desk, &["connection", "remove", "acme", CONFIG]);
        terminal.answer("Remove connections.d/acme.yml and its sealed token? [y/N] ", answer).await;
        terminal.end(code).await;
    }
    assert!(!desk.path(ACME).exists());
}
