//! `ztor-desktop`: the desktop app of ztor.
#![forbid(unsafe_code)]

use anyhow::Context as _;
use clap::Parser as _;
use eframe::egui::{IconData, ViewportBuilder};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use ztor_desktop::{App, Args, Instance, Options, Start};

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let log = ztor_desktop::log::start();
    let state_dir =
        args.state_dir().context("there is no home folder for the state; name a folder with --state-dir")?;
    let arguments = args.arguments();
    let instance = if args.screenshots.is_some() {
        None
    } else {
        match Instance::claim(&state_dir, &arguments) {
            Start::Handed => return Ok(()),
            Start::Refused(reason) => anyhow::bail!(reason),
            Start::First(instance) => Some(instance),
        }
    };
    let (side, rgba) = ztor_desktop::app_icon(64);
    let viewport = ViewportBuilder::default()
        .with_app_id("ztor-desktop")
        .with_title("ztor")
        .with_icon(IconData { rgba, width: side, height: side })
        .with_inner_size(App::window_size(&state_dir))
        .with_min_inner_size([560.0, 380.0]);
    let native = eframe::NativeOptions { viewport, ..eframe::NativeOptions::default() };
    let options = Options {
        state_dir,
        flags: Vec::new(),
        remote: args.remote.clone(),
        remotes: None,
        arguments,
        log,
        instance,
        has_desktop: args.screenshots.is_none(),
        screenshots: args.screenshots,
    };
    let create: eframe::AppCreator<'_> = Box::new(move |creation| {
        close_on_signals(creation.egui_ctx.clone())?;
        let app = App::new(&creation.egui_ctx, options)?;
        Ok(Box::new(app))
    });
    eframe::run_native("ztor-desktop", native, create)
        .map_err(|error| anyhow::anyhow!("cannot open a window: {error}"))
        .context("a display (X11 or Wayland) with OpenGL is needed; `ztor` works in a terminal, and `ztor web` in a browser")
}

/// Closes the window when the process is told to end, so that the daemon in it saves its state. The second time the
/// process ends at once.
fn close_on_signals(ctx: eframe::egui::Context) -> std::io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    std::thread::spawn(move || {
        let mut is_told = false;
        for signal in signals.forever() {
            if is_told {
                std::process::exit(128 + signal);
            }
            is_told = true;
            ctx.send_viewport_cmd(eframe::egui::ViewportCommand::Close);
            ctx.request_repaint();
        }
    });
    Ok(())
}
