//! The types of the API in TypeScript, for the web UI.

use super::super::document;
use super::super::schemas::PREFIX;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

/// Path of the types below this crate.
const FILE: &str = "../../apps/web/types.d.ts";
/// Set to write the file.
const UPDATE: &str = "UPDATE_TYPES";
const WIDTH: usize = 120;

#[test]
fn types_of_the_web_ui_are_those_of_the_api() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let types = typescript(&document("", "1")["components"]["schemas"]);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &types).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == types, "{FILE} is not up to date: run this test with {UPDATE}=1");
}

fn typescript(schemas: &Value) -> String {
    let mut text = String::from(
        "/** Types of the native API. Generated from the crate ztor-api by the test `types_of_the_web_ui_are_those_of_the_api`. */\n",
    );
    for (name, schema) in schemas.as_object().unwrap() {
        comment(&mut text, schema, "");
        let definition = definition(schema, "");
        writeln!(text, "export type {name} = {definition};").unwrap();
    }
    text
}

/// Writes the description as a comment, in lines of at most [`WIDTH`].
fn comment(text: &mut String, schema: &Value, indent: &str) {
    let Some(description) = schema["description"].as_str() else { return };
    let words = description.split_whitespace();
    let mut lines = vec![String::from("/**")];
    for word in words {
        let line = lines.last_mut().unwrap();
        if indent.len() + line.len() + 1 + word.len() + 3 > WIDTH {
            lines.push(format!(" * {word}"));
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    writeln!(text, "{indent}{} */", lines.join(&format!("\n{indent}"))).unwrap();
}

fn definition(schema: &Value, indent: &str) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        return name.trim_start_matches(PREFIX).to_owned();
    }
    if let Some(values) = schema["enum"].as_array() {
        return values
            .iter()
            .map(|value| format!("'{}'", value.as_str().unwrap()))
            .collect::<Vec<_>>()
            .join(" | ");
    }
    for kind in ["oneOf", "anyOf"] {
        if let Some(parts) = schema[kind].as_array() {
            return parts.iter().map(|part| definition(part, indent)).collect::<Vec<_>>().join(" | ");
        }
    }
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().unwrap()).collect(),
        // Anything.
        _ => return "unknown".to_owned(),
    };
    let of = |kind: &str| match kind {
        "string" => "string".to_owned(),
        "integer" | "number" => "number".to_owned(),
        "boolean" => "boolean".to_owned(),
        "null" => "null".to_owned(),
        "array" => match definition(&schema["items"], indent) {
            item if item.contains(" | ") => format!("({item})[]"),
            item => format!("{item}[]"),
        },
        "object" => object(schema, indent),
        other => unreachable!("a schema of the type {other}"),
    };
    kinds.into_iter().map(of).collect::<Vec<_>>().join(" | ")
}

fn object(schema: &Value, indent: &str) -> String {
    let Some(fields) = schema["properties"].as_object().filter(|fields| !fields.is_empty()) else {
        return match schema["additionalProperties"].is_object() {
            true => format!("Record<string, {}>", definition(&schema["additionalProperties"], indent)),
            false => "Record<string, never>".to_owned(),
        };
    };
    let inner = format!("{indent}  ");
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let mut text = String::from("{\n");
    for (name, field) in fields {
        comment(&mut text, field, &inner);
        let mark = if required.iter().any(|known| known == name) { "" } else { "?" };
        writeln!(text, "{inner}{name}{mark}: {};", definition(field, &inner)).unwrap();
    }
    write!(text, "{indent}}}").unwrap();
    text
}
