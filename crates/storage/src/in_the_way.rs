use std::fmt;

/// Why a file that is there already is not taken for this torrent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InTheWay {
    /// It is longer than the torrent says.
    Longer {
        /// Its length in bytes.
        found: u64,
        /// The length that the torrent gives, in bytes.
        expected: u64,
    },
    /// It holds something, and none of its pieces is right.
    Different,
    /// It is as another torrent of this session's records has left it.
    OfAnotherTorrent,
    /// It was put there while its bytes were not wanted and lay in the part file.
    BesidePartFile,
    /// It was not there when the folder was looked at.
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
            Self::Appeared => f.write_str("another program has made this file since the folder was checked"),
        }
    }
}
