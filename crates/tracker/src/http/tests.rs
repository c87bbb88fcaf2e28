#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use crate::types::testing::any_announce;
use std::net::{IpAddr, SocketAddr};
use ztor_base::{PeerId, SwarmId};

use proptest::prelude::*;

use super::*;
use crate::{
    AnnounceEvent, AnnounceReply, AnnounceRequest, MAX_PEERS, Retry, ScrapeEntry, TrackerError, TrackerPeer,
};

fn request() -> AnnounceRequest {
    let info_hash = SwarmId::new(*b"\x00\x01 +&=%abc~._-XYZ\xff\x80\n");
    let request = AnnounceRequest::new(info_hash, PeerId::new(*b"-ZR0100-abcdefghijkl"), 6881);
    AnnounceRequest { uploaded: 1, downloaded: 2, left: 3, key: 0xab, ..request }
}

fn refused(body: &[u8]) -> String {
    parse_announce(body).unwrap_err().to_string()
}

#[test]
fn announce_url_of_a_request_has_all_its_values() {
    let url = announce_url("http://t.example/announce", &request()).unwrap();
    assert_eq!(
        url,
        "http://t.example/announce?info_hash=%00%01%20%2B%26%3D%25abc~._-XYZ%FF%80%0A\
         &peer_id=-ZR0100-abcdefghijkl&port=6881&uploaded=1&downloaded=2&left=3&compact=1&key=000000AB"
    );
    let full = AnnounceRequest {
        event: AnnounceEvent::Completed,
        num_want: Some(50),
        tracker_id: Some(b"a b".to_vec()),
        ip: Some(IpAddr::from([10, 0, 0, 1])),
        ..request()
    };
    let url = announce_url("https://t.example:444/x/announce.php?passkey=a%2Fb&u=1#frag", &full).unwrap();
    assert!(url.starts_with("https://t.example:444/x/announce.php?passkey=a%2Fb&u=1&info_hash="), "{url}");
    assert!(url.ends_with("&event=completed&numwant=50&ip=10.0.0.1&trackerid=a%20b"), "{url}");
}

#[test]
fn announce_url_of_an_unusable_address_is_an_error() {
    for (url, why) in [
        ("udp://t.example:1", "udp trackers are not supported"),
        ("wss://t.example/", "wss trackers are not supported"),
        ("file:///etc/passwd", "file trackers are not supported"),
        ("rubbish?key=secret", "its address cannot be used: not a URL"),
        ("http://t.example:0/announce", "its address cannot be used: the port is 0"),
        (
            "http://127.0.0.1:8080/api/v2/delete?x=1",
            "its address cannot be used: a tracker on this machine must have the path /announce",
        ),
        (
            "http://[::ffff:127.0.0.1]/announce?info_hash=x",
            "its address cannot be used: a tracker on this machine must not set the announce's own keys",
        ),
    ] {
        assert_eq!(announce_url(url, &request()).unwrap_err().to_string(), why);
    }
    assert!(announce_url("http://localhost:6969/announce?token=1", &request()).is_ok());
}

#[test]
fn may_ask_loopback_is_true_only_for_our_requests() {
    for tracker in ["http://t.example/announce", "http://t.example/announce?token=1&x="] {
        let mut req = request();
        for _ in 0..2 {
            assert!(may_ask_loopback(&announce_url(tracker, &req).unwrap()), "{tracker}");
            req = AnnounceRequest {
                tracker_id: Some(b"x".to_vec()),
                num_want: Some(5),
                ip: Some([1, 2, 3, 4].into()),
                event: AnnounceEvent::Started,
                ..req
            };
        }
        assert!(may_ask_loopback(&scrape_url(tracker, &[SwarmId::new([1; 20]); 3]).unwrap()), "{tracker}");
    }
    for tracker in [
        "http://t.example/api/v2/app/shutdown",
        "http://t.example/transmission/rpc?x=1",
        "http://t.example/x/announce",
        "http://t.example/announce?info_hash=1",
        "http://t.example/announce?info_hash=1&cmd=stop",
        "http://t.example/announce?port=1",
        "http://t.example/announce?event=stopped",
        "http://t.example/announce?i%6efo_hash=1",
    ] {
        assert!(!may_ask_loopback(&announce_url(tracker, &request()).unwrap()), "{tracker}");
    }
    for request in ["http://t.example/announce", "http://t.example/scrape?x=1", "rubbish"] {
        assert!(!may_ask_loopback(request), "{request}");
    }
}

#[test]
fn scrape_url_of_an_announce_url_replaces_the_last_part() {
    let hashes = [[b'a'; 20], [0xff; 20]].map(SwarmId::new);
    let scrape = scrape_url("http://t.example/x/announce.php?k=v", &hashes).unwrap();
    let escaped = "%FF".repeat(20);
    let expected =
        format!("http://t.example/x/scrape.php?k=v&info_hash=aaaaaaaaaaaaaaaaaaaa&info_hash={escaped}");
    assert_eq!(scrape, expected);
    assert!(scrape_url("http://t.example/a", &hashes).is_err());
    assert!(scrape_url("http://t.example/announce/x", &hashes).is_err());
}

#[test]
fn parse_announce_of_mixed_forms_reads_all_peers() {
    let body = b"d8:completei5e10:incompletei7e8:intervali1800e12:min intervali60e\
        5:peersld2:ip9:192.0.2.17:peer id20:aaaaaaaaaaaaaaaaaaaa4:porti6881eed2:ip11:2001:db8::14:porti1ee\
        d2:ip12:host.example4:porti6881eed2:ip9:192.0.2.14:porti0eed2:ip9:192.0.2.14:porti6881eee\
        6:peers618:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x1a\xe110:tracker id3:abc\
        15:warning message5:a\x1b\nbce";
    let body = body.to_vec();
    let reply = parse_announce(&body).unwrap();
    assert_eq!((reply.interval_s, reply.min_interval_s), (1800, Some(60)));
    assert_eq!((reply.seeders, reply.leechers, reply.downloads), (Some(5), Some(7), None));
    assert_eq!(reply.warning.as_deref(), Some("a bc"));
    assert_eq!(reply.tracker_id.as_deref(), Some(&b"abc"[..]));
    let peers: Vec<_> = reply.peers.iter().map(|p| (p.addr.to_string(), p.peer_id.is_some())).collect();
    let expected = [("192.0.2.1:6881", true), ("[2001:db8::1]:1", false), ("[2001:db8::2]:6881", false)];
    assert_eq!(peers, expected.map(|(addr, id)| (addr.to_owned(), id)));
}

#[test]
fn parse_announce_of_implausible_compact_peers_drops_them() {
    let good = [192, 0, 2, 1, 0x1a, 0xe1];
    let peers = [
        &good[..],
        &[192, 0, 2, 2, 0, 0],
        &[0, 0, 0, 0, 1, 1],
        &[224, 0, 0, 1, 1, 1],
        &[255, 255, 255, 255, 1, 1],
        &good,
        &[1, 2, 3],
    ]
    .concat();
    let body = [b"d8:intervali1e5:peers", format!("{}:", peers.len()).as_bytes(), &peers, b"e"].concat();
    let reply = parse_announce(&body).unwrap();
    assert_eq!(reply.peers, [TrackerPeer { addr: "192.0.2.1:6881".parse().unwrap(), peer_id: None }]);
}

#[test]
fn parse_announce_of_too_many_peers_stops_at_the_bound() {
    let peers: Vec<u8> =
        (0..5000_u32).flat_map(|i| [&(0x0a00_0000 + i).to_be_bytes()[..], &[1, 1]].concat()).collect();
    let body = [b"d5:peers", format!("{}:", peers.len()).as_bytes(), &peers, b"e"].concat();
    let reply = parse_announce(&body).unwrap();
    assert_eq!((reply.peers.len(), reply.interval_s), (MAX_PEERS, DEFAULT_INTERVAL_S));
}

#[test]
fn external_ip_of_four_or_sixteen_bytes_is_read() {
    let ip = |bytes: &[u8]| {
        let length = bytes.len().to_string();
        let body = [b"d11:external ip", length.as_bytes(), b":", bytes, b"8:intervali9ee"].concat();
        parse_announce(&body).unwrap().external_ip
    };
    assert_eq!(ip(&[192, 0, 2, 9]), Some(IpAddr::from([192, 0, 2, 9])));
    assert_eq!(ip(&[0; 16]), None);
    assert_eq!(ip(b"192.0.2.9"), None);
    let mut mapped = [0; 16];
    mapped[10..].copy_from_slice(&[255, 255, 192, 0, 2, 9]);
    assert_eq!(ip(&mapped), Some(IpAddr::from([192, 0, 2, 9])));
}

#[test]
fn parse_announce_of_a_refusal_returns_reason_and_retry() {
    let failure = |body: &[u8]| match parse_announce(body) {
        Err(TrackerError::Failure { reason, retry }) => (reason, retry),
        other => panic!("{other:?}"),
    };
    assert_eq!(failure(b"d14:failure reason2:noe"), ("no".into(), Retry::Unsaid));
    assert_eq!(failure(b"d14:failure reason2:no8:retry ini5ee").1, Retry::After(300));
    assert_eq!(failure(b"d14:failure reason2:no8:retry in1:5e").1, Retry::After(300));
    assert_eq!(failure(b"d14:failure reason2:no8:retry in5:nevere").1, Retry::Never);
    assert_eq!(failure(b"d14:failure reason2:no8:retry in3:onee").1, Retry::Unsaid);
    assert_eq!(failure(b"d14:failure reason0:e").0, "failure, without a reason");
    assert_eq!(
        parse_scrape(b"d14:failure reason2:noe", &[]).unwrap_err().to_string(),
        "the tracker says: no"
    );
}

#[test]
fn parse_announce_of_another_body_is_an_error() {
    assert_eq!(refused(b""), "the answer is empty");
    assert_eq!(
        refused(b"<!DOCTYPE html>\n<html><h1>It works!</h1>"),
        "the answer is a web page, not a tracker's: \"<!DOCTYPE html> <html><h1>It works!</h1>\""
    );
    assert_eq!(refused(b"OK"), "the answer is not a tracker's: \"OK\"");
    assert_eq!(refused(b"le"), "the answer is not a dictionary: \"le\"");
    assert_eq!(refused(b"d1:ai1ee"), "the answer has neither peers nor an interval: \"d1:ai1ee\"");
    assert!(
        refused(b"d8:interval").starts_with("the answer is broken: byte "),
        "{}",
        refused(b"d8:interval")
    );
    assert!(refused(b"\x1f\x8b\x08").contains("gzip"));
    assert!(refused(&vec![b' '; MAX_BODY_LEN + 1]).contains("at most 1048576"));
}

#[test]
fn parse_response_with_an_error_status_prefers_the_body() {
    let status = |status, body: &[u8]| parse_response(status, body).unwrap_err().to_string();
    assert_eq!(status(404, b"<html>"), "HTTP status 404");
    assert_eq!(status(503, b"overloaded"), "HTTP status 503: overloaded");
    assert_eq!(status(400, b"d14:failure reason2:noe"), "the tracker says: no");
    assert!(parse_response(200, b"d8:intervali1ee").is_ok());
}

#[test]
fn parse_announce_query_of_invalid_values_names_the_key() {
    let id = "a".repeat(20);
    let error = |query: &str| parse_announce_query(query).unwrap_err().to_string();
    assert_eq!(error(""), "info_hash is missing");
    assert_eq!(error("info_hash=%00"), "info_hash must be 20 bytes, percent-encoded");
    assert_eq!(error(&format!("info_hash={id}")), "peer_id is missing");
    assert_eq!(error(&format!("info_hash={id}&peer_id={id}")), "port is missing");
    assert_eq!(
        error(&format!("info_hash={id}&peer_id={id}&port=65536")),
        "port must be a number in its range"
    );
    assert_eq!(error(&format!("info_hash={id}&peer_id={id}&port=+1")), "port must be a number in its range");
    assert_eq!(
        error(&format!("info_hash={id}&peer_id={id}&port=1&event=x")),
        "event must be started, stopped or completed"
    );
    let query =
        parse_announce_query(&format!("info_hash={id}&peer_id={id}&port=1&numwant=-1&compact=0&left=")).ok();
    assert_eq!(query, None);
    let query = format!("info_hash={id}&peer_id={id}&port=1&numwant=-1&compact=0&no_peer_id=1&port=2&&x");
    let query = parse_announce_query(&query).unwrap();
    assert_eq!((query.request.num_want, query.form, query.request.port), (None, PeerForm::WithoutIds, 1));
    assert_eq!(query.request.left, u64::MAX);
}

#[test]
fn parse_scrape_query_returns_hashes_up_to_the_bound() {
    let id = "a".repeat(20);
    assert_eq!(parse_scrape_query(&format!("info_hash={id}&x=1&info_hash={id}")).unwrap().len(), 2);
    assert_eq!(parse_scrape_query("x=1"), Err(QueryError::Missing("info_hash")));
    let many = vec![format!("info_hash={id}"); MAX_SCRAPE + 1].join("&");
    assert_eq!(parse_scrape_query(&many), Err(QueryError::TooManyHashes));
}

/// Generates announces as over HTTP, which may have a tracker id, and an address of either family.
fn an_announce() -> impl Strategy<Value = AnnounceRequest> {
    let tracker_id = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..30));
    (any_announce(), any::<Option<u32>>(), tracker_id, any::<Option<[u8; 16]>>()).prop_map(
        |(announce, num_want, tracker_id, ip)| AnnounceRequest {
            num_want,
            tracker_id,
            ip: ip.map(IpAddr::from),
            ..announce
        },
    )
}

proptest! {
    #[test]
    fn announce_url_round_trips(request in an_announce()) {
        let url = announce_url("http://t.example/announce?a=b", &request).unwrap();
        let (_, query) = url.split_once('?').unwrap();
        let read = parse_announce_query(query).unwrap();
        prop_assert_eq!(read, AnnounceQuery { request, form: PeerForm::Compact });
    }

    #[test]
    fn announce_replies_round_trip(
        interval_s in 1..=u32::MAX, numbers: (Option<u32>, Option<u32>, Option<u32>),
        min_interval_s in proptest::option::of(1..=u32::MAX),
        v4 in proptest::collection::btree_set((1..=223_u8, any::<[u8; 3]>(), 1..=u16::MAX), 0..20),
        v6 in proptest::collection::btree_set((any::<[u8; 14]>(), 1..=u16::MAX), 0..20),
        id: [u8; 20], form in prop_oneof![Just(PeerForm::Compact), Just(PeerForm::Dictionaries), Just(PeerForm::WithoutIds)],
    ) {
        let v4 = v4.into_iter().map(|(a, [b, c, d], port)| SocketAddr::from(([a, b, c, d], port)));
        let v6 = v6.into_iter().map(|(low, port)| {
            let mut ip = [0x20; 16];
            ip[2..].copy_from_slice(&low);
            SocketAddr::from((ip, port))
        });
        let peer_id = (form == PeerForm::Dictionaries).then_some(PeerId::new(id));
        let reply = AnnounceReply {
            interval_s, min_interval_s, seeders: numbers.0, leechers: numbers.1, downloads: numbers.2,
            peers: v4.chain(v6).map(|addr| TrackerPeer { addr, peer_id }).collect(),
            warning: Some("mind".into()), tracker_id: Some(b"tid".to_vec()), external_ip: Some(IpAddr::from([9, 9, 9, 9])),
        };
        prop_assert_eq!(parse_announce(&encode_announce(&reply, form)), Ok(reply));
    }

    #[test]
    fn scrapes_round_trip(files in proptest::collection::btree_map(any::<[u8; 20]>(), any::<(u32, u32, u32, Option<u32>)>(), 0..10)) {
        let files: Vec<_> = files.into_iter()
            .map(|(hash, (seeders, leechers, downloads, downloaders))| {
                (SwarmId::new(hash), ScrapeEntry { seeders, leechers, downloads, downloaders })
            })
            .collect();
        let hashes: Vec<_> = files.iter().map(|(hash, _)| *hash).collect();
        let entries: Vec<_> = files.iter().map(|(_, entry)| *entry).collect();
        prop_assert_eq!(parse_scrape(&encode_scrape(&files), &hashes), Ok(entries));
    }

    #[test]
    fn failures_round_trip(reason in "[a-z ]{1,50}[a-z]", minutes: Option<u16>) {
        let body = encode_failure(reason.trim_start(), minutes.map(u32::from));
        let retry = minutes.map_or(Retry::Unsaid, |m| Retry::After(u32::from(m) * 60));
        let said = crate::text::plain(reason.as_bytes());
        let Err(TrackerError::Failure { reason, retry: read }) = parse_announce(&body) else { unreachable!() };
        prop_assert_eq!((reason, read), (said, retry));
    }

    #[test]
    fn parse_of_any_bytes_does_not_panic(bytes: Vec<u8>, text: String, at: prop::sample::Index, to: u8) {
        let _ = (parse_announce(&bytes), parse_scrape(&bytes, &[[0; 20].into()]), parse_response(500, &bytes));
        let _ = (parse_announce_query(&text), parse_scrape_query(&text));
        let _ = (announce_url(&text, &request()), scrape_url(&text, &[]));
        let mut near = b"d8:completei5e11:external ip4:abcd8:intervali18e5:peersld2:ip9:192.0.2.14:porti6881eeee".to_vec();
        let at = at.index(near.len());
        near[at] = to;
        let _ = parse_announce(&near);
    }
}
