//! Requests to web seeds (BEP 17, 19), whose responses are read as they arrive.

use super::{Fetcher, MAX_REDIRECTS, literal_ip, names_this_machine, parse};
use crate::fetch_error::FetchError;
use crate::named_proxy::{SendError, Sender};
use crate::route::{FILTERED, OutOfReach, Reach};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, HeaderMap, HeaderValue, LOCATION, RANGE, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use std::time::{Duration, SystemTime};
use url::Url;
use ztor_engine::{WebFault, WebOrigin};
use ztor_tracker::http::ContentRange;

/// Longest time of a whole response. The engine ends those that stall.
const LONGEST_RESPONSE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Longest body of an error that is read, in bytes: BEP 17 puts a number of seconds there.
const MAX_ERROR_BODY: usize = 64;

/// A range of bytes that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Start in the file, in bytes.
    pub(crate) offset: u64,
    /// Length in bytes, not 0.
    pub(crate) len: u64,
    /// Length of the whole file, in bytes.
    pub(crate) whole: u64,
}

impl Wanted {
    fn last(self) -> u64 {
        self.offset + self.len - 1
    }
}

/// The start of a response with the wanted bytes.
pub(crate) struct Opened {
    pub(crate) response: Response,
    /// Number of bytes before the wanted ones, as the server sends the whole file.
    pub(crate) skip: u64,
}

/// A request that has failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) fault: WebFault,
    /// Time until which the server asks not to be asked again.
    pub(crate) retry_after: Option<Duration>,
}

impl From<WebFault> for Failure {
    fn from(fault: WebFault) -> Self {
        Self { fault, retry_after: None }
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        WebFault::Network { message: error.to_string() }.into()
    }
}

impl Fetcher {
    /// Asks a web seed for a range of a file. `ranges` is false if the server does not know them.
    ///
    /// A torrent must not make us query services of this machine or, with a query, of the local network.
    pub(crate) async fn open_file(
        &self,
        url: &str,
        origin: WebOrigin,
        wanted: Wanted,
        ranges: bool,
    ) -> Result<Opened, Failure> {
        let range = ranges.then(|| format!("bytes={}-{}", wanted.offset, wanted.last()));
        let response = self.open(url, origin, range.as_deref()).await?;
        let skip = match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                check_range(response.headers(), wanted)?;
                0
            }
            StatusCode::OK => {
                if let Some(found) = response.content_length().filter(|found| *found != wanted.whole) {
                    return Err(WebFault::WrongLength { expected: wanted.whole, found }.into());
                }
                wanted.offset
            }
            _ => return Err(failure(response, Some(wanted.whole)).await),
        };
        Ok(Opened { response, skip })
    }

    /// Asks a script for bytes of a piece (BEP 17).
    pub(crate) async fn open_piece(
        &self,
        url: &str,
        origin: WebOrigin,
        len: u64,
    ) -> Result<Response, Failure> {
        let response = self.open(url, origin, None).await?;
        if response.status() != StatusCode::OK {
            return Err(failure(response, None).await);
        }
        if let Some(found) = response.content_length().filter(|found| *found != len) {
            return Err(bad(format!("{found} bytes instead of {len}")).into());
        }
        Ok(response)
    }

    /// Sends a GET and follows redirects. User and password of the URL go to its own server only.
    async fn open(&self, url: &str, origin: WebOrigin, range: Option<&str>) -> Result<Response, Failure> {
        let mut url = parse(url)?;
        let mut widest = Reach::All;
        for _ in 0..=MAX_REDIRECTS {
            let reach = widest.max(reach_of(&url, origin));
            // Addresses in the URL itself are not resolved, and names not here if there is a proxy.
            let is_out_of_reach = match literal_ip(&url) {
                Some(ip) => !reach.takes(ip),
                None => self.clients.has_proxy() && reach > Reach::All && names_this_machine(&url),
            };
            if is_out_of_reach {
                return Err(refused(widest, reach));
            }
            let is_filtered = literal_ip(&url).is_some_and(|ip| !self.filter.takes(ip));
            if is_filtered {
                return Err(WebFault::Refused { message: FILTERED.into() }.into());
            }
            let client = self.clients.data_client(reach).await?;
            let response = match send(&client, &url, range).await {
                Ok(response) => response,
                Err(error) if says_out_of_reach(&error) => return Err(refused(widest, reach)),
                Err(error) => return Err(FetchError::from(error).into()),
            };
            // Through a proxy, it is the address of the proxy.
            let from = response.remote_addr().map(|addr| addr.ip()).filter(|_| !self.clients.has_proxy());
            let target = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let target = target.filter(|_| response.status().is_redirection());
            let Some(target) = target.and_then(|to| url.join(to).ok()) else { return Ok(response) };
            widest = widest.max(Reach::by_redirect_from(from));
            let next = parse(target.as_str())?;
            url = with_credentials_of(&url, next);
        }
        Err(WebFault::Network { message: "too many redirects".into() }.into())
    }
}

/// Sends a GET for data.
async fn send(client: &Sender, url: &Url, range: Option<&str>) -> Result<Response, SendError> {
    let request = || {
        let request = client.get(url.clone()).timeout(LONGEST_RESPONSE);
        // Offsets count bytes of the file, not of a compressed form.
        let request = request.header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        match range {
            Some(range) => request.header(RANGE, range),
            None => request,
        }
    };
    match client.send(request()).await {
        // The server has closed a kept connection.
        Err(error) if error.is_stale() => client.send(request()).await,
        sent => sent,
    }
}

/// Returns the servers that a URL of this origin may lead to.
pub(super) fn reach_of(url: &Url, origin: WebOrigin) -> Reach {
    match origin {
        WebOrigin::User => Reach::All,
        // Both may be commands to a device of the network.
        WebOrigin::Torrent if url.query().is_some() || !url.username().is_empty() => Reach::Public,
        WebOrigin::Torrent => Reach::OffMachine,
    }
}

/// Keeps user and password for a redirect within a host, also one to HTTPS.
fn with_credentials_of(from: &Url, mut to: Url) -> Url {
    let is_same = from.host() == to.host()
        && (to.scheme() == "https" || from.port_or_known_default() == to.port_or_known_default());
    if is_same && to.username().is_empty() && to.password().is_none() {
        // Both succeed for URLs with a host.
        let _ = to.set_username(from.username());
        let _ = to.set_password(from.password());
    }
    to
}

/// Returns the refusal of an address. `redirected` is the reach that redirects left.
fn refused(redirected: Reach, reach: Reach) -> Failure {
    let message = match reach {
        Reach::Public if redirected == Reach::Public => {
            return WebFault::Refused { message: reach.refusal().into() }.into();
        }
        Reach::Public => "a torrent may not name queries to the local network",
        reach => reach.refusal(),
    };
    WebFault::Refused { message: format!("{message}; add the web seed yourself to use it") }.into()
}

fn says_out_of_reach(error: &SendError) -> bool {
    let first: &dyn std::error::Error = error;
    std::iter::successors(Some(first), |error| error.source()).any(|error| error.is::<OutOfReach>())
}

fn bad(message: String) -> WebFault {
    WebFault::BadResponse { message }
}

/// Checks that a partial response has the wanted bytes of a file with the right length.
fn check_range(headers: &HeaderMap, wanted: Wanted) -> Result<(), WebFault> {
    let text = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let Some(found) = text.and_then(ContentRange::parse) else {
        return Err(bad("it does not say which bytes it has".into()));
    };
    if let Some(found) = found.whole.filter(|found| *found != wanted.whole) {
        return Err(WebFault::WrongLength { expected: wanted.whole, found });
    }
    match found.range {
        Some((first, last)) if first == wanted.offset && last >= wanted.last() => Ok(()),
        Some((first, last)) => {
            Err(bad(format!("bytes {first}-{last} instead of {}-{}", wanted.offset, wanted.last())))
        }
        None => Err(bad("it has no bytes".into())),
    }
}

/// Returns the reason of a response without data. `whole` is the length of the file; `None` for a script.
async fn failure(response: Response, whole: Option<u64>) -> Failure {
    let status = response.status();
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let mut retry_after = header(RETRY_AFTER).and_then(|text| parse_retry_after(text, SystemTime::now()));
    let found = header(CONTENT_RANGE).and_then(ContentRange::parse).and_then(|range| range.whole);
    let fault = match (status, whole, found) {
        (StatusCode::NOT_FOUND | StatusCode::GONE, ..) => WebFault::NotThere,
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, ..) => WebFault::Denied,
        (StatusCode::RANGE_NOT_SATISFIABLE, Some(expected), Some(found)) if found != expected => {
            WebFault::WrongLength { expected, found }
        }
        _ => WebFault::Status { status: status.as_u16() },
    };
    if whole.is_none() && status == StatusCode::SERVICE_UNAVAILABLE && retry_after.is_none() {
        retry_after = seconds_in_body(response).await;
    }
    Failure { fault, retry_after }
}

/// Returns the number of seconds that a script gives as the body of a 503 (BEP 17 §"Protocol").
async fn seconds_in_body(mut response: Response) -> Option<Duration> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        if body.len() + chunk.len() > MAX_ERROR_BODY {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    parse_retry_after(std::str::from_utf8(&body).ok()?, SystemTime::now())
}

/// Reads `Retry-After`: seconds or a date (RFC 9110 §10.2.3).
fn parse_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    httpdate::parse_http_date(text).ok().map(|at| at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn check_range_of_other_bytes_or_another_file_is_a_fault() {
        let wanted = Wanted { offset: 10, len: 5, whole: 100 };
        let check = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, HeaderValue::from_static(text));
            check_range(&headers, wanted)
        };
        assert_eq!(check("bytes 10-14/100"), Ok(()));
        assert_eq!(check("bytes 10-14/*"), Ok(()));
        assert_eq!(check("bytes 10-14/99"), Err(WebFault::WrongLength { expected: 100, found: 99 }));
        for other in ["bytes 9-14/100", "bytes 10-13/100", "bytes */100", "nonsense"] {
            assert!(matches!(check(other), Err(WebFault::BadResponse { .. })), "{other}");
        }
        assert!(matches!(check_range(&HeaderMap::new(), wanted), Err(WebFault::BadResponse { .. })));
    }

    #[test]
    fn parse_retry_after_reads_seconds_and_dates() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let parse = |text| parse_retry_after(text, now).map(|after| after.as_secs());
        assert_eq!(parse(" 120 "), Some(120));
        assert_eq!(parse("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(parse("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0), "a time in the past");
        assert_eq!((parse("-1"), parse("soon"), parse("99999999999")), (None, None, None));
    }

    #[test]
    fn reach_of_a_query_in_a_torrent_excludes_the_local_network() {
        let reach = |url: &str, origin| reach_of(&Url::parse(url).unwrap(), origin);
        assert_eq!(reach("http://nas/a", WebOrigin::Torrent), Reach::OffMachine);
        assert_eq!(reach("http://nas/a?b", WebOrigin::Torrent), Reach::Public);
        assert_eq!(reach("http://nas/a?b", WebOrigin::User), Reach::All);
        assert_eq!(reach("http://a:b@nas/a", WebOrigin::Torrent), Reach::Public);
    }

    #[test]
    fn credentials_stay_within_a_host_and_are_not_downgraded() {
        let after = |from: &str, to: &str| {
            with_credentials_of(&Url::parse(from).unwrap(), Url::parse(to).unwrap()).to_string()
        };
        assert_eq!(after("http://u:p@h/a", "http://h/b"), "http://u:p@h/b");
        assert_eq!(after("http://u:p@h/a", "https://h/b"), "https://u:p@h/b");
        assert_eq!(after("https://u:p@h/a", "http://h/b"), "http://h/b");
        assert_eq!(after("http://u:p@h/a", "http://h:81/b"), "http://h:81/b");
        assert_eq!(after("http://u:p@h/a", "http://other/b"), "http://other/b");
        assert_eq!(after("http://u:p@h/a", "http://x@h/b"), "http://x@h/b");
    }
}
