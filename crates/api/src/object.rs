//! Objects in requests that must be objects: serde would also take a list with their fields in order.

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

/// Reads a field that is an object.
pub(crate) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Object::deserialize(deserializer).map(|Object(value)| value)
}

/// Reads a field that is a list of objects.
pub(crate) fn objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let objects = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Object(value)| value).collect())
}

struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::{ActionRequest, AddRequest, CategoryEdit, LiveRequest};

    #[test]
    fn objects_in_requests_as_lists_are_refused() {
        let error = |result: Result<(), serde_json::Error>| result.unwrap_err().to_string();
        let errors = [
            r#"{"torrents":["all"],"action":["stop"]}"#,
            r#"{"torrents":["all"],"action":{"kind":"set_file_priorities","files":[[1,"skip"]]}}"#,
        ]
        .map(|text| error(serde_json::from_str::<ActionRequest>(text).map(drop)));
        let errors = errors.into_iter().chain(
            [
                r#"{"sources":[],"options":[]}"#,
                r#"{"sources":[],"options":{"limits":[]}}"#,
                r#"{"sources":[],"options":{"goals":[]}}"#,
                r#"{"sources":[],"options":{"files":[[1,"skip"]]}}"#,
            ]
            .map(|text| error(serde_json::from_str::<AddRequest>(text).map(drop))),
        );
        let errors = errors.chain(
            [r#"{"limits":[]}"#, r#"{"goals":[]}"#]
                .map(|text| error(serde_json::from_str::<CategoryEdit>(text).map(drop))),
        );
        let live = r#"{"kind":"follow","query":[]}"#;
        let live = error(serde_json::from_str::<LiveRequest>(live).map(drop));
        for error in errors.chain([live]) {
            assert!(error.contains("expected an object"), "{error}");
        }
    }
}
