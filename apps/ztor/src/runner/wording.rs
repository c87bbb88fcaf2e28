//! Texts for events of the session.

use ztor_session::{SessionEvent, TorrentEvent};

/// Returns the warning for an event; `None` if it needs none.
pub(super) fn warning(event: &SessionEvent) -> Option<String> {
    Some(match event {
        SessionEvent::ChangedByOthers { fault, .. } => format!("{}; checking the torrent again", fault.message),
        SessionEvent::NotSaved { fault, .. } => {
            format!("{}; the next run will check the data again", fault.message)
        }
        SessionEvent::NotMoved { fault, .. } => fault.message.clone(),
        SessionEvent::PeerNotFound { peer, message, .. } => format!("cannot find the peer {peer}: {message}"),
        SessionEvent::Interface { name, is_there: true } => format!("the interface {name} is back"),
        SessionEvent::Interface { name, is_there: false } => {
            format!("the interface {name} is gone; waiting for it to return")
        }
        SessionEvent::Proxy { problem: None } => "the proxy answers again".to_owned(),
        SessionEvent::Proxy { problem: Some(problem) } => {
            format!("the proxy cannot be reached, and nothing is sent: {problem}")
        }
        SessionEvent::Torrent(TorrentEvent::Banned { author, reason, ends_in, .. }) => {
            format!("{author} is banned for {} h: {reason}", ends_in.as_secs() / 3600)
        }
        SessionEvent::Torrent(TorrentEvent::Tracker { tracker, issue, .. }) => {
            format!("tracker {tracker}: {issue}")
        }
        SessionEvent::Torrent(TorrentEvent::WebSeed { url, fault, .. }) => {
            format!("web seed {url}: {fault}")
        }
        SessionEvent::Torrent(TorrentEvent::MetadataTooLong { len, max, .. }) => {
            format!("ignored metadata of {len} bytes from a peer: expected at most {max}")
        }
        SessionEvent::Torrent(TorrentEvent::PeerUnreachable { addr, .. }) => {
            format!("the peer {addr} does not answer; trying again")
        }
        SessionEvent::Torrent(TorrentEvent::NoSource { .. }) => {
            "no source of peers: the torrent has no tracker, and the DHT and the local network are off; give a \
             peer with --peer"
                .to_owned()
        }
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use ztor_session::{Author, BanReason, DiskFault, DiskFaultKind, TorrentId, TrackerError, TrackerIssue};

    use super::*;

    fn fault() -> DiskFault {
        DiskFault { kind: DiskFaultKind::Full, message: "no space".to_owned() }
    }

    /// The help of `--json` documents the objects.
    #[test]
    fn serialize_of_every_event_keeps_its_fields() {
        let torrent = TorrentId::from_u64(1 << 32 | 1);
        let author = Author::Host(ztor_base::Host::of("192.0.2.7".parse().unwrap()));
        let issue = TrackerIssue::Error(TrackerError::Timeout);
        let cases = [
            (
                SessionEvent::Checked { torrent, hashed_bytes: 5, believed_bytes: 6 },
                json!({"kind": "checked", "hashed_bytes": 5, "believed_bytes": 6}),
            ),
            (
                SessionEvent::FilesMoved { torrent, dir: "/new".into() },
                json!({"kind": "files_moved", "dir": "/new"}),
            ),
            (
                SessionEvent::WillRetry { torrent, after: Duration::from_secs(30) },
                json!({"kind": "will_retry", "after_s": 30}),
            ),
            (
                SessionEvent::ChangedByOthers { torrent, fault: fault() },
                json!({"kind": "changed_by_others", "fault": {"kind": "full", "message": "no space"}}),
            ),
            (
                SessionEvent::NotSaved { torrent, fault: fault() },
                json!({"kind": "not_saved", "fault": {"kind": "full", "message": "no space"}}),
            ),
            (
                SessionEvent::PeerNotFound { torrent, peer: "h:1".to_owned(), message: "none".to_owned() },
                json!({"kind": "peer_not_found", "peer": "h:1", "message": "none"}),
            ),
            (
                SessionEvent::Interface { name: "wg0".to_owned(), is_there: false },
                json!({"kind": "interface", "name": "wg0", "is_there": false}),
            ),
            (
                SessionEvent::Torrent(TorrentEvent::Unusable { torrent, message: "bad".to_owned() }),
                json!({"kind": "unusable", "message": "bad"}),
            ),
            (
                SessionEvent::Torrent(TorrentEvent::MetadataTooLong { torrent, len: 9, max: 8 }),
                json!({"kind": "metadata_too_long", "len": 9, "max": 8}),
            ),
            (
                SessionEvent::Torrent(TorrentEvent::Started { torrent, finished: true, have_bytes: 3 }),
                json!({"kind": "started", "finished": true, "have_bytes": 3}),
            ),
            (SessionEvent::Torrent(TorrentEvent::Finished { torrent }), json!({"kind": "finished"})),
            (SessionEvent::Torrent(TorrentEvent::Removed { torrent }), json!({"kind": "removed"})),
            (SessionEvent::Torrent(TorrentEvent::NoSource { torrent }), json!({"kind": "no_source"})),
            (
                SessionEvent::Torrent(TorrentEvent::Stopped { torrent, fault: fault() }),
                json!({"kind": "stopped", "fault": {"kind": "full", "message": "no space"}}),
            ),
            (
                SessionEvent::Torrent(TorrentEvent::PieceFailed { torrent, piece: 4 }),
                json!({"kind": "piece_failed", "piece": 4}),
            ),
            (
                SessionEvent::Torrent(TorrentEvent::Banned {
                    torrent,
                    author,
                    reason: BanReason::BadData { piece: 4 },
                    ends_in: Duration::from_secs(3600),
                }),
                json!({
                    "kind": "banned", "author": "192.0.2.7", "ends_in_s": 3600,
                    "reason": {"kind": "bad_data", "piece": 4},
                }),
            ),
            (
                SessionEvent::Torrent(TorrentEvent::PeerUnreachable {
                    torrent,
                    addr: "192.0.2.7:6881".parse().unwrap(),
                }),
                json!({"kind": "peer_unreachable", "addr": "192.0.2.7:6881"}),
            ),
            (
                SessionEvent::Torrent(TorrentEvent::Tracker {
                    torrent,
                    tracker: "udp://t:1".to_owned(),
                    issue,
                }),
                json!({
                    "kind": "tracker", "tracker": "udp://t:1",
                    "issue": {"kind": "timeout", "is_error": true, "message": "no answer"},
                }),
            ),
        ];
        for (event, expected) in cases {
            assert_eq!(serde_json::to_value(&event).unwrap(), expected);
        }
    }
}
