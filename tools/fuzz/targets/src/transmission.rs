use serde_json::Value;
use ztor_server::testing::{answer_transmission, parse_transmission_trackers};

/// Checks the input as the body of a request of the Transmission RPC, in both dialects, and as a tracker list.
///
/// Every answer is JSON of the dialect of its call: an object with `result`, or one with `jsonrpc` and either a result or an
/// error. A list answers at most as many calls as it has. Tiers of a list are not empty, and have each URL once.
pub fn transmission(data: &[u8]) {
    if let Some(answer) = answer_transmission(data) {
        let answer: Value = serde_json::from_slice(&answer).expect("an answer is JSON");
        match answer {
            Value::Array(answers) => {
                let request: Value = serde_json::from_slice(data).expect("only a list is answered by a list");
                assert!(!answers.is_empty() && answers.len() <= request.as_array().map_or(0, Vec::len));
                assert!(answers.iter().all(is_json_rpc));
            }
            answer => assert!(is_json_rpc(&answer) || is_legacy(&answer), "{answer}"),
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(tiers) = parse_transmission_trackers(text) {
        assert!(tiers.iter().all(|tier| !tier.is_empty()));
        let list = tiers.iter().map(|tier| tier.join("\n")).collect::<Vec<_>>().join("\n\n");
        assert_eq!(parse_transmission_trackers(&list), Some(tiers));
    }
}

fn is_json_rpc(answer: &Value) -> bool {
    let has_id = answer.get("id").is_some_and(|id| id.is_null() || id.is_string() || id.is_number());
    let (result, error) = (answer.get("result"), answer.get("error"));
    let is_error = error.is_some_and(|error| error["code"].is_i64() && error["message"].is_string());
    answer["jsonrpc"] == "2.0" && has_id && (result.is_some() != is_error)
}

fn is_legacy(answer: &Value) -> bool {
    let has_tag = answer.get("tag").is_none_or(Value::is_number);
    answer["result"].is_string()
        && answer["arguments"].is_object()
        && answer.get("jsonrpc").is_none()
        && has_tag
}
