//! What is asked to make or change a connection, flags first, then the person at the terminal. What becomes of the answers is
//! `candidate`'s business.

use std::fmt::Display;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use crate::cli::SaveConnection;
use crate::config::with_key;
use crate::connection::{
    BadToken, ConcurrencyLevel, CredentialChoice, ExpiryDate, GatewayUrl, InstanceUrl, TypedToken, Username,
};
use crate::model::ConnectionName;
use crate::yaml::{self, parsed_if_given};

use super::super::output;
use super::super::terminal::{NoAnswer, Terminal, token_from_input};
use super::guide;

/// Why there are no settings to try.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    #[error(transparent)]
    Terminal(#[from] NoAnswer),
    #[error("{flag} is missing: there is no terminal to ask at")]
    Missing { flag: String },
    #[error("{flag}: {problem}")]
    Wrong { flag: String, problem: String },
    #[error("--api-token-file cannot be used")]
    TokenFile(#[source] BadToken),
    #[error(
        "the token cannot be taken from standard input; type it at a terminal, or name a file with --api-token-file"
    )]
    Input(#[source] BadToken),
}

struct Question {
    key: &'static str,
    flag: fn(&SaveConnection) -> &Option<String>,
    present: fn(&Present) -> &Option<String>,
    problem: fn(&str) -> Option<String>,
    /// How a person is asked; `None` where only a flag can say it.
    spoken: Option<Spoken>,
    is_needed: bool,
}

struct Spoken {
    guide: &'static str,
    question: &'static str,
    default: Option<&'static str>,
}

/// What a saved connection says now, as it says it.
#[derive(Default, Deserialize)]
struct Present {
    #[serde(default, deserialize_with = "parsed_if_given")]
    instance_url: Option<String>,
    #[serde(default, deserialize_with = "parsed_if_given")]
    username: Option<String>,
    #[serde(default, deserialize_with = "parsed_if_given")]
    credential: Option<String>,
    #[serde(default, deserialize_with = "parsed_if_given")]
    gateway_url: Option<String>,
    #[serde(default, deserialize_with = "parsed_if_given")]
    api_token_expires: Option<String>,
    #[serde(default, deserialize_with = "parsed_if_given")]
    concurrency_level: Option<String>,
    #[serde(default, deserialize_with = "parsed_if_given")]
    borrow_concurrency_from: Option<String>,
}

const BEFORE_THE_TOKEN: [Question; 4] = [
    Question {
        key: "instance_url",
        flag: |flags| &flags.instance_url,
        present: |present| &present.instance_url,
        problem: problem::<InstanceUrl>,
        spoken: Some(Spoken { guide: guide::INSTANCE_URL, question: "Instance URL", default: None }),
        is_needed: true,
    },
    Question {
        key: "username",
        flag: |flags| &flags.username,
        present: |present| &present.username,
        problem: problem::<Username>,
        spoken: Some(Spoken { guide: guide::USERNAME, question: "Username, an e-mail address", default: None }),
        is_needed: true,
    },
    Question {
        key: "credential",
        flag: |flags| &flags.credential,
        present: |present| &present.credential,
        problem: problem::<CredentialChoice>,
        spoken: None,
        is_needed: false,
    },
    Question {
        key: "gateway_url",
        flag: |flags| &flags.gateway_url,
        present: |present| &present.gateway_url,
        problem: problem::<GatewayUrl>,
        spoken: None,
        is_needed: false,
    },
];

const EXPIRES: Question = Question {
    key: "api_token_expires",
    flag: |flags| &flags.api_token_expires,
    present: |present| &present.api_token_expires,
    problem: problem::<ExpiryDate>,
    spoken: Some(Spoken {
        guide: guide::EXPIRES,
        question: "Day on which the token ends, like 2027-06-30",
        default: Some("not known"),
    }),
    is_needed: false,
};

/// Asked only where there is somebody who might lend.
const BORROWING: Question = Question {
    key: "borrow_concurrency_from",
    flag: |flags| &flags.borrow_concurrency_from,
    present: |present| &present.borrow_concurrency_from,
    // Whether there is one of that name is seen when all are read together.
    problem: |name| ConnectionName::new(name).err().map(|error| error.to_string()),
    spoken: Some(Spoken {
        guide: guide::BORROWING,
        question: "Borrow concurrency from, the name of a connection",
        default: Some("none"),
    }),
    is_needed: false,
};

/// Asked only of who does not borrow.
const CONCURRENCY: Question = Question {
    key: "concurrency_level",
    flag: |flags| &flags.concurrency_level,
    present: |present| &present.concurrency_level,
    problem: problem::<ConcurrencyLevel>,
    spoken: Some(Spoken { guide: guide::CONCURRENCY, question: "Concurrency level", default: Some("5") }),
    is_needed: false,
};

/// Takes a setting away that may be left out.
const NONE: &str = "-";

/// The text with all that was answered, and the token, which is always asked for.
pub(super) async fn ask(
    flags: &SaveConnection,
    terminal: Option<&Terminal>,
    text: &str,
    has_lenders: bool,
) -> Result<(String, TypedToken), Unanswered> {
    // A text that cannot be read has been told of before.
    let present: Present = yaml::read(text).unwrap_or_default();
    let mut text = text.to_owned();
    if terminal.is_some() {
        output::tell(guide::INTRODUCTION);
    }
    for question in &BEFORE_THE_TOKEN {
        text = question.answered(flags, terminal, &present, text).await?;
    }
    let token = ask_for_token(flags.api_token_file.as_ref(), terminal).await?;
    text = EXPIRES.answered(flags, terminal, &present, text).await?;
    text = BORROWING.answered(flags, terminal.filter(|_| has_lenders), &present, text).await?;
    let borrows = yaml::read::<Present>(&text).is_ok_and(|now| now.borrow_concurrency_from.is_some());
    if borrows && flags.concurrency_level.is_none() {
        text = with_key(&text, CONCURRENCY.key, None);
    }
    text = CONCURRENCY.answered(flags, terminal.filter(|_| !borrows), &present, text).await?;
    Ok((text, token))
}

impl Question {
    async fn answered(
        &self,
        flags: &SaveConnection,
        terminal: Option<&Terminal>,
        present: &Present,
        text: String,
    ) -> Result<String, Unanswered> {
        let present = (self.present)(present).as_deref();
        let answer = match ((self.flag)(flags), terminal, &self.spoken) {
            (Some(given), ..) => {
                self.check(given).map_err(|problem| Unanswered::Wrong { flag: self.flag_name(), problem })?
            }
            (None, Some(terminal), Some(spoken)) => self.ask_at(terminal, spoken, present).await?,
            (None, ..) if self.is_needed && present.is_none() => {
                return Err(Unanswered::Missing { flag: self.flag_name() });
            }
            (None, ..) => return Ok(text),
        };
        Ok(match answer {
            Answer::AsItIs => text,
            Answer::Nothing => with_key(&text, self.key, None),
            Answer::Value(value) => with_key(&text, self.key, Some(&value)),
        })
    }

    async fn ask_at(&self, terminal: &Terminal, spoken: &Spoken, present: Option<&str>) -> Result<Answer, NoAnswer> {
        output::tell(spoken.guide);
        let default = present.or(spoken.default);
        let question = match default {
            Some(default) => format!("{} [{default}]: ", spoken.question),
            None => format!("{}: ", spoken.question),
        };
        loop {
            let typed = terminal.ask(&question).await?;
            if typed.trim().is_empty() && default.is_some() {
                return Ok(Answer::AsItIs);
            }
            match self.check(typed.trim()) {
                Ok(answer) => return Ok(answer),
                Err(problem) => output::tell(&format!("{problem}\n")),
            }
        }
    }

    fn check(&self, answer: &str) -> Result<Answer, String> {
        if answer == NONE && !self.is_needed {
            return Ok(Answer::Nothing);
        }
        (self.problem)(answer).map_or_else(|| Ok(Answer::Value(answer.to_owned())), Err)
    }

    fn flag_name(&self) -> String {
        format!("--{}", self.key.replace('_', "-"))
    }
}

enum Answer {
    AsItIs,
    Nothing,
    Value(String),
}

async fn ask_for_token(file: Option<&PathBuf>, terminal: Option<&Terminal>) -> Result<TypedToken, Unanswered> {
    if let Some(path) = file {
        return read_token(path).map_err(Unanswered::TokenFile);
    }
    let Some(terminal) = terminal else { return token_from_input().await.map_err(Unanswered::Input) };
    output::tell(&guide::token());
    Ok(terminal.ask_for_token("API token (does not appear): ").await?)
}

fn read_token(path: &Path) -> Result<TypedToken, BadToken> {
    TypedToken::read(File::open(path).map_err(BadToken::Unreadable)?)
}

/// Why it cannot be taken. Quotes nothing of it.
fn problem<T: FromStr<Err: Display>>(text: &str) -> Option<String> {
    text.parse::<T>().err().map(|error| error.to_string())
}
