//! Figures of the window beside those of an empty one: time until it is drawn, and memory; and time per frame.
//!
//! ```sh
//! cargo run --release -p ztor-desktop --example measure -- empty
//! cargo run --release -p ztor-desktop --example measure -- app DIR      # state folder of a daemon that runs
//! cargo run --release -p ztor-desktop --example measure -- frames DIR   # without a window
//! ```
//! Each prints one line of JSON and ends. Fill the daemon by `ztor daemon --demo-torrents 10000`, of which some change each
//! second. `.ci/desktop_figures` runs all several times.
#![forbid(unsafe_code)]

use anyhow::{Context as _, bail};
use eframe::egui::{
    self, CentralPanel, Context, Event, MouseWheelUnit, Pos2, RawInput, Rect, Ui, ViewportCommand,
};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use ztor_desktop::{App, Options};

/// Time for which frames are measured, while the list scrolls.
const SCROLL: Duration = Duration::from_secs(8);
/// Pause until the window has loaded what it loads unasked.
const SETTLE: Duration = Duration::from_secs(2);
/// Size of the window, and the way of a scroll in a frame, in points.
const SIZE: [f32; 2] = [1440.0, 900.0];
const STEP: f32 = 50.0;

struct Measured {
    app: Option<App>,
    begin: Instant,
    first_frame: Option<Duration>,
    first_rows: Option<Duration>,
    /// Memory of the process once it is at rest, in bytes.
    memory: Option<u64>,
}

fn main() -> anyhow::Result<()> {
    let begin = Instant::now();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let state_dir = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["empty"] => None,
        ["app", dir] => Some(dir.into()),
        ["frames", dir] => return frames(dir.into()),
        _ => bail!("expected `empty`, or `app` or `frames` and the state folder of a daemon"),
    };
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default().with_inner_size(SIZE),
        ..eframe::NativeOptions::default()
    };
    let create: eframe::AppCreator<'_> = Box::new(move |creation| {
        let app = state_dir.map(|dir| App::new(&creation.egui_ctx, options(dir))).transpose()?;
        Ok(Box::new(Measured { app, begin, first_frame: None, first_rows: None, memory: None }))
    });
    eframe::run_native("ztor-desktop-measure", native, create)
        .map_err(|error| anyhow::anyhow!("{error}"))
        .context("cannot open a window")
}

/// Returns the resident memory of this process in bytes; 0 if it is not known.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn quantile(sorted: &[f64], part: f64) -> f64 {
    let at = (sorted.len() as f64 * part) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

fn options(state_dir: PathBuf) -> Options {
    Options {
        state_dir,
        flags: Vec::new(),
        remote: None,
        remotes: None,
        arguments: Vec::new(),
        log: ztor_desktop::log::start(),
        instance: None,
        screenshots: None,
        has_desktop: false,
    }
}

/// Measures the update and the tessellation of frames in which the list scrolls. The painting is the work of the graphics
/// card, or of what takes its place.
fn frames(state_dir: PathBuf) -> anyhow::Result<()> {
    let ctx = Context::default();
    let mut app = App::new(&ctx, options(state_dir))?;
    let begin = Instant::now();
    let mut frames_ms = Vec::new();
    let mut rows_at = None;
    while rows_at.is_none_or(|rows_at: Instant| rows_at.elapsed() < SCROLL) {
        anyhow::ensure!(
            rows_at.is_some() || begin.elapsed() < Duration::from_secs(60),
            "the rows do not arrive"
        );
        let mut input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, SIZE.into())),
            time: Some(begin.elapsed().as_secs_f64()),
            ..RawInput::default()
        };
        if rows_at.is_some() {
            input.events.extend(scroll());
        }
        let start = Instant::now();
        let output = ctx.run_ui(input, |ui| {
            app.tick(ui.ctx());
            app.draw(ui);
        });
        let shapes = ctx.tessellate(output.shapes, output.pixels_per_point);
        let time = start.elapsed();
        std::hint::black_box(shapes);
        if rows_at.is_some() {
            frames_ms.push(time.as_secs_f64() * 1000.0);
        } else if app.has_rows() {
            rows_at = Some(Instant::now());
        }
        // As on a screen with 60 frames a second.
        std::thread::sleep(Duration::from_millis(16).saturating_sub(time));
    }
    app.end();
    frames_ms.sort_by(f64::total_cmp);
    let report = serde_json::json!({
        "frames": frames_ms.len(),
        "frame_median_ms": quantile(&frames_ms, 0.5),
        "frame_p99_ms": quantile(&frames_ms, 0.99),
        "frame_worst_ms": frames_ms.last(),
    });
    println!("{report}");
    Ok(())
}

/// Returns the events of a wheel above the list.
fn scroll() -> [Event; 2] {
    let wheel = Event::MouseWheel {
        unit: MouseWheelUnit::Point,
        delta: egui::vec2(0.0, -STEP),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Wheel,
        modifiers: egui::Modifiers::NONE,
    };
    [Event::PointerMoved(Pos2::new(SIZE[0] / 2.0, SIZE[1] / 3.0)), wheel]
}

impl eframe::App for Measured {
    fn logic(&mut self, ctx: &Context, _: &mut eframe::Frame) {
        if let Some(app) = &mut self.app {
            app.tick(ctx);
        }
    }

    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        match &mut self.app {
            Some(app) => app.draw(ui),
            None => drop(CentralPanel::default().show(ui, |_| {})),
        }
        let now = self.begin.elapsed();
        self.first_frame.get_or_insert(now);
        if self.app.as_ref().is_none_or(App::has_rows) {
            self.first_rows.get_or_insert(now);
        }
        if self.memory.is_none() && self.first_rows.is_some_and(|first| now > first + SETTLE) {
            let ms = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1000.0);
            self.memory = Some(memory());
            let report = serde_json::json!({
                "first_frame_ms": ms(self.first_frame),
                "first_rows_ms": ms(self.first_rows),
                "memory_bytes": self.memory,
            });
            println!("{report}");
            ui.ctx().send_viewport_cmd(ViewportCommand::Close);
        }
        ui.ctx().request_repaint_after(Duration::from_millis(100));
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        if let Some(app) = &mut self.app {
            app.end();
        }
    }
}
