//! Requests of the qBittorrent API with wrong values in each parameter of each endpoint.

use crate::junk;
use crate::target::{Target, shown};
use fastrand::Rng;
use serde_json::{Map, Value};
use std::io::Write as _;

/// Requests of a round for each endpoint.
const REQUESTS: usize = 12;
/// Changes of preferences in a round.
const CHANGES: usize = 150;
/// Names of all parameters.
const NAMES: [&str; 76] = [
    "addToTopOfQueue",
    "autoTMM",
    "categories",
    "category",
    "comment",
    "contentLayout",
    "cookie",
    "cookies",
    "data",
    "deleteFiles",
    "dirPath",
    "dlLimit",
    "downloadPath",
    "downloadPathEnabled",
    "enable",
    "filePriorities",
    "filter",
    "firstLastPiecePrio",
    "forced",
    "format",
    "hash",
    "hashes",
    "id",
    "iface",
    "ignoreDotfiles",
    "inactiveSeedingTimeLimit",
    "indexes",
    "info",
    "json",
    "keys",
    "last_known_id",
    "limit",
    "location",
    "mode",
    "name",
    "newPath",
    "newUrl",
    "normal",
    "offset",
    "oldPath",
    "origUrl",
    "password",
    "path",
    "paused",
    "peers",
    "pieceSize",
    "priority",
    "private",
    "ratioLimit",
    "rename",
    "reverse",
    "rid",
    "root_folder",
    "savePath",
    "savepath",
    "seedingTimeLimit",
    "sequentialDownload",
    "skip_checking",
    "sort",
    "source",
    "startSeeding",
    "stopCondition",
    "stopped",
    "tag",
    "tags",
    "taskID",
    "torrentFilePath",
    "trackers",
    "upLimit",
    "url",
    "urlSeeds",
    "urls",
    "useDownloadPath",
    "username",
    "value",
    "sourcePath",
];
/// Preferences with names of hosts, which would be looked up.
const HOSTS: [&str; 3] = ["proxy_ip", "current_network_interface", "current_interface_address"];

pub(crate) fn run(target: &Target, rng: &mut Rng) {
    for (path, mutates) in ztor_server::testing::qbittorrent_endpoints() {
        target.plant();
        for _ in 0..REQUESTS {
            let request = request(target, rng, &path, mutates);
            let status = target.exchange(target.qbittorrent(), &request).status();
            assert!(status.is_some(), "no answer to {}", shown(&request));
        }
    }
    preferences(target, rng);
    bomb(target);
}

fn pairs(target: &Target, rng: &mut Rng) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for name in ["hash", "hashes", "id", "value", "limit"] {
        if rng.bool() {
            pairs.push((name.to_owned(), target.hash.clone()));
        }
    }
    for _ in 0..rng.usize(..8) {
        let value = match rng.u8(..4) {
            0 => junk::value(target, rng, 2).to_string(),
            _ => junk::text(target, rng),
        };
        pairs.push(((*rng.choice(NAMES.iter()).unwrap()).to_owned(), value));
    }
    rng.shuffle(&mut pairs);
    pairs
}

fn encoded(pairs: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn request(target: &Target, rng: &mut Rng, path: &str, mutates: bool) -> Vec<u8> {
    let pairs = pairs(target, rng);
    if !mutates && rng.bool() || rng.u8(..10) == 0 {
        let mut query = encoded(&pairs);
        // What does not fit the buffer of a head is a request of another kind.
        query.truncate(20_000);
        let method = if rng.u8(..5) == 0 { "HEAD" } else { "GET" };
        return format!("{}\r\n", target.head(method, &format!("{path}?{query}"), 0)).into_bytes();
    }
    let (media_type, body) = match rng.u8(..6) {
        0 => ("application/json", junk::bad_json(rng)),
        1 | 2 => multipart(rng, &pairs),
        3 => ("application/x-www-form-urlencoded", junk::bad_json(rng)),
        _ => ("application/x-www-form-urlencoded", encoded(&pairs).into_bytes()),
    };
    let head = format!("{}content-type: {media_type}\r\n\r\n", target.head("POST", path, body.len()));
    [head.as_bytes(), &body].concat()
}

/// Returns a form of parts, many of them wrong.
fn multipart(rng: &mut Rng, pairs: &[(String, String)]) -> (&'static str, Vec<u8>) {
    let mut body = Vec::new();
    for (name, value) in pairs {
        let name = name.replace(['"', '\r', '\n'], "_");
        let disposition = match rng.u8(..8) {
            0 => "form-data".to_owned(),
            1 => format!("form-data; name={name}; name=\"x\""),
            2 => format!("form-data; name=\"{name}\"; filename=\"../../x\0.torrent\""),
            3 => format!("attachment; filename*=utf-8''%ff{name}"),
            _ => format!("form-data; name=\"{name}\""),
        };
        let _ = write!(body, "--B\r\nContent-Disposition: {disposition}\r\n");
        match rng.u8(..6) {
            0 => body.extend_from_slice(b"Content-Type: application/x-bittorrent\r\n"),
            1 => body.extend_from_slice(&b"x: y\r\n".repeat(rng.usize(1..200))),
            2 => body.extend_from_slice(b"\xff\xfe: \0\r\n"),
            _ => {}
        }
        body.extend_from_slice(b"\r\n");
        match rng.u8(..4) {
            0 => body
                .extend_from_slice(b"d4:infod6:lengthi99999999999e4:name1:a12:piece lengthi1e6:pieces0:ee"),
            1 => body.extend_from_slice(&b"d1:a".repeat(rng.usize(1..50_000))),
            _ => body.extend_from_slice(value.as_bytes()),
        }
        body.extend_from_slice(b"\r\n");
    }
    match rng.u8(..4) {
        0 => {}
        1 => body.extend_from_slice(b"--B"),
        _ => body.extend_from_slice(b"--B--\r\n"),
    }
    let media_types = [
        "multipart/form-data; boundary=B",
        "multipart/form-data; boundary=\"B\"; boundary=C",
        "multipart/form-data; boundary=",
        "Multipart/Form-Data;boundary=B;charset=utf-16",
    ];
    (if rng.u8(..4) == 0 { rng.choice(media_types).unwrap() } else { media_types[0] }, body)
}

/// Sends values of all types for each preference, also many at a time, and the whole object back.
fn preferences(target: &Target, rng: &mut Rng) {
    let read = || {
        let head = format!("{}\r\n", target.head("GET", "/api/v2/app/preferences", 0));
        let answer = target.exchange(target.qbittorrent(), head.as_bytes());
        serde_json::from_slice::<Map<String, Value>>(answer.body()).unwrap()
    };
    let send = |changes: Map<String, Value>| {
        let body = encoded(&[("json".into(), Value::Object(changes).to_string())]);
        let head = target.head("POST", "/api/v2/app/setPreferences", body.len());
        let request = format!("{head}content-type: application/x-www-form-urlencoded\r\n\r\n{body}");
        let status = target.exchange(target.qbittorrent(), request.as_bytes()).status();
        // The values of all preferences may be too long together.
        assert!(matches!(status, Some(200 | 409)), "{status:?} to {}", shown(request.as_bytes()));
    };
    let before = read();
    let keys: Vec<&String> = before.keys().filter(|key| !HOSTS.contains(&key.as_str())).collect();
    for key in &keys {
        send(Map::from_iter([((*key).clone(), junk::value(target, rng, 2))]));
    }
    for _ in 0..CHANGES {
        let count = rng.usize(1..20);
        let change = |rng: &mut Rng| {
            let key = (*rng.choice(keys.iter()).unwrap()).clone();
            // Of the right type, but hardly a value.
            let value = match before.get(&key) {
                Some(Value::String(_)) => junk::text(target, rng).into(),
                Some(Value::Number(_)) => {
                    let numbers = [i64::MIN, -1, 0, 1, 7, 65_536, i64::MAX];
                    (*rng.choice(numbers.iter()).unwrap()).into()
                }
                Some(Value::Bool(_)) => rng.bool().into(),
                _ => junk::value(target, rng, 2),
            };
            (key, value)
        };
        send((0..count).map(|_| change(rng)).collect());
    }
    let found = read();
    assert_eq!(found.len(), before.len());
    send(found.clone());
    assert_eq!(read(), found, "a page that is sent back is no change");
    // The next round begins like this one, as far as that can be.
    send(before);
}

/// Sends a body that would be long if it were unpacked: nobody asked for a coding, so it is no form.
fn bomb(target: &Target) {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        packed.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let body = packed.finish().unwrap();
    for (addr, path, login) in [
        (target.qbittorrent(), "/api/v2/torrents/add", format!("Bearer {}", target.token)),
        (target.transmission(), "/transmission/rpc", target.basic()),
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nauthorization: {login}\r\n\
             x-transmission-session-id: {}\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            target.session_id(),
            body.len()
        );
        let status = target.exchange(addr, &[head.as_bytes(), &body].concat()).status();
        assert!(matches!(status, Some(200 | 400 | 415)), "{status:?}");
    }
}
