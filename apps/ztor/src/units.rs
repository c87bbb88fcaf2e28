//! Display and parsing of sizes, rates and times.

use std::fmt;
use std::time::Duration;

/// A number of bytes; shown with a binary prefix and three significant digits: `1.46 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub u64);

/// Bytes per second; shown like [`Size`] with `/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(pub u64);

/// A span of time in whole seconds, shown by its two largest units: `2h05m`, `45s`, `3d04h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub u64);

/// Elapsed time in seconds; below 9.95 s it is shown with a tenth: `0.4s`, `2m05s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Elapsed(pub f64);

/// A rate limit as given on the command line; `None` means unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(pub Option<u64>);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return f.pad(&format!("{} B", self.0));
        }
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = 0;
        // 999.5 would round to four digits.
        while value >= 999.5 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        let decimals = if value < 9.995 {
            2
        } else if value < 99.95 {
            1
        } else {
            0
        };
        f.pad(&format!("{value:.decimals$} {}", UNITS[unit]))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/s", Size(self.0)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.0;
        let text = match s {
            0..60 => format!("{s}s"),
            60..3600 => format!("{}m{:02}s", s / 60, s % 60),
            3600..86_400 => format!("{}h{:02}m", s / 3600, s / 60 % 60),
            _ => format!("{}d{:02}h", s / 86_400, s / 3600 % 24),
        };
        f.pad(&text)
    }
}

/// A number of things: `1 file`, `2 files`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count<T>(pub T, pub &'static str);

impl<T: fmt::Display + PartialEq<T> + From<u8>> fmt::Display for Count<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == T::from(1) { "" } else { "s" };
        write!(f, "{} {}{plural}", self.0, self.1)
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 9.95 { f.pad(&format!("{:.1}s", self.0)) } else { Span(self.0.round() as u64).fmt(f) }
    }
}

/// Parses `16384`, `16KiB`, `1.5 MiB`, `500k`, `2MB`. A bare letter counts in 1024s, as `KiB` does; `kB` and
/// its like count in 1000s.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
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
pub(crate) fn parse_limit(text: &str) -> Result<Limit, String> {
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
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
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
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn display_of_a_size_has_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1024 * 1023, "1.00 MiB"),
            (1536 * 1024, "1.50 MiB"),
            (20 << 20, "20.0 MiB"),
            (256 << 20, "256 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
        assert_eq!(format!("{:>10}", Rate(2048)), "2.00 KiB/s");
        assert_eq!(format!("[{:>8}]", Size(5)), "[     5 B]");
    }

    #[test]
    fn display_of_a_span_has_two_units() {
        for (s, text) in [(0, "0s"), (59, "59s"), (61, "1m01s"), (7500, "2h05m"), (277_200, "3d05h")] {
            assert_eq!(Span(s).to_string(), text);
        }
    }

    #[test]
    fn display_of_a_short_time_has_tenths() {
        for (s, text) in [(0.0, "0.0s"), (0.44, "0.4s"), (9.96, "10s"), (125.4, "2m05s")] {
            assert_eq!(Elapsed(s).to_string(), text);
        }
    }

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
}
