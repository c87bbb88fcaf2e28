//! Connected peers.

use super::{Cell, Grid, is_there};
use crate::context::Cx;
use crate::look::{Icon, Palette, menu_entry};
use eframe::egui::Ui;
use ztor_api::Peer;
use ztor_view::format::{Percent, Rate, Size, Span};
use ztor_view::text::cleaned;

/// Shows the peers.
pub(super) fn show(ui: &mut Ui, cx: &Cx<'_>) {
    let loaded = cx.front.details().peers();
    if !is_there(ui, loaded) {
        return;
    }
    let peers = loaded.value().map_or(&[][..], Vec::as_slice);
    if peers.is_empty() {
        ui.weak("No peers are connected.");
        return;
    }
    let palette = Palette::of(ui);
    let columns = [
        ("Address", 170.0),
        ("Program", 190.0),
        ("Connection", 150.0),
        ("Progress", -80.0),
        ("Download", -96.0),
        ("Upload", -96.0),
        ("Received", -86.0),
        ("Sent", -86.0),
        ("Connected", -90.0),
    ];
    let rate = |rate: u64| if rate == 0 { String::new() } else { Rate(rate).to_string() };
    let cells = |row: usize| {
        let Some(peer) = peers.get(row) else { return Vec::new() };
        vec![
            Cell::new(cleaned(&peer.addr)),
            Cell::new(cleaned(peer.client.as_deref().unwrap_or("Unknown"))),
            Cell::new(connection(peer)).hint(flags(peer)),
            Cell::new(Percent(peer.progress).to_string()),
            Cell::new(rate(peer.down_per_s)).color(palette.down),
            Cell::new(rate(peer.up_per_s)).color(palette.up),
            Cell::new(Size(peer.downloaded_bytes).to_string()),
            Cell::new(Size(peer.uploaded_bytes).to_string()),
            Cell::new(Span(peer.connected_s).to_string()),
        ]
    };
    Grid { name: "peers", columns: &columns, rows: peers.len() }.show(ui, cells, |row, response| {
        response.context_menu(|ui| {
            ui.set_width(180.0);
            if menu_entry(ui, Some(Icon::Copy), "Copy address", "", true, None).clicked() {
                let addr = peers.get(row).map(|peer| peer.addr.clone());
                ui.ctx().copy_text(addr.unwrap_or_default());
                ui.close();
            }
        });
    });
}

fn connection(peer: &Peer) -> String {
    let transport = if peer.transport == "utp" { "µTP" } else { "TCP" };
    let encrypted = if peer.is_encrypted { ", encrypted" } else { "" };
    let incoming = if peer.is_incoming { ", in" } else { "" };
    format!("{transport}{encrypted}{incoming}")
}

/// Returns what goes on between us and the peer, in sentences.
fn flags(peer: &Peer) -> String {
    let mut lines = Vec::new();
    lines.push(match (peer.we_are_interested, peer.chokes_us) {
        (true, false) => "The peer sends to us.",
        (true, true) => "We want data, but the peer does not send.",
        (false, _) => "We need nothing from the peer.",
    });
    lines.push(match (peer.is_interested, peer.we_choke) {
        (true, false) => "We send to the peer.",
        (true, true) => "The peer wants data, but we do not send.",
        (false, _) => "The peer needs nothing from us.",
    });
    if peer.is_snubbed {
        lines.push("The peer has let our requests wait for long.");
    }
    if peer.is_upload_only {
        lines.push("The peer only uploads.");
    }
    let name = |source: &String| match source.as_str() {
        "user" => "you",
        "tracker" => "a tracker",
        "local" => "the local network",
        "incoming" => "its connection",
        "dht" => "the DHT",
        "pex" => "other peers",
        _ => "a hole punch",
    };
    let sources: Vec<&str> = peer.sources.iter().map(name).collect();
    let found = format!("Found by {}.", sources.join(", "));
    lines.push(&found);
    lines.join("\n")
}
