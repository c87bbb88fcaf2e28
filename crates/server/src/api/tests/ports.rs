//! The port of the daemon: its state, and its change while the daemon runs.

use super::fixture::{Ask, Fixture};
use std::net::{TcpListener, TcpStream};
use ztor_api::ProblemKind;

#[test]
fn port_changes_at_once_and_a_taken_one_is_refused() {
    let fixture = Fixture::start(&[]);
    let ask = |line: &str| fixture.ask(Ask::to(line).local());
    let port = || ask("GET /ports").json()["listen_port"].as_u64().unwrap();
    let (other, before) = (TcpListener::bind("127.0.0.1:0").unwrap(), port());
    let taken = other.local_addr().unwrap().port();
    let change = |port: u16| {
        fixture.ask(Ask::to("PUT /settings/port").local().json(&format!(r#"{{"value":{port}}}"#)))
    };
    let refused = change(taken);
    assert_eq!((refused.status, refused.problem()), (409, ProblemKind::Conflict));
    assert_eq!(ask("GET /settings/port").json()["value"], 0, "it is not stored");
    assert_eq!(port(), before);
    drop(other);
    let changed = change(taken);
    assert_eq!((changed.status, &changed.json()["is_pending"]), (200, &false.into()));
    assert_eq!(port(), u64::from(taken));
    assert!(TcpStream::connect(("127.0.0.1", taken)).is_ok());
    assert_eq!(ask("GET /statistics").json()["peer_port"], taken);
    assert!(ask("GET /daemon").json()["peer_addr"].as_str().unwrap().ends_with(&format!(":{taken}")));
}

#[test]
fn announced_port_of_the_settings_is_shown_and_loopback_is_not_mapped() {
    let fixture = Fixture::start(&[("announced_port", "51413")]);
    let ports = fixture.ask(Ask::to("GET /ports").local()).json();
    assert_eq!(ports["announced_port"], 51413);
    for family in ["ipv4", "ipv6"] {
        assert_eq!(ports[family]["state"], "off");
        assert_eq!(ports[family]["mappings"], serde_json::json!([]));
    }
}
