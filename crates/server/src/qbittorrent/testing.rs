//! Help for tests and fuzz targets.

use super::cells::Cells;
use super::delta::{Item, Rest, Whole, delta, full};
#[cfg(feature = "testing")]
use super::params::Params;
use super::track::Track;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// Returns the result of a future that never waits.
///
/// # Panics
/// The future waits.
#[allow(clippy::panic, reason = "a bug of the test")]
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the future waits"),
    }
}

/// Returns the path and the verb of all endpoints.
#[cfg(feature = "testing")]
pub(crate) fn all_endpoints() -> Vec<(String, bool)> {
    let path = |(scope, action, mutates)| (format!("/api/v2/{scope}/{action}"), mutates);
    let login = ["login", "logout"].map(|action| (format!("/api/v2/auth/{action}"), true));
    super::endpoints::all().map(path).chain(login).collect()
}

/// Parses a body by its media type, and reads it in every way. Returns the number of fields and of files, or the status.
#[cfg(feature = "testing")]
pub(crate) fn read_form(media_type: &str, body: &[u8]) -> Result<(Vec<(String, String)>, usize), u16> {
    let params = ready(Params::of_body(media_type, body.to_vec()));
    let params = params.map_err(|failure| failure.status.as_u16())?;
    let fields = params.fields().to_vec();
    for (name, _) in &fields {
        let _ = (params.boolean(name), params.integer(name), params.real(name), params.json(name));
        let _ = params.list(name, '|');
    }
    Ok((fields, params.files().len()))
}

/// A torrent of the model.
#[derive(Debug, Clone)]
struct Fake {
    hash: String,
    cells: Cells,
    trackers: Vec<String>,
}

impl Item for Fake {
    fn hash(&self) -> &str {
        &self.hash
    }

    fn cells(&self) -> &Cells {
        &self.cells
    }

    fn trackers(&self) -> &[String] {
        &self.trackers
    }

    fn write_cells(&self, _: Instant, into: &mut String) {
        self.cells.write_changes(&Cells::default(), into);
    }
}

fn fake(hash: u8, value: u8) -> Arc<Fake> {
    let pairs = [("a", (value % 4).to_string()), ("b", (value / 4 % 4).to_string()), ("c", "\"x\"".into())];
    let trackers = (0..3u8).filter(|bit| value >> bit & 1 == 1).map(|bit| format!("http://t{bit}/"));
    Arc::new(Fake {
        hash: format!("{hash:040x}"),
        cells: Cells::of_pairs(&pairs),
        trackers: trackers.collect(),
    })
}

/// The server of the model.
#[derive(Debug, Default)]
struct Server {
    torrents: BTreeMap<u64, Arc<Fake>>,
    next_id: u64,
    categories: BTreeMap<String, String>,
    tags: BTreeSet<String>,
    state: u8,
    last: Option<Whole<Fake>>,
}

impl Server {
    /// Makes a change, of which each kind has two bytes.
    fn change(&mut self, kind: u8, value: u8) {
        let hash = value % 8;
        let known = self.torrents.iter().find(|(_, of)| of.hash == format!("{hash:040x}")).map(|(id, _)| *id);
        match (kind % 6, known) {
            (0, Some(id)) => drop(self.torrents.insert(id, fake(hash, value))),
            (0 | 1, None) => self.add(hash, value),
            (1, Some(id)) => {
                // Removed and added again.
                self.torrents.remove(&id);
                self.add(hash, value);
            }
            (2, Some(id)) => drop(self.torrents.remove(&id)),
            (3, _) if value < 128 => {
                let name = format!("c{hash}");
                self.categories
                    .insert(name.clone(), format!("{{\"name\":\"{name}\",\"savePath\":\"{value}\"}}"));
            }
            (3, _) => drop(self.categories.remove(&format!("c{hash}"))),
            (4, _) if value < 128 => drop(self.tags.insert(format!("t{hash}"))),
            (4, _) => drop(self.tags.remove(&format!("t{hash}"))),
            _ => self.state = value,
        }
    }

    fn add(&mut self, hash: u8, value: u8) {
        self.torrents.insert(self.next_id, fake(hash, value));
        self.next_id += 1;
    }

    /// Returns the state as a snapshot that shares what has not changed.
    fn whole(&mut self) -> Whole<Fake> {
        let server = Cells::of_pairs(&[("s", self.state.to_string()), ("fixed", "true".into())]);
        let rest = Rest { categories: self.categories.clone(), tags: self.tags.clone(), server };
        let last = self.last.take();
        let is_same = |last: &Whole<Fake>| {
            last.torrents.len() == self.torrents.len()
                && last.torrents.iter().zip(&self.torrents).all(|(a, b)| a.0 == b.0 && Arc::ptr_eq(a.1, b.1))
        };
        let torrents = last.as_ref().filter(|last| is_same(last)).map(|last| Arc::clone(&last.torrents));
        let same_rest = last.as_ref().filter(|last| *last.rest == rest).map(|last| Arc::clone(&last.rest));
        let whole = Whole {
            torrents: torrents.unwrap_or_else(|| Arc::new(self.torrents.clone())),
            rest: same_rest.unwrap_or_else(|| Arc::new(rest)),
        };
        self.last = Some(whole.clone());
        whole
    }
}

/// The client of the model: applies answers as web UIs do.
#[derive(Debug, Default)]
struct Client {
    rid: u32,
    objects: BTreeMap<&'static str, Map<String, Value>>,
    tags: BTreeSet<String>,
}

/// Members that are objects by key, with the members that name removed keys.
const OBJECTS: [(&str, &str); 4] = [
    ("torrents", "torrents_removed"),
    ("categories", "categories_removed"),
    ("trackers", "trackers_removed"),
    ("server_state", ""),
];

impl Client {
    fn apply(&mut self, answer: &Value) {
        self.rid =
            answer.get("rid").and_then(Value::as_u64).and_then(|rid| u32::try_from(rid).ok()).unwrap_or(0);
        if answer.get("full_update").is_some() {
            *self = Self { rid: self.rid, ..Self::default() };
        }
        let texts = |key: &str| -> Vec<String> {
            let list = answer.get(key).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
        };
        for (name, removed) in OBJECTS {
            let known = self.objects.entry(name).or_default();
            texts(removed).iter().for_each(|key| drop(known.remove(key)));
            for (key, value) in answer.get(name).and_then(Value::as_object).into_iter().flatten() {
                match (known.get_mut(key), value) {
                    (Some(Value::Object(old)), Value::Object(new)) if name == "torrents" => {
                        old.extend(new.clone());
                    }
                    _ => drop(known.insert(key.clone(), value.clone())),
                }
            }
        }
        let gone = texts("tags_removed");
        self.tags.retain(|tag| !gone.contains(tag));
        self.tags.extend(texts("tags"));
    }
}

/// Follows a server through changes and lost answers: after each answer that arrives, the client has what a full answer has.
///
/// # Panics
/// The client has something else.
#[allow(clippy::expect_used, reason = "what the test finds")]
pub(crate) fn follow(operations: &[u8]) {
    let (mut server, mut client) = (Server::default(), Client::default());
    // Some runs begin shortly before the numbers wrap.
    let mut track = match operations.first() {
        Some(start) if start % 2 == 1 => {
            client.rid = 1_000_000 - u32::from(*start / 64);
            let whole = server.whole();
            client.apply(&parsed(&full(&whole, client.rid, Instant::now())));
            Track::after(client.rid, whole)
        }
        _ => Track::default(),
    };
    let now = Instant::now();
    for pair in operations.get(1..).unwrap_or_default().chunks_exact(2) {
        let &[kind, value] = pair else { continue };
        if kind % 4 != 3 {
            server.change(kind / 4, value);
            continue;
        }
        let rid = if value % 16 == 15 { u32::from(value) } else { client.rid };
        let whole = server.whole();
        let (next, known) = track.answer(rid, whole.clone());
        let text = match &known {
            Some(known) => delta(known, &whole, next, now),
            None => full(&whole, next, now),
        };
        let answer = parsed(&text);
        if known.is_some() && rid != client.rid {
            // It asked for what it does not have.
            continue;
        }
        if value % 4 == 0 {
            // Lost on its way.
            continue;
        }
        client.apply(&answer);
        assert_eq!(client.rid, next);
        let mut fresh = Client::default();
        fresh.apply(&parsed(&full(&whole, next, now)));
        assert_eq!((&client.objects, &client.tags), (&fresh.objects, &fresh.tags), "after {text}");
    }
}

#[allow(clippy::expect_used, reason = "what the test finds")]
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn answer_without_changes_has_its_number_alone() {
        let (mut server, mut track) = (Server::default(), Track::default());
        server.change(0, 9);
        let first = server.whole();
        let (rid, _) = track.answer(0, first.clone());
        let second = server.whole();
        let (next, known) = track.answer(rid, second.clone());
        assert_eq!(delta(&known.unwrap_or(first), &second, next, Instant::now()), r#"{"rid":2}"#);
    }

    #[test]
    fn torrent_that_was_added_again_is_not_removed() {
        let mut server = Server::default();
        server.change(0, 1);
        let old = server.whole();
        server.change(1, 1);
        let text = delta(&old, &server.whole(), 2, Instant::now());
        assert!(!text.contains("torrents_removed") && text.contains("\"c\":\"x\""), "{text}");
    }

    proptest! {
        #[test]
        fn updates_lead_to_the_full_state(operations in proptest::collection::vec(any::<u8>(), 0..400)) {
            follow(&operations);
        }
    }
}
