//! Names of settings, of their choices and of their sections.

/// Names of settings by key.
const NAMES: &[(&str, &str)] = &[
    ("download_dir", "Download folder"),
    ("incomplete_dir", "Folder for incomplete files"),
    ("part_suffix", "End of the names of incomplete files"),
    ("layout", "Folder layout"),
    ("trash_dir", "Trash folder"),
    ("share_files", "Files that several torrents have"),
    ("allocate", "Allocation of disk space"),
    ("bind", "Address or interface"),
    ("port", "Port for peers"),
    ("announced_port", "Port that others use"),
    ("port_mapping", "Open the port in the router"),
    ("port_mapping_lease", "Renewal of the open port"),
    ("port_mapping_gateway", "Router to ask"),
    ("transport", "Transport protocols"),
    ("encryption", "Encryption"),
    ("dht", "Find peers through the DHT"),
    ("dht_bootstrap", "First nodes of the DHT"),
    ("dht_read_only", "Read-only DHT node"),
    ("local_discovery", "Find peers in the local network"),
    ("peer_exchange", "Exchange peers with peers"),
    ("suggest_pieces", "Suggest pieces that were read lately"),
    ("max_peers", "Connections in total"),
    ("max_peers_per_torrent", "Connections per torrent"),
    ("upload_slots", "Upload slots in total"),
    ("upload_slots_per_torrent", "Upload slots per torrent"),
    ("web_seeds_at_once", "Web seeds at a time"),
    ("announce_to_all", "Announce to all trackers"),
    ("ip_filter", "List of unwanted addresses"),
    ("ip_filter_interval", "Read the list again after"),
    ("ip_filter_trackers", "Apply the list to trackers"),
    ("ip_filter_spare_local", "Exempt the local network from the list"),
    ("proxy", "Proxy"),
    ("proxy_for", "Traffic through the proxy"),
    ("proxy_incoming", "Incoming connections in spite of the proxy"),
    ("anonymous", "Anonymous mode"),
    ("dns_servers", "Name servers"),
    ("tracker_dns", "Ask the DNS for the ports of trackers"),
    ("leech_defence", "Peers that take without end"),
    ("limit_down", "Download limit"),
    ("limit_up", "Upload limit"),
    ("alternative_limit_down", "Alternative download limit"),
    ("alternative_limit_up", "Alternative upload limit"),
    ("limits_count_overhead", "Count packet headers"),
    ("limits_spare_local", "No limits in the local network"),
    ("schedule", "Schedule"),
    ("max_downloads", "Downloads at a time"),
    ("max_seeds", "Seeds at a time"),
    ("max_active", "Active torrents at a time"),
    ("slow_torrents_are_free", "Do not count slow torrents"),
    ("slow_below", "Slow below"),
    ("slow_after", "Slow after"),
    ("queue_to_top", "New torrents to the top of the queue"),
    ("seed_ratio", "Share ratio"),
    ("seed_time", "Seeding time"),
    ("seed_idle_time", "Seeding time without upload"),
    ("goal_action", "When a goal is reached"),
    ("start_paused", "Do not start new torrents"),
    ("sequential", "Download in order"),
    ("ends_first", "Download ends of files first"),
    ("check_updates", "Look for new versions"),
    ("update_interval", "Time between looks for new versions"),
    ("listen", "Addresses of the web UI"),
    ("username", "Default user name"),
    ("password_file", "Password file"),
    ("tls_certificate", "TLS certificate"),
    ("tls_key", "TLS key"),
    ("base_path", "Path behind a reverse proxy"),
    ("web_dir", "Folder of another web UI"),
    ("trusted_proxies", "Trusted reverse proxies"),
    ("allowed_hosts", "Allowed host names"),
    ("session_time", "Time without use until logout"),
    ("login_attempts", "Failed logins until a ban"),
    ("login_ban", "Time of a ban"),
    ("allow_remote_without_tls", "Remote logins without TLS"),
    ("log_level", "Log level"),
    ("log_format", "Log format"),
    ("watch_rescan", "Time between complete scans"),
    ("watch_settle", "Wait until a file is unchanged"),
];

/// Names of choices by key and word.
const CHOICES: &[(&str, &str, &str)] = &[
    ("layout", "original", "As in the torrent"),
    ("layout", "subfolder", "Always a folder"),
    ("layout", "no_subfolder", "Never a folder"),
    ("share_files", "no", "A copy for each"),
    ("dht_read_only", "auto", "If not reachable"),
    ("dht_read_only", "always", "Always"),
    ("dht_read_only", "never", "Never"),
    ("share_files", "hard_links", "Hard links"),
    ("share_files", "reflinks", "Reflinks"),
    ("allocate", "sparse", "As data arrives"),
    ("allocate", "full", "In full at the start"),
    ("transport", "both", "TCP and µTP"),
    ("transport", "tcp", "Only TCP"),
    ("transport", "utp", "Only µTP"),
    ("encryption", "allow", "Allowed"),
    ("encryption", "prefer", "Preferred"),
    ("encryption", "require", "Required"),
    ("encryption", "off", "Off"),
    ("leech_defence", "off", "No defence"),
    ("leech_defence", "normal", "Serve them last"),
    ("leech_defence", "strict", "Ban them soon"),
    ("goal_action", "stop", "Stop the torrent"),
    ("goal_action", "remove", "Remove the torrent"),
    ("goal_action", "remove_with_data", "Remove it with its files"),
    ("log_format", "text", "Plain text"),
    ("log_format", "json", "JSON lines"),
];

/// Sections with their titles, in order.
const SECTIONS: &[(&str, &str)] = &[
    ("folders", "Folders"),
    ("new", "New torrents"),
    ("queue", "Queue"),
    ("goals", "Seeding goals"),
    ("limits", "Speed limits"),
    ("schedule", "Schedule"),
    ("network", "Network"),
    ("filter", "IP filter and bans"),
    ("privacy", "Proxy and privacy"),
    ("watch", "Watched folders"),
    ("api", "Web access"),
    ("log", "Log"),
];

/// Returns the name of a setting: one that is not listed is its key in words.
pub(super) fn name(key: &str) -> String {
    let known = NAMES.iter().find(|(known, _)| *known == key).map(|(_, name)| (*name).to_owned());
    known.unwrap_or_else(|| words(key))
}

/// Returns the name of a choice.
pub(super) fn choice(key: &str, word: &str) -> String {
    let known = CHOICES.iter().find(|(of, known, _)| *of == key && *known == word);
    known.map_or_else(|| words(word), |(_, _, name)| (*name).to_owned())
}

/// Returns the title of a section.
pub(super) fn section(key: &str) -> String {
    let known = SECTIONS.iter().find(|(known, _)| *known == key).map(|(_, title)| (*title).to_owned());
    known.unwrap_or_else(|| words(key))
}

/// Returns the place of a section among the others.
pub(super) fn section_place(key: &str) -> usize {
    SECTIONS.iter().position(|(known, _)| *known == key).unwrap_or(SECTIONS.len())
}

fn words(key: &str) -> String {
    let text = key.replace('_', " ");
    let mut characters = text.chars();
    characters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().collect::<String>() + characters.as_str())
}
