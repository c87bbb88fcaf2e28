//! Figures of the window beside those of an empty one: time until it is drawn, memory, and time per frame.
//!
//! ```sh
//! cargo run --release -p ztor-desktop --example measure -- empty
//! cargo run --release -p ztor-desktop --example measure -- app DIR   # state folder of a daemon that runs
//! ```
//! Each prints one line of JSON and ends. Fill the daemon by `ztor daemon --demo-torrents 10000`, of which some change each
//! second. `.ci/desktop_figures` runs both several times.
#![forbid(unsafe_code)]

use anyhow::{Context as _, bail};
use eframe::egui::{self, CentralPanel, Context, Event, MouseWheelUnit, Pos2, RawInput, Ui, ViewportCommand};
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
    frames_ms: Vec<f64>,
}

fn main() -> anyhow::Result<()> {
    let begin = Instant::now();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let state_dir = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["empty"] => None,
        ["app", dir] => Some(dir.into()),
        _ => bail!("expected `empty`, or `app` and the state folder of a daemon"),
    };
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default().with_inner_size(SIZE),
        ..eframe::NativeOptions::default()
    };
    let create: eframe::AppCreator<'_> = Box::new(move |creation| {
        let options = state_dir.map(|state_dir| Options {
            state_dir,
            flags: Vec::new(),
            remote: None,
            remotes: None,
            arguments: Vec::new(),
            log: ztor_desktop::log::start(),
            instance: None,
            screenshots: None,
            has_desktop: false,
        });
        let app = options.map(|options| App::new(&creation.egui_ctx, options)).transpose()?;
        Ok(Box::new(Measured {
            app,
            begin,
            first_frame: None,
            first_rows: None,
            memory: None,
            frames_ms: Vec::new(),
        }))
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

impl Measured {
    /// Returns true while frames are measured.
    fn is_scrolling(&self) -> bool {
        self.app.is_some() && self.memory.is_some()
    }

    fn report(&mut self) {
        self.frames_ms.sort_by(f64::total_cmp);
        let ms = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1000.0);
        let report = serde_json::json!({
            "first_frame_ms": ms(self.first_frame),
            "first_rows_ms": ms(self.first_rows),
            "memory_bytes": self.memory,
            "frames": self.frames_ms.len(),
            "frame_median_ms": quantile(&self.frames_ms, 0.5),
            "frame_p99_ms": quantile(&self.frames_ms, 0.99),
            "frame_worst_ms": self.frames_ms.last(),
        });
        println!("{report}");
    }
}

impl eframe::App for Measured {
    fn raw_input_hook(&mut self, _: &Context, input: &mut RawInput) {
        if !self.is_scrolling() {
            return;
        }
        // Within the list.
        input.events.push(Event::PointerMoved(Pos2::new(SIZE[0] / 2.0, SIZE[1] / 3.0)));
        input.events.push(Event::MouseWheel {
            unit: MouseWheelUnit::Point,
            delta: egui::vec2(0.0, -STEP),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers: egui::Modifiers::NONE,
        });
    }

    fn logic(&mut self, ctx: &Context, frame: &mut eframe::Frame) {
        // It covers the reaction to input and the tessellation of the frame before.
        if let Some(seconds) = frame.info().cpu_usage.filter(|_| self.is_scrolling()) {
            self.frames_ms.push(f64::from(seconds) * 1000.0);
        }
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
        let settled = self.first_rows.is_some_and(|first| now > first + SETTLE);
        if settled && self.memory.is_none() {
            self.memory = Some(memory());
        }
        let end = if self.app.is_some() { SETTLE + SCROLL } else { SETTLE };
        if self.first_rows.is_some_and(|first| now > first + end) {
            self.report();
            ui.ctx().send_viewport_cmd(ViewportCommand::Close);
            self.first_rows = None;
            if let Some(mut app) = self.app.take() {
                app.end();
            }
        } else if self.is_scrolling() {
            ui.ctx().request_repaint();
        } else {
            ui.ctx().request_repaint_after(Duration::from_millis(100));
        }
    }
}
