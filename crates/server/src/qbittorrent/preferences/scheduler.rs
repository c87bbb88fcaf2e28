//! The scheduler: one entry of the daemon's schedule. The other entries stay as they are.

use super::connected::Wanted;
use serde_json::{Map, Value, json};
use ztor_daemon::policy::{Limits, ScheduleAction, Weekdays};
use ztor_daemon::settings::Settings;

/// Preferences with the time of the entry.
pub(super) const TIMES: [&str; 4] =
    ["schedule_from_hour", "schedule_from_min", "schedule_to_hour", "schedule_to_min"];
/// Days by their number, as in an entry.
const DAYS: [&str; 10] = ["daily", "mon-fri", "sat,sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Parts of an entry that the preferences do not have, kept while the scheduler is off.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Removed {
    /// Number of the days that clients see.
    number: i64,
    /// Days and effect as in the entry.
    days: String,
    effect: String,
}

impl Removed {
    fn to_value(&self) -> Value {
        json!({"number": self.number, "days": self.days, "effect": self.effect})
    }

    fn of_value(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let number = value.get("number").and_then(Value::as_i64)?;
        Some(Self { number, days: text("days")?, effect: text("effect")? })
    }
}

/// A change of the schedule.
#[derive(Debug, PartialEq)]
pub(super) struct Change {
    /// All entries.
    pub(super) entries: Vec<String>,
    /// Parts of a removed entry to keep; `null` for none.
    pub(super) removed: Value,
}

/// Shows the entry. While there is none, its time is what was kept.
pub(super) fn show(settings: &Settings, all: &mut Map<String, Value>) {
    let entry = place_of(settings).and_then(|at| settings.schedule.entries().get(at));
    all.insert("scheduler_enabled".to_owned(), entry.is_some().into());
    let Some(entry) = entry else { return };
    let (from, to) = entry.minutes();
    let times = [from / 60, from % 60, to / 60, to % 60];
    for (key, number) in TIMES.into_iter().zip(times) {
        all.insert(key.to_owned(), number.into());
    }
    all.insert("scheduler_days".to_owned(), number_of(entry.days()).into());
}

/// Returns the place of the entry that clients see: the first with the alternative limits, or else the first with limits.
fn place_of(settings: &Settings) -> Option<usize> {
    let (down, up) = (settings.alternative_limit_down, settings.alternative_limit_up);
    let own = effect_of(down, up);
    let entries = settings.schedule.entries();
    let first = || entries.iter().position(|entry| entry.action() != ScheduleAction::Pause);
    entries.iter().position(|entry| entry.action() == own).or_else(first)
}

fn effect_of(down_per_s: Option<u64>, up_per_s: Option<u64>) -> ScheduleAction {
    match (down_per_s, up_per_s) {
        (None, None) => ScheduleAction::Unlimited,
        _ => ScheduleAction::Limits(Limits { down_per_s, up_per_s }),
    }
}

fn effect_text(down: Option<u64>, up: Option<u64>) -> String {
    let limits = [("down", down), ("up", up)].into_iter();
    let texts: Vec<String> = limits.filter_map(|(name, rate)| Some(format!("{name}={}", rate?))).collect();
    if texts.is_empty() { "unlimited".to_owned() } else { texts.join(" ") }
}

/// Returns the number of the days that differ least.
fn number_of(days: Weekdays) -> i64 {
    use ztor_daemon::policy::Weekday;
    let groups = [Weekdays::ALL, Weekdays::WORKDAYS, Weekdays::WEEKEND];
    let single = Weekday::ALL.into_iter().map(|day| Weekdays::NONE.with(day));
    let differing = |known: Weekdays| {
        Weekday::ALL.iter().filter(|day| known.contains(**day) != days.contains(**day)).count()
    };
    let nearest = groups.into_iter().chain(single).zip(0..).min_by_key(|(known, _)| differing(*known));
    nearest.map_or(0, |(_, number)| number)
}

/// Returns the change of the schedule, whose entries are `texts`; `None` if there is none. Of an entry, only what the
/// preferences change is another afterwards.
pub(super) fn change(
    settings: &Settings,
    texts: &[String],
    wanted: &Wanted<'_>,
    removed: Option<&Value>,
) -> Option<Change> {
    let has_limits = wanted.has(&["alt_dl_limit", "alt_up_limit"]);
    let has_days = wanted.has(&["scheduler_days"]);
    let has_times = wanted.has(&TIMES);
    if !(has_limits || has_days || has_times || wanted.has(&["scheduler_enabled"])) {
        return None;
    }
    let known = settings.schedule.entries();
    let place = place_of(settings).filter(|_| texts.len() == known.len());
    let (down, up) = (settings.alternative_limit_down, settings.alternative_limit_up);
    let limits = effect_text(wanted.rate_limit("alt_dl_limit"), wanted.rate_limit("alt_up_limit"));
    let number = wanted.integer("scheduler_days");
    let mut entries = texts.to_vec();
    let present = place.and_then(|at| {
        let mut words = texts.get(at)?.splitn(3, ' ');
        Some((at, words.next()?, words.next()?, words.next()?, known.get(at)?))
    });
    match (present, wanted.boolean("scheduler_enabled")) {
        (None, false) => None,
        (Some((at, days, _, effect, entry)), false) => {
            entries.remove(at);
            let number = number_of(entry.days());
            let is_plain = entry.action() == effect_of(down, up) && days_of(number) == Some(days);
            let removed = Removed { number, days: days.to_owned(), effect: effect.to_owned() };
            let removed = if is_plain { Value::Null } else { removed.to_value() };
            Some(Change { entries, removed })
        }
        (Some((at, days, times, effect, entry)), true) => {
            let days = if has_days { days_of(number)? } else { days };
            let times = if has_times { times_in(wanted)? } else { times.to_owned() };
            let follows = has_limits && entry.action() == effect_of(down, up);
            let effect = if follows { &limits } else { effect };
            let entry = format!("{days} {times} {effect}");
            if texts.get(at) == Some(&entry) {
                return None;
            }
            entries.splice(at..=at, [entry]);
            Some(Change { entries, removed: Value::Null })
        }
        (None, true) => {
            let removed = removed.and_then(Removed::of_value);
            let (days, effect) = match &removed {
                Some(removed) if removed.number == number => (removed.days.as_str(), &removed.effect),
                Some(removed) => (days_of(number)?, &removed.effect),
                None => (days_of(number)?, &limits),
            };
            entries.push(format!("{days} {} {effect}", times_in(wanted)?));
            Some(Change { entries, removed: Value::Null })
        }
    }
}

fn days_of(number: i64) -> Option<&'static str> {
    usize::try_from(number).ok().and_then(|number| DAYS.get(number)).copied()
}

/// Returns the time as in an entry; `None` if it is none, or empty.
fn times_in(wanted: &Wanted<'_>) -> Option<String> {
    let [from_hour, from_min, to_hour, to_min] = TIMES.map(|key| wanted.integer(key));
    let is_time = |hour, min| (0..24).contains(&hour) && (0..60).contains(&min);
    let is_usable = is_time(from_hour, from_min)
        && is_time(to_hour, to_min)
        && (from_hour, from_min) != (to_hour, to_min);
    is_usable.then(|| {
        // An entry that lasts until midnight says so.
        let to_hour = if (to_hour, to_min) == (0, 0) { 24 } else { to_hour };
        format!("{from_hour:02}:{from_min:02}-{to_hour:02}:{to_min:02}")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::connected::tests::{settings, wanted_after};
    use super::*;

    const ALTERNATIVE: (&str, &str) = ("alternative_limit_down", "5000");

    /// Returns what is shown, and the change that preferences make.
    fn changed(schedule: &str, removed: &Value, changes: &Value) -> (Map<String, Value>, Option<Change>) {
        let settings = settings(&[("schedule", schedule), ALTERNATIVE]);
        let mut all = Map::new();
        super::super::connected::show(&settings, &mut all);
        for (key, number) in TIMES.into_iter().zip([8, 0, 20, 0]) {
            all.entry(key).or_insert_with(|| number.into());
        }
        all.entry("scheduler_days").or_insert_with(|| 0.into());
        show(&settings, &mut all);
        let texts: Vec<String> =
            schedule.split("; ").filter(|text| !text.is_empty()).map(str::to_owned).collect();
        let (wanted, touched) = wanted_after(&all, changes);
        let change = change(&settings, &texts, &Wanted::new(&wanted, &touched), Some(removed));
        (all, change)
    }

    fn entries(schedule: &str, changes: &Value) -> Option<Vec<String>> {
        changed(schedule, &Value::Null, changes).1.map(|change| change.entries)
    }

    #[test]
    fn scheduler_is_an_entry_with_the_alternative_limits() {
        let on = json!({"scheduler_enabled": true, "scheduler_days": 1, "schedule_to_min": 30});
        assert_eq!(entries("", &on).unwrap(), ["mon-fri 08:00-20:30 down=5000"]);
        assert_eq!(entries("daily 00:00-01:00 pause", &on).unwrap()[0], "daily 00:00-01:00 pause");
        let midnight = json!({"scheduler_enabled": true, "schedule_to_hour": 0});
        assert_eq!(entries("", &midnight).unwrap(), ["daily 08:00-24:00 down=5000"]);
        for bad in [
            json!({"scheduler_enabled": true, "schedule_to_hour": 24}),
            json!({"scheduler_enabled": true, "scheduler_days": 10}),
            json!({"scheduler_enabled": true, "schedule_to_hour": 8}),
            json!({"scheduler_enabled": true, "schedule_from_min": -1}),
            json!({"scheduler_days": 3}),
            json!({}),
        ] {
            assert_eq!(entries("", &bad), None, "{bad}");
        }
    }

    #[test]
    fn richer_entry_of_the_user_changes_only_where_a_client_changes_it() {
        let rich = "mon,tue,wed 22:00-06:15 down=1MiB/s up=1KiB/s";
        let schedule = format!("sat 01:00-02:00 pause; {rich}");
        let (shown, _) = changed(&schedule, &Value::Null, &json!({}));
        let of = |key: &str| shown[key].clone();
        assert_eq!((of("scheduler_enabled"), of("scheduler_days")), (true.into(), 1.into()), "the nearest");
        assert_eq!(TIMES.map(of), [22, 0, 6, 15].map(Value::from));
        assert_eq!(entries(&schedule, &Value::Object(shown.clone())), None, "sent back as it is");
        let later = entries(&schedule, &json!({"schedule_from_hour": 23})).unwrap();
        assert_eq!(later, ["sat 01:00-02:00 pause", "mon,tue,wed 23:00-06:15 down=1MiB/s up=1KiB/s"]);
        let days = entries(&schedule, &json!({"scheduler_days": 9})).unwrap();
        assert_eq!(days[1], "sun 22:00-06:15 down=1MiB/s up=1KiB/s");
        assert_eq!(entries(&schedule, &json!({"alt_dl_limit": 9000})), None, "it has limits of its own");
        let off = changed(&schedule, &Value::Null, &json!({"scheduler_enabled": false})).1.unwrap();
        assert_eq!(off.entries, ["sat 01:00-02:00 pause"]);
        // Switched on again, it is what it was.
        let on = json!({"scheduler_enabled": true, "schedule_from_hour": 22, "schedule_to_hour": 6,
            "schedule_to_min": 15, "scheduler_days": 1});
        let on = changed("sat 01:00-02:00 pause", &off.removed, &on).1.unwrap();
        assert_eq!((on.entries.get(1).unwrap().as_str(), on.removed), (rich, Value::Null));
    }

    #[test]
    fn entry_with_the_alternative_limits_follows_them() {
        let schedule = "daily 08:00-20:00 down=1MiB/s; daily 21:00-22:00 down=5000";
        let (shown, change) =
            changed(schedule, &Value::Null, &json!({"alt_dl_limit": 9000, "alt_up_limit": 7}));
        assert_eq!(shown["schedule_from_hour"], 21, "the one with the alternative limits is shown");
        assert_eq!(change.unwrap().entries[1], "daily 21:00-22:00 down=9000 up=7");
        let off = changed(schedule, &Value::Null, &json!({"scheduler_enabled": false})).1.unwrap();
        assert_eq!((off.entries.len(), off.removed), (1, Value::Null));
    }
}
