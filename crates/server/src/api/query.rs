//! Queries in the URL of a request.

use super::answer::Refused;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use std::str::FromStr;
use ztor_api::{ListQuery, ProblemKind, Sort};

/// Maximum number of parameters.
const MAX_PARAMETERS: usize = 20_000;

/// The query of a list: its fields as parameters, those that are lists as often as needed. `sort` may have several keys
/// with commas between them.
#[derive(Debug)]
pub(super) struct ListParameters(pub(super) ListQuery);

impl<S: Sync> FromRequestParts<S> for ListParameters {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        list_query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// The parameter `dir`, a path, and no others.
#[derive(Debug)]
pub(super) struct DirParameter(pub(super) String);

/// The parameter `address`, and no others.
#[derive(Debug)]
pub(super) struct AddressParameter(pub(super) String);

/// No parameters.
#[derive(Debug)]
pub(super) struct NoParameters;

impl<S: Sync> FromRequestParts<S> for DirParameter {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        dir_of(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for AddressParameter {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let missing = "the parameter address is missing; give an address as in the list of bans, as in ?address=192.0.2.1";
        only(parts.uri.query().unwrap_or_default(), "address", missing).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for NoParameters {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        match url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).next() {
            None => Ok(Self),
            Some((name, _)) => Err(unknown(&name, "no parameters")),
        }
    }
}

/// Returns the value of a parameter; `None` unless it is the only one.
pub(super) fn only_parameter(text: &str, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(text.as_bytes());
    match (pairs.next(), pairs.next()) {
        (Some((found, value)), None) if found == name => Some(value.into_owned()),
        _ => None,
    }
}

fn unknown(name: &str, expected: &str) -> Refused {
    let shown: String = name.chars().take(40).collect();
    Refused::new(ProblemKind::BadRequest, format!("unknown parameter {shown:?}; use {expected}"))
}

/// Parses the query of a folder.
pub(crate) fn dir_of(text: &str) -> Result<String, Refused> {
    let missing = "the parameter dir is missing; give the absolute path of a folder, as in ?dir=/srv";
    only(text, "dir", missing)
}

/// Parses a query with one parameter.
fn only(text: &str, expected: &str, missing: &str) -> Result<String, Refused> {
    let mut found = None;
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        if name != expected {
            return Err(unknown(&name, &format!("{expected} alone")));
        }
        if found.replace(value.into_owned()).is_some() {
            let detail = format!("cannot use the parameter {expected}: it is there twice; give it once");
            return Err(Refused::new(ProblemKind::BadRequest, detail));
        }
    }
    found.ok_or_else(|| Refused::new(ProblemKind::BadRequest, missing))
}

/// Parses the query of a list.
pub(crate) fn list_query(text: &str) -> Result<ListQuery, Refused> {
    let bad = |detail: String| Refused::new(ProblemKind::BadRequest, detail);
    let mut query = ListQuery::default();
    for (number, (name, value)) in url::form_urlencoded::parse(text.as_bytes()).enumerate() {
        if number >= MAX_PARAMETERS {
            return Err(bad(format!("the query has more than {MAX_PARAMETERS} parameters")));
        }
        let value = value.into_owned();
        match &*name {
            "select" => query.select.push(value),
            "state" => query.state.push(value),
            "category" => query.category.push(value),
            "tag" => query.tag.push(value),
            "tracker" => query.tracker.push(value),
            "dir" => query.dir.push(value),
            "all_tags" => query.all_tags = flag_of(&name, &value)?,
            "any" => query.any = flag_of(&name, &value)?,
            "is_regex" => query.is_regex = flag_of(&name, &value)?,
            "search" => query.search = Some(value),
            "sort" => {
                let keys = value.split(',').map(|key| Sort::try_from(key.to_owned()));
                query.sort.extend(keys.collect::<Result<Vec<Sort>, String>>().map_err(bad)?);
            }
            "offset" => query.offset = number_of(&name, &value)?,
            "limit" => query.limit = Some(number_of(&name, &value)?),
            "since" => query.since = Some(number_of(&name, &value)?),
            "counts" => query.counts = flag_of(&name, &value)?,
            "ids_only" => query.ids_only = flag_of(&name, &value)?,
            name => {
                let known = "one of select, state, category, tag, tracker, dir, all_tags, any, search, is_regex, sort, offset, \
                             limit, since, counts, ids_only";
                return Err(unknown(name, known));
            }
        }
    }
    Ok(query)
}

fn number_of<T: FromStr>(name: &str, value: &str) -> Result<T, Refused> {
    parsed(name, value, "a number")
}

fn flag_of(name: &str, value: &str) -> Result<bool, Refused> {
    parsed(name, value, "true or false")
}

fn parsed<T: FromStr>(name: &str, value: &str, expected: &str) -> Result<T, Refused> {
    value.parse().map_err(|_| {
        let shown: String = value.chars().take(40).collect();
        Refused::new(ProblemKind::BadRequest, format!("cannot use {name}={shown}: expected {expected}"))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn list_query_takes_repeated_parameters_and_sort_keys() {
        let query = list_query(
            "state=paused&state=done&tag=&sort=name,-size&offset=5&limit=10&counts=true&dir=%2Fa&any=true",
        )
        .unwrap();
        assert_eq!(query.state, ["paused", "done"]);
        assert_eq!(query.tag, [""]);
        assert_eq!(query.sort.iter().map(|sort| String::from(*sort)).collect::<Vec<_>>(), ["name", "-size"]);
        assert_eq!((query.offset, query.limit, query.counts), (5, Some(10), true));
        assert_eq!((query.dir, query.any, query.all_tags), (vec!["/a".to_owned()], true, false));
    }

    #[test]
    fn dir_of_is_the_only_parameter() {
        assert_eq!(dir_of("dir=%2Fa%20b+c%26").unwrap(), "/a b c&");
        for text in ["", "dir=/a&dir=/b", "dir=/a&x=1", "folder=/a"] {
            assert_eq!(dir_of(text).unwrap_err().0.kind, ProblemKind::BadRequest, "{text}");
        }
    }

    #[test]
    fn list_query_with_unknown_names_or_bad_values_is_a_bad_request() {
        for text in
            ["color=red", "offset=-1", "limit=99999999999999999999", "sort=colour", "counts=1", "any=yes"]
        {
            let refused = list_query(text).unwrap_err();
            assert_eq!(refused.0.kind, ProblemKind::BadRequest, "{text}");
        }
    }
}
