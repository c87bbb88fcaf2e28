//! Values that a file, the environment or a flag sets.

use ztor_api::{SettingSource, SettingValue};

/// A value that front ends did not set, in canonical form.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pin {
    pub(super) value: SettingValue,
    pub(super) source: SettingSource,
}
