//! Sizes, rates and times as text: parsing, and the exact canonical form.

use std::time::Duration;

/// A rate limit in bytes per second; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub Option<u64>);

/// Returns a number of bytes in the largest unit in which it is whole: `5MiB`, `500kB`, `1025B`.
pub fn size_text(bytes: u64) -> String {
    const UNITS: [(u64, &str); 7] = [
        (1 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1_000, "kB"),
    ];
    let unit = UNITS.into_iter().find(|(factor, _)| bytes != 0 && bytes.is_multiple_of(*factor));
    unit.map_or_else(|| format!("{bytes}B"), |(factor, name)| format!("{}{name}", bytes / factor))
}

/// Returns a time in whole seconds as the sum of its units: `45s`, `1h30m`, `7d`.
pub fn duration_text(seconds: u64) -> String {
    if seconds == 0 {
        return "0s".to_owned();
    }
    let parts =
        [(seconds / 86_400, 'd'), (seconds / 3600 % 24, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    parts.into_iter().filter(|(count, _)| *count != 0).map(|(count, unit)| format!("{count}{unit}")).collect()
}

/// Parses `16384`, `16KiB`, `1.5 MiB`, `500k`, `2MB`. A bare letter counts in 1024s, as `KiB` does; `kB` and
/// its like count in 1000s.
///
/// # Errors
/// A message with what was expected.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "ki" | "kib" => 1 << 10,
        "m" | "mi" | "mib" => 1 << 20,
        "g" | "gi" | "gib" => 1 << 30,
        "t" | "ti" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        other => {
            return Err(format!(
                "unknown unit {other:?}, expected none for bytes, or k, KiB, MiB, GiB, kB, MB, GB"
            ));
        }
    };
    let too_large = || "the number is too large".to_owned();
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(too_large);
    }
    let value: f64 = number.parse().map_err(|_| "expected a size such as 5MiB".to_owned())?;
    let bytes = value * factor as f64;
    // 2^53: beyond it a float no longer counts single bytes.
    if bytes > 9.0e15 { Err(too_large()) } else { Ok(bytes as u64) }
}

/// Parses a rate limit: a size, `/s` or not, or `unlimited`. Zero is refused: it would stop everything.
///
/// # Errors
/// A message with what was expected.
pub fn parse_limit(text: &str) -> Result<Limit, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("unlimited") {
        return Ok(Limit(None));
    }
    match parse_size(text.strip_suffix("/s").unwrap_or(text))? {
        0 => Err("a limit of 0 would stop all transfers; write 'unlimited' for no limit".into()),
        bytes => Ok(Limit(Some(bytes))),
    }
}

/// Parses `30s`, `10m`, `2h`, `1d`, sums of these such as `1h30m`, and plain seconds.
///
/// # Errors
/// A message with what was expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let bad = || "expected a time such as 30s, 10m or 2h".to_owned();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(bad());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let factor = match &rest[..letters] {
            "" | "s" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(bad()),
        };
        rest = &rest[letters..];
        let part = number.checked_mul(factor).ok_or_else(bad)?;
        total = total.checked_add(part).ok_or_else(bad)?;
    }
    Ok(Duration::from_secs(total))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn parse_size_accepts_every_unit_and_refuses_other_text() {
        for (text, bytes) in [
            ("0", 0),
            ("16384", 16384),
            ("500k", 512_000),
            ("500kB", 500_000),
            ("5MiB", 5 << 20),
            ("5 MiB", 5 << 20),
            ("1.5m", 3 << 19),
            ("2GB", 2_000_000_000),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "1.2.3k", "5 parsecs", "-1", "99999999999999T", "1e5", "."] {
            assert!(parse_size(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn parse_limit_accepts_unlimited_and_refuses_zero() {
        assert_eq!(parse_limit("5MiB/s"), Ok(Limit(Some(5 << 20))));
        assert_eq!(parse_limit("Unlimited"), Ok(Limit(None)));
        assert!(parse_limit("0").is_err());
    }

    #[test]
    fn parse_duration_of_several_parts_adds_them_up() {
        for (text, secs) in
            [("45", 45), ("30s", 30), ("10m", 600), ("2h", 7200), ("1h30m", 5400), ("1d", 86_400)]
        {
            assert_eq!(parse_duration(text).unwrap().as_secs(), secs, "{text}");
        }
        for text in ["", "h", "1x", "1h-2", "99999999999999999999s", "999999999999999999d"] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn text_of_a_size_or_time_parses_to_the_same() {
        for (bytes, text) in [
            (0, "0B"),
            (1 << 20, "1MiB"),
            (1536, "1536B"),
            (500_000, "500kB"),
            (3 << 30, "3GiB"),
            (u64::MAX, "18446744073709551615B"),
        ] {
            assert_eq!((size_text(bytes).as_str(), parse_size(text)), (text, Ok(bytes)));
        }
        for (seconds, text) in [(0, "0s"), (60, "1m"), (5400, "1h30m"), (604_800, "7d"), (86_401, "1d1s")] {
            assert_eq!(duration_text(seconds), text);
            assert_eq!(parse_duration(text).unwrap().as_secs(), seconds);
        }
    }
}
