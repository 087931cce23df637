//! AWS profiles whose role needs multi-factor authentication (`mfa_serial`).
//!
//! The SDK ignores the setting, and AWS would deny the role without a word about a code.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::profile::{self, Profile, ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_sdk_secretsmanager::config::SharedCredentialsProvider;
use aws_types::os_shim_internal::{Env, Fs};

use super::connection::SharedProvider;
use super::mfa::{self, MfaDevice};
use super::role::{AssumedRole, StsAccess};
use crate::store::StoreError;

/// The longest chain of profiles that assume each other's roles.
const LONGEST_CHAIN: usize = 5;

/// The roles that a profile assumes one after the other, with a device for one of them.
#[derive(Debug)]
pub(super) struct MfaChain {
    /// The profile with the first credentials.
    base: String,
    /// The keys in that profile, if it is one of a role, too.
    keys: Option<Credentials>,
    /// The roles in the order in which they are assumed.
    links: Vec<(AssumedRole, Option<MfaDevice>)>,
}

impl MfaChain {
    /// Returns the selected profile's roles; None if no role needs a device.
    ///
    /// That is also the case if the profile is not used, because credentials are in the
    /// environment. What is wrong with the files is reported by the SDK's own provider.
    ///
    /// # Errors
    /// [`StoreError::NoCredentials`] for a chain that cannot have MFA.
    pub(super) async fn find(session_name: &str) -> Result<Option<Self>, StoreError> {
        let is_set = |name: &str| env::var(name).is_ok_and(|value| !value.trim().is_empty());
        let has_secret = is_set("AWS_SECRET_ACCESS_KEY") || is_set("SECRET_ACCESS_KEY");
        if is_set("AWS_ACCESS_KEY_ID") && has_secret {
            return Ok(None);
        }
        match profile::load(&Fs::real(), &Env::real(), &Default::default(), None).await {
            Ok(profiles) => Self::of(&profiles, session_name),
            Err(_) => Ok(None),
        }
    }

    fn of(profiles: &ProfileSet, session_name: &str) -> Result<Option<Self>, StoreError> {
        let mut name = profiles.selected_profile().to_owned();
        let mut links = Vec::new();
        let mut keys = None;
        while let Some(profile) = profiles.get_profile(&name) {
            let Some(role) = role_of(profile, session_name) else { break };
            let device = profile.get("mfa_serial").filter(|serial| !serial.is_empty());
            let device = device.map(|serial| MfaDevice {
                serial: serial.to_owned(),
                needed_by: format!("the AWS profile `{name}` in {}", file_with_device().display()),
                profile: Some(name.clone()),
            });
            let has_device = device.is_some();
            links.push((role, device));
            match profile.get("source_profile") {
                Some(source) if source == name => {
                    keys = keys_of(profile);
                    break;
                }
                // The SDK reports an endless chain.
                Some(_) if links.len() >= LONGEST_CHAIN => return Ok(None),
                Some(source) => source.clone_into(&mut name),
                None if has_device => {
                    return Err(StoreError::NoCredentials {
                        reason: format!(
                            "the AWS profile `{name}` has `mfa_serial`, but no `source_profile` \
                             of an IAM user: only a user has an MFA device"
                        ),
                    });
                }
                None => return Ok(None),
            }
        }
        links.reverse();
        let needs_device = links.iter().any(|(_, device)| device.is_some());
        Ok(needs_device.then_some(Self { base: name, keys, links }))
    }

    /// Returns the credentials of the last role.
    ///
    /// # Errors
    /// [`StoreError::MfaRequired`], [`StoreError::MfaRefused`], and unusable credentials.
    pub(super) async fn credentials(
        self,
        sdk: &SdkConfig,
        sts: &StsAccess,
    ) -> Result<SharedCredentialsProvider, StoreError> {
        let mut provider = match self.keys {
            Some(keys) => SharedCredentialsProvider::new(keys),
            None => {
                let mut config = ProviderConfig::without_region()
                    .with_region(sdk.region().cloned())
                    .with_use_fips(sdk.use_fips())
                    .with_use_dual_stack(sdk.use_dual_stack());
                if let Some(client) = sdk.http_client() {
                    config = config.with_http_client(client);
                }
                let provider = ProfileFileCredentialsProvider::builder()
                    .configure(&config)
                    .profile_name(self.base)
                    .build();
                SharedProvider::of(SharedCredentialsProvider::new(provider))
            }
        };
        for (role, device) in self.links {
            if let Some(device) = device {
                let session = mfa::session(sts, provider, &device).await?;
                provider = SharedCredentialsProvider::new(session);
            }
            provider = SharedProvider::of(sts.assume_role(provider, role));
        }
        Ok(provider)
    }
}

/// Returns the role of a profile. One of a web identity is not assumed by other credentials.
fn role_of(profile: &Profile, session_name: &str) -> Option<AssumedRole> {
    if profile.get("web_identity_token_file").is_some() {
        return None;
    }
    let seconds = profile.get("duration_seconds").and_then(|text| text.trim().parse().ok());
    Some(AssumedRole {
        arn: profile.get("role_arn")?.to_owned(),
        session_name: profile.get("role_session_name").unwrap_or(session_name).to_owned(),
        external_id: profile.get("external_id").map(str::to_owned),
        length: seconds.map(Duration::from_secs),
        source_identity: None,
    })
}

fn keys_of(profile: &Profile) -> Option<Credentials> {
    let token = profile.get("aws_session_token").map(str::to_owned);
    Some(Credentials::new(
        profile.get("aws_access_key_id")?,
        profile.get("aws_secret_access_key")?,
        token,
        None,
        "ProfileFile",
    ))
}

/// Returns the file that has the device, for messages: the credentials file may have it, too.
fn file_with_device() -> PathBuf {
    let file = |variable: &str, name: &str| {
        env::var_os(variable).map_or_else(|| PathBuf::from(format!("~/.aws/{name}")), PathBuf::from)
    };
    let credentials = file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let found = credentials.strip_prefix("~").map_or(credentials.clone(), |rest| home.join(rest));
    match std::fs::read_to_string(found) {
        Ok(text) if text.contains("mfa_serial") => credentials,
        _ => file("AWS_CONFIG_FILE", "config"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const USER: &str = "[user]\naws_access_key_id = AKIDUSER\naws_secret_access_key = x\n";

    /// Returns the chain of the profile `prod`.
    fn chain(config: &str) -> Result<Option<MfaChain>, StoreError> {
        let files = [("/config", config), ("/credentials", USER)];
        let env = Env::from_slice(&[
            ("AWS_CONFIG_FILE", "/config"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/credentials"),
            ("AWS_PROFILE", "prod"),
        ]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let loaded = runtime.block_on(async {
            profile::load(&Fs::from_slice(&files), &env, &Default::default(), None).await
        });
        MfaChain::of(&loaded.unwrap(), "goldenpath")
    }

    const ROLE: &str = "role_arn = arn:aws:iam::123456789012:role/prod\n";
    const DEVICE: &str = "mfa_serial = arn:aws:iam::123456789012:mfa/ann\n";

    #[test]
    fn a_role_with_a_device_is_found_also_below_another_role() {
        let text = format!("[profile prod]\n{ROLE}{DEVICE}source_profile = user\n");
        let found = chain(&text).unwrap().unwrap();
        assert_eq!(found.base, "user");
        assert_eq!(found.links.len(), 1);
        let device = found.links[0].1.as_ref().unwrap();
        assert_eq!(device.serial, "arn:aws:iam::123456789012:mfa/ann");
        assert!(device.needed_by.contains("`prod`"), "{device:?}");

        let text = format!(
            "[profile prod]\nrole_arn = arn:aws:iam::1:role/second\nsource_profile = first\n\
             duration_seconds = 900\nexternal_id = e\n\
             [profile first]\n{ROLE}{DEVICE}source_profile = user\n"
        );
        let found = chain(&text).unwrap().unwrap();
        let roles: Vec<_> = found.links.iter().map(|(role, _)| role.arn.as_str()).collect();
        assert_eq!(roles, ["arn:aws:iam::123456789012:role/prod", "arn:aws:iam::1:role/second"]);
        assert!(found.links[0].1.is_some() && found.links[1].1.is_none());
        assert_eq!(found.links[1].0.length, Some(Duration::from_secs(900)));
        assert_eq!(found.links[1].0.external_id.as_deref(), Some("e"));
    }

    #[test]
    fn a_profile_that_is_its_own_source_has_the_keys() {
        let text = format!(
            "[profile prod]\n{ROLE}{DEVICE}source_profile = prod\naws_access_key_id = AKIDOWN\n\
             aws_secret_access_key = x\n"
        );
        let found = chain(&text).unwrap().unwrap();
        assert_eq!(found.keys.unwrap().access_key_id(), "AKIDOWN");
    }

    #[test]
    fn a_profile_without_a_device_is_left_to_the_sdk() {
        for text in [
            "[profile prod]\nregion = eu-west-2\n".to_owned(),
            format!("[profile prod]\n{ROLE}source_profile = user\n"),
            // A device without a role is of no use to the CLI either.
            format!("[profile prod]\n{DEVICE}"),
            format!(
                "[profile prod]\n{ROLE}source_profile = other\n\
                 [profile other]\n{ROLE}source_profile = prod\n"
            ),
            format!("[profile other]\n{ROLE}{DEVICE}source_profile = user\n"),
        ] {
            assert!(chain(&text).unwrap().is_none(), "{text}");
        }
    }

    #[test]
    fn a_device_without_a_user_is_an_error_that_names_the_profile() {
        let text = format!("[profile prod]\n{ROLE}{DEVICE}credential_source = Environment\n");
        let error = chain(&text).unwrap_err();
        assert!(error.to_string().contains("`prod` has `mfa_serial`"), "{error}");
    }
}
