//! The OpenAPI document of the native API.
//!
//! `operations` describes each method of each route, in the order of the route table. `operation` is the form of such a
//! description, `parameters` that of its parameters, and `schemas` collects the schemas of the types and completes them.

mod operation;
mod operations;
mod parameters;
mod schemas;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;

use super::Api;
use super::answer::Json;
use crate::access::COOKIE_NAME;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use schemas::Schemas;
use serde_json::{Map, Value, json};

/// Returns the document.
pub(super) async fn serve(State(api): State<Api>) -> Response {
    let document = api.0.openapi.get_or_init(|| document(api.base_path(), &api.about().version));
    Json(document).into_response()
}

fn document(base_path: &str, version: &str) -> Value {
    let mut schemas = Schemas::default();
    let mut paths = Map::new();
    for operation in operations::all() {
        let path = operation.path.replace("{*", "{");
        let methods = paths.entry(path).or_insert_with(|| Value::Object(Map::new()));
        let method = operation.method.to_lowercase();
        methods[method] = operation.into_value(&mut schemas);
    }
    schemas.add_answer::<ztor_api::Problem>();
    schemas.add_answer::<ztor_api::LiveUpdate>();
    schemas.add_request::<ztor_api::LiveRequest>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "ztor",
            "version": version,
            "description": "The native API of the ztor daemon. Errors are problem objects (RFC 9457). Units are in the \
                names of fields: `_bytes`, `_per_s` (bytes per second), `_s` (seconds), `_unix_s` (seconds since 1970). \
                Unknown fields are refused in requests; answers may get new fields.",
        },
        "servers": [{ "url": format!("{base_path}{}", ztor_api::BASE) }],
        "security": [{ "token": [] }, { "password": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A token of `POST /tokens`." },
                "password": { "type": "http", "scheme": "basic", "description": "User name and password." },
                "session": {
                    "type": "apiKey", "in": "cookie", "name": COOKIE_NAME,
                    "description": "The cookie of `POST /session`.",
                },
            },
            "schemas": schemas.into_value(),
        },
    })
}
