//! What a role's assumption takes besides `roleArn`: external ID, duration, source identity, MFA.
//!
//! Source: AWS STS API Reference, AssumeRole.

use std::time::Duration;

use super::{Config, ConfigError, StoreConfig};

/// The shortest session of a role (AssumeRole, `DurationSeconds`).
const SHORTEST: u64 = 15 * 60;

/// The longest session of a role. The role's own maximum may be lower (`MaxSessionDuration`).
const LONGEST: u64 = 12 * 3600;

/// The characters that STS accepts in a source identity, with letters and digits.
const SOURCE_IDENTITY: &[u8] = b"_+=,.@-";

/// A setting of a role's assumption.
struct RoleSetting<'a> {
    key: &'static str,
    value: Option<&'a str>,
    /// What it is called in a message.
    name: &'static str,
    check: fn(&str) -> Result<(), String>,
}

impl StoreConfig {
    /// Returns how long the credentials of the role are valid; None for AWS's hour.
    ///
    /// Config::parse has checked the text.
    #[must_use]
    pub fn session_length(&self) -> Option<Duration> {
        parse_session_duration(self.session_duration.as_deref()?).ok()
    }
}

impl Config {
    /// Checks the settings of each role's assumption. `text` is the configuration's source.
    pub(super) fn check_role_sessions(&self, path: &str, text: &str) -> Result<(), ConfigError> {
        let StoreConfig { external_id, session_duration, source_identity, mfa_serial, .. } =
            &self.store;
        let shared = settings(external_id, session_duration, source_identity, mfa_serial);
        let shared = (vec!["store"], shared, self.store.role_arn.is_some());
        let own = self.environments.iter().map(|(name, own)| {
            let settings = settings(
                &own.external_id,
                &own.session_duration,
                &own.source_identity,
                &own.mfa_serial,
            );
            let has_role = own.role_arn.is_some() || self.store.role_arn.is_some();
            (vec!["environments", name.as_str()], settings, has_role)
        });
        for (keys, settings, has_role) in std::iter::once(shared).chain(own) {
            for RoleSetting { key, value, name, check } in settings {
                let Some(value) = value else { continue };
                let keys = [&keys[..], &[key]].concat();
                let bad = |message: String, help: String| {
                    Err(ConfigError::new(path, message, help).at_field(text, &keys))
                };
                let field = keys.join(".");
                if let Err(why) = check(value) {
                    let value = value.escape_debug();
                    return bad(format!("`{field}: {value}` is not {name}"), why);
                }
                if !has_role {
                    let help = "add the `roleArn` that it belongs to, or remove the line";
                    return bad(format!("`{field}` has no effect without a role"), help.to_owned());
                }
            }
        }
        Ok(())
    }
}

fn settings<'a>(
    external_id: &'a Option<String>,
    session_duration: &'a Option<String>,
    source_identity: &'a Option<String>,
    mfa_serial: &'a Option<String>,
) -> [RoleSetting<'a>; 4] {
    [
        RoleSetting {
            key: "externalId",
            value: external_id.as_deref(),
            name: "an external ID",
            check: |text| check_characters(text, 2..=1224, b"+=,.@:/-_"),
        },
        RoleSetting {
            key: "sessionDuration",
            value: session_duration.as_deref(),
            name: "a session's duration",
            check: |text| parse_session_duration(text).map(drop),
        },
        RoleSetting {
            key: "sourceIdentity",
            value: source_identity.as_deref(),
            name: "a source identity",
            check: |text| check_characters(text, 2..=64, SOURCE_IDENTITY),
        },
        RoleSetting {
            key: "mfaSerial",
            value: mfa_serial.as_deref(),
            name: "the serial number of an MFA device",
            check: |text| {
                check_characters(text, 9..=256, b"_+=/:,.@-")
                    .map_err(|why| format!("{why}, such as arn:aws:iam::123456789012:mfa/ann"))
            },
        },
    ]
}

/// Checks a text by STS's pattern.
///
/// # Errors
/// A sentence that says what is accepted.
fn check_characters(
    text: &str,
    length: std::ops::RangeInclusive<usize>,
    others: &[u8],
) -> Result<(), String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
    if length.contains(&text.len()) && text.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(format!(
        "it has {} to {} letters, digits and characters of `{}`",
        length.start(),
        length.end(),
        String::from_utf8_lossy(others)
    ))
}

/// Parses the duration of a role's session, such as `45m`, `1h` or `1h30m`.
///
/// # Errors
/// A sentence that says what is accepted.
fn parse_session_duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "give 15m to 12h, such as 45m or 1h30m; for a role that a role assumes, \
                        AWS accepts at most 1h";
    let mut seconds: u64 = 0;
    let mut rest = text;
    // Each unit once, the larger ones first.
    for (unit, factor) in [('h', 3600), ('m', 60), ('s', 1)] {
        let Some((number, after)) = rest.split_once(unit) else { continue };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(FORM.to_owned());
        }
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
        seconds = part.and_then(|part| seconds.checked_add(part)).ok_or(FORM)?;
        rest = after;
    }
    if !rest.is_empty() || !(SHORTEST..=LONGEST).contains(&seconds) {
        return Err(FORM.to_owned());
    }
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use miette::Diagnostic;

    use super::*;
    use crate::config::FILE_NAME;

    const SHARED: &str = "\"arn:aws:iam::111111111111:role/x\"";
    const OWN: &str = "\"arn:aws:iam::222222222222:role/x\"";

    #[test]
    fn the_settings_belong_to_the_role_next_to_them() {
        let text = format!(
            "\
store:
  roleArn: {SHARED}
  externalId: shared-1
  sessionDuration: 2h
  sourceIdentity: ci
  mfaSerial: arn:aws:iam::111111111111:mfa/ann
environments:
  prod: {{ roleArn: {OWN} }}
  test: {{ roleArn: {OWN}, externalId: own-1, sessionDuration: 1h30m }}
  staging: {{ sourceIdentity: staging }}
"
        );
        let config = Config::parse(FILE_NAME, &text).unwrap();
        let shown = |environment: &str| {
            let store = config.store_of(environment);
            let minutes = store.session_length().map(|length| length.as_secs() / 60);
            (store.external_id, minutes, store.source_identity, store.mfa_serial)
        };
        let own = |text: &str| Some(text.to_owned());
        let serial = own("arn:aws:iam::111111111111:mfa/ann");
        assert_eq!(shown("dev"), (own("shared-1"), Some(120), own("ci"), serial.clone()));
        assert_eq!(shown("prod"), (None, None, None, None));
        assert_eq!(shown("test"), (own("own-1"), Some(90), None, None));
        assert_eq!(shown("staging"), (own("shared-1"), Some(120), own("staging"), serial));
    }

    #[test]
    fn what_sts_would_reject_is_rejected_at_its_location() {
        for (setting, words) in [
            ("externalId: x", "is not an external ID"),
            ("externalId: a b", "is not an external ID"),
            ("externalId: \"a\\nb\"", "is not an external ID"),
            ("sessionDuration: 14m", "is not a session's duration"),
            ("sessionDuration: 12h1s", "is not a session's duration"),
            ("sessionDuration: 1d", "is not a session's duration"),
            ("sessionDuration: 30m1h", "is not a session's duration"),
            ("sessionDuration: \"\"", "is not a session's duration"),
            ("sessionDuration: 99999999999999999999h", "is not a session's duration"),
            ("sourceIdentity: a", "is not a source identity"),
            ("sourceIdentity: \"aws:ann\"", "is not a source identity"),
            ("mfaSerial: \"12345678\"", "is not the serial number"),
        ] {
            for (before, after) in [("store:", ""), ("environments:\n  prod:\n  ", "")] {
                let text = format!("{before}\n  {setting}{after}\n").replace("  \n  ", "\n    ");
                let error = Config::parse(FILE_NAME, &text).unwrap_err();
                assert!(error.to_string().contains(words), "{text}: {error}");
                assert!(error.labels().is_some(), "{text}");
            }
        }
    }

    #[test]
    fn a_setting_without_a_role_is_rejected() {
        for setting in [
            "externalId: acme",
            "sessionDuration: 1h",
            "sourceIdentity: ci",
            "mfaSerial: GAHT12345",
        ] {
            let error = Config::parse(FILE_NAME, &format!("store: {{ {setting} }}\n")).unwrap_err();
            assert!(error.to_string().contains("has no effect without a role"), "{error}");
            let text = format!("environments: {{ prod: {{ {setting}, roleArn: {OWN} }} }}\n");
            Config::parse(FILE_NAME, &text).unwrap();
        }
    }
}
