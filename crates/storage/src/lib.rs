//! Part of ztor; see ARCHITECTURE.md.
