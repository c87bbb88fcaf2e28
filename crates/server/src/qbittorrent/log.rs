//! The log.

use super::Call;
use super::answer::{Failure, Outcome, Reply};
use serde_json::{Value, json};

/// Answers an endpoint below `log`.
pub(super) fn call(call: &Call, action: &str) -> Outcome {
    match action {
        "main" => main(call),
        // Banned peers are in the log itself.
        "peers" => Reply::json(&Vec::<Value>::new()),
        _ => Err(Failure::not_found()),
    }
}

fn main(call: &Call) -> Outcome {
    let is_wanted = |name| call.params.boolean(name).unwrap_or(true);
    let wanted = ["normal", "info", "warning", "critical"].map(is_wanted);
    let since = call.params.integer("last_known_id").and_then(|id| u64::try_from(id).ok()).unwrap_or(0);
    let kind = |level: &str| match level {
        "error" => 3,
        "warn" => 2,
        "info" => 0,
        _ => 1,
    };
    let lines = call.qb.foreign().log().after(since).into_iter();
    let shown: Vec<Value> = lines
        .filter(|line| wanted.get(kind(&line.level)).copied().unwrap_or(false))
        .map(|line| {
            json!({
                "id": line.number,
                "message": line.message,
                "timestamp": line.unix_ms / 1000,
                "type": 1 << kind(&line.level),
            })
        })
        .collect();
    Reply::json(&shown)
}
