//! Failed torrents, and the messages about them.

use ztor_session::TorrentId;

use super::torrent::Outcome;
use super::{Goal, Runner};
use crate::display::Event;
use crate::exit::{CliError, Exit, Report, of_many};

impl Runner {
    /// Reports a torrent that cannot be added. The others go on, and the first failure sets the exit code at the end.
    pub(crate) fn lose(&mut self, report: Report) {
        self.tell(&Event::Warning { info_hash: None, message: &report.message, cause: None });
        if let Some(hint) = &report.hint {
            self.tell(&Event::Warning { info_hash: None, message: &format!("hint: {hint}"), cause: None });
        }
        self.lost.push(report);
    }

    pub(super) fn on_failure(&mut self, id: TorrentId, exit: Exit, message: String) {
        self.fail(id, Report { exit, message, hint: None });
    }

    /// Reports why an added torrent cannot go on.
    pub(super) fn fail(&mut self, id: TorrentId, report: Report) {
        let warning = report.message.clone();
        self.fail_with_warning(id, report, &warning);
    }

    /// Records a failure, and shows `warning` if other torrents go on.
    pub(super) fn fail_with_warning(&mut self, id: TorrentId, report: Report, warning: &str) {
        let Some(torrent) = self.torrents.iter_mut().find(|t| t.id == id) else { return };
        if matches!(torrent.outcome, Outcome::Failed(_)) {
            return;
        }
        torrent.outcome = Outcome::Failed(report);
        // With a single torrent it becomes the error of the command.
        if self.count() > 1 {
            self.warn(Some(id), warning, None);
        }
    }

    /// Returns the error for the torrents that failed, if any did.
    pub(super) fn first_failure(&self) -> Option<CliError> {
        let failed = self.torrents.iter().filter_map(|torrent| match &torrent.outcome {
            Outcome::Failed(report) => Some(report),
            Outcome::Open | Outcome::Done => None,
        });
        of_many(self.lost.iter().chain(failed), self.count())
    }

    /// Returns the number of all torrents, including those that could not be added.
    pub(super) fn count(&self) -> usize {
        self.torrents.len() + self.lost.len()
    }
}

/// Returns the message for data that is not seeded because some of it is missing or bad.
pub(super) fn not_whole(name: &str, have_bytes: u64, total: u64, goal: Goal) -> String {
    let percent = u128::from(have_bytes) * 100 / u128::from(total.max(1));
    let found = format!("only {percent}% of {name} is present and good");
    match goal {
        // No other peer has the data yet.
        Goal::Share => {
            format!(
                "cannot share: {found}, as it changed after hashing; try again when no program writes to it"
            )
        }
        Goal::Serve | Goal::Fetch { .. } => {
            format!("cannot seed: {found}; download the rest and seed with `ztor get --seed`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_whole_names_get_only_if_other_peers_may_have_the_rest() {
        assert!(not_whole("x", 1, 4, Goal::Serve).contains("only 25% of x is present and good; download"));
        assert!(!not_whole("x", 1, 4, Goal::Share).contains("get"));
    }
}
