//! The command line: every command and flag, and the texts of `--help`.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use ztor_session::Bind;

use crate::net_args::{EncryptionArg, TransportArg, parse_bind};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit::EXIT_CODES;
use crate::units::{Limit, parse_duration, parse_limit, parse_size};

/// A BitTorrent client: get, seed, share, create, show, verify, tracker.
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
    /// Print one JSON object a line on stdout instead of text
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// What to log on stderr: off, error, warn, info, debug, trace, or a filter such as ztor_session=debug
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn", help_heading = "Output")]
    pub(crate) log_level: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Download torrents, verify them, and seed them for as long as you like
    #[command(after_long_help = SWARM_JSON)]
    Get(GetArgs),
    /// Check data you have and upload it until stopped
    #[command(after_long_help = SWARM_JSON)]
    Seed(SeedArgs),
    /// Make a torrent of a file or folder, run a tracker for it and seed it, all at once
    #[command(after_long_help = SWARM_JSON)]
    Share(ShareArgs),
    /// Make a torrent file
    #[command(after_long_help = CREATE_JSON)]
    Create(CreateArgs),
    /// Show what is in a torrent file or magnet link
    #[command(after_long_help = SHOW_JSON)]
    Show(ShowArgs),
    /// Compare data on disk with a torrent; list bad files and pieces
    #[command(after_long_help = VERIFY_JSON)]
    Verify(VerifyArgs),
    /// Look into the DHT: find peers, read and store items, see what it is like
    #[command(subcommand)]
    Dht(DhtCommand),
    /// Run an HTTP and UDP tracker
    #[command(after_long_help = TRACKER_JSON)]
    Tracker(TrackerArgs),
    /// A whole swarm on this machine: a tracker, two seeds and a download, over loopback only
    #[command(after_long_help = SWARM_JSON)]
    Demo(DemoArgs),
}

/// Flags of the commands that talk to peers.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetArgs {
    /// Use only this local IP address or interface for everything; while the interface is gone, nothing goes
    /// anywhere [default: all addresses]
    #[arg(long, value_name = "ADDR|INTERFACE", default_value = "*", hide_default_value = true, value_parser = parse_bind)]
    pub(crate) bind: Bind,
    /// Listen for peers on this port [default: 6881, or the next free one]
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// Download at most this fast: 5MiB/s, 500k, a number of bytes, or unlimited
    #[arg(long, value_name = "RATE", value_parser = parse_limit)]
    pub(crate) limit_down: Option<Limit>,
    /// Upload at most this fast
    #[arg(long, value_name = "RATE", value_parser = parse_limit)]
    pub(crate) limit_up: Option<Limit>,
    /// Be connected to at most this many peers, over all torrents
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_peers: Option<u32>,
    /// Upload to about this many peers at a time, over all torrents; to more if the fast ones leave room [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) upload_slots: Option<u32>,
    /// Talk to peers over TCP, over µTP (which gives way to whatever else the line is used for), or over what suits
    /// the peer: µTP first, and TCP first in the local network
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub(crate) transport: TransportArg,
    /// Whether the protocol is hidden from the network: require it of all peers, prefer it, allow it (plain first),
    /// or switch it off
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub(crate) encryption: EncryptionArg,
    /// Announce to every tracker of a torrent at once, and not to one that works of every tier
    #[arg(long)]
    pub(crate) announce_to_all: bool,
    /// Do not look for peers in the DHT [default on a loopback address, unless --dht-bootstrap is given]
    #[arg(long)]
    pub(crate) no_dht: bool,
    /// Enter the DHT through this node, HOST:PORT, instead of the usual ones; may be repeated
    #[arg(long, value_name = "ADDR")]
    pub(crate) dht_bootstrap: Vec<String>,
    /// Do not exchange addresses with peers
    #[arg(long)]
    pub(crate) no_pex: bool,
    /// Do not look for peers in the local network [default on a loopback address]
    #[arg(long)]
    pub(crate) no_lsd: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct GetArgs {
    /// Torrent files, http(s) URLs of torrent files, magnet links (in quotes), or info-hashes. One that cannot be
    /// used does not stop the others
    #[arg(required = true, value_name = "TORRENT")]
    pub(crate) torrents: Vec<OsString>,
    /// Put the data into this folder; it is made if missing. Data already there is checked, not fetched again
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(crate) output: PathBuf,
    /// Fetch only these files: numbers as `ztor show` lists them (3, 5-9) and globs ('*.mkv', 'disc1/**'),
    /// comma-separated
    #[arg(long, value_name = "GLOB|INDEX,...")]
    pub(crate) files: Vec<String>,
    /// Fetch no more than what a magnet link's torrent is, and write it as NAME.torrent into the folder
    #[arg(long)]
    pub(crate) metadata_only: bool,
    /// Fetch the pieces in order, for playing while it loads
    #[arg(long)]
    pub(crate) sequential: bool,
    /// Connect to this peer too, HOST:PORT; may be repeated
    #[arg(long, value_name = "ADDR")]
    pub(crate) peer: Vec<String>,
    /// Go on uploading when done, until stopped
    #[arg(long)]
    pub(crate) seed: bool,
    /// Go on uploading until this many times the size was uploaded
    #[arg(long, value_name = "R", value_parser = parse_ratio)]
    pub(crate) seed_ratio: Option<f64>,
    /// Go on uploading for this long after the last torrent is done: 30s, 10m, 2h
    #[arg(long, value_name = "D", value_parser = parse_duration)]
    pub(crate) seed_time: Option<Duration>,
    /// Fail if nothing was received for this long: 30s, 10m, 2h [default: wait for ever]
    #[arg(long, value_name = "D", value_parser = parse_duration)]
    pub(crate) give_up: Option<Duration>,
    /// Write over files that are there already and are not the torrent's; without this flag such a file stops the
    /// torrent with exit code 4 before anything is written
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Hash all data that is there, and do not trust the record of an earlier run
    #[arg(long)]
    pub(crate) recheck: bool,
    /// Reserve disk space as data comes (sparse) or all of it first (full)
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Allocate::Sparse)]
    pub(crate) allocate: Allocate,
    #[command(flatten)]
    pub(crate) net: NetArgs,
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
    /// Hash all the data, and do not trust the record of an earlier run
    #[arg(long)]
    pub(crate) recheck: bool,
    /// Connect to this peer too, HOST:PORT; may be repeated
    #[arg(long, value_name = "ADDR")]
    pub(crate) peer: Vec<String>,
    #[command(flatten)]
    pub(crate) net: NetArgs,
}

/// Torrents with their data.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// A torrent file and where its data is: the data itself or the folder that holds it. Several such pairs
    /// may follow; one that cannot be used does not stop the others
    #[arg(required = true, value_name = "TORRENT PATH")]
    pub(crate) torrents: Vec<OsString>,
    /// The folder that holds the data of all the torrents; then only torrent files are given
    #[arg(long = "in", value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ShareArgs {
    /// The file or folder to share
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) content: ContentArgs,
    /// Let peers find each other in the DHT and by exchange, too; then anybody may find it [default: only by its
    /// tracker, as a private torrent (BEP 27)]
    #[arg(long)]
    pub(crate) public: bool,
    /// The port of the tracker and of the torrent's URL [default: 6969, or a free one]
    #[arg(long, value_name = "N")]
    pub(crate) tracker_port: Option<u16>,
    #[command(flatten)]
    pub(crate) net: NetArgs,
}

/// What goes into a torrent, and how.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Contents")]
pub(crate) struct ContentArgs {
    /// v1 is understood by every client; hybrid by every client too, at the price of pad files that some
    /// show; v2 only by new ones
    #[arg(long, value_enum, default_value_t = Format::V1)]
    pub(crate) format: Format,
    /// Bytes in a piece, a power of two from 16KiB [default: chosen by size]
    #[arg(long, value_name = "SIZE", value_parser = parse_piece_length)]
    pub(crate) piece_length: Option<u32>,
    /// Leave out files and folders that match, e.g. '*.tmp' or 'target'; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) ignore: Vec<String>,
    /// Take files and folders whose name begins with a dot as well
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
    /// The file or folder to make a torrent of
    pub(crate) path: PathBuf,
    /// The torrent file to write [default: NAME.torrent in the current folder]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the torrent file if it exists
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) content: ContentArgs,
    /// A tracker's announce URL. Each use is a tier, tried in order; URLs with a comma between are of one
    /// tier
    #[arg(short, long, value_name = "URL[,URL]...", help_heading = "Metadata")]
    pub(crate) tracker: Vec<String>,
    /// Where the same data can be had by HTTP; may be repeated
    #[arg(short, long, value_name = "URL", help_heading = "Metadata")]
    pub(crate) web_seed: Vec<String>,
    /// Peers come from the trackers only (BEP 27)
    #[arg(long, help_heading = "Metadata")]
    pub(crate) private: bool,
    /// A word that makes the info-hash differ, as some trackers ask for
    #[arg(long, value_name = "TEXT", help_heading = "Metadata")]
    pub(crate) source: Option<String>,
    /// A comment for humans
    #[arg(long, value_name = "TEXT", help_heading = "Metadata")]
    pub(crate) comment: Option<String>,
    /// The creation date to write: none (so that the same data makes the same file), now, or seconds since
    /// 1970
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
    /// Torrent files, http(s) URLs of torrent files, or magnet links (in quotes) and info-hashes, of which peers are
    /// asked for the torrent
    #[arg(required = true, value_name = "TORRENT")]
    pub(crate) torrents: Vec<OsString>,
    /// Show what the magnet link itself says, and ask nobody
    #[arg(long)]
    pub(crate) offline: bool,
    /// Ask the trackers how many seed it and how many fetch it
    #[arg(long)]
    pub(crate) scrape: bool,
    /// Ask this peer too, HOST:PORT; may be repeated
    #[arg(long, value_name = "ADDR")]
    pub(crate) peer: Vec<String>,
    /// How long to look for somebody who knows: 30s, 10m
    #[arg(long, value_name = "D", default_value = "60s", value_parser = parse_duration)]
    pub(crate) give_up: Duration,
    #[command(flatten)]
    pub(crate) net: NetArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DhtCommand {
    /// Ask a node whether it is there
    Ping {
        /// The node, HOST:PORT
        node: String,
        #[command(flatten)]
        net: DhtArgs,
    },
    /// Find peers of a torrent
    GetPeers {
        /// Its info-hash (40 hex or 32 base32 digits; 64 hex digits of a v2 torrent), or a magnet link
        torrent: String,
        #[command(flatten)]
        net: DhtArgs,
    },
    /// Read an item that somebody stored (BEP 44)
    Get {
        /// Where it is: the SHA-1 of an immutable item, or of the public key and the salt of a mutable one, in hex
        target: String,
        /// The salt of a mutable item
        #[arg(long, value_name = "TEXT", default_value = "")]
        salt: String,
        #[command(flatten)]
        net: DhtArgs,
    },
    /// Store a text (BEP 44), and print where it is
    Put {
        /// The text, up to about 1000 bytes
        text: String,
        /// Sign it, so that it can be replaced later: a file with 64 hex digits, the seed of an Ed25519 key
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Tells several mutable items of one key apart
        #[arg(long, value_name = "TEXT", default_value = "", requires = "key")]
        salt: String,
        /// The number of this version; a higher one replaces a lower one
        #[arg(long, value_name = "N", default_value_t = 1, requires = "key")]
        seq: i64,
        #[command(flatten)]
        net: DhtArgs,
    },
    /// Enter the DHT and tell what is found there
    Stats {
        #[command(flatten)]
        net: DhtArgs,
    },
}

/// Flags of the commands that look into the DHT.
#[derive(Debug, Args)]
pub(crate) struct DhtArgs {
    /// Use only this local IP address or interface [default: all addresses]
    #[arg(long, value_name = "ADDR|INTERFACE", default_value = "*", hide_default_value = true, value_parser = parse_bind)]
    pub(crate) bind: Bind,
    /// Enter the DHT through this node, HOST:PORT, instead of the usual ones; may be repeated
    #[arg(long, value_name = "ADDR")]
    pub(crate) dht_bootstrap: Vec<String>,
    /// Stop after this time: 30s, 2m
    #[arg(long, value_name = "D", default_value = "30s", value_parser = parse_duration)]
    pub(crate) give_up: Duration,
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
    /// The port for HTTP; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 6969)]
    pub(crate) http_port: u16,
    /// The port for UDP [default: the same as for HTTP]
    #[arg(long, value_name = "N")]
    pub(crate) udp_port: Option<u16>,
    /// HTTP comes through a reverse proxy at this address or network, such as 127.0.0.1 or 172.17.0.0/16; clients are known
    /// by the X-Forwarded-For that it adds; may be repeated
    #[arg(long, value_name = "NET", value_parser = parse_net)]
    pub(crate) behind_proxy: Vec<ipnet::IpNet>,
    /// Let clients announce another address than their own, which may be anybody's
    #[arg(long)]
    pub(crate) believe_ip: bool,
    /// Track only the torrents, and serve only the peers, that this file lists: an info-hash, an address or a network a
    /// line; # starts a comment. Read again when it changes
    #[arg(long, value_name = "FILE")]
    pub(crate) allow: Option<PathBuf>,
    /// Refuse the torrents and peers that this file lists; a file as for --allow
    #[arg(long, value_name = "FILE")]
    pub(crate) deny: Option<PathBuf>,
    /// Keep at most this many torrents; a new one then takes the place of a young one with one peer at most
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = parse_bound)]
    pub(crate) max_torrents: usize,
    /// Keep at most this many peers, over all torrents; later ones get answers but are not given to others
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = parse_bound)]
    pub(crate) max_peers: usize,
    /// Keep at most this many peers of one IPv4 address or IPv6 /64 in a torrent
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = parse_bound)]
    pub(crate) max_peers_per_host: usize,
    /// Serve UDP with this many threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) workers: Option<u8>,
    /// How long peers are asked to wait between announces: 30s, 10m, 2h
    #[arg(long, value_name = "D", default_value = "30m", value_parser = parse_interval)]
    pub(crate) interval: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// How much data to move, in MiB
    #[arg(long, value_name = "MiB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub(crate) size: u64,
    /// Where to put the data while it runs; about twice the size is needed [default: the folder for temporary
    /// files]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

fn parse_bound(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=1_000_000_000).contains(n));
    number.ok_or_else(|| "write a number from 1 to 1000000000".into())
}

fn parse_net(text: &str) -> Result<ipnet::IpNet, String> {
    let net = text.parse().or_else(|_| text.parse::<IpAddr>().map(ipnet::IpNet::from));
    net.map_err(|_| "write an address such as 127.0.0.1, or a network such as 172.17.0.0/16".into())
}

fn parse_ratio(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ratio) if ratio.is_finite() && ratio >= 0.0 => Ok(ratio),
        _ => Err("write a number such as 1 or 1.5".into()),
    }
}

fn parse_piece_length(text: &str) -> Result<u32, String> {
    let bytes = parse_size(text)?;
    match u32::try_from(bytes) {
        Ok(length) if length.is_power_of_two() && (16 << 10..=256 << 20).contains(&length) => Ok(length),
        _ => Err("a piece length is a power of two from 16KiB to 256MiB".into()),
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
            .ok_or_else(|| "write none, now, or a number of seconds since 1970".into()),
    }
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if (Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&interval) {
        Ok(interval)
    } else {
        Err("an interval lies between 1s and 24h".into())
    }
}

const SWARM_JSON: &str = "\
With --json, every line on stdout is an object with the field `event`:
  listening  port: accepts peers on this port
  sharing    magnet, url, tracker (share)
  fetching_metadata  info_hash, name: a magnet link was taken in; `added` follows once it is known what it is
  metadata   info_hash, name, total_bytes, files: it is known
  added      info_hash, name, total_bytes, wanted_bytes, dir: a torrent was taken in
  checked    info_hash, name, have_bytes, hashed_bytes, believed_bytes: existing data was looked at.
             Pieces of hashed_bytes were compared with their hashes; those of believed_bytes are
             there by the record of an earlier run, for their files have not changed since
  progress   once a second for every torrent: info_hash, name, state (metadata, checking, downloading,
             seeding, stopped, failed), total_bytes, wanted_bytes, done_bytes,
             down_bytes_per_s, up_bytes_per_s, downloaded_bytes, uploaded_bytes, peers, seeds,
             eta_s (null if unknown), message (null, or what is wrong).
             With a field `stage` (hashing, checking, writing), of work on local data: name,
             done_bytes, total_bytes (share, demo)
  done       info_hash, name, bytes, believed_bytes, downloaded_bytes, uploaded_bytes, seconds: a
             download is complete; all but believed_bytes was verified in this run
  seeding    info_hash, name, have_bytes: the torrent is served to others
  warning    info_hash (or null), message, cause (null, or an object of a kind below)
  summary    the sum at the end: torrents, done, failed, downloaded_bytes, uploaded_bytes,
             seconds, interrupted
  error      exit_code, message, hint (or null): why the command failed; the last line
info_hash is the v1 info-hash in hex, or the v2 one if there is no other. downloaded_bytes is the
piece data received from peers in this run, bad and doubled data included. wanted_bytes and
done_bytes count whole pieces. Kinds of causes:
  tracker            tracker, issue: kind (warning, refused, malformed_reply, http_status, bad_url,
                     unsupported, timeout, network), is_error, message
  banned             author, reason: kind (bad_data with piece, bad_metadata, bad_hashes), ends_in_s
  peer_unreachable   addr: a peer that was given does not answer
  peer_not_found     peer, message: the name of a peer is unknown
  no_source          nobody can be asked for peers
  metadata_too_long  len, max, in bytes
  changed_by_others  fault: kind (full, denied, gone, changed, in_the_way, inconsistent, io), message
  not_saved          fault: progress could not be saved
  interface          name, is_there
Fields and kinds may be added; none changes its meaning.";

const CREATE_JSON: &str = "\
With --json, stdout has objects of progress (event, stage, name, done_bytes, total_bytes), then
one of the result: event (created), file, name, info_hash_v1 and info_hash_v2 (null if absent),
magnet, total_bytes, files, pieces, piece_length, skipped (what was left out although no --ignore
names it, and why).";

const SHOW_JSON: &str = "\
With --json, stdout has one object for every torrent.
Of a torrent file: kind (torrent), name, info_hash_v1 and info_hash_v2 (null if absent),
total_bytes, piece_length, pieces, private, single_file, trackers (tiers: lists of URLs),
swarms (with --scrape: a list of tracker, seeders, leechers, downloads, error),
web_seeds, nodes, comment, created_by, creation_date (seconds since 1970), source, magnet, files:
a list of index, path, length, and where they apply executable, hidden, symlink, pieces_root.
Of a magnet link the same, once a peer has told what it leads to (exit code 5 if none did); with
--offline: kind (magnet), name, info_hash_v1, info_hash_v2, trackers, peers, web_seeds,
select (file indices from 0 on, or ranges, as in the link).";

const VERIFY_JSON: &str = "\
Exits with 0 if everything is right, 1 if data is bad, or the code of the first torrent that cannot be
checked. A bad piece counts for every file in it.
With --json, stdout has objects of progress (event, stage, name, done_bytes, total_bytes), one for
every bad file (event bad_file, path, length, missing, bad_pieces, pieces, bad_ranges: lists of
first and last piece), and one of the result (event verified, ok, pieces, bad_pieces, files,
bad_files, good_bytes, total_bytes); of several torrents, those of each follow an object with
event (verifying), torrent and info_hash.";

const TRACKER_JSON: &str = "\
With --json, stdout has one object when the tracker listens: event (tracker), http and udp (the
announce URLs; null if off). Every minute, and when the tracker ends, it has one with its size: event
(tracker_status), torrents, peers, memory_bytes (for both, by the capacity of the tables), and
bytes_per_peer (null without peers).";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_table_of_flags_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn piece_lengths_are_powers_of_two() {
        assert_eq!(parse_piece_length("1MiB"), Ok(1 << 20));
        for bad in ["8KiB", "1000000", "512MiB", "0"] {
            assert!(parse_piece_length(bad).is_err(), "{bad}");
        }
    }
}
