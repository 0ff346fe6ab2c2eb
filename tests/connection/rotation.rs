//! Two tokens, of which one is taken: no question is lost when they change places, and none changes them for nothing.

use confluence_exporter::connection::{TokenFrom, Verdict};
use confluence_exporter::model::{Code, DocId, TokenSlot};
use confluence_simulator::{FOUR_SCOPES, Fault, FaultKind, Operation, Options, Simulator, Token, TokenKind};
use tempfile::TempDir;

use crate::setting::{Door, open};

/// A site, and a door to it with a folder for two tokens.
struct Rotating {
    site: Simulator,
    door: Door,
    folder: TempDir,
}

impl Rotating {
    async fn with(kinds: [TokenKind; 2]) -> (Self, [Token; 2]) {
        let site = Simulator::start(Options { docs: 20, ..Options::default() }).await.unwrap();
        let tokens = kinds.map(|kind| site.token(kind));
        (Self::at(site, Some(&tokens[0]), Some(&tokens[1])), tokens)
    }

    fn at(site: Simulator, current: Option<&Token>, next: Option<&Token>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, token) in [("current", current), ("next", next)] {
            if let Some(token) = token {
                std::fs::write(folder.path().join(name), &token.secret).unwrap();
            }
        }
        let username = &current.or(next).unwrap().username;
        let door = open(&site.site_url(), username, "unused", |settings| {
            let next = Some(folder.path().join("next"));
            settings.token = TokenFrom::Files { current: folder.path().join("current"), next };
        });
        Self { site, door, folder }
    }

    fn write(&self, name: &str, token: &Token) {
        std::fs::write(self.folder.path().join(name), &token.secret).unwrap();
    }

    fn in_use(&self) -> Option<TokenSlot> {
        self.door.site.connection().token_in_use()
    }

    async fn is_answered(&self) -> bool {
        self.door.site.spaces(None).await.is_ok()
    }
}

const TWO: [TokenKind; 2] = [TokenKind::Unscoped, TokenKind::Unscoped];

fn a_false_refusal() -> Fault {
    Fault::new(FaultKind::FalseNotFound).on(Operation::Spaces).times(1)
}

#[tokio::test]
async fn what_meets_the_refusal_of_a_token_is_answered_with_the_next() {
    let (rotating, [old, _]) = Rotating::with(TWO).await;
    assert_eq!(rotating.in_use(), None);
    assert!(rotating.is_answered().await);
    assert_eq!(rotating.in_use(), Some(TokenSlot::Current));

    rotating.site.revoke(&old);
    let mut askers = tokio::task::JoinSet::new();
    for doc in rotating.site.world().docs() {
        let site = rotating.door.site.clone();
        askers.spawn(async move { site.views(DocId(doc.0)).await.is_ok() });
    }

    assert!(askers.join_all().await.into_iter().all(|is_answered| is_answered));
    assert_eq!(rotating.in_use(), Some(TokenSlot::Next));
    rotating.site.clear_journal();
    assert!(rotating.is_answered().await);
    assert_eq!(rotating.site.journal().len(), 1, "the old token is not shown any more");
}

#[tokio::test]
async fn tokens_of_different_kinds_may_follow_each_other() {
    for kinds in [[TokenKind::Unscoped, TokenKind::scoped()], [TokenKind::scoped(), TokenKind::Unscoped]] {
        let (rotating, [old, _]) = Rotating::with(kinds).await;
        assert!(rotating.is_answered().await);
        let before = rotating.door.site.connection().site().unwrap();

        rotating.site.revoke(&old);

        assert!(rotating.is_answered().await);
        let after = rotating.door.site.connection().site().unwrap();
        assert_eq!(rotating.in_use(), Some(TokenSlot::Next));
        assert_ne!(before.credential, after.credential);
    }
}

#[tokio::test]
async fn a_first_file_that_is_written_anew_goes_first_again() {
    let (rotating, [old, coming]) = Rotating::with(TWO).await;
    rotating.site.revoke(&old);
    assert!(rotating.is_answered().await);
    assert_eq!(rotating.in_use(), Some(TokenSlot::Next));

    rotating.write("current", &rotating.site.token(TokenKind::scoped()));
    rotating.site.revoke(&coming);

    assert!(rotating.is_answered().await);
    assert_eq!(rotating.in_use(), Some(TokenSlot::Current));
}

#[tokio::test]
async fn when_both_are_refused_the_refusal_of_the_first_is_told_and_nothing_changes() {
    let (rotating, tokens) = Rotating::with(TWO).await;
    assert!(rotating.is_answered().await);
    for token in &tokens {
        rotating.site.revoke(token);
    }
    rotating.site.clear_journal();

    let failure = rotating.door.site.spaces(None).await.unwrap_err();

    assert_eq!(failure.verdict(), Verdict::Refused { code: Code::InvalidCredentials, named: false });
    assert_eq!(rotating.in_use(), Some(TokenSlot::Current));
    assert_eq!(rotating.site.journal().len(), 2, "each is asked once");

    rotating.site.reinstate(&tokens[0]);
    assert!(rotating.is_answered().await);
    assert_eq!(rotating.in_use(), Some(TokenSlot::Current));
}

#[tokio::test]
async fn a_refusal_of_everybody_changes_nothing_and_one_alone_costs_nothing() {
    let (rotating, _) = Rotating::with(TWO).await;
    assert!(rotating.is_answered().await);

    rotating.site.inject(Fault::new(FaultKind::FalseNotFound).on(Operation::Spaces).times(2));
    assert!(!rotating.is_answered().await);
    assert_eq!(rotating.in_use(), Some(TokenSlot::Current));

    rotating.site.inject(a_false_refusal());
    for _ in 0..3 {
        assert!(rotating.is_answered().await);
        assert_eq!(rotating.in_use(), Some(TokenSlot::Next), "whichever is taken serves on");
    }

    rotating.site.inject(a_false_refusal());
    assert!(rotating.is_answered().await);
    assert_eq!(rotating.in_use(), Some(TokenSlot::Current));
}

#[tokio::test]
async fn a_next_token_that_lacks_a_scope_does_not_oust_one_that_is_refused_by_mistake() {
    let lacking = FOUR_SCOPES.iter().filter(|scope| **scope != "read:space:confluence");
    let lacking = TokenKind::Scoped(lacking.map(|scope| (*scope).to_owned()).collect());
    let (rotating, _) = Rotating::with([TokenKind::scoped(), lacking]).await;
    assert!(rotating.is_answered().await);

    rotating.site.inject(a_false_refusal());
    let failure = rotating.door.site.spaces(None).await.unwrap_err();

    assert_eq!(failure.verdict(), Verdict::Refused { code: Code::InvalidCredentials, named: false });
    assert_eq!(rotating.in_use(), Some(TokenSlot::Current));
    assert!(rotating.is_answered().await);
}

#[tokio::test]
async fn a_missing_scope_is_no_reason_to_ask_with_the_other_token() {
    let (rotating, [current, _]) = Rotating::with([TokenKind::scoped(), TokenKind::scoped()]).await;
    assert!(rotating.is_answered().await);
    rotating.site.take_scope(&current, "read:space:confluence");

    let failure = rotating.door.site.spaces(None).await.unwrap_err();

    assert_eq!(failure.verdict(), Verdict::Refused { code: Code::InvalidPermissions, named: true });
    assert_eq!(rotating.in_use(), Some(TokenSlot::Current));
}

#[tokio::test]
async fn one_file_is_enough_and_the_other_may_come_later() {
    let site = Simulator::start(Options { docs: 20, ..Options::default() }).await.unwrap();
    let (old, coming) = (site.token(TokenKind::Unscoped), site.token(TokenKind::Unscoped));
    let rotating = Rotating::at(site, Some(&old), None);
    assert!(rotating.is_answered().await);
    rotating.site.revoke(&old);
    assert!(!rotating.is_answered().await);

    rotating.write("next", &coming);

    assert!(rotating.is_answered().await);
    assert_eq!(rotating.in_use(), Some(TokenSlot::Next));

    let Rotating { site, .. } = rotating;
    let rotating = Rotating::at(site, None, Some(&coming));
    assert!(rotating.is_answered().await);
    assert_eq!(rotating.in_use(), Some(TokenSlot::Next));
}
