//! The account behind a store, and how it is known.

/// The account of a local store in the audit trail.
pub(crate) const LOCAL: &str = "local";

/// Where the calls to a store go, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreIdentity {
    /// The account of the secrets.
    pub account: StoreAccount,
    /// The AWS region; None for the local store.
    pub region: Option<String>,
    /// The caller's identity in AWS (GetCallerIdentity, `Arn`), if known.
    pub caller: Option<String>,
    /// Why STS does not confirm the account, as a clause; None if it does.
    pub doubt: Option<String>,
}

/// An account, with the source of its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreAccount {
    /// The local store: the absolute path of its file.
    Local(String),
    /// The number by STS (GetCallerIdentity, `Account`).
    Confirmed(String),
    /// STS is out of reach: the number in goldenpath.yaml.
    Configured(String),
    /// STS is out of reach: the number in the ARNs of the account's secrets.
    OfSecrets(String),
    /// STS is out of reach, and nothing else says the number.
    Unknown,
}

impl StoreAccount {
    /// Returns the number of twelve digits; None for the local store or if it is unknown.
    #[must_use]
    pub fn number(&self) -> Option<&str> {
        match self {
            Self::Confirmed(number) | Self::Configured(number) | Self::OfSecrets(number) => {
                Some(number)
            }
            Self::Local(_) | Self::Unknown => None,
        }
    }

    /// Returns the account as the audit trail names it.
    ///
    /// For the local store, that is [`LOCAL`]. None if it is unknown.
    #[must_use]
    pub fn recorded(&self) -> Option<String> {
        match self {
            Self::Local(_) => Some(LOCAL.to_owned()),
            other => other.number().map(str::to_owned),
        }
    }
}

impl StoreIdentity {
    /// Returns the identity of a local store.
    #[must_use]
    pub fn local(path: String) -> Self {
        Self { account: StoreAccount::Local(path), region: None, caller: None, doubt: None }
    }

    /// Returns the store's name in a clause: `the account 123456789012 in us-east-1`.
    #[must_use]
    pub fn name(&self) -> String {
        match (&self.account, self.account.number()) {
            (StoreAccount::Local(_), _) => "the local store".to_owned(),
            (_, number) => format!(
                "the account {} in {}",
                number.unwrap_or("unknown"),
                self.region.as_deref().unwrap_or_default()
            ),
        }
    }

    /// Returns why nothing may be deleted or marked, as a clause; None if the account is known.
    #[must_use]
    pub fn unknown_reason(&self) -> Option<String> {
        (self.account == StoreAccount::Unknown).then(|| {
            let doubt = self.doubt.as_deref().unwrap_or("STS was not asked");
            format!(
                "the AWS account is unknown ({doubt}); set `accountId` in goldenpath.yaml, or let \
                 goldenpath reach STS"
            )
        })
    }
}
