//! Bandwidth groups. They are the categories of the daemon: a torrent has one at most, and its limits are of all torrents in it
//! together.

use super::State;
use super::dialect::{Args, Dialect, Key};
use super::failure::{Code, Failure};
use super::methods::{Answer, object};
use super::session_get::rate_of;
use super::values::SPEED_UNIT;
use serde_json::{Map, Value, json};
use ztor_api::{Category, CategoryEdit, Limits};
use ztor_daemon::ForeignApi;

/// Name of the value with what only this API has of groups.
const GROUPS: &str = "groups";
/// Limit in kB/s of a group that has none.
const DEFAULT_LIMIT: u64 = 100;
const MAX_LIMIT: u64 = 1 << 30;

impl State {
    /// Returns groups: all without names.
    pub(crate) async fn group_get(&self, args: &Args, dialect: Dialect) -> Answer {
        let names = args.texts("name");
        let kept = self.kept()?;
        let is_asked =
            |category: &Category| names.as_ref().is_none_or(|names| names.contains(&category.path.as_str()));
        let categories = self.foreign.daemon().categories().into_iter().filter(is_asked);
        let groups: Vec<Value> = categories.map(|category| shown(&category, &kept, dialect)).collect();
        object(Map::from_iter([("group".to_owned(), groups.into())]))
    }

    /// Changes a group, and creates it if it does not exist.
    pub(crate) async fn group_set(&self, args: &Args) -> Result<(), Failure> {
        let Some(name) = args.text("name").map(str::trim).filter(|name| !name.is_empty()) else {
            return Err(Failure::new(Code::Params, "no group name given"));
        };
        let daemon = self.foreign.daemon();
        let present = daemon.categories().into_iter().find(|category| category.path == name);
        let limits = present.as_ref().map(|category| category.limits).unwrap_or_default();
        let mut groups =
            self.kept()?.remove(GROUPS).and_then(|groups| groups.as_object().cloned()).unwrap_or_default();
        let mut values =
            groups.remove(name).and_then(|values| values.as_object().cloned()).unwrap_or_default();
        let mut one = |present: Option<u64>, limit: &str, limited: &str| {
            let asked = args.count(limit).map(|limit| limit.min(MAX_LIMIT));
            let known = values.get(limit).and_then(Value::as_u64);
            if let Some(asked) = asked {
                values.insert(limit.to_owned(), asked.into());
            }
            match (args.flag(limited).unwrap_or(present.is_some()), asked, present) {
                (false, ..) => None,
                (true, None, Some(present)) => Some(present),
                (true, ..) => Some(rate_of(asked.or(known).unwrap_or(DEFAULT_LIMIT))),
            }
        };
        let limits = Limits {
            down_per_s: one(limits.down_per_s, "speed_limit_down", "speed_limit_down_enabled"),
            up_per_s: one(limits.up_per_s, "speed_limit_up", "speed_limit_up_enabled"),
        };
        if let Some(honors) = args.flag("honors_session_limits") {
            values.insert("honors_session_limits".to_owned(), honors.into());
        }
        let (save_path, goals) =
            present.map(|category| (category.save_path, category.goals)).unwrap_or_default();
        daemon.put_category(name, &CategoryEdit { save_path, limits, goals }).await?;
        // Groups that are gone leave nothing behind.
        let known = daemon.categories();
        groups.retain(|name, _| known.iter().any(|category| category.path == *name));
        groups.insert(name.to_owned(), Value::Object(values));
        let change = Map::from_iter([(GROUPS.to_owned(), Value::Object(groups))]);
        Ok(daemon.change_foreign_values(ForeignApi::Transmission, &change).await?)
    }

    /// Creates a group if it does not exist.
    pub(crate) async fn make_group(&self, name: &str) -> Result<(), Failure> {
        let daemon = self.foreign.daemon();
        if !daemon.categories().iter().any(|category| category.path == name) {
            daemon.put_category(name, &CategoryEdit::default()).await?;
        }
        Ok(())
    }
}

fn shown(category: &Category, kept: &Map<String, Value>, dialect: Dialect) -> Value {
    let values = kept.get(GROUPS).and_then(|groups| groups.get(&category.path));
    let value = |name: &str| values.and_then(|values| values.get(name));
    let limit = |present: Option<u64>, name: &str| {
        let kept = value(name).and_then(Value::as_u64);
        match (present, kept) {
            (Some(present), Some(kept)) if rate_of(kept) == present => kept,
            (Some(present), _) => present.div_ceil(SPEED_UNIT),
            (None, kept) => kept.unwrap_or(DEFAULT_LIMIT),
        }
    };
    let honors = value("honors_session_limits").and_then(Value::as_bool).unwrap_or(true);
    let Limits { down_per_s, up_per_s } = category.limits;
    let name = |snake, legacy| Key::new(snake, legacy).name(dialect).to_owned();
    Value::Object(Map::from_iter([
        (name("honors_session_limits", "honorsSessionLimits"), honors.into()),
        ("name".to_owned(), json!(category.path)),
        (name("speed_limit_down", "speed-limit-down"), limit(down_per_s, "speed_limit_down").into()),
        (name("speed_limit_down_enabled", "speed-limit-down-enabled"), down_per_s.is_some().into()),
        (name("speed_limit_up", "speed-limit-up"), limit(up_per_s, "speed_limit_up").into()),
        (name("speed_limit_up_enabled", "speed-limit-up-enabled"), up_per_s.is_some().into()),
    ]))
}
