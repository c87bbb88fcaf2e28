//! State of the link for display.

use std::fmt;

/// State of the proxy.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum ProxyState {
    /// Nothing goes through a proxy.
    #[default]
    Off,
    /// The proxy has not answered yet.
    Connecting,
    /// The proxy answers.
    Up,
    /// The proxy does not answer, for this reason. Nothing goes through it until it does.
    Down(String),
}

/// Way of datagrams: µTP, the DHT and UDP trackers, as far as they are for the proxy.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum RelayState {
    /// No datagrams are for the proxy.
    #[default]
    Unused,
    /// The proxy relays them.
    Up,
    /// None are sent, for this reason.
    Off(NoRelay),
}

/// Reason for which there is no relay.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NoRelay {
    /// The protocol of the proxy has none.
    Protocol,
    /// The proxy refuses or ends it, for this reason.
    Refused(String),
    /// The proxy does not answer.
    Down,
}

impl fmt::Display for NoRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol => f.write_str("the protocol of the proxy has no datagrams"),
            Self::Refused(why) => write!(f, "the proxy relays no datagrams: {why}"),
            Self::Down => f.write_str("the proxy does not answer"),
        }
    }
}

/// State of the proxy and of its relay.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct ProxyStatus {
    /// State of the proxy.
    pub state: ProxyState,
    /// Way of datagrams.
    pub relay: RelayState,
}
