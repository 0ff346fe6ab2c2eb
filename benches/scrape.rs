//! Requests a second against nginx serving the same bytes as static files, plain and gzipped: `make bench-scrape`.
#![expect(clippy::print_stdout, reason = "what it finds out is what it prints")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use bytes::Bytes;
use confluence_exporter::cache::{Cache, Coding, Target};
use confluence_exporter::clock::Clock;
use confluence_exporter::connection::{self, Connection};
use confluence_exporter::metrics::{Asking, Dialect, Process};
use confluence_exporter::model::{Collector, ConnectionName};
use confluence_exporter::server::{self, Server};
use confluence_exporter::sync::{self, Sync};
use confluence_simulator::{Options, Simulator, TokenKind};
use tokio::runtime::Runtime;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Each server is measured so often, turn about; the medians are compared.
const RUNS: usize = 5;
const SECONDS_A_RUN: u32 = 3;

/// The part of nginx's requests a second that is good enough.
const GOOD_ENOUGH: f64 = 0.9;

/// About 10,000 series.
const SPACES: usize = 140;
const DOCS: usize = 2800;

const CODINGS: [(&str, Coding, &str); 2] =
    [("identity", Coding::Identity, "metrics"), ("gzip", Coding::Gzip, "metrics.gz")];

struct Exporter {
    cache: Cache,
    address: SocketAddr,
    _site: Simulator,
}

/// A server of which one process is measured.
struct Measured {
    address: SocketAddr,
    process: u32,
    rates: Vec<f64>,
    cpu_micros_a_request: Vec<f64>,
}

/// Ends its program with itself.
struct Program(Child);

fn main() -> ExitCode {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    // One thread that answers, as nginx has one worker.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let exporter = runtime.block_on(Exporter::start(folder.path()));
    write_pages(&runtime, &exporter, folder.path());
    let (nginx, nginx_address) = start_nginx(folder.path());

    let mut is_good_enough = true;
    println!("{:<10}{:>12}{:>12}{:>8}{:>22}", "coding", "exporter/s", "nginx/s", "ratio", "CPU microseconds each");
    for (coding, ..) in CODINGS {
        let mut ours = Measured::new(exporter.address, std::process::id());
        let mut theirs = Measured::new(nginx_address, nginx.0.id());
        for _ in 0..RUNS {
            ours.run(coding);
            theirs.run(coding);
        }
        let (rate, nginx_rate) = (median(ours.rates), median(theirs.rates));
        let (cpu, nginx_cpu) = (median(ours.cpu_micros_a_request), median(theirs.cpu_micros_a_request));
        let ratio = rate / nginx_rate;
        println!("{coding:<10}{rate:>12.0}{nginx_rate:>12.0}{ratio:>8.2}{cpu:>14.0} : {nginx_cpu:.0}");
        is_good_enough &= ratio >= GOOD_ENOUGH;
    }
    if is_good_enough { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Exporter {
    /// Serves a simulated site, once all of it has been learnt.
    async fn start(folder: &Path) -> Self {
        let site = Simulator::start(Options { spaces: SPACES, docs: DOCS, ..Options::default() }).await.unwrap();
        let sync = connect(&site, folder);
        let cache = Cache::new(vec![sync], Clock::system(), Process::this());
        let settings = server::Settings { listen_address: "127.0.0.1:0".to_owned(), ..server::Settings::default() };
        let server = Server::bind(&settings).await.unwrap();
        let address = server.local_addr().unwrap();
        tokio::spawn(server.serve(cache.clone(), CancellationToken::new()));
        let exporter = Self { cache, address, _site: site };
        while !has_learnt_all(&exporter.page(Coding::Identity).await) {
            sleep(Duration::from_millis(100)).await;
        }
        exporter
    }

    async fn page(&self, coding: Coding) -> Bytes {
        self.cache.page(Target::All, Dialect::Classic, coding, Duration::from_mins(1)).await.unwrap()
    }
}

fn connect(site: &Simulator, folder: &Path) -> Sync {
    let token = site.token(TokenKind::service_account());
    let token_file = folder.join("token");
    fs::write(&token_file, &token.secret).unwrap();
    let (url, username) = (site.site_url().parse().unwrap(), token.username.parse().unwrap());
    let mut settings = connection::Settings::new(url, username, token_file);
    settings.gateway_url = site.gateway_url().parse().unwrap();
    let (name, clock) = (ConnectionName::new("acme").unwrap(), Clock::system());
    let asking = Asking::new(&name);
    let connection = Connection::open(name, &settings, clock.clone(), asking.clone()).unwrap();
    let sync_settings = sync::Settings { request_budget: NonZeroU32::MAX, ..sync::Settings::default() };
    Sync::new(connection, sync_settings, clock, asking, CancellationToken::new())
}

fn has_learnt_all(page: &[u8]) -> bool {
    let page = String::from_utf8_lossy(page);
    Collector::ALL
        .iter()
        .all(|collector| page.contains(&format!("coverage_ratio{{connection=\"acme\",collector=\"{collector}\"}} 1\n")))
}

/// Gives nginx what the exporter says.
fn write_pages(runtime: &Runtime, exporter: &Exporter, folder: &Path) {
    fs::create_dir(folder.join("root")).unwrap();
    for (coding, packing, file) in CODINGS {
        let page = runtime.block_on(exporter.page(packing));
        let series = page.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"confluence_")).count();
        println!(
            "{coding}: {} bytes{}",
            page.len(),
            if packing == Coding::Identity { format!(", {series} series") } else { String::new() }
        );
        fs::write(folder.join("root").join(file), page).unwrap();
    }
}

fn start_nginx(folder: &Path) -> (Program, SocketAddr) {
    // Free at this moment; should somebody take it before nginx does, nginx says so and the benchmark ends.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = format!(
        "daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error;
         events {{ worker_connections 256; }}
         http {{
             access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=10;
             gzip_static on; default_type text/plain;
             client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
             uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
             server {{ listen {address}; root {folder}/root; }}
         }}",
        folder = folder.display(),
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config).unwrap();
    let nginx = Command::new("nginx").args(["-e", "stderr", "-c"]).arg(file).spawn().expect("nginx is installed");
    let nginx = Program(nginx);
    for _ in 0..100 {
        if TcpStream::connect(address).is_ok() {
            return (nginx, address);
        }
        Command::new("sleep").arg("0.05").status().unwrap();
    }
    panic!("nginx does not answer at {address}");
}

impl Measured {
    fn new(address: SocketAddr, process: u32) -> Self {
        Self { address, process, rates: Vec::new(), cpu_micros_a_request: Vec::new() }
    }

    fn run(&mut self, coding: &str) {
        let cpu_before = cpu_micros(self.process);
        let rate = requests_a_second(self.address, coding);
        let requests = rate * f64::from(SECONDS_A_RUN);
        self.cpu_micros_a_request.push((cpu_micros(self.process) - cpu_before) / requests);
        self.rates.push(rate);
    }
}

fn requests_a_second(address: SocketAddr, coding: &str) -> f64 {
    let output = Command::new("wrk")
        .args(["-t1", "-c16", &format!("-d{SECONDS_A_RUN}s"), "-H", &format!("Accept-Encoding: {coding}")])
        .arg(format!("http://{address}/metrics"))
        .stderr(Stdio::inherit())
        .output()
        .expect("wrk is installed");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(!told.contains("Non-2xx") && !told.contains("Socket errors"), "{told}");
    let rate = told.lines().find_map(|line| line.strip_prefix("Requests/sec:")).expect("wrk tells a rate");
    rate.trim().parse().unwrap()
}

/// What a process has used, in the kernel's ticks of a hundredth of a second: steadier than rates on a busy machine.
fn cpu_micros(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, after_name) = stat.rsplit_once(')').unwrap();
    let ticks = after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<f64>().unwrap());
    ticks.sum::<f64>() * 10_000.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
