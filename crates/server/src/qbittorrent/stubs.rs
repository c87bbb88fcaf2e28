//! Endpoints about feeds and searches, which are not supported: lists are empty, and changes are refused.

use super::answer::{Failure, Outcome, Reply};
use serde_json::{Value, json};

/// Answers an endpoint below `rss`.
pub(super) fn rss(action: &str) -> Outcome {
    match action {
        "items" | "rules" | "matchingArticles" => Reply::json(&json!({})),
        _ => refuse("RSS feeds"),
    }
}

/// Answers an endpoint below `search`.
pub(super) fn search(action: &str) -> Outcome {
    match action {
        "plugins" | "status" => Reply::json(&Vec::<Value>::new()),
        "results" => Err(Failure::not_found()),
        _ => refuse("Search plugins"),
    }
}

fn refuse(what: &str) -> Outcome {
    Err(Failure::conflict(format!("{what} are not supported by this server")))
}
