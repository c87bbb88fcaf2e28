//! Counts of the requests to the API.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Classes of statuses by their first digit, from 1.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Number of requests by class of the status. Clones share it.
#[derive(Debug, Clone, Default)]
pub(in crate::api) struct RequestCounts(Arc<[AtomicU64; CLASSES.len()]>);

impl RequestCounts {
    /// Returns the number of requests of each class.
    pub(super) fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        CLASSES.into_iter().zip(self.0.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    fn add(&self, status: u16) {
        let class = usize::from(status / 100).checked_sub(1).and_then(|index| self.0.get(index));
        if let Some(count) = class {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Counts a request, when its response begins.
pub(in crate::api) async fn count(
    State(counts): State<RequestCounts>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    counts.add(response.status().as_u16());
    response
}
