//! Who AWS takes the caller for, for the audit trail.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::config::SharedCredentialsProvider;
use tokio::time::timeout;

/// How long it is waited for: what was done does not depend on it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks STS; without a client where Secrets Manager is somewhere else than at AWS and nobody says where STS is.
#[derive(Debug)]
pub(super) struct Caller(Option<aws_sdk_sts::Client>);

impl Caller {
    pub(super) fn new(
        sdk: &SdkConfig,
        credentials: Option<SharedCredentialsProvider>,
        endpoint: Option<String>,
    ) -> Self {
        let mut builder = aws_sdk_sts::config::Builder::from(sdk);
        builder.set_credentials_provider(credentials);
        builder.set_endpoint_url(endpoint);
        Self(Some(aws_sdk_sts::Client::from_conf(builder.build())))
    }

    pub(super) fn nobody_to_ask() -> Self {
        Self(None)
    }

    /// The caller's ARN; None where it cannot be found out.
    pub(super) async fn arn(&self) -> Option<String> {
        let asked = self.0.as_ref()?.get_caller_identity().send();
        timeout(PATIENCE, asked).await.ok()?.ok()?.arn
    }
}
