//! Arguments that are a time: `--within 2w`, `--timeout 90s`.

use std::time::Duration;

/// The longest `--within`: a hundred years.
const MAX_DAYS: u32 = 36_500;

/// The longest `--timeout`: a week.
const MAX_SECONDS: u64 = 7 * 24 * 3600;

/// Parses `14d` or `2w` as a number of days.
pub(crate) fn parse_days(text: &str) -> Result<u32, String> {
    const FORM: &str = "give days or weeks, such as 14d or 2w";
    let (number, unit) = match (text.strip_suffix('d'), text.strip_suffix('w')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 7),
        (None, None) => return Err(FORM.to_owned()),
    };
    if !is_number(number) {
        return Err(FORM.to_owned());
    }
    let days = number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit));
    days.filter(|days| *days <= MAX_DAYS).ok_or_else(|| "give at most a hundred years".to_owned())
}

/// Parses `90s`, `10m` or `1h`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "give seconds, minutes or hours, such as 90s, 10m or 1h";
    let units = [('s', 1), ('m', 60), ('h', 3600)];
    let number = units.into_iter().find_map(|(unit, seconds)| {
        text.strip_suffix(unit).filter(|number| is_number(number)).map(|number| (number, seconds))
    });
    let (number, unit) = number.ok_or(FORM)?;
    let seconds =
        number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or(FORM)?;
    if seconds > MAX_SECONDS {
        return Err("give at most a week".to_owned());
    }
    Ok(Duration::from_secs(seconds))
}

/// Returns whether the text is a number without a sign.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_weeks_are_days() {
        assert_eq!(parse_days("14d"), Ok(14));
        assert_eq!(parse_days("2w"), Ok(14));
        assert_eq!(parse_days("0d"), Ok(0));
        assert_eq!(parse_days("36500d"), Ok(36_500));
    }

    #[test]
    fn other_forms_of_days_are_rejected() {
        for text in ["", "14", "d", "w", "-1d", "+1d", "1.5w", "2m", "2 w", "2W", "é"] {
            assert!(parse_days(text).is_err(), "{text}");
        }
    }

    #[test]
    fn more_than_a_hundred_years_is_rejected() {
        for text in ["36501d", "5215w", "4294967295w", "99999999999d"] {
            assert_eq!(parse_days(text), Err("give at most a hundred years".to_owned()), "{text}");
        }
    }

    #[test]
    fn seconds_minutes_and_hours_are_durations() {
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(parse_duration("168h"), Ok(Duration::from_secs(604_800)));
    }

    #[test]
    fn other_forms_of_durations_are_rejected() {
        for text in ["", "90", "s", "-1s", "1d", "1.5h", "169h", "99999999999999999999s", "é"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
