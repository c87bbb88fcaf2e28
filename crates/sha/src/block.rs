/// Length of a block in bytes, the same for SHA-1 and SHA-256.
pub(crate) const BLOCK_LEN: usize = 64;

/// Input of one compression.
pub(crate) type Block = [u8; BLOCK_LEN];
