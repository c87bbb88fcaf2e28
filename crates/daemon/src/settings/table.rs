//! The table of all settings.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use ztor_api::SettingValue;
use ztor_policy::{GoalAction, Ratio, Schedule};
use ztor_session::dht::ReadOnly;
use ztor_session::{
    Allocation, Bind, ContentLayout, Encryption, LeechDefence, Proxy, ShareFiles, Transports, Uses,
};

use super::choices::{
    ALLOCATIONS, DEFENCES, ENCRYPTIONS, GOAL_ACTIONS, LAYOUTS, LOG_FORMATS, LogFormat, READ_ONLY, SHARES,
    TRANSPORTS,
};
use super::kind::Kind;
use super::shape::{
    BASE_PATH, BIND, HOST, HOST_PORT, IP, LISTEN, LOG_LEVEL, NETWORK, SCHEDULE, SUFFIX, Shape, USE, USERNAME,
};
use super::typed::Typed;
use crate::filter::FilterSource;

/// Declaration of a setting.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Declaration {
    /// Name, such as `max_downloads`.
    pub key: &'static str,
    /// Section, such as `queue`.
    pub section: &'static str,
    /// Kind of the value, and its range.
    pub kind: Kind,
    /// Default in the canonical text form.
    pub default: &'static str,
    /// Description for users.
    pub help: &'static str,
    /// True if a change takes effect with the next start of the daemon.
    pub needs_restart: bool,
}

impl Declaration {
    /// Returns the default.
    pub fn default_value(&self) -> SettingValue {
        self.kind.check(&SettingValue::Text(self.default.to_owned())).unwrap_or(SettingValue::None)
    }
}

/// Returns the index of a setting in [`TABLE`].
pub(super) fn index_of(key: &str) -> Option<usize> {
    TABLE.iter().position(|declaration| declaration.key == key)
}

/// Declares the settings: each has its help, key, type, default and kind, and `restart` if it needs one.
macro_rules! settings {
    ($($section:ident {
        $($(#[doc = $help:literal])+ $key:ident: $type:ty = $default:literal, $kind:expr $(, $restart:ident)?;)+
    })+) => {
        /// Values of all settings.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct Settings {
            $($($(#[doc = $help])+ pub $key: $type,)+)+
        }

        /// All settings, in the order of the reference.
        pub static TABLE: &[Declaration] = &[
            $($(Declaration {
                key: stringify!($key),
                section: stringify!($section),
                kind: $kind,
                default: $default,
                help: concat!($($help),+).trim_ascii(),
                needs_restart: false $(|| stringify!($restart).len() > 0)?,
            },)+)+
        ];

        /// Names of the sections, in the order of the table.
        pub static SECTIONS: &[&str] = &[$(stringify!($section)),+];

        impl Settings {
            /// Converts canonical values in the order of the table. The error is the key of one that cannot be converted.
            pub(super) fn from_values<'a>(
                mut values: impl Iterator<Item = &'a SettingValue>,
                home: Option<&Path>,
            ) -> Result<Self, &'static str> {
                Ok(Self {
                    $($($key: {
                        let value = values.next().and_then(|value| Typed::typed(value, home));
                        value.ok_or(stringify!($key))?
                    },)+)+
                })
            }

            /// Returns the keys of all settings that differ.
            pub fn changed_keys(&self, other: &Self) -> Vec<&'static str> {
                let mut keys = Vec::new();
                $($(if self.$key != other.$key {
                    keys.push(stringify!($key));
                })+)+
                keys
            }
        }
    };
}

const PATH: Kind = Kind::Path { is_optional: false };
const OPTIONAL_PATH: Kind = Kind::Path { is_optional: true };
const LIMIT: Kind = Kind::Rate { is_optional: true };

const fn count(min: u64, max: u64) -> Kind {
    Kind::Count { min, max, is_optional: false }
}

const fn optional_count(min: u64, max: u64) -> Kind {
    Kind::Count { min, max, is_optional: true }
}

const fn time(min_s: u64, max_s: u64) -> Kind {
    Kind::Time { min_s, max_s, is_optional: false }
}

const fn optional_time(min_s: u64, max_s: u64) -> Kind {
    Kind::Time { min_s, max_s, is_optional: true }
}

const fn text(shape: Shape) -> Kind {
    Kind::Text { is_optional: false, shape }
}

const fn list(shape: Shape) -> Kind {
    Kind::List { separator: ',', shape }
}

const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;

settings! {
    folders {
        /// Folder for the data of new torrents.
        download_dir: PathBuf = "~/Downloads", PATH;
        /// Folder for incomplete files. They are moved to the folder of their torrent when they are complete. With
        /// none, files are in their final place from the start.
        incomplete_dir: Option<PathBuf> = "none", OPTIONAL_PATH;
        /// End of the names of incomplete files, such as .part.
        part_suffix: Option<String> = "none", Kind::Text { is_optional: true, shape: SUFFIX };
        /// Folder layout of new torrents: as in the torrent, always a folder of their own, or never one.
        layout: ContentLayout = "original", Kind::Choice(LAYOUTS);
        /// Trash: folder for data that is removed to it, and for that of torrents which their goal removes. With none,
        /// goals delete data at once.
        trash_dir: Option<PathBuf> = "none", OPTIONAL_PATH;
        /// Use of files that another torrent has as well: a copy of its own, hard links to one copy, or reflinks,
        /// which share disk blocks where the file system supports them.
        share_files: ShareFiles = "no", Kind::Choice(SHARES);
        /// Allocation of disk space: sparse uses it as data arrives, full reserves it at the first write.
        allocate: Allocation = "sparse", Kind::Choice(ALLOCATIONS);
    }
    network {
        /// Local IP addresses, with commas between them, or interface for all traffic of torrents; * for all addresses.
        /// With several addresses, there is a DHT node at each, and connections to peers use them in turn. While the
        /// interface is gone, ztor sends nothing.
        bind: Bind = "*", text(BIND), restart;
        /// Port for incoming connections of peers, over TCP and UDP; 0 for one that the system chooses.
        port: u16 = "6881", count(0, 65_535);
        /// Port that trackers and peers elsewhere hear of over IPv4, where a router or a VPN forwards another one than
        /// port. With none, it is the mapped port, or else port.
        announced_port: Option<u16> = "none", optional_count(1, 65_535);
        /// Routers are asked to open the port: by PCP, NAT-PMP or UPnP, over TCP and UDP, IPv4 and IPv6. On a loopback
        /// address it is off.
        port_mapping: bool = "true", Kind::Bool;
        /// Time for which routers keep the port open without a renewal, which comes at half of that.
        port_mapping_lease: Duration = "1h", time(20, DAY_S);
        /// Address of the router to ask by PCP and NAT-PMP. With none, the gateway of the default route; a tunnel of a VPN
        /// has none.
        port_mapping_gateway: Option<IpAddr> = "none", Kind::Text { is_optional: true, shape: IP };
        /// Transports of connections with peers. µTP yields to other traffic.
        transport: Transports = "both", Kind::Choice(TRANSPORTS), restart;
        /// Encryption of connections with peers: allowed for both sides, preferred, required of all peers, or off.
        encryption: Encryption = "allow", Kind::Choice(ENCRYPTIONS);
        /// Search for peers in the DHT. On a loopback address it is off unless dht_bootstrap is set.
        dht: bool = "true", Kind::Bool, restart;
        /// Nodes through which the DHT is joined. With an empty list, public ones.
        dht_bootstrap: Vec<String> = "", list(HOST_PORT), restart;
        /// When the DHT node answers no queries and other nodes do not keep it: never, always, or, with auto, while nothing
        /// shows that others can reach it.
        dht_read_only: ReadOnly = "auto", Kind::Choice(READ_ONLY), restart;
        /// Search for peers in the local network. On a loopback address it is off.
        local_discovery: bool = "true", Kind::Bool, restart;
        /// Exchange of peer addresses with peers.
        peer_exchange: bool = "true", Kind::Bool;
        /// Pieces that were read lately are suggested to peers, which spares a slow disk. Some clients then fetch them
        /// before rare ones.
        suggest_pieces: bool = "false", Kind::Bool;
        /// Maximum number of connections with peers.
        max_peers: usize = "500", count(1, 100_000);
        /// Maximum number of connections with peers per torrent.
        max_peers_per_torrent: usize = "100", count(1, 100_000);
        /// Number of peers that are served at a time, over all torrents. It grows if many of them are fast.
        upload_slots: usize = "20", count(1, 10_000);
        /// Number of peers that are served at a time per torrent. It grows if many of them are fast.
        upload_slots_per_torrent: usize = "8", count(1, 10_000);
        /// Number of web seeds that are asked at a time, over all torrents. A torrent asks at most four. 0 uses none.
        web_seeds_at_once: usize = "20", count(0, 1_000);
        /// Announces to all trackers of a torrent, instead of one working tracker per tier.
        announce_to_all: bool = "false", Kind::Bool;
        /// Name servers that are asked in place of those of the system, from the bound address or interface: addresses, at
        /// most three. The system resolves names outside of the binding.
        dns_servers: Vec<IpAddr> = "", list(IP), restart;
        /// The DNS is asked on which ports the host of a tracker runs trackers: one more query for each host, to the name
        /// servers of the system.
        tracker_dns: bool = "false", Kind::Bool, restart;
    }
    filter {
        /// List of addresses with which nothing is exchanged: a file, or a URL from which it is fetched. Formats: DAT, P2P,
        /// P2B, CIDR; plain, gzip or zip.
        ip_filter: Option<FilterSource> = "none", Kind::ListSource;
        /// Time after which the list is read again, if it has changed.
        ip_filter_interval: Duration = "1d", time(10 * 60, 365 * DAY_S);
        /// The list also applies to trackers.
        ip_filter_trackers: bool = "false", Kind::Bool;
        /// Addresses of this machine and its network are exempt from the list. Public lists may contain them.
        ip_filter_spare_local: bool = "false", Kind::Bool;
        /// Defence against peers that take data without progress: they are last in line, and banned for far too much. With
        /// strict, they are banned sooner: for what honest clients do not do, or for more than one copy of the torrent.
        leech_defence: LeechDefence = "normal", Kind::Choice(DEFENCES);
    }
    privacy {
        /// Proxy for all traffic named in proxy_for. It resolves the names of hosts, and nothing goes around it: while it
        /// does not answer, nothing is sent. Only SOCKS5 proxies with a relay carry µTP, the DHT and UDP trackers.
        proxy: Option<Proxy> = "none", Kind::Proxy;
        /// Traffic that goes through the proxy: of peers and the DHT, of trackers, of web seeds, and other requests.
        proxy_for: Uses = "peers, trackers, web_seeds, other", list(USE);
        /// Incoming connections of peers in spite of a proxy for peers, where another way forwards the port. Answers to
        /// them go around the proxy.
        proxy_incoming: bool = "false", Kind::Bool;
        /// Nothing that describes this client is sent: no name, version, port or local address, and no search in the
        /// local network. Private trackers may refuse that. Without a proxy, others still see the address of the
        /// connection.
        anonymous: bool = "false", Kind::Bool;
    }
    limits {
        /// Limit of the download rate, over all torrents.
        limit_down: Option<u64> = "unlimited", LIMIT;
        /// Limit of the upload rate, over all torrents.
        limit_up: Option<u64> = "unlimited", LIMIT;
        /// Limit of the download rate while the alternative limits are on.
        alternative_limit_down: Option<u64> = "unlimited", LIMIT;
        /// Limit of the upload rate while the alternative limits are on.
        alternative_limit_up: Option<u64> = "unlimited", LIMIT;
        /// Headers of packets count towards the limits, about 4 % of the traffic.
        limits_count_overhead: bool = "true", Kind::Bool;
        /// Peers in the local network are exempt from the limits.
        limits_spare_local: bool = "false", Kind::Bool;
        /// Times with other limits, or without transfers. Where several apply, the last one counts. A direction that
        /// an entry does not limit is unlimited. As one text, entries are separated by semicolons.
        schedule: Schedule = "", Kind::List { separator: ';', shape: SCHEDULE };
    }
    queue {
        /// Maximum number of torrents that download at a time.
        max_downloads: Option<usize> = "5", optional_count(1, 10_000);
        /// Maximum number of torrents that seed at a time.
        max_seeds: Option<usize> = "none", optional_count(1, 100_000);
        /// Maximum number of torrents that download or seed at a time, slow ones included.
        max_active: Option<usize> = "none", optional_count(1, 100_000);
        /// Slow torrents do not count towards max_downloads and max_seeds.
        slow_torrents_are_free: bool = "true", Kind::Bool;
        /// Rate below which a torrent is slow: of download for downloads, of upload for seeds.
        slow_below: u64 = "2KiB/s", Kind::Rate { is_optional: false };
        /// Time below that rate after which a torrent is slow.
        slow_after: Duration = "1m", time(1, DAY_S);
        /// New torrents go to the top of the queue instead of its end.
        queue_to_top: bool = "false", Kind::Bool;
    }
    goals {
        /// Share ratio at which seeding ends.
        seed_ratio: Option<Ratio> = "none", Kind::Ratio;
        /// Time of seeding after which it ends.
        seed_time: Option<Duration> = "never", optional_time(0, 3650 * DAY_S);
        /// Time of seeding without upload after which it ends.
        seed_idle_time: Option<Duration> = "never", optional_time(1, 3650 * DAY_S);
        /// Action at the first goal that is reached: stop the torrent, remove it, or remove it with its data.
        goal_action: GoalAction = "stop", Kind::Choice(GOAL_ACTIONS);
    }
    new {
        /// New torrents are paused.
        start_paused: bool = "false", Kind::Bool;
        /// Pieces of new torrents are downloaded in order, to play files while they download.
        sequential: bool = "false", Kind::Bool;
        /// First and last pieces of each file of new torrents are downloaded before the others, for previews.
        ends_first: bool = "false", Kind::Bool;
        /// New versions of torrents are looked for, in the feeds that they name and in the DHT for those of a publisher,
        /// and added. They use the files of the old version where these are the same.
        check_updates: bool = "false", Kind::Bool;
        /// Time between two looks for a new version of a torrent.
        update_interval: Duration = "6h", time(600, 30 * DAY_S);
    }
    api {
        /// Addresses of the API and the web UI. With an empty list, only the local socket is served.
        listen: Vec<SocketAddr> = "127.0.0.1:9480", list(LISTEN), restart;
        /// Name of the user who may log in.
        username: String = "ztor", text(USERNAME), restart;
        /// File with the password of that user, or its Argon2 hash.
        password_file: Option<PathBuf> = "none", OPTIONAL_PATH, restart;
        /// File with the certificate chain for TLS, in PEM. It needs tls_key.
        tls_certificate: Option<PathBuf> = "none", OPTIONAL_PATH, restart;
        /// File with the private key of the certificate, in PEM.
        tls_key: Option<PathBuf> = "none", OPTIONAL_PATH, restart;
        /// Path below which the API and the web UI are served, for a reverse proxy.
        base_path: String = "", text(BASE_PATH), restart;
        /// Folder of a web UI that is served in place of the built-in one.
        web_dir: Option<PathBuf> = "none", OPTIONAL_PATH, restart;
        /// Addresses of the Transmission RPC, for programs that speak with Transmission; by convention port 9091. With an
        /// empty list, it is not served.
        transmission_listen: Vec<SocketAddr> = "", list(LISTEN), restart;
        /// Folder of a web UI for Transmission, which is served below /transmission/web/.
        transmission_web_dir: Option<PathBuf> = "none", OPTIONAL_PATH, restart;
        /// Addresses of the qBittorrent Web API, for programs that speak with qBittorrent; by convention port 8080. With an
        /// empty list, it is not served.
        qbittorrent_listen: Vec<SocketAddr> = "", list(LISTEN), restart;
        /// Folder of a web UI for qBittorrent, such as VueTorrent, which is served beside the API.
        qbittorrent_web_dir: Option<PathBuf> = "none", OPTIONAL_PATH, restart;
        /// Addresses and networks of reverse proxies whose X-Forwarded-For header is trusted.
        trusted_proxies: Vec<IpNet> = "", list(NETWORK), restart;
        /// Host names under which the API may be reached, besides IP addresses and localhost.
        allowed_hosts: Vec<String> = "", list(HOST), restart;
        /// Time without a request after which a login ends.
        session_time: Duration = "7d", time(60, 365 * DAY_S);
        /// Number of failed logins in a row after which an address is banned.
        login_attempts: u64 = "5", count(1, 1000);
        /// Time for which an address is banned after too many failed logins.
        login_ban: Duration = "15m", time(1, 30 * DAY_S);
        /// Logins from other machines without TLS. Others in the network can then read the password.
        allow_remote_without_tls: bool = "false", Kind::Bool;
    }
    log {
        /// Level of the log, or a list of levels by module.
        log_level: String = "info", text(LOG_LEVEL);
        /// Format of log lines.
        log_format: LogFormat = "text", Kind::Choice(LOG_FORMATS), restart;
    }
    watch {
        /// Time between complete scans of the watched folders, which find what the system did not report.
        watch_rescan: Duration = "1m", time(5, DAY_S);
        /// Time for which a file in a watched folder must be unchanged before it is loaded.
        watch_settle: Duration = "2s", time(0, HOUR_S);
    }
}
