//! What holds of every web configuration and of every login, whoever wrote them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue};

use super::tls::{Files, server_config};
use super::users::credentials;
use super::web_config::WebYaml;
use crate::yaml;
use crate::yaml::fuzzed::{assert_told_well, with_token};

/// It is taken or refused, and a refusal repeats no value. What its files hold is made up, too: no file is opened.
pub fn web_config(input: &[u8]) {
    let Some(text) = with_token(input) else { return };
    match yaml::read::<Option<WebYaml>>(&text) {
        Ok(web) => {
            let web = web.unwrap_or_default();
            if let Some(tls) = &web.tls_server_config
                && let Err(problem) = server_config(tls, &Files::holding(input), web.http_server_config.http2)
            {
                assert_told_well(&problem.to_string());
            }
        }
        Err(problem) => assert_told_well(&problem),
    }
}

/// A name and a password have one spelling.
pub fn login(input: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(input) else { return };
    let Some((name, password)) = credentials(&HeaderMap::from_iter([(AUTHORIZATION, value)])) else { return };
    assert!(!name.contains(':'), "{name}");
    let spelt = BASE64_STANDARD.encode([name.as_bytes(), b":", &password].concat());
    assert!(String::from_utf8_lossy(input).contains(&spelt), "{spelt}");
}
