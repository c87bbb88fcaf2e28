//! Over which transport, and with what kind of beginning, a case's clients are to meet.

/// How the two clients of a case are set up, and what ztor's log must show of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ways {
    /// TCP, as every client comes.
    Usual,
    /// µTP and nothing else.
    Utp,
    /// RC4 over µTP.
    UtpRc4,
    /// Both want RC4 and nothing else.
    Rc4,
    /// An encrypted handshake, and plain bytes after it.
    HeaderOnly,
    /// The other will have nothing but RC4, and ztor comes as it does by itself.
    OtherWantsRc4,
    /// The other will have nothing encrypted, and ztor would rather have it.
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

    /// For the helper script.
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

    /// Whether it speaks µTP (beside TCP), and how much it wants encryption: 0 not, 1 rather, 2 always.
    pub(super) fn transmission(self) -> (bool, u8) {
        match self {
            Self::Usual | Self::HeaderOnly => (false, 1),
            Self::Utp => (true, 0),
            Self::UtpRc4 => (true, 2),
            Self::Rc4 | Self::OtherWantsRc4 => (false, 2),
            Self::OtherWantsPlain => (false, 0),
        }
    }

    /// Lines of the log of ztor that show this way.
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
