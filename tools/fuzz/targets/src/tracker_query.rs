use url::Url;
use ztor_tracker::http::{announce_url, parse_announce_query, parse_scrape_query, scrape_url};

/// Checks a query to a tracker: a client's URL for the same request is understood alike. Takes any text as a URL, too.
pub fn tracker_query(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let query = |url: String| Url::parse(&url).expect("a URL").query().unwrap_or_default().to_owned();
    if let Ok(asked) = parse_announce_query(&text) {
        let url = announce_url("http://tracker.example/announce?pass=word", &asked.request)
            .expect("a good tracker");
        let again = parse_announce_query(&query(url)).expect("the query of a client");
        assert_eq!(again.request, asked.request);
        let (tracker, _) = text.split_once('&').unwrap_or((&text, ""));
        if let Ok(url) = announce_url(tracker, &asked.request) {
            check_url(&url);
        }
    }
    if let Ok(hashes) = parse_scrape_query(&text) {
        let url = scrape_url("http://tracker.example/announce", &hashes).expect("a good tracker");
        assert_eq!(parse_scrape_query(&query(url)), Ok(hashes));
    }
    for url in [scrape_url(&text, &[[7; 20].into()]), scrape_url(&format!("http://{text}/announce"), &[])]
        .into_iter()
        .flatten()
    {
        check_url(&url);
    }
    crate::assert_plain(&ztor_tracker::redact(&text));
}

fn check_url(url: &str) {
    let url = Url::parse(url).expect("a URL");
    assert!(matches!(url.scheme(), "http" | "https") && url.has_host() && url.fragment().is_none());
}
