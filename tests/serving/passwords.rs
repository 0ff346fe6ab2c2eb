//! Names and passwords as the web configuration asks for them, and what every answer carries.

use std::time::Duration;

use tokio::time::sleep;

use crate::locked::{Locked, PASSWORD, TLS, users};

fn login(name: &str, password: &str) -> [String; 2] {
    ["--user".to_owned(), format!("{name}:{password}")]
}

async fn status(locked: &Locked, name: &str, password: &str) -> u16 {
    let login = login(name, password);
    locked.curl_plain(&login.each_ref().map(String::as_str)).await.status
}

#[tokio::test]
async fn only_a_known_name_with_its_password_comes_in() {
    let locked = Locked::by(&users(&["prometheus", "ann"])).await;

    // Twice: what was found out is remembered.
    for _ in 0..2 {
        assert_eq!(status(&locked, "prometheus", PASSWORD).await, 200);
        assert_eq!(status(&locked, "ann", PASSWORD).await, 200);
        assert_eq!(status(&locked, "prometheus", "wrong").await, 401);
        assert_eq!(status(&locked, "prometheus", "").await, 401);
        assert_eq!(status(&locked, "bob", PASSWORD).await, 401, "a password that somebody else has");
        assert_eq!(status(&locked, "", PASSWORD).await, 401);
    }
    let stranger = locked.curl_plain(&[]).await;
    assert_eq!(stranger.status, 401);
    assert!(stranger.head.contains("www-authenticate: basic"), "{}", stranger.head);
    for header in ["Bearer abc", "Basic", "Basic !!!", "Basic b3Blbg==", "Basic /////w==", ""] {
        let refused = locked.curl_plain(&["-H", &format!("Authorization: {header}")]).await;
        assert_eq!(refused.status, 401, "{header}");
    }
}

#[tokio::test]
async fn no_page_is_open_where_passwords_are_asked_for() {
    let locked = Locked::by(&users(&["prometheus"])).await;
    for path in ["/", "/metrics", "/probe?connection=acme", "/-/healthy", "/-/ready", "/nowhere"] {
        assert_eq!(locked.server.get(path).send().await.unwrap().status(), 401, "{path}");
    }
}

#[tokio::test]
async fn passwords_are_asked_for_over_tls_as_well() {
    let locked = Locked::by(&format!("{TLS}{}", users(&["prometheus"]))).await;
    assert_eq!(locked.curl(&[]).await.status, 401);
    let let_in = locked.curl(&["--user", &format!("prometheus:{PASSWORD}")]).await;
    assert_eq!((let_in.status, let_in.http.as_str()), (200, "2"));
}

#[tokio::test]
async fn users_come_and_go_without_a_restart_but_never_the_last() {
    let locked = Locked::by(&users(&["prometheus"])).await;
    assert_eq!(status(&locked, "prometheus", PASSWORD).await, 200);

    locked.write("web.yml", &users(&["ann"]));
    let ann = login("ann", PASSWORD);
    locked.curl_until(200, "http", &ann.each_ref().map(String::as_str)).await;
    assert_eq!(status(&locked, "prometheus", PASSWORD).await, 401);

    for slip in ["", "basic_auth_users: {}\n", "basic_auth_users: [\n", "basic_auth_users: { ann: CANARY }\n"] {
        locked.write("web.yml", slip);
        sleep(Duration::from_millis(1200)).await;
        assert_eq!(locked.curl_plain(&[]).await.status, 401, "{slip}");
        assert_eq!(status(&locked, "ann", PASSWORD).await, 200, "{slip}");
    }
}

#[tokio::test]
async fn extra_headers_stand_in_every_answer_and_replace_none() {
    let headers = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    Content-Security-Policy: \"default-src https:\"\n";
    let locked = Locked::by(&format!("{headers}{}", users(&["prometheus"]))).await;

    let refused = locked.curl_plain(&[]).await.head;
    assert!(refused.contains("x-frame-options: deny") && refused.contains("default-src https:"), "{refused}");

    let index = locked.server.get("/").basic_auth("prometheus", Some(PASSWORD)).send().await.unwrap();
    let policies: Vec<_> = index.headers().get_all("content-security-policy").iter().collect();
    assert_eq!(policies.len(), 1);
    assert!(policies[0].to_str().unwrap().starts_with("default-src 'none'"), "the page's own is stricter");
    assert_eq!(index.headers()["x-frame-options"], "deny");
}
