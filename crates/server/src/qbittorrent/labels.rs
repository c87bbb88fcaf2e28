//! Categories and tags.

use super::answer::{Failure, Outcome, Reply};
use super::managed::is_managed;
use super::{Call, Qb};
use serde_json::{Map, Value, json};
use ztor_api::{Action, CategoryEdit, ProblemKind};

/// Key of the folders for incomplete files by category, among the kept values.
const DOWNLOAD_PATHS: &str = "download_paths";

/// Returns the categories by name.
pub(super) fn categories(qb: &Qb) -> Map<String, Value> {
    let paths = qb.kept().object(DOWNLOAD_PATHS);
    let entry = |category: ztor_api::Category| {
        let save_path = category.save_path.unwrap_or_default();
        let mut value = json!({"name": category.path, "savePath": save_path});
        if let (Some(path), Some(value)) = (paths.get(&category.path), value.as_object_mut()) {
            value.insert("download_path".into(), path.clone());
        }
        (category.path, value)
    };
    qb.daemon().categories().into_iter().map(entry).collect()
}

/// Returns the folder for incomplete files of a category; `None` if it has none of its own.
pub(super) fn download_path(qb: &Qb, category: &str) -> Option<String> {
    let paths = qb.kept().object(DOWNLOAD_PATHS);
    paths.get(category)?.as_str().filter(|path| !path.is_empty()).map(str::to_owned)
}

/// Answers endpoints about categories and tags.
pub(super) async fn call(call: &Call, action: &str) -> Outcome {
    match action {
        "categories" => Reply::json(&categories(&call.qb)),
        "createCategory" => put(call, true).await,
        "editCategory" => put(call, false).await,
        "removeCategories" => remove(call).await,
        "setCategory" => set(call).await,
        "tags" => Reply::json(&call.daemon().tags().into_iter().map(|tag| tag.name).collect::<Vec<_>>()),
        "createTags" => {
            call.params.required("tags")?;
            for tag in call.params.list("tags", ',') {
                ignore_known(call.daemon().create_tag(&tag).await.map(drop))?;
            }
            Reply::done()
        }
        "deleteTags" => {
            call.params.required("tags")?;
            for tag in call.params.list("tags", ',') {
                ignore_known(call.daemon().remove_tag(&tag).await)?;
            }
            Reply::done()
        }
        "addTags" => {
            let tags = tags(call)?;
            edit_tags(call, Action::AddTags { tags }).await
        }
        "removeTags" => {
            let tags = tags(call)?;
            // Without tags, all of them.
            let tags = if tags.is_empty() { all_tags(call) } else { tags };
            edit_tags(call, Action::RemoveTags { tags }).await
        }
        "setTags" => {
            let tags = tags(call)?;
            let others = all_tags(call).into_iter().filter(|tag| !tags.contains(tag)).collect();
            edit_tags(call, Action::RemoveTags { tags: others }).await?;
            edit_tags(call, Action::AddTags { tags }).await
        }
        _ => Err(Failure::not_found()),
    }
}

fn tags(call: &Call) -> Result<Vec<String>, Failure> {
    call.params.required("tags")?;
    Ok(call.params.list("tags", ','))
}

fn all_tags(call: &Call) -> Vec<String> {
    call.daemon().tags().into_iter().map(|tag| tag.name).collect()
}

async fn edit_tags(call: &Call, action: Action) -> Outcome {
    let ids = call.ids()?;
    let result = call.qb.act(&ids, action).await?;
    match result.failed.into_iter().next() {
        Some(failed) if result.done.is_empty() => Err(failed.problem.into()),
        _ => Reply::done(),
    }
}

/// Ignores that something exists already, or does not exist.
fn ignore_known(result: Result<(), ztor_daemon::DaemonError>) -> Result<(), Failure> {
    match result {
        Err(error) if !matches!(error.kind(), ProblemKind::NotFound | ProblemKind::Conflict) => {
            Err(error.into())
        }
        _ => Ok(()),
    }
}

async fn put(call: &Call, is_new: bool) -> Outcome {
    let name = call.params.required("category")?.trim();
    if name.is_empty() {
        return Err(Failure::bad("Category cannot be empty"));
    }
    let known = call.daemon().categories().into_iter().find(|category| category.path == name);
    let mut edit = CategoryEdit::default();
    match (&known, is_new) {
        (Some(_), true) => return Err(Failure::conflict("Unable to create category")),
        (None, false) => return Err(Failure::conflict("Unable to edit category")),
        (Some(known), false) => {
            edit.limits = known.limits;
            edit.goals = known.goals;
        }
        (None, true) => {}
    }
    edit.save_path = folder(call, call.params.get("savePath").unwrap_or_default());
    // An unusable name is a conflict here.
    call.daemon().put_category(name, &edit).await.map_err(|error| Failure::conflict(error.to_string()))?;
    let path = call.params.get("downloadPath").map(str::trim);
    let value = match (call.params.boolean("downloadPathEnabled"), path) {
        (Some(false), _) => Some(Value::from(false)),
        (Some(true), path) => Some(Value::from(path.unwrap_or_default())),
        (None, Some(path)) if !path.is_empty() => Some(Value::from(path)),
        (None, _) => None,
    };
    let set = |paths: &mut Map<String, Value>| match value {
        Some(value) => drop(paths.insert(name.to_owned(), value)),
        None => drop(paths.remove(name)),
    };
    change_paths(call, set).await?;
    Reply::done()
}

/// Returns a folder as an absolute path; a relative one is below the download folder. `None` for an empty text.
pub(super) fn folder(call: &Call, path: &str) -> Option<String> {
    let path = path.trim();
    if path.is_empty() {
        return None;
    }
    let dir = call.daemon().options().download_dir;
    Some(dir.join(path).to_string_lossy().into_owned())
}

async fn change_paths(call: &Call, change: impl FnOnce(&mut Map<String, Value>)) -> Result<(), Failure> {
    let keep = |values: &mut Map<String, Value>| {
        let mut paths = values.get(DOWNLOAD_PATHS).and_then(Value::as_object).cloned().unwrap_or_default();
        change(&mut paths);
        if paths.is_empty() {
            values.remove(DOWNLOAD_PATHS);
        } else {
            values.insert(DOWNLOAD_PATHS.into(), paths.into());
        }
    };
    call.qb.kept().change(call.daemon(), keep).await
}

async fn remove(call: &Call) -> Outcome {
    call.params.required("categories")?;
    let names = call.params.list("categories", '\n');
    for name in &names {
        ignore_known(call.daemon().remove_category(name).await)?;
    }
    let is_below = |path: &str| {
        names.iter().any(|name| {
            path.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    change_paths(call, |paths| paths.retain(|path, _| !is_below(path))).await?;
    Reply::done()
}

async fn set(call: &Call) -> Outcome {
    let ids = call.ids()?;
    let category = call.params.required("category")?.trim().to_owned();
    if ids.is_empty() {
        return Reply::done();
    }
    let is_known =
        category.is_empty() || call.daemon().categories().iter().any(|known| known.path == category);
    if !is_known {
        return Err(Failure::conflict("Incorrect category name"));
    }
    let category = Some(category).filter(|category| !category.is_empty());
    call.qb.act(&ids, Action::SetCategory { category }).await?;
    let table = call.qb.foreign().table();
    let follow: Vec<u64> =
        ids.into_iter().filter(|id| table.get(*id).is_some_and(|row| is_managed(row))).collect();
    call.qb.move_to_category(&follow).await?;
    Reply::done()
}
