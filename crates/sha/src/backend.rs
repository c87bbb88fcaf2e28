#[cfg(target_arch = "x86_64")]
use crate::shani::ShaNi;

/// What the blocks are compressed with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Backend {
    /// The `sha1` and `sha2` crates, one message after the other.
    Portable,
    #[cfg(target_arch = "x86_64")]
    ShaNi(ShaNi),
}

impl Backend {
    /// The best that this processor can do. Cheap: the standard library remembers what it found.
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(instructions) = ShaNi::detect() {
            return Self::ShaNi(instructions);
        }
        Self::Portable
    }
}
