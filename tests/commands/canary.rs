//! A token that is easily found again, and the search for it in whatever spelling.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};

/// Holds what the spellings change: signs of JSON, HTML, URLs and logs.
pub(crate) const CANARY: &str = r#"CANARY0"+/\<&>%'=0that0nobody0may0see"#;

/// Looks for a token as it is, and as others may spell it.
pub(crate) struct Scan {
    spellings: Vec<(String, String)>,
}

impl Scan {
    pub(crate) fn for_canary() -> Self {
        Self { spellings: spellings(CANARY) }
    }

    /// Each with the name of how it is spelt.
    pub(crate) fn spellings(&self) -> &[(String, String)] {
        &self.spellings
    }

    /// How it is spelt there, if it is there at all.
    pub(crate) fn finds(&self, text: &str) -> Option<&str> {
        self.spellings.iter().find(|(_, spelling)| text.contains(spelling)).map(|(name, _)| name.as_str())
    }

    /// The token is not there, and what is expected there is.
    pub(crate) fn assert_clean(&self, text: &str, expected: &str) {
        assert!(text.contains(expected), "the scan looks at the wrong text, without {expected}: {text}");
        let leaks: Vec<&str> = text.lines().filter(|line| self.finds(line).is_some()).collect();
        assert!(leaks.is_empty() && self.finds(text).is_none(), "{}", leaks.join("\n"));
    }
}

fn spellings(secret: &str) -> Vec<(String, String)> {
    let in_json = serde_json::to_string(secret).unwrap().trim_matches('"').to_owned();
    let in_rust = format!("{secret:?}").trim_matches('"').to_owned();
    let in_url: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let in_html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let digits = secret.bytes().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let in_hexadecimal: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
    let middle = secret.len() / 2;
    let mut spellings: Vec<(String, String)> = [
        ("as it is", secret.to_owned()),
        // However its signs are spelt, and whatever part of it is told.
        ("its beginning", secret.chars().take_while(char::is_ascii_alphanumeric).collect()),
        ("its end", secret[middle..].chars().skip_while(|sign| *sign != '0').collect()),
        ("in JSON", in_json),
        ("in Rust", in_rust),
        ("in a URL", in_url),
        ("in HTML", in_html),
        ("in hexadecimal", in_hexadecimal.clone()),
        ("in HEXADECIMAL", in_hexadecimal.to_uppercase()),
    ]
    .map(|(name, spelling)| (name.to_owned(), spelling))
    .into();
    for before in 0..3 {
        for (alphabet, engine) in [("base64", &BASE64_STANDARD), ("base64 for URLs", &BASE64_URL_SAFE)] {
            let encoded = engine.encode([vec![0; before], secret.as_bytes().to_vec()].concat());
            // Without the characters that depend on what stands before and behind.
            let (start, end) = ((before * 8).div_ceil(6), (before + secret.len()) * 8 / 6);
            spellings.push((format!("in {alphabet} after {before} bytes"), encoded[start..end].to_owned()));
        }
    }
    spellings
}
