//! Looks: colours by role, type and measures, icons, and the controls that all views share.

mod controls;
mod icon;
mod palette;
mod style;

pub(crate) use controls::{
    bar, chip, combo, empty, field_label, focus_ring, ghost_button, icon_button, icon_label, line_edit,
    menu_entry, one_line, primary_button, section_title, switch_button, wide_button,
};
pub(crate) use icon::Icon;
pub(crate) use palette::Palette;
pub(crate) use style::{TITLE, apply};
