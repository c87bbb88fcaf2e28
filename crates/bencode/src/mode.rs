/// The deviations from BEP 3 that a decoder accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// None, as BEP 3 demands: keys sorted and unique, numbers in their shortest form, nothing after the value.
    #[default]
    Strict,
    /// Deviations found in practice: unsorted keys, duplicate keys (the first one wins), numbers with leading zeros,
    /// `-0`, and bytes after the value.
    Lenient,
}
