use url::Url;
use ztor_metainfo::Metainfo;
use ztor_tracker::http::ContentRange;

/// Checks requests to web seeds: the first line is a header of a response, the second one a URL, the rest a torrent. No name
/// of a torrent leads to another server or out of the URL's folder.
pub fn web_seed(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (header, base, torrent) = (part(), part(), part());
    if let Some(range) = ContentRange::parse(&String::from_utf8_lossy(header)) {
        assert!(range.range.is_none_or(|(first, last)| first <= last));
        let bytes = range.range.map_or("*".to_owned(), |(first, last)| format!("{first}-{last}"));
        let whole = range.whole.map_or("*".to_owned(), |whole| whole.to_string());
        assert_eq!(ContentRange::parse(&format!("bytes {bytes}/{whole}")), Some(range));
    }
    let Ok(meta) = Metainfo::from_bytes(torrent) else { return };
    let base = String::from_utf8_lossy(base);
    for base in [&*base, "http://seed.example/files/"] {
        let Ok(asked) = Url::parse(base) else { continue };
        // Lists of web seeds leave such URLs out.
        let is_plain = !base.contains(|c: char| c.is_control() || c.is_whitespace());
        if !is_plain || !matches!(asked.scheme(), "http" | "https") {
            continue;
        }
        for file in 0..meta.layout.files().len().min(20) {
            let url = Url::parse(&meta.web_seed_url(base, file)).expect("a URL");
            assert_eq!(
                (url.scheme(), url.host(), url.port(), url.query()),
                (asked.scheme(), asked.host(), asked.port(), asked.query())
            );
            assert!(url.path().starts_with(asked.path()), "{} is not in {}", url.path(), asked.path());
        }
        let url = Url::parse(&meta.http_seed_url(base, 0, 0..1)).expect("a URL");
        assert_eq!((url.scheme(), url.host(), url.port()), (asked.scheme(), asked.host(), asked.port()));
    }
}
