//! Entries of a schedule as text, such as `mon-fri 08:00-18:00 down=1MiB/s up=200KiB/s`.

use ztor_policy::{Limits, ScheduleAction, ScheduleEntry, Weekday, Weekdays};

use crate::units::{Limit, parse_limit, size_text};

const NAMES: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];
const DAY_MINUTES: u16 = 24 * 60;

/// Parses an entry; `None` if it is none.
pub(super) fn parse_entry(text: &str) -> Option<ScheduleEntry> {
    let text = text.to_ascii_lowercase();
    let mut words = text.split_whitespace();
    let days = parse_days(words.next()?)?;
    let (from, to) = words.next()?.split_once('-')?;
    let (from, to) = (parse_minute(from)?, parse_minute(to)?);
    // The entry lasts until midnight: in the policy, minute 0 of the next day.
    let to = if to == DAY_MINUTES { 0 } else { to };
    let first = words.next()?;
    let action = match first {
        "pause" => ScheduleAction::Pause,
        "unlimited" => ScheduleAction::Unlimited,
        _ => return ScheduleEntry::new(days, from, to, parse_limits(first, words)?).ok(),
    };
    if words.next().is_some() {
        return None;
    }
    ScheduleEntry::new(days, from, to, action).ok()
}

fn parse_days(text: &str) -> Option<Weekdays> {
    if text == "daily" {
        return Some(Weekdays::ALL);
    }
    let index = |name: &str| NAMES.iter().position(|(known, _)| *known == name);
    let mut days = Weekdays::NONE;
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (index(first)?, index(last)?);
        // A range may pass the end of the week, as sat-mon.
        let count = (last + 7 - first) % 7;
        days = (first..=first + count).fold(days, |days, day| days.with(NAMES[day % 7].1));
    }
    Some(days)
}

fn parse_minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let is_number = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(hour) || minute.len() != 2 || !is_number(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= DAY_MINUTES).then_some(total)
}

fn parse_limits<'a>(first: &'a str, others: impl Iterator<Item = &'a str>) -> Option<ScheduleAction> {
    let (mut down, mut up) = (None, None);
    for word in std::iter::once(first).chain(others) {
        let (direction, rate) = word.split_once('=')?;
        let limit = match direction {
            "down" => &mut down,
            "up" => &mut up,
            _ => return None,
        };
        if limit.replace(parse_limit(rate).ok()?).is_some() {
            return None;
        }
    }
    let rate = |limit: Option<Limit>| limit.and_then(|limit| limit.0);
    Some(match (rate(down), rate(up)) {
        (None, None) => ScheduleAction::Unlimited,
        (down_per_s, up_per_s) => ScheduleAction::Limits(Limits { down_per_s, up_per_s }),
    })
}

/// Returns the canonical text of an entry.
pub(super) fn entry_text(entry: &ScheduleEntry) -> String {
    let (from, to) = entry.minutes();
    let to = if to == 0 { DAY_MINUTES } else { to };
    let minute = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let action = match entry.action() {
        ScheduleAction::Pause => "pause".to_owned(),
        ScheduleAction::Unlimited => "unlimited".to_owned(),
        ScheduleAction::Limits(limits) => {
            let limits = [("down", limits.down_per_s), ("up", limits.up_per_s)];
            let texts = limits.into_iter().filter_map(|(name, limit)| Some((name, limit?)));
            let texts: Vec<_> = texts.map(|(name, limit)| format!("{name}={}/s", size_text(limit))).collect();
            texts.join(" ")
        }
    };
    format!("{} {}-{} {action}", days_text(entry.days()), minute(from), minute(to))
}

/// Returns days with three and more in a row as a range.
fn days_text(days: Weekdays) -> String {
    if days == Weekdays::ALL {
        return "daily".to_owned();
    }
    let mut parts: Vec<String> = Vec::new();
    let mut day = 0;
    while day < 7 {
        let count = NAMES[day..].iter().take_while(|(_, weekday)| days.contains(*weekday)).count();
        if count >= 3 {
            parts.push(format!("{}-{}", NAMES[day].0, NAMES[day + count - 1].0));
        } else {
            parts.extend(NAMES[day..day + count].iter().map(|(name, _)| (*name).to_owned()));
        }
        day += count + 1;
    }
    parts.join(",")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn canonical_text_of_an_entry_parses_to_the_same() {
        for (text, canonical) in [
            ("mon-fri 8:00-18:00 up=200k down=1MiB/s", "mon-fri 08:00-18:00 down=1MiB/s up=200KiB/s"),
            ("SUN,sat 00:00-24:00 unlimited", "sat,sun 00:00-24:00 unlimited"),
            ("daily 02:00-06:00 pause", "daily 02:00-06:00 pause"),
            ("sat-mon 22:00-00:00 down=1MB", "mon,sat,sun 22:00-24:00 down=1MB/s"),
            ("mon-sun 00:00-00:00 down=unlimited", "daily 00:00-24:00 unlimited"),
            ("tue,wed,thu,sun 23:30-06:15 up=1025", "tue-thu,sun 23:30-06:15 up=1025B/s"),
        ] {
            let entry = parse_entry(text).unwrap();
            assert_eq!(entry_text(&entry), canonical);
            assert_eq!(parse_entry(canonical), Some(entry));
        }
    }

    #[test]
    fn text_that_is_no_entry_is_refused() {
        for text in [
            "",
            "mon",
            "mon 08:00",
            "mon 08:00-09:00",
            "mon 8-9 pause",
            "mon 24:00-01:00 pause",
            "mon 08:00-24:01 pause",
            "mon 08:60-09:00 pause",
            "mon 08:00-09:00 pause now",
            "mon 08:00-09:00 unlimited up=1k",
            "mon 08:00-09:00 up=0",
            "mon 08:00-09:00 up=1k up=2k",
            "mon 08:00-09:00 left=1k",
            "moon 08:00-09:00 pause",
            ",mon 08:00-09:00 pause",
        ] {
            assert_eq!(parse_entry(text), None, "{text}");
        }
    }
}
