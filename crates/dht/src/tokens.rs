//! Tokens that prove that a node which stores something is at its address (BEP 5).

use std::net::IpAddr;

use ztor_base::{Duration, Instant};

use crate::NodeId;
use crate::hash::{derive, sha1};

/// Time for which a secret makes tokens. They are accepted for as long again (BEP 5).
const SECRET_LIFE: Duration = Duration::from_secs(5 * 60);

/// Length of a token in bytes. Guessing one takes more datagrams than fit into two lives of a secret.
const TOKEN_BYTES: usize = 8;

/// Makes and checks tokens. A token is the hash of a secret, the address and the target, so that no state is kept for
/// nodes that never return.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// Root of the secrets, which are derived by counting. The generator has outputs that others see.
    root: [u8; 20],
    /// Number of the current secret.
    epoch: u64,
    begun: Instant,
}

impl Tokens {
    pub(crate) fn new(now: Instant, seed: u64) -> Self {
        // Leaves room for a previous secret.
        Self { root: derive(seed, "tokens"), epoch: 1, begun: now }
    }

    /// Makes a token for `ip` to store something at `target`.
    pub(crate) fn make(&mut self, now: Instant, ip: IpAddr, target: NodeId) -> Vec<u8> {
        self.rotate(now);
        self.token(self.epoch, ip, target).to_vec()
    }

    pub(crate) fn accepts(&mut self, now: Instant, token: &[u8], ip: IpAddr, target: NodeId) -> bool {
        self.rotate(now);
        [self.epoch, self.epoch - 1].iter().any(|&epoch| self.token(epoch, ip, target) == token)
    }

    fn rotate(&mut self, now: Instant) {
        let lives = now.since(self.begun).as_secs() / SECRET_LIFE.as_secs();
        self.epoch += lives;
        self.begun += Duration::from_secs(lives * SECRET_LIFE.as_secs());
    }

    fn token(&self, epoch: u64, ip: IpAddr, target: NodeId) -> [u8; TOKEN_BYTES] {
        let secret = sha1(&[&self.root, &epoch.to_be_bytes()]);
        let hash = match ip.to_canonical() {
            IpAddr::V4(ip) => sha1(&[&secret, &ip.octets(), target.as_bytes()]),
            IpAddr::V6(ip) => sha1(&[&secret, &ip.octets(), target.as_bytes()]),
        };
        std::array::from_fn(|i| hash[i])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_of_another_address_target_or_time_returns_false() {
        let start = Instant::from_micros(17);
        let mut tokens = Tokens::new(start, 1);
        let (ip, other) = (IpAddr::from([1, 2, 3, 4]), IpAddr::from([1, 2, 3, 5]));
        let (target, elsewhere) = (NodeId::new([1; 20]), NodeId::new([2; 20]));
        let token = tokens.make(start, ip, target);
        assert!(tokens.accepts(start, &token, ip, target));
        assert!(tokens.accepts(start, &token, "::ffff:1.2.3.4".parse().unwrap_or(other), target));
        assert!(!tokens.accepts(start, &token, other, target));
        assert!(!tokens.accepts(start, &token, ip, elsewhere));
        assert!(!tokens.accepts(start, &token[..7], ip, target));
        assert!(!tokens.accepts(start, b"", ip, target));
        assert!(!Tokens::new(start, 2).accepts(start, &token, ip, target));
        assert!(tokens.accepts(start + Duration::from_secs(599), &token, ip, target));
        assert!(!tokens.accepts(start + Duration::from_secs(600), &token, ip, target));
    }
}
