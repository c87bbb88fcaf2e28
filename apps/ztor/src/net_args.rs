//! Values of the network flags.

use clap::ValueEnum;
use ztor_session::dht::ReadOnly;
use ztor_session::{BadBind, Bind, Encryption, LeechDefence, Transports};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransportArg {
    Tcp,
    Utp,
    #[default]
    Both,
}

impl From<TransportArg> for Transports {
    fn from(arg: TransportArg) -> Self {
        match arg {
            TransportArg::Tcp => Self::Tcp,
            TransportArg::Utp => Self::Utp,
            TransportArg::Both => Self::Both,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReadOnlyArg {
    #[default]
    Auto,
    Always,
    Never,
}

impl From<ReadOnlyArg> for ReadOnly {
    fn from(arg: ReadOnlyArg) -> Self {
        match arg {
            ReadOnlyArg::Auto => Self::Auto,
            ReadOnlyArg::Always => Self::Always,
            ReadOnlyArg::Never => Self::Never,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum EncryptionArg {
    Require,
    Prefer,
    #[default]
    Allow,
    Off,
}

impl From<EncryptionArg> for Encryption {
    fn from(arg: EncryptionArg) -> Self {
        match arg {
            EncryptionArg::Require => Self::Require,
            EncryptionArg::Prefer => Self::Prefer,
            EncryptionArg::Allow => Self::Allow,
            EncryptionArg::Off => Self::Off,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LeechDefenceArg {
    Off,
    #[default]
    Normal,
    Strict,
}

impl From<LeechDefenceArg> for LeechDefence {
    fn from(arg: LeechDefenceArg) -> Self {
        match arg {
            LeechDefenceArg::Off => Self::Off,
            LeechDefenceArg::Normal => Self::Normal,
            LeechDefenceArg::Strict => Self::Strict,
        }
    }
}

/// Parses `--bind`; `*` is the default. An empty value is an error: it is most likely an unset variable.
pub(crate) fn parse_bind(text: &str) -> Result<Bind, BadBind> {
    if text == "*" { Ok(Bind::All) } else { text.parse() }
}
