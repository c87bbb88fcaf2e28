use std::fmt;

/// The evidence that a file which is there already is not this torrent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InTheWay {
    /// The file is longer than the torrent says.
    Longer {
        /// Its length in bytes.
        found: u64,
        /// The length that the torrent gives, in bytes.
        expected: u64,
    },
    /// The file holds something, and none of its pieces is right.
    Different,
    /// The file is as another torrent has left it, by that torrent's resume file.
    OfAnotherTorrent,
    /// The file was put there while its bytes were not wanted and lay in the part file.
    BesidePartFile,
    /// The file has the name of the part file, and is none.
    NoPartFile,
    /// The file was not there when the folder was looked at.
    Appeared,
}

impl fmt::Display for InTheWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Longer { found, expected } => write!(
                f,
                "a file of this name is there already, with {found} bytes where the torrent has {expected}"
            ),
            Self::Different => {
                f.write_str("a file of this name is there already, and no piece of it matches the torrent")
            }
            Self::OfAnotherTorrent => f.write_str("this file belongs to another torrent that was downloaded"),
            Self::BesidePartFile => {
                f.write_str("another program has put this file where the torrent's own was not wanted before")
            }
            Self::NoPartFile => f.write_str(
                "this file has the name under which bytes of files that are not wanted are kept, and holds something else",
            ),
            Self::Appeared => f.write_str("another program has made this file since the folder was checked"),
        }
    }
}
