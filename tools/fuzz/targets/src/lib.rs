//! Fuzz targets: one function for every decoder and every state machine that reads foreign bytes.
//!
//! A target takes any bytes and panics if an invariant is broken. Invariants are next to the calls that they are about.
//! The binaries in `tools/fuzz/fuzz_targets` pass these functions to libFuzzer. The tests of this crate run them over
//! the kept corpus and over mutations of it, so that a bug found once is found on any toolchain.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a target reports by panic what it found"
)]

mod api;
mod bencode;
mod certificate;
mod choker;
mod dht;
mod dns_answer;
mod engine;
mod extensions;
mod ip_filter;
mod krpc;
mod machine;
mod magnet;
mod metainfo;
mod mse;
mod paths;
mod picker;
mod portmap;
mod proxy;
mod qbittorrent;
mod resume;
mod rows;
mod settings;
mod token_bucket;
mod tracker_http;
mod tracker_query;
mod tracker_udp;
mod transmission;
mod udp_client;
mod utp_endpoint;
mod utp_packet;
mod web_seed;
mod wire;
mod world;

pub use api::api;
pub use bencode::bencode;
pub use certificate::certificate;
pub use choker::choker;
pub use dht::dht;
pub use dns_answer::dns_answer;
pub use engine::engine;
pub use extensions::{local_announce, short_extensions, ut_holepunch, ut_metadata, ut_pex};
pub use ip_filter::ip_filter;
pub use krpc::{dht_saved, krpc};
pub use magnet::magnet;
pub use metainfo::metainfo;
pub use mse::mse;
pub use paths::paths;
pub use picker::picker;
pub use portmap::{gateway_datagrams, gateway_upnp};
pub use proxy::{proxy_url, socks};
pub use qbittorrent::{qbittorrent_form, qbittorrent_updates};
pub use resume::resume;
pub use rows::rows;
pub use settings::settings;
pub use token_bucket::token_bucket;
pub use tracker_http::tracker_http;
pub use tracker_query::tracker_query;
pub use tracker_udp::tracker_udp;
pub use transmission::transmission;
pub use udp_client::udp_client;
pub use utp_endpoint::utp_endpoint;
pub use utp_packet::utp_packet;
pub use web_seed::web_seed;
pub use wire::{handshake, messages};

/// A fuzz target: takes any bytes, and panics if an invariant is broken.
pub type Target = fn(&[u8]);

/// All targets by the names of their binaries and of their folders in `tools/fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("api", api),
    ("bencode", bencode),
    ("certificate", certificate),
    ("choker", choker),
    ("dht", dht),
    ("dht_saved", dht_saved),
    ("dns_answer", dns_answer),
    ("engine", engine),
    ("gateway_datagrams", gateway_datagrams),
    ("gateway_upnp", gateway_upnp),
    ("handshake", handshake),
    ("ip_filter", ip_filter),
    ("krpc", krpc),
    ("local_announce", local_announce),
    ("magnet", magnet),
    ("messages", messages),
    ("metainfo", metainfo),
    ("mse", mse),
    ("paths", paths),
    ("picker", picker),
    ("proxy_url", proxy_url),
    ("qbittorrent_form", qbittorrent_form),
    ("qbittorrent_updates", qbittorrent_updates),
    ("resume", resume),
    ("rows", rows),
    ("settings", settings),
    ("short_extensions", short_extensions),
    ("socks", socks),
    ("token_bucket", token_bucket),
    ("tracker_http", tracker_http),
    ("tracker_query", tracker_query),
    ("tracker_udp", tracker_udp),
    ("transmission", transmission),
    ("udp_client", udp_client),
    ("ut_holepunch", ut_holepunch),
    ("ut_metadata", ut_metadata),
    ("ut_pex", ut_pex),
    ("utp_endpoint", utp_endpoint),
    ("utp_packet", utp_packet),
    ("web_seed", web_seed),
];

/// Checks foreign text that is shown to people: one line without control characters.
fn assert_plain(text: &str) {
    assert!(!text.chars().any(char::is_control), "control characters in {text:?}");
}

#[cfg(test)]
mod tests;
