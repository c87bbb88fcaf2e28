//! The command line: every command and flag, and the texts of `--help`.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use ztor_daemon::units::{Limit, parse_duration, parse_limit, parse_size};
use ztor_session::{Bind, Route, Use};

use crate::net_args::{EncryptionArg, LeechDefenceArg, ReadOnlyArg, TransportArg, parse_bind};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::DaemonArgs;
use crate::exit::{CliError, EXIT_CODES};
use crate::proxy_args::ProxyArgs;
use crate::remote::args::RemoteCommand;

/// A BitTorrent client for the terminal.
#[derive(Debug, Parser)]
#[command(name = "ztor", version, after_help = EXIT_CODES, max_term_width = 100, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Print one JSON object per line on stdout instead of text
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Log level on stderr: off, error, warn, info, debug, trace, or a filter such as ztor_session=debug [default: warn;
    /// for the daemon its setting log_level]
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Output")]
    pub(crate) log_level: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Download and verify torrents, then seed them if asked
    #[command(after_long_help = SWARM_JSON)]
    Get(GetArgs),
    /// Check existing data, then seed it until stopped
    #[command(after_long_help = SWARM_JSON)]
    Seed(SeedArgs),
    /// Create a torrent of a file or folder, run a tracker for it, and seed it
    #[command(after_long_help = SWARM_JSON)]
    Share(ShareArgs),
    /// Create a torrent file
    #[command(after_long_help = CREATE_JSON)]
    Create(CreateArgs),
    /// Show the contents of a torrent file or magnet link
    #[command(after_long_help = SHOW_JSON)]
    Show(ShowArgs),
    /// Compare data on disk with a torrent, and list bad files and pieces
    #[command(after_long_help = VERIFY_JSON)]
    Verify(VerifyArgs),
    /// Query the DHT: ping nodes, find peers, read and store items, show statistics
    #[command(subcommand)]
    Dht(DhtCommand),
    /// Run the daemon, which keeps torrents over restarts, in the foreground
    Daemon(DaemonArgs),
    #[command(flatten)]
    Remote(RemoteCommand),
    /// Run an HTTP and UDP tracker
    #[command(after_long_help = TRACKER_JSON)]
    Tracker(TrackerArgs),
    /// Print what a shell needs to complete commands, or write manual pages
    #[command(after_help = SETUP)]
    Setup(SetupArgs),
    /// Run a whole swarm on this machine: a tracker, two seeds and a download, over loopback only
    #[command(after_long_help = SWARM_JSON)]
    Demo(DemoArgs),
}

/// The part of `ztor setup --help` about shells.
const SETUP: &str = "\
To complete commands, add one line to the start-up file of the shell:
  bash    source <(ztor setup bash)          in ~/.bashrc
  zsh     source <(ztor setup zsh)           in ~/.zshrc
  fish    ztor setup fish | source           in ~/.config/fish/config.fish
Torrents, categories and tags are those of the local daemon.";

#[derive(Debug, Args)]
pub(crate) struct SetupArgs {
    /// Shell, or man for manual pages
    #[arg(value_enum)]
    pub(crate) what: Setup,
    /// Folder for the manual pages
    #[arg(value_name = "DIR", required_if_eq("what", "man"))]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Setup {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Powershell,
    Man,
}

/// Flags of the commands that connect to peers.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetArgs {
    /// Bind all sockets to these local IP addresses, with commas between them, or to this interface; nothing is sent
    /// while the interface is gone [default: all addresses]
    #[arg(long, value_name = "ADDR,…|INTERFACE", default_value = "*", hide_default_value = true, value_parser = parse_bind)]
    pub(crate) bind: Bind,
    /// Listen for peers on this port [default: 6881, or the next free one]
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// Announce this port over IPv4, where a router or a VPN forwards another one than --port
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) announced_port: Option<u16>,
    /// Do not ask routers to open the port (PCP, NAT-PMP, UPnP) [default on a loopback address]
    #[arg(long)]
    pub(crate) no_port_mapping: bool,
    /// Ask this router by PCP and NAT-PMP to open the port [default: the gateway of the default route]
    #[arg(long, value_name = "IP", conflicts_with = "no_port_mapping")]
    pub(crate) port_mapping_gateway: Option<IpAddr>,
    /// Limit the download rate: 5MiB/s, 500k, a number of bytes per second, or unlimited
    #[arg(long, value_name = "RATE", value_parser = parse_limit)]
    pub(crate) limit_down: Option<Limit>,
    /// Limit the upload rate, with the same values as --limit-down
    #[arg(long, value_name = "RATE", value_parser = parse_limit)]
    pub(crate) limit_up: Option<Limit>,
    /// Do not limit the rates of peers in the local network
    #[arg(long)]
    pub(crate) no_limit_local: bool,
    /// Connect to at most this many peers, over all torrents [default: 500]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_peers: Option<u32>,
    /// Upload to about this many peers at a time, over all torrents; to more while seeding to fast peers [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) upload_slots: Option<u32>,
    /// Connect to peers over TCP, over µTP (which yields to other traffic), or over both: µTP first, but TCP first in
    /// the local network
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub(crate) transport: TransportArg,
    /// Encrypt connections: require it of all peers, prefer it, allow it (plain first), or turn it off
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub(crate) encryption: EncryptionArg,
    /// Ask at most this many web seeds at a time, over all torrents; 0 uses none
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) web_seeds_at_once: usize,
    /// Announce to every tracker of a torrent, not only to one working tracker per tier
    #[arg(long)]
    pub(crate) announce_to_all: bool,
    /// Treat peers that take data without progress as any other, serve them last, or also ban them soon
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub(crate) leech_defence: LeechDefenceArg,
    /// Exchange nothing with the addresses in this list, a file or http(s) URL: DAT, P2P, P2B or CIDR; plain, gzip or zip
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) ip_filter: Option<String>,
    /// Ask this name server in place of those of the system, from the address or interface of --bind; may be repeated
    #[arg(long, value_name = "IP")]
    pub(crate) dns_server: Vec<IpAddr>,
    /// Ask the DNS on which ports the host of a tracker runs trackers (BEP 34)
    #[arg(long)]
    pub(crate) tracker_dns: bool,
    /// Do not look for peers in the DHT [default on a loopback address, unless --dht-bootstrap is given]
    #[arg(long)]
    pub(crate) no_dht: bool,
    /// Join the DHT through this node (HOST:PORT) instead of the default ones; may be repeated
    #[arg(long, value_name = "ADDR")]
    pub(crate) dht_bootstrap: Vec<String>,
    /// Answer no queries of the DHT: always, never, or while nothing shows that others can reach this machine
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) dht_read_only: ReadOnlyArg,
    /// Do not exchange addresses of other peers with peers
    #[arg(long)]
    pub(crate) no_pex: bool,
    /// Suggest pieces that were read lately to peers, which spares a slow disk
    #[arg(long)]
    pub(crate) suggest_pieces: bool,
    /// Do not look for peers in the local network [default on a loopback address]
    #[arg(long)]
    pub(crate) no_lsd: bool,
    #[command(flatten)]
    pub(crate) proxy: ProxyArgs,
}

impl NetArgs {
    /// Returns the way of HTTP requests of a use.
    pub(crate) fn route(&self, of: Use) -> Result<Route, CliError> {
        Ok(self
            .proxy
            .policy()?
            .route(&self.bind, of, self.proxy.is_anonymous())
            .dns_servers(self.dns_server.clone()))
    }
}

#[derive(Clone, Debug, Args)]
pub(crate) struct GetArgs {
    /// Torrent files, http(s) URLs of torrent files, magnet links (in quotes), or info-hashes. One that cannot be
    /// used does not stop the others
    #[arg(required = true, value_name = "TORRENT")]
    pub(crate) torrents: Vec<OsString>,
    /// Folder for the data, created if missing. Existing data in it is checked, not downloaded again
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(crate) output: PathBuf,
    /// Download only these files: numbers as `ztor show` lists them (3, 5-9) and globs ('*.mkv', 'disc1/**'),
    /// comma-separated
    #[arg(long, value_name = "GLOB|INDEX,...")]
    pub(crate) files: Vec<String>,
    /// Leave out files and folders that match, e.g. '*.nfo' or 'extras/**'; may be repeated. No effect on a torrent that
    /// has no other files
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,
    /// Keep the files in this folder until they are complete, and then move them to the folder of --output
    #[arg(long, value_name = "DIR")]
    pub(crate) incomplete: Option<PathBuf>,
    /// Add this to the names of files until they are complete [default without a value: .part]
    #[arg(long, value_name = "SUFFIX", num_args = 0..=1, require_equals = true, default_missing_value = ".part")]
    pub(crate) part_suffix: Option<String>,
    /// Folder of the files: as in the torrent, always a folder of their own, or never one
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Folder::Original)]
    pub(crate) layout: Folder,
    /// Take files that another of the torrents has as well from there, by hard links: one copy on disk, and each piece is
    /// downloaded once if both torrents have pieces of the same length
    #[arg(long)]
    pub(crate) share_files: bool,
    /// Fetch only the metadata of magnet links, and write it as NAME.torrent to the folder
    #[arg(long)]
    pub(crate) metadata_only: bool,
    /// Download pieces in order, to play files while they download
    #[arg(long)]
    pub(crate) sequential: bool,
    /// Download the first and last pieces of each file before the others, for previews
    #[arg(long)]
    pub(crate) ends_first: bool,
    /// Also connect to this peer (HOST:PORT); may be repeated
    #[arg(long, value_name = "ADDR")]
    pub(crate) peer: Vec<String>,
    /// Also download from this web server (http or https URL of the file, or of a folder with a slash at the end). Unlike
    /// the web seeds of a torrent, it may be on this machine; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) web_seed: Vec<String>,
    /// Seed when done, until stopped
    #[arg(long)]
    pub(crate) seed: bool,
    /// Download at most this many torrents at a time, in the given order; slow ones do not count
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_downloads: Option<u32>,
    /// Seed until every torrent has uploaded this many times its size; each stops at that
    #[arg(long, value_name = "R", value_parser = parse_ratio)]
    pub(crate) seed_ratio: Option<f64>,
    /// Seed for this long after the last torrent is done: 30s, 10m, 2h
    #[arg(long, value_name = "D", value_parser = parse_duration)]
    pub(crate) seed_time: Option<Duration>,
    /// Fail if nothing is received for this long: 30s, 10m, 2h [default: never]
    #[arg(long, value_name = "D", value_parser = parse_duration)]
    pub(crate) give_up: Option<Duration>,
    /// Overwrite existing files that are not the torrent's; without this flag, such a file stops the torrent with exit
    /// code 4 before anything is written
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Hash all existing data, and do not trust the resume data of an earlier run
    #[arg(long)]
    pub(crate) recheck: bool,
    /// Reserve disk space as data arrives (sparse), or all of it first (full)
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Allocate::Sparse)]
    pub(crate) allocate: Allocate,
    #[command(flatten)]
    pub(crate) net: NetArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Folder {
    Original,
    Subfolder,
    NoSubfolder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Allocate {
    Sparse,
    Full,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "ztor seed [OPTIONS] TORRENT PATH [TORRENT PATH]...\n       ztor seed [OPTIONS] --in DIR TORRENT..."
)]
pub(crate) struct SeedArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Hash all existing data, and do not trust the resume data of an earlier run
    #[arg(long)]
    pub(crate) recheck: bool,
    /// Show peers a few pieces at a time while this is the only seed, so that the first copy costs little upload
    #[arg(long)]
    pub(crate) super_seeding: bool,
    /// Also connect to this peer (HOST:PORT); may be repeated
    #[arg(long, value_name = "ADDR")]
    pub(crate) peer: Vec<String>,
    #[command(flatten)]
    pub(crate) net: NetArgs,
}

/// Torrents with their data.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// Torrent file and the path of its data: the data itself, or the folder that contains it. More pairs may follow;
    /// one that cannot be used does not stop the others
    #[arg(required = true, value_name = "TORRENT PATH")]
    pub(crate) torrents: Vec<OsString>,
    /// Folder that contains the data of all torrents; the other arguments are then torrent files only
    #[arg(long = "in", value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ShareArgs {
    /// File or folder to share
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) content: ContentArgs,
    /// Let peers find each other through the DHT and peer exchange too, so that anyone can find the torrent [default:
    /// only through its tracker, as a private torrent (BEP 27)]
    #[arg(long)]
    pub(crate) public: bool,
    /// Port of the tracker and of the torrent's URL [default: 6969, or a free one]
    #[arg(long, value_name = "N")]
    pub(crate) tracker_port: Option<u16>,
    /// Show peers a few pieces at a time while this is the only seed, so that the first copy costs little upload
    #[arg(long)]
    pub(crate) super_seeding: bool,
    #[command(flatten)]
    pub(crate) net: NetArgs,
}

/// Contents and format of a new torrent.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Contents")]
pub(crate) struct ContentArgs {
    /// Torrent format: v1 and hybrid work with every client, v2 only with recent ones. Hybrid torrents have pad files,
    /// which some clients show
    #[arg(long, value_enum, default_value_t = Format::V1)]
    pub(crate) format: Format,
    /// Piece length, a power of two from 16KiB to 256MiB [default: chosen by the total size]
    #[arg(long, value_name = "SIZE", value_parser = parse_piece_length)]
    pub(crate) piece_length: Option<u32>,
    /// Leave out files and folders that match, e.g. '*.tmp' or 'target'; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) ignore: Vec<String>,
    /// Include files and folders whose names begin with a dot
    #[arg(long)]
    pub(crate) include_hidden: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    V1,
    V2,
    Hybrid,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// File or folder to create a torrent of
    pub(crate) path: PathBuf,
    /// Torrent file to write [default: NAME.torrent in the current folder]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the torrent file if it exists
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) content: ContentArgs,
    /// Announce URL of a tracker. Each use of the flag is a tier, tried in order; commas separate the URLs of one tier
    #[arg(short, long, value_name = "URL[,URL]...", help_heading = "Metadata")]
    pub(crate) tracker: Vec<String>,
    /// URL of the same data on an HTTP or FTP server; may be repeated
    #[arg(short, long, value_name = "URL", help_heading = "Metadata")]
    pub(crate) web_seed: Vec<String>,
    /// Mark the torrent as private: clients find peers through its trackers only (BEP 27)
    #[arg(long, help_heading = "Metadata")]
    pub(crate) private: bool,
    /// Value of the `source` field, which changes the info-hash; some trackers require it
    #[arg(long, value_name = "TEXT", help_heading = "Metadata")]
    pub(crate) source: Option<String>,
    /// Comment for users
    #[arg(long, value_name = "TEXT", help_heading = "Metadata")]
    pub(crate) comment: Option<String>,
    /// Creation date to write: none (the same data then always makes the same file), now, or seconds since 1970
    #[arg(long, value_name = "none|now|UNIX", default_value = "none", value_parser = parse_date, help_heading = "Metadata")]
    pub(crate) date: Date,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Date {
    None,
    Now,
    Unix(i64),
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Torrent files, http(s) URLs of torrent files, magnet links (in quotes), or info-hashes. The metadata of links
    /// and info-hashes is fetched from peers
    #[arg(required = true, value_name = "TORRENT")]
    pub(crate) torrents: Vec<OsString>,
    /// Show only the magnet link itself, and ask no peer
    #[arg(long)]
    pub(crate) offline: bool,
    /// Ask the trackers for the numbers of seeders and leechers
    #[arg(long)]
    pub(crate) scrape: bool,
    /// Also ask this peer (HOST:PORT); may be repeated
    #[arg(long, value_name = "ADDR")]
    pub(crate) peer: Vec<String>,
    /// Fail if the metadata of a link has not arrived after this time: 30s, 10m
    #[arg(long, value_name = "D", default_value = "60s", value_parser = parse_duration)]
    pub(crate) give_up: Duration,
    #[command(flatten)]
    pub(crate) net: NetArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DhtCommand {
    /// Check that a node answers
    Ping {
        /// Address of the node, HOST:PORT
        node: String,
        #[command(flatten)]
        net: DhtArgs,
    },
    /// Find peers of a torrent
    GetPeers {
        /// Info-hash (40 hex or 32 base32 digits; 64 hex digits of a v2 torrent), or a magnet link
        torrent: String,
        #[command(flatten)]
        net: DhtArgs,
    },
    /// Read a stored item (BEP 44)
    Get {
        /// Target of the item in hex: the SHA-1 of an immutable item, or of the public key and salt of a mutable one
        target: String,
        /// Salt of a mutable item
        #[arg(long, value_name = "TEXT", default_value = "")]
        salt: String,
        #[command(flatten)]
        net: DhtArgs,
    },
    /// Create a key for items and torrents that can be replaced, in a file that only its owner can read
    Key {
        /// File for the seed of the Ed25519 key, 64 hex digits. It must not exist
        file: PathBuf,
        /// Salt in the printed link
        #[arg(long, value_name = "TEXT", default_value = "")]
        salt: String,
    },
    /// Announce the current torrent of a publisher (BEP 46), and print the link that always leads to it
    Publish {
        /// Torrent file, info-hash or magnet link; v1 or hybrid
        torrent: OsString,
        /// File with the seed of the publisher's key; `ztor dht key` makes one
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Salt, to publish several torrents under one key
        #[arg(long, value_name = "TEXT", default_value = "")]
        salt: String,
        /// Number of the version [default: one more than that of the version before]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
        seq: Option<i64>,
        #[command(flatten)]
        net: DhtArgs,
    },
    /// Store a text as an item (BEP 44), and print its target
    Put {
        /// Text to store, up to about 1000 bytes
        text: String,
        /// Sign the item, so that it can be replaced later. The file has the seed of an Ed25519 key, 64 hex digits
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Salt, to store several mutable items under one key
        #[arg(long, value_name = "TEXT", default_value = "", requires = "key")]
        salt: String,
        /// Sequence number of this version; a higher one replaces a lower one
        #[arg(long, value_name = "N", default_value_t = 1, requires = "key")]
        seq: i64,
        #[command(flatten)]
        net: DhtArgs,
    },
    /// Join the DHT, and print the nodes found and statistics
    Stats {
        #[command(flatten)]
        net: DhtArgs,
    },
}

/// Flags of the DHT commands.
#[derive(Debug, Args)]
pub(crate) struct DhtArgs {
    /// Bind all sockets to these local IP addresses or this interface [default: all addresses]
    #[arg(long, value_name = "ADDR,…|INTERFACE", default_value = "*", hide_default_value = true, value_parser = parse_bind)]
    pub(crate) bind: Bind,
    /// Ask this name server in place of those of the system, from the address or interface of --bind; may be repeated
    #[arg(long, value_name = "IP")]
    pub(crate) dns_server: Vec<IpAddr>,
    /// Join the DHT through this node (HOST:PORT) instead of the default ones; may be repeated
    #[arg(long, value_name = "ADDR")]
    pub(crate) dht_bootstrap: Vec<String>,
    /// Fail if the command has not finished after this time: 30s, 2m
    #[arg(long, value_name = "D", default_value = "30s", value_parser = parse_duration)]
    pub(crate) give_up: Duration,
}

impl DhtArgs {
    /// Returns the way of datagrams and of lookups of names.
    pub(crate) fn route(&self) -> Route {
        Route::new(self.bind.clone()).dns_servers(self.dns_server.clone())
    }
}

#[derive(Debug, Args)]
#[command(
    override_usage = "ztor verify [OPTIONS] TORRENT PATH [TORRENT PATH]...\n       ztor verify [OPTIONS] --in DIR TORRENT..."
)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TrackerArgs {
    /// Listen on this IP address only [default: all addresses]
    #[arg(long, value_name = "ADDR")]
    pub(crate) bind: Option<IpAddr>,
    /// HTTP port; 0 picks a free one
    #[arg(long, value_name = "N", default_value_t = 6969)]
    pub(crate) http_port: u16,
    /// UDP port [default: the HTTP port]
    #[arg(long, value_name = "N")]
    pub(crate) udp_port: Option<u16>,
    /// Trust X-Forwarded-For in HTTP requests from a reverse proxy at this address or network, such as 127.0.0.1 or
    /// 172.17.0.0/16; may be repeated
    #[arg(long, value_name = "NET", value_parser = parse_net)]
    pub(crate) behind_proxy: Vec<ipnet::IpNet>,
    /// Let clients announce another address than their own, which may be a victim's
    #[arg(long)]
    pub(crate) believe_ip: bool,
    /// Track only the torrents and serve only the peers that this file lists: one info-hash, address or network per
    /// line; # starts a comment. The file is read again when it changes
    #[arg(long, value_name = "FILE")]
    pub(crate) allow: Option<PathBuf>,
    /// Refuse the torrents and peers that this file lists, in the format of --allow
    #[arg(long, value_name = "FILE")]
    pub(crate) deny: Option<PathBuf>,
    /// Keep at most this many torrents; beyond it, a new one replaces a young one with at most one peer
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = parse_bound)]
    pub(crate) max_torrents: usize,
    /// Keep at most this many peers, over all torrents; further ones get answers but are not given to others
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = parse_bound)]
    pub(crate) max_peers: usize,
    /// Keep at most this many peers of one IPv4 address or IPv6 /64 in a torrent
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = parse_bound)]
    pub(crate) max_peers_per_host: usize,
    /// Serve UDP with this many threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) workers: Option<u8>,
    /// Ask peers to wait this long between announces, from 1s to 24h
    #[arg(long, value_name = "D", default_value = "30m", value_parser = parse_interval)]
    pub(crate) interval: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Amount of data to transfer, in MiB
    #[arg(long, value_name = "MiB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub(crate) size: u64,
    /// Show the download in the web UI instead, and run until stopped
    #[arg(long)]
    pub(crate) web: bool,
    /// Folder for the data while the demo runs; it needs about twice the size [default: the folder for temporary files]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

fn parse_bound(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=1_000_000_000).contains(n));
    number.ok_or_else(|| "expected a number from 1 to 1000000000".into())
}

fn parse_net(text: &str) -> Result<ipnet::IpNet, String> {
    let net = text.parse().or_else(|_| text.parse::<IpAddr>().map(ipnet::IpNet::from));
    net.map_err(|_| "expected an address such as 127.0.0.1, or a network such as 172.17.0.0/16".into())
}

fn parse_ratio(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ratio) if ratio.is_finite() && ratio >= 0.0 => Ok(ratio),
        _ => Err("expected a number such as 1 or 1.5".into()),
    }
}

fn parse_piece_length(text: &str) -> Result<u32, String> {
    let bytes = parse_size(text)?;
    match u32::try_from(bytes) {
        Ok(length) if length.is_power_of_two() && (16 << 10..=256 << 20).contains(&length) => Ok(length),
        _ => Err("expected a power of two from 16KiB to 256MiB".into()),
    }
}

fn parse_date(text: &str) -> Result<Date, String> {
    match text {
        "none" => Ok(Date::None),
        "now" => Ok(Date::Now),
        _ => text
            .parse()
            .ok()
            .filter(|&seconds: &i64| seconds >= 0)
            .map(Date::Unix)
            .ok_or_else(|| "expected none, now, or a number of seconds since 1970".into()),
    }
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if (Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&interval) {
        Ok(interval)
    } else {
        Err("expected a time from 1s to 24h".into())
    }
}

const SWARM_JSON: &str = "\
With --json, every line on stdout is an object with the field `event`:
  listening  port: the port for incoming connections of peers
  sharing    magnet, url, tracker (share)
  fetching_metadata  info_hash, name: a magnet link was added; its `metadata` and `added` follow
  metadata   info_hash, name, total_bytes, files: the metadata of a magnet link has arrived
  added      info_hash, name, total_bytes, wanted_bytes, dir: a torrent was added
  checked    info_hash, name, have_bytes, hashed_bytes, believed_bytes: existing data was checked.
             Pieces of hashed_bytes were compared with their hashes; those of believed_bytes are
             good according to the resume data of an earlier run: their files have not changed since
  progress   once a second for every torrent: info_hash, name, state (metadata, checking, downloading,
             seeding, stopped, failed), total_bytes, wanted_bytes, done_bytes,
             down_bytes_per_s, up_bytes_per_s, downloaded_bytes, uploaded_bytes, peers, seeds,
             eta_s (null if unknown), message (null, or why the torrent failed).
             With a field `stage` (hashing, checking, writing), it is about work on local data:
             name, done_bytes, total_bytes
  done       info_hash, name, bytes, believed_bytes, downloaded_bytes, uploaded_bytes, seconds: a
             download is complete; all but believed_bytes was verified in this run
  seeding    info_hash, name, have_bytes: the torrent is being seeded
  warning    info_hash (or null), message, cause (null, or an object of a kind below)
  summary    the totals at the end: torrents, done, failed, downloaded_bytes, uploaded_bytes,
             seconds, interrupted
  error      exit_code, message, hint (or null): why the command failed; the last line
info_hash is the v1 info-hash in hex, or the v2 one if there is no other. downloaded_bytes is the
piece data received from peers in this run, including bad and duplicate data. wanted_bytes and
done_bytes of `progress` count whole pieces. Kinds of causes:
  tracker            tracker, issue: kind (warning, refused, malformed_reply, http_status, bad_url,
                     unsupported, timeout, network), is_error, message
  banned             author, reason: kind (bad_data with piece, bad_metadata, bad_hashes,
                     leech with bytes), ends_in_s
  peer_unreachable   addr: a peer that was given by address does not answer
  peer_not_found     peer, message: the name of a peer cannot be resolved
  no_source          the torrent has no source of peers
  metadata_too_long  len, max, in bytes
  changed_by_others  fault: kind (full, denied, gone, changed, in_the_way, inconsistent, io), message
  not_saved          fault: the progress cannot be saved
  interface          name, is_there
Fields and kinds may be added; none changes its meaning.";

const CREATE_JSON: &str = "\
With --json, stdout has progress objects (event, stage, name, done_bytes, total_bytes), then the
result: event (created), file, name, info_hash_v1 and info_hash_v2 (null if absent), magnet,
total_bytes, files, pieces, piece_length, skipped (messages about files that were left out although
no --ignore names them).";

const SHOW_JSON: &str = "\
With --json, stdout has one object per torrent.
For a torrent file: kind (torrent), name, info_hash_v1 and info_hash_v2 (null if absent),
total_bytes, piece_length, pieces, private, single_file, trackers (tiers: lists of URLs),
swarms (with --scrape: a list of tracker, seeders, leechers, downloads, error),
web_seeds, nodes, comment, created_by, creation_date (seconds since 1970), source, magnet, files:
a list of index, path, length, and where they apply executable, hidden, symlink, pieces_root.
For a magnet link the same, from the metadata of peers (exit code 5 if no peer has it); with
--offline: kind (magnet), name, info_hash_v1, info_hash_v2, trackers, peers, web_seeds,
select (file indices from 0, or ranges, as in the link).";

const VERIFY_JSON: &str = "\
The exit code is 0 if all data is good, 1 if some is bad, or that of the first torrent that cannot be
checked. A bad piece counts for every file in it.
With --json, stdout has progress objects (event, stage, name, done_bytes, total_bytes), one object
per bad file (event bad_file, path, length, missing, bad_pieces, pieces, bad_ranges: lists of first
and last piece), and the result (event verified, ok, pieces, bad_pieces, files, bad_files,
good_bytes, total_bytes). With several torrents, an object with event (verifying), torrent and
info_hash precedes those of each.";

const TRACKER_JSON: &str = "\
With --json, stdout has one object when the tracker has started: event (tracker), http and udp (the
announce URLs; null if off). Every minute, and when the tracker stops, one with its size follows:
event (tracker_status), torrents, peers, memory_bytes (for both, by the capacity of the tables), and
bytes_per_peer (null without peers).";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn parse_piece_length_accepts_powers_of_two_in_range_only() {
        assert_eq!(parse_piece_length("1MiB"), Ok(1 << 20));
        for bad in ["8KiB", "1000000", "512MiB", "0"] {
            assert!(parse_piece_length(bad).is_err(), "{bad}");
        }
    }
}
