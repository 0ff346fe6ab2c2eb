//! Which door takes which token, and how the right one is found.

use std::time::Duration;

use confluence_exporter::connection::{CredentialChoice, Verdict};
use confluence_exporter::model::{Code, Credential, DocId, SiteInfo};
use confluence_simulator::{Asked, Base, Fault, FaultKind, Operation, Options, Simulator, Token, TokenKind};

use crate::setting::{Door, open, open_simulated};

async fn simulator() -> Simulator {
    Simulator::start(Options { docs: 20, ..Options::default() }).await.unwrap()
}

/// Who was asked, in order: the door, the scheme and the status.
fn asked(simulator: &Simulator) -> Vec<(&'static str, String, u16)> {
    let door = |asked: &Asked| match (asked.operation, asked.base) {
        (Some(Operation::TenantInfo), _) => "tenant_info",
        (_, Some(Base::Site)) => "site",
        (_, Some(Base::Gateway)) => "gateway",
        (_, None) => "nowhere",
    };
    let scheme = |asked: &Asked| asked.scheme.clone().unwrap_or_default();
    simulator.journal().iter().map(|asked| (door(asked), scheme(asked), asked.status)).collect()
}

fn step(door: &'static str, scheme: &str, status: u16) -> (&'static str, String, u16) {
    (door, scheme.to_owned(), status)
}

fn info(simulator: &Simulator, credential: Credential) -> SiteInfo {
    let site = simulator.site_url().replace("http://", "");
    SiteInfo { site: site.into(), cloud_id: Some(simulator.cloud_id().into()), credential }
}

#[tokio::test]
async fn an_unscoped_token_is_taken_at_the_site() {
    let simulator = simulator().await;
    let door = open_simulated(&simulator, &simulator.token(TokenKind::Unscoped));
    assert_eq!(door.site.connection().site(), None);

    door.site.spaces(None).await.unwrap();
    door.site.spaces(None).await.unwrap();

    let steps = [step("site", "basic", 200), step("tenant_info", "", 200), step("site", "basic", 200)];
    assert_eq!(asked(&simulator), steps);
    assert_eq!(door.site.connection().site(), Some(info(&simulator, Credential::Unscoped)));
}

#[tokio::test]
async fn a_token_with_the_four_scopes_finds_the_gateway_by_itself() {
    let simulator = simulator().await;
    let door = open_simulated(&simulator, &simulator.token(TokenKind::scoped()));

    door.site.spaces(None).await.unwrap();
    door.site.spaces(None).await.unwrap();

    let steps = [
        step("site", "basic", 401),
        step("tenant_info", "", 200),
        step("gateway", "basic", 200),
        step("gateway", "basic", 200),
    ];
    assert_eq!(asked(&simulator), steps);
    assert_eq!(door.site.connection().site(), Some(info(&simulator, Credential::Scoped)));
}

#[tokio::test]
async fn a_service_account_goes_to_the_gateway_at_once() {
    let simulator = simulator().await;
    let door = open_simulated(&simulator, &simulator.token(TokenKind::service_account()));

    door.site.spaces(None).await.unwrap();

    assert_eq!(asked(&simulator), [step("tenant_info", "", 200), step("gateway", "basic", 200)]);
}

#[tokio::test]
async fn where_basic_is_refused_bearer_is_offered_and_remembered() {
    let simulator = simulator().await;
    let token = simulator.token(TokenKind::service_account());
    simulator.accept_bearer_only(&token);
    let door = open_simulated(&simulator, &token);

    door.site.spaces(None).await.unwrap();
    door.site.spaces(None).await.unwrap();

    let steps = [
        step("tenant_info", "", 200),
        step("gateway", "basic", 401),
        step("gateway", "bearer", 200),
        step("gateway", "bearer", 200),
    ];
    assert_eq!(asked(&simulator), steps);
}

#[tokio::test]
async fn the_gateways_base_needs_no_site() {
    let simulator = simulator().await;
    let url = format!("{}/ex/confluence/{}", simulator.gateway_url(), simulator.cloud_id());
    for kind in [TokenKind::scoped(), TokenKind::Unscoped] {
        simulator.clear_journal();
        let token = simulator.token(kind);
        let door = open(&url, &token.username, &token.secret, |_| {});

        door.site.spaces(None).await.unwrap();

        assert_eq!(asked(&simulator), [step("gateway", "basic", 200)]);
    }
}

#[tokio::test]
async fn what_the_configuration_says_of_the_credential_is_obeyed() {
    let simulator = simulator().await;
    let token = simulator.token(TokenKind::scoped());
    let with = |credential| {
        let change = |settings: &mut confluence_exporter::connection::Settings| settings.credential = credential;
        open(&simulator.site_url(), &token.username, &token.secret, change)
    };

    with(CredentialChoice::Scoped).site.spaces(None).await.unwrap();
    assert_eq!(asked(&simulator), [step("tenant_info", "", 200), step("gateway", "basic", 200)]);

    simulator.clear_journal();
    let failure = with(CredentialChoice::Unscoped).site.spaces(None).await.unwrap_err();
    assert_eq!(failure.verdict(), Verdict::Refused { code: Code::WrongBaseUrl, named: false });
    assert_eq!(asked(&simulator), [step("site", "basic", 401)]);
}

#[tokio::test]
async fn a_missing_scope_is_named_and_the_way_in_is_kept() {
    let simulator = simulator().await;
    let token = simulator.token(TokenKind::Scoped(vec!["read:page:confluence".to_owned()]));
    let door = open_simulated(&simulator, &token);

    for _ in 0..2 {
        let failure = door.site.spaces(None).await.unwrap_err();
        assert_eq!(failure.verdict(), Verdict::Refused { code: Code::InvalidPermissions, named: true });
    }

    let steps = [
        step("site", "basic", 401),
        step("tenant_info", "", 200),
        step("gateway", "basic", 401),
        step("gateway", "basic", 401),
    ];
    assert_eq!(asked(&simulator), steps);
}

async fn refusal(simulator: &Simulator, username: &str, secret: &str) -> Verdict {
    let door: Door = open(&simulator.site_url(), username, secret, |_| {});
    let failure = door.site.spaces(None).await.unwrap_err();
    assert_eq!(door.site.connection().site(), None, "nothing has been proven");
    failure.verdict()
}

#[tokio::test]
async fn a_credential_that_is_wrong_is_told_by_the_door_that_knows_it() {
    let simulator = simulator().await;
    let dead = Verdict::Refused { code: Code::InvalidCredentials, named: false };
    let unscoped = simulator.token(TokenKind::Unscoped);
    let service = simulator.token(TokenKind::service_account());

    assert_eq!(refusal(&simulator, &unscoped.username, "no-such-token").await, dead);
    assert_eq!(refusal(&simulator, "bob@acme.example", &unscoped.secret).await, dead);
    assert_eq!(refusal(&simulator, &service.username, "no-such-token").await, dead);

    // The gateway tells that the account is another.
    let mismatch = refusal(&simulator, "other@serviceaccount.atlassian.com", &service.secret).await;
    assert_eq!(mismatch, Verdict::Refused { code: Code::InvalidCredentials, named: true });

    simulator.revoke(&service);
    assert_eq!(refusal(&simulator, &service.username, &service.secret).await, dead);
}

#[tokio::test]
async fn a_site_that_knows_no_cloud_id_is_no_site() {
    let simulator = simulator().await;
    simulator.inject(Fault::new(FaultKind::Absent).on(Operation::TenantInfo));
    let wrong_base = Verdict::Refused { code: Code::WrongBaseUrl, named: false };

    let service = simulator.token(TokenKind::service_account());
    assert_eq!(refusal(&simulator, &service.username, &service.secret).await, wrong_base);

    let scoped = simulator.token(TokenKind::scoped());
    assert_eq!(refusal(&simulator, &scoped.username, &scoped.secret).await, wrong_base);

    // Who needs no cloud id is not held up.
    let unscoped = open_simulated(&simulator, &simulator.token(TokenKind::Unscoped));
    unscoped.site.spaces(None).await.unwrap();
    assert!(unscoped.site.connection().site().is_some_and(|site| site.cloud_id.is_none()));
}

#[tokio::test]
async fn a_new_token_in_the_file_is_used_from_the_next_request_on() {
    let simulator = simulator().await;
    let old = simulator.token(TokenKind::Unscoped);
    let door = open_simulated(&simulator, &old);
    door.site.spaces(None).await.unwrap();
    simulator.revoke(&old);
    assert!(door.site.spaces(None).await.is_err());

    // Of another kind too: the way in is looked for anew.
    let Token { secret, .. } = simulator.token(TokenKind::scoped());
    std::fs::write(door.token_file.path(), format!("{secret}\n")).unwrap();

    door.site.spaces(None).await.unwrap();
    assert_eq!(door.site.connection().site(), Some(info(&simulator, Credential::Scoped)));
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_the_concurrency_level_allows() {
    for level in [1, 4] {
        let options = Options { docs: 20, latency: Duration::from_millis(10), ..Options::default() };
        let simulator = Simulator::start(options).await.unwrap();
        let token = simulator.token(TokenKind::Unscoped);
        let door = open(&simulator.site_url(), &token.username, &token.secret, |settings| {
            settings.concurrency_level = level.to_string().parse().unwrap();
        });
        let docs = simulator.world().docs();

        let mut askers = tokio::task::JoinSet::new();
        for doc in docs {
            let site = door.site.clone();
            askers.spawn(async move { site.views(DocId(doc.0)).await });
        }
        askers.join_all().await;

        assert_eq!(simulator.max_in_flight(), level);
    }
}

#[tokio::test]
async fn a_base_overtakes_the_rest() {
    let options = Options { docs: 20, latency: Duration::from_millis(20), ..Options::default() };
    let simulator = Simulator::start(options).await.unwrap();
    let token = simulator.token(TokenKind::Unscoped);
    let door = open(&simulator.site_url(), &token.username, &token.secret, |settings| {
        settings.concurrency_level = "1".parse().unwrap();
    });
    door.site.spaces(None).await.unwrap();
    simulator.clear_journal();
    let mut askers = tokio::task::JoinSet::new();
    for doc in simulator.world().docs() {
        let site = door.site.clone();
        askers.spawn(async move { drop(site.views(DocId(doc.0)).await) });
    }
    tokio::time::sleep(Duration::from_millis(30)).await;

    door.site.spaces(None).await.unwrap();

    let before = simulator.journal().len();
    assert!(before <= 4, "{before} requests went before the base");
}
