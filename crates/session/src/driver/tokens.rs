//! Tokens of the sockets in the poll. All other tokens are keys of connections.

use mio::Token;

pub(crate) const WAKER: Token = Token(usize::MAX);
pub(super) const LISTENER: Token = Token(usize::MAX - 1);
pub(super) const UDP: Token = Token(usize::MAX - 2);
/// The shared UDP socket of an earlier port.
pub(super) const FORMER_UDP: Token = Token(usize::MAX - 5);
pub(super) const LOCAL_V4: Token = Token(usize::MAX - 3);
pub(super) const LOCAL_V6: Token = Token(usize::MAX - 4);
/// The connection of the link to the proxy, and the socket for its relay.
pub(super) const PROXY: Token = Token(usize::MAX - 6);
pub(super) const RELAY: Token = Token(usize::MAX - 7);
