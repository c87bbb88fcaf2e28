//! Transports and kinds of handshake by which the clients of a case connect.

/// Setup of the two clients of a case, and its evidence in ztor's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ways {
    /// TCP, with the usual settings of every client.
    Usual,
    /// Only µTP.
    Utp,
    /// RC4 over µTP.
    UtpRc4,
    /// RC4, which both clients require.
    Rc4,
    /// Encrypted handshake, and plaintext after it.
    HeaderOnly,
    /// RC4, which the other client requires; ztor has its default settings.
    OtherWantsRc4,
    /// Plaintext, which the other client requires; ztor prefers encryption.
    OtherWantsPlain,
}

impl Ways {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Usual => "",
            Self::Utp => " over µTP",
            Self::UtpRc4 => " over µTP with RC4",
            Self::Rc4 => " with RC4",
            Self::HeaderOnly => " with encrypted headers",
            Self::OtherWantsRc4 => " with RC4 that the other wants",
            Self::OtherWantsPlain => " plain, which the other wants",
        }
    }

    pub(super) fn ztor(self) -> &'static [&'static str] {
        match self {
            Self::Usual | Self::OtherWantsRc4 => &[],
            Self::Utp => &["--transport", "utp"],
            Self::UtpRc4 => &["--transport", "utp", "--encryption", "require"],
            Self::Rc4 => &["--encryption", "require"],
            Self::HeaderOnly | Self::OtherWantsPlain => &["--encryption", "prefer"],
        }
    }

    /// Returns the arguments for the libtorrent script.
    pub(super) fn libtorrent(self) -> &'static [&'static str] {
        match self {
            Self::Usual => &[],
            Self::Utp => &["--utp"],
            Self::UtpRc4 => &["--utp", "--encryption", "rc4"],
            Self::Rc4 | Self::OtherWantsRc4 => &["--encryption", "rc4"],
            Self::HeaderOnly => &["--encryption", "header"],
            Self::OtherWantsPlain => &["--encryption", "off"],
        }
    }

    /// Returns if µTP is on (beside TCP), and the level of encryption: 0 avoided, 1 preferred, 2 required.
    pub(super) fn transmission(self) -> (bool, u8) {
        match self {
            Self::Usual | Self::HeaderOnly => (false, 1),
            Self::Utp => (true, 0),
            Self::UtpRc4 => (true, 2),
            Self::Rc4 | Self::OtherWantsRc4 => (false, 2),
            Self::OtherWantsPlain => (false, 0),
        }
    }

    /// Returns strings that must all be in ztor's log, as proof that the clients connected as set up.
    pub(super) fn evidence(self) -> &'static [&'static str] {
        match self {
            Self::Usual | Self::OtherWantsPlain => &[],
            Self::Utp => &["µTP connection made"],
            Self::UtpRc4 => &["µTP connection made", "method=Rc4"],
            Self::Rc4 | Self::OtherWantsRc4 => &["method=Rc4"],
            Self::HeaderOnly => &["method=Plain"],
        }
    }
}
