//! Loop that targets share: operations from the fuzzer's bytes, and a check after each.

use arbitrary::{Result, Unstructured};

/// A state machine under test.
pub(crate) trait Machine {
    /// Maximum number of operations of one run.
    const MAX_OPERATIONS: usize;

    /// Does one operation. An error means that the bytes have run out.
    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()>;

    /// Takes the results of the operation, and checks what must hold after every one.
    fn check(&mut self);

    /// Brings the machine to rest, and checks what must hold then.
    fn finish(&mut self);

    /// Runs operations until the bytes or their number run out, and finishes.
    fn play(mut self, u: &mut Unstructured<'_>)
    where
        Self: Sized,
    {
        for _ in 0..Self::MAX_OPERATIONS {
            if u.is_empty() || self.step(u).is_err() {
                break;
            }
            self.check();
        }
        self.finish();
    }
}
