//! The list of endpoints.

use super::answer::{Failure, Outcome};
use super::{Call, act, add, app, creator, details, info, labels, log, peers, stubs, sync, transfer};

/// Endpoints that only read, by scope. GET and HEAD are enough for them; POST works as well.
const READS: &[(&str, &[&str])] = &[
    (
        "app",
        &[
            "version",
            "webapiVersion",
            "buildInfo",
            "defaultSavePath",
            "preferences",
            "networkInterfaceList",
            "networkInterfaceAddressList",
            "cookies",
            "getDirectoryContent",
        ],
    ),
    ("clientdata", &["load"]),
    ("log", &["main", "peers"]),
    ("rss", &["items", "rules", "matchingArticles"]),
    ("search", &["plugins", "status", "results"]),
    ("sync", &["maindata", "torrentPeers"]),
    ("torrentcreator", &["status", "torrentFile"]),
    (
        "torrents",
        &[
            "info",
            "count",
            "properties",
            "trackers",
            "webseeds",
            "files",
            "pieceStates",
            "pieceHashes",
            "downloadLimit",
            "uploadLimit",
            "categories",
            "tags",
            "export",
            "SSLParameters",
        ],
    ),
    ("transfer", &["info", "speedLimitsMode", "downloadLimit", "uploadLimit"]),
];

/// Endpoints that change something, by scope. They take POST alone.
const CHANGES: &[(&str, &[&str])] = &[
    ("app", &["setPreferences", "shutdown", "sendTestEmail", "setCookies"]),
    ("clientdata", &["store"]),
    (
        "rss",
        &[
            "addFolder",
            "addFeed",
            "setFeedURL",
            "setFeedRefreshInterval",
            "removeItem",
            "moveItem",
            "markAsRead",
            "refreshItem",
            "setRule",
            "renameRule",
            "removeRule",
        ],
    ),
    (
        "search",
        &[
            "start",
            "stop",
            "delete",
            "downloadTorrent",
            "installPlugin",
            "uninstallPlugin",
            "enablePlugin",
            "updatePlugins",
        ],
    ),
    ("torrentcreator", &["addTask", "deleteTask"]),
    (
        "torrents",
        &[
            "add",
            "start",
            "stop",
            "resume",
            "pause",
            "recheck",
            "reannounce",
            "topPrio",
            "bottomPrio",
            "increasePrio",
            "decreasePrio",
            "toggleSequentialDownload",
            "toggleFirstLastPiecePrio",
            "delete",
            "setForceStart",
            "setSuperSeeding",
            "setAutoManagement",
            "setLocation",
            "setSavePath",
            "setDownloadPath",
            "setShareLimits",
            "setDownloadLimit",
            "setUploadLimit",
            "rename",
            "renameFile",
            "renameFolder",
            "filePrio",
            "addTrackers",
            "editTracker",
            "removeTrackers",
            "addWebSeeds",
            "editWebSeed",
            "removeWebSeeds",
            "addPeers",
            "setCategory",
            "createCategory",
            "editCategory",
            "removeCategories",
            "addTags",
            "removeTags",
            "setTags",
            "createTags",
            "deleteTags",
            "setSSLParameters",
        ],
    ),
    (
        "transfer",
        &["toggleSpeedLimitsMode", "setSpeedLimitsMode", "setUploadLimit", "setDownloadLimit", "banPeers"],
    ),
];

/// Returns true for an endpoint that changes something, and false for one that reads; `None` for an unknown one.
pub(super) fn mutates(scope: &str, action: &str) -> Option<bool> {
    let has = |table: &[(&str, &[&str])]| {
        table.iter().any(|(known, actions)| *known == scope && actions.contains(&action))
    };
    if has(CHANGES) {
        return Some(true);
    }
    has(READS).then_some(false)
}

/// Returns all endpoints: their scopes, their actions, and whether they change something.
#[cfg(any(test, feature = "testing"))]
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    let of = |table: &'static [(&'static str, &'static [&'static str])], mutates| {
        table
            .iter()
            .flat_map(move |(scope, actions)| actions.iter().map(move |action| (*scope, *action, mutates)))
    };
    of(READS, false).chain(of(CHANGES, true))
}

/// Answers an endpoint.
pub(super) async fn call(call: &Call, scope: &str, action: &str) -> Outcome {
    match (scope, action) {
        ("app", _) => app::call(call, action).await,
        ("clientdata", _) => app::client_data(call, action).await,
        ("log", _) => log::call(call, action),
        ("rss", _) => stubs::rss(action),
        ("search", _) => stubs::search(action),
        ("sync", "maindata") => sync::maindata(call),
        ("sync", "torrentPeers") => peers::torrent_peers(call).await,
        ("torrentcreator", _) => creator::call(call, action),
        ("transfer", _) => transfer::call(call, action).await,
        ("torrents", "info") => info::info(call),
        ("torrents", "count") => {
            super::answer::Reply::text(call.qb.foreign().table().rows().len().to_string())
        }
        ("torrents", "add") => add::add(call).await,
        (
            "torrents",
            "properties" | "trackers" | "webseeds" | "files" | "pieceStates" | "pieceHashes" | "export"
            | "SSLParameters" | "setSSLParameters",
        ) => details::call(call, action).await,
        (
            "torrents",
            "categories" | "createCategory" | "editCategory" | "removeCategories" | "setCategory" | "tags"
            | "createTags" | "deleteTags" | "addTags" | "removeTags" | "setTags",
        ) => labels::call(call, action).await,
        ("torrents", _) => act::call(call, action).await,
        _ => Err(Failure::not_found()),
    }
}
