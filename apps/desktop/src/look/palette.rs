//! Colours by role; the same as those of the web UI.

use eframe::egui::{Color32, Ui};
use ztor_view::state::Tone;

/// Colours by role.
#[derive(Debug)]
#[allow(missing_docs, reason = "the names are those of the style sheet tokens.css")]
pub(crate) struct Palette {
    pub(crate) bg: Color32,
    pub(crate) surface: Color32,
    pub(crate) surface_2: Color32,
    pub(crate) raised: Color32,
    pub(crate) hover: Color32,
    pub(crate) active: Color32,
    pub(crate) border: Color32,
    pub(crate) border_strong: Color32,
    pub(crate) control_border: Color32,
    pub(crate) text: Color32,
    pub(crate) text_muted: Color32,
    pub(crate) text_faint: Color32,
    pub(crate) accent: Color32,
    pub(crate) accent_hover: Color32,
    pub(crate) accent_text: Color32,
    pub(crate) accent_soft: Color32,
    pub(crate) accent_soft_text: Color32,
    pub(crate) ok: Color32,
    pub(crate) warn: Color32,
    pub(crate) warn_soft: Color32,
    pub(crate) danger: Color32,
    pub(crate) danger_text: Color32,
    pub(crate) danger_soft: Color32,
    pub(crate) info: Color32,
    pub(crate) down: Color32,
    pub(crate) up: Color32,
    pub(crate) track: Color32,
    pub(crate) bar: Color32,
    pub(crate) bar_done: Color32,
    pub(crate) bar_paused: Color32,
    pub(crate) bar_checking: Color32,
    pub(crate) bar_error: Color32,
    pub(crate) chart_grid: Color32,
    pub(crate) piece_have: Color32,
    pub(crate) piece_active: Color32,
    pub(crate) piece_availability: Color32,
    pub(crate) piece_missing: Color32,
    pub(crate) selection: Color32,
    pub(crate) backdrop: Color32,
}

const fn hex(rgb: u32) -> Color32 {
    let [_, red, green, blue] = rgb.to_be_bytes();
    Color32::from_rgb(red, green, blue)
}

const fn glaze(rgb: u32, alpha: u8) -> Color32 {
    let [_, red, green, blue] = rgb.to_be_bytes();
    Color32::from_rgba_unmultiplied_const(red, green, blue, alpha)
}

/// Warm paper, petrol as the accent, copper for what is sent.
static LIGHT: Palette = Palette {
    bg: hex(0xf4f2ed),
    surface: hex(0xfffefb),
    surface_2: hex(0xf8f6f1),
    raised: hex(0xffffff),
    hover: glaze(0x1d2b2e, 0x0d),
    active: glaze(0x1d2b2e, 0x17),
    border: hex(0xe3dfd6),
    border_strong: hex(0xc6c0b3),
    control_border: hex(0x8d887c),
    text: hex(0x1b2326),
    text_muted: hex(0x565f61),
    text_faint: hex(0x636a6c),
    accent: hex(0x0b6477),
    accent_hover: hex(0x095363),
    accent_text: hex(0xffffff),
    accent_soft: hex(0xdcedf0),
    accent_soft_text: hex(0x0a5363),
    ok: hex(0x2a6f3f),
    warn: hex(0x8a5a00),
    warn_soft: hex(0xfaedcb),
    danger: hex(0xb3261e),
    danger_text: hex(0xffffff),
    danger_soft: hex(0xfbe4e0),
    info: hex(0x2f5fa8),
    down: hex(0x0b6477),
    up: hex(0xa04a12),
    track: hex(0xe6e2d9),
    bar: hex(0x12839b),
    bar_done: hex(0x4f9a68),
    bar_paused: hex(0xa9a598),
    bar_checking: hex(0xb98a1f),
    bar_error: hex(0xc94a3f),
    chart_grid: hex(0xe3dfd6),
    piece_have: hex(0x12839b),
    piece_active: hex(0xe0a63a),
    piece_availability: hex(0x7d8f95),
    piece_missing: hex(0xe6e2d9),
    selection: hex(0xd5eaee),
    backdrop: glaze(0x1b2326, 0x59),
};

static DARK: Palette = Palette {
    bg: hex(0x101415),
    surface: hex(0x161b1d),
    surface_2: hex(0x1a2022),
    raised: hex(0x1f2629),
    hover: glaze(0xdff3f7, 0x0f),
    active: glaze(0xdff3f7, 0x1c),
    border: hex(0x283033),
    border_strong: hex(0x3d484c),
    control_border: hex(0x6d7a7f),
    text: hex(0xe6ebeb),
    text_muted: hex(0xa4afb1),
    text_faint: hex(0x8b979a),
    accent: hex(0x62c9dc),
    accent_hover: hex(0x86d7e6),
    accent_text: hex(0x04252c),
    accent_soft: hex(0x153a43),
    accent_soft_text: hex(0x9adfec),
    ok: hex(0x7cc694),
    warn: hex(0xe3b45c),
    warn_soft: hex(0x3a2d10),
    danger: hex(0xf28b82),
    danger_text: hex(0x370805),
    danger_soft: hex(0x44201d),
    info: hex(0x8ab4f0),
    down: hex(0x62c9dc),
    up: hex(0xeb9f66),
    track: hex(0x2a3336),
    bar: hex(0x3fb2c8),
    bar_done: hex(0x5caa78),
    bar_paused: hex(0x647074),
    bar_checking: hex(0xd1a145),
    bar_error: hex(0xdd6f65),
    chart_grid: hex(0x283033),
    piece_have: hex(0x3fb2c8),
    piece_active: hex(0xe3b45c),
    piece_availability: hex(0x6d7f86),
    piece_missing: hex(0x2a3336),
    selection: hex(0x17414b),
    backdrop: glaze(0x000000, 0xa6),
};

impl Palette {
    /// Returns the colours of a part of the window.
    pub(crate) fn of(ui: &Ui) -> &'static Self {
        Self::for_dark(ui.visuals().dark_mode)
    }

    /// Returns the colours of a theme.
    pub(crate) fn for_dark(is_dark: bool) -> &'static Self {
        if is_dark { &DARK } else { &LIGHT }
    }

    /// Returns the colour of a text about a state.
    pub(crate) fn tone(&self, tone: Tone) -> Color32 {
        match tone {
            Tone::Down => self.down,
            Tone::Up => self.up,
            Tone::Busy | Tone::Warn => self.warn,
            Tone::Idle => self.text_faint,
            Tone::Done => self.ok,
            Tone::Error => self.danger,
        }
    }

    /// Returns the colour of a bar of progress.
    pub(crate) fn progress(&self, tone: Tone, is_complete: bool) -> Color32 {
        match tone {
            Tone::Error => self.bar_error,
            Tone::Busy => self.bar_checking,
            _ if is_complete => self.bar_done,
            Tone::Idle => self.bar_paused,
            _ => self.bar,
        }
    }
}
