/// The deviations from BEP 3 that a decoder accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// What BEP 3 demands: keys sorted and unique, numbers in their shortest form, nothing after the value.
    #[default]
    Strict,
    /// What the wild contains: unsorted keys, duplicate keys (the first one wins), numbers with leading
    /// zeroes, `-0`, and bytes after the value.
    Lenient,
}
