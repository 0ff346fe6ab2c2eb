//! An edit of the world as JSON: the control endpoint's grammar.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::world::{Account, DocId, DocType, EventKind, Label, SpaceId, World};

/// Spaces are named by key or id, users by account id; who is not named is the first user.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Command {
    Create {
        space: String,
        #[serde(rename = "type", default = "page")]
        doc_type: DocType,
        author: Option<String>,
        dated_ms: Option<i64>,
    },
    Edit {
        doc: u64,
        author: Option<String>,
        dated_ms: Option<i64>,
    },
    /// So many docs, spread over the site, each once. Without a type, of both.
    EditMany {
        docs: usize,
        #[serde(rename = "type")]
        doc_type: Option<DocType>,
        author: Option<String>,
    },
    AutosaveBurst {
        doc: u64,
        author: Option<String>,
        versions: u32,
    },
    DeleteVersion {
        doc: u64,
        number: u32,
    },
    Move {
        doc: u64,
        space: String,
    },
    Archive {
        doc: u64,
    },
    Restore {
        doc: u64,
    },
    Trash {
        doc: u64,
    },
    Purge {
        doc: u64,
    },
    /// Labels are `name` or `prefix:name`.
    Relabel {
        doc: u64,
        labels: Vec<String>,
    },
    SetState {
        doc: u64,
        state: Option<String>,
    },
    SetOwner {
        doc: u64,
        owner: Option<String>,
    },
    View {
        doc: u64,
        views: u32,
    },
    AddUser {
        status: String,
        #[serde(rename = "type")]
        account_type: String,
    },
    SetUserStatus {
        user: String,
        status: String,
    },
    LeaveOutUser {
        user: String,
        left_out: bool,
    },
    AddSpace {
        key: String,
        name: String,
        #[serde(rename = "type")]
        space_type: String,
    },
    ArchiveSpace {
        space: String,
    },
    RestoreSpace {
        space: String,
    },
    HideSpace {
        space: String,
    },
    ShowSpace {
        space: String,
    },
    DeleteSpace {
        space: String,
    },
    AddOddNames,
    /// So many things happen by chance.
    Random {
        seed: u64,
        events: u32,
        kinds: Option<Vec<EventKind>>,
    },
}

const fn page() -> DocType {
    DocType::Page
}

impl Command {
    pub(crate) fn perform(&self, world: &mut World) -> Result<Value, String> {
        let done = match self {
            Self::Create { space, doc_type, author, dated_ms } => {
                let (space, author) = (find_space(world, space)?, find_account(world, author.as_ref())?);
                let dated_ms = dated_ms.unwrap_or_else(|| world.now_ms());
                let doc = world.create_dated(space, *doc_type, author, dated_ms);
                return Ok(json!({"done": doc.is_some(), "doc": doc}));
            }
            Self::Edit { doc, author, dated_ms } => {
                let author = find_account(world, author.as_ref())?;
                let dated_ms = dated_ms.unwrap_or_else(|| world.now_ms());
                world.edit_dated(DocId(*doc), author, dated_ms)
            }
            Self::EditMany { docs, doc_type, author } => {
                let author = find_account(world, author.as_ref())?;
                let edited = world.edit_many(*docs, *doc_type, author);
                return Ok(json!({"done": edited == *docs, "edited": edited}));
            }
            Self::AutosaveBurst { doc, author, versions } => {
                let author = find_account(world, author.as_ref())?;
                world.autosave_burst(DocId(*doc), author, *versions)
            }
            Self::DeleteVersion { doc, number } => world.delete_version(DocId(*doc), *number),
            Self::Move { doc, space } => {
                let space = find_space(world, space)?;
                world.move_to(DocId(*doc), space)
            }
            Self::Archive { doc } => world.archive(DocId(*doc)),
            Self::Restore { doc } => world.restore(DocId(*doc)),
            Self::Trash { doc } => world.trash(DocId(*doc)),
            Self::Purge { doc } => world.purge(DocId(*doc)),
            Self::Relabel { doc, labels } => {
                let labels: Vec<Label> = labels.iter().map(|text| label(text)).collect();
                world.relabel(DocId(*doc), &labels)
            }
            Self::SetState { doc, state } => world.set_state(DocId(*doc), state.as_deref()),
            Self::SetOwner { doc, owner } => {
                let owner = owner.as_ref().map(|owner| find_account(world, Some(owner))).transpose()?;
                world.set_owner(DocId(*doc), owner)
            }
            Self::View { doc, views } => world.view(DocId(*doc), *views),
            Self::AddUser { .. }
            | Self::SetUserStatus { .. }
            | Self::LeaveOutUser { .. }
            | Self::AddSpace { .. }
            | Self::AddOddNames
            | Self::Random { .. } => return self.perform_on_site(world),
            Self::ArchiveSpace { space } => with_space(world, space, World::archive_space)?,
            Self::RestoreSpace { space } => with_space(world, space, World::restore_space)?,
            Self::HideSpace { space } => with_space(world, space, World::hide_space)?,
            Self::ShowSpace { space } => with_space(world, space, World::show_space)?,
            Self::DeleteSpace { space } => with_space(world, space, World::delete_space)?,
        };
        Ok(json!({ "done": done }))
    }

    fn perform_on_site(&self, world: &mut World) -> Result<Value, String> {
        match self {
            Self::AddUser { status, account_type } => {
                let user = world.add_user(status, account_type);
                Ok(json!({"done": true, "account_id": **world.account_id(user)}))
            }
            Self::SetUserStatus { user, status } => {
                let user = find_account(world, Some(user))?;
                world.set_user_status(user, status);
                Ok(json!({"done": true}))
            }
            Self::LeaveOutUser { user, left_out } => {
                let user = find_account(world, Some(user))?;
                world.leave_out_user(user, *left_out);
                Ok(json!({"done": true}))
            }
            Self::AddSpace { key, name, space_type } => {
                Ok(json!({"done": true, "space": world.add_space(key, name, space_type)}))
            }
            Self::AddOddNames => Ok(json!({"done": true, "space": world.add_odd_names()})),
            Self::Random { seed, events, kinds } => {
                let mut rng = ChaCha8Rng::seed_from_u64(*seed);
                let kinds = kinds.clone().unwrap_or_else(|| EventKind::all().collect());
                let happened: Vec<EventKind> =
                    (0..*events).filter_map(|_| world.random_event_of(&mut rng, &kinds)).collect();
                Ok(json!({"done": true, "happened": happened}))
            }
            _ => Err("not about the site".to_owned()),
        }
    }
}

fn with_space(world: &mut World, space: &str, change: fn(&mut World, SpaceId) -> bool) -> Result<bool, String> {
    let space = find_space(world, space)?;
    Ok(change(world, space))
}

fn find_space(world: &World, text: &str) -> Result<SpaceId, String> {
    let by_id = text.parse().ok().map(SpaceId).filter(|space| world.space(*space).is_some());
    world.space_by_key(text).or(by_id).ok_or_else(|| format!("no space {text}"))
}

fn find_account(world: &World, text: Option<&String>) -> Result<Account, String> {
    match text {
        None => Ok(Account(0)),
        Some(text) => world.account(text).ok_or_else(|| format!("no user {text}")),
    }
}

fn label(text: &str) -> Label {
    match text.split_once(':') {
        Some((prefix, name)) => Label::new(prefix, name),
        None => Label::new("global", text),
    }
}
