//! Checks of the regions and endpoints that receive signed requests.

use super::{Backend, Config, ConfigError};
use crate::endpoint;
use crate::endpoint::{Endpoint, EndpointError};

impl Config {
    /// Checks each region and endpoint. `text` is the configuration's source.
    ///
    /// # Errors
    /// A malformed region, which would change the host; an endpoint that is neither a host of
    /// Secrets
    /// Manager in its region nor this machine.
    pub(super) fn check_endpoints(&self, path: &str, text: &str) -> Result<(), ConfigError> {
        let Self { store, environments, .. } = self;
        let file = EndpointText { path, text };
        file.check_region(&["store"], store.region.as_deref())?;
        if let Some(url) = &store.endpoint_url {
            file.check_url(&["store"], url, store.region.as_deref())?;
        }
        for (name, own) in environments {
            let keys = ["environments", name];
            file.check_region(&keys, own.region.as_deref())?;
            let here = self.store_of(name);
            match (&own.endpoint_url, &here.endpoint_url) {
                (Some(url), _) => file.check_url(&keys, url, here.region.as_deref())?,
                (None, Some(shared))
                    if own.region.is_some() && here.backend != Some(Backend::Local) =>
                {
                    file.check_shared_url(&keys, shared, here.region.as_deref())?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The file to check.
struct EndpointText<'text> {
    path: &'text str,
    text: &'text str,
}

impl EndpointText<'_> {
    fn check_region(&self, keys: &[&str], region: Option<&str>) -> Result<(), ConfigError> {
        match region {
            Some(region) if !endpoint::is_region(region) => {
                let help = "give a region as AWS writes it, such as `eu-west-2`; set any other \
                            name with AWS_REGION";
                Err(self.error(
                    &[keys, &["region"]].concat(),
                    region,
                    "is not an AWS region",
                    help.to_owned(),
                ))
            }
            _ => Ok(()),
        }
    }

    fn check_url(&self, keys: &[&str], url: &str, region: Option<&str>) -> Result<(), ConfigError> {
        let keys = [keys, &["endpointUrl"]].concat();
        let checked =
            Endpoint::parse(url).and_then(|parsed| parsed.check_repository_endpoint(region));
        checked.map_err(|error| {
            if !url.contains('@') {
                return self.error(&keys, url, &format!("cannot be used: {error}"), help(region));
            }
            // The part before an @ may be a password, so neither it nor its line is shown.
            let message = format!("`{}` cannot be used: {error}", keys.join("."));
            let hidden = EndpointText { path: self.path, text: &self.text.replace(url, HIDDEN) };
            let error = ConfigError::new(self.path, message, help(region));
            if hidden.text == self.text { error } else { error.at_field(hidden.text, &keys) }
        })
    }

    /// Checks an environment with its own region and the shared endpoint.
    fn check_shared_url(
        &self,
        keys: &[&str],
        url: &str,
        region: Option<&str>,
    ) -> Result<(), ConfigError> {
        let checked =
            Endpoint::parse(url).and_then(|parsed| parsed.check_repository_endpoint(region));
        let Err(EndpointError::Foreign { .. }) = checked else { return Ok(()) };
        let region = region.unwrap_or_default();
        let why = format!("does not fit `store.endpointUrl: {url}`, which is in another region");
        let help = format!(
            "give this environment its own `endpointUrl`: {}",
            endpoint::allowed_hosts(Some(region))
        );
        Err(self.error(&[keys, &["region"]].concat(), region, &why, help))
    }

    fn error(&self, keys: &[&str], value: &str, why: &str, help: String) -> ConfigError {
        let message = format!("`{}: {value}` {why}", keys.join("."));
        ConfigError::new(self.path, message, help).at_field(self.text, keys)
    }
}

/// Replaces an endpoint with credentials.
const HIDDEN: &str = "[hidden]";

fn help(region: Option<&str>) -> String {
    format!(
        "a repository may name {}, or an emulator such as http://127.0.0.1:5000; set any other \
         endpoint outside the repository, as AWS_ENDPOINT_URL_SECRETS_MANAGER in the environment",
        endpoint::allowed_hosts(region)
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::FILE_NAME;

    fn error(text: &str) -> String {
        let error = Config::parse(FILE_NAME, text).unwrap_err();
        let help = miette::Diagnostic::help(&error).unwrap().to_string();
        let place = miette::Diagnostic::labels(&error).and_then(|mut labels| labels.next());
        let line = place.map_or(0, |place| text[..place.offset()].lines().count().max(1));
        format!("{error} | {help} | line {line}")
    }

    #[test]
    fn an_endpoint_of_another_region_or_owner_is_rejected_at_its_location() {
        let foreign = error(
            "store:\n  backend: aws\n  region: us-east-1\n  endpointUrl: \
             https://secrets.example.com\n",
        );
        assert!(
            foreign.contains("`store.endpointUrl: https://secrets.example.com` cannot be used"),
            "{foreign}"
        );
        assert!(
            foreign
                .contains("neither a host of AWS Secrets Manager in `us-east-1` nor this machine"),
            "{foreign}"
        );
        assert!(foreign.contains("AWS_ENDPOINT_URL_SECRETS_MANAGER"), "{foreign}");
        assert!(foreign.ends_with("line 4"), "{foreign}");

        let own = "environments:\n  prod:\n    region: eu-west-2\n    endpointUrl: \
                   https://secretsmanager.us-east-1.amazonaws.com\n";
        assert!(error(own).contains("`environments.prod.endpointUrl: "), "{}", error(own));
        // The region may come from `store`, or be unset.
        let inherits = "store: { region: eu-west-2 }\nenvironments:\n  prod:\n    endpointUrl: \
                        https://secretsmanager.us-east-1.amazonaws.com\n";
        assert!(error(inherits).contains("in `eu-west-2`"), "{}", error(inherits));
        Config::parse(FILE_NAME, &inherits.replace("eu-west-2", "us-east-1")).unwrap();
        Config::parse(
            FILE_NAME,
            "store:\n  endpointUrl: https://secretsmanager.us-east-1.amazonaws.com\n",
        )
        .unwrap();
        assert!(
            error("store:\n  endpointUrl: https://bucket.s3.amazonaws.com\n")
                .contains("endpointUrl")
        );
    }

    #[test]
    fn an_environment_in_another_region_needs_its_own_endpoint() {
        let text = "store:\n  backend: aws\n  region: us-east-1\n  endpointUrl: \
                    https://secretsmanager.us-east-1.amazonaws.com\nenvironments:\n  prod:\n    \
                    region: eu-west-2\n";
        let rejection = error(text);
        assert!(
            rejection
                .contains("`environments.prod.region: eu-west-2` does not fit `store.endpointUrl"),
            "{rejection}"
        );
        let own =
            format!("{text}    endpointUrl: https://secretsmanager.eu-west-2.amazonaws.com\n");
        Config::parse(FILE_NAME, &own).unwrap();
        Config::parse(FILE_NAME, &format!("{text}    store: {{ backend: local }}\n")).unwrap();
        let emulator =
            text.replace("https://secretsmanager.us-east-1.amazonaws.com", "http://localhost:4566");
        Config::parse(FILE_NAME, &emulator).unwrap();
    }

    #[test]
    fn a_region_that_would_change_the_host_is_rejected_at_its_location() {
        for region in [
            "us-east-1.example.com",
            "us-east-1@example.com",
            "s3",
            "us-east-1/",
            "''",
            "US-EAST-1",
            "\"us-east-1\\n\"",
        ] {
            let rejection = error(&format!("store:\n  region: {region}\n"));
            assert!(rejection.contains("`store.region: "), "{rejection}");
            assert!(
                rejection.contains("is not an AWS region") && rejection.contains("AWS_REGION"),
                "{rejection}"
            );
            let rejection = error(&format!("environments:\n  prod:\n    region: {region}\n"));
            assert!(rejection.contains("`environments.prod.region: "), "{rejection}");
        }
    }

    #[test]
    fn credentials_in_an_endpoint_are_not_shown() {
        for url in [
            "https://AKIA:hunter2@secretsmanager.us-east-1.amazonaws.com",
            "AKIA:hunter2@localhost",
        ] {
            for text in [
                format!("store:\n  endpointUrl: {url}\n"),
                format!("store: {{ endpointUrl: \"{url}\" }}\n"),
            ] {
                let rejection = Config::parse(FILE_NAME, &text).unwrap_err();
                assert!(!format!("{rejection} {rejection:?}").contains("hunter2"), "{rejection:?}");
                assert!(miette::Diagnostic::labels(&rejection).is_some(), "{text}");
            }
        }
    }
}
