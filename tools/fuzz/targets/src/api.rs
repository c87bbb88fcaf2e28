use serde::Serialize;
use serde::de::DeserializeOwned;
use ztor_api::{
    AccountChange, ActionRequest, AddRequest, CategoryEdit, CategoryRename, ListQuery, LiveRequest, Login,
    Problem, SettingChange, TagRename, TokenRequest, WatchFolderEdit,
};
use ztor_server::testing::{parse_dir_query, parse_list_query, parse_log_query};

/// Checks the input as the body of each request, as each query, and as terms that select torrents, one a line: what
/// parses is the same after it is written, and refusals have a plain reason.
pub fn api(data: &[u8]) {
    body::<AccountChange>(data);
    body::<ActionRequest>(data);
    body::<AddRequest>(data);
    body::<CategoryEdit>(data);
    body::<CategoryRename>(data);
    body::<ListQuery>(data);
    body::<LiveRequest>(data);
    body::<Login>(data);
    body::<SettingChange>(data);
    body::<TagRename>(data);
    body::<TokenRequest>(data);
    body::<WatchFolderEdit>(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(query) = accepted(parse_list_query(text)) {
        round_trip(&query);
        let pairs =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query.to_pairs()).finish();
        assert_eq!(parse_list_query(&pairs), Ok(query));
    }
    if let Some(dir) = accepted(parse_dir_query(text)) {
        let pair = url::form_urlencoded::Serializer::new(String::new()).append_pair("dir", &dir).finish();
        assert_eq!(parse_dir_query(&pair), Ok(dir));
    }
    accepted(parse_log_query(text));
    let terms: Vec<String> = text.lines().map(str::to_owned).collect();
    let parsed =
        terms.iter().all(|term| ztor_daemon::testing::parse_terms(std::slice::from_ref(term)).is_ok());
    let result = ztor_daemon::testing::parse_terms(&terms);
    // Beyond this number, there may be too many globs.
    if terms.len() <= 100 {
        assert_eq!(result.is_ok(), parsed);
    }
    if let Err(error) = result {
        assert!(error.to_string().len() < 1000);
    }
}

fn body<T: Serialize + DeserializeOwned>(data: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(data) {
        round_trip(&value);
    }
}

fn round_trip<T: Serialize + DeserializeOwned>(value: &T) {
    let text = serde_json::to_string(value).expect("a request can be written");
    let again: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
}

fn accepted<T>(result: Result<T, Problem>) -> Option<T> {
    if let Err(problem) = &result {
        assert_eq!(problem.status, 400);
        assert!(!problem.detail.is_empty() && problem.detail.len() < 1000);
    }
    result.ok()
}
