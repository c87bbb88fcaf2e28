//! Requests and answers as JSON, in both dialects.

use super::dialect::{Args, Dialect};
use super::failure::{Code, Failure};
use serde_json::{Map, Value, json};

/// Maximum number of calls in one request.
const MAX_BATCH: usize = 1000;

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    /// One call, or what cannot be one.
    One(Item),
    /// Several calls, which are answered in one list.
    Batch(Vec<Item>),
}

/// A member of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Call(Call),
    /// It is no call, for this reason. The answer has the form of JSON-RPC.
    Bad(Failure),
}

/// A call of a method.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) dialect: Dialect,
    pub(crate) method: Option<String>,
    pub(crate) args: Result<Args, Failure>,
    /// `tag` or `id`, which the answer repeats; `None` without one.
    id: Option<Value>,
}

impl Request {
    /// Decodes the body of a request. What follows the end of the JSON is an error, and so are more than 128 levels.
    pub(crate) fn decode(body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Err(_) => Self::One(Item::Bad(Code::Parse.into())),
            Ok(Value::Object(object)) => Self::One(Item::of(object)),
            Ok(Value::Array(members)) if members.is_empty() => {
                Self::One(Item::Bad(Code::InvalidRequest.into()))
            }
            Ok(Value::Array(members)) if members.len() > MAX_BATCH => {
                let detail = format!("a request has at most {MAX_BATCH} calls");
                Self::One(Item::Bad(Failure::new(Code::InvalidRequest, detail)))
            }
            Ok(Value::Array(members)) => Self::Batch(members.into_iter().map(Item::of_member).collect()),
            Ok(_) => Self::One(Item::Bad(Code::InvalidRequest.into())),
        }
    }
}

impl Item {
    fn of(mut object: Map<String, Value>) -> Self {
        let method = match object.remove("method") {
            Some(Value::String(method)) => Some(method),
            _ => None,
        };
        let Some(version) = object.remove("jsonrpc") else {
            let arguments = match object.remove("arguments") {
                Some(Value::Object(arguments)) => arguments,
                _ => Map::new(),
            };
            let id = object.remove("tag").filter(Value::is_number);
            let args = Ok(Args::new(arguments, Dialect::Legacy));
            return Self::Call(Call { dialect: Dialect::Legacy, method, args, id });
        };
        let id = object.remove("id");
        let is_id = id.as_ref().is_none_or(|id| id.is_string() || id.is_number() || id.is_null());
        if version != "2.0" || !is_id || method.is_none() {
            return Self::Bad(Code::InvalidRequest.into());
        }
        let args = match object.remove("params") {
            None => Ok(Args::default()),
            Some(Value::Object(params)) => Ok(Args::new(params, Dialect::JsonRpc)),
            Some(_) => Err(Code::Params.into()),
        };
        Self::Call(Call { dialect: Dialect::JsonRpc, method, args, id })
    }

    fn of_member(member: Value) -> Self {
        match member {
            // The legacy dialect knows no lists.
            Value::Object(object) if object.contains_key("jsonrpc") => Self::of(object),
            _ => Self::Bad(Code::InvalidRequest.into()),
        }
    }
}

impl Call {
    /// Returns the answer; `None` for a notification. `result` has an object in JSON.
    pub(crate) fn answer(&self, result: Result<Vec<u8>, Failure>) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(result.as_ref().map_or(0, Vec::len) + 64);
        match self.dialect {
            Dialect::Legacy => {
                let text = result.as_ref().map_or_else(Failure::legacy_text, |_| "success").to_owned();
                out.extend_from_slice(b"{\"arguments\":");
                match result {
                    Ok(arguments) => out.extend_from_slice(&arguments),
                    Err(failure) => {
                        let empty = Map::new();
                        out.extend_from_slice(
                            json!(failure.result().unwrap_or(&empty)).to_string().as_bytes(),
                        );
                    }
                }
                out.extend_from_slice(b",\"result\":");
                out.extend_from_slice(Value::from(text).to_string().as_bytes());
                if let Some(tag) = &self.id {
                    out.extend_from_slice(format!(",\"tag\":{tag}").as_bytes());
                }
                out.push(b'}');
            }
            Dialect::JsonRpc => {
                let id = self.id.as_ref()?;
                match result {
                    Ok(result) => {
                        out.extend_from_slice(
                            format!("{{\"id\":{id},\"jsonrpc\":\"2.0\",\"result\":").as_bytes(),
                        );
                        out.extend_from_slice(&result);
                        out.push(b'}');
                    }
                    Err(failure) => out = refusal(&failure, id),
                }
            }
        }
        Some(out)
    }
}

/// Returns the answer to what is no call.
pub(crate) fn refusal(failure: &Failure, id: &Value) -> Vec<u8> {
    json!({ "jsonrpc": "2.0", "error": failure.to_object(), "id": id }).to_string().into_bytes()
}

/// Returns the answer to a list of calls; `None` if all of them are notifications.
pub(crate) fn join(answers: Vec<Vec<u8>>) -> Option<Vec<u8>> {
    if answers.is_empty() {
        return None;
    }
    let mut out = vec![b'['];
    for (index, answer) in answers.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&answer);
    }
    out.push(b']');
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    fn call(body: &str) -> Call {
        match Request::decode(body.as_bytes()) {
            Request::One(Item::Call(call)) => call,
            other => panic!("{other:?}"),
        }
    }

    fn failure(body: &[u8]) -> Value {
        match Request::decode(body) {
            Request::One(Item::Bad(failure)) => failure.to_object()["code"].clone(),
            other => panic!("{other:?}"),
        }
    }

    fn text(answer: Option<Vec<u8>>) -> Value {
        serde_json::from_slice(&answer.unwrap()).unwrap()
    }

    #[test]
    fn legacy_call_is_answered_with_its_tag() {
        let call = call(r#"{"method":"session-get","arguments":{"download-dir":"x"},"tag":7}"#);
        assert_eq!((call.dialect, call.method.as_deref()), (Dialect::Legacy, Some("session-get")));
        assert_eq!(call.args.as_ref().unwrap().text("download_dir"), Some("x"));
        let answer = text(call.answer(Ok(b"{\"a\":1}".to_vec())));
        assert_eq!(answer, json!({"arguments": {"a": 1}, "result": "success", "tag": 7}));
        let answer = text(call.answer(Err(Failure::new(Code::Params, "no"))));
        assert_eq!(answer, json!({"arguments": {}, "result": "no", "tag": 7}));
    }

    #[test]
    fn legacy_call_without_a_tag_or_arguments_is_a_call() {
        let call = call("{}");
        assert_eq!(call.method, None);
        let answer = text(call.answer(Ok(b"{}".to_vec())));
        assert_eq!(answer, json!({"arguments": {}, "result": "success"}));
    }

    #[test]
    fn json_rpc_call_keeps_its_id_and_a_notification_has_no_answer() {
        for id in ["1", "\"x\"", "null"] {
            let call = call(&format!(r#"{{"jsonrpc":"2.0","method":"m","id":{id}}}"#));
            let answer = text(call.answer(Ok(b"{}".to_vec())));
            assert_eq!(answer["id"].to_string(), id);
            assert_eq!(answer["result"], json!({}));
        }
        let note = call(r#"{"jsonrpc":"2.0","method":"m"}"#);
        assert_eq!(note.answer(Ok(b"{}".to_vec())), None);
        assert_eq!(note.answer(Err(Code::Params.into())), None);
    }

    #[test]
    fn what_is_no_call_has_the_code_of_json_rpc() {
        let deep = "[".repeat(100_000);
        let many = format!("[{}1]", "1,".repeat(MAX_BATCH));
        for (body, code) in [
            ("{junk", -32700),
            ("", -32700),
            (&deep, -32700),
            ("3", -32600),
            ("[]", -32600),
            (&many, -32600),
            (r#"{"jsonrpc":"1.0","method":"m","id":1}"#, -32600),
            (r#"{"jsonrpc":"2.0","method":"m","id":[1]}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
        ] {
            assert_eq!(failure(body.as_bytes()), code, "{}", body.get(..40).unwrap_or(body));
        }
        assert_eq!(failure(b"\xff\xfe"), -32700);
        let params = call(r#"{"jsonrpc":"2.0","method":"m","params":[1],"id":1}"#);
        assert_eq!(params.args, Err(Code::Params.into()));
    }

    #[test]
    fn members_of_a_batch_are_calls_of_json_rpc() {
        let body = br#"[{"jsonrpc":"2.0","method":"m","id":1},4,{"method":"session-get"}]"#;
        let Request::Batch(items) = Request::decode(body) else { panic!() };
        let is_call: Vec<bool> = items.iter().map(|item| matches!(item, Item::Call(_))).collect();
        assert_eq!(is_call, [true, false, false]);
        assert_eq!(join(Vec::new()), None);
        assert_eq!(join(vec![b"1".to_vec(), b"2".to_vec()]).unwrap(), b"[1,2]");
    }
}
