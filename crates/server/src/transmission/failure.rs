//! Failures of calls, in both dialects.

use serde_json::{Map, Value, json};
use ztor_api::ProblemKind;
use ztor_daemon::DaemonError;

/// A failure of a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    code: Code,
    /// What failed, in place of the text of the code.
    detail: Option<String>,
    /// Arguments of the answer nevertheless.
    result: Option<Map<String, Value>>,
}

/// Kind of a failure, with its number in JSON-RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Parse = -32700,
    InvalidRequest = -32600,
    NoMethod = -32601,
    Params = -32602,
    AnnounceList = 1,
    TrackerList = 2,
    NotAbsolute = 3,
    Unrecognized = 4,
    System = 5,
    FileIndex = 6,
    PieceIndex = 7,
    Http = 8,
    Blocklist = 10,
}

impl Code {
    fn text(self) -> &'static str {
        match self {
            Self::Parse => "Parse error",
            Self::InvalidRequest => "Invalid Request",
            Self::NoMethod => "Method not found",
            Self::Params => "Invalid params",
            Self::AnnounceList => "error setting announce list",
            Self::TrackerList => "Invalid tracker list",
            Self::NotAbsolute => "path is not absolute",
            Self::Unrecognized => "unrecognized info",
            Self::System => "system error",
            Self::FileIndex => "file index out of range",
            Self::PieceIndex => "piece index out of range",
            Self::Http => "HTTP error from backend service",
            Self::Blocklist => "error reading the blocklist",
        }
    }
}

impl Failure {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: Some(detail.into()), result: None }
    }

    /// Returns the failure with an answer nevertheless.
    pub(crate) fn with_result(self, result: Map<String, Value>) -> Self {
        Self { result: Some(result), ..self }
    }

    /// Returns the text of the legacy `result`.
    pub(crate) fn legacy_text(&self) -> &str {
        self.detail.as_deref().unwrap_or(self.code.text())
    }

    /// Returns the arguments that go with it in the legacy form.
    pub(crate) fn result(&self) -> Option<&Map<String, Value>> {
        self.result.as_ref()
    }

    /// Returns the error object of JSON-RPC.
    pub(crate) fn to_object(&self) -> Value {
        let mut data = Map::new();
        if let Some(detail) = &self.detail {
            data.insert("error_string".to_owned(), detail.as_str().into());
        }
        if let Some(result) = &self.result {
            data.insert("result".to_owned(), Value::Object(result.clone()));
        }
        let mut object = json!({ "code": self.code as i32, "message": self.code.text() });
        if let (false, Some(object)) = (data.is_empty(), object.as_object_mut()) {
            object.insert("data".to_owned(), Value::Object(data));
        }
        object
    }
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self { code, detail: None, result: None }
    }
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Self {
        let code = match error.kind() {
            ProblemKind::BadTorrent => Code::Unrecognized,
            ProblemKind::BadRequest => Code::Params,
            ProblemKind::Fetch => Code::Http,
            _ => Code::System,
        };
        Self::new(code, error.to_string())
    }
}
