//! The parts of the window around the pages.

pub(crate) mod banner;
pub(crate) mod keys;
pub(crate) mod sidebar;
pub(crate) mod statusbar;
pub(crate) mod toasts;
pub(crate) mod topbar;
