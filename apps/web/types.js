/**
 * Types of the native API, as the crate ztor-api defines them. Units are in the names of fields. Absent values
 * are null.
 */

/** @typedef {'downloading' | 'seeding' | 'metadata' | 'checking' | 'queued' | 'paused' | 'done' | 'scheduled'
 *    | 'loading' | 'error' | 'unknown'} State */
/** @typedef {{ kind: string, message: string }} Fault */
/** @typedef {{ down_per_s: number | null, up_per_s: number | null }} Limits Null is no limit, 0 stops the transfer. */
/** @typedef {'inherit' | 'unlimited' | { at: number }} Goal */
/** @typedef {{ ratio?: Goal, seeding_s?: Goal, idle_s?: Goal, action?: 'stop' | 'remove' | 'remove_with_data' | null }}
 *    Goals */
/** @typedef {{ type: string, detail: string, status: number }} Problem */

/** @typedef {object} Torrent
 *  @property {number} id
 *  @property {string} hash
 *  @property {string | null} hash_v2
 *  @property {string} name unfiltered: it may contain control characters
 *  @property {State} state
 *  @property {Fault | null} fault
 *  @property {number} progress from 0 to 1
 *  @property {number} size_bytes
 *  @property {number} total_bytes
 *  @property {number} left_bytes
 *  @property {number} down_per_s
 *  @property {number} up_per_s
 *  @property {number} downloaded_bytes
 *  @property {number} uploaded_bytes
 *  @property {number | null} ratio
 *  @property {number | null} eta_s
 *  @property {number} peers
 *  @property {number} seeds
 *  @property {number | null} swarm_seeds
 *  @property {number | null} swarm_leechers
 *  @property {number | null} queue_position from 1
 *  @property {boolean} is_forced
 *  @property {boolean | null} is_private
 *  @property {string | null} category
 *  @property {string[]} tags
 *  @property {string} dir
 *  @property {number} added_unix_s
 *  @property {number | null} finished_unix_s
 *  @property {number} active_s
 *  @property {number} seeding_s
 *  @property {Limits} limits
 *  @property {boolean} is_sequential
 *  @property {boolean} is_ends_first
 *  @property {string | null} tracker
 *  @property {string | null} tracker_error
 *  @property {{ done_bytes: number, total_bytes: number } | null} moving
 *  @property {number} revision */

/** @typedef {object} ListQuery
 *  @property {string[]} [select]
 *  @property {string[]} [state]
 *  @property {string[]} [category]
 *  @property {string[]} [tag]
 *  @property {string[]} [tracker]
 *  @property {string[]} [dir]
 *  @property {boolean} [all_tags]
 *  @property {boolean} [any]
 *  @property {boolean} [is_regex]
 *  @property {string | null} [search]
 *  @property {string[]} [sort] keys, after `-` to begin with the largest value
 *  @property {number} [offset]
 *  @property {number | null} [limit]
 *  @property {number | null} [since]
 *  @property {boolean} [counts] */
/** @typedef {Record<string, number>} CountMap */
/** @typedef {{ all: number, active: number, complete: number, tracker_errors: number, states: CountMap, categories: CountMap, tags: CountMap,
 *    trackers: CountMap, dirs: CountMap }} Counts */
/** @typedef {object} List
 *  @property {number} revision
 *  @property {number} total
 *  @property {Torrent[]} torrents
 *  @property {{ id: number, hash: string, revision: number }[] | null} removed
 *  @property {Counts | null} counts */

/** @typedef {{ kind: string, [parameter: string]: unknown }} Action */
/** @typedef {{ torrents: string[], action: Action }} ActionRequest */
/** @typedef {{ done: number[], under_way: number[], failed: { id: number, problem: Problem }[] }} ActionResult */

/** @typedef {{ torrent: string } | { magnet: string } | { url: string }} AddSource `torrent` is in base64. */
/** @typedef {object} Preview
 *  @property {string} hash
 *  @property {string | null} hash_v2
 *  @property {string} name
 *  @property {number} total_bytes
 *  @property {number} piece_bytes
 *  @property {number} pieces
 *  @property {boolean} is_private
 *  @property {string | null} comment
 *  @property {string | null} created_by
 *  @property {number | null} created_unix_s
 *  @property {string[]} trackers
 *  @property {{ index: number, path: string, size_bytes: number }[]} files
 *  @property {{ id: number, name: string } | null} duplicate */
/** @typedef {{ dir: string, parent: string | null, folders: string[], free_bytes: number | null,
 *    total_bytes: number | null, is_writable: boolean }} Folder */
/** @typedef {{ path: string, format: 'hybrid' | 'v1' | 'v2', piece_bytes: number | null, trackers: string[][],
 *    web_seeds: string[], comment: string, source: string, is_private: boolean, ignore: string[],
 *    include_hidden: boolean, add: boolean, category: string | null }} CreationRequest */
/** @typedef {{ id: number, path: string, state: 'waiting' | 'hashing' | 'done' | 'failed' | 'unknown',
 *    done_bytes: number, total_bytes: number, problem: Problem | null, warnings: string[], name: string | null,
 *    hash: string | null, magnet: string | null, torrent: number | null }} Creation */
/** @typedef {{ end_unix_ms: number, step_ms: number, down: (number | null)[], up: (number | null)[] }} History */
/** @typedef {'skip' | 'low' | 'normal' | 'high'} FilePriority */
/** @typedef {object} AddOptions
 *  @property {string | null} [dir]
 *  @property {string | null} [category]
 *  @property {string[]} [tags]
 *  @property {boolean | null} [paused]
 *  @property {string | null} [name]
 *  @property {Partial<Limits>} [limits]
 *  @property {Goals} [goals]
 *  @property {boolean | null} [sequential]
 *  @property {boolean | null} [ends_first]
 *  @property {{ index: number, priority: FilePriority }[]} [files]
 *  @property {boolean | null} [to_top]
 *  @property {string[]} [peers]
 *  @property {boolean} [overwrite]
 *  @property {string[]} [trackers] */
/** @typedef {{ sources: AddSource[], options?: AddOptions }} AddRequest */
/** @typedef {{ result: 'added' | 'duplicate', id: number, hash: string, name: string }
 *    | { result: 'failed', problem: Problem }} Added */

/** @typedef {object} DetailOnly
 *  @property {Goals} goals
 *  @property {string} magnet
 *  @property {string | null} comment
 *  @property {string | null} created_by
 *  @property {number | null} created_unix_s
 *  @property {number | null} piece_bytes
 *  @property {number | null} pieces
 *  @property {number} have_pieces
 *  @property {number | null} files
 *  @property {number} wasted_bytes
 *  @property {number} known_peers */
/** @typedef {Torrent & DetailOnly} Detail */
/** @typedef {{ index: number, path: string, size_bytes: number, have_bytes: number, priority: FilePriority }} File */
/** @typedef {object} Peer
 *  @property {string} addr
 *  @property {string | null} client unfiltered
 *  @property {boolean} is_incoming
 *  @property {string} transport
 *  @property {boolean} is_encrypted
 *  @property {string[]} sources
 *  @property {number} progress
 *  @property {number} down_per_s
 *  @property {number} up_per_s
 *  @property {number} downloaded_bytes
 *  @property {number} uploaded_bytes
 *  @property {boolean} chokes_us
 *  @property {boolean} we_choke
 *  @property {boolean} is_interested
 *  @property {boolean} we_are_interested
 *  @property {boolean} is_snubbed
 *  @property {number} connected_s */
/** @typedef {object} Tracker
 *  @property {string} url
 *  @property {number} tier
 *  @property {'idle' | 'announcing' | 'working' | 'failing'} state
 *  @property {string | null} message
 *  @property {number | null} announces_in_s
 *  @property {number} fails
 *  @property {number | null} peers
 *  @property {number | null} seeders
 *  @property {number | null} leechers
 *  @property {number | null} downloads */
/** @typedef {{ count: number, have: string, availability: string, partial: number[] }} Pieces
 *    `have` is a bit field in base64, `availability` one byte for each piece. */
/** @typedef {{ path: string, expires_unix_s: number }} DownloadLink */

/** @typedef {{ save_path?: string | null, limits?: Partial<Limits>, goals?: Goals }} CategoryEdit */
/** @typedef {{ path: string, save_path: string | null, effective_save_path: string | null, limits: Limits,
 *    goals: Goals, torrents: number }} Category */
/** @typedef {{ name: string, torrents: number }} Tag */

/** @typedef {null | boolean | number | string | string[]} SettingValue */
/** @typedef {object} Setting
 *  @property {string} key
 *  @property {string} section
 *  @property {{ type: string, min?: number, max?: number, min_s?: number, max_s?: number, is_optional?: boolean,
 *    choices?: string[] }} kind
 *  @property {string} help
 *  @property {SettingValue} default
 *  @property {SettingValue} value
 *  @property {{ source: string, path?: string, line?: number, variable?: string, flag?: string }} source
 *  @property {boolean} needs_restart
 *  @property {boolean} is_pending */

/** @typedef {object} WatchFolderEdit
 *  @property {boolean} [recursive]
 *  @property {string | null} [category]
 *  @property {boolean} [subfolder_as_category]
 *  @property {string[]} [tags]
 *  @property {string | null} [save_path]
 *  @property {boolean | null} [paused]
 *  @property {'rename' | 'delete' | 'keep'} [loaded] */
/** @typedef {Required<WatchFolderEdit> & { dir: string, added: number, error: string | null,
 *    problems: { path: string, message: string }[] }} WatchFolder */

/** @typedef {object} Statistics
 *  @property {number} revision
 *  @property {number} torrents
 *  @property {number} active
 *  @property {number} down_per_s
 *  @property {number} up_per_s
 *  @property {number} session_downloaded_bytes
 *  @property {number} session_uploaded_bytes
 *  @property {number} downloaded_bytes
 *  @property {number} uploaded_bytes
 *  @property {number} peers
 *  @property {number | null} free_bytes
 *  @property {number} uptime_s
 *  @property {'incoming' | 'outgoing' | 'none' | 'unknown'} connectivity
 *  @property {string | null} connectivity_hint
 *  @property {number | null} dht_nodes
 *  @property {number} peer_port
 *  @property {boolean} alternative_limits
 *  @property {string | null} save_error */
/** @typedef {{ name: string, version: string, peer_addr: string, api_addrs: string[],
 *    web_url: string | null, state_dir: string, pid: number }}
 *    Daemon */
/** @typedef {'on' | 'off' | 'schedule'} AlternativeLimits */
/** @typedef {{ number: number, unix_ms: number, level: 'error' | 'warn' | 'info' | 'debug' | 'trace', target: string,
 *    message: string, torrent: number | null }} LogLine */

/** @typedef {{ username: string, password: string } | { code: string }} Login */
/** @typedef {{ by: 'socket' | 'session' | 'token' | 'password' | 'unknown', username: string | null,
 *    token: string | null }} LoginState */
/** @typedef {{ username: string, has_password: boolean, is_from_file: boolean }} Account */
/** @typedef {{ username?: string | null, password: string, current_password?: string | null }} AccountChange */
/** @typedef {{ name: string, created_unix_s: number, last_used_unix_s: number | null }} Token */

export {};
