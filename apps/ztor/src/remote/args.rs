//! Flags of the commands that ask a daemon.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use ztor_daemon::units::{Limit, parse_duration, parse_limit};

use super::access_args::{PasswordArgs, TokenArgs, TuiArgs, WebArgs};
use super::address::DaemonAddress;
use crate::complete;

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum RemoteCommand {
    /// Add torrents to the daemon: files, URLs, magnet links, info-hashes
    Add(AddArgs),
    /// List the torrents of the daemon
    #[command(after_help = SELECTION)]
    List(ListArgs),
    /// Show torrents in detail
    #[command(after_help = SELECTION)]
    Info(TorrentArgs),
    /// Show the files of a torrent, or set their priorities
    Files(FilesArgs),
    /// Show the connected peers of a torrent
    Peers(OneArgs),
    /// Show the trackers of a torrent, or change them
    Trackers(TrackersArgs),
    /// Show the web seeds of a torrent, or change them
    WebSeeds(WebSeedsArgs),
    /// Start torrents, as the queue allows
    #[command(after_help = SELECTION)]
    Start(StartArgs),
    /// Stop torrents
    #[command(after_help = SELECTION)]
    Stop(TorrentArgs),
    /// Hash all data of torrents on disk
    #[command(after_help = SELECTION)]
    Recheck(RecheckArgs),
    /// Announce torrents to their trackers, the DHT and the local network now
    #[command(after_help = SELECTION)]
    Announce(TorrentArgs),
    /// Remove torrents; their data stays unless a flag says otherwise
    #[command(after_help = SELECTION)]
    Remove(RemoveArgs),
    /// Move the files of torrents to another folder
    #[command(after_help = SELECTION)]
    Move(MoveArgs),
    /// Rename a torrent in lists, or a file or folder of it on disk
    Rename(RenameArgs),
    /// Limit the rates of torrents
    #[command(after_help = SELECTION)]
    Limit(LimitArgs),
    /// Set when torrents are done: ratio, seeding time, time without upload
    #[command(after_help = SELECTION)]
    Goal(GoalArgs),
    /// Download the pieces of torrents in order, or the rare ones first
    #[command(after_help = SELECTION)]
    Sequential(SequentialArgs),
    /// Hide pieces of torrents from peers while the daemon is the only seed, so that the first copy costs little upload
    #[command(after_help = SELECTION)]
    SuperSeed(SuperSeedArgs),
    /// Look for new versions of torrents now, in the feeds that they name or by their publishers in the DHT
    #[command(after_help = SELECTION)]
    Update(TorrentArgs),
    /// Move torrents in the download queue
    #[command(after_help = SELECTION)]
    Queue(QueueArgs),
    /// List and change categories, and put torrents into them
    Category(CategoryArgs),
    /// List and change tags, and tag torrents
    Tag(TagArgs),
    /// List and change the watched folders, from which new torrent files are loaded
    Watch(WatchArgs),
    /// List the banned addresses
    Bans(DaemonAddress),
    /// Ban addresses: peers there are neither dialed nor accepted
    Ban(BanArgs),
    /// Lift bans
    Unban(UnbanArgs),
    /// Show the state of the IP filter, or read its list again
    IpFilter(IpFilterArgs),
    /// Show the ports at which peers reach the daemon, and what routers say
    Ports(DaemonAddress),
    /// Show statistics of the daemon
    Stats(DaemonAddress),
    /// Show the last lines of the daemon's log
    Log(LogArgs),
    /// Show and change the settings of the daemon
    Settings(SettingsArgs),
    /// List, add and remove the tokens with which programs reach the daemon over TCP
    Token(TokenArgs),
    /// Set the password with which people and programs log in over TCP
    Password(PasswordArgs),
    /// Show the daemon's torrents in the terminal, and work on them
    Tui(TuiArgs),
    /// Open the web UI of the daemon in the browser, logged in
    Web(WebArgs),
}

impl RemoteCommand {
    /// Returns true if the command draws on the whole terminal.
    pub(crate) fn owns_terminal(&self) -> bool {
        matches!(self, Self::Tui(_))
    }
}

/// The part of `--help` about the choice of torrents.
const SELECTION: &str = "\
Torrents are chosen by:
  NAME            the exact name, or a glob such as 'debian*'
  HASH            an info-hash, or at least its first six characters
  id:N            the number in `ztor list`
  category:PATH   a category with those below it; category: alone for none
  tag:NAME        a tag; tag: alone for none
  state:STATE     downloading, seeding, paused, queued, checking, done, error, active, ...
  all             all torrents";

/// Torrents of the daemon.
#[derive(Debug, Args)]
pub(crate) struct TorrentArgs {
    /// Torrents: names, globs, hashes, tags, ...
    #[arg(required = true, value_name = "TORRENT", add = complete::torrents())]
    pub(crate) torrents: Vec<String>,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

/// One torrent of the daemon.
#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// Name, hash or id:N of the torrent
    #[arg(value_name = "TORRENT", add = complete::torrents())]
    pub(crate) torrent: String,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Torrent files, http(s) URLs of torrent files, magnet links (in quotes), or info-hashes
    #[arg(required = true, value_name = "TORRENT")]
    pub(crate) torrents: Vec<OsString>,
    /// Folder for the data [default: that of the category, or download_dir of the settings]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Category, created if it does not exist
    #[arg(short, long, value_name = "PATH", add = complete::categories())]
    pub(crate) category: Option<String>,
    /// Tags, separated by commas; may be repeated
    #[arg(short, long, value_name = "TAG", value_delimiter = ',', add = complete::tags())]
    pub(crate) tag: Vec<String>,
    /// Leave the torrents stopped
    #[arg(long)]
    pub(crate) paused: bool,
    /// Start the torrents although the settings say otherwise
    #[arg(long, conflicts_with = "paused")]
    pub(crate) start: bool,
    /// Also connect to this peer (HOST:PORT); may be repeated
    #[arg(long, value_name = "ADDR")]
    pub(crate) peer: Vec<String>,
    /// Also announce to this tracker; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) tracker: Vec<String>,
    /// Also download from this web server (URL of the file, or of a folder with a slash at the end); may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) web_seed: Vec<String>,
    /// Name in lists, for one torrent
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Limit the download rate of each torrent: 5MiB/s, 500k, unlimited
    #[arg(long, value_name = "RATE", value_parser = parse_limit)]
    pub(crate) limit_down: Option<Limit>,
    /// Limit the upload rate of each torrent
    #[arg(long, value_name = "RATE", value_parser = parse_limit)]
    pub(crate) limit_up: Option<Limit>,
    /// Download pieces in order
    #[arg(long)]
    pub(crate) sequential: bool,
    /// Download the first and last pieces of each file before the others
    #[arg(long)]
    pub(crate) ends_first: bool,
    /// Show peers a few pieces at a time while the daemon is the only seed, so that the first copy costs little upload
    #[arg(long)]
    pub(crate) super_seeding: bool,
    /// Put the torrents at the top of the queue
    #[arg(long)]
    pub(crate) top: bool,
    /// Overwrite existing files that are not the torrent's
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Wait until the torrents are downloaded
    #[arg(short, long, conflicts_with = "paused")]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Torrents: names, globs, hashes, tags, ... [default: all]
    #[arg(value_name = "TORRENT", add = complete::torrents())]
    pub(crate) torrents: Vec<String>,
    /// Only torrents in this state or group (active, inactive, complete, incomplete, tracker_error); may be repeated
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Vec<String>,
    /// Only torrents in this category, or below it; may be repeated
    #[arg(short, long, value_name = "PATH", add = complete::categories())]
    pub(crate) category: Vec<String>,
    /// Only torrents with this tag; may be repeated
    #[arg(short, long, value_name = "TAG", add = complete::tags())]
    pub(crate) tag: Vec<String>,
    /// Only torrents with a tracker on this host; may be repeated
    #[arg(long, value_name = "HOST")]
    pub(crate) tracker: Vec<String>,
    /// Only torrents with this download folder; may be repeated
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Vec<String>,
    /// Only torrents with all of the tags, rather than one of them
    #[arg(long)]
    pub(crate) all_tags: bool,
    /// Torrents for which one of state, category, tag, tracker and folder fits, rather than all
    #[arg(long)]
    pub(crate) any: bool,
    /// Only torrents whose name contains all these words
    #[arg(short, long, value_name = "WORDS")]
    pub(crate) search: Option<String>,
    /// The search is a regular expression, which ignores case unless it has a capital letter
    #[arg(long, requires = "search")]
    pub(crate) regex: bool,
    /// Sort by these fields, each after - for the largest first: id, name, state, progress, size, down, up, downloaded,
    /// uploaded, ratio, eta, peers, seeds, queue, category, added, finished, tracker, dir
    #[arg(long, value_name = "KEY,...", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) sort: Vec<String>,
    /// Show at most this many
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Skip this many
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) offset: usize,
    /// Keep the list up to date until stopped
    #[arg(short, long)]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Debug, Args)]
pub(crate) struct FilesArgs {
    #[command(flatten)]
    pub(crate) one: OneArgs,
    /// Set priorities: PRIORITY:NUMBERS with skip, low, normal or high, and numbers as listed (0,3-5) or *; may be repeated
    #[arg(long, value_name = "PRIORITY:NUMBERS")]
    pub(crate) set: Vec<String>,
    /// Print links to complete files, by numbers as listed (0,3-5) or *: who has a link can download the file without a password
    #[arg(long, value_name = "NUMBERS", conflicts_with = "set")]
    pub(crate) link: Option<String>,
    /// Time for which the links are valid, at most a week
    #[arg(long, value_name = "D", default_value = "1d", requires = "link", value_parser = parse_duration)]
    pub(crate) valid: std::time::Duration,
}

#[derive(Debug, Args)]
pub(crate) struct TrackersArgs {
    #[command(flatten)]
    pub(crate) one: OneArgs,
    /// Add this announce URL; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) add: Vec<String>,
    /// Remove this announce URL, as listed; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) remove: Vec<String>,
    /// Replace an announce URL, as listed, by another; may be repeated
    #[arg(long, value_names = ["OLD", "NEW"], num_args = 2)]
    pub(crate) replace: Vec<String>,
    /// Show whole announce URLs, with the passkeys in them
    #[arg(long)]
    pub(crate) secrets: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WebSeedsArgs {
    #[command(flatten)]
    pub(crate) one: OneArgs,
    /// Add this URL: a file, or a folder with a slash at the end; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) add: Vec<String>,
    /// The URLs to add are scripts that return pieces (BEP 17)
    #[arg(long, requires = "add")]
    pub(crate) scripts: bool,
    /// Remove this URL, as listed; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) remove: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    #[command(flatten)]
    pub(crate) torrents: TorrentArgs,
    /// Start them whatever the queue and the schedule say
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RecheckArgs {
    #[command(flatten)]
    pub(crate) torrents: TorrentArgs,
    /// Wait until the checks are done
    #[arg(short, long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    #[command(flatten)]
    pub(crate) torrents: TorrentArgs,
    /// Delete the data as well, except files that are not known to be the torrent's
    #[arg(long, conflicts_with = "trash")]
    pub(crate) delete: bool,
    /// Move the data to the trash folder of the settings
    #[arg(long)]
    pub(crate) trash: bool,
}

#[derive(Debug, Args)]
#[command(override_usage = "ztor move [OPTIONS] TORRENT... DIR")]
pub(crate) struct MoveArgs {
    /// Torrents, and then the folder
    #[arg(required = true, num_args = 2.., value_names = ["TORRENT", "DIR"], add = complete::torrents())]
    pub(crate) torrents_and_dir: Vec<String>,
    /// Wait until all files are there
    #[arg(short, long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Debug, Args)]
pub(crate) struct RenameArgs {
    /// Name, hash or id:N of the torrent
    #[arg(value_name = "TORRENT", add = complete::torrents())]
    pub(crate) torrent: String,
    /// New name in lists; empty for the one in the torrent. With --path the new path
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Rename this file or folder, a path below the download folder, on disk
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Option<String>,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Debug, Args)]
pub(crate) struct LimitArgs {
    #[command(flatten)]
    pub(crate) torrents: TorrentArgs,
    /// Limit of the download rate: 5MiB/s, 500k, unlimited
    #[arg(long, value_name = "RATE", value_parser = parse_limit)]
    pub(crate) down: Option<Limit>,
    /// Limit of the upload rate: 5MiB/s, 500k, unlimited
    #[arg(long, value_name = "RATE", value_parser = parse_limit)]
    pub(crate) up: Option<Limit>,
}

#[derive(Debug, Args)]
pub(crate) struct GoalArgs {
    #[command(flatten)]
    pub(crate) torrents: TorrentArgs,
    /// Ratio of uploaded to downloaded data: a number, unlimited, or inherit
    #[arg(long, value_name = "RATIO")]
    pub(crate) ratio: Option<String>,
    /// Time of seeding: 30m, 2d, unlimited, or inherit
    #[arg(long, value_name = "TIME")]
    pub(crate) seeding: Option<String>,
    /// Time without upload: 30m, 2d, unlimited, or inherit
    #[arg(long, value_name = "TIME")]
    pub(crate) idle: Option<String>,
    /// Action at the first goal that is reached
    #[arg(long, value_name = "ACTION", value_enum)]
    pub(crate) action: Option<GoalAction>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GoalAction {
    Stop,
    Remove,
    RemoveWithData,
    Inherit,
}

#[derive(Debug, Args)]
pub(crate) struct SequentialArgs {
    #[command(flatten)]
    pub(crate) torrents: TorrentArgs,
    /// Download the rare pieces first again
    #[arg(long)]
    pub(crate) off: bool,
    /// Change the order of the ends of files instead: first, or like other pieces
    #[arg(long)]
    pub(crate) ends: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SuperSeedArgs {
    #[command(flatten)]
    pub(crate) torrents: TorrentArgs,
    /// Show all pieces again
    #[arg(long)]
    pub(crate) off: bool,
}

#[derive(Debug, Args)]
pub(crate) struct QueueArgs {
    /// Target in the queue
    #[arg(value_enum)]
    pub(crate) to: QueueTarget,
    /// Torrents: names, globs, hashes, tags, ...
    #[arg(required = true, value_name = "TORRENT", add = complete::torrents())]
    pub(crate) torrents: Vec<String>,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueueTarget {
    Top,
    Up,
    Down,
    Bottom,
}

#[derive(Debug, Args)]
pub(crate) struct CategoryArgs {
    #[command(subcommand)]
    pub(crate) command: Option<CategoryCommand>,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CategoryCommand {
    /// List the categories
    List,
    /// Create a category with the parents that are missing, or change one
    Add {
        /// Path, such as linux/debian
        path: String,
        /// Folder of its torrents [default: its name in the folder of its parent]
        #[arg(long, value_name = "DIR")]
        save_path: Option<PathBuf>,
        /// Limit of the download rate of all its torrents together
        #[arg(long, value_name = "RATE", value_parser = parse_limit)]
        limit_down: Option<Limit>,
        /// Limit of the upload rate of all its torrents together
        #[arg(long, value_name = "RATE", value_parser = parse_limit)]
        limit_up: Option<Limit>,
        /// Ratio at which its torrents are done
        #[arg(long, value_name = "RATIO")]
        ratio: Option<String>,
    },
    /// Move a category to another path, with all below it
    Rename {
        /// Present path
        from: String,
        /// New path
        to: String,
    },
    /// Remove a category with all below it; the torrents stay
    Remove {
        /// Path
        path: String,
    },
    /// Put torrents into a category
    Set {
        /// Path of an existing category; empty for none
        path: String,
        /// Torrents: names, globs, hashes, tags, ...
        #[arg(required = true, value_name = "TORRENT", add = complete::torrents())]
        torrents: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TagArgs {
    #[command(subcommand)]
    pub(crate) command: Option<TagCommand>,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TagCommand {
    /// List the tags
    List,
    /// Tag torrents; without torrents, only create the tags
    Add {
        /// Tags, separated by commas
        #[arg(value_name = "TAG,...")]
        tags: String,
        /// Torrents: names, globs, hashes, tags, ...
        #[arg(value_name = "TORRENT", add = complete::torrents())]
        torrents: Vec<String>,
    },
    /// Take tags from torrents
    Take {
        /// Tags, separated by commas
        #[arg(value_name = "TAG,...")]
        tags: String,
        /// Torrents: names, globs, hashes, tags, ...
        #[arg(required = true, value_name = "TORRENT", add = complete::torrents())]
        torrents: Vec<String>,
    },
    /// Rename a tag at all torrents
    Rename {
        /// Present name
        from: String,
        /// New name
        to: String,
    },
    /// Remove a tag from the list and from all torrents
    Remove {
        /// Name
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(subcommand)]
    pub(crate) command: Option<WatchCommand>,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WatchCommand {
    /// List the watched folders
    List,
    /// Watch a folder, or change how it is watched
    Add(WatchAddArgs),
    /// Do not watch a folder any more; its files and torrents stay
    Remove {
        /// Folder
        dir: PathBuf,
    },
    /// Look for new files in all folders now
    Scan,
}

#[derive(Debug, Args)]
pub(crate) struct WatchAddArgs {
    /// Folder with torrent files, and files with magnet links (.magnet)
    pub(crate) dir: PathBuf,
    /// Watch the folders in it too
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Category of its torrents, created if it does not exist
    #[arg(short, long, value_name = "PATH", add = complete::categories())]
    pub(crate) category: Option<String>,
    /// Take the names of sub-folders as categories, below --category if that is given
    #[arg(long, requires = "recursive")]
    pub(crate) subfolder_as_category: bool,
    /// Tags, separated by commas; may be repeated
    #[arg(short, long, value_name = "TAG", value_delimiter = ',', add = complete::tags())]
    pub(crate) tag: Vec<String>,
    /// Folder for the data [default: that of the category, or download_dir of the settings]
    #[arg(long, value_name = "DIR")]
    pub(crate) save_path: Option<PathBuf>,
    /// Leave its torrents stopped
    #[arg(long)]
    pub(crate) paused: bool,
    /// Start its torrents although the settings say otherwise
    #[arg(long, conflicts_with = "paused")]
    pub(crate) start: bool,
    /// Treatment of loaded files: rename them to NAME.added, delete them, or keep and remember them
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Loaded::Rename)]
    pub(crate) loaded: Loaded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Loaded {
    Rename,
    Delete,
    Keep,
}

#[derive(Debug, Args)]
pub(crate) struct BanArgs {
    /// Addresses, networks (192.0.2.0/24) or ranges (192.0.2.1-192.0.2.9)
    #[arg(required = true, value_name = "ADDR")]
    pub(crate) addresses: Vec<String>,
    /// Time of the ban: 90s, 30m, 12h, 7d [default: no end]
    #[arg(short, long, value_name = "D", value_parser = parse_duration)]
    pub(crate) time: Option<std::time::Duration>,
    /// Reason, for the list of bans
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Debug, Args)]
pub(crate) struct UnbanArgs {
    /// Addresses, networks or ranges, as listed by `ztor bans`
    #[arg(required = true, value_name = "ADDR")]
    pub(crate) addresses: Vec<String>,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Debug, Args)]
pub(crate) struct IpFilterArgs {
    /// Read the list again, and wait until that is done
    #[arg(long)]
    pub(crate) refresh: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// Only lines of this level and more severe ones
    #[arg(long, value_name = "LEVEL", default_value = "trace", hide_default_value = true)]
    pub(crate) level: String,
    /// Only lines about this torrent
    #[arg(long, value_name = "TORRENT", add = complete::torrents())]
    pub(crate) torrent: Option<String>,
    /// Show the last N lines
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub(crate) lines: usize,
    /// Show new lines as they come, until stopped
    #[arg(short, long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Debug, Args)]
pub(crate) struct SettingsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SettingsCommand>,
    #[command(flatten)]
    pub(crate) daemon: DaemonAddress,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SettingsCommand {
    /// List all settings with their values
    List {
        /// Only settings whose name or help contains this
        search: Option<String>,
    },
    /// Show one setting with its help
    Get {
        /// Name, such as max_downloads
        #[arg(add = complete::settings())]
        key: String,
    },
    /// Change a setting
    Set {
        /// Name, such as max_downloads
        #[arg(add = complete::settings())]
        key: String,
        /// Value, as in the configuration file; several for a list
        #[arg(required = true, allow_hyphen_values = true)]
        value: Vec<String>,
    },
    /// Take back the change of a setting
    Reset {
        /// Name, such as max_downloads
        #[arg(add = complete::settings())]
        key: String,
    },
}
