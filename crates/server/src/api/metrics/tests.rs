use super::text::{Kind, Text};
use crate::api::tests::fixture::{Ask, Fixture};
use std::collections::BTreeMap;

/// Parses the text format, and checks its rules.
fn parse(text: &str) -> BTreeMap<String, u64> {
    let (mut family, mut samples) = (String::new(), BTreeMap::new());
    assert!(text.ends_with('\n'));
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            assert!(!help.is_empty());
            family = name.to_owned();
            let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
            assert!(kind == "gauge" || kind == "counter");
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        assert_eq!(sample.split('{').next(), Some(family.as_str()));
        let old = samples.insert(sample.to_owned(), value.parse().unwrap());
        assert_eq!(old, None, "{sample}");
    }
    samples
}

#[test]
fn metrics_are_in_the_text_format_and_count_requests() {
    let fixture = Fixture::start(&[]);
    let magnet = format!(r#"{{"sources":[{{"magnet":"{}"}}],"options":{{"paused":true}}}}"#, "1".repeat(40));
    fixture.ask(Ask::to("POST /torrents").local().json(&magnet)).json();
    assert_eq!(fixture.ask(Ask::to("GET /nowhere").local()).status, 404);
    assert_eq!(fixture.ask(Ask::to("GET /daemon")).status, 401);
    assert_eq!(fixture.ask(Ask::to("GET /metrics")).status, 401, "over TCP it needs credentials");
    let answer = fixture.ask(Ask::to("GET /metrics").local());
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let samples = parse(&answer.body);
    let get = |name: &str| samples.get(name).copied();
    assert_eq!(get("ztor_torrents{state=\"paused\"}").or(get("ztor_torrents{state=\"loading\"}")), Some(1));
    let states = samples.iter().filter(|(name, _)| name.starts_with("ztor_torrents{"));
    let (names, sum) = states.fold((0, 0), |(names, sum), (_, number)| (names + 1, sum + number));
    assert_eq!((names, sum), (ztor_api::State::ALL.len(), 1));
    assert_eq!(get("ztor_build_info{version=\"\"}"), Some(1));
    assert_eq!(get("ztor_save_error"), Some(0));
    assert_eq!(get("ztor_api_requests_total{class=\"2xx\"}"), Some(1));
    assert_eq!(get("ztor_api_requests_total{class=\"4xx\"}"), Some(3));
    assert_eq!(get("ztor_api_requests_total{class=\"5xx\"}"), Some(0));
    assert!(get("ztor_free_bytes").is_some_and(|bytes| bytes > 0));
    for name in ["ztor_uptime_seconds", "ztor_peers", "ztor_session_downloaded_bytes_total"] {
        assert!(get(name).is_some(), "{name}");
    }
}

#[test]
fn labels_and_help_are_escaped() {
    let mut text = Text::default();
    text.family("a", Kind::Gauge, "b\\\nc").sample("a", &[("d", "\"\\\n"), ("e", "é")], 1);
    assert_eq!(text.into_string(), "# HELP a b\\\\\\nc\n# TYPE a gauge\na{d=\"\\\"\\\\\\n\",e=\"é\"} 1\n");
}
