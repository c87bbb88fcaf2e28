//! Description of one method of a route.

use super::schemas::{List, Schemas};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use ztor_api::{Problem, ProblemKind};

/// Problems of any route: those of access control, of a server that ends, and of a malformed request.
const COMMON: [ProblemKind; 6] = [
    ProblemKind::BadRequest,
    ProblemKind::Unauthorized,
    ProblemKind::Forbidden,
    ProblemKind::TooMany,
    ProblemKind::Unavailable,
    ProblemKind::Internal,
];

/// Problems of routes with a body.
const OF_BODIES: [ProblemKind; 2] = [ProblemKind::TooLarge, ProblemKind::UnsupportedMediaType];

/// One method of a route.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// Path as in the route table.
    pub(super) path: &'static str,
    id: &'static str,
    summary: &'static str,
    parameters: Vec<Value>,
    request: Option<Schema>,
    /// Answer without a problem, and its status.
    answer: (u16, Answer),
    problems: Vec<ProblemKind>,
    is_public: bool,
}

/// Adds the schema of a type to the document, and returns a reference to it.
type Schema = fn(&mut Schemas) -> Value;

#[derive(Debug)]
enum Answer {
    Json(Schema),
    /// A body of another media type.
    Other(&'static str),
    Empty,
}

/// Returns an operation without parameters, body or answer; `line` is its method and path.
pub(super) fn operation(line: &'static str, id: &'static str, summary: &'static str) -> Operation {
    let (method, path) = line.split_once(' ').unwrap_or((line, ""));
    Operation {
        method,
        path,
        id,
        summary,
        parameters: Vec::new(),
        request: None,
        answer: (200, Answer::Empty),
        problems: Vec::new(),
        is_public: false,
    }
}

impl Operation {
    pub(super) fn parameters(mut self, parameters: impl IntoIterator<Item = Value>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// Sets the type of the body, which is JSON.
    pub(super) fn takes<T: ToSchema>(mut self) -> Self {
        self.request = Some(Schemas::add_request::<T>);
        self.problems(OF_BODIES)
    }

    /// Sets the type of the answer, which is JSON.
    pub(super) fn answers<T: ToSchema>(mut self) -> Self {
        self.answer = (200, Answer::Json(Schemas::add_answer::<T>));
        self
    }

    /// Makes the answer a list of this type.
    pub(super) fn answers_list<T: ToSchema>(mut self) -> Self {
        self.answer = (200, Answer::Json(List::<T>::add));
        self
    }

    /// Sets the media type of the answer, which is not JSON.
    pub(super) fn answers_other(mut self, media_type: &'static str) -> Self {
        self.answer = (200, Answer::Other(media_type));
        self
    }

    /// Sets the status of an answer without a body.
    pub(super) fn answers_empty(mut self, status: u16) -> Self {
        self.answer = (status, Answer::Empty);
        self
    }

    /// Adds problems, in addition to those of any route.
    pub(super) fn problems(mut self, problems: impl IntoIterator<Item = ProblemKind>) -> Self {
        self.problems.extend(problems);
        self
    }

    /// Marks a route that needs no credentials.
    pub(super) fn public(mut self) -> Self {
        self.is_public = true;
        self
    }

    /// Returns the Operation Object.
    pub(super) fn into_value(self, schemas: &mut Schemas) -> Value {
        let problems: Vec<ProblemKind> = COMMON.into_iter().chain(self.problems).collect();
        let mut responses = Map::new();
        let problem = schemas.add_answer::<Problem>();
        for kind in &problems {
            let status = kind.status();
            let names: Vec<&str> =
                problems.iter().filter(|other| other.status() == status).map(|kind| meaning(*kind)).collect();
            let response = json!({
                "description": names.join(" "),
                "content": { "application/problem+json": { "schema": &problem } },
            });
            responses.insert(status.to_string(), response);
        }
        let (status, answer) = self.answer;
        let answer = match answer {
            Answer::Json(schema) => json!({
                "description": "Success.",
                "content": { "application/json": { "schema": schema(schemas) } },
            }),
            Answer::Other(media_type) => json!({ "description": "Success.", "content": { media_type: {} } }),
            Answer::Empty => json!({ "description": "Success." }),
        };
        responses.insert(status.to_string(), answer);
        let group = self.path.split('/').nth(1).unwrap_or_default();
        let mut value = json!({
            "operationId": self.id,
            "summary": self.summary,
            "tags": [group],
            "parameters": self.parameters,
            "responses": responses,
        });
        if let Some(schema) = self.request {
            let content = json!({ "application/json": { "schema": schema(schemas) } });
            value["requestBody"] = json!({ "required": true, "content": content });
        }
        if self.is_public {
            value["security"] = json!([]);
        }
        value
    }
}

/// Returns the meaning of a problem, as in the documentation of its kind.
fn meaning(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::BadRequest => "The request is malformed, or a value is out of range.",
        ProblemKind::Unauthorized => "Credentials are missing or wrong.",
        ProblemKind::Forbidden => "The origin or the host of the request is not allowed.",
        ProblemKind::NotFound => "The route or the named thing does not exist.",
        ProblemKind::MethodNotAllowed => "The method is not one of the route.",
        ProblemKind::Conflict => "The request contradicts the present state.",
        ProblemKind::TooLarge => "The body is too long.",
        ProblemKind::UnsupportedMediaType => "The body has a media type that the route does not take.",
        ProblemKind::BadTorrent => "A torrent file or magnet link cannot be used.",
        ProblemKind::TooMany => "Too many requests, or too many failed logins.",
        ProblemKind::Fetch => "A URL could not be fetched.",
        ProblemKind::Storage => "A disk of the daemon failed, or is full.",
        ProblemKind::NotSupported => "The daemon cannot do this.",
        ProblemKind::Unavailable => "The daemon is ending, cannot save its state, or did not answer in time.",
        _ => "A defect of the daemon.",
    }
}
