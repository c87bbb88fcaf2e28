//! Logins, sessions, tokens and bans.

use super::fixture::{Ask, Fixture, PASSWORD};
use axum::http::header;
use std::time::Duration;
use ztor_api::ProblemKind;

fn login(password: &str) -> Ask {
    Ask::to("POST /session").json(&format!(r#"{{"username":"ztor","password":"{password}"}}"#))
}

fn get() -> Ask {
    Ask::to("GET /daemon")
}

#[test]
fn daemon_without_password_and_token_has_no_default_credentials() {
    let fixture = Fixture::start(&[]);
    for ask in [
        get(),
        get().basic("admin", "adminadmin"),
        get().basic("admin", "admin"),
        get().basic("ztor", ""),
        get().basic("", ""),
        get().bearer(""),
        get().bearer("ztor_"),
        get().header("cookie", "ztor_session="),
        login(""),
        login("ztor"),
    ] {
        let answer = fixture.ask(ask.clone());
        assert_eq!(answer.problem(), ProblemKind::Unauthorized, "{ask:?}");
        assert!(
            answer.body.contains("ztor password") && answer.body.contains("ztor token add"),
            "{answer:?}"
        );
    }
    assert_eq!(fixture.ask(Ask::to("GET /health")).body, r#"{"status":"ok"}"#);
    assert_eq!(fixture.ask(get().local()).status, 200);
    assert_eq!(fixture.ask(Ask::to("GET /account").local()).json()["has_password"], false);
}

#[test]
fn basic_challenge_is_for_programs_and_not_for_pages() {
    let fixture = Fixture::with_password(&[]);
    let challenge = |ask| fixture.ask(ask).headers[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned();
    assert!(challenge(get()).starts_with("Basic realm=\"ztor\""));
    for ask in [get().header("sec-fetch-mode", "cors"), login("wrong")] {
        assert!(challenge(ask).starts_with("Bearer"));
    }
}

#[test]
fn basic_credentials_are_verified_once_until_the_password_changes() {
    let fixture = Fixture::with_password(&[]);
    assert_eq!(fixture.ask(get().basic("ztor", PASSWORD)).status, 200);
    assert_eq!(fixture.ask(get().basic("ztor", "wrong")).status, 401);
    let change = r#"{"password":"another one","username":"me"}"#;
    assert_eq!(fixture.ask(Ask::to("PUT /account").local().json(change)).json()["username"], "me");
    assert_eq!(fixture.ask(get().basic("ztor", PASSWORD)).status, 401);
    assert_eq!(fixture.ask(get().basic("ztor", "another one")).status, 401);
    assert_eq!(fixture.ask(get().basic("me", "another one")).status, 200);
}

#[test]
fn right_password_ends_the_count_of_failures_also_from_the_cache() {
    let fixture = Fixture::with_password(&[("login_attempts", "3")]);
    let mut answers = Vec::new();
    for password in [PASSWORD, "a", "b", PASSWORD, "c", "d", PASSWORD, "e", "f", "g", PASSWORD] {
        answers.push(fixture.ask(get().basic("ztor", password)).status);
    }
    assert_eq!(answers, [200, 401, 401, 200, 401, 401, 200, 401, 401, 401, 429]);
}

#[test]
fn user_name_of_the_settings_is_that_of_the_start() {
    let fixture = Fixture::with_password(&[]);
    let change = Ask::to("PUT /settings/username").local().json(r#"{"value":"owner"}"#);
    assert_eq!(fixture.ask(change).status, 200);
    assert_eq!(fixture.ask(Ask::to("GET /account").local()).json()["username"], "ztor");
    assert_eq!(fixture.ask(get().basic("owner", PASSWORD)).status, 401);
    assert_eq!(fixture.ask(get().basic("ztor", PASSWORD)).status, 200);
}

#[test]
fn session_lives_from_login_to_logout() {
    let fixture = Fixture::with_password(&[]);
    let begun = fixture.ask(login(PASSWORD));
    let set = begun.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(set.contains("; HttpOnly; SameSite=Strict; Path=/; ") && !set.contains("Secure"), "{set}");
    assert_eq!(begun.json()["username"], "ztor");
    let cookie = begun.cookie();
    let state = fixture.ask(Ask::to("GET /session").header("cookie", &cookie)).json();
    assert_eq!((&state["by"], &state["username"]), (&"session".into(), &"ztor".into()));
    // Wrong credentials beside a good cookie do no harm.
    assert_eq!(fixture.ask(get().header("cookie", &cookie).basic("a", "b")).status, 200);
    // The cookie alone does not authorise a page of another site.
    let foreign = get().header("cookie", &cookie).header("origin", "http://evil.example");
    assert_eq!(fixture.ask(foreign).status, 403);
    // A login replaces the session of the browser.
    let second = fixture.ask(login(PASSWORD).header("cookie", &cookie)).cookie();
    assert_eq!(fixture.ask(get().header("cookie", &cookie)).status, 401);
    let ended = fixture.ask(Ask::to("DELETE /session").header("cookie", &second));
    assert!(ended.headers[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(fixture.ask(get().header("cookie", &second)).status, 401);
}

#[test]
fn session_outlives_a_restart_unless_it_was_ended_or_the_password_is_another() {
    let fixture = Fixture::with_password(&[]);
    let [open, ended] = [(); 2].map(|()| fixture.ask(login(PASSWORD)).cookie());
    fixture.ask(Ask::to("DELETE /session").header("cookie", &ended));
    let fixture = fixture.restart(&[]);
    let status = |fixture: &Fixture, cookie: &str| fixture.ask(get().header("cookie", cookie)).status;
    assert_eq!((status(&fixture, &open), status(&fixture, &ended)), (200, 401));
    let path = fixture.folder.path().join("password");
    std::fs::write(&path, "from the file\n").unwrap();
    let settings = [("password_file", path.to_str().unwrap())];
    let fixture = fixture.restart(&settings);
    assert_eq!(status(&fixture, &open), 401, "the password is another one");
    let of_file = fixture.ask(login("from the file")).cookie();
    let fixture = fixture.restart(&settings);
    assert_eq!(status(&fixture, &of_file), 200, "the password in the file is the same");
    std::fs::write(&path, "changed").unwrap();
    let fixture = fixture.restart(&settings);
    assert_eq!(status(&fixture, &of_file), 401);
}

#[test]
fn cookie_is_secure_over_tls_and_behind_a_proxy_with_tls() {
    let fixture = Fixture::with_password(&[("trusted_proxies", "10.0.0.1"), ("base_path", "/ztor")]);
    let login = || login(PASSWORD).path("/ztor/api/v1/session");
    let set = |ask| fixture.ask(ask).headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(!set(login()).contains("Secure") && set(login()).contains("Path=/ztor;"));
    assert!(set(login().tls()).ends_with("; Secure"));
    assert!(set(login().from("10.0.0.1").header("x-forwarded-proto", "https")).ends_with("; Secure"));
    assert!(!set(login().header("x-forwarded-proto", "https")).contains("Secure"));
    assert_eq!(fixture.ask(Ask::to("GET /health")).status, 401, "the API is below the base path only");
    assert_eq!(fixture.ask(get().path("/ztor/api/v1/health")).status, 200);
}

#[test]
fn password_change_ends_other_sessions_and_codes_and_survives_a_restart() {
    let fixture = Fixture::with_password(&[]);
    let [cookie, other] = [(); 2].map(|()| fixture.ask(login(PASSWORD)).cookie());
    let token = fixture.ask(Ask::to("POST /tokens").local().json(r#"{"name":"a"}"#)).json()["token"].clone();
    let link = fixture.ask(Ask::to("POST /session/link").local()).json()["code"].clone();
    let change = |body: &str| fixture.ask(Ask::to("PUT /account").header("cookie", &cookie).json(body));
    assert_eq!(change(r#"{"password":"new password"}"#).problem(), ProblemKind::BadRequest);
    let wrong = change(r#"{"password":"new password","current_password":"wrong"}"#);
    assert_eq!(wrong.problem(), ProblemKind::Unauthorized);
    assert!(wrong.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer"), "no dialog");
    assert_eq!(change(r#"{"password":"short"}"#).problem(), ProblemKind::BadRequest);
    assert_eq!(change(r#"{"password":"long enough","username":"a:b"}"#).problem(), ProblemKind::BadRequest);
    let body = format!(r#"{{"password":"new password","current_password":"{PASSWORD}"}}"#);
    assert_eq!(change(&body).status, 200);
    assert_eq!(fixture.ask(get().header("cookie", &cookie)).status, 200);
    assert_eq!(fixture.ask(get().header("cookie", &other)).status, 401);
    assert_eq!(fixture.ask(Ask::to("POST /session").json(&format!(r#"{{"code":{link}}}"#))).status, 401);
    let token = token.as_str().unwrap();
    assert_eq!(fixture.ask(get().bearer(token)).status, 200);
    let fixture = fixture.restart(&[]);
    assert_eq!(fixture.ask(get().header("cookie", &cookie)).status, 200);
    assert_eq!(fixture.ask(get().basic("ztor", PASSWORD)).status, 401);
    assert_eq!(fixture.ask(get().basic("ztor", "new password")).status, 200);
    assert_eq!(fixture.ask(get().bearer(token)).status, 200);
}

#[test]
fn password_file_wins_and_its_change_is_read_by_a_reload() {
    let fixture = Fixture::with_password(&[]);
    let path = fixture.folder.path().join("password");
    std::fs::write(&path, "from the file\n").unwrap();
    let settings = [("password_file", path.to_str().unwrap()), ("username", "owner")];
    let fixture = fixture.restart(&settings);
    let refused = fixture.ask(Ask::to("PUT /account").local().json(r#"{"password":"another one"}"#));
    assert_eq!(refused.problem(), ProblemKind::Conflict);
    assert!(refused.body.contains("password_file"), "{refused:?}");
    assert_eq!(fixture.ask(get().basic("ztor", PASSWORD)).status, 401);
    assert_eq!(fixture.ask(get().basic("owner", "from the file")).status, 200);
    assert_eq!(fixture.ask(Ask::to("GET /account").local()).json()["is_from_file"], true);
    let cookie = fixture.ask(get().basic("owner", "from the file").path("/api/v1/session"));
    assert_eq!(cookie.json()["by"], "password");
    fixture.access.reload().unwrap();
    assert_eq!(fixture.ask(get().basic("owner", "from the file")).status, 200);
    std::fs::write(&path, "changed").unwrap();
    fixture.access.reload().unwrap();
    assert_eq!(fixture.ask(get().basic("owner", "from the file")).status, 401);
    assert_eq!(fixture.ask(get().basic("owner", "changed")).status, 200);
    std::fs::write(&path, "").unwrap();
    assert!(fixture.access.reload().unwrap_err().to_string().contains("password"));
    assert_eq!(fixture.ask(get().basic("owner", "changed")).status, 200);
}

#[test]
fn login_link_works_once() {
    let fixture = Fixture::start(&[]);
    let link = fixture.ask(Ask::to("POST /session/link").local()).json();
    assert_eq!(link["valid_s"], 300);
    let login = || Ask::to("POST /session").json(&format!(r#"{{"code":{}}}"#, link["code"]));
    let cookie = fixture.ask(login()).cookie();
    assert_eq!(fixture.ask(get().header("cookie", &cookie)).status, 200);
    assert_eq!(fixture.ask(login()).status, 401);
}

#[test]
fn login_by_the_link_of_a_token_ends_with_the_token() {
    let fixture = Fixture::with_password(&[]);
    let token = fixture.ask(Ask::to("POST /tokens").local().json(r#"{"name":"a"}"#)).json()["token"].clone();
    let code = |ask: Ask| fixture.ask(ask).json()["code"].as_str().unwrap().to_owned();
    let redeem = |code: &str| fixture.ask(Ask::to("POST /session").json(&format!(r#"{{"code":"{code}"}}"#)));
    let status = |cookie: &str| fixture.ask(get().header("cookie", cookie)).status;
    let link = || Ask::to("POST /session/link");
    let of_token = redeem(&code(link().bearer(token.as_str().unwrap()))).cookie();
    // A session cannot make one that outlives it.
    let of_session = redeem(&code(link().header("cookie", &of_token))).cookie();
    let unused = code(link().bearer(token.as_str().unwrap()));
    let own = redeem(&code(link().local())).cookie();
    assert_eq!([status(&of_token), status(&of_session), status(&own)], [200; 3]);
    assert_eq!(fixture.ask(Ask::to("DELETE /tokens/a").local()).status, 200);
    assert_eq!([status(&of_token), status(&of_session), status(&own)], [401, 401, 200]);
    assert_eq!(redeem(&unused).status, 401);
}

#[test]
fn token_is_shown_once_listed_without_its_secret_and_removed() {
    let fixture = Fixture::start(&[]);
    let made = fixture.ask(Ask::to("POST /tokens").local().json(r#"{"name":"home assistant"}"#)).json();
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("ztor_") && token.len() == 57, "{token}");
    let again = Ask::to("POST /tokens").bearer(token).json(r#"{"name":"home assistant"}"#);
    assert_eq!(fixture.ask(again).problem(), ProblemKind::Conflict);
    let list = fixture.ask(Ask::to("GET /tokens").bearer(token));
    assert!(!list.body.contains(token) && !list.body.contains("sha256"), "{list:?}");
    assert_eq!(list.json()[0]["name"], "home assistant");
    assert!(list.json()[0]["last_used_unix_s"].as_u64().unwrap() > 1_700_000_000);
    assert_eq!(fixture.ask(Ask::to("GET /session").bearer(token)).json()["token"], "home assistant");
    assert_eq!(fixture.ask(Ask::to("DELETE /tokens/other").bearer(token)).problem(), ProblemKind::NotFound);
    assert_eq!(fixture.ask(Ask::to("DELETE /tokens/home%20assistant").bearer(token)).status, 200);
    assert_eq!(fixture.ask(get().bearer(token)).status, 401);
    let fixture = fixture.restart(&[]);
    assert_eq!(fixture.ask(Ask::to("GET /tokens").local()).body, "[]");
}

#[test]
fn brute_force_leads_to_a_ban_of_the_address_only() {
    let settings = [("trusted_proxies", "10.0.0.1"), ("login_attempts", "3"), ("login_ban", "1h")];
    let fixture = Fixture::with_password(&settings);
    let token = fixture.ask(Ask::to("POST /tokens").local().json(r#"{"name":"a"}"#)).json();
    let token = token["token"].as_str().unwrap();
    let from = |ask: Ask, client: &str| ask.from("10.0.0.1").header("x-forwarded-for", client);
    let attacker = "2001:db8::bad";
    let cookie = fixture.ask(from(login(PASSWORD), attacker)).cookie();
    // Each kind of failure counts.
    assert_eq!(fixture.ask(from(login("wrong"), attacker)).status, 401);
    assert_eq!(fixture.ask(from(get().basic("ztor", "wrong"), attacker)).status, 401);
    assert_eq!(fixture.ask(from(get().bearer("ztor_wrong"), attacker)).status, 401);
    for ask in [login(PASSWORD), get().basic("ztor", PASSWORD), get().bearer("ztor_x")] {
        // A network of 64 bits has many addresses.
        let banned = fixture.ask(from(ask, "2001:db8::1"));
        assert_eq!(banned.problem(), ProblemKind::TooMany);
        let rest: u64 = banned.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((3590..=3601).contains(&rest), "{rest}");
    }
    // What nobody can guess still works.
    assert_eq!(fixture.ask(from(get().header("cookie", &cookie), attacker)).status, 200);
    assert_eq!(fixture.ask(from(get().bearer(token), attacker)).status, 200);
    // Others are not concerned, and an untrusted client cannot choose its address.
    assert_eq!(fixture.ask(from(login(PASSWORD), "2001:db8:1::1")).status, 200);
    assert_eq!(fixture.ask(login(PASSWORD).header("x-forwarded-for", attacker)).status, 200);
}

#[test]
fn success_resets_the_failures_of_an_address() {
    let fixture = Fixture::with_password(&[("login_attempts", "2")]);
    for _ in 0..3 {
        assert_eq!(fixture.ask(login("wrong")).status, 401);
        assert_eq!(fixture.ask(login(PASSWORD)).status, 200);
    }
}

#[test]
fn hashing_of_many_logins_at_once_is_bounded() {
    let fixture = Fixture::with_password(&[("login_attempts", "1000")]);
    assert_eq!(fixture.ask(get().basic("ztor", PASSWORD)).status, 200);
    let statuses = fixture.runtime.block_on(async {
        let fixture = &fixture;
        let mut asks = Vec::new();
        for n in 0..200 {
            asks.push(Box::pin(fixture.answer(login(&format!("wrong {n}")))));
        }
        // Credentials that were verified before need no hash, and no turn.
        asks.push(Box::pin(fixture.answer(get().basic("ztor", PASSWORD))));
        let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
        // All are polled once before any can end.
        let mut done = vec![false; asks.len()];
        std::future::poll_fn(|cx| {
            for (ask, done) in asks.iter_mut().zip(&mut done).filter(|(_, done)| !**done) {
                if let std::task::Poll::Ready(answer) = ask.as_mut().poll(cx) {
                    *done = true;
                    *statuses.entry(answer.status).or_default() += 1;
                }
            }
            if done.iter().all(|done| *done) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        statuses
    });
    assert_eq!(statuses[&200], 1);
    assert!(statuses[&401] <= 60 && statuses[&503] >= 140, "{statuses:?}");
}

#[test]
fn remote_client_without_tls_is_refused_before_it_sends_credentials() {
    let fixture = Fixture::with_password(&[("trusted_proxies", "10.0.0.1")]);
    for ask in [login(PASSWORD), get(), get().basic("ztor", PASSWORD), get().bearer("x")] {
        let refused = fixture.ask(ask.clone().from("192.0.2.1"));
        assert_eq!(refused.problem(), ProblemKind::Forbidden);
        assert!(refused.body.contains("allow_remote_without_tls"), "{refused:?}");
        assert!(!refused.headers.contains_key(header::WWW_AUTHENTICATE));
    }
    assert_eq!(fixture.ask(login(PASSWORD).from("192.0.2.1").tls()).status, 200);
    assert_eq!(
        fixture.ask(login(PASSWORD).from("10.0.0.1").header("x-forwarded-for", "192.0.2.1")).status,
        200
    );
    assert_eq!(fixture.ask(Ask::to("GET /health").from("192.0.2.1")).status, 200);
    let change =
        fixture.daemon.change_setting("allow_remote_without_tls", &ztor_api::SettingValue::Bool(true));
    fixture.runtime.block_on(change).unwrap();
    assert_eq!(fixture.ask(login(PASSWORD).from("192.0.2.1")).status, 200);
}

#[test]
fn host_name_is_allowed_by_its_setting() {
    let fixture = Fixture::with_password(&[("allowed_hosts", "nas.example")]);
    let host = |host: &str| fixture.ask(Ask::to("GET /health").header("host", host)).status;
    assert_eq!(host("NAS.example:9480"), 200);
    assert_eq!(host("other.example"), 403);
    let same = login(PASSWORD).header("host", "nas.example").header("origin", "https://nas.example");
    assert_eq!(fixture.ask(same).status, 200);
    assert!(fixture.daemon.end(Duration::ZERO, Duration::from_secs(60)));
}
