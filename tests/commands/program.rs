//! The real program, run in a folder of its own. What it ought to say is the other files' business.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use confluence_simulator::{Options, Simulator, Token};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

pub(crate) const CONFIG: &str = "--config.file=exporter.yml";
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_confluence-exporter");
const ANY_PORT: &str = "127.0.0.1:0";

/// A folder with a configuration, and the token that it names.
pub(crate) struct Desk {
    folder: TempDir,
}

/// A command that has ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A `serve` that listens.
pub(crate) struct Serving {
    pub(crate) address: String,
    child: Child,
    err: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

static NEXT_PORT: AtomicU32 = AtomicU32::new(0);

/// For what takes a moment where the machine is idle.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

impl Desk {
    pub(crate) fn new(config: &str, token: &str) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        desk.write("exporter.yml", config);
        desk.write("token", token);
        desk
    }

    /// The least that a connection to this site needs; `more` is added to it.
    pub(crate) fn at(site: &Simulator, token: &Token, more: &str) -> Self {
        Self::new(&format!("connections:\n{}{more}", connection("acme", &site.site_url(), token)), &token.secret)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Only its owner may read it, as it should be for a token.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        self.permit(name, 0o600);
    }

    pub(crate) fn permit(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
    }

    /// Every file but this one, by name and what it holds.
    pub(crate) fn files_but(&self, left_out: &str) -> BTreeMap<String, String> {
        let mut files = self.files();
        files.remove(left_out);
        files
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// The program, to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(&[], arguments).await
    }

    /// The same with these variables set.
    pub(crate) async fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Ended {
        let mut command = command(self.folder.path(), arguments);
        command.envs(variables.iter().copied());
        ended(command).await
    }

    /// The program to its end, started by another one: what stands before its name on a command line.
    pub(crate) async fn run_by(&self, starter: &[&str], arguments: &[&str]) -> Ended {
        let mut command = Command::new(starter[0]);
        command.args(&starter[1..]).arg(PROGRAM).args(arguments);
        ended(in_folder(command, self.folder.path())).await
    }

    /// The same with this on its standard input.
    pub(crate) async fn run_with_input(&self, input: &str, arguments: &[&str]) -> Ended {
        let mut command = command(self.folder.path(), arguments);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        // Who has ended already wants no input.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes()).await;
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        let output = output.unwrap_or_else(|_| panic!("{arguments:?} did not end")).unwrap();
        Ended { status: output.status, out: text(output.stdout), err: text(output.stderr) }
    }

    /// Begins a command and kills it after so long, if it has not ended by then.
    pub(crate) async fn start_and_kill(&self, arguments: &[&str], after: Duration) {
        let mut child = command(self.folder.path(), arguments).spawn().unwrap();
        let _ = tokio::time::timeout(after, child.wait()).await;
        let _ = child.kill().await;
    }

    /// Every file in the folder and below, and what stands in it.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.path("")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.folder.path()).unwrap().display().to_string();
                    files.insert(name, String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
                }
            }
        }
        files
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }

    /// `serve` on a free port, once it listens.
    pub(crate) async fn serve(&self, arguments: &[&str]) -> Serving {
        self.serve_at(ANY_PORT, arguments).await
    }

    /// The same with these variables set.
    pub(crate) async fn serve_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Serving {
        self.start(ANY_PORT, variables, arguments).await
    }

    pub(crate) async fn serve_at(&self, address: &str, arguments: &[&str]) -> Serving {
        self.start(address, &[], arguments).await
    }

    /// `serve` at an address that nobody else has, once it listens, though it may say nothing of that.
    pub(crate) async fn serve_in_silence(&self, arguments: &[&str]) -> Serving {
        // Whatever begins with 127 is this machine, and no two processes have the same number.
        let [high, middle, low] = [16, 8, 0].map(|bits| std::process::id() >> bits & 0xff);
        let address = format!("127.{}.{middle}.{low}:{}", 128 + high % 128, 20_000 + NEXT_PORT.fetch_add(1, Relaxed));
        let listen = format!("--web.listen-address={address}");
        let arguments: Vec<&str> = ["serve", CONFIG, &listen].iter().chain(arguments).copied().collect();
        let mut serving = begin(command(self.folder.path(), &arguments));
        serving.until(|_| std::net::TcpStream::connect(&address).is_ok()).await;
        Serving { address, ..serving }
    }

    async fn start(&self, address: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Serving {
        let listen = format!("--web.listen-address={address}");
        let arguments: Vec<&str> = ["serve", CONFIG, &listen].iter().chain(arguments).copied().collect();
        let mut command = command(self.folder.path(), &arguments);
        command.envs(variables.iter().copied());
        self.serving(command).await
    }

    /// The same, but a file that must not grow is an error to it and not its end.
    pub(crate) async fn serve_with_limited_files(&self) -> Serving {
        let mut command = Command::new("env");
        command.args(["--ignore-signal=XFSZ", PROGRAM, "serve", CONFIG, "--web.listen-address=127.0.0.1:0"]);
        self.serving(in_folder(command, self.folder.path())).await
    }

    /// The same as this command says, once it listens.
    pub(crate) async fn serving(&self, command: Command) -> Serving {
        let mut serving = begin(command);
        serving.until(|serving| serving.told_address().is_some()).await;
        serving.address = serving.told_address().unwrap();
        serving
    }
}

/// With the address yet to be learnt.
fn begin(mut command: Command) -> Serving {
    let mut child = command.spawn().unwrap();
    let err: Arc<Mutex<String>> = Arc::default();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let reader = tokio::spawn({
        let err = Arc::clone(&err);
        async move {
            while let Ok(Some(line)) = lines.next_line().await {
                err.lock().unwrap().extend([line.as_str(), "\n"]);
            }
        }
    });
    Serving { address: String::new(), child, err, reader }
}

impl Ended {
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("{}: {}", self.status, self.err))
    }

    /// What a command that cannot do its work says, and nothing else.
    pub(crate) fn complaint(&self) -> &str {
        assert_eq!((self.code(), self.out.as_str()), (1, ""), "{}", self.err);
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        self.err.strip_prefix("confluence-exporter: ").unwrap().trim_end()
    }
}

impl Serving {
    /// An answer, head and body.
    pub(crate) async fn get(&self, path: &str) -> String {
        self.get_as(path, "*/*").await
    }

    pub(crate) async fn get_as(&self, path: &str, accept: &str) -> String {
        self.ask("GET", path, accept).await
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, accept: &str) -> String {
        let head = format!("Host: exporter\r\nAccept: {accept}\r\nContent-Length: 0\r\n\r\n");
        self.send(&format!("{method} {path} HTTP/1.0\r\n{head}")).await
    }

    /// The answer to a request, head and body.
    pub(crate) async fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        answer
    }

    /// A request to act, by a program on this machine that also sends these headers.
    pub(crate) async fn post(&self, path: &str, headers: &str) -> String {
        let host = &self.address;
        self.send(&format!("POST {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: 0\r\n{headers}\r\n")).await
    }

    /// Has the configuration read again, and tells the answer's status and text.
    pub(crate) async fn reload(&self) -> (u16, String) {
        let answer = self.post("/-/reload", "").await;
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), text.trim_end().to_owned())
    }

    /// Scrapes until it is so of the page, and gives that page.
    pub(crate) async fn scrape_until(&self, is_so: impl Fn(&str) -> bool) -> String {
        let scraping = async {
            loop {
                let page = self.get("/metrics").await;
                if is_so(&page) {
                    return page;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let page = tokio::time::timeout(PATIENCE, scraping).await;
        page.unwrap_or_else(|_| panic!("it never came; its log:\n{}", self.err()))
    }

    /// Waits until its log says it.
    pub(crate) async fn log_until(&self, words: &str) {
        let told = async {
            while !self.err().contains(words) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, told).await.is_ok();
        assert!(in_time, "it never said {words}; its log:\n{}", self.err());
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// What this file of `/proc` says of it.
    pub(crate) fn told_by_the_system(&self, file: &str) -> String {
        let bytes = fs::read(format!("/proc/{}/{file}", self.process())).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its resident memory, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        self.kibibytes("VmRSS:")
    }

    /// The most that this has been.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.kibibytes("VmHWM:")
    }

    fn kibibytes(&self, name: &str) -> u64 {
        let status = self.told_by_the_system("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The CPU time that it has taken so far, in hundredths of a second.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id().unwrap())).unwrap();
        // The name of the program may have blanks in it; after it the fields are numbers, from the third on.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// What it has written to standard error so far.
    pub(crate) fn err(&self) -> String {
        self.err.lock().unwrap().clone()
    }

    pub(crate) async fn signal(&self, name: &str) {
        let kill = format!("kill -s {name} {}", self.child.id().unwrap());
        assert!(Command::new("sh").args(["-c", &kill]).status().await.unwrap().success());
    }

    /// No file of it may grow beyond so many bytes; without a number, as much as they like.
    pub(crate) async fn limit_files(&self, bytes: Option<u64>) {
        let limit = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        let arguments = [format!("--pid={}", self.child.id().unwrap()), format!("--fsize={limit}:")];
        assert!(Command::new("prlimit").args(arguments).status().await.unwrap().success());
    }

    /// `kill -9`.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    pub(crate) async fn end(mut self) -> Ended {
        let mut out = String::new();
        let mut pipe = self.child.stdout.take().unwrap();
        let ending = async {
            pipe.read_to_string(&mut out).await.unwrap();
            self.child.wait().await.unwrap()
        };
        let status = tokio::time::timeout(PATIENCE, ending).await.expect("it does not end");
        (&mut self.reader).await.unwrap();
        Ended { status, out, err: self.err() }
    }

    async fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..PATIENCE.as_millis() / 10 {
            if is_so(self) {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended ({status}):\n{}", self.err());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it took too long:\n{}", self.err());
    }

    fn told_address(&self) -> Option<String> {
        let err = self.err();
        let line = err.lines().find(|line| line.contains("answering scrapes"))?;
        let address = &line[line.find("127.0.0.1:")?..];
        Some(address.split(['"', ' ']).next()?.to_owned())
    }
}

/// A small site, and one that is looked at by nobody else.
pub(crate) async fn site() -> Simulator {
    Simulator::start(Options { spaces: 4, docs: 20, ..Options::default() }).await.unwrap()
}

/// What starts a program whom permissions bind: nothing binds root as long as it may override them.
pub(crate) fn bound_by_permissions() -> &'static [&'static str] {
    if is_root() { &["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"] } else { &["env"] }
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A connection's part of the configuration.
pub(crate) fn connection(name: &str, url: &str, token: &Token) -> String {
    let username = &token.username;
    format!(
        "- name: {name}\n  instance_url: {url}\n  gateway_url: {url}\n  username: {username}\n  api_token_file: token\n"
    )
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments);
    in_folder(command, folder)
}

/// Alone with its folder and what it says.
pub(crate) fn in_folder(mut command: Command, folder: &Path) -> Command {
    command.current_dir(folder).kill_on_drop(true);
    // Help is as wide as the terminal of whoever runs the tests.
    command.env_remove("COLUMNS").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn ended(mut command: Command) -> Ended {
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{command:?} did not end")).unwrap();
    Ended { status: output.status, out: text(output.stdout), err: text(output.stderr) }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}
