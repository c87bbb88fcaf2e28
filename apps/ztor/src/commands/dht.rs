//! `ztor dht`: queries the DHT.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use ztor_base::SwarmId;

use anyhow::Context;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde_json::{Value, json};
use ztor_metainfo::{InfoHashV1, Magnet, Publisher};
use ztor_session::dht::{Event, Family, Item, LookupId, NodeId, QueryId, Summary};
use ztor_session::{DhtClient, Route};

use crate::args::{DhtArgs, DhtCommand};
use crate::console::Console;
use crate::exit::{CliError, Exit};
use crate::open;
use crate::stop::Stop;
use ztor_view::format::Count;
use ztor_view::text::Escaped;

pub(super) fn run(command: &DhtCommand, console: &Console, stop: &Stop) -> anyhow::Result<Exit> {
    // These commands have no proxy, and must not go around the one that all others use.
    let proxy = std::env::var_os("ZTOR_PROXY").filter(|url| !url.is_empty() && url != "none");
    if proxy.is_some() && !matches!(command, DhtCommand::Key { .. }) {
        let message = "cannot ask the DHT: ZTOR_PROXY is set, and `ztor dht` does not use proxies";
        return Err(CliError::usage(message.to_owned()).hint("unset it for this command").into());
    }
    let start = |net: &DhtArgs| DhtQuery::start(net, &open::dht_nodes(&net.dht_bootstrap), console, stop);
    match command {
        // A node whose address is known is queried directly, without joining the DHT.
        DhtCommand::Ping { node, net } => DhtQuery::start(net, &net.dht_bootstrap, console, stop)?.ping(node),
        DhtCommand::GetPeers { torrent, net } => {
            let info_hash = info_hash(torrent)?;
            start(net)?.get_peers(info_hash)
        }
        DhtCommand::Get { target, salt, net } => {
            let target = NodeId::new(hash(target)?);
            start(net)?.get(target, salt.as_bytes())
        }
        DhtCommand::Put { text, key, salt, seq, net } => {
            // A bencoded string.
            let value = format!("{}:{text}", text.len()).into_bytes();
            let item = match key {
                None => Item::immutable(value),
                Some(file) => Item::sign(&key_seed(file)?, salt.clone().into_bytes(), *seq, value),
            };
            let item = item.map_err(|error| CliError::usage(format!("cannot store the item: {error}")))?;
            start(net)?.put(item)
        }
        DhtCommand::Key { file, salt } => make_key(file, salt, console),
        DhtCommand::Publish { torrent, key, salt, seq, net } => {
            let hash = published_hash(torrent)?;
            announce(hash, (key, salt, *seq), net, console, stop)
        }
        DhtCommand::Stats { net } => start(net)?.stats(),
    }
}

/// One query to the DHT, with the node that sends it.
struct DhtQuery<'a> {
    client: DhtClient,
    route: Route,
    console: &'a Console,
    stop: &'a Stop,
    until: Instant,
    patience: Duration,
}

impl<'a> DhtQuery<'a> {
    fn start(
        net: &DhtArgs,
        bootstrap: &[String],
        console: &'a Console,
        stop: &'a Stop,
    ) -> anyhow::Result<DhtQuery<'a>> {
        let route = net.route();
        let client = DhtClient::start(&route, bootstrap)?;
        Ok(DhtQuery {
            client,
            route,
            console,
            stop,
            until: Instant::now() + net.give_up,
            patience: net.give_up,
        })
    }

    fn ping(mut self, node: &str) -> anyhow::Result<Exit> {
        let addr = resolve(node, &self.route)?;
        let now = self.client.now();
        let query = self.client.node.ping(now, addr);
        self.until_some(|dht, event| match event {
            Event::Pong { node, rtt, .. } if is_of(event, query) => {
                dht.tell(
                    &format!("{} {} {:.1} ms", node.addr, node.id, rtt.as_micros() as f64 / 1000.0),
                    &json!({"event": "pong", "node": node.addr.to_string(), "id": node.id.to_string(),
                            "rtt_ms": rtt.as_micros() as f64 / 1000.0}),
                );
                Some(Ok(Exit::Ok))
            }
            Event::Failed { error, .. } if is_of(event, query) => {
                Some(Err(CliError::new(Exit::Network, format!("cannot ping {addr}: {error}")).into()))
            }
            _ => None,
        })
    }

    fn get_peers(mut self, info_hash: SwarmId) -> anyhow::Result<Exit> {
        let now = self.client.now();
        let lookup = self.client.node.get_peers(now, info_hash, None);
        let mut count = 0;
        self.until_some(|dht, event| match event {
            Event::Peers { lookup: of, peers, .. } if *of == lookup => {
                count += peers.len();
                for peer in peers {
                    dht.tell(&peer.to_string(), &json!({"event": "peer", "peer": peer.to_string()}));
                }
                None
            }
            _ => dht.is_done(event, lookup, json!({"peers": count})).then_some(Ok(Exit::Ok)),
        })
    }

    fn get(mut self, target: NodeId, salt: &[u8]) -> anyhow::Result<Exit> {
        let now = self.client.now();
        let lookup = self.client.node.get(now, target, salt);
        let mut found = false;
        self.until_some(|dht, event| match event {
            Event::Item { lookup: of, item } if *of == lookup => {
                found = true;
                dht.tell_item(item);
                None
            }
            _ if dht.is_done(event, lookup, json!({})) => Some(match found {
                true => Ok(Exit::Ok),
                false => Err(CliError::new(Exit::Failed, "cannot read the item: no node has it").into()),
            }),
            _ => None,
        })
    }

    fn put(mut self, item: Item) -> anyhow::Result<Exit> {
        let now = self.client.now();
        let target = item.target();
        let lookup = self.client.node.put(now, item, None)?;
        let mut kept = 0;
        self.until_some(|dht, event| match event {
            Event::Put { lookup: of, stored, refused } if *of == lookup => {
                kept = *stored;
                let no = refused.map_or(String::new(), |code| format!("; one refused it with error {code}"));
                dht.tell(
                    &format!("{target}\nstored by {}{no}", Count(*stored as u64, "node")),
                    &json!({"event": "stored", "target": target.to_string(), "nodes": stored, "refused": refused}),
                );
                None
            }
            _ if dht.is_done(event, lookup, json!({})) => Some(match kept {
                0 => Err(CliError::new(Exit::Failed, "cannot store the item: no node accepted it").into()),
                _ => Ok(Exit::Ok),
            }),
            _ => None,
        })
    }

    fn stats(mut self) -> anyhow::Result<Exit> {
        let now = self.client.now();
        let own = self.client.node.id(Family::V4);
        let lookup = self.client.node.find_node(now, own);
        self.until_some(|dht, event| match event {
            Event::Nodes { lookup: of, nodes } if *of == lookup => {
                for node in nodes {
                    let object =
                        json!({"event": "node", "node": node.addr.to_string(), "id": node.id.to_string()});
                    dht.tell(&format!("{} {}", node.id, node.addr), &object);
                }
                None
            }
            _ => dht.is_done(event, lookup, json!({})).then_some(Ok(())),
        })?;
        let stats = self.client.node.stats(self.client.now());
        for family in Family::ALL {
            let Some(of) = stats.families[family] else { continue };
            let name = if family == Family::V4 { "IPv4" } else { "IPv6" };
            let seen_as = of.external.map_or_else(|| "unknown".to_owned(), |ip| ip.to_string());
            self.tell(
                &format!(
                    "{name}: {} good nodes, {} questionable; external address {seen_as}",
                    of.good, of.questionable
                ),
                &json!({"event": "family", "family": name, "id": of.id.to_string(), "good": of.good,
                        "questionable": of.questionable, "external": of.external.map(|ip| ip.to_string())}),
            );
        }
        self.tell(
            &format!("{} queries sent, {} answered", stats.queries_out, stats.answers_in),
            &json!({"event": "stats", "queries_out": stats.queries_out, "answers_in": stats.answers_in,
                    "timeouts": stats.timeouts}),
        );
        Ok(Exit::Ok)
    }

    /// Runs the node until `on_event` returns a result for one of its events.
    ///
    /// # Errors
    /// Fails if the user stops it, the socket fails, or the time is over.
    fn until_some<T>(
        &mut self,
        mut on_event: impl FnMut(&mut Self, &Event) -> Option<anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        while Instant::now() < self.until {
            if self.stop.is_set() {
                return Err(CliError::new(Exit::Interrupted, "interrupted").into());
            }
            for event in self.client.step().context("cannot use the socket of the DHT")? {
                if let Some(result) = on_event(self, &event) {
                    return result;
                }
            }
        }
        let known = self.client.node.node_count();
        let why = match known {
            0 => "no DHT node answered",
            _ => "the lookup did not finish",
        };
        let error = CliError::new(
            Exit::Network,
            format!("cannot query the DHT: {why} within {} s", self.patience.as_secs()),
        );
        Err(error
            .hint("check the network, name another node with --dht-bootstrap, or wait longer with --give-up")
            .into())
    }

    /// Returns true if `event` is the end of `lookup`. In that case, prints its summary with the fields `more`.
    fn is_done(&self, event: &Event, lookup: LookupId, more: Value) -> bool {
        let Event::Done { lookup: of, summary } = event else { return false };
        if *of != lookup {
            return false;
        }
        let Summary { nodes_asked, nodes_answered, messages, took, .. } = summary;
        let mut object = json!({"event": "done", "nodes_asked": nodes_asked, "nodes_answered": nodes_answered,
                                "messages": messages, "took_ms": took.as_micros() / 1000});
        if let (Value::Object(all), Value::Object(more)) = (&mut object, more) {
            all.extend(more);
        }
        if self.console.is_json() {
            self.console.json(&object);
        } else {
            let ms = took.as_micros() / 1000;
            self.console.warn(&format!("{nodes_answered} of {nodes_asked} nodes answered, {ms} ms"));
        }
        true
    }

    fn tell_item(&self, item: &Item) {
        let value = item.value();
        // A bencoded string is shown decoded, any other value as it is.
        let text = ztor_bencode::decode(value).ok().and_then(|document| {
            let text = document.root().as_bytes()?;
            Some(String::from_utf8_lossy(text).into_owned())
        });
        let text = text.unwrap_or_else(|| String::from_utf8_lossy(value).into_owned());
        self.tell(
            &Escaped(&text).to_string(),
            &json!({"event": "item", "value": text, "bencoded": HEXLOWER.encode(value), "seq": item.seq()}),
        );
    }

    fn tell(&self, text: &str, object: &Value) {
        if self.console.is_json() {
            self.console.json(object);
        } else {
            self.console.line(text);
        }
    }
}

/// Creates a key in a file that only its owner can read, and prints the link of its publisher.
fn make_key(file: &Path, salt: &str, console: &Console) -> anyhow::Result<Exit> {
    use std::io::Write;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(std::io::Error::other).context("cannot get random bytes")?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(file).with_context(|| format!("cannot create {}", file.display()))?;
    writeln!(out, "{}", HEXLOWER.encode(&seed))
        .with_context(|| format!("cannot write {}", file.display()))?;
    let link = publisher_of(&seed, salt)?.to_string();
    if console.is_json() {
        console.json(&json!({"event": "key", "file": file.display().to_string(), "link": link}));
    } else {
        console.line(&link);
    }
    Ok(Exit::Ok)
}

fn publisher_of(seed: &[u8; 32], salt: &str) -> Result<Publisher, CliError> {
    let wrong = |error: String| CliError::usage(format!("cannot use the key: {error}"));
    let item = Item::sign(seed, salt.as_bytes().to_vec(), 0, b"de".to_vec());
    match item.map_err(|error| wrong(error.to_string()))? {
        Item::Mutable { key, salt, .. } => Ok(Publisher { key, salt }),
        Item::Immutable { .. } => Err(wrong("it signs nothing".into())),
    }
}

/// Returns the v1 info-hash to publish.
fn published_hash(torrent: &OsStr) -> anyhow::Result<InfoHashV1> {
    let hashes = match open::Source::parse(torrent) {
        open::Source::File(path) => open::torrent_file(path)?.info_hashes,
        open::Source::Magnet(link) => open::magnet(&link)?.info_hashes,
        open::Source::Url(_) => {
            return Err(CliError::usage("cannot publish a URL: give a torrent file or an info-hash").into());
        }
    };
    hashes.v1().ok_or_else(|| {
        CliError::usage("cannot publish a v2 torrent: publishers name v1 info-hashes only (BEP 46)")
            .hint("make a hybrid torrent with `ztor create --format hybrid`")
            .into()
    })
}

fn announce(
    hash: InfoHashV1,
    (key, salt, seq): (&Path, &str, Option<i64>),
    net: &DhtArgs,
    console: &Console,
    stop: &Stop,
) -> anyhow::Result<Exit> {
    let seed = key_seed(key)?;
    let (route, nodes, salt) = (net.route(), open::dht_nodes(&net.dht_bootstrap), salt.as_bytes().to_vec());
    // Two lookups, one after the other.
    let patience = net.give_up * 2;
    let published = open::in_thread(stop, move || {
        ztor_session::publish(&seed, &salt, (hash, seq), (&route, &nodes), patience)
    });
    let Some(published) = published else { return Ok(Exit::Interrupted) };
    let (publisher, seq, nodes) = published.context("cannot publish the torrent")?;
    if console.is_json() {
        console.json(
            &json!({"event": "published", "link": publisher.to_string(), "info_hash": hash.to_string(),
                             "seq": seq, "nodes": nodes}),
        );
    } else {
        console.line(&publisher.to_string());
        console.warn(&format!("version {seq}, stored by {}", Count(nodes as u64, "node")));
    }
    Ok(Exit::Ok)
}

fn is_of(event: &Event, query: QueryId) -> bool {
    matches!(event, Event::Pong { query: of, .. } | Event::Failed { query: of, .. } if *of == query)
}

fn resolve(node: &str, route: &Route) -> Result<SocketAddr, CliError> {
    let wrong =
        |why: String| CliError::usage(format!("cannot find the node {node}: {why}")).hint("write HOST:PORT");
    let found = route.resolve(node).map_err(|error| wrong(error.to_string()))?;
    found.first().copied().ok_or_else(|| wrong("its name has no address".into()))
}

fn info_hash(torrent: &str) -> Result<SwarmId, CliError> {
    match Magnet::of_hash(torrent).map_or_else(|| torrent.parse(), Ok) {
        Ok(magnet) => Ok(magnet.info_hashes.swarm_id()),
        Err(error) => Err(CliError::usage(format!("cannot use the info-hash or link: {error}"))
            .hint("give an info-hash in hex or base32, or a magnet link")),
    }
}

fn hash(text: &str) -> Result<[u8; 20], CliError> {
    let bytes = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        CliError::usage(format!("cannot use `{text}`: it is not a hash")).hint("write 40 hex digits")
    })
}

fn key_seed(file: &Path) -> anyhow::Result<[u8; 32]> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
    let bytes = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        CliError::usage(format!("cannot use {shown} as a key: expected 64 hex digits"))
            .hint("`ztor dht key FILE` creates a key")
            .into()
    })
}
