//! Completions of the shell that know the torrents, categories, tags and settings of the daemon.

use std::ffi::OsStr;
use std::time::Duration;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use ztor_api::ListQuery;
use ztor_client::{Client, ClientError, Target};

/// Longest wait for the daemon: a shell that hangs is worse than one without completions.
const PATIENCE: Duration = Duration::from_millis(700);
/// Maximum number of candidates.
const MOST: usize = 500;

/// Completes torrents: names, and the terms that select several.
pub(crate) fn torrents() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_string_lossy().into_owned();
        let mut found: Vec<CompletionCandidate> = Vec::new();
        if let Some(rest) = typed.strip_prefix("category:") {
            return with_prefix("category:", rest, categories_of());
        }
        if let Some(rest) = typed.strip_prefix("tag:") {
            return with_prefix("tag:", rest, tags_of());
        }
        if let Some(rest) = typed.strip_prefix("state:") {
            let states = ztor_api::State::ALL.into_iter().map(|state| state.name().to_owned());
            let groups = ztor_api::StateGroup::ALL.into_iter().map(|group| group.name().to_owned());
            return with_prefix("state:", rest, states.chain(groups).collect());
        }
        let names = ask(|client| async move {
            let list = client.list(&ListQuery::default()).await?;
            Ok(list.torrents.into_iter().map(|torrent| torrent.name).collect())
        });
        found.extend(starting(&typed, names).into_iter().map(CompletionCandidate::new));
        let terms = ["all", "category:", "tag:", "state:"].map(str::to_owned).to_vec();
        found.extend(starting(&typed, terms).into_iter().map(CompletionCandidate::new));
        found
    })
}

/// Completes categories.
pub(crate) fn categories() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| with_prefix("", &typed.to_string_lossy(), categories_of()))
}

/// Completes tags.
pub(crate) fn tags() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| with_prefix("", &typed.to_string_lossy(), tags_of()))
}

/// Completes names of settings.
pub(crate) fn settings() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_string_lossy();
        let known = ztor_daemon::settings::TABLE.iter().filter(|setting| setting.key.starts_with(&*typed));
        known.map(|setting| CompletionCandidate::new(setting.key).help(Some(setting.help.into()))).collect()
    })
}

fn categories_of() -> Vec<String> {
    ask(
        |client| async move { Ok(client.categories().await?.into_iter().map(|category| category.path).collect()) },
    )
}

fn tags_of() -> Vec<String> {
    ask(|client| async move { Ok(client.tags().await?.into_iter().map(|tag| tag.name).collect()) })
}

fn with_prefix(prefix: &str, typed: &str, values: Vec<String>) -> Vec<CompletionCandidate> {
    let found = starting(typed, values).into_iter();
    found.map(|value| CompletionCandidate::new(format!("{prefix}{value}"))).collect()
}

fn starting(typed: &str, mut values: Vec<String>) -> Vec<String> {
    values.retain(|value| value.starts_with(typed) && !value.chars().any(char::is_control));
    values.truncate(MOST);
    values
}

/// Asks the local daemon. Without an answer there are no candidates.
fn ask<F: Future<Output = Result<Vec<String>, ClientError>>>(
    request: impl FnOnce(Client) -> F,
) -> Vec<String> {
    let answer = || {
        let state_dir = std::env::var_os("ZTOR_STATE_DIR").map(std::path::PathBuf::from);
        let socket = ztor_api::socket_in(&crate::state_dir::of(state_dir.as_deref()).ok()?);
        let client = Client::new(Target::Socket(socket)).ok()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        runtime.block_on(async { tokio::time::timeout(PATIENCE, request(client)).await }).ok()?.ok()
    };
    answer().unwrap_or_default()
}
