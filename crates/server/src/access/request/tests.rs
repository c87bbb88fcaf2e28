use super::*;
use axum::http::Request;

fn rules() -> Rules {
    Rules {
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        allowed_hosts: vec!["nas.example".into()],
        base_path: "/ztor".into(),
    }
}

fn ask(peer: &str, is_tls: bool, line: &str, headers: &[(&str, &str)]) -> Result<Source, u16> {
    let (method, uri) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let connection = Connection { peer: peer.parse().unwrap(), is_tls };
    examine(&rules(), connection, &parts, false).map_err(|denied| denied.problem.status)
}

const API: &str = "POST /ztor/api/v1/torrents";

fn status(headers: &[(&str, &str)]) -> u16 {
    ask("127.0.0.1", false, API, headers).err().unwrap_or(200)
}

#[test]
fn examine_without_one_good_host_is_a_bad_request() {
    assert_eq!(status(&[]), 400);
    assert_eq!(status(&[("host", "127.0.0.1"), ("host", "127.0.0.1")]), 400);
    assert_eq!(status(&[("host", "")]), 400);
    assert_eq!(status(&[("host", "a b")]), 400);
    assert_eq!(status(&[("host", "nas.example:1")]), 200);
    let whole = |host| ask("127.0.0.1", false, "GET http://127.0.0.1:1/x", &[("host", host)]).err();
    assert_eq!(whole("127.0.0.1:1"), None);
    assert_eq!(whole("127.0.0.2:1"), Some(400));
}

#[test]
fn examine_ignores_forwarded_hosts() {
    let forwarded = [("host", "nas.example"), ("x-forwarded-host", "evil.example")];
    assert!(ask("10.0.0.1", false, API, &forwarded).is_ok());
    let forwarded = [("host", "evil.example"), ("x-forwarded-host", "nas.example")];
    assert_eq!(ask("10.0.0.1", false, API, &forwarded), Err(403));
}

#[test]
fn examine_takes_forwarded_addresses_and_schemes_from_trusted_proxies_only() {
    let headers = [("host", "nas.example"), ("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https")];
    let source = ask("10.0.0.1", false, API, &headers).unwrap();
    assert_eq!(
        (source.client.to_string().as_str(), source.is_secure, source.is_private),
        ("192.0.2.1", true, true)
    );
    let source = ask("198.51.100.1", false, API, &headers).unwrap();
    assert_eq!(source.client.to_string(), "198.51.100.1");
    assert!(!source.is_secure && !source.is_private);
    assert!(ask("198.51.100.1", true, API, &headers).unwrap().is_private);
    assert!(ask("::ffff:127.0.0.1", false, API, &headers).unwrap().is_private);
}

#[test]
fn examine_refuses_other_origins() {
    let origin = |origin| status(&[("host", "nas.example"), ("origin", origin)]);
    assert_eq!(origin("http://nas.example"), 200);
    assert_eq!(origin("https://nas.example"), 200, "a proxy may speak TLS");
    for foreign in ["null", "http://evil.example", "http://nas.example:8080", "ftp://nas.example", "", "é"] {
        assert_eq!(origin(foreign), 403, "{foreign}");
    }
    let twice = [("host", "nas.example"), ("origin", "http://nas.example"), ("origin", "http://nas.example")];
    assert_eq!(status(&twice), 403);
    // A page without TLS may have been changed on its way.
    let plain = [("host", "nas.example:80"), ("origin", "http://nas.example")];
    assert_eq!(ask("127.0.0.1", true, API, &plain), Err(403));
}

#[test]
fn examine_refuses_other_sites_but_for_links_to_pages() {
    for site in ["cross-site", "same-site"] {
        let ask = |line, mode| {
            let headers = [("host", "localhost"), ("sec-fetch-site", site), ("sec-fetch-mode", mode)];
            ask("127.0.0.1", false, line, &headers).err()
        };
        assert_eq!(ask("GET /ztor/", "navigate"), None);
        assert_eq!(ask("GET /ztor/", "no-cors"), Some(403));
        assert_eq!(ask("POST /ztor/", "navigate"), Some(403));
        assert_eq!(ask("GET /ztor/api/v1/torrents", "navigate"), Some(403));
    }
    for site in ["same-origin", "none"] {
        assert_eq!(status(&[("host", "localhost"), ("sec-fetch-site", site)]), 200);
    }
}
