//! Parameters in the path and in the query.

use super::schemas::property_schemas;
use serde_json::{Value, json};
use ztor_api::{ListQuery, State, StateGroup};
use ztor_daemon::SPANS_S;
use ztor_daemon::settings::TABLE;

/// Returns a parameter in the path, a text that is not empty.
pub(super) fn in_path(name: &str, description: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true, "description": description,
        "schema": { "type": "string", "minLength": 1 },
    })
}

/// Returns the parameter `index`, the index of a file.
pub(super) fn file_index() -> Value {
    json!({
        "name": "index", "in": "path", "required": true, "description": "Index of the file in the torrent, from 0.",
        "schema": { "type": "integer", "minimum": 0 },
    })
}

/// Returns the parameter `key`, the name of a setting.
pub(super) fn setting() -> Value {
    let mut parameter = in_path("key", "Name of the setting, such as `max_downloads`.");
    let keys: Vec<&str> = TABLE.iter().map(|declaration| declaration.key).collect();
    parameter["schema"] = json!({ "type": "string", "enum": keys });
    parameter
}

/// Returns a parameter in the query.
pub(super) fn in_query(name: &str, is_required: bool, description: &str, schema: &Value) -> Value {
    json!({
        "name": name, "in": "query", "required": is_required, "description": description, "schema": schema,
    })
}

/// Returns the parameter `dir` of a watched folder.
pub(super) fn dir() -> Value {
    let schema = json!({ "type": "string", "pattern": "^/" });
    in_query("dir", true, "The folder, an absolute path.", &schema)
}

/// Returns the parameter `dir` of a folder.
pub(super) fn folder() -> Value {
    let schema = json!({ "type": "string", "pattern": "^/" });
    in_query("dir", true, "The folder, an absolute path.", &schema)
}

/// Returns the parameter `address` of a ban.
pub(super) fn address() -> Value {
    let schema = json!({ "type": "string", "minLength": 1 });
    in_query("address", true, "The address, network or range, as in the list of bans.", &schema)
}

/// Returns the parameter `span_s` of the history.
pub(super) fn span() -> Value {
    let schema = json!({ "type": "integer", "enum": SPANS_S });
    in_query("span_s", true, "Span of time in seconds.", &schema)
}

/// Returns the parameter `secrets` of the trackers.
pub(super) fn secrets() -> Value {
    let description = "True for whole announce URLs, with the passkeys in them.";
    in_query("secrets", false, description, &json!({ "type": "boolean" }))
}

/// Returns the parameter `id` of a creation.
pub(super) fn creation() -> Value {
    json!({
        "name": "id", "in": "path", "required": true, "description": "Number of the creation.",
        "schema": { "type": "integer", "format": "uint64", "minimum": 0, "maximum": u64::MAX },
    })
}

/// Returns the parameters of the log.
pub(super) fn of_log() -> [Value; 4] {
    let number = json!({ "type": "integer", "format": "uint64", "minimum": 0, "maximum": u64::MAX });
    let levels = json!({ "type": "string", "enum": ["error", "warn", "info", "debug", "trace"] });
    [
        in_query("since", false, "Number of a line; only later lines are in the answer.", &number),
        in_query("level", false, "Least severe level.", &levels),
        in_query("limit", false, "Maximum number of lines, the last ones.", &number),
        in_query("torrent", false, "Id of a torrent; only lines about it are in the answer.", &number),
    ]
}

/// Returns the fields of [`ListQuery`] as parameters.
pub(super) fn of_list() -> Vec<Value> {
    property_schemas::<ListQuery>().into_iter().map(|(name, schema)| of_field(&name, schema)).collect()
}

fn of_field(name: &str, mut schema: Value) -> Value {
    let description = schema["description"].take();
    if let Value::Object(schema) = &mut schema {
        schema.retain(|key, _| !matches!(key.as_str(), "description" | "default"));
        // A parameter that is not there takes the place of `null`.
        if let Some(types) = schema.get("type").and_then(Value::as_array) {
            let first = types.iter().find(|name| **name != "null").cloned();
            schema.insert("type".to_owned(), first.into());
        }
    }
    if name == "state" {
        let names: Vec<&str> = State::ALL
            .iter()
            .map(|state| state.name())
            .chain(StateGroup::ALL.map(StateGroup::name))
            .collect();
        schema["items"]["enum"] = names.into();
    }
    let mut parameter = in_query(name, false, description.as_str().unwrap_or_default(), &schema);
    if name == "sort" {
        parameter["explode"] = false.into();
        parameter["schema"]["minItems"] = 1.into();
    }
    parameter
}
