//! Pictures of the views.

use crate::prefs::ThemeChoice;
use eframe::egui::{ColorImage, Context};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Time for a view to settle: what it requests arrives, and animations end.
const SETTLE: Duration = Duration::from_millis(900);
/// Names of the pictures of one theme, in order.
const NAMES: [&str; 18] = [
    "list",
    "overview",
    "files",
    "peers",
    "trackers",
    "speed",
    "filtered",
    "add",
    "remove",
    "limits",
    "tags",
    "profile",
    "keys",
    "settings",
    "labels",
    "statistics",
    "log",
    "app",
];

/// Next step of the window towards a picture.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// Nothing yet.
    Wait,
    /// Shows the view of this name.
    Show(ThemeChoice, &'static str),
    /// Closes.
    End,
}

/// Takes pictures, one view after the other.
#[derive(Debug)]
pub(crate) struct Shots {
    folder: PathBuf,
    at: usize,
    since: Option<Instant>,
    is_asked: bool,
    written: Arc<AtomicUsize>,
}

impl Shots {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, at: 0, since: None, is_asked: false, written: Arc::default() }
    }

    /// Goes on with the pictures.
    pub(crate) fn step(&mut self, ctx: &Context, has_rows: bool) -> Step {
        ctx.request_repaint_after(Duration::from_millis(100));
        if !has_rows && self.at == 0 {
            return Step::Wait;
        }
        if self.written.load(Ordering::Relaxed) > self.at {
            self.at += 1;
            (self.since, self.is_asked) = (None, false);
        }
        let (theme, name) = (self.at / NAMES.len(), NAMES[self.at % NAMES.len()]);
        let Some(theme) = [ThemeChoice::Light, ThemeChoice::Dark].get(theme).copied() else {
            return Step::End;
        };
        let Some(since) = self.since else {
            self.since = Some(Instant::now());
            return Step::Show(theme, name);
        };
        if since.elapsed() >= SETTLE && !self.is_asked {
            self.is_asked = true;
            let label = if theme == ThemeChoice::Light { "light" } else { "dark" };
            let number = self.at % NAMES.len() + 1;
            let path = self.folder.join(format!("{number:02}-{name}-{label}.png"));
            let (written, repaint) = (Arc::clone(&self.written), ctx.clone());
            ctx.request_screenshot(move |image| {
                if let Err(error) = write(&path, &image) {
                    tracing::error!(path = %path.display(), %error, "cannot write a picture");
                }
                written.fetch_add(1, Ordering::Relaxed);
                repaint.request_repaint();
            });
        }
        Step::Wait
    }
}

fn write(path: &Path, image: &ColorImage) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let bytes: Vec<u8> = image.pixels.iter().flat_map(|pixel| pixel.to_array()).collect();
    let [width, height] = image.size.map(|side| u32::try_from(side).unwrap_or(0));
    let mut encoder = png::Encoder::new(std::io::BufWriter::new(std::fs::File::create(path)?), width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&bytes)?;
    writer.finish()?;
    Ok(())
}
