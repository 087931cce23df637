//! Durations as Go writes them, in which the operator reads its intervals.

use std::time::Duration;

/// The units, in nanoseconds (Go, `time.ParseDuration`).
const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("\u{b5}s", 1e3),
    ("\u{3bc}s", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
];

/// The largest duration, in nanoseconds: Go counts them in 64 bits.
const LONGEST: f64 = 9_223_372_036_854_775_807.0;

/// Parses a duration such as `1h30m` or `0`; negative ones are rejected.
///
/// # Errors
/// An imperative clause that says how to write it.
pub(super) fn parse_go_duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "write it as Go does, such as 1h, 90s or 1h30m";
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let is_number = |character: char| character.is_ascii_digit() || character == '.';
        let end = rest.find(|character| !is_number(character)).unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let end = after.find(is_number).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        // Go accepts `1.h` and `.5h`, but not a dot alone.
        let number: f64 = match number.parse() {
            Ok(number) if number != f64::INFINITY => number,
            _ => return Err(FORM.to_owned()),
        };
        let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(match unit {
                "" => format!("{FORM}: every number has a unit"),
                "d" | "D" => format!("{FORM}: a day is 24h"),
                _ => FORM.to_owned(),
            });
        };
        sum += number * factor;
        rest = after;
    }
    if text.is_empty() || sum > LONGEST {
        return Err(FORM.to_owned());
    }
    Ok(Duration::from_secs_f64(sum / 1e9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        for (text, seconds) in [
            ("0", 0.0),
            ("0s", 0.0),
            ("1h", 3600.0),
            ("1h30m", 5400.0),
            ("1.5h", 5400.0),
            ("90s", 90.0),
            (".5m", 30.0),
            ("1.s", 1.0),
            ("250ms", 0.25),
            ("1\u{b5}s", 1e-6),
        ] {
            assert_eq!(parse_go_duration(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
    }

    #[test]
    fn a_duration_that_go_cannot_read_is_rejected() {
        for text in [
            "", "1", "1d", "1 h", "1H", "h", "-1h", "+1h", ".h", "1h30", "1..5h", "one hour",
            "3000000h", "PT1H", "1h\n", "inf", "nans",
        ] {
            assert!(parse_go_duration(text).is_err(), "{text}");
        }
        assert!(parse_go_duration("1d").is_err_and(|why| why.contains("24h")));
    }
}
