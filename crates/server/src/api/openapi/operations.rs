//! Descriptions of all operations, in the order of the route table.

use super::operation::{Operation, operation};
use super::parameters::{
    address, creation, dir, file_index, folder, in_path, of_list, of_log, secrets, setting, span,
};
use crate::api::labels::{Done, Put};
use crate::api::whole::Health;
use ztor_api::{
    Account, AccountChange, ActionRequest, ActionResult, AddRequest, AddResult, Ban, BanRequest, Category,
    CategoryEdit, CategoryRename, Creation, CreationRequest, Daemon, Detail, DownloadLink,
    DownloadLinkRequest, File, Folder, History, IpFilter, LimitsChange, List, LogLine, Login, LoginLink,
    LoginState, NewCreation, NewToken, Peer, Pieces, Ports, Preview, PreviewRequest, ProblemKind, Setting,
    SettingChange, Statistics, Tag, TagRename, Token, TokenRequest, Tracker, WatchFolder, WatchFolderEdit,
    WebSeed,
};

use ProblemKind::{BadTorrent, Conflict, Fetch, NotFound, NotSupported, Storage};

/// Returns the operations of all routes.
pub(super) fn all() -> Vec<Operation> {
    let mut all = of_daemon();
    all.extend(of_access());
    all.extend(of_torrents());
    all.extend(of_previews());
    all.extend(of_labels());
    all.extend(of_settings());
    all
}

fn of_daemon() -> Vec<Operation> {
    vec![
        operation("GET /openapi.json", "getDocument", "Returns this document.")
            .answers_other("application/json"),
        operation("GET /daemon", "getDaemon", "Describes the daemon.").answers::<Daemon>(),
        operation("GET /health", "getHealth", "Answers 503 while the state cannot be saved.")
            .answers::<Health>()
            .public(),
        operation("GET /metrics", "getMetrics", "Returns metrics in the text format of Prometheus.")
            .answers_other("text/plain"),
        operation("GET /statistics", "getStatistics", "Returns the statistics of the whole.")
            .answers::<Statistics>(),
        operation("GET /statistics/history", "getHistory", "Returns the rates over a span of time.")
            .parameters([span()])
            .answers::<History>(),
        operation("GET /limits/alternative", "getAlternativeLimits", "Returns which limits are in force.")
            .answers::<LimitsChange>(),
        operation("PUT /limits/alternative", "setAlternativeLimits", "Chooses the limits in force.")
            .takes::<LimitsChange>()
            .answers::<LimitsChange>()
            .problems([Storage]),
    ]
}

fn of_access() -> Vec<Operation> {
    vec![
        operation("GET /session", "getSession", "Describes the credentials of the request.")
            .answers::<LoginState>(),
        operation("POST /session", "beginSession", "Begins a session, whose cookie is in the answer.")
            .takes::<Login>()
            .answers::<LoginState>()
            .public(),
        operation("DELETE /session", "endSession", "Ends the session of the cookie.").answers::<Done>(),
        operation(
            "POST /session/link",
            "makeLoginLink",
            "Makes a code that begins one session without a password.",
        )
        .answers::<LoginLink>(),
        operation("GET /account", "getAccount", "Returns the user who may log in.").answers::<Account>(),
        operation("PUT /account", "changeAccount", "Changes the user name and the password.")
            .takes::<AccountChange>()
            .answers::<Account>()
            .problems([Conflict, Storage]),
        operation("GET /tokens", "listTokens", "Returns the tokens, without their secrets.")
            .answers_list::<Token>(),
        operation("POST /tokens", "addToken", "Makes a token.")
            .takes::<TokenRequest>()
            .answers::<NewToken>()
            .problems([Conflict, Storage]),
        operation("DELETE /tokens/{name}", "removeToken", "Removes a token, and ends what it allows.")
            .parameters([in_path("name", "Name of the token.")])
            .answers::<Done>()
            .problems([NotFound, Storage]),
    ]
}

fn of_torrents() -> Vec<Operation> {
    let of_one = |line, id, summary| {
        let description = "Id of the torrent, or a term that selects one, as in actions.";
        operation(line, id, summary)
            .parameters([in_path("torrent", description)])
            .problems([NotFound, Conflict])
    };
    vec![
        operation("GET /torrents", "listTorrents", "Returns the torrents that a query selects.")
            .parameters(of_list())
            .answers::<List>()
            .problems([NotFound, Conflict]),
        operation(
            "POST /torrents",
            "addTorrents",
            "Adds torrents. Failures of single ones are in the answer.",
        )
        .takes::<AddRequest>()
        .answers::<AddResult>()
        .problems([NotFound, Conflict, BadTorrent, Fetch, NotSupported, Storage]),
        operation(
            "POST /torrents/actions",
            "act",
            "Carries out an action on torrents. Failures of single ones are in the answer.",
        )
        .takes::<ActionRequest>()
        .answers::<ActionResult>()
        .problems([NotFound, Conflict, NotSupported, Storage]),
        of_one("GET /torrents/{torrent}", "getTorrent", "Returns a torrent in detail.").answers::<Detail>(),
        of_one("GET /torrents/{torrent}/files", "listFiles", "Returns the files of a torrent.")
            .answers_list::<File>(),
        of_one(
            "GET /torrents/{torrent}/files/{index}/content",
            "readFile",
            "Returns a complete file, or a range of it. Needs no credentials with the signature of a link.",
        )
        .parameters([file_index()])
        .answers_other("application/octet-stream")
        .problems([NotFound, Conflict, Storage]),
        of_one(
            "POST /torrents/{torrent}/files/{index}/link",
            "linkFile",
            "Makes a link to a complete file, for which no credentials are needed.",
        )
        .parameters([file_index()])
        .takes::<DownloadLinkRequest>()
        .answers::<DownloadLink>()
        .problems([NotFound, Conflict, Storage]),
        of_one("GET /torrents/{torrent}/peers", "listPeers", "Returns the connected peers of a torrent.")
            .answers_list::<Peer>(),
        of_one("GET /torrents/{torrent}/trackers", "listTrackers", "Returns the trackers of a torrent.")
            .parameters([secrets()])
            .answers_list::<Tracker>(),
        of_one("GET /torrents/{torrent}/web-seeds", "listWebSeeds", "Returns the web seeds of a torrent.")
            .answers_list::<WebSeed>(),
        of_one("GET /torrents/{torrent}/pieces", "getPieces", "Returns the pieces of a torrent.")
            .answers::<Pieces>(),
        of_one("GET /torrents/{torrent}/torrent-file", "getTorrentFile", "Returns the torrent file.")
            .answers_other("application/x-bittorrent"),
    ]
}

fn of_previews() -> Vec<Operation> {
    let of_creation = |line, id, summary| {
        operation(line, id, summary).parameters([creation()]).problems([NotFound, Conflict])
    };
    vec![
        operation(
            "POST /preview",
            "preview",
            "Looks into a torrent without adding it. Peers are asked for the metadata of a magnet link, for a minute.",
        )
        .takes::<PreviewRequest>()
        .answers::<Preview>()
        .problems([NotFound, Conflict, BadTorrent, Fetch, Storage]),
        operation("GET /folders", "getFolder", "Describes a folder on the machine of the daemon.")
            .parameters([folder()])
            .answers::<Folder>()
            .problems([NotFound, Conflict, Storage]),
        operation("GET /creations", "listCreations", "Returns the torrents that are, or were, created.")
            .answers_list::<Creation>(),
        operation("POST /creations", "createTorrent", "Begins to create a torrent of files of the daemon's machine.")
            .takes::<CreationRequest>()
            .answers::<NewCreation>()
            .problems([Conflict]),
        of_creation("DELETE /creations/{id}", "removeCreation", "Cancels a creation, or forgets one that has ended.")
            .answers::<Done>(),
        of_creation("GET /creations/{id}/torrent-file", "getCreatedFile", "Returns the new torrent file.")
            .answers_other("application/x-bittorrent"),
    ]
}

fn of_labels() -> Vec<Operation> {
    let of_category = |line, id, summary| {
        operation(line, id, summary)
            .parameters([in_path("path", "Path of the category, such as `linux/debian`.")])
            .problems([NotFound, Conflict, Storage])
    };
    let of_tag = |line, id, summary| {
        operation(line, id, summary)
            .parameters([in_path("name", "Name of the tag.")])
            .problems([NotFound, Conflict, Storage])
    };
    vec![
        operation("GET /categories", "listCategories", "Returns the categories.").answers_list::<Category>(),
        operation("POST /categories/rename", "renameCategory", "Gives a category another path.")
            .takes::<CategoryRename>()
            .answers::<Done>()
            .problems([NotFound, Conflict, Storage]),
        of_category("PUT /categories/by-path/{*path}", "putCategory", "Creates or changes a category.")
            .takes::<CategoryEdit>()
            .answers::<Put>(),
        of_category(
            "DELETE /categories/by-path/{*path}",
            "removeCategory",
            "Removes a category and those below it.",
        )
        .answers::<Done>(),
        operation("GET /tags", "listTags", "Returns the tags.").answers_list::<Tag>(),
        operation("POST /tags/rename", "renameTag", "Gives a tag another name.")
            .takes::<TagRename>()
            .answers::<Done>()
            .problems([NotFound, Conflict, Storage]),
        of_tag("PUT /tags/by-name/{name}", "createTag", "Creates a tag.").answers::<Put>(),
        of_tag("DELETE /tags/by-name/{name}", "removeTag", "Removes a tag from all torrents.")
            .answers::<Done>(),
    ]
}

fn of_settings() -> Vec<Operation> {
    let of_setting = |line, id, summary| {
        operation(line, id, summary).parameters([setting()]).answers::<Setting>().problems([NotFound])
    };
    vec![
        operation("GET /settings", "listSettings", "Returns all settings.").answers_list::<Setting>(),
        of_setting("GET /settings/{key}", "getSetting", "Returns a setting."),
        of_setting("PUT /settings/{key}", "changeSetting", "Changes a setting.")
            .takes::<SettingChange>()
            .problems([Conflict, Storage]),
        of_setting(
            "DELETE /settings/{key}",
            "resetSetting",
            "Removes the change of a setting, so that the file or the default counts.",
        )
        .problems([Conflict, Storage]),
        operation("GET /watch-folders", "listWatchFolders", "Returns the watched folders.")
            .answers_list::<WatchFolder>(),
        operation("PUT /watch-folders", "putWatchFolder", "Watches a folder, or changes its settings.")
            .parameters([dir()])
            .takes::<WatchFolderEdit>()
            .answers::<Put>()
            .problems([NotFound, Conflict, Storage]),
        operation("DELETE /watch-folders", "removeWatchFolder", "Stops watching a folder.")
            .parameters([dir()])
            .answers::<Done>()
            .problems([NotFound, Storage]),
        operation("POST /watch-folders/scan", "scanWatchFolders", "Looks for new files now.")
            .answers::<Done>(),
        operation("GET /bans", "listBans", "Returns the bans in force.").answers_list::<Ban>(),
        operation("POST /bans", "ban", "Bans addresses, and closes the connections with them.")
            .takes::<BanRequest>()
            .answers::<Done>()
            .problems([Conflict, Storage]),
        operation("DELETE /bans", "unban", "Lifts the ban of an address, a network or a range.")
            .parameters([address()])
            .answers::<Done>()
            .problems([NotFound, Storage]),
        operation("GET /ip-filter", "getIpFilter", "Returns the state of the IP filter.").answers::<IpFilter>(),
        operation("POST /ip-filter/refresh", "refreshIpFilter", "Reads the list of the IP filter again, soon.")
            .answers::<Done>()
            .problems([Conflict]),
        operation("GET /ports", "getPorts", "Returns the ports at which peers reach the daemon, and their mapping by routers.")
            .answers::<Ports>(),
        operation("GET /log", "readLog", "Returns the last lines of the log.")
            .parameters(of_log())
            .answers_list::<LogLine>(),
        operation(
            "GET /events",
            "followEvents",
            "Opens a WebSocket: it takes messages of the type LiveRequest, and sends those of the type LiveUpdate.",
        )
        .answers_empty(101),
    ]
}
