//! Texts of sizes, rates, shares and times.

use std::fmt;

/// A number of bytes; shown with a binary prefix and three significant digits: `1.46 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// Bytes per second; shown like [`Size`] with `/s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub u64);

/// A span of time in whole seconds, shown by its two largest units: `2h05m`, `45s`, `3d04h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub u64);

/// A share from 0 to 1 in percent: `12.3%`; `100%` only if nothing is missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percent(pub f64);

/// A point in time in seconds since 1970, in the time zone of this machine: `2026-11-30 21:28`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub i64);

/// Elapsed time in seconds; below 9.95 s it is shown with a tenth: `0.4s`, `2m05s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elapsed(pub f64);

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
pub struct Count<T>(pub T, pub &'static str);

impl<T: fmt::Display + PartialEq<T> + From<u8>> fmt::Display for Count<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == T::from(1) { "" } else { "s" };
        write!(f, "{} {}{plural}", self.0, self.1)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= 1.0 {
            return f.pad("100%");
        }
        f.pad(&format!("{:.1}%", (self.0.max(0.0) * 1000.0).floor() / 10.0))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(time) = jiff::Timestamp::from_second(self.0) else { return f.pad("") };
        f.pad(&time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string())
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 9.95 { f.pad(&format!("{:.1}s", self.0)) } else { Span(self.0.round() as u64).fmt(f) }
    }
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
    fn display_of_a_share_is_whole_only_at_its_end() {
        for (share, text) in
            [(0.0, "0.0%"), (0.5, "50.0%"), (0.99999, "99.9%"), (1.0, "100%"), (-0.1, "0.0%")]
        {
            assert_eq!(Percent(share).to_string(), text);
        }
        assert_eq!(Percent(f64::NAN).to_string(), "0.0%");
    }

    #[test]
    fn display_of_a_moment_is_total() {
        assert_eq!(Moment(i64::MAX).to_string(), "");
        assert_eq!(Moment(1_796_000_000).to_string().len(), "2026-11-30 21:28".len());
    }

    #[test]
    fn display_of_a_short_time_has_tenths() {
        for (s, text) in [(0.0, "0.0s"), (0.44, "0.4s"), (9.96, "10s"), (125.4, "2m05s")] {
            assert_eq!(Elapsed(s).to_string(), text);
        }
    }
}
