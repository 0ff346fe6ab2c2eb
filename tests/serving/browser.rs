//! A real browser without a window, driven as testers of web pages do. What a page should look like is the other files' business.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// One window. The browser ends with it.
pub(crate) struct Browser {
    session: String,
    client: Client,
    _driver: Child,
    _profile: TempDir,
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) scheme: &'static str,
    pub(crate) width: u32,
}

pub(crate) const LOOKS: [Look; 4] = [
    Look { scheme: "light", width: 1280 },
    Look { scheme: "dark", width: 1280 },
    Look { scheme: "light", width: 360 },
    Look { scheme: "dark", width: 360 },
];

const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// What the field is called that names an element, by the drivers' standard.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// For a browser that starts on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

impl Browser {
    pub(crate) async fn open() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .kill_on_drop(true)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("chromedriver (Debian: chromium-driver) is needed and could not be run: {error}")
            });
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("chromedriver ended before it said its port");
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    break port.trim_end_matches('.').to_owned();
                }
            }
        };
        let port = timeout(PATIENCE, port).await.expect("chromedriver starts");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let profile = tempfile::tempdir().unwrap();
        let mut flags: Vec<String> = FLAGS.map(str::to_owned).to_vec();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": {"args": flags, "binary": "/usr/bin/chromium"},
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let mut browser =
            Self { session: format!("http://127.0.0.1:{port}/session"), client, _driver: driver, _profile: profile };
        let begun = browser.post("", json!({"capabilities": {"alwaysMatch": capabilities}})).await;
        browser.session = format!("{}/{}", browser.session, begun["sessionId"].as_str().unwrap());
        browser
    }

    pub(crate) async fn go_to(&self, url: &str) {
        self.post("/url", json!({"url": url})).await;
    }

    pub(crate) async fn reload(&self) {
        self.post("/refresh", json!({})).await;
    }

    pub(crate) async fn url(&self) -> String {
        self.get("/url").await.as_str().unwrap().to_owned()
    }

    pub(crate) async fn title(&self) -> String {
        self.get("/title").await.as_str().unwrap().to_owned()
    }

    /// The text of all that is seen.
    pub(crate) async fn text(&self) -> String {
        self.text_of("body").await
    }

    /// The same, where another page may be about to come: nothing while it does.
    pub(crate) async fn text_meanwhile(&self) -> Option<String> {
        let script = json!({"script": "return document.body.innerText", "args": []});
        let text = self.try_command(Method::POST, "/execute/sync", Some(script)).await.ok()?;
        text.as_str().map(str::to_owned)
    }

    pub(crate) async fn text_of(&self, selector: &str) -> String {
        let element = self.element(selector).await;
        self.get(&format!("/element/{element}/text")).await.as_str().unwrap().to_owned()
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        self.post(&format!("/element/{element}/click"), json!({})).await;
    }

    /// What a screen reader calls an element: its role, and its name.
    pub(crate) async fn called(&self, selector: &str) -> (String, String) {
        let element = self.element(selector).await;
        let role = self.get(&format!("/element/{element}/computedrole")).await;
        let label = self.get(&format!("/element/{element}/computedlabel")).await;
        (role.as_str().unwrap().to_owned(), label.as_str().unwrap().to_owned())
    }

    /// Runs a script beside the page, which itself may have none.
    pub(crate) async fn ask(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({"script": script, "args": []})).await
    }

    pub(crate) async fn look(&self, look: Look) {
        let features = json!([{"name": "prefers-color-scheme", "value": look.scheme}]);
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
        let metrics = json!({"width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": look.width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// A picture of the whole page, for people: the folder is told by `pictures`.
    pub(crate) async fn take_picture(&self, name: &str) {
        let picture = json!({"captureBeyondViewport": true, "format": "png"});
        let taken = self.devtools("Page.captureScreenshot", picture).await;
        let bytes = STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        std::fs::create_dir_all(pictures()).unwrap();
        std::fs::write(pictures().join(format!("{name}.png")), bytes).unwrap();
    }

    /// What the browser complains of since it was asked last.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let entries = self.post("/se/log", json!({"type": "browser"})).await;
        entries.as_array().unwrap().iter().map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    async fn element(&self, selector: &str) -> String {
        let found = self.post("/element", json!({"using": "css selector", "value": selector})).await;
        found[ELEMENT].as_str().unwrap_or_else(|| panic!("no {selector}: {found}")).to_owned()
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({"cmd": command, "params": parameters})).await
    }

    async fn get(&self, path: &str) -> Value {
        self.command(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.command(Method::POST, path, Some(body)).await
    }

    async fn command(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        self.try_command(method, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn try_command(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Value> {
        let mut request = self.client.request(method, format!("{}{path}", self.session));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let is_good = answer.status().is_success();
        let mut answer: Value = answer.json().await.unwrap();
        if is_good { Ok(answer["value"].take()) } else { Err(answer) }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // chromedriver, killed with us, would leave its browser behind.
        let mut end = std::process::Command::new("curl");
        end.args(["-sS", "--noproxy", "*", "--max-time", "20", "-X", "DELETE", &self.session]);
        let _ = end.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// Where pictures lie that were taken.
pub(crate) fn pictures() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("status-page")
}
