//! `torrent-set`.

use super::State;
use super::details::indexes;
use super::dialect::Args;
use super::extras::{self, name};
use super::failure::{Code, Failure};
use super::files_choice::{choose, is_any};
use super::ids::ids_of;
use super::methods::first_failure;
use super::queue::Target;
use super::trackers::changes;
use super::values::{SPEED_UNIT, default_idle_min, default_ratio};
use super::wishes::Wishes;
use crate::access::now_unix_s;
use serde_json::{Map, Value};
use std::path::Path;
use ztor_api::{Action, Goal, Goals, Limits};
use ztor_daemon::Row;
use ztor_daemon::settings::Settings;

/// Largest limit in kB/s: a rate of a tebibyte.
const MAX_LIMIT: u64 = 1 << 30;
/// Longest time without upload in minutes: ten years.
const MAX_IDLE_MIN: u64 = 10 * 365 * 24 * 60;
const MAX_RATIO: f64 = 4_000_000.0;

impl State {
    /// Changes torrents. The first failure ends it; what was done before stays.
    pub(crate) async fn set(&self, args: &Args) -> Result<(), Failure> {
        let rows = self.targets(args);
        let daemon = self.foreign.daemon();
        let settings = daemon.settings_changes().borrow().clone();
        let labels = args.get("labels").map(labels_of).transpose()?;
        let group = args.text("group");
        if let Some(group) = group.filter(|group| !group.is_empty()) {
            self.make_group(group).await?;
        }
        let mut wishes = Wishes::default();
        for row in &rows {
            let id = row.torrent.id;
            wishes.keep(id, values_of(row, args)?);
            if let Some(limits) = limits_of(row, args) {
                wishes.act(id, Action::SetLimits(limits));
            }
            if let Some(goals) = goals_of(row, args, &settings) {
                wishes.act(id, Action::SetGoals(goals));
            }
            if let Some(labels) = &labels {
                set_labels(&mut wishes, row, labels);
            }
            if let Some(on) = args.flag("sequential_download") {
                wishes.act(id, Action::SetSequential { on });
            }
            if let Some(group) = group {
                let category = Some(group.to_owned()).filter(|group| !group.is_empty());
                wishes.act(id, Action::SetCategory { category });
            }
            if is_any(args) {
                let choice = match &row.meta {
                    Some(meta) => choose(args, &indexes(meta), Some(row))?,
                    None => return Err(Code::FileIndex.into()),
                };
                wishes.keep(id, Map::from_iter([choice.values()]));
                if !choice.files.is_empty() {
                    wishes.act(id, Action::SetFilePriorities { files: choice.files });
                }
            }
            for change in changes(row, args, &self.tracker_ids)? {
                wishes.act(id, Action::EditTrackers(change));
            }
        }
        wishes.carry_out(daemon).await?;
        if let Some(position) = args.count("queue_position") {
            let position = usize::try_from(position).unwrap_or(usize::MAX);
            self.move_in_queue(&ids_of(&rows), Target::At(position)).await?;
        }
        if let Some(dir) = args.text("location") {
            if !Path::new(dir).is_absolute() {
                return Err(Failure::new(Code::NotAbsolute, "new location path is not absolute"));
            }
            let action = Action::Move { dir: dir.to_owned() };
            first_failure(daemon.act_on_ids(&ids_of(&rows), &action).await?)?;
        }
        Ok(())
    }
}

/// Returns labels. They are the tags of the daemon, without duplicates.
pub(crate) fn labels_of(value: &Value) -> Result<Vec<String>, Failure> {
    let invalid = |text: &str| Failure::new(Code::Params, text);
    let mut labels = Vec::new();
    for label in value.as_array().map(Vec::as_slice).unwrap_or_default() {
        let label = label.as_str().map(str::trim).unwrap_or_default();
        if label.is_empty() {
            return Err(invalid("labels cannot be empty"));
        }
        if label.contains(',') {
            return Err(invalid("labels cannot contain comma (,) character"));
        }
        if !labels.iter().any(|known| known == label) {
            labels.push(label.to_owned());
        }
    }
    Ok(labels)
}

fn set_labels(wishes: &mut Wishes, row: &Row, labels: &[String]) {
    let tags = &row.torrent.tags;
    let gone: Vec<String> = tags.iter().filter(|tag| !labels.contains(tag)).cloned().collect();
    let new: Vec<String> = labels.iter().filter(|label| !tags.contains(label)).cloned().collect();
    if !gone.is_empty() {
        wishes.act(row.torrent.id, Action::RemoveTags { tags: gone });
    }
    if !new.is_empty() {
        wishes.act(row.torrent.id, Action::AddTags { tags: new });
    }
}

/// Returns the piece from which a torrent is downloaded in order.
pub(crate) fn sequential_from(args: &Args, pieces: Option<u32>) -> Result<Option<u32>, Failure> {
    let Some(piece) = args.int("sequential_download_from_piece") else { return Ok(None) };
    let piece = u32::try_from(piece).ok().filter(|piece| pieces.is_none_or(|pieces| *piece < pieces));
    piece.map(Some).ok_or_else(|| Code::PieceIndex.into())
}

/// Returns the values that only this API has.
fn values_of(row: &Row, args: &Args) -> Result<Map<String, Value>, Failure> {
    let mut values = Map::new();
    let mut keep = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            values.insert(name.to_owned(), value);
        }
    };
    keep(
        name::BANDWIDTH_PRIORITY,
        args.int("bandwidth_priority").map(|priority| priority.clamp(-1, 1).into()),
    );
    keep(name::HONORS_LIMITS, args.flag("honors_session_limits").map(Value::Bool));
    keep(name::PEER_LIMIT, args.count("peer_limit").map(Value::from));
    keep(name::DOWNLOAD_LIMIT, args.count("download_limit").map(|limit| limit.min(MAX_LIMIT).into()));
    keep(name::UPLOAD_LIMIT, args.count("upload_limit").map(|limit| limit.min(MAX_LIMIT).into()));
    keep(name::RATIO_LIMIT, ratio_in(args).map(Value::from));
    keep(name::IDLE_LIMIT, args.count("seed_idle_limit").map(|limit| limit.min(MAX_IDLE_MIN).into()));
    let pieces = row.meta.as_ref().map(|meta| meta.layout.piece_count());
    keep(name::FROM_PIECE, sequential_from(args, pieces)?.map(Value::from));
    const EDITS: [&str; 5] = ["labels", "tracker_add", "tracker_list", "tracker_remove", "tracker_replace"];
    if EDITS.iter().any(|edit| args.has(edit)) {
        keep(name::EDIT_DATE, Some(now_unix_s().into()));
    }
    Ok(values)
}

fn ratio_in(args: &Args) -> Option<f64> {
    args.real("seed_ratio_limit").filter(|ratio| ratio.is_finite()).map(|ratio| ratio.clamp(0.0, MAX_RATIO))
}

/// Returns the rate limits that a request asks for; `None` if it concerns none.
fn limits_of(row: &Row, args: &Args) -> Option<Limits> {
    let present = row.torrent.limits;
    let one = |present: Option<u64>, limit: &str, limited: &str| {
        let is_limited = args.flag(limited).unwrap_or(present.is_some());
        let asked = args.count(limit);
        let kept = asked.or_else(|| extras::int(row, limit).and_then(|limit| u64::try_from(limit).ok()));
        match (is_limited, asked, present) {
            (false, ..) => None,
            // A limit that the API has not set may be no multiple of its unit.
            (true, None, Some(present)) => Some(present),
            (true, ..) => Some(kept.unwrap_or(100).min(MAX_LIMIT) * SPEED_UNIT),
        }
    };
    let limits = Limits {
        down_per_s: one(present.down_per_s, name::DOWNLOAD_LIMIT, "download_limited"),
        up_per_s: one(present.up_per_s, name::UPLOAD_LIMIT, "upload_limited"),
    };
    (limits != present).then_some(limits)
}

/// Returns the goals that a request asks for; `None` if it concerns none.
fn goals_of(row: &Row, args: &Args, settings: &Settings) -> Option<Goals> {
    let present = row.goals;
    let one = |present: Goal, mode: Option<i64>, asked: Option<f64>, kept: f64| {
        let mode = mode.unwrap_or(match present {
            Goal::Inherit => 0,
            Goal::At(_) => 1,
            Goal::Unlimited => 2,
        });
        match (mode, asked, present) {
            (1, Some(asked), _) => Goal::At(asked),
            (1, None, Goal::At(present)) => Goal::At(present),
            (1, None, _) => Goal::At(kept),
            (2, ..) => Goal::Unlimited,
            _ => Goal::Inherit,
        }
    };
    let ratio = extras::real(row, name::RATIO_LIMIT).unwrap_or_else(|| default_ratio(settings));
    let minutes = |minutes: u64| minutes.min(MAX_IDLE_MIN) as f64 * 60.0;
    let kept = extras::int(row, name::IDLE_LIMIT).and_then(|limit| u64::try_from(limit).ok());
    let idle = minutes(kept.unwrap_or_else(|| default_idle_min(settings)));
    let goals = Goals {
        ratio: one(present.ratio, args.int("seed_ratio_mode"), ratio_in(args), ratio),
        idle_s: one(
            present.idle_s,
            args.int("seed_idle_mode"),
            args.count("seed_idle_limit").map(minutes),
            idle,
        ),
        ..present
    };
    (goals != present).then_some(goals)
}
