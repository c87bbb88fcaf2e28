//! The `ztor` binary.
fn main() {}
