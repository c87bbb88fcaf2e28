//! The RPC as its clients see it.

mod changes;
mod http;
mod lists;
mod session;

use super::{State, app};
use crate::api::LogBuffer;
use crate::api::tests::fixture::{Answer, Ask, Fixture, PASSWORD, about};
use crate::foreign::Foreign;
use axum::Router;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// A daemon with the RPC.
struct Rpc {
    fixture: Fixture,
    app: Router,
    id: String,
}

impl Rpc {
    fn start(settings: &[(&str, &str)]) -> Self {
        Self::with_web(settings, None)
    }

    fn with_web(settings: &[(&str, &str)], web_dir: Option<PathBuf>) -> Self {
        Self::of(Fixture::with_password(settings), web_dir)
    }

    /// Ends the daemon, and starts it again.
    fn restart(self) -> Self {
        let Self { fixture, app, .. } = self;
        // It holds the daemon.
        drop(app);
        Self::of(fixture.restart(&[]), None)
    }

    fn of(fixture: Fixture, web_dir: Option<PathBuf>) -> Self {
        let foreign = Foreign::new(&fixture.daemon, &fixture.access, &LogBuffer::default(), &about());
        let app = app(&foreign, web_dir);
        let mut rpc = Self { fixture, app, id: String::new() };
        let answer = rpc.ask(rpc.post("{}"));
        assert_eq!(answer.status, 409, "{answer:?}");
        rpc.id = answer.headers["x-transmission-session-id"].to_str().unwrap().to_owned();
        rpc
    }

    fn ask(&self, ask: Ask) -> Answer {
        self.fixture.runtime.block_on(Fixture::answer_of(&self.app, ask))
    }

    /// Returns a request of the RPC with credentials and the session id.
    fn post(&self, body: &str) -> Ask {
        let ask = Ask::to("POST /").path("/transmission/rpc").json(body).basic("ztor", PASSWORD);
        if self.id.is_empty() { ask } else { ask.header("x-transmission-session-id", &self.id) }
    }

    fn send(&self, body: &Value) -> Value {
        self.ask(self.post(&body.to_string())).json()
    }

    /// Calls a method in the legacy dialect. Returns the whole answer.
    fn legacy(&self, method: &str, arguments: &Value) -> Value {
        self.send(&json!({ "method": method, "arguments": arguments }))
    }

    /// Calls a method in the legacy dialect, which succeeds.
    #[track_caller]
    fn good(&self, method: &str, arguments: &Value) -> Value {
        let answer = self.legacy(method, arguments);
        assert_eq!(answer["result"], "success", "{method} {arguments}: {answer}");
        answer["arguments"].clone()
    }

    /// Calls a method in the legacy dialect, which fails.
    #[track_caller]
    fn bad(&self, method: &str, arguments: &Value) -> String {
        let answer = self.legacy(method, arguments);
        assert_ne!(answer["result"], "success", "{method} {arguments}");
        answer["result"].as_str().unwrap().to_owned()
    }

    /// Calls a method of JSON-RPC. Returns the whole answer.
    fn call(&self, method: &str, params: &Value) -> Value {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": 1 }))
    }

    /// Returns the code of a failed call of JSON-RPC.
    #[track_caller]
    fn code(&self, method: &str, params: &Value) -> i64 {
        let answer = self.call(method, params);
        answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("{method} {params}: {answer}"))
    }

    /// Returns fields of all torrents.
    fn get(&self, fields: &[&str]) -> Vec<Map<String, Value>> {
        let answer = self.good("torrent-get", &json!({ "fields": fields }));
        let torrents = answer["torrents"].as_array().unwrap();
        torrents.iter().map(|torrent| torrent.as_object().unwrap().clone()).collect()
    }

    /// Returns a field of a torrent.
    fn field(&self, id: u64, field: &str) -> Value {
        let answer = self.good("torrent-get", &json!({ "ids": id, "fields": [field] }));
        answer["torrents"][0][field].clone()
    }

    /// Adds a torrent, paused. Returns its id.
    fn add(&self, torrent: &[u8], others: &Value) -> u64 {
        let mut arguments = json!({ "metainfo": data_encoding::BASE64.encode(torrent), "paused": true });
        let others = others.as_object().cloned().unwrap_or_default();
        arguments.as_object_mut().unwrap().extend(others);
        self.good("torrent-add", &arguments)["torrent-added"]["id"].as_u64().unwrap()
    }
}

/// Returns a torrent file with two files, of 30,000 and 40,000 bytes in 5 pieces, and one tracker.
fn torrent(name: &str) -> Vec<u8> {
    let files = "ld6:lengthi30000e4:pathl1:a1:1eed6:lengthi40000e4:pathl1:2eee";
    let info = format!(
        "d5:files{files}4:name{}:{name}12:piece lengthi16384e6:pieces100:{}e",
        name.len(),
        "x".repeat(100)
    );
    format!("d8:announce27:http://127.0.0.1:9/announce7:comment4:text4:info{info}e").into_bytes()
}
