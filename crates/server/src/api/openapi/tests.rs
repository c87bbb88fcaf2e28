mod types;

use super::document;
use super::operations;
use super::schemas::PREFIX;
use crate::api::table;
use crate::api::tests::fixture::{Ask, Fixture};
use serde_json::Value;
use std::collections::BTreeSet;

/// Calls `f` for each value of a document.
fn visit(value: &Value, f: &mut impl FnMut(&Value)) {
    f(value);
    match value {
        Value::Object(map) => map.values().for_each(|value| visit(value, f)),
        Value::Array(list) => list.iter().for_each(|value| visit(value, f)),
        _ => {}
    }
}

#[test]
fn every_method_of_every_route_is_described_and_no_others() {
    let fixture = Fixture::start(&[]);
    let paths: Vec<&str> = table().iter().map(|(path, _)| *path).collect();
    let described: BTreeSet<(&str, &str)> =
        operations::all().iter().map(|operation| (operation.path, operation.method)).collect();
    assert_eq!(operations::all().len(), described.len(), "an operation is described twice");
    assert!(described.iter().all(|(path, _)| paths.contains(path)));
    for path in paths {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
        let filled: Vec<&str> = parts.collect();
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let ask = Ask::to(&format!("{method} {}", filled.join("/"))).local();
            let exists = fixture.ask(ask).status != 405;
            assert_eq!(exists, described.contains(&(path, method)), "{method} {path}");
        }
    }
}

#[test]
fn document_has_unique_ids_and_all_that_it_refers_to() {
    let document = document("/x", "1");
    assert_eq!(document["servers"][0]["url"], "/x/api/v1");
    let mut ids = BTreeSet::new();
    visit(&document, &mut |value| {
        if let Some(id) = value.get("operationId") {
            assert!(ids.insert(id.to_string()), "{id} is there twice");
        }
        if let Some(Value::String(target)) = value.get("$ref") {
            let name = target.strip_prefix(PREFIX).unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{target}");
        }
        if let Some(Value::String(text)) = value.get("description") {
            assert!(!text.contains("[`") && !text.is_empty(), "{text}");
        }
        assert!(value.get("allOf").is_none(), "a closed part refuses the fields of the others: {value}");
    });
    assert_eq!(ids.len(), operations::all().len());
}

#[test]
fn schemas_of_requests_are_closed_and_those_of_answers_complete() {
    let document = document("", "1");
    let schema = |name: &str| document["components"]["schemas"][name].clone();
    for action in schema("Action")["oneOf"].as_array().unwrap() {
        assert_eq!(action["additionalProperties"], false, "{action}");
        assert!(action["properties"]["kind"]["enum"].is_array(), "{action}");
    }
    let actions = schema("Action")["oneOf"].take();
    let is_limits = |action: &&Value| action["properties"]["kind"]["enum"][0] == "set_limits";
    let limits = actions.as_array().unwrap().iter().find(is_limits);
    let per_s = &limits.unwrap()["properties"]["down_per_s"];
    assert_eq!((&per_s["minimum"], &per_s["maximum"]), (&0.into(), &u64::MAX.into()));
    for login in schema("Login")["oneOf"].as_array().unwrap() {
        assert_eq!(login["additionalProperties"], false, "{login}");
    }
    assert_eq!(schema("AddRequest")["required"], serde_json::json!(["sources"]));
    let detail = schema("Detail");
    for field in ["progress", "fault", "comment"] {
        assert!(detail["required"].as_array().unwrap().contains(&field.into()), "{field}");
    }
    assert!(detail["additionalProperties"].is_null(), "answers may get new fields");
}

#[test]
fn parameters_of_a_list_are_the_fields_of_its_query() {
    let document = document("", "1");
    let parameters = document["paths"]["/torrents"]["get"]["parameters"].as_array().unwrap().clone();
    let find = |name: &str| parameters.iter().find(|parameter| parameter["name"] == name).unwrap();
    assert_eq!(parameters.len(), 16);
    assert_eq!(find("limit")["schema"]["type"], "integer");
    assert_eq!(find("since")["schema"]["maximum"], u64::MAX);
    assert_eq!(find("state")["schema"]["items"]["enum"].as_array().unwrap().len(), 15);
    assert_eq!(find("sort")["schema"]["items"]["enum"][1], "-id");
    for field in ["description", "name"] {
        assert!(parameters.iter().all(|parameter| !parameter[field].as_str().unwrap().is_empty()));
    }
}

#[test]
fn document_is_served_and_answers_fit_their_schemas_by_name() {
    let fixture = Fixture::start(&[]);
    let document = fixture.ask(Ask::to("GET /openapi.json").local()).json();
    assert_eq!(document["openapi"], "3.1.0");
    let answer = fixture.ask(Ask::to("GET /statistics").local()).json();
    let required = document["components"]["schemas"]["Statistics"]["required"].as_array().unwrap().clone();
    assert_eq!(answer.as_object().unwrap().len(), required.len());
    assert!(required.iter().all(|name| answer.get(name.as_str().unwrap()).is_some()));
}
