#[cfg(target_arch = "x86_64")]
use crate::shani::ShaNi;

/// Implementation of the compression functions.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Backend {
    /// The `sha1` and `sha2` crates, one message after the other.
    Portable,
    #[cfg(target_arch = "x86_64")]
    ShaNi(ShaNi),
}

impl Backend {
    /// Returns the fastest backend for this processor. Cheap: the standard library caches the detection.
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(instructions) = ShaNi::detect() {
            return Self::ShaNi(instructions);
        }
        Self::Portable
    }
}
