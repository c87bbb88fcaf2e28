//! The icon in the tray of the desktop. A desktop without a tray, or without D-Bus, has none.

use crate::context::Intent;
use eframe::egui::{Context, ViewportCommand};
use ksni::blocking::{Handle, TrayMethods as _};
use ksni::menu::{MenuItem, StandardItem};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use ztor_api::Statistics;
use ztor_client::tasks::Wake;
use ztor_view::format::Rate;

/// Shortest time between changes of the hint.
const EVERY: Duration = Duration::from_secs(2);

/// Choice of the user in the tray.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Window,
    Add,
    Quit,
}

/// The icon in the tray.
#[derive(Debug)]
pub(crate) struct Tray {
    asked: Receiver<Asked>,
    rates: Sender<(u64, u64)>,
    told: Option<((u64, u64), Instant)>,
}

impl Tray {
    /// Puts the icon into the tray, in a thread of its own.
    pub(crate) fn start(wake: Wake) -> Self {
        let (asked_sender, asked) = channel();
        let (rates, rates_receiver) = channel::<(u64, u64)>();
        std::thread::spawn(move || {
            let item = Item { asked: asked_sender, wake, rates: (0, 0) };
            let handle: Handle<Item> = match item.spawn() {
                Ok(handle) => handle,
                Err(error) => {
                    tracing::debug!(%error, "there is no tray");
                    return;
                }
            };
            for rates in rates_receiver {
                if handle.update(|item| item.rates = rates).is_none() {
                    return;
                }
            }
            handle.shutdown().wait();
        });
        Self { asked, rates, told: None }
    }

    /// Tells the rates.
    pub(crate) fn tell(&mut self, statistics: &Statistics) {
        let rates = (statistics.down_per_s, statistics.up_per_s);
        let is_due = self.told.is_none_or(|(told, at)| told != rates && at.elapsed() >= EVERY);
        if is_due {
            self.told = Some((rates, Instant::now()));
            // Without a tray nobody listens.
            let _ = self.rates.send(rates);
        }
    }

    /// Returns what the user has asked for since the last call.
    pub(crate) fn poll(&mut self, ctx: &Context) -> Vec<Intent> {
        let mut intents = Vec::new();
        for asked in self.asked.try_iter() {
            match asked {
                Asked::Window => {}
                Asked::Add => intents.push(Intent::Add(Vec::new())),
                // A hidden window has no frames in which intents are carried out.
                Asked::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
            }
            if !matches!(asked, Asked::Quit) {
                ctx.send_viewport_cmd(ViewportCommand::Minimized(false));
                ctx.send_viewport_cmd(ViewportCommand::Focus);
            }
        }
        intents
    }
}

struct Item {
    asked: Sender<Asked>,
    wake: Wake,
    rates: (u64, u64),
}

impl Item {
    fn ask(&self, asked: Asked) {
        // The app ends.
        let _ = self.asked.send(asked);
        (self.wake)();
    }
}

impl ksni::Tray for Item {
    fn id(&self) -> String {
        "ztor-desktop".to_owned()
    }

    fn title(&self) -> String {
        "ztor".to_owned()
    }

    fn icon_name(&self) -> String {
        "ztor-desktop".to_owned()
    }

    fn icon_pixmap(&self) -> Vec<ksni::Icon> {
        let (size, mut data) = crate::app_icon::app_icon(32);
        // Network byte order, the opacity first.
        for pixel in data.chunks_exact_mut(4) {
            pixel.rotate_right(1);
        }
        let side = i32::try_from(size).unwrap_or(0);
        vec![ksni::Icon { width: side, height: side, data }]
    }

    fn tool_tip(&self) -> ksni::ToolTip {
        let (down, up) = self.rates;
        let description = format!("Down {}, up {}", Rate(down), Rate(up));
        ksni::ToolTip { title: "ztor".to_owned(), description, ..ksni::ToolTip::default() }
    }

    fn activate(&mut self, _: i32, _: i32) {
        self.ask(Asked::Window);
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        let item = |label: &str, asked: Asked| {
            let activate = Box::new(move |item: &mut Self| item.ask(asked));
            MenuItem::Standard(StandardItem { label: label.to_owned(), activate, ..StandardItem::default() })
        };
        vec![
            item("Show the window", Asked::Window),
            item("Add torrents…", Asked::Add),
            MenuItem::Separator,
            item("Quit", Asked::Quit),
        ]
    }
}
