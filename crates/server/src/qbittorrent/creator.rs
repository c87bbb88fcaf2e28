//! Creation of torrents.

use super::Call;
use super::answer::{Failure, Outcome, Reply};
use serde_json::{Value, json};
use ztor_api::{Creation, CreationFormat, CreationRequest, CreationState};

/// Answers an endpoint below `torrentcreator`.
pub(super) fn call(call: &Call, action: &str) -> Outcome {
    match action {
        "addTask" => add(call),
        "status" => status(call),
        "torrentFile" => {
            let (bytes, name) = call.daemon().created_file(id(call)?)?;
            Ok(Reply::Torrent(bytes.to_vec(), name))
        }
        "deleteTask" => {
            call.daemon().remove_creation(id(call)?)?;
            Reply::done()
        }
        _ => Err(Failure::not_found()),
    }
}

fn id(call: &Call) -> Result<u64, Failure> {
    call.params.required("taskID")?.trim().parse().map_err(|_| Failure::not_found())
}

fn add(call: &Call) -> Outcome {
    let params = &call.params;
    params.required("sourcePath")?;
    let tiers = params.get("trackers").unwrap_or_default().replace('|', "\n");
    // An empty line begins a new tier; so does each URL of a list.
    let trackers = tiers.lines().map(str::trim).filter(|url| !url.is_empty()).map(|url| vec![url.to_owned()]);
    let format = match params.text("format") {
        Some("v1") => CreationFormat::V1,
        Some("v2") => CreationFormat::V2,
        _ => CreationFormat::Hybrid,
    };
    let piece_bytes = params.integer("pieceSize").filter(|size| *size > 0);
    let request = CreationRequest {
        path: params.text("sourcePath").unwrap_or_default().to_owned(),
        format,
        piece_bytes: piece_bytes.map(|size| u32::try_from(size).unwrap_or(u32::MAX)),
        trackers: trackers.collect(),
        web_seeds: params.list("urlSeeds", '|'),
        comment: params.get("comment").unwrap_or_default().to_owned(),
        source: params.get("source").unwrap_or_default().to_owned(),
        is_private: params.boolean("private").unwrap_or(false),
        include_hidden: params.boolean("ignoreDotfiles") == Some(false),
        add: params.boolean("startSeeding").unwrap_or(false),
        ..CreationRequest::default()
    };
    let id = match params.text("torrentFilePath") {
        Some(path) => call.daemon().create_torrent_file(&request, path)?,
        None => call.daemon().create_torrent(&request)?,
    };
    Reply::json(&json!({"taskID": id.to_string()}))
}

fn status(call: &Call) -> Outcome {
    let all = call.daemon().creations();
    let wanted = match call.params.text("taskID") {
        None => None,
        Some(_) => Some(id(call)?),
    };
    let found: Vec<Value> =
        all.iter().filter(|creation| wanted.is_none_or(|id| creation.id == id)).map(task).collect();
    if wanted.is_some() && found.is_empty() {
        return Err(Failure::not_found());
    }
    Reply::json(&found)
}

fn task(creation: &Creation) -> Value {
    let status = match creation.state {
        CreationState::Waiting => "Queued",
        CreationState::Hashing => "Running",
        CreationState::Done => "Finished",
        _ => "Failed",
    };
    let progress = match creation.total_bytes {
        0 => 0.0,
        total => (creation.done_bytes as f64 / total as f64 * 100.0).min(100.0),
    };
    let problem = creation.problem.as_ref().map(|problem| problem.detail.as_str());
    json!({
        "taskID": creation.id.to_string(),
        "sourcePath": creation.path,
        "status": status,
        "progress": if status == "Finished" { 100.0 } else { progress },
        "errorMessage": problem.unwrap_or_default(),
    })
}
