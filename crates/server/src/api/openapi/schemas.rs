//! Schemas of the types of the API.
//!
//! `utoipa` derives them. What it leaves out is added here: requests refuse unknown fields, answers have all fields,
//! integers have their largest value, and composed objects are merged, as a closed part would refuse the fields of the
//! others.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

/// Beginning of the references that `utoipa` derives.
pub(super) const PREFIX: &str = "#/components/schemas/";

/// Schemas of a document, by name.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    all: BTreeMap<String, Value>,
    /// Names of the types of bodies.
    requests: BTreeSet<String>,
    /// Names of the types of answers.
    answers: BTreeSet<String>,
}

/// A list of a type.
pub(super) struct List<T>(PhantomData<T>);

impl<T: ToSchema> List<T> {
    /// Adds the schema of an answer that is a list.
    pub(super) fn add(schemas: &mut Schemas) -> Value {
        json!({ "type": "array", "items": schemas.add_answer::<T>() })
    }
}

impl Schemas {
    /// Adds the schema of the type of a body, and returns a reference to it.
    pub(super) fn add_request<T: ToSchema>(&mut self) -> Value {
        self.requests.insert(T::name().into_owned());
        self.add::<T>()
    }

    /// Adds the schema of the type of an answer, and returns a reference to it.
    pub(super) fn add_answer<T: ToSchema>(&mut self) -> Value {
        self.answers.insert(T::name().into_owned());
        self.add::<T>()
    }

    fn add<T: ToSchema>(&mut self) -> Value {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        for (name, schema) in found {
            self.all.entry(name).or_insert_with(|| value_of(&schema));
        }
        json!({ "$ref": format!("{PREFIX}{}", T::name()) })
    }

    /// Completes the schemas, and returns them by name.
    pub(super) fn into_value(mut self) -> Value {
        let parts = self.all.clone();
        self.all.values_mut().for_each(|schema| walk(schema, &mut |value| merge(value, &parts)));
        let requests = reached(&self.all, &self.requests);
        let answers = reached(&self.all, &self.answers);
        for (name, schema) in &mut self.all {
            walk(schema, &mut |value| {
                tidy(value);
                if requests.contains(name) {
                    close(value);
                } else if answers.contains(name) {
                    require_all(value);
                }
            });
        }
        self.all.into_iter().collect::<Map<String, Value>>().into()
    }
}

/// Returns the schemas of the fields of a type by name.
pub(super) fn property_schemas<T: ToSchema>() -> Map<String, Value> {
    let mut schema = value_of(&T::schema());
    let mut found = Vec::new();
    T::schemas(&mut found);
    let parts: BTreeMap<String, Value> =
        found.into_iter().map(|(name, schema)| (name, value_of(&schema))).collect();
    walk(&mut schema, &mut |value| {
        if let Some(part) = target(value).and_then(|name| parts.get(name)) {
            *value = part.clone();
        }
        tidy(value);
    });
    match schema["properties"].take() {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn value_of(schema: &RefOr<Schema>) -> Value {
    let value = serde_json::to_value(schema);
    value.unwrap_or_else(|error| {
        tracing::error!(%error, "cannot encode a schema");
        // The schema that accepts anything.
        Value::Bool(true)
    })
}

/// Returns the name of the schema to which a reference leads.
fn target(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()?.strip_prefix(PREFIX)
}

/// Calls `f` for a schema, and then for all that are in it.
fn walk(value: &mut Value, f: &mut impl FnMut(&mut Value)) {
    f(value);
    match value {
        Value::Object(map) => map.values_mut().for_each(|value| walk(value, f)),
        Value::Array(list) => list.iter_mut().for_each(|value| walk(value, f)),
        _ => {}
    }
}

/// Returns the names of these schemas, and of all that they refer to.
fn reached(all: &BTreeMap<String, Value>, first: &BTreeSet<String>) -> BTreeSet<String> {
    fn visit(value: &Value, names: &mut Vec<String>) {
        names.extend(target(value).map(str::to_owned));
        match value {
            Value::Object(map) => map.values().for_each(|value| visit(value, names)),
            Value::Array(list) => list.iter().for_each(|value| visit(value, names)),
            _ => {}
        }
    }
    let (mut next, mut seen) = (first.iter().cloned().collect::<Vec<_>>(), BTreeSet::new());
    while let Some(name) = next.pop() {
        if let Some(schema) = all.get(&name).filter(|_| !seen.contains(&name)) {
            visit(schema, &mut next);
            seen.insert(name);
        }
    }
    seen
}

/// Makes one object of the objects that a schema composes.
fn merge(value: &mut Value, parts: &BTreeMap<String, Value>) {
    let Some(Value::Array(list)) = value.get_mut("allOf").map(Value::take) else { return };
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for mut part in list {
        if let Some(found) = target(&part).and_then(|name| parts.get(name)) {
            part = found.clone();
            merge(&mut part, parts);
        }
        if let Value::Object(fields) = part["properties"].take() {
            properties.extend(fields);
        }
        if let Value::Array(names) = part["required"].take() {
            required.extend(names);
        }
    }
    let description = value["description"].take();
    *value = json!({ "type": "object", "description": description, "required": required, "properties": properties });
}

/// Corrects the formats of integers, and the links in descriptions.
fn tidy(value: &mut Value) {
    let Value::Object(schema) = value else { return };
    let of_format = |format: &str| match format {
        "u-int16" => Some(("uint16", u64::from(u16::MAX))),
        "u-int32" => Some(("uint32", u64::from(u32::MAX))),
        "u-int64" => Some(("uint64", u64::MAX)),
        _ => None,
    };
    if let Some((format, max)) = schema.get("format").and_then(Value::as_str).and_then(of_format) {
        schema.insert("format".to_owned(), format.into());
        schema.entry("maximum").or_insert_with(|| max.into());
    }
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = without_links(text);
    }
}

/// Replaces links to items of the crate by their names.
fn without_links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        let Some((name, after)) = link.split_once("`]") else { break };
        out.extend([before, "`", name, "`"]);
        let path = after.strip_prefix('(').and_then(|path| path.split_once(')'));
        rest = path.map_or(after, |(_, after)| after);
    }
    out + rest
}

/// Makes an object refuse unknown fields.
fn close(value: &mut Value) {
    if let Value::Object(schema) = value
        && is_object(schema)
    {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
}

/// Makes all fields of an object required.
fn require_all(value: &mut Value) {
    if let Value::Object(schema) = value
        && is_object(schema)
        && let Some(Value::Object(fields)) = schema.get("properties")
    {
        let names: Vec<String> = fields.keys().cloned().collect();
        schema.insert("required".to_owned(), names.into());
    }
}

/// Returns true for the schema of an object with known fields.
fn is_object(schema: &Map<String, Value>) -> bool {
    schema.get("type").is_some_and(|kind| kind == "object")
        && schema.get("properties").is_some_and(Value::is_object)
}
