//! Names of the APIs of other programs.

/// An API of another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForeignApi {
    /// The RPC of Transmission.
    Transmission,
    /// The Web API of qBittorrent.
    Qbittorrent,
}

impl ForeignApi {
    /// Returns the name in the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Transmission => "transmission",
            Self::Qbittorrent => "qbittorrent",
        }
    }
}
