//! The account of an AWS store: by STS, or else by the ARNs of its secrets.

use std::cell::RefCell;
use std::time::Duration;

use tokio::time::timeout;

use super::connection::CredentialChain;
use super::{AwsStore, connection};
use crate::store::aws::error::Call;
use crate::store::{StoreAccount, StoreError, StoreIdentity};
use goldenpath_core::arn;
use goldenpath_core::config::StoreConfig;
use goldenpath_core::endpoint;

/// The time limit for GetCallerIdentity, with its retries.
const LIMIT: Duration = Duration::from_secs(20);

/// The time limit for an account that `init` only offers.
const OFFER_LIMIT: Duration = Duration::from_secs(5);

/// The account as it is known so far.
#[derive(Debug)]
pub(super) struct AwsIdentity {
    /// The account in goldenpath.yaml, by number or by role.
    expected: Option<String>,
    known: RefCell<StoreIdentity>,
}

impl AwsIdentity {
    pub(super) fn expecting(expected: Option<&str>) -> Self {
        let account = match expected {
            Some(number) => StoreAccount::Configured(number.to_owned()),
            None => StoreAccount::Unknown,
        };
        let known = StoreIdentity { account, region: None, caller: None, doubt: None };
        Self { expected: expected.map(str::to_owned), known: RefCell::new(known) }
    }

    fn check(&self, actual: &str, caller: Option<&str>) -> Result<(), StoreError> {
        match &self.expected {
            Some(expected) if expected != actual => Err(StoreError::WrongAccount {
                expected: expected.clone(),
                actual: actual.to_owned(),
                caller: caller.map(str::to_owned),
            }),
            _ => Ok(()),
        }
    }
}

impl AwsStore {
    /// Asks STS for the account of this machine's credentials, for a few seconds.
    ///
    /// The instance's metadata service is not asked for credentials.
    ///
    /// # Errors
    /// There are no credentials or no region, or STS does not answer.
    pub async fn find_caller() -> Result<StoreIdentity, StoreError> {
        let find = async {
            let config = StoreConfig::default();
            let store = connection::connect(&config, CredentialChain::WithoutInstance).await?;
            store.identify().await?;
            Ok(store.known_identity())
        };
        timeout(OFFER_LIMIT, find).await.unwrap_or_else(|_| {
            Err(StoreError::Unreachable {
                endpoint: "STS".to_owned(),
                reason: format!("no answer within {} seconds", OFFER_LIMIT.as_secs()),
            })
        })
    }

    pub(super) fn known_identity(&self) -> StoreIdentity {
        StoreIdentity { region: Some(self.region.clone()), ..self.identity.known.borrow().clone() }
    }

    /// Asks STS for the account.
    ///
    /// If STS cannot be reached or rejects the call, the account stays the configured one, or
    /// unknown until the ARN of a secret is seen.
    ///
    /// # Errors
    /// [`StoreError::WrongAccount`], and credentials that no call can use.
    pub(super) async fn identify(&self) -> Result<(), StoreError> {
        // These requests are signed with the credentials, too.
        if let Some(Err(error)) = self.sts_endpoint.as_deref().map(connection::check_endpoint) {
            self.doubt(error.to_string());
            return Ok(());
        }
        let host = endpoint::sts_url(&self.region);
        let endpoint = self.sts_endpoint.as_deref().unwrap_or(&host);
        let answer = match timeout(LIMIT, self.sts.get_caller_identity().send()).await {
            Ok(Ok(caller)) => Ok((caller.account, caller.arn)),
            Ok(Err(error)) => {
                Err(Call { endpoint, ..self.call("GetCallerIdentity", None) }.failed(error))
            }
            Err(_) => Err(StoreError::Unreachable {
                endpoint: endpoint.to_owned(),
                reason: format!("no answer within {} seconds", LIMIT.as_secs()),
            }),
        };
        match answer {
            Ok((Some(number), caller)) => {
                self.identity.check(&number, caller.as_deref())?;
                let mut known = self.identity.known.borrow_mut();
                (known.account, known.caller) = (StoreAccount::Confirmed(number), caller);
                Ok(())
            }
            Ok((None, _)) => {
                self.doubt(format!("`{endpoint}` does not say the account"));
                Ok(())
            }
            // Other calls would fail in the same way.
            Err(error) if error.stops_store() => Err(error),
            Err(error) => {
                self.doubt(error.to_string());
                Ok(())
            }
        }
    }

    fn doubt(&self, why: String) {
        self.identity.known.borrow_mut().doubt = Some(why);
    }

    /// Takes the account from the ARN of a secret that AWS has listed or described.
    ///
    /// # Errors
    /// [`StoreError::WrongAccount`]
    pub(super) fn observe(&self, secret: Option<&str>) -> Result<(), StoreError> {
        let Some(number) = secret.and_then(arn::account) else { return Ok(()) };
        let mut known = self.identity.known.borrow_mut();
        match &known.account {
            StoreAccount::Configured(_) | StoreAccount::Unknown => {
                self.identity.check(number, known.caller.as_deref())?;
                known.account = StoreAccount::OfSecrets(number.to_owned());
                Ok(())
            }
            StoreAccount::Confirmed(_) | StoreAccount::OfSecrets(_) | StoreAccount::Local(_) => {
                Ok(())
            }
        }
    }
}
