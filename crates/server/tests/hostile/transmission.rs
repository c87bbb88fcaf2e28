//! Requests of the Transmission RPC with wrong values in each argument of each method, in both dialects.

use crate::junk;
use crate::target::{Target, shown};
use fastrand::Rng;
use serde_json::{Map, Value, json};

/// Requests of a round for each method and dialect.
const REQUESTS: usize = 25;
/// Requests of a round that are hardly JSON.
const BAD: usize = 200;
/// Arguments that are no values of the session or of torrents.
const NAMES: [&str; 52] = [
    "ids",
    "fields",
    "format",
    "filename",
    "metainfo",
    "cookies",
    "download-dir",
    "paused",
    "peer-limit",
    "files-wanted",
    "files-unwanted",
    "priority-high",
    "priority-low",
    "priority-normal",
    "delete-local-data",
    "location",
    "move",
    "path",
    "name",
    "labels",
    "group",
    "trackerAdd",
    "trackerRemove",
    "trackerReplace",
    "trackerList",
    "queuePosition",
    "seedIdleMode",
    "seedRatioMode",
    "delete_local_data",
    "download_dir",
    "files_wanted",
    "files_unwanted",
    "priority_high",
    "priority_low",
    "priority_normal",
    "tracker_add",
    "tracker_remove",
    "tracker_replace",
    "tracker_list",
    "peer_limit",
    "bandwidthPriority",
    "bandwidth_priority",
    "honorsSessionLimits",
    "honors_session_limits",
    "speed-limit-down",
    "speed-limit-up-enabled",
    "speed_limit_down",
    "speed_limit_up_enabled",
    "ip_protocol",
    "ipProtocol",
    "sequential_download",
    "uploadLimited",
];

pub(crate) fn run(target: &Target, rng: &mut Rng) {
    let id = target.session_id();
    let send = |body: &[u8]| {
        let head = format!(
            "POST /transmission/rpc HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nauthorization: {}\r\n\
             x-transmission-session-id: {id}\r\ncontent-length: {}\r\n\r\n",
            target.basic(),
            body.len()
        );
        let request = [head.as_bytes(), body].concat();
        let answer = target.exchange(target.transmission(), &request);
        let status = answer.status().unwrap_or_else(|| panic!("no answer to {}", shown(&request)));
        assert!(matches!(status, 200 | 204), "{status} to {}", shown(&request));
        if status == 200 {
            let value: Result<Value, _> = serde_json::from_slice(answer.body());
            value.unwrap_or_else(|error| panic!("{error} in the answer to {}", shown(&request)));
        }
    };
    let (methods, keys) = ztor_server::testing::transmission_names();
    for method in methods {
        target.plant();
        // The answer to a check waits for the status of the torrent, up to a second.
        let requests = if method == "torrent_verify" { 2 } else { REQUESTS };
        for _ in 0..requests {
            let arguments = arguments(target, rng, &keys);
            let legacy = json!({"method": method.replace('_', "-"), "arguments": arguments, "tag": junk::value(target, rng, 1)});
            send(legacy.to_string().as_bytes());
            let call = json!({"jsonrpc": "2.0", "method": method, "params": arguments, "id": junk::value(target, rng, 1)});
            let call = if rng.u8(..5) == 0 { json!([call, legacy, call]) } else { call };
            send(call.to_string().as_bytes());
        }
    }
    for _ in 0..BAD {
        send(&junk::bad_json(rng));
    }
}

fn arguments(target: &Target, rng: &mut Rng, keys: &[&str]) -> Value {
    if rng.u8(..12) == 0 {
        return junk::value(target, rng, 2);
    }
    let mut arguments = Map::new();
    if rng.u8(..4) > 0 {
        arguments.insert("ids".to_owned(), json!([target.hash]));
    }
    if rng.bool() {
        let count = rng.usize(..20);
        let fields: Vec<&str> = (0..count).filter_map(|_| rng.choice(keys.iter()).copied()).collect();
        arguments.insert("fields".to_owned(), json!(fields));
    }
    for _ in 0..rng.usize(..6) {
        let name = if rng.bool() { rng.choice(NAMES.iter()) } else { rng.choice(keys.iter()) };
        arguments.insert((*name.unwrap()).to_owned(), junk::value(target, rng, 2));
    }
    arguments.into()
}
