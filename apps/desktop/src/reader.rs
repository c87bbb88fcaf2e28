//! Torrent files are read in threads: a slow disk must not stop the window.

use crate::source::{self, MOST, Source};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use ztor_client::tasks::Wake;

/// Name of a torrent to add.
#[derive(Debug)]
pub(crate) enum Named {
    /// An argument of the command line: a link, a path or a URL of a file.
    Argument(String),
    /// A file of this machine.
    File(PathBuf),
}

/// Result of a reading: torrents, and problems in plain words.
pub(crate) type Read = (Vec<Source>, Vec<String>);

/// Reads torrents in the background.
#[derive(Debug)]
pub(crate) struct Reader {
    sender: Sender<Read>,
    receiver: Receiver<Read>,
}

impl Default for Reader {
    fn default() -> Self {
        let (sender, receiver) = channel();
        Self { sender, receiver }
    }
}

impl Reader {
    /// Begins to read, and calls `wake` at the end. Does nothing if nothing is named.
    pub(crate) fn begin(&self, named: Vec<Named>, wake: Wake) {
        if named.is_empty() {
            return;
        }
        let sender = self.sender.clone();
        std::thread::spawn(move || {
            // The dialog that has asked may be closed.
            let _ = sender.send(read(named));
            wake();
        });
    }

    /// Returns what was read since the last call.
    pub(crate) fn poll(&self) -> Vec<Read> {
        self.receiver.try_iter().collect()
    }
}

fn read(named: Vec<Named>) -> Read {
    let left_out = named.len().saturating_sub(MOST);
    let (mut sources, mut problems) = (Vec::new(), Vec::new());
    for named in named.into_iter().take(MOST) {
        let result = match &named {
            Named::Argument(text) => source::argument(text),
            Named::File(path) => source::file(path),
        };
        match result {
            Ok(source) => sources.push(source),
            Err(problem) => problems.push(problem),
        }
    }
    if left_out > 0 {
        problems.push(source::too_many(left_out));
    }
    (sources, problems)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::host::no_wake;

    #[test]
    fn reader_stops_at_the_largest_number() {
        let link = |index: usize| Named::Argument(format!("magnet:?xt=urn:btih:{index:040x}"));
        let reader = Reader::default();
        reader.begin((0..MOST + 2).map(link).collect(), no_wake());
        let (sources, problems) = reader.receiver.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
        assert_eq!(sources.len(), MOST);
        assert_eq!(problems, ["2 more torrents are left out; at most 1000 are added at a time"]);
    }
}
