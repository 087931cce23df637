//! The AWS clients, created from the configuration and AWS's standard chain.

use std::env;
use std::time::{Duration, SystemTime};

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_secretsmanager::config::{
    Builder, ProvideCredentials, SharedCredentialsProvider, SharedHttpClient,
};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder as HttpClient, Connector};
use aws_types::service_config::ServiceConfigKey;
use tokio::sync::Mutex;

use super::consistency::WrittenSecrets;
use super::identity::AwsIdentity;
use super::mfa::{self, MfaDevice};
use super::profile::MfaChain;
use super::role::{AssumedRole, StsAccess};
use super::{AwsStore, RateLimits, error, proxy, role};
use crate::store::StoreError;
use goldenpath_core::config::StoreConfig;
use goldenpath_core::endpoint::{Endpoint, EndpointError, sts_url};

/// The attempts of a call for credentials to another service than STS.
const ATTEMPTS: u32 = 4;
/// The attempts of a call to STS, which every run waits for.
///
/// Few, so that an unreachable host is named within the time for credentials.
const STS_ATTEMPTS: u32 = 2;
const CONNECT: Duration = Duration::from_secs(5);
const ATTEMPT: Duration = Duration::from_secs(20);
const OPERATION: Duration = Duration::from_secs(60);
/// Shorter than an attempt, so that the error names the credentials as the cause.
const CREDENTIALS: Duration = Duration::from_secs(15);
/// Credentials are fetched again this long before they expire, or after half of their time.
const RENEWAL: Duration = Duration::from_secs(300);

/// The providers that credentials come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CredentialChain {
    /// AWS's standard chain.
    Standard,
    /// Without its last provider, the instance's metadata service, which is slow to be missing.
    WithoutInstance,
}

pub(super) async fn connect(
    config: &StoreConfig,
    chain: CredentialChain,
) -> Result<AwsStore, StoreError> {
    let region = region(config).await?;
    let proxy = proxy::proxy(|name| env::var(name).ok())?;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region.clone())
        .http_client(http_client(proxy.clone()))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts);
    if let Ok(name) = AppName::new("goldenpath") {
        loader = loader.app_name(name);
    }
    if chain == CredentialChain::WithoutInstance {
        loader = loader.credentials_provider(chain_without_instance(&region, proxy));
    }
    let sdk = loader.load().await;

    let chosen =
        config.endpoint_url.clone().or_else(|| inherited_endpoint(&sdk, "Secrets_Manager"));
    match (&config.endpoint_url, &chosen) {
        (Some(configured), _) => check_configured(configured, region.as_ref())?,
        (None, Some(inherited)) => check_endpoint(inherited)?,
        (None, None) => {}
    }
    let endpoint = resolve(&sdk, &region, chosen.clone()).await?;
    let mut builder = Builder::from(&sdk);
    builder.set_endpoint_url(chosen.clone());
    // An emulator on this machine has an STS of its own.
    let emulator = chosen.clone().filter(|url| url.starts_with("http://"));
    let sts_endpoint = inherited_endpoint(&sdk, "STS").or(emulator);
    let mut sts = aws_sdk_sts::config::Builder::from(&sdk);
    sts.set_endpoint_url(sts_endpoint.clone());
    sts.set_retry_config(Some(RetryConfig::standard().with_max_attempts(STS_ATTEMPTS)));
    let shown = sts_endpoint.clone().unwrap_or_else(|| sts_url(region.as_ref()));
    let credentials = credentials(config, &sdk, &StsAccess::new(sts.clone(), shown)).await?;
    sts.set_credentials_provider(credentials.clone());
    builder.set_credentials_provider(credentials);
    builder.set_retry_config(Some(RetryConfig::disabled())); // see `retry`
    Ok(AwsStore {
        client: Client::from_conf(builder.build()),
        sts: aws_sdk_sts::Client::from_conf(sts.build()),
        sts_endpoint,
        region: region.to_string(),
        endpoint,
        overridden: chosen.is_some(),
        role: config.role_arn.clone(),
        identity: AwsIdentity::expecting(config.expected_account()),
        rate_limits: RateLimits::new(),
        written: WrittenSecrets::default(),
    })
}

/// Returns the credentials of the standard chain, or of the role that they assume.
///
/// Makes a call only for multi-factor authentication.
async fn credentials(
    config: &StoreConfig,
    sdk: &SdkConfig,
    sts: &StsAccess,
) -> Result<Option<SharedCredentialsProvider>, StoreError> {
    let session_name = role::session_name(|name| env::var(name).ok());
    // The requests to STS are signed with the credentials, too.
    let check_sts = || match inherited_endpoint(sdk, "STS") {
        Some(chosen) => check_endpoint(&chosen),
        None => Ok(()),
    };
    let chain = match MfaChain::find(&session_name).await? {
        Some(chain) => {
            check_sts()?;
            Some(chain.credentials(sdk, sts).await?)
        }
        None => sdk.credentials_provider().map(SharedProvider::of),
    };
    let (Some(arn), Some(mut chain)) = (&config.role_arn, chain.clone()) else { return Ok(chain) };
    check_sts()?;
    if let Some(serial) = &config.mfa_serial {
        let device = MfaDevice {
            serial: serial.clone(),
            needed_by: format!("the role `{arn}` in goldenpath.yaml"),
            profile: None,
        };
        chain = SharedCredentialsProvider::new(mfa::session(sts, chain, &device).await?);
    }
    let role = AssumedRole {
        arn: arn.clone(),
        session_name,
        external_id: config.external_id.clone(),
        length: config.session_length(),
        source_identity: config.source_identity.clone(),
    };
    Ok(Some(SharedProvider::of(sts.assume_role(chain, role))))
}

/// Returns the standard chain without its last provider.
fn chain_without_instance(region: &Region, proxy: ProxyConfig) -> CredentialsProviderChain {
    let settings = ProviderConfig::without_region()
        .with_region(Some(region.clone()))
        .with_http_client(http_client(proxy));
    let profile = ProfileFileCredentialsProvider::builder().configure(&settings).build();
    let token = WebIdentityTokenCredentialsProvider::builder().configure(&settings).build();
    let container = EcsCredentialsProvider::builder().configure(&settings).build();
    CredentialsProviderChain::first_try(
        "Environment",
        EnvironmentVariableCredentialsProvider::new(),
    )
    .or_else("Profile", profile)
    .or_else("WebIdentityToken", token)
    .or_else("EcsContainer", container)
}

/// Returns the region of the standard chain, without its last provider.
///
/// The last provider would call the instance's metadata service, and secrets need not be in the
/// region of the pipeline.
async fn region(config: &StoreConfig) -> Result<Region, StoreError> {
    let chain = RegionProviderChain::first_try(config.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new());
    let found = chain.region().await.filter(|region| !region.as_ref().trim().is_empty());
    let region = found.ok_or(StoreError::NoRegion)?;
    // A region becomes a part of the host that signed requests go to.
    if region.as_ref().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        Ok(region)
    } else {
        Err(StoreError::BadRegion { region: region.as_ref().escape_debug().to_string() })
    }
}

/// Returns the endpoint of a service from the environment or the AWS profile.
///
/// That is AWS_ENDPOINT_URL_SECRETS_MANAGER, AWS_ENDPOINT_URL or the profile's setting (AWS SDKs
/// and Tools Reference Guide, "Service-specific endpoints"). The client would use it anyway, but
/// unchecked, and no message could name it.
///
/// `service` needs the underscore of the profile's key: from "Secrets Manager" the SDK derives
/// `secrets-manager`.
fn inherited_endpoint(sdk: &SdkConfig, service: &'static str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    let own = sdk.service_config().and_then(|settings| settings.load_config(key));
    own.or_else(|| sdk.endpoint_url().map(str::to_owned))
}

/// Checks an endpoint from the user's environment: https, or http to this machine.
///
/// # Errors
/// [`StoreError::PlainHttp`] and [`StoreError::BadEndpoint`].
pub(super) fn check_endpoint(endpoint: &str) -> Result<(), StoreError> {
    let checked = Endpoint::parse(endpoint).and_then(|parsed| parsed.check_encrypted());
    checked.map_err(|error| rejected(endpoint, error))
}

/// Checks an endpoint from the configuration against the region of this run.
///
/// The region may come from the environment.
fn check_configured(endpoint: &str, region: &str) -> Result<(), StoreError> {
    let checked =
        Endpoint::parse(endpoint).and_then(|parsed| parsed.check_repository_endpoint(Some(region)));
    checked.map_err(|error| rejected(endpoint, error))
}

fn rejected(endpoint: &str, error: EndpointError) -> StoreError {
    match error {
        EndpointError::Unencrypted => StoreError::PlainHttp { endpoint: endpoint.to_owned() },
        EndpointError::Foreign { region } => StoreError::ForeignEndpoint {
            endpoint: endpoint.to_owned(),
            region: region.unwrap_or_default(),
        },
        EndpointError::Malformed(reason) => StoreError::BadEndpoint {
            // The part before an @ may be a password.
            endpoint: (!endpoint.contains('@')).then(|| endpoint.escape_debug().to_string()),
            reason: reason.to_owned(),
        },
    }
}

/// Returns the address that the client will use, by the same rules.
async fn resolve(
    sdk: &SdkConfig,
    region: &Region,
    chosen: Option<String>,
) -> Result<String, StoreError> {
    let shown = chosen.clone().unwrap_or_else(|| region.to_string());
    let bad = |reason: String| StoreError::BadEndpoint { endpoint: Some(shown.clone()), reason };
    let params = Params::builder()
        .region(region.to_string())
        .set_endpoint(chosen)
        .set_use_fips(sdk.use_fips())
        .set_use_dual_stack(sdk.use_dual_stack())
        .build()
        .map_err(|error| bad(error::innermost(&error)))?;
    let resolved = DefaultResolver::new().resolve_endpoint(&params).await;
    resolved
        .map(|endpoint| endpoint.url().to_owned())
        .map_err(|error| bad(error::innermost(&*error)))
}

/// A credentials provider with a time limit, whose credentials both clients use.
///
/// A credential process may hang, and the error of the SDK's own limit does not distinguish
/// credentials from the network. The SDK's cache is one per client.
#[derive(Debug)]
pub(super) struct SharedProvider {
    provider: SharedCredentialsProvider,
    fetched: Mutex<Option<FetchedCredentials>>,
}

#[derive(Debug)]
struct FetchedCredentials {
    credentials: Credentials,
    /// When they are fetched again; None if they do not expire.
    renewal: Option<SystemTime>,
}

impl SharedProvider {
    pub(super) fn of(provider: SharedCredentialsProvider) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(Self { provider, fetched: Mutex::new(None) })
    }
}

/// Returns when credentials are fetched again.
///
/// Some are valid for a few minutes only: fetching those with each call would be no cache.
fn renewal(expiry: SystemTime, now: SystemTime) -> SystemTime {
    let left = expiry.duration_since(now).unwrap_or_default();
    now + left.saturating_sub(RENEWAL).max(left / 2)
}

impl ProvideCredentials for SharedProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            // Held while fetching: a second client waits instead of asking, too.
            let mut fetched = self.fetched.lock().await;
            let now = SystemTime::now();
            let is_valid =
                |known: &&FetchedCredentials| known.renewal.is_none_or(|renewal| renewal > now);
            if let Some(known) = fetched.as_ref().filter(is_valid) {
                return Ok(known.credentials.clone());
            }
            let provided =
                tokio::time::timeout(CREDENTIALS, self.provider.provide_credentials()).await;
            let provided =
                provided.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(CREDENTIALS)));
            *fetched = provided.as_ref().ok().map(|credentials| FetchedCredentials {
                credentials: credentials.clone(),
                renewal: credentials.expiry().map(|expiry| renewal(expiry, SystemTime::now())),
            });
            provided
        })
    }
}

/// Returns an HTTP client with rustls on ring, and a proxy for https.
///
/// The root certificates are the platform's, or those in SSL_CERT_FILE.
fn http_client(proxy: ProxyConfig) -> SharedHttpClient {
    HttpClient::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_renewed_five_minutes_or_half_their_time_before_they_expire() {
        let now = SystemTime::UNIX_EPOCH;
        for (valid, expected) in [(3600, 3300), (900, 600), (600, 300), (60, 30), (0, 0)] {
            let at = |seconds| now + Duration::from_secs(seconds);
            assert_eq!(renewal(at(valid), now), at(expected), "{valid}");
        }
    }
}
