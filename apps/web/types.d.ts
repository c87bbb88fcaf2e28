/** Types of the native API. Generated from the crate ztor-api by the test `types_of_the_web_ui_are_those_of_the_api`. */
/** The user who may log in. */
export type Account = {
  /** True if a password is set. Without one, nobody can log in with a password. */
  has_password: boolean;
  /** True if the password is from the setting `password_file`, so that it cannot be changed here. */
  is_from_file: boolean;
  /** User name. */
  username: string;
};
/** New user name and password. */
export type AccountChange = {
  /** Present password. Over the local socket and without a present password it is not needed. */
  current_password?: string | null;
  /** New password, 8 to 1024 bytes. */
  password: string;
  /** User name; `null` for the present one. */
  username?: string | null;
};
/** An action on torrents. */
export type Action = {
  /** True to start them whatever the queue and the schedule say. */
  force?: boolean;
  kind: 'start';
} | {
  kind: 'stop';
} | {
  kind: 'recheck';
} | {
  kind: 'reannounce';
} | {
  /** Treatment of their data. */
  data?: DataChoice;
  kind: 'remove';
} | {
  /** The folder, an absolute path. */
  dir: string;
  kind: 'move';
} | {
  /** Path below the download folder, as it is now. */
  from: string;
  kind: 'rename_path';
  /** New path below the download folder. */
  to: string;
} | {
  kind: 'rename';
  /** New name; the empty string is the name of the torrent file. */
  name: string;
} | {
  /** Limit of incoming piece data. */
  down_per_s?: number | null;
  kind: 'set_limits';
  /** Limit of outgoing piece data. */
  up_per_s?: number | null;
} | {
  action?: GoalAction | null;
  /** Time without upload in seconds. */
  idle_s?: Goal;
  kind: 'set_goals';
  /** Ratio of sent to received bytes, from 0 to 4,000,000. */
  ratio?: Goal;
  /** Time of seeding in seconds. */
  seeding_s?: Goal;
} | {
  /** Path of an existing category; `null` for none. */
  category?: string | null;
  kind: 'set_category';
} | {
  kind: 'add_tags';
  /** Tags. */
  tags: string[];
} | {
  kind: 'remove_tags';
  /** Tags. */
  tags: string[];
} | {
  kind: 'queue';
  /** Target. */
  to: QueueMove;
} | {
  kind: 'set_sequential';
  /** True for the order of the data. */
  on: boolean;
} | {
  kind: 'set_ends_first';
  /** True for the ends first. */
  on: boolean;
} | {
  kind: 'set_super_seeding';
  /** True to hide pieces. */
  on: boolean;
} | {
  kind: 'check_update';
} | {
  /** Files with their priorities. */
  files: FileChoice[];
  kind: 'set_file_priorities';
} | {
  /** Announce URLs to add, each as a tier of its own at the end. */
  add?: string[];
  kind: 'edit_trackers';
  /** Announce URLs to remove. */
  remove?: string[];
  /** Announce URLs to replace, by the new ones. */
  replace?: Record<string, string>;
  /** Announce URLs in place of all present ones, tier by tier; `null` leaves them. */
  set?: string[][] | null;
} | {
  /** URLs to add. A URL of a folder ends with a slash. Unlike those in a torrent, they may be on the daemon's
   * machine. */
  add?: string[];
  kind: 'edit_web_seeds';
  /** URLs to remove, as listed. */
  remove?: string[];
  /** True if the URLs to add are scripts that return pieces (BEP 17), and not places of files (BEP 19). */
  scripts?: boolean;
} | {
  kind: 'add_peers';
  /** Addresses, `IP:PORT`. */
  peers: string[];
} | {
  kind: 'retry';
};
/** Request of an action on torrents. */
export type ActionRequest = {
  /** Action. */
  action: Action;
  /** Terms that select torrents; one that matches is enough. An exact name; a name with `*`, `?` or `[...]` as a
   * glob; an info-hash or its first characters, at least six; or a term with a prefix: `id:`, `name:`, `hash:`,
   * `category:` (with those below it), `tag:`, `state:`; or `all`. A term that matches nothing is an error, and so
   * is a hash prefix that matches several. */
  torrents: string[];
};
/** Answer to an `ActionRequest`. */
export type ActionResult = {
  /** Ids of the torrents for which it is done. */
  done: number[];
  /** Torrents for which it failed. */
  failed: Failed[];
  /** Ids of the torrents for which it goes on in the background, such as a move to another disk. */
  under_way: number[];
};
/** Options of torrents that are added. `null` takes what the category or the settings say. */
export type AddOptions = {
  /** Path of a category, which need not exist. */
  category?: string | null;
  /** Download folder, an absolute path. */
  dir?: string | null;
  /** True to fetch the ends of files first. */
  ends_first?: boolean | null;
  /** Files whose priority is not normal. */
  files?: FileChoice[];
  /** Goals of each torrent. */
  goals?: Goals;
  /** Folder of the files until they are complete, an absolute path; the empty string is none. */
  incomplete_dir?: string | null;
  layout?: Layout | null;
  /** Rate limits of each torrent. */
  limits?: Limits;
  /** Name in lists; for one torrent only. */
  name?: string | null;
  /** True to replace existing files that are not the torrent's. */
  overwrite?: boolean;
  /** True to leave the torrents stopped. */
  paused?: boolean | null;
  /** Addresses of peers, `IP:PORT`. */
  peers?: string[];
  /** True to fetch the pieces in order. */
  sequential?: boolean | null;
  stop_after?: StopAfter | null;
  /** True to hide pieces from peers while the daemon is the only seed (super-seeding, BEP 16). */
  super_seeding?: boolean | null;
  /** Tags, which need not exist. */
  tags?: string[];
  /** True to put the torrents at the top of the queue. */
  to_top?: boolean | null;
  /** Announce URLs in addition to those of the torrent. */
  trackers?: string[];
  /** URLs of web seeds in addition to those of the torrent (BEP 19). They may be on the daemon's machine. */
  web_seeds?: string[];
};
/** Request to add torrents. */
export type AddRequest = {
  /** Options of all of them. */
  options?: AddOptions;
  /** Torrents. */
  sources: AddSource[];
};
/** Answer to an `AddRequest`: one entry for each source, in order. */
export type AddResult = {
  /** Results. */
  results: Added[];
};
/** A torrent to add. */
export type AddSource = {
  /** Content of a torrent file, in base64. */
  torrent: string;
} | {
  /** Magnet link, or info-hash in hexadecimal or base32. */
  magnet: string;
} | {
  /** HTTP or HTTPS URL of a torrent file, which the daemon fetches. */
  url: string;
};
/** Result of adding one torrent. */
export type Added = {
  /** Its info-hash. */
  hash: string;
  /** Its id. */
  id: number;
  /** Its name. */
  name: string;
  result: 'added';
} | {
  /** Its info-hash. */
  hash: string;
  /** Its id. */
  id: number;
  /** Its name. */
  name: string;
  result: 'duplicate';
} | {
  /** Reason. */
  problem: Problem;
  result: 'failed';
};
/** A ban of addresses. */
export type Ban = {
  /** Time of the ban; `null` for automatic ones. */
  added_unix_s: number | null;
  /** Banned address, network (`192.0.2.0/24`) or range (`192.0.2.1-192.0.2.9`). */
  address: string;
  /** Client of the only peer at the address that is banned; `null` if all are. */
  client: string | null;
  /** End of the ban; `null` if it has none. */
  ends_unix_s: number | null;
  /** Origin of the ban. */
  kind: BanKind;
  /** Reason in plain words; for a ban by the user it may be empty. */
  reason: string;
};
/** Origin of a ban. */
export type BanKind = 'user' | 'automatic';
/** Addresses to ban. */
export type BanRequest = {
  /** Addresses, networks and ranges, 1,000 at most. Those that are banned already get the new end and reason. */
  addresses: string[];
  /** Reason, for the list of bans, 200 characters at most. */
  reason?: string;
  /** Time of the ban in seconds; `null` for no end. */
  time_s?: number | null;
};
/** A category. */
export type Category = {
  /** Folder of its torrents in effect: its own, or by its name in that of its parent; `null` if the settings decide. */
  effective_save_path: string | null;
  /** Goals of torrents without goals of their own. */
  goals: Goals;
  /** Limits of all its torrents together, and of those of the categories below it. */
  limits: Limits;
  /** Path, such as `linux/debian`. */
  path: string;
  /** Folder of its torrents that was set for it; `null` if none was. */
  save_path: string | null;
  /** Number of its torrents, without those of the categories below it. */
  torrents: number;
};
/** Settings of a category that is created or changed. */
export type CategoryEdit = {
  /** Goals of torrents without goals of their own. */
  goals?: Goals;
  /** Limits of all its torrents together. */
  limits?: Limits;
  /** Folder of its torrents, an absolute path; `null` for the one in that of the parent. */
  save_path?: string | null;
};
/** New path of a category. */
export type CategoryRename = {
  /** Present path. */
  from: string;
  /** New path. */
  to: string;
};
/** Way in which peers are connected. */
export type Connectivity = 'incoming' | 'outgoing' | 'none' | 'unknown';
/** Numbers of torrents, for filters. */
export type Counts = {
  /** Torrents that transfer data. */
  active: number;
  /** All torrents. */
  all: number;
  /** By category; the empty string is no category. */
  categories: Record<string, number>;
  /** Torrents with all wanted data. */
  complete: number;
  /** By download folder. */
  dirs: Record<string, number>;
  /** By state. */
  states: Record<string, number>;
  /** By tag; the empty string is no tag. */
  tags: Record<string, number>;
  /** Torrents of which no tracker works. */
  tracker_errors: number;
  /** By host of the tracker; the empty string is no tracker. */
  trackers: Record<string, number>;
};
/** A torrent that is being created, or was created since the daemon started. */
export type Creation = {
  /** Bytes that were hashed. */
  done_bytes: number;
  /** Info-hash; `null` before the end. */
  hash: string | null;
  /** Its number. */
  id: number;
  /** Magnet link; `null` before the end. */
  magnet: string | null;
  /** Name of the torrent; `null` before the end. */
  name: string | null;
  /** Path of the file or folder. */
  path: string;
  problem: Problem | null;
  /** State. */
  state: CreationState;
  /** Id of the torrent that was added; `null` if none was. */
  torrent: number | null;
  /** Bytes to hash; 0 while unknown. */
  total_bytes: number;
  /** Files that were left out, and why. */
  warnings: string[];
};
/** Format of a new torrent. */
export type CreationFormat = 'hybrid' | 'v1' | 'v2';
/** Request to create a torrent. */
export type CreationRequest = {
  /** True to add the torrent and seed its files where they are. */
  add?: boolean;
  /** Category of the torrent that is added; `null` for none. */
  category?: string | null;
  /** Comment; the empty string is none. */
  comment?: string;
  /** Format. */
  format?: CreationFormat;
  /** Globs of files to leave out. */
  ignore?: string[];
  /** True to take hidden files too. */
  include_hidden?: boolean;
  /** True for a private torrent (BEP 27). */
  is_private?: boolean;
  /** Absolute path of a file or folder. */
  path?: string;
  /** Length of a piece in bytes, a power of two from 16 KiB; `null` chooses one by the size. */
  piece_bytes?: number | null;
  /** Name of the site it is for, which makes a torrent of its own of the same files; the empty string is none. */
  source?: string;
  /** Announce URLs, tier by tier. */
  trackers?: string[][];
  /** URLs of web seeds. */
  web_seeds?: string[];
};
/** State of a `Creation`. */
export type CreationState = 'waiting' | 'hashing' | 'done' | 'failed' | 'unknown';
/** Description of the daemon. */
export type Daemon = {
  /** Addresses of the API over TCP. */
  api_addrs: string[];
  /** Name of the program. */
  name: string;
  /** Address on which peers are accepted. */
  peer_addr: string;
  /** Process id. */
  pid: number;
  /** State folder. */
  state_dir: string;
  /** Version of the program. */
  version: string;
  /** URL of the web UI; `null` if only the local socket is served. */
  web_url: string | null;
};
/** Treatment of the data of a removed torrent. */
export type DataChoice = 'keep' | 'delete' | 'trash';
/** A torrent in detail. */
export type Detail = {
  /** Time for which it was active in all sessions. */
  active_s: number;
  /** Time at which it was added. */
  added_unix_s: number;
  /** Category; `null` if it has none. */
  category: string | null;
  /** Comment in the torrent file. */
  comment: string | null;
  /** Program that has created the torrent file. */
  created_by: string | null;
  /** Time at which the torrent file was created. */
  created_unix_s: number | null;
  /** Download folder, which contains the file or the folder of the torrent. */
  dir: string;
  /** Rate of incoming piece data. */
  down_per_s: number;
  /** Bytes received in all sessions. */
  downloaded_bytes: number;
  /** Time until the download is complete at the present rate; `null` if it does not download. */
  eta_s: number | null;
  fault: Fault | null;
  /** Number of files without pads; `null` while the metadata is unknown. */
  files: number | null;
  /** Time at which the last wanted piece was durable; `null` before that. */
  finished_unix_s: number | null;
  /** Goals of the torrent alone. */
  goals: Goals;
  /** Info-hash in hexadecimal: that of v1, or that of v2 if the torrent has no other. */
  hash: string;
  /** Info-hash of v2 (BEP 52) in hexadecimal; `null` if it has none. */
  hash_v2: string | null;
  /** Number of pieces that are present. */
  have_pieces: number;
  /** Number of the torrent in its daemon. It remains over restarts and is not used again. */
  id: number;
  /** True if the ends of files are fetched first. */
  is_ends_first: boolean;
  /** True if the user forced its start, so that it runs whatever the queue and the schedule say. */
  is_forced: boolean;
  /** True if it is private (BEP 27); `null` while the metadata is unknown. */
  is_private: boolean | null;
  /** True if the pieces are fetched in order. */
  is_sequential: boolean;
  /** True if pieces are hidden from peers while the daemon is the only seed (super-seeding, BEP 16). */
  is_super_seeding: boolean;
  /** True if a new version was added, which is followed in its place. */
  is_updated: boolean;
  /** Number of known addresses of peers. */
  known_peers: number;
  /** Size of the wanted pieces that are missing, in bytes. */
  left_bytes: number;
  /** Rate limits of the torrent alone. */
  limits: Limits;
  /** Magnet link. */
  magnet: string;
  moving: Moving | null;
  /** Name, unfiltered: it may contain control characters. */
  name: string;
  /** Number of connected peers. */
  peers: number;
  /** Length of a piece in bytes; `null` while the metadata is unknown. */
  piece_bytes: number | null;
  /** Number of pieces; `null` while the metadata is unknown. */
  pieces: number | null;
  /** Part of the wanted data that is present, from 0 to 1; 1 only if no wanted piece is missing. During a check, the
   * part that was checked. */
  progress: number;
  publisher: Publisher | null;
  /** Position in the download queue, from 1; `null` if it is not in the queue. */
  queue_position: number | null;
  /** Sent bytes divided by received bytes, or by the wanted size if hardly anything was received; `null` without
   * either. */
  ratio: number | null;
  /** Revision of the daemon's state at the last change of this row. */
  revision: number;
  /** The part of that without a missing wanted piece. */
  seeding_s: number;
  /** Number of those with all data. */
  seeds: number;
  /** Signatures of the torrent file (BEP 35). */
  signatures: Signature[];
  /** Size of the wanted pieces in bytes; 0 while the metadata is unknown. */
  size_bytes: number;
  /** State. */
  state: State;
  /** Number of other peers in the swarm, as the trackers count; `null` if unknown. */
  swarm_leechers: number | null;
  /** Number of seeds in the swarm, as the trackers count; `null` if unknown. */
  swarm_seeds: number | null;
  /** Tags, sorted. */
  tags: string[];
  /** Size of all files in bytes; 0 while the metadata is unknown. */
  total_bytes: number;
  /** Host of the tracker that answered last, or of the first one; `null` without trackers. */
  tracker: string | null;
  /** Failure of the trackers in plain words, if none of them works; `null` otherwise. */
  tracker_error: string | null;
  /** Rate of outgoing piece data. */
  up_per_s: number;
  /** Address of the feed of new versions (BEP 39), without secrets; `null` if the torrent names none. */
  update_url: string | null;
  /** Bytes sent in all sessions. */
  uploaded_bytes: number;
  /** Bytes received in vain in this session. */
  wasted_bytes: number;
};
/** Answer to a request without a result. */
export type Done = Record<string, never>;
/** A link to a file, for which no credentials are needed. It ends early if the password changes or the daemon
 * restarts; a transfer under way goes on. */
export type DownloadLink = {
  /** Time at which it ends. */
  expires_unix_s: number;
  /** Path and query, to be put after the address of the daemon. */
  path: string;
};
/** Request of a link to a file. */
export type DownloadLinkRequest = {
  /** Time for which the link is valid, in seconds; at most a week. */
  valid_s?: number;
};
/** A torrent for which an action failed. */
export type Failed = {
  /** Id of the torrent. */
  id: number;
  /** Reason. */
  problem: Problem;
};
/** Reason why a torrent is in the state `State::Error`. */
export type Fault = {
  /** Kind, for programs. */
  kind: FaultKind;
  /** The reason in plain words, with the next step. */
  message: string;
};
/** Kind of a `Fault`. */
export type FaultKind = 'full' | 'missing' | 'permission' | 'changed' | 'in_the_way' | 'io' | 'metadata' | 'load' | 'unknown';
/** A file of a torrent. Pads are left out. */
export type File = {
  /** Bytes of the file in pieces that are present. */
  have_bytes: number;
  /** Index in the torrent, pads included. */
  index: number;
  /** Path below the download folder, as it is now. */
  path: string;
  /** Priority. */
  priority: FilePriority;
  /** Length in bytes. */
  size_bytes: number;
};
/** Priority of one file, in requests. */
export type FileChoice = {
  /** Index in the torrent, pads included. */
  index: number;
  /** Priority. */
  priority: FilePriority;
};
/** Priority of a file. */
export type FilePriority = 'skip' | 'low' | 'normal' | 'high';
/** Number of times that the IP filter or a ban by the user has had an effect. */
export type FilterHits = {
  /** Connections that were closed as the filter or the bans had changed. */
  closed: number;
  /** Datagrams of the DHT and of trackers that were dropped. */
  datagrams: number;
  /** Incoming connections that were refused. */
  incoming: number;
  /** Addresses that were not dialed. */
  outgoing: number;
};
/** A folder on the machine of the daemon. */
export type Folder = {
  /** Its path. */
  dir: string;
  /** Names of the folders in it, sorted; at most 10,000. Hidden ones are left out. */
  folders: string[];
  /** Free space of its disk; `null` if unknown. */
  free_bytes: number | null;
  /** True if the daemon may write to it. */
  is_writable: boolean;
  /** Path of the folder that contains it; `null` for the root. */
  parent: string | null;
  /** Size of its disk; `null` if unknown. */
  total_bytes: number | null;
};
/** A goal of a torrent or category. */
export type Goal = 'inherit' | 'unlimited' | {
  /** The goal is reached at this value. */
  at: number;
};
/** Action at the first goal that is reached. */
export type GoalAction = 'stop' | 'remove' | 'remove_with_data';
/** Goals of a torrent or category. */
export type Goals = {
  action?: GoalAction | null;
  /** Time without upload in seconds. */
  idle_s?: Goal;
  /** Ratio of sent to received bytes, from 0 to 4,000,000. */
  ratio?: Goal;
  /** Time of seeding in seconds. */
  seeding_s?: Goal;
};
/** Health of the daemon. */
export type Health = {
  status: string;
};
/** Rates over a span of time. Samples have equal distances. */
export type History = {
  /** Mean rates of incoming piece data in bytes per second; `null` while the daemon did not run. */
  down: (number | null)[];
  /** Time of the last sample in milliseconds since 1970. */
  end_unix_ms: number;
  /** Distance of two samples in milliseconds. */
  step_ms: number;
  /** The same of outgoing data. */
  up: (number | null)[];
};
/** State of the IP filter. */
export type IpFilter = {
  /** Number of lines that cannot be read. */
  bad_lines: number;
  /** Time of the last attempt that succeeded, also if the list had not changed; `null` before the first. */
  checked_unix_s: number | null;
  /** Number of entries of the list. */
  entries: number;
  /** Failure of the last attempt to read the list, in plain words; `null` if there was none. The list before stays
   * in force. */
  error: string | null;
  /** The first of these lines, with their numbers. */
  first_bad_lines: string[];
  /** Memory of the ranges. */
  held_bytes: number;
  /** Effects of the filter and of the bans by the user since the start of the daemon. */
  hits: FilterHits;
  /** True while the list is being read. */
  is_loading: boolean;
  /** Time of the list in force; `null` if there is none. */
  loaded_unix_s: number | null;
  /** Time of the next attempt; `null` if none is planned. */
  next_unix_s: number | null;
  /** Number of ranges in force, which do not overlap. */
  ranges: number;
  /** File or URL of the list, without credentials; `null` if there is none. */
  source: string | null;
};
/** A torrent that the daemon has. */
export type Known = {
  /** Its id. */
  id: number;
  /** Its name. */
  name: string;
};
/** Folder layout of a torrent. */
export type Layout = 'original' | 'subfolder' | 'no_subfolder';
/** Rate limits in bytes per second; `null` is no limit, and 0 stops the transfer. */
export type Limits = {
  /** Limit of incoming piece data. */
  down_per_s?: number | null;
  /** Limit of outgoing piece data. */
  up_per_s?: number | null;
};
/** Choice of the limits of the whole. */
export type LimitsChange = {
  /** `on` for the alternative limits, `off` for the normal ones, `schedule` for what the schedule says. */
  limits: LimitsChoice;
};
/** The limits of the whole in force. */
export type LimitsChoice = 'on' | 'off' | 'schedule';
/** Answer to a `ListQuery`. */
export type List = {
  counts: Counts | null;
  /** Ids of the window, in order; `null` unless requested. `torrents` is empty then. */
  ids: number[] | null;
  /** Torrents that were removed since `since`; `null` without `since`. If it is `null` although `since` was given,
   * the revision is too old, and the answer has all torrents. */
  removed: Removed[] | null;
  /** Revision of the daemon's state in this answer. */
  revision: number;
  /** Torrents of the window, in order. */
  torrents: Torrent[];
  /** Number of torrents that match, in and outside of the window. */
  total: number;
};
/** Query of a list. Conditions on different fields must all hold, unless `any` is set; of several values of one
 * field, one must. */
export type ListQuery = {
  /** True for torrents with all of the tags, rather than one of them. */
  all_tags?: boolean;
  /** True if one of the conditions on state, category, tag, tracker and folder is enough. The search must match
   * always. */
  any?: boolean;
  /** Categories, with those below them; the empty string is no category. */
  category?: string[];
  /** True to count the torrents of each state, category, tag and tracker. */
  counts?: boolean;
  /** Download folders, as the torrents have them. */
  dir?: string[];
  /** True for the ids of the torrents instead of the torrents. */
  ids_only?: boolean;
  /** True if `search` is a regular expression. It ignores case unless it has a capital letter. */
  is_regex?: boolean;
  /** Maximum number of torrents; `null` for all. */
  limit?: number | null;
  /** Number of torrents to skip. */
  offset?: number;
  /** Words that the name contains, in any order and case. */
  search?: string | null;
  /** Selection by terms, of which one must match; see `ActionRequest::torrents`. Empty selects all. */
  select?: string[];
  /** Leaves out torrents that have not changed since this revision. The answer then lists what was removed. */
  since?: number | null;
  /** Sort order; later keys count where earlier ones are equal. By id at the end. */
  sort?: Sort[];
  /** States by name, and groups of torrents: `active`, which transfer data, and `inactive`; `complete`, with all
   * wanted data, and `incomplete`; `tracker_error`, of which no tracker works. */
  state?: string[];
  /** Tags; the empty string is no tag. */
  tag?: string[];
  /** Hosts of trackers; the empty string is no tracker. */
  tracker?: string[];
};
/** Message of a front end. */
export type LiveRequest = {
  /** Number of the request, which its answer and the updates after it repeat. */
  id?: number | null;
  kind: 'follow';
  /** Query. `since` has no effect: the answer has the whole window. */
  query: ListQuery;
  /** True to follow the statistics too. */
  statistics?: boolean;
};
/** Message of the daemon. Nothing is sent while nothing changes. */
export type LiveUpdate = {
  /** Number of the request that the list belongs to. */
  id: number | null;
  /** True if `list` is all of the window, not a change. */
  is_whole: boolean;
  kind: 'list';
  /** The list, with the changed torrents only if `is_whole` is false. `counts` is `null` if they are as before. */
  list: List;
  /** Ids of the window in order; `null` if they are as before. */
  order: number[] | null;
} | {
  kind: 'statistics';
  /** The statistics. */
  statistics: Statistics;
} | {
  /** Failure, its reason and the next step, in plain words. */
  detail: string;
  /** Number of the request; `null` if there was none or it cannot be read. */
  id: number | null;
  kind: 'problem';
  /** Status of the HTTP answer. */
  status: number;
  /** Kind, for programs. */
  type: ProblemKind;
};
/** A line of the daemon's log. */
export type LogLine = {
  /** Level: `error`, `warn`, `info`, `debug` or `trace`. */
  level: string;
  /** Message with its fields, unfiltered: names in it may contain control characters. */
  message: string;
  /** Number of the line since the start of the daemon, from 1. */
  number: number;
  /** Part of the program. */
  target: string;
  /** Id of the torrent that it is about; `null` for other lines. */
  torrent: number | null;
  /** Time in milliseconds since 1970. */
  unix_ms: number;
};
/** Credentials that begin a session. */
export type Login = {
  /** Password. */
  password: string;
  /** User name. */
  username: string;
} | {
  /** The code. */
  code: string;
};
/** Kind of credentials. */
export type LoginKind = 'socket' | 'session' | 'token' | 'password' | 'unknown';
/** A code that begins one session without a password. */
export type LoginLink = {
  /** The code, which works once. */
  code: string;
  /** Time until the code expires, in seconds. */
  valid_s: number;
};
/** The credentials that a request has. */
export type LoginState = {
  /** Kind of the credentials. */
  by: LoginKind;
  /** Name of the token; `null` for other kinds. */
  token: string | null;
  /** User name; `null` for tokens and the local socket. */
  username: string | null;
};
/** A mapped port. */
export type MappedPort = {
  /** Time to the end of the mapping, unless it is renewed; `null` if the router keeps it until it is removed. */
  expires_s: number | null;
  /** Port of the router. */
  external_port: number;
  /** Port of this machine. */
  port: number;
  /** `TCP` or `UDP`. */
  transport: string;
};
/** A protocol, or a transport, that did not work. */
export type MappingFailure = {
  /** Name of the protocol or the transport. */
  name: string;
  /** Reason in plain words. */
  reason: string;
};
/** Progress of a move of files. */
export type Moving = {
  /** Number of bytes copied so far. */
  done_bytes: number;
  /** Number of all bytes; 0 while unknown, and if nothing has to be copied. */
  total_bytes: number;
};
/** Answer to a `CreationRequest`. */
export type NewCreation = {
  /** Number of the creation. */
  id: number;
};
/** A new token with its secret, which is shown only once. */
export type NewToken = {
  /** Name. */
  name: string;
  /** The token, for `Authorization: Bearer`. */
  token: string;
};
/** A connected peer. */
export type Peer = {
  /** Remote address, `IP:PORT`. */
  addr: string;
  /** True if the peer chokes us. */
  chokes_us: boolean;
  /** Client name that the peer claims, unfiltered; `null` if it has sent none. */
  client: string | null;
  /** Time since the connection was opened. */
  connected_s: number;
  /** Rate of piece data from the peer. */
  down_per_s: number;
  /** Piece data from the peer over this connection. */
  downloaded_bytes: number;
  /** True if the stream is encrypted. */
  is_encrypted: boolean;
  /** True if the peer has opened the connection. */
  is_incoming: boolean;
  /** True if the peer is interested in our pieces. */
  is_interested: boolean;
  /** True if the peer has let requests wait for long. */
  is_snubbed: boolean;
  /** True if the peer wants nothing, whether it has the whole torrent or not (BEP 21). */
  is_upload_only: boolean;
  /** Part of the pieces that the peer has, from 0 to 1. */
  progress: number;
  /** Sources of its address: `user`, `tracker`, `local`, `incoming`, `dht`, `pex`, `hole_punch`. */
  sources: string[];
  /** Transport: `tcp` or `utp`. */
  transport: string;
  /** Rate of piece data to the peer. */
  up_per_s: number;
  /** Piece data to the peer over this connection. */
  uploaded_bytes: number;
  /** True if we are interested in its pieces. */
  we_are_interested: boolean;
  /** True if we choke the peer. */
  we_choke: boolean;
};
/** Pieces of a torrent. */
export type Pieces = {
  /** Number of connected peers with each piece, at most 255, one byte each, in base64. */
  availability: string;
  /** Number of pieces. */
  count: number;
  /** Pieces that are present, one bit each, the highest bit of the first byte first, in base64. */
  have: string;
  /** Indexes of the pieces in progress. */
  partial: number[];
};
/** State of the port mapping over one address family. */
export type PortMapping = {
  /** External address, as the router says; `null` if unknown. */
  external_address: string | null;
  /** Protocols that did not work in the last search. */
  failures: MappingFailure[];
  /** Address of the router; `null` if unknown. */
  gateway: string | null;
  /** Name of the router; `null` if it has told none. */
  gateway_name: string | null;
  /** True if the external address is one of a private network: another router is in between, and peers cannot reach
   * the daemon in spite of the mapping. */
  is_behind_another_nat: boolean;
  /** Address of this machine in the network of the router; `null` if there is nothing to map. */
  local_address: string | null;
  /** Mapped ports. */
  mappings: MappedPort[];
  /** State with its reasons in plain words. */
  message: string;
  /** Protocol of the mappings, such as `PCP`; `null` without any. */
  protocol: string | null;
  /** Time to the next attempt; `null` if none is planned. */
  retry_s: number | null;
  /** State. */
  state: PortMappingState;
};
/** State of a port mapping. */
export type PortMappingState = 'off' | 'searching' | 'mapped' | 'partial' | 'failed' | 'unknown';
/** Ports at which peers reach the daemon. */
export type Ports = {
  /** Port that trackers and peers beyond the local network hear of, over IPv4. */
  announced_port: number;
  /** Mapping over IPv4. */
  ipv4: PortMapping;
  /** Pinholes in the firewall over IPv6. */
  ipv6: PortMapping;
  /** Port that is listened on. */
  listen_port: number;
};
/** Content of a torrent that was not added. */
export type Preview = {
  /** Comment. */
  comment: string | null;
  /** Program that has created the torrent file. */
  created_by: string | null;
  /** Time at which the torrent file was created. */
  created_unix_s: number | null;
  duplicate: Known | null;
  /** Files without pads. */
  files: PreviewFile[];
  /** Info-hash in hexadecimal: that of v1, or that of v2 if the torrent has no other. */
  hash: string;
  /** Info-hash of v2 in hexadecimal; `null` if it has none. */
  hash_v2: string | null;
  /** True if it is private (BEP 27). */
  is_private: boolean;
  /** Name, unfiltered. */
  name: string;
  /** Length of a piece in bytes. */
  piece_bytes: number;
  /** Number of pieces. */
  pieces: number;
  /** Size of all files in bytes. */
  total_bytes: number;
  /** Announce URLs without passkeys. */
  trackers: string[];
};
/** A file of a `Preview`. */
export type PreviewFile = {
  /** Index in the torrent, pads included. */
  index: number;
  /** Path below the download folder. */
  path: string;
  /** Length in bytes. */
  size_bytes: number;
};
/** Request to look into a torrent without adding it. */
export type PreviewRequest = {
  /** The torrent. Peers are asked for the metadata of a magnet link. */
  source: AddSource;
};
/** An error of a request (`application/problem+json`). */
export type Problem = {
  /** Failure, its reason and the next step, in plain words. */
  detail: string;
  /** Status of the HTTP answer. */
  status: number;
  /** Kind, for programs. */
  type: ProblemKind;
};
/** Kind of a `Problem`. */
export type ProblemKind = 'bad_request' | 'unauthorized' | 'forbidden' | 'not_found' | 'method_not_allowed' | 'conflict' | 'too_large' | 'unsupported_media_type' | 'bad_torrent' | 'too_many' | 'fetch' | 'storage' | 'not_supported' | 'unavailable' | 'internal' | 'unknown';
/** State of the proxy. */
export type Proxy = {
  /** Reason for which it relays no datagrams, so that µTP, the DHT or UDP trackers are off; `null` if it does, or
   * none are for it. */
  no_datagrams: string | null;
  /** Reason for which it cannot be reached, and nothing goes through it; `null` unless it is down. */
  problem: string | null;
  /** State. */
  state: ProxyState;
  /** URL of the proxy, without its password. */
  url: string;
};
/** Reachability of the proxy. */
export type ProxyState = 'connecting' | 'up' | 'down' | 'unknown';
/** A publisher of torrents in the DHT (BEP 46). */
export type Publisher = {
  /** Magnet link of the publisher. */
  link: string;
  /** Number of this version. */
  version: number;
};
/** Answer to a request that creates or changes something. */
export type Put = {
  /** True if it was created. */
  is_new: boolean;
};
/** Target of a move in the queue. */
export type QueueMove = 'top' | 'up' | 'down' | 'bottom';
/** A torrent that was removed. */
export type Removed = {
  /** Its info-hash. */
  hash: string;
  /** Its id. */
  id: number;
  /** Revision of the removal. */
  revision: number;
};
/** A setting of the daemon. */
export type Setting = {
  /** Default. */
  default: SettingValue;
  /** Description for users. */
  help: string;
  /** True if a changed value waits for the next start. */
  is_pending: boolean;
  /** Name, such as `max_downloads`. */
  key: string;
  /** Kind of the value. */
  kind: SettingKind;
  /** True if a change takes effect with the next start of the daemon. */
  needs_restart: boolean;
  /** Section in dialogs and in the configuration file. */
  section: string;
  /** Origin of the value. */
  source: SettingSource;
  /** Value in effect. */
  value: SettingValue;
};
/** Change of a setting. */
export type SettingChange = {
  /** New value; a text is parsed as in the configuration file. */
  value: SettingValue;
};
/** Kind of a setting's value, and its range. */
export type SettingKind = {
  type: 'bool';
} | {
  /** True if `null` is allowed: no limit. */
  is_optional: boolean;
  /** Largest value. */
  max: number;
  /** Smallest value. */
  min: number;
  type: 'count';
} | {
  type: 'rate';
} | {
  /** True if `null` is allowed: never. */
  is_optional: boolean;
  /** Largest value in seconds. */
  max_s: number;
  /** Smallest value in seconds. */
  min_s: number;
  type: 'time';
} | {
  type: 'ratio';
} | {
  /** Words. */
  choices: string[];
  type: 'choice';
} | {
  /** True if `null` is allowed: none. */
  is_optional: boolean;
  type: 'path';
} | {
  /** True if `null` is allowed: none. */
  is_optional: boolean;
  type: 'text';
} | {
  type: 'list';
} | {
  type: 'unknown';
};
/** Origin of a setting's value. */
export type SettingSource = {
  source: 'default';
} | {
  /** Line, from 1. */
  line: number;
  /** Path of the file. */
  path: string;
  source: 'file';
} | {
  source: 'environment';
  /** Name of the variable. */
  variable: string;
} | {
  /** The flag. */
  flag: string;
  source: 'flag';
} | {
  source: 'changed';
} | {
  source: 'unknown';
};
/** Value of a setting; `null` is none, no limit, or never. */
export type SettingValue = null | boolean | number | string | string[];
/** A signature of a torrent file. It shows who has the key of the certificate; whether to trust the certificate is
 * for the user to decide. */
export type Signature = {
  /** Common name in the certificate; `null` if there is none. */
  common_name: string | null;
  /** SHA-256 of the certificate in hexadecimal; `null` without one. */
  fingerprint: string | null;
  /** True if the certificate is part of the signature. */
  is_embedded: boolean;
  /** True if the certificate is that of the originator, whose signature new versions need (BEP 39). */
  is_originator: boolean;
  /** Name of the signer, as the torrent claims. */
  name: string;
  /** Result of the check. */
  state: SignatureState;
};
/** Result of the check of a signature. */
export type SignatureState = 'valid' | 'invalid' | 'no_certificate' | 'bad_certificate' | 'unsupported';
/** Field to sort by, after `-` to begin with the largest value. */
export type Sort = 'id' | '-id' | 'name' | '-name' | 'state' | '-state' | 'progress' | '-progress' | 'size' | '-size' | 'down' | '-down' | 'up' | '-up' | 'downloaded' | '-downloaded' | 'uploaded' | '-uploaded' | 'ratio' | '-ratio' | 'eta' | '-eta' | 'peers' | '-peers' | 'seeds' | '-seeds' | 'queue' | '-queue' | 'category' | '-category' | 'added' | '-added' | 'finished' | '-finished' | 'tracker' | '-tracker' | 'dir' | '-dir';
/** State of a torrent, as a user sees it. */
export type State = 'loading' | 'metadata' | 'checking' | 'downloading' | 'seeding' | 'queued' | 'paused' | 'done' | 'scheduled' | 'error' | 'unknown';
/** Statistics of the whole. */
export type Statistics = {
  /** Number of torrents that transfer data. */
  active: number;
  /** True if the alternative limits are in force. */
  alternative_limits: boolean;
  /** Way in which peers are connected. */
  connectivity: Connectivity;
  /** Number of responsive nodes in the DHT's table; `null` if it is off, or not known yet. */
  dht_nodes: number | null;
  /** True if the DHT node answers no queries, as others cannot reach it (BEP 43). */
  dht_read_only: boolean;
  /** Rate of incoming piece data. */
  down_per_s: number;
  /** Bytes received by all torrents that the daemon has, in all sessions. */
  downloaded_bytes: number;
  /** Port that a router maps to it over IPv4; `null` if none does. */
  external_port: number | null;
  /** Free space on the disk of the download folder; `null` if unknown. */
  free_bytes: number | null;
  /** True if no peer has connected to the daemon for long, although there are connections: most likely a router or a
   * firewall does not let them reach `peer_port`. */
  is_unreachable: boolean;
  /** Port on which peers are accepted; 0 if none are, as with a proxy for peers. */
  peer_port: number;
  /** Number of connections. */
  peers: number;
  proxy: Proxy | null;
  /** Revision of the daemon's state. */
  revision: number;
  /** Failure to save the state, in plain words; `null` if it is saved. */
  save_error: string | null;
  /** Bytes received since the start. */
  session_downloaded_bytes: number;
  /** Bytes sent since the start. */
  session_uploaded_bytes: number;
  /** Number of torrents. */
  torrents: number;
  /** Rate of outgoing piece data. */
  up_per_s: number;
  /** Bytes sent by all torrents that the daemon has, in all sessions. */
  uploaded_bytes: number;
  /** Time since the start. */
  uptime_s: number;
};
/** Stage after which a torrent stops. */
export type StopAfter = 'metadata' | 'check';
/** A tag. */
export type Tag = {
  /** Name. */
  name: string;
  /** Number of its torrents. */
  torrents: number;
};
/** New name of a tag. */
export type TagRename = {
  /** Present name. */
  from: string;
  /** New name. */
  to: string;
};
/** A token, without its secret. */
export type Token = {
  /** Time of its creation. */
  created_unix_s: number;
  /** Time of its last use, accurate to about an hour; `null` before the first use. */
  last_used_unix_s: number | null;
  /** Name. */
  name: string;
};
/** Request for a new token. */
export type TokenRequest = {
  /** Name, 1 to 64 characters. */
  name: string;
};
/** A torrent, as lists show it. */
export type Torrent = {
  /** Time for which it was active in all sessions. */
  active_s: number;
  /** Time at which it was added. */
  added_unix_s: number;
  /** Category; `null` if it has none. */
  category: string | null;
  /** Download folder, which contains the file or the folder of the torrent. */
  dir: string;
  /** Rate of incoming piece data. */
  down_per_s: number;
  /** Bytes received in all sessions. */
  downloaded_bytes: number;
  /** Time until the download is complete at the present rate; `null` if it does not download. */
  eta_s: number | null;
  fault: Fault | null;
  /** Time at which the last wanted piece was durable; `null` before that. */
  finished_unix_s: number | null;
  /** Info-hash in hexadecimal: that of v1, or that of v2 if the torrent has no other. */
  hash: string;
  /** Info-hash of v2 (BEP 52) in hexadecimal; `null` if it has none. */
  hash_v2: string | null;
  /** Number of the torrent in its daemon. It remains over restarts and is not used again. */
  id: number;
  /** True if the ends of files are fetched first. */
  is_ends_first: boolean;
  /** True if the user forced its start, so that it runs whatever the queue and the schedule say. */
  is_forced: boolean;
  /** True if it is private (BEP 27); `null` while the metadata is unknown. */
  is_private: boolean | null;
  /** True if the pieces are fetched in order. */
  is_sequential: boolean;
  /** True if pieces are hidden from peers while the daemon is the only seed (super-seeding, BEP 16). */
  is_super_seeding: boolean;
  /** Size of the wanted pieces that are missing, in bytes. */
  left_bytes: number;
  /** Rate limits of the torrent alone. */
  limits: Limits;
  moving: Moving | null;
  /** Name, unfiltered: it may contain control characters. */
  name: string;
  /** Number of connected peers. */
  peers: number;
  /** Part of the wanted data that is present, from 0 to 1; 1 only if no wanted piece is missing. During a check, the
   * part that was checked. */
  progress: number;
  /** Position in the download queue, from 1; `null` if it is not in the queue. */
  queue_position: number | null;
  /** Sent bytes divided by received bytes, or by the wanted size if hardly anything was received; `null` without
   * either. */
  ratio: number | null;
  /** Revision of the daemon's state at the last change of this row. */
  revision: number;
  /** The part of that without a missing wanted piece. */
  seeding_s: number;
  /** Number of those with all data. */
  seeds: number;
  /** Size of the wanted pieces in bytes; 0 while the metadata is unknown. */
  size_bytes: number;
  /** State. */
  state: State;
  /** Number of other peers in the swarm, as the trackers count; `null` if unknown. */
  swarm_leechers: number | null;
  /** Number of seeds in the swarm, as the trackers count; `null` if unknown. */
  swarm_seeds: number | null;
  /** Tags, sorted. */
  tags: string[];
  /** Size of all files in bytes; 0 while the metadata is unknown. */
  total_bytes: number;
  /** Host of the tracker that answered last, or of the first one; `null` without trackers. */
  tracker: string | null;
  /** Failure of the trackers in plain words, if none of them works; `null` otherwise. */
  tracker_error: string | null;
  /** Rate of outgoing piece data. */
  up_per_s: number;
  /** Bytes sent in all sessions. */
  uploaded_bytes: number;
};
/** A tracker of a torrent. */
export type Tracker = {
  /** Time until the next announce; `null` if unknown. */
  announces_in_s: number | null;
  /** Number of completed downloads; `null` if unknown. */
  downloads: number | null;
  /** Number of failures in a row. */
  fails: number;
  /** Number of leechers; `null` if unknown. */
  leechers: number | null;
  /** Last failure or warning in plain words; `null` if there is neither. */
  message: string | null;
  /** Number of addresses in the last reply; `null` without a reply. */
  peers: number | null;
  /** Number of seeders; `null` if unknown. */
  seeders: number | null;
  /** State: `idle`, `announcing`, `working` or `failing`. */
  state: string;
  /** Tier (BEP 12), from 0. */
  tier: number;
  /** Announce URL without passkeys. */
  url: string;
};
/** Change of the trackers of a torrent: first removals, then replacements and additions. */
export type TrackerChange = {
  /** Announce URLs to add, each as a tier of its own at the end. */
  add?: string[];
  /** Announce URLs to remove. */
  remove?: string[];
  /** Announce URLs to replace, by the new ones. */
  replace?: Record<string, string>;
  /** Announce URLs in place of all present ones, tier by tier; `null` leaves them. */
  set?: string[][] | null;
};
/** A watched folder. Its settings are those of `WatchFolderEdit`. */
export type WatchFolder = {
  /** Number of torrents added from it since the start of the daemon. */
  added: number;
  /** Category of its torrents; `null` for none. */
  category: string | null;
  /** Folder. */
  dir: string;
  /** Failure to read the folder, in plain words; `null` if it is readable. */
  error: string | null;
  /** Treatment of loaded files. */
  loaded: WatchLoaded;
  /** True to leave its torrents stopped; `null` for what the settings say. */
  paused: boolean | null;
  /** Files in it that cannot be used, at most 100. */
  problems: WatchProblem[];
  /** True to watch the folders in it too. */
  recursive: boolean;
  /** Download folder of its torrents; `null` for that of the category or the settings. */
  save_path: string | null;
  /** True to take the path of the sub-folder as category, below `category` if that is set. */
  subfolder_as_category: boolean;
  /** Tags of its torrents. */
  tags: string[];
};
/** Settings of a watched folder. */
export type WatchFolderEdit = {
  /** Category of its torrents; `null` for none. */
  category?: string | null;
  /** Treatment of loaded files. */
  loaded?: WatchLoaded;
  /** True to leave its torrents stopped; `null` for what the settings say. */
  paused?: boolean | null;
  /** True to watch the folders in it too. */
  recursive?: boolean;
  /** Download folder of its torrents, an absolute path; `null` for that of the category or the settings. */
  save_path?: string | null;
  /** True to take the path of the sub-folder as category, below `category` if that is set. */
  subfolder_as_category?: boolean;
  /** Tags of its torrents. */
  tags?: string[];
};
/** Treatment of a file of a watched folder after its torrent is added. */
export type WatchLoaded = 'rename' | 'delete' | 'keep';
/** A file of a watched folder that cannot be used, or stays after it was loaded because it cannot be changed. */
export type WatchProblem = {
  /** Reason in plain words. */
  message: string;
  /** Path of the file. */
  path: string;
};
/** A web seed of a torrent: a server with its files (BEP 19), or a script that returns its pieces (BEP 17). */
export type WebSeed = {
  /** True if the user has added it, and false if the torrent names it. */
  added: boolean;
  /** Rate in bytes per second. */
  down_per_s: number;
  /** Bytes received since the daemon has started. */
  downloaded_bytes: number;
  /** Kind: `files` or `pieces`. */
  kind: string;
  /** Last fault in plain words; `null` if its last request succeeded. */
  message: string | null;
  /** Number of files that it does not have. */
  missing_files: number;
  /** Time until the next request; `null` unless it waits. */
  retries_in_s: number | null;
  /** State: `idle`, `fetching`, `waiting` after a fault, or `discarded` after bad data. */
  state: string;
  /** URL without passwords and keys. */
  url: string;
};
/** Change of the web seeds of a torrent: first removals, then additions. */
export type WebSeedChange = {
  /** URLs to add. A URL of a folder ends with a slash. Unlike those in a torrent, they may be on the daemon's
   * machine. */
  add?: string[];
  /** URLs to remove, as listed. */
  remove?: string[];
  /** True if the URLs to add are scripts that return pieces (BEP 17), and not places of files (BEP 19). */
  scripts?: boolean;
};
