//! The line at the bottom: connection, rates, limits, space.

use crate::connection::Place;
use crate::context::Cx;
use crate::look::{Icon, Palette, icon_label, switch_button};
use eframe::egui::{Align, Color32, Label, Layout, RichText, Sense, Ui};
use ztor_api::{Connectivity, LimitsChoice, ProxyState};
use ztor_client::live::LiveState;
use ztor_view::format::{Count, Rate, Size};
use ztor_view::text::proxy_text;

/// Space below which the free space is a warning.
const LOW: u64 = 1 << 30;

/// Shows the line.
pub(crate) fn show(ui: &mut Ui, cx: &mut Cx<'_>, place: &Place) {
    let palette = Palette::of(ui);
    let snapshot = cx.front.snapshot().clone();
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let (color, text) = match &snapshot.state {
            LiveState::Live => (palette.ok, "Connected".to_owned()),
            LiveState::Connecting => (palette.warn, "Connecting".to_owned()),
            LiveState::Offline { .. } => (palette.danger, "Not connected".to_owned()),
            LiveState::Refused(_) => (palette.danger, "Refused".to_owned()),
        };
        icon_label(ui, Icon::Circle, color);
        text_of(ui, &text, palette.text_muted, &format!("{text}: {}", place.name()));
        let chosen = cx.front.selection().len();
        let shown = if chosen > 0 {
            format!("{chosen} of {} selected", snapshot.total)
        } else {
            Count(snapshot.total as u64, "torrent").to_string()
        };
        divider(ui);
        text_of(ui, &shown, palette.text_muted, "Torrents in the list");
        let Some(statistics) = snapshot.statistics.clone() else { return };
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let is_on = statistics.alternative_limits;
            let label = if is_on { "Alternative limits are on" } else { "Alternative limits are off" };
            if switch_button(ui, Icon::Slow, label, is_on).clicked() {
                let limits = if is_on { LimitsChoice::Off } else { LimitsChoice::On };
                cx.jobs.begin(cx.front.tasks(), "", |client| async move {
                    client.set_alternative_limits(limits).await
                });
            }
            let rate = Rate(statistics.up_per_s).to_string();
            figure(ui, Icon::Up, palette.up, &rate, palette.text, "Upload");
            let rate = Rate(statistics.down_per_s).to_string();
            figure(ui, Icon::Down, palette.down, &rate, palette.text, "Download");
            divider(ui);
            let peers = Count(statistics.peers, "peer").to_string();
            let (icon, color, hint) = match (statistics.is_unreachable, statistics.connectivity) {
                (true, _) => (Icon::Warning, palette.warn, unreachable_hint(statistics.peer_port)),
                (_, Connectivity::Incoming) => (Icon::Peers, palette.ok, "Peers can reach you".to_owned()),
                _ => (Icon::Peers, palette.text_faint, "Connections with peers".to_owned()),
            };
            figure(ui, icon, color, &peers, palette.text_muted, &hint);
            if let Some(proxy) = statistics.proxy.as_ref().filter(|proxy| proxy.state == ProxyState::Down) {
                let hint = proxy_text(proxy);
                figure(ui, Icon::Warning, palette.warn, "Proxy down", palette.text_muted, &hint);
            }
            if let Some(nodes) = statistics.dht_nodes {
                let text = format!("DHT: {}", Count(nodes, "node"));
                figure(ui, Icon::Network, palette.text_faint, &text, palette.text_muted, "Nodes of the DHT");
            }
            if let Some(free) = statistics.free_bytes {
                let color = if free < LOW { palette.warn } else { palette.text_faint };
                let text = format!("{} free", Size(free));
                figure(ui, Icon::Disk, color, &text, palette.text_muted, "Free space in the download folder");
            }
        });
    });
}

fn unreachable_hint(port: u16) -> String {
    format!(
        "No peer has connected for long. Let the router forward port {port} to this machine, for TCP and UDP, or open it \
         in the firewall."
    )
}

/// A figure with its icon, in a layout from right to left.
fn figure(ui: &mut Ui, icon: Icon, color: Color32, text: &str, text_color: Color32, hint: &str) {
    text_of(ui, text, text_color, hint);
    icon_label(ui, icon, color);
    ui.add_space(8.0);
}

fn text_of(ui: &mut Ui, text: &str, color: Color32, hint: &str) {
    ui.add(Label::new(RichText::new(text).small().color(color)).sense(Sense::HOVER).extend())
        .on_hover_text(hint);
}

fn divider(ui: &mut Ui) {
    ui.add_space(4.0);
    let palette = Palette::of(ui);
    let (rect, _) = ui.allocate_exact_size(eframe::egui::Vec2::new(1.0, 14.0), Sense::hover());
    ui.painter().rect_filled(rect, 0.0, palette.border_strong);
    ui.add_space(4.0);
}
