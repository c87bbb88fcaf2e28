//! Setters of configuration structs.

/// Defines methods that set one field each, for chains such as `Config::default().port(0)`.
macro_rules! setters {
    ($owner:ident { $($field:ident: $type:ty,)+ }) => {
        impl $owner {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](field@Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $field(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )+
        }
    };
}

pub(crate) use setters;
