//! Times of the alternative limits. They are an entry in the schedule of the daemon, beside those of the user.

use super::State;
use super::dialect::Args;
use super::failure::Failure;
use serde_json::{Map, Value};
use ztor_api::SettingValue;
use ztor_daemon::ForeignApi;

/// Name of the value with the text of the entry.
const ENTRY: &str = "schedule_entry";
/// Days from the lowest bit.
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const KEYS: [&str; 6] = [
    "alt_speed_time_begin",
    "alt_speed_time_end",
    "alt_speed_time_day",
    "alt_speed_time_enabled",
    "alt_speed_down",
    "alt_speed_up",
];

impl State {
    /// Returns true if the schedule has the entry of this API.
    pub(crate) fn is_scheduled(&self, kept: &Map<String, Value>) -> bool {
        let entry = kept.get(ENTRY).and_then(Value::as_str);
        entry.is_some_and(|entry| self.schedule().iter().any(|known| known == entry))
    }

    fn schedule(&self) -> Vec<String> {
        match self.foreign.daemon().setting("schedule").map(|setting| setting.value) {
            Ok(SettingValue::List(entries)) => entries,
            _ => Vec::new(),
        }
    }

    /// Brings the entry in line with the values, after a request has changed some of them.
    pub(crate) async fn set_schedule(&self, args: &Args) -> Result<(), Failure> {
        if !KEYS.iter().any(|key| args.has(key)) {
            return Ok(());
        }
        let kept = self.kept()?;
        let is_on = args.flag("alt_speed_time_enabled").unwrap_or_else(|| self.is_scheduled(&kept));
        let old = kept.get(ENTRY).and_then(Value::as_str);
        let before = self.schedule();
        let mut entries: Vec<String> =
            before.iter().filter(|entry| Some(entry.as_str()) != old).cloned().collect();
        let daemon = self.foreign.daemon();
        let settings = daemon.settings_changes().borrow().clone();
        let limits = (settings.alternative_limit_down, settings.alternative_limit_up);
        let entry = if is_on { entry_of(&kept, limits) } else { None };
        entries.extend(entry.clone());
        let is_same = entry.is_some() && entry.as_deref() == old && before == entries;
        if is_same || (entry.is_none() && before == entries) {
            return Ok(());
        }
        let changed = daemon.change_setting("schedule", &SettingValue::List(entries)).await?;
        // The daemon writes it in its own words.
        let written = match (entry, changed.value) {
            (Some(_), SettingValue::List(entries)) => {
                entries.last().cloned().map_or(Value::Null, Value::from)
            }
            _ => Value::Null,
        };
        let change = Map::from_iter([(ENTRY.to_owned(), written)]);
        Ok(daemon.change_foreign_values(ForeignApi::Transmission, &change).await?)
    }
}

/// Returns the entry for the values; `None` if it has no day or no time.
fn entry_of(kept: &Map<String, Value>, limits: (Option<u64>, Option<u64>)) -> Option<String> {
    let number = |key: &str, default: u64| kept.get(key).and_then(Value::as_u64).unwrap_or(default);
    let (from, to) = (number("alt_speed_time_begin", 540), number("alt_speed_time_end", 1020));
    let bits = number("alt_speed_time_day", 127);
    let days = DAYS.iter().zip(0..).filter(|(_, bit)| bits >> bit & 1 == 1);
    let days: Vec<&str> = days.map(|(day, _)| *day).collect();
    if days.is_empty() || from == to || from >= 24 * 60 || to > 24 * 60 {
        return None;
    }
    let time = |minutes: u64| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let mut entry = format!("{} {}-{}", days.join(","), time(from), time(to));
    match limits {
        (None, None) => entry.push_str(" unlimited"),
        (down, up) => {
            for (name, rate) in [("down", down), ("up", up)] {
                if let Some(rate) = rate {
                    entry.push_str(&format!(" {name}={rate}"));
                }
            }
        }
    }
    Some(entry)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn entries_have_days_times_and_limits() {
        let entry = |kept: Value, limits| entry_of(kept.as_object().unwrap(), limits);
        let weekdays =
            json!({"alt_speed_time_day": 62, "alt_speed_time_begin": 510, "alt_speed_time_end": 1065});
        let expected = "mon,tue,wed,thu,fri 08:30-17:45 down=5000 up=1";
        assert_eq!(entry(weekdays, (Some(5000), Some(1))).as_deref(), Some(expected));
        assert!(entry(json!({}), (None, None)).unwrap().ends_with(" 09:00-17:00 unlimited"));
        assert_eq!(entry(json!({"alt_speed_time_day": 0}), (None, None)), None);
        assert_eq!(entry(json!({"alt_speed_time_begin": 1020}), (None, None)), None);
        assert_eq!(entry(json!({"alt_speed_time_end": 9999}), (None, None)), None);
    }
}
