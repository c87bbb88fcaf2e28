//! Results of requests that end in one report.

use std::collections::BTreeSet;
use ztor_api::ActionResult;

/// Adds the result of a further action on the same torrents, or on others. A torrent has failed if one action has.
pub(super) fn merged(mut result: ActionResult, more: ActionResult) -> ActionResult {
    let known: BTreeSet<u64> = result.failed.iter().map(|failed| failed.id).collect();
    result.failed.extend(more.failed.into_iter().filter(|failed| !known.contains(&failed.id)));
    let failed: BTreeSet<u64> = result.failed.iter().map(|failed| failed.id).collect();
    let under_way: BTreeSet<u64> = result.under_way.iter().copied().chain(more.under_way).collect();
    let done: BTreeSet<u64> = result.done.iter().copied().chain(more.done).collect();
    result.under_way = under_way.difference(&failed).copied().collect();
    result.done = done.into_iter().filter(|id| !failed.contains(id) && !under_way.contains(id)).collect();
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use ztor_api::Failed;

    fn result(done: &[u64], failed: &[u64]) -> ActionResult {
        let failed = failed.iter().map(|id| Failed { id: *id, problem: problem() }).collect();
        ActionResult { done: done.to_vec(), failed, ..ActionResult::default() }
    }

    fn problem() -> ztor_api::Problem {
        ztor_api::Problem::new(ztor_api::ProblemKind::Internal, "it is broken")
    }

    #[test]
    fn merged_results_have_each_torrent_once() {
        let merged = merged(result(&[1, 2], &[3]), result(&[1, 3, 4], &[2]));
        assert_eq!(merged.done, [1, 4]);
        let failed: Vec<u64> = merged.failed.iter().map(|failed| failed.id).collect();
        assert_eq!(failed, [3, 2]);
    }
}
