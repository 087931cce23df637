//! `requiredVersion`: which versions of goldenpath may use the configuration.

use semver::{Version, VersionReq};

use super::ConfigError;
use crate::yaml::Node;

/// The field's name.
const FIELD: &str = "requiredVersion";

/// The version of this program.
const RUNNING: &str = env!("CARGO_PKG_VERSION");

/// Checks `requiredVersion` of a configuration before anything else of it is judged.
///
/// So a program that is too old names the version, and not a field that it does not know.
///
/// # Errors
/// A value that is not a range, or a range that this program's version is not in.
pub(super) fn check(path: &str, text: &str, root: &Node) -> Result<(), ConfigError> {
    // A value that is not a text has another error, of its type.
    let Some(range) = root.child(FIELD).and_then(|(_, node)| node.scalar(text)) else {
        return Ok(());
    };
    check_range(range, RUNNING)
        .map_err(|(message, help)| ConfigError::new(path, message, help).at_field(text, &[FIELD]))
}

/// Checks that `range` has the version `running`; an error is a message and a help.
fn check_range(range: &str, running: &str) -> Result<(), (String, String)> {
    let range = VersionReq::parse(range).map_err(|why| {
        let help = "write comparisons with commas between them, such as `\">=0.2, <0.3\"`";
        (format!("`{FIELD}: {range}` is not a range of versions: {why}"), help.to_owned())
    })?;
    let version = Version::parse(running).map_err(|why| {
        (format!("cannot read goldenpath's version {running}: {why}"), REPORT.to_owned())
    })?;
    if range.matches(&version) {
        return Ok(());
    }
    let message = format!("`{FIELD}` is `{range}`, and this is goldenpath {version}");
    let help = format!(
        "install a version of `{range}`: docs/how-to/install.md of goldenpath has the commands"
    );
    Err((message, help))
}

const REPORT: &str = "report this as a bug";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Config, FILE_NAME};

    #[test]
    fn a_range_has_the_versions_that_cargo_says() {
        for (range, version, is_in) in [
            (">=0.2, <0.3", "0.2.0", true),
            (">=0.2, <0.3", "0.2.17", true),
            (">=0.2, <0.3", "0.3.0", false),
            (">=0.2, <0.3", "0.1.9", false),
            ("0.2", "0.2.9", true),
            ("0.2", "0.3.0", false),
            ("=0.2.1", "0.2.1", true),
            ("*", "9.0.0", true),
            // A preview is in a range that names it only.
            (">=0.2, <0.3", "0.2.0-rc.1", false),
            ("=0.2.0-rc.1", "0.2.0-rc.1", true),
        ] {
            assert_eq!(check_range(range, version).is_ok(), is_in, "{range} {version}");
        }
    }

    #[test]
    fn what_is_not_a_range_is_refused_with_an_example() {
        for range in ["", "latest", ">=0.2 <0.3", "v0.2"] {
            let (message, help) = check_range(range, "0.2.0").unwrap_err();
            assert!(message.contains("is not a range of versions"), "{message}");
            assert!(help.contains(">=0.2, <0.3"), "{help}");
        }
    }

    #[test]
    fn a_newer_configuration_is_refused_for_its_version_and_not_for_its_fields() {
        for text in [
            "futureField: 1\nrequiredVersion: \">=99, <100\"\n",
            "requiredVersion: '>=99'\nstore: {backend: [unknown]}\n",
        ] {
            let error = Config::parse(FILE_NAME, text).unwrap_err();
            assert!(error.to_string().contains("`requiredVersion` is `>=99"), "{error}");
            let label = miette::Diagnostic::labels(&error).and_then(|mut all| all.next()).unwrap();
            let place = &text[label.offset()..label.offset() + label.len()];
            assert_eq!(place, "requiredVersion");
        }
        let own = format!("requiredVersion: \"={RUNNING}\"\nfutureField: 1\n");
        let error = Config::parse(FILE_NAME, &own).unwrap_err();
        assert!(error.to_string().contains("unknown field `futureField`"), "{error}");
    }

    #[test]
    fn a_value_of_another_type_is_an_error_of_its_type() {
        let error = Config::parse(FILE_NAME, "requiredVersion: [a]\n").unwrap_err();
        assert!(error.to_string().contains("this is a list, not a string"), "{error}");
    }
}
