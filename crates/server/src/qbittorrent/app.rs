//! The application: versions, preferences, folders and interfaces of the machine.

use super::answer::{Failure, Outcome, Reply};
use super::{API_VERSION, Call, VERSION};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Maximum number of names of a folder in an answer.
const MAX_NAMES: usize = 10_000;
/// Time for a folder.
const PATIENCE: Duration = Duration::from_secs(10);
/// Maximum number of cookies.
const MAX_COOKIES: usize = 1000;
/// Keys of the kept values.
const COOKIES: &str = "cookies";
const CLIENT_DATA: &str = "clientdata";

/// Answers an endpoint below `app`.
pub(super) async fn call(call: &Call, action: &str) -> Outcome {
    match action {
        "version" => Reply::text(VERSION),
        "webapiVersion" => Reply::text(API_VERSION),
        "buildInfo" => Reply::json(&json!({
            "bitness": usize::BITS,
            "boost": "1.83.0",
            "libtorrent": "2.0.11.0",
            "openssl": "3.5.0",
            "platform": "linux",
            "qt": "6.8.2",
            "zlib": "1.3.1",
        })),
        "defaultSavePath" => Reply::text(call.daemon().options().download_dir.to_string_lossy().into_owned()),
        "preferences" => Reply::json(&call.qb.preferences().await?),
        "setPreferences" => {
            call.params.required("json")?;
            match call.params.json("json") {
                Some(Value::Object(changes)) => call.qb.set_preferences(changes).await?,
                _ => tracing::warn!(
                    api = "qbittorrent",
                    "a program has sent preferences that are no JSON object"
                ),
            }
            Reply::done()
        }
        "networkInterfaceList" => interfaces(),
        "networkInterfaceAddressList" => addresses(call.params.text("iface")),
        "getDirectoryContent" => folder(call).await,
        "cookies" => {
            let cookies = call.qb.kept().values().get(COOKIES).cloned();
            Reply::json(&cookies.unwrap_or_else(|| json!([])))
        }
        "setCookies" => set_cookies(call).await,
        "sendTestEmail" => {
            tracing::warn!(api = "qbittorrent", "a program has asked for an e-mail, which is not supported");
            Reply::done()
        }
        "shutdown" => {
            tracing::info!(api = "qbittorrent", "a program has asked the daemon to end");
            // As after the signal of a service manager, the answer to this request is still sent.
            call.daemon().ask_to_end();
            Reply::done()
        }
        _ => Err(Failure::not_found()),
    }
}

fn interfaces() -> Outcome {
    let mut names: Vec<String> = known_interfaces().into_iter().map(|interface| interface.name).collect();
    names.sort();
    names.dedup();
    Reply::json(&names.into_iter().map(|name| json!({"name": name, "value": name})).collect::<Vec<_>>())
}

fn addresses(interface: Option<&str>) -> Outcome {
    let known = known_interfaces().into_iter();
    let of = known.filter(|known| interface.is_none_or(|name| known.name == name));
    let addresses: Vec<String> = of.map(|known| known.ip().to_string()).collect();
    Reply::json(&addresses)
}

fn known_interfaces() -> Vec<if_addrs::Interface> {
    if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot list the network interfaces");
        Vec::new()
    })
}

async fn folder(call: &Call) -> Outcome {
    let dir = PathBuf::from(call.params.required("dirPath")?);
    if !dir.is_absolute() || dir.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(Failure::bad("Invalid directory path"));
    }
    let mode = call.params.text("mode").unwrap_or("all").to_owned();
    let (has_folders, has_files) = match mode.as_str() {
        "all" => (true, true),
        "dirs" => (true, false),
        "files" => (false, true),
        _ => return Err(Failure::bad("mode: expected all, dirs or files")),
    };
    let work = tokio::task::spawn_blocking(move || names_in(&dir, has_folders, has_files));
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(Ok(names))) => Reply::json(&names),
        Ok(Ok(Err(_))) => Err(Failure::new(axum::http::StatusCode::NOT_FOUND, "Directory does not exist")),
        _ => Err(Failure::conflict("the disk of the folder does not respond")),
    }
}

fn names_in(dir: &Path, has_folders: bool, has_files: bool) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        if names.len() >= MAX_NAMES {
            break;
        }
        let path = entry?.path();
        if if path.is_dir() { has_folders } else { has_files } {
            names.push(path.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

async fn set_cookies(call: &Call) -> Outcome {
    call.params.required("cookies")?;
    let Some(Value::Array(cookies)) = call.params.json("cookies") else {
        return Err(Failure::bad("cookies: expected a list in JSON"));
    };
    if cookies.len() > MAX_COOKIES || !cookies.iter().all(Value::is_object) {
        return Err(Failure::bad(format!("cookies: expected at most {MAX_COOKIES} objects")));
    }
    call.qb
        .kept()
        .change(call.daemon(), |values| drop(values.insert(COOKIES.into(), cookies.into())))
        .await?;
    Reply::done()
}

/// Answers an endpoint below `clientdata`: values that web UIs store.
pub(super) async fn client_data(call: &Call, action: &str) -> Outcome {
    match action {
        "load" => {
            let mut all = call.qb.kept().object(CLIENT_DATA);
            if call.params.text("keys").is_some() {
                let keys: Option<Vec<String>> =
                    call.params.json("keys").and_then(|keys| serde_json::from_value(keys).ok());
                let keys = keys.ok_or_else(|| Failure::bad("keys: expected a list of texts in JSON"))?;
                all.retain(|key, _| keys.contains(key));
            }
            Reply::json(&all)
        }
        "store" => {
            call.params.required("data")?;
            let Some(Value::Object(data)) = call.params.json("data") else {
                return Err(Failure::bad("data: expected an object in JSON"));
            };
            let change = |values: &mut Map<String, Value>| {
                let mut all = values.get(CLIENT_DATA).and_then(Value::as_object).cloned().unwrap_or_default();
                for (key, value) in data {
                    match value {
                        Value::Null => drop(all.remove(&key)),
                        value => drop(all.insert(key, value)),
                    }
                }
                values.insert(CLIENT_DATA.into(), all.into());
            };
            call.qb.kept().change(call.daemon(), change).await?;
            Reply::done()
        }
        _ => Err(Failure::not_found()),
    }
}
