//! HTTP(S) requests to trackers and web seeds, and for torrent files.

mod web;

use crate::fetch_error::{FetchError, plain};
use crate::names::Names;
use crate::route::{Clients, FILTERED, Reach, Route, TrackerFilter, WHOLE_TIMEOUT, tls};
use reqwest::Response;
use reqwest::header::{COOKIE, ETAG, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION};
use rustls::ClientConfig;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use url::Url;
use ztor_engine::{IpFamily, WebOrigin};
use ztor_tracker::http::may_ask_loopback;

pub(crate) use web::{Failure, Opened, Wanted};

/// Longest answer of a tracker that is read, in bytes after decompression.
pub(crate) const MAX_TRACKER_REPLY: usize = 1024 * 1024;
/// Time limit of the download of a list, which may be large.
const LIST_TIMEOUT: Duration = Duration::from_secs(300);
const MAX_REDIRECTS: usize = 5;
/// Longest value of a header that is kept, in bytes.
const MAX_VALIDATOR: usize = 1024;

/// Answer to a GET.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// Address of the server; `None` if the library does not know it.
    pub(crate) from: Option<IpAddr>,
    validators: Validators,
    /// True if each request to the answer was over HTTPS.
    is_secure: bool,
}

/// Headers of an answer by which a server tells later whether the content has changed (RFC 9110 §8.8).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// Value of `ETag`; `None` if there was none.
    pub etag: Option<String>,
    /// Value of `Last-Modified`; `None` if there was none.
    pub last_modified: Option<String>,
}

impl Validators {
    fn of(response: &Response) -> Self {
        let value = |name: HeaderName| {
            let value = response.headers().get(name)?.to_str().ok()?;
            (value.len() <= MAX_VALIDATOR).then(|| value.to_owned())
        };
        Self { etag: value(ETAG), last_modified: value(LAST_MODIFIED) }
    }

    /// Returns the headers of a request for content that has changed.
    fn conditions(&self) -> impl Iterator<Item = (HeaderName, &String)> {
        let of_etag = self.etag.iter().map(|value| (IF_NONE_MATCH, value));
        of_etag.chain(self.last_modified.iter().map(|value| (IF_MODIFIED_SINCE, value)))
    }
}

/// Client for GETs. A foreign URL must not make us query arbitrary services of this machine, and a public server must
/// not make us query the local network, whatever names they use.
///
/// Through a proxy, only addresses and local names in URLs can be checked: the proxy resolves all other names, and they may
/// lead into its own network.
#[derive(Clone)]
pub(crate) struct Fetcher {
    clients: Arc<Clients>,
    filter: TrackerFilter,
    /// True once the route of the requests is not valid any more. They end then.
    ended: watch::Receiver<bool>,
}

impl Fetcher {
    /// Creates a client for a route.
    pub(crate) fn new(route: &Route, names: &Names) -> Result<Self, FetchError> {
        let (_, ended) = watch::channel(false);
        let filter = TrackerFilter::default();
        let clients = Clients::new(route, names, &tls()?, &filter)?;
        Ok(Self { clients: Arc::new(clients), filter, ended })
    }

    /// Creates a client whose requests end once `ended` is true. If it cannot be built, all of them fail.
    pub(crate) fn until(
        route: &Route,
        (names, tls, filter): (&Names, &ClientConfig, &TrackerFilter),
        ended: watch::Receiver<bool>,
    ) -> Self {
        let clients = Clients::new(route, names, tls, filter);
        let clients = clients.unwrap_or_else(|error| Clients::Broken(error.to_string()));
        Self { clients: Arc::new(clients), filter: filter.clone(), ended }
    }

    /// Sends an announce over one address family; `None` for any.
    pub(crate) async fn get_from_tracker(
        &self,
        url: &str,
        family: Option<IpFamily>,
    ) -> Result<Fetched, FetchError> {
        // Includes redirects, so that no request holds its place for longer.
        let whole = self.get_within(url, MAX_TRACKER_REPLY, Asker::Torrent(family));
        let late = || FetchError::Network("no answer in time".into());
        tokio::time::timeout(WHOLE_TIMEOUT, whole).await.unwrap_or_else(|_| Err(late()))
    }

    /// Fetches a URL that a torrent or a link names, with at most `max_len` bytes of body. Follows redirects. Of this
    /// machine, only [trackers](ztor_tracker::http::may_ask_loopback) are queried.
    #[cfg(test)]
    async fn get(&self, url: &str, max_len: usize) -> Result<Fetched, FetchError> {
        self.get_within(url, max_len, Asker::Torrent(None)).await
    }

    async fn get_within(&self, url: &str, max_len: usize, asker: Asker<'_>) -> Result<Fetched, FetchError> {
        tokio::select! {
            fetched = self.get_to_the_end(url, max_len, asker) => fetched,
            why = self.ended() => Err(FetchError::Network(why.into())),
        }
    }

    /// Waits until the route of the requests is not valid any more. Returns the reason.
    pub(crate) async fn ended(&self) -> &'static str {
        let mut ended = self.ended.clone();
        if ended.wait_for(|has_ended| *has_ended).await.is_err() {
            // Nobody can end it any more.
            std::future::pending::<()>().await;
        }
        "the settings of the proxy have changed"
    }

    async fn get_to_the_end(
        &self,
        url: &str,
        max_len: usize,
        asker: Asker<'_>,
    ) -> Result<Fetched, FetchError> {
        let mut url = parse(url)?;
        let (family, conditions, cookies) = match asker {
            Asker::User { conditions, cookies } => (None, conditions, cookies),
            Asker::Torrent(family) => (family, None, None),
            Asker::Feed(_) => (None, None, None),
        };
        let is_users = matches!(asker, Asker::User { .. });
        let mut is_secure = url.scheme() == "https";
        let origin = url.origin();
        // The narrowest reach of all servers that have redirected us.
        let mut widest = Reach::All;
        for _ in 0..=MAX_REDIRECTS {
            let reach = widest.max(match asker {
                Asker::User { .. } => Reach::All,
                Asker::Torrent(_) if may_ask_loopback(url.as_str()) => Reach::All,
                Asker::Torrent(_) => Reach::OffLoopback,
                Asker::Feed(reach) => reach,
            });
            // Addresses in the URL itself are not resolved, so the resolver does not see them.
            let is_out_of_reach = match literal_ip(&url) {
                Some(ip) => !reach.takes(ip),
                // Nor does it see names that a proxy resolves.
                None => self.clients.has_proxy() && reach > Reach::All && names_this_machine(&url),
            };
            if is_out_of_reach {
                return Err(FetchError::Network(reach.refusal().into()));
            }
            if literal_ip(&url).is_some_and(|ip| !self.filter.takes(ip)) {
                return Err(FetchError::Network(FILTERED.into()));
            }
            let mut response = {
                // Cookies are for the server that the user has named.
                let cookies = cookies.filter(|_| url.origin() == origin);
                self.send(reach, family, &url, conditions, cookies).await?
            };
            // Through a proxy, it is the address of the proxy.
            let from = response.remote_addr().map(|addr| addr.ip()).filter(|_| !self.clients.has_proxy());
            let target = response
                .headers()
                .get(LOCATION)
                .and_then(|to| to.to_str().ok())
                .and_then(|to| url.join(to).ok());
            if let Some(target) = target.filter(|_| response.status().is_redirection()) {
                if is_users && target.scheme() == "magnet" {
                    let validators = Validators::default();
                    let body = target.as_str().into();
                    return Ok(Fetched { status: 200, body, from: None, validators, is_secure });
                }
                widest = widest.max(Reach::by_redirect_from(from));
                url = parse(target.as_str())?;
                is_secure &= url.scheme() == "https";
                continue;
            }
            let validators = Validators::of(&response);
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(plain)? {
                if body.len() + chunk.len() > max_len {
                    return Err(FetchError::TooLong(max_len));
                }
                body.extend_from_slice(&chunk);
            }
            let status = response.status().as_u16();
            return Ok(Fetched { status, body, from, validators, is_secure });
        }
        Err(FetchError::Network("too many redirects".into()))
    }

    /// Sends a GET. The server may have closed a kept connection, silently or just now: a request that fails for that
    /// reason is sent once more.
    async fn send(
        &self,
        reach: Reach,
        family: Option<IpFamily>,
        url: &Url,
        conditions: Option<&Validators>,
        cookies: Option<&str>,
    ) -> Result<Response, FetchError> {
        let client = self.clients.client(reach, family).await?;
        let request = || {
            let get = client.get(url.clone());
            let get = cookies.into_iter().fold(get, |get, cookies| get.header(COOKIE, cookies));
            let Some(validators) = conditions else { return get };
            let get = get.timeout(LIST_TIMEOUT);
            validators.conditions().fold(get, |get, (name, value)| get.header(name, value))
        };
        let sent = match client.send(request()).await {
            Err(error) if error.is_stale() => client.send(request()).await,
            sent => sent,
        };
        sent.map_err(|error| match error.into() {
            FetchError::Network(text) if self.clients.has_proxy() => {
                FetchError::Network(format!("{text} (through the proxy)"))
            }
            other => other,
        })
    }
}

/// Origin of a URL.
#[derive(Clone, Copy)]
enum Asker<'a> {
    /// The user.
    User {
        /// For a list, the headers of its last answer.
        conditions: Option<&'a Validators>,
        /// Cookies for the server that the URL names.
        cookies: Option<&'a str>,
    },
    Torrent(Option<IpFamily>),
    /// The feed that a torrent names (BEP 39), with the addresses that it may be at.
    Feed(Reach),
}

fn literal_ip(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        url::Host::Ipv4(ip) => Some(ip.into()),
        url::Host::Ipv6(ip) => Some(ip.into()),
        url::Host::Domain(_) => None,
    }
}

/// Returns true for names that every system resolves to itself (RFC 6761).
fn names_this_machine(url: &Url) -> bool {
    let name = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

fn parse(url: &str) -> Result<Url, FetchError> {
    let parsed = Url::parse(url).ok().filter(|u| matches!(u.scheme(), "http" | "https"));
    parsed.ok_or_else(|| FetchError::BadUrl(ztor_tracker::redact(url)))
}

/// The user, without conditions and cookies.
const USER: Asker<'static> = Asker::User { conditions: None, cookies: None };

/// Fetches a file of at most `max_len` bytes that the user named by an HTTP(S) URL. If a redirect leads to a magnet
/// link, returns the link instead.
///
/// Blocks on a runtime of its own, so it needs no session. A request takes at most 30 seconds, and at most five redirects
/// are followed.
///
/// # Errors
/// The URL is not HTTP(S), no answer arrives, its status is not a success, or it is longer than `max_len`.
pub fn fetch_url(url: &str, route: &Route, max_len: usize) -> Result<Vec<u8>, FetchError> {
    Ok(fetch_as(url, route, max_len, USER)?.body)
}

/// Does the same as [`fetch_url`] with cookies for the server of the URL, as in the header `Cookie`. Servers that it redirects
/// to do not get them.
///
/// # Errors
/// As for [`fetch_url`]; the cookies have characters that a header cannot have.
pub fn fetch_url_with_cookies(
    url: &str,
    route: &Route,
    max_len: usize,
    cookies: &str,
) -> Result<Vec<u8>, FetchError> {
    if reqwest::header::HeaderValue::from_str(cookies).is_err() {
        return Err(FetchError::Network("the cookies have characters that a header cannot have".into()));
    }
    let asker = Asker::User { conditions: None, cookies: Some(cookies) };
    Ok(fetch_as(url, route, max_len, asker)?.body)
}

/// Does the same as [`fetch_url`] for a URL that a torrent names.
pub(crate) fn fetch_named_url(url: &str, route: &Route, max_len: usize) -> Result<Vec<u8>, FetchError> {
    Ok(fetch_as(url, route, max_len, Asker::Torrent(None))?.body)
}

/// Fetches a URL for somebody, and returns an answer of success.
fn fetch_as(url: &str, route: &Route, max_len: usize, asker: Asker<'_>) -> Result<Fetched, FetchError> {
    let fetched =
        block_on(url, route, async |fetcher: Fetcher| fetcher.get_within(url, max_len, asker).await)?;
    if (200..300).contains(&fetched.status) { Ok(fetched) } else { Err(FetchError::Status(fetched.status)) }
}

/// The answer of a feed of new versions.
#[derive(Debug, PartialEq, Eq)]
pub struct FetchedFeed {
    /// Content, which should be a torrent file.
    pub body: Vec<u8>,
    /// True if it came over HTTPS all the way, redirects included. Otherwise anybody on the way may have written it.
    pub is_secure: bool,
}

/// Fetches the torrent file of a feed of new versions (BEP 39), of at most `max_len` bytes. The feed hears the info-hash of the
/// old version, in hexadecimal. No request goes to this machine, nor one with a query of the torrent to the local network.
///
/// # Errors
/// As for [`fetch_url`].
pub fn fetch_feed(
    url: &str,
    info_hash: &str,
    route: &Route,
    max_len: usize,
) -> Result<FetchedFeed, FetchError> {
    let mut url = Url::parse(url).map_err(|error| FetchError::BadUrl(error.to_string()))?;
    let asker = Asker::Feed(web::reach_of(&url, WebOrigin::Torrent));
    url.query_pairs_mut().append_pair("info_hash", info_hash);
    let Fetched { body, is_secure, .. } = fetch_as(url.as_str(), route, max_len, asker)?;
    Ok(FetchedFeed { body, is_secure })
}

/// A list on a server.
#[derive(Debug, PartialEq, Eq)]
pub enum FetchedList {
    /// The list is the same as before.
    NotModified,
    /// The list, and what tells later whether it has changed.
    New {
        /// Content.
        body: Vec<u8>,
        /// Headers for the next request.
        validators: Validators,
    },
}

/// Fetches a list of at most `max_len` bytes that the user named by an HTTP(S) URL, unless the server says that it has not
/// changed since an answer with these validators. Otherwise as [`fetch_url`], but a request may take five minutes.
///
/// # Errors
/// As [`fetch_url`].
pub fn fetch_list(
    url: &str,
    route: &Route,
    max_len: usize,
    validators: &Validators,
) -> Result<FetchedList, FetchError> {
    let fetched = block_on(url, route, async |fetcher: Fetcher| {
        fetcher.get_within(url, max_len, Asker::User { conditions: Some(validators), cookies: None }).await
    })?;
    match fetched.status {
        304 => Ok(FetchedList::NotModified),
        200..300 => Ok(FetchedList::New { body: fetched.body, validators: fetched.validators }),
        status => Err(FetchError::Status(status)),
    }
}

/// Fetches a URL on a runtime of its own.
fn block_on<F>(url: &str, route: &Route, get: F) -> Result<Fetched, FetchError>
where
    F: AsyncFnOnce(Fetcher) -> Result<Fetched, FetchError> + Send,
{
    parse(url)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| FetchError::Setup(e.to_string()))?;
    let fetch = move || {
        let fetcher = Fetcher::new(route, &route.names())?;
        runtime.block_on(get(fetcher))
    };
    // A thread of its own: the caller's may run another runtime, within which this one must not block.
    let fetched = std::thread::scope(|scope| scope.spawn(fetch).join());
    fetched.unwrap_or_else(|_| Err(FetchError::Setup("its thread panicked".into())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn fetch_url_within_a_runtime_is_an_error_and_no_panic() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let fetched = runtime.block_on(async { fetch_url("http://127.0.0.1:1/a", &Route::default(), 10) });
        assert!(matches!(fetched, Err(FetchError::Network(_))), "{fetched:?}");
    }
    use std::io::{BufRead, BufReader, Write};
    use std::net::SocketAddr;
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use ztor_base::addr::is_local;
    use ztor_engine::{IpFilter, IpRange};

    /// Answers one request on each of `count` connections as if more were welcome, and closes the connection at the
    /// second.
    fn answer_once_each(listener: &TcpListener, count: usize) {
        for stream in listener.incoming().take(count) {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            if lines.any(|line| line.is_empty()) {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
                lines.any(|line| line.is_empty());
            }
        }
    }

    /// Answers one request, and returns its headers.
    fn answer_with(listener: &TcpListener, answer: &str) -> Vec<String> {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let headers = lines.take_while(|line| !line.is_empty()).collect();
        stream.write_all(answer.as_bytes()).unwrap();
        headers
    }

    #[test]
    fn cookies_go_to_the_server_that_the_user_has_named_and_no_other() {
        let [first, second] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let url = format!("http://{}/a", first.local_addr().unwrap());
        let target = second.local_addr().unwrap();
        let servers = std::thread::spawn(move || {
            let moved =
                format!("HTTP/1.1 302 Found\r\nLocation: http://{target}/b\r\nContent-Length: 0\r\n\r\n");
            let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            [answer_with(&first, &moved), answer_with(&second, ok)]
        });
        let fetched = fetch_url_with_cookies(&url, &Route::default(), 10, "k=v");
        assert_eq!(fetched.unwrap(), b"ok");
        let has_cookies = servers.join().unwrap().map(|headers| headers.contains(&"Cookie: k=v".to_owned()));
        assert_eq!(has_cookies, [true, false]);
        assert!(fetch_url_with_cookies(&url, &Route::default(), 10, "k=v\r\nX: y").is_err());
    }

    /// Starts a server with a certificate of its own, which answers each of `answers` on a connection of its own. Returns its
    /// address, and the settings of clients that trust it.
    fn secure_server(answers: Vec<String>) -> (SocketAddr, ClientConfig) {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut tls = rustls::ServerConnection::new(Arc::new(config.clone())).unwrap();
                let mut secured = rustls::Stream::new(&mut tls, &mut stream);
                let mut lines = BufReader::new(&mut secured).lines().map_while(Result::ok);
                lines.any(|line| line.is_empty());
                secured.write_all(answer.as_bytes()).unwrap();
                tls.send_close_notify();
                tls.complete_io(&mut stream).unwrap();
            }
        });
        (addr, client)
    }

    /// Otherwise a version that anybody on the way may have written would pass for one of the publisher.
    #[test]
    fn get_is_secure_only_if_no_redirect_leaves_https() {
        const OK: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
        let moved = |to: &str| {
            format!("HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: {to}\r\n\r\n")
        };
        let plain = TcpListener::bind("127.0.0.1:0").unwrap();
        let to_plain = moved(&format!("http://{}/b", plain.local_addr().unwrap()));
        let answers = vec![OK.to_owned(), moved("/c"), OK.to_owned(), to_plain];
        let (addr, trusted) = secure_server(answers);
        let server = std::thread::spawn(move || answer_with(&plain, OK));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_ended, ended) = watch::channel(false);
            let means = (&Names::default(), &trusted, &TrackerFilter::default());
            let fetcher = Fetcher::until(&Route::default(), means, ended);
            let url = format!("https://{addr}/a");
            for (what, is_secure) in [("no redirect", true), ("to HTTPS", true), ("to HTTP", false)] {
                let fetched = fetcher.get_within(&url, 10, USER).await.unwrap();
                assert_eq!((fetched.is_secure, &fetched.body[..]), (is_secure, &b"ok"[..]), "{what}");
            }
        });
        server.join().unwrap();
    }

    #[test]
    fn get_from_a_server_with_one_answer_per_connection_connects_again() {
        const TIMES: usize = 20;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/announce?info_hash=a", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || answer_once_each(&listener, TIMES));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fetcher = Fetcher::new(&Route::default(), &Names::default()).unwrap();
            for _ in 0..TIMES {
                let fetched = fetcher.get(&url, 100).await.unwrap();
                let from = Some(IpAddr::from([127, 0, 0, 1]));
                assert_eq!((fetched.status, fetched.body, fetched.from), (200, b"ok".to_vec(), from));
            }
        });
        // Connections that the client has left open end with its runtime.
        drop(runtime);
        server.join().unwrap();
    }

    /// Starts a server that answers every request with `response`, and counts the requests.
    fn server(response: String) -> (SocketAddr, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let requests = Arc::clone(&count);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                requests.fetch_add(1, Ordering::SeqCst);
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                if lines.any(|line| line.is_empty()) {
                    let _ = stream.write_all(response.as_bytes());
                }
            }
        });
        (addr, count)
    }

    fn get(url: &str, is_users: bool) -> Result<Vec<u8>, FetchError> {
        let asker = if is_users { USER } else { Asker::Torrent(None) };
        Ok(fetch_as(url, &Route::default(), 100, asker)?.body)
    }

    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

    #[test]
    fn get_of_a_url_on_this_machine_allows_only_announces_and_scrapes() {
        let (addr, requests) = server(OK.into());
        let port = addr.port();
        // Includes names of this machine that the check of the URL's text does not know: it would allow any path.
        for host in ["localhost", "localhost.", "LocalHost", "127.0.0.1", "0x7f.1", "[::ffff:127.0.0.1]"] {
            for path in
                ["/api/v2/app/shutdown", "/transmission/rpc?x=1", "/announce", "/announce?port=1&info_hash=a"]
            {
                let error = get(&format!("http://{host}:{port}{path}"), false).unwrap_err().to_string();
                // Not every system resolves "localhost.".
                assert!(
                    error.contains("only announces and scrapes") || host == "localhost.",
                    "{host}{path}: {error}"
                );
            }
        }
        assert_eq!(requests.load(Ordering::SeqCst), 0);
        for host in ["localhost", "127.0.0.1"] {
            for path in ["/announce?token=1&info_hash=a&port=1", "/scrape?info_hash=a"] {
                assert_eq!(get(&format!("http://{host}:{port}{path}"), false).unwrap(), b"ok");
            }
            assert_eq!(get(&format!("http://{host}:{port}/my.torrent"), true).unwrap(), b"ok");
        }
        assert_eq!(requests.load(Ordering::SeqCst), 6);
    }

    #[test]
    fn fetch_feed_from_this_machine_or_by_a_query_in_the_local_network_is_refused() {
        let (addr, requests) = server(OK.into());
        let feed = |url: &str| fetch_feed(url, &"a".repeat(40), &Route::default(), 100);
        for host in ["localhost", "127.0.0.1"] {
            for path in ["/announce", "/feed"] {
                let error = feed(&format!("http://{host}:{}{path}", addr.port())).unwrap_err().to_string();
                assert!(error.contains("servers on this machine"), "{error}");
            }
        }
        let error = feed("http://192.168.0.1/reboot?now=1").unwrap_err().to_string();
        assert!(error.contains("local network"), "{error}");
        assert_eq!(requests.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn fetch_list_again_asks_for_changes_only() {
        let ok =
            OK.replacen("\r\n", "\r\nETag: \"a1\"\r\nLast-Modified: Tue, 01 Dec 2026 00:00:00 GMT\r\n", 1);
        let (addr, _) = server(ok);
        let url = format!("http://{addr}/list");
        let first = fetch_list(&url, &Route::default(), 100, &Validators::default()).unwrap();
        let FetchedList::New { body, validators } = first else { unreachable!("it is new") };
        assert_eq!((body.as_slice(), validators.etag.as_deref()), (&b"ok"[..], Some("\"a1\"")));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/list", listener.local_addr().unwrap());
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            stream.write_all(b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n").unwrap();
            head.join("\n").to_ascii_lowercase()
        });
        let again = fetch_list(&url, &Route::default(), 100, &validators).unwrap();
        assert_eq!(again, FetchedList::NotModified);
        let head = asked.join().unwrap();
        assert!(
            head.contains("if-none-match: \"a1\"") && head.contains("if-modified-since: tue, 01 dec"),
            "{head}"
        );
    }

    #[test]
    fn get_from_a_filtered_tracker_is_an_error() {
        let (addr, requests) = server(OK.into());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fetcher = Fetcher::new(&Route::default(), &Names::default()).unwrap();
            let table = ["127.0.0.0/8", "::1"].iter().map(|range| range.parse::<IpRange>().unwrap());
            let table = Arc::new(table.collect());
            fetcher.filter.set(IpFilter { table, ..IpFilter::default() });
            for host in ["127.0.0.1", "localhost"] {
                let url = format!("http://{host}:{}/announce?info_hash=a", addr.port());
                let error = fetcher.get(&url, 100).await.unwrap_err().to_string();
                assert!(error.contains("in the IP filter"), "{error}");
            }
        });
        assert_eq!(requests.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn get_of_a_redirect_checks_its_target_like_a_first_request() {
        let (there, requests) = server(OK.into());
        let (addr, _) = server(format!(
            "HTTP/1.1 302 Found\r\nLocation: http://localhost:{}/stop\r\nContent-Length: 0\r\n\r\n",
            there.port()
        ));
        assert!(get(&format!("http://{addr}/announce?info_hash=a"), false).is_err());
        assert_eq!(requests.load(Ordering::SeqCst), 0);
        assert_eq!(get(&format!("http://{addr}/a.torrent"), true).unwrap(), b"ok");
    }

    #[test]
    fn fetch_of_a_redirect_to_a_magnet_link_returns_the_link_to_the_user_only() {
        let link = format!("magnet:?xt=urn:btih:{}&dn=a%20b", "a".repeat(40));
        let (addr, _) =
            server(format!("HTTP/1.1 302 Found\r\nLocation: {link}\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(get(&format!("http://{addr}/get?id=1"), true).unwrap(), link.as_bytes());
        assert!(get(&format!("http://{addr}/announce?info_hash=a"), false).is_err());
    }

    #[test]
    fn fetch_over_https_from_a_server_without_tls_says_so() {
        let (addr, _) = server(OK.into());
        // That server waits for the end of a line, which a TLS greeting may not have.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let plain = listener.local_addr().unwrap();
        let answers = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        });
        let error = get(&format!("https://{plain}/x.torrent"), true).unwrap_err().to_string();
        assert!(error.contains("the answer is not encrypted"), "{error}");
        answers.join().unwrap();
        assert!(get(&format!("http://{addr}/x.torrent"), true).is_ok());
    }

    #[test]
    fn reach_of_a_redirect_depends_on_the_redirecting_server() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (from, here, lan) in [
            (Some("127.0.0.1"), true, true),
            (Some("::1"), true, true),
            (Some("192.168.1.1"), false, true),
            (Some("8.8.8.8"), false, false),
            (None, false, false),
        ] {
            let reach = Reach::by_redirect_from(from.map(ip));
            for this in ["127.0.0.2", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"] {
                assert_eq!(reach.takes(ip(this)), here, "{from:?} to {this}");
            }
            assert_eq!(reach.takes(ip("10.0.0.1")), lan, "{from:?}");
            assert!(reach.takes(ip("8.8.4.4")));
        }
    }

    #[test]
    fn is_local_of_local_addresses_in_any_form_is_true() {
        for local in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "0.0.0.0",
        ] {
            assert!(local.parse().is_ok_and(is_local), "{local}");
        }
        for public in ["1.1.1.1", "100.128.0.1", "2001:4860::1"] {
            assert!(public.parse().is_ok_and(|ip| !is_local(ip)), "{public}");
        }
    }

    #[test]
    fn parse_of_another_scheme_is_an_error_without_secrets() {
        let error = parse("ftp://host/announce?passkey=0123456789abcdef0123").unwrap_err().to_string();
        assert!(!error.contains("0123456789abcdef0123"), "{error}");
    }
}
