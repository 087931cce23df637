//! The account of a live test: what may be used, and a client that is not goldenpath's.

use std::env;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{Builder, Credentials, ProvideCredentials, SharedHttpClient};
use aws_smithy_http_client::Builder as HttpClient;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use goldenpath_testkit::{Aws, Command};
use tokio::runtime::Runtime;

/// The variables that say which account and region a life may use.
pub(super) const ACCOUNT: &str = "GOLDENPATH_LIVE_ACCOUNT";
pub(super) const REGION: &str = "GOLDENPATH_LIVE_REGION";

/// An account with credentials.
pub(super) struct LiveAccount {
    /// The number that it must have.
    pub(super) id: String,
    pub(super) region: String,
    credentials: Credentials,
    /// The endpoint of an emulator; None on AWS.
    emulator: Option<String>,
}

impl LiveAccount {
    /// Returns the account that the environment names, with the credentials of the AWS SDK.
    ///
    /// They are resolved here: the programs of a test do not see the user's home directory.
    pub(super) fn of_environment() -> Option<Self> {
        let (id, region) = (env::var(ACCOUNT).ok()?, env::var(REGION).ok()?);
        let is_number = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
        assert!(is_number, "{ACCOUNT} is not the number of an account, which has 12 digits");
        let loader = aws_config::defaults(BehaviorVersion::latest());
        let loader = loader.region(Region::new(region.clone())).http_client(http_client());
        let credentials = runtime().block_on(async {
            let sdk = loader.load().await;
            let provider = sdk.credentials_provider().expect("credentials for AWS");
            provider.provide_credentials().await.expect("credentials for AWS")
        });
        Some(Self { id, region, credentials, emulator: None })
    }

    /// Returns an account of an emulator, which must have the number `id`.
    pub(super) fn of_emulator(aws: &Aws, id: &str) -> Self {
        let own = aws.account.clone();
        let token = Some(own.session_token);
        let credentials =
            Credentials::new(own.access_key_id, own.secret_access_key, token, None, "test");
        let emulator = Some(aws.recorder.endpoint());
        Self { id: id.to_owned(), region: own.region, credentials, emulator }
    }

    /// Lets a command reach the account.
    pub(super) fn reach(&self, command: Command) -> Command {
        let credentials = &self.credentials;
        let token = credentials.session_token().map(|token| ("AWS_SESSION_TOKEN", token));
        let endpoint = self.emulator.as_deref().map(|endpoint| ("AWS_ENDPOINT_URL", endpoint));
        command
            .envs([
                ("AWS_REGION", self.region.as_str()),
                ("AWS_ACCESS_KEY_ID", credentials.access_key_id()),
                ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key()),
            ])
            .envs(token.into_iter().chain(endpoint))
    }

    pub(super) fn client(&self) -> Client {
        let mut config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(self.credentials.clone())
            .http_client(http_client());
        config.set_endpoint_url(self.emulator.clone());
        Client::from_conf(config.build())
    }
}

pub(super) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn http_client() -> SharedHttpClient {
    HttpClient::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}
