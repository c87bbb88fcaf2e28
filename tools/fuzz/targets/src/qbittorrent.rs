use ztor_server::testing::{follow_updates, parse_form};

/// Checks a form of the qBittorrent API: the first line is the media type, the rest is the body. Refusals are of the client, and
/// a plain form gives the same after it is written.
pub fn qbittorrent_form(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (media_type, body) = data.split_at(end);
    let media_type = String::from_utf8_lossy(media_type);
    match parse_form(&media_type, body.get(1..).unwrap_or_default()) {
        Ok((fields, files)) => {
            assert!(fields.len() + files <= 4096);
            let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
            assert_eq!(parse_form("", text.as_bytes()), Ok((fields, 0)));
        }
        Err(status) => assert!((400..500).contains(&status), "{status}"),
    }
}

/// Checks the updates of the qBittorrent API: a client that applies them has the state of the server.
pub fn qbittorrent_updates(data: &[u8]) {
    follow_updates(data);
}
