//! Sessions with multi-factor authentication (MFA): the user types the code of a device.
//!
//! The SDK does not support MFA. A session of GetSessionToken has it, and suffices for every role
//! that the user assumes: a device's code is accepted once.

use std::sync::OnceLock;

use aws_credential_types::Credentials;
use aws_sdk_secretsmanager::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use tokio::sync::Mutex;

use super::error;
use super::role::StsAccess;
use crate::store::StoreError;

/// How often the code is asked for if AWS rejects it.
const TRIES: usize = 3;

/// Asks the user for a code. None without a terminal; an error if there is no answer.
type CodePrompt = Box<dyn Fn(&str) -> Result<Option<String>, String> + Send + Sync>;

static PROMPT: OnceLock<CodePrompt> = OnceLock::new();

/// Sets the function that asks the user for the code of an MFA device. The first one stays.
///
/// Its argument is the question. It returns None if there is no terminal.
pub fn set_code_prompt(
    prompt: impl Fn(&str) -> Result<Option<String>, String> + Send + Sync + 'static,
) {
    // A second one would be of the same process.
    let _ = PROMPT.set(Box::new(prompt));
}

/// A device, and what needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MfaDevice {
    /// An ARN, or the number on a hardware device.
    pub(super) serial: String,
    /// For messages, such as "the AWS profile `prod` in ~/.aws/config".
    pub(super) needed_by: String,
    /// The AWS profile that has the device, if one does.
    pub(super) profile: Option<String>,
}

/// A session that this run has.
struct MfaSession {
    serial: String,
    /// The access key that it was requested with.
    access_key: String,
    credentials: Credentials,
}

/// The sessions of this run, for all stores. The lock is held while a code is asked for.
static SESSIONS: Mutex<Vec<MfaSession>> = Mutex::const_new(Vec::new());

/// Returns credentials with MFA, for the user of these credentials.
///
/// Temporary credentials are returned as they are: they cannot have a further session, and may
/// have MFA already.
///
/// # Errors
/// [`StoreError::MfaRequired`] without a code, [`StoreError::MfaRefused`], and unusable
/// credentials.
pub(super) async fn session(
    sts: &StsAccess,
    provider: SharedCredentialsProvider,
    device: &MfaDevice,
) -> Result<Credentials, StoreError> {
    let user = provider.provide_credentials().await;
    let user = user.map_err(|error| StoreError::NoCredentials {
        reason: error::credentials_error(&error).unwrap_or_default(),
    })?;
    if user.session_token().is_some() {
        return Ok(user);
    }
    let mut sessions = SESSIONS.lock().await;
    let is_known = |session: &&MfaSession| {
        session.serial == device.serial && session.access_key == user.access_key_id()
    };
    if let Some(session) = sessions.iter().find(is_known) {
        return Ok(session.credentials.clone());
    }
    let access_key = user.access_key_id().to_owned();
    let client = sts.client(SharedCredentialsProvider::new(user));
    let mut question = format!("Code of the MFA device {}", device.serial);
    for rest in (0..TRIES).rev() {
        let code = ask(device, question).await?;
        let sent = client.get_session_token().serial_number(&device.serial).token_code(code);
        let refused = match sent.send().await {
            Ok(answer) => {
                let credentials = answer
                    .credentials
                    .map(|one| super::role::to_credentials(one, "GetSessionToken"));
                let credentials =
                    credentials.ok_or_else(|| refused(device, "no credentials", ""))?;
                let session = MfaSession {
                    serial: device.serial.clone(),
                    access_key,
                    credentials: credentials.clone(),
                };
                sessions.push(session);
                return Ok(credentials);
            }
            Err(SdkError::ServiceError(answer)) => answer.into_err(),
            Err(error) => {
                return Err(StoreError::Unreachable {
                    endpoint: sts.endpoint().to_owned(),
                    reason: error::innermost(&error),
                });
            }
        };
        let message = refused.message().unwrap_or("AWS gave no reason").to_owned();
        let code = refused.code().unwrap_or("no code");
        if rest == 0 || !message.contains("one time pass code") {
            return Err(self::refused(device, code, &message));
        }
        question = format!("AWS rejected the code. The next one of {}", device.serial);
    }
    Err(refused(device, "no code", ""))
}

async fn ask(device: &MfaDevice, question: String) -> Result<String, StoreError> {
    // Other stores may wait for AWS meanwhile.
    let asked =
        tokio::task::spawn_blocking(move || PROMPT.get().map_or(Ok(None), |ask| ask(&question)));
    let missing = |reason: String| StoreError::MfaRequired {
        needed_by: device.needed_by.clone(),
        serial: device.serial.clone(),
        profile: device.profile.clone(),
        reason,
    };
    match asked.await {
        Ok(Ok(Some(code))) => Ok(code),
        Ok(Ok(None)) => Err(missing("there is no terminal to ask for it".to_owned())),
        Ok(Err(why)) => Err(missing(why)),
        Err(_) => Err(missing("it could not be asked for".to_owned())),
    }
}

fn refused(device: &MfaDevice, code: &str, message: &str) -> StoreError {
    StoreError::MfaRefused {
        serial: device.serial.clone(),
        code: error::readable(code),
        message: error::readable(message),
    }
}
