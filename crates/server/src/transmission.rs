use crate::foreign::Foreign;
use axum::Router;
use std::path::PathBuf;

pub(crate) fn app(_foreign: &Foreign, _web_dir: Option<PathBuf>) -> Router {
    Router::new()
}
