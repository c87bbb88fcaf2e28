//! `torrents/add`.

use super::act::goals_in;
use super::answer::{Failure, Outcome, Reply};
use super::managed::set_managed;
use super::{Call, Qb, labels};
use axum::http::StatusCode;
use ztor_api::{
    Action, AddOptions, AddRequest, AddSource, Added, FileChoice, FilePriority, Goals, Layout, Limits,
    StopAfter,
};
use ztor_daemon::parse_torrent;

/// Maximum number of torrents in a request.
const MAX_SOURCES: usize = 1000;

/// Adds torrents from files, magnet links and URLs. A URL is fetched after the answer.
pub(super) async fn add(call: &Call) -> Outcome {
    let urls = call.params.list("urls", '\n');
    let files = call.params.files();
    if urls.is_empty() && files.is_empty() {
        return Reply::text("Fails.");
    }
    if urls.len() + files.len() > MAX_SOURCES {
        return Err(Failure::bad(format!("at most {MAX_SOURCES} torrents can be added at once")));
    }
    let mut contents = Vec::with_capacity(files.len());
    for file in files {
        let content = parse_torrent(file).map_err(|error| {
            let text = format!("Error: the file is not a valid torrent file: {error}");
            Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text)
        })?;
        contents.push(content);
    }
    let options = options(call).await?;
    let mut ids = Vec::new();
    let mut is_added = false;
    for content in contents {
        let added = call.daemon().add_content(content, &options.add).await?;
        is_added |= note(&added, &mut ids);
    }
    let (fetched, links): (Vec<String>, Vec<String>) = urls.into_iter().partition(|url| is_http(url));
    for link in links {
        let sources = vec![AddSource::Magnet(link)];
        let result = call.daemon().add(&AddRequest { sources, options: options.add.clone() }).await?;
        for added in &result.results {
            is_added |= note(added, &mut ids);
        }
    }
    options.finish(&call.qb, &ids).await?;
    if !fetched.is_empty() {
        is_added = true;
        fetch(call, fetched, options);
    }
    Reply::text(if is_added { "Ok." } else { "Fails." })
}

/// Returns true for a new torrent, whose id is kept. A torrent that the daemon has is a failure for clients.
fn note(added: &Added, ids: &mut Vec<u64>) -> bool {
    match added {
        Added::Added { id, .. } => {
            ids.push(*id);
            true
        }
        Added::Duplicate { .. } => false,
        Added::Failed { problem } => {
            tracing::warn!(api = "qbittorrent", error = %problem, "cannot add a torrent");
            false
        }
    }
}

fn is_http(url: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

/// Fetches torrent files and adds them. Their number is bounded by that of one request.
fn fetch(call: &Call, urls: Vec<String>, options: Options) {
    let (qb, cookies) = (call.qb.clone(), call.params.text("cookie").map(str::to_owned));
    tokio::spawn(async move {
        for url in urls {
            let mut ids = Vec::new();
            let added = match qb.daemon().fetch_torrent(&url, cookies.as_deref()).await {
                Ok(content) => qb.daemon().add_content(content, &options.add).await,
                Err(error) => Err(error),
            };
            match added {
                Ok(added) => drop(note(&added, &mut ids)),
                Err(error) => tracing::warn!(api = "qbittorrent", %error, "cannot add a torrent"),
            }
            if let Err(failure) = options.finish(&qb, &ids).await {
                tracing::warn!(api = "qbittorrent", error = %failure.text, "cannot complete an added torrent");
            }
        }
    });
}

/// Options of a request, and what follows an addition.
#[derive(Debug, Clone)]
struct Options {
    add: AddOptions,
    is_forced: bool,
    auto_tmm: bool,
}

impl Options {
    /// Does what the daemon has as actions on torrents.
    async fn finish(&self, qb: &Qb, ids: &[u64]) -> Result<(), Failure> {
        if self.is_forced && self.add.paused != Some(true) {
            qb.act(ids, Action::Start { force: true }).await?;
        }
        if self.auto_tmm && !ids.is_empty() {
            set_managed(qb.daemon(), ids, true).await?;
        }
        Ok(())
    }
}

async fn options(call: &Call) -> Result<Options, Failure> {
    let params = &call.params;
    let category = params.text("category").map(str::to_owned);
    let preferences = call.qb.preferences().await?;
    let auto_tmm = params.boolean("autoTMM").unwrap_or_else(|| {
        preferences.get("auto_tmm_enabled").and_then(serde_json::Value::as_bool) == Some(true)
    });
    // With automatic management, the category decides.
    let dir = params.get("savepath").filter(|_| !auto_tmm).and_then(|path| labels::folder(call, path));
    let [ratio, seeding_s, idle_s] = goals_in(call).map(Option::unwrap_or_default);
    let rate = |name| params.integer(name).and_then(|rate| u64::try_from(rate).ok()).filter(|rate| *rate > 0);
    let layout = params.text("contentLayout").or_else(|| {
        // Older clients say only whether there is a folder.
        let keeps_root = params.boolean("root_folder")?;
        Some(if keeps_root { "Original" } else { "NoSubfolder" })
    });
    let layout = match layout {
        None => None,
        Some(word) if word.eq_ignore_ascii_case("Subfolder") => Some(Layout::Subfolder),
        Some(word) if word.eq_ignore_ascii_case("NoSubfolder") => Some(Layout::NoSubfolder),
        Some(_) => Some(Layout::Original),
    };
    let stop_after = match params.text("stopCondition") {
        Some(word) if word.eq_ignore_ascii_case("MetadataReceived") => Some(StopAfter::Metadata),
        Some(word) if word.eq_ignore_ascii_case("FilesChecked") => Some(StopAfter::Check),
        _ => None,
    };
    let add = AddOptions {
        dir,
        incomplete_dir: incomplete_dir(call, category.as_deref()),
        tags: params.list("tags", ','),
        paused: params.boolean("stopped").or_else(|| params.boolean("paused")),
        name: params.text("rename").map(str::to_owned),
        limits: Limits { down_per_s: rate("dlLimit"), up_per_s: rate("upLimit") },
        goals: Goals { ratio, seeding_s, idle_s, action: None },
        sequential: params.boolean("sequentialDownload"),
        ends_first: params.boolean("firstLastPiecePrio"),
        to_top: params.boolean("addToTopOfQueue"),
        files: file_choices(call)?,
        layout,
        stop_after,
        category,
        ..AddOptions::default()
    };
    Ok(Options { add, is_forced: params.boolean("forced").unwrap_or(false), auto_tmm })
}

/// Returns the folder of incomplete files. `None` leaves it to the settings; empty for none.
fn incomplete_dir(call: &Call, category: Option<&str>) -> Option<String> {
    let path = call.params.get("downloadPath").and_then(|path| labels::folder(call, path));
    match call.params.boolean("useDownloadPath") {
        Some(false) => Some(String::new()),
        // Like qBittorrent: a path alone is enough.
        _ => path.or_else(|| labels::download_path(&call.qb, category?)),
    }
}

fn file_choices(call: &Call) -> Result<Vec<FileChoice>, Failure> {
    let numbers = call.params.list("filePriorities", ',');
    let choice = |(index, number): (usize, &String)| {
        let priority = match number.as_str() {
            "0" => FilePriority::Skip,
            "1" => FilePriority::Normal,
            "6" | "7" => FilePriority::High,
            _ => return Err(Failure::bad("Priority is not valid")),
        };
        Ok(FileChoice { index, priority })
    };
    numbers.iter().enumerate().map(choice).collect()
}
