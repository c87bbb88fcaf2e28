use std::fmt;

/// Evidence that an existing file is not this torrent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InTheWay {
    /// The file is longer than the torrent says.
    Longer {
        /// Its length in bytes.
        found: u64,
        /// Its length in the torrent, in bytes.
        expected: u64,
    },
    /// The file is not empty, and none of its pieces matches.
    Different,
    /// The file has the stamp that another torrent's resume file records.
    OfAnotherTorrent,
    /// The file appeared while its bytes were not wanted and were in the part file.
    BesidePartFile,
    /// The file has the name of the part file, but is not one.
    NoPartFile,
    /// The file appeared after the check of the folder.
    Appeared,
    /// The file has the name that a file of the torrent is to get.
    Exists,
}

impl fmt::Display for InTheWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Longer { found, expected } => {
                write!(f, "a file of this name exists, with {found} bytes where the torrent has {expected}")
            }
            Self::Different => {
                f.write_str("a file of this name exists, and no piece of it matches the torrent")
            }
            Self::OfAnotherTorrent => f.write_str("this file belongs to another torrent that was downloaded"),
            Self::BesidePartFile => {
                f.write_str("another program created this file while the torrent did not want its own")
            }
            Self::NoPartFile => f.write_str(
                "this file has the name reserved for bytes of unwanted files, and holds other data",
            ),
            Self::Exists => f.write_str("a file of this name exists already"),
            Self::Appeared => f.write_str("another program created this file after the folder was checked"),
        }
    }
}
