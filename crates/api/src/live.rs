//! Updates as they happen, over a WebSocket.

use crate::list::{List, ListQuery};
use crate::object::object;
use crate::problem::Problem;
use crate::statistics::Statistics;
use serde::{Deserialize, Serialize};

/// Message of a front end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum LiveRequest {
    /// Begins to follow a list, in place of the one before. The answer is a [`LiveUpdate::List`] with the whole window.
    Follow {
        /// Number of the request, which its answer and the updates after it repeat.
        #[serde(default)]
        id: Option<u64>,
        /// Query. `since` has no effect: the answer has the whole window.
        #[serde(deserialize_with = "object")]
        query: ListQuery,
        /// True to follow the statistics too.
        #[serde(default)]
        statistics: bool,
    },
}

/// Message of the daemon. Nothing is sent while nothing changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum LiveUpdate {
    /// The list, or what has changed in it since the last update.
    List {
        /// Number of the request that the list belongs to.
        id: Option<u64>,
        /// True if `list` is all of the window, not a change.
        is_whole: bool,
        /// Ids of the window in order; `null` if they are as before.
        order: Option<Vec<u64>>,
        /// The list, with the changed torrents only if `is_whole` is false. `counts` is `null` if they are as before.
        list: Box<List>,
    },
    /// The statistics: with the answer to a request for them, and then after changes, at most once a second.
    Statistics {
        /// The statistics.
        statistics: Box<Statistics>,
    },
    /// The request is refused, or its query is since, until the next list; or the connection ends, as the login did.
    Problem {
        /// Number of the request; `null` if there was none or it cannot be read.
        id: Option<u64>,
        /// The problem.
        #[serde(flatten)]
        problem: Problem,
    },
}
