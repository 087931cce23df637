//! `goldenpath value env`

use std::process::Command;

use secrecy::ExposeSecret;

use super::secret::WorkTreeCatalog;
use crate::context::{Context, block_on};
use crate::failure::Failure;
use crate::outcome::Outcome;
use goldenpath_core::config::Backend;
use goldenpath_deploy::store::SecretStore;
use goldenpath_deploy::value::SecretValue;

/// Run a program with the keys of a value as environment variables
///
/// For development: works with the local store only, and not in CI. The names are those that
/// `envFrom` gives a container; a key that is not a valid variable name is left out. In a cluster,
/// the External Secrets Operator provides the value.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("value":
    "Run a program with the keys in its environment" =>
        "goldenpath value env SEC-0001 -- ./server",
    "Name the variables DB_USERNAME and DB_PASSWORD" =>
        "goldenpath value env SEC-0001 --prefix DB_ --upper -- ./server",
))]
pub(crate) struct Args {
    /// The ID, such as SEC-0007
    id: String,
    /// Put PREFIX in front of each name, such as DB_
    #[arg(long, value_name = "PREFIX", default_value = "", hide_default_value = true)]
    prefix: String,
    /// Write the names in upper case
    #[arg(long)]
    upper: bool,
    /// The program and its arguments, after --
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<std::ffi::OsString>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    if std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false") {
        return Err(Failure::rejected(
            "cannot run in a pipeline (CI is set): its logs may show environment variables",
            "read the value from its store; this command is for development only",
        ));
    }
    let catalog = WorkTreeCatalog::read(context)?;
    let mut ready = None;
    block_on(async {
        let subject = catalog.target(&args.id).await?;
        let backend = catalog.project.config.store_of(subject.request.environment.as_str()).backend;
        if backend != Some(Backend::Local) {
            return Err(Failure::rejected(
                format!("the value of {} is in {}", subject.id(), subject.store.place()),
                "use a local store: set `environments.<environment>.store.backend: local` in a \
                 configuration file outside the repository and give it with `--config`",
            ));
        }
        let stored = subject.store.value(&subject.key).await?.ok_or_else(|| {
            Failure::rejected(
                format!("{} has no value", subject.id()),
                format!("set one with `goldenpath value set {}`", subject.id()),
            )
        })?;
        let parse = |text| SecretValue::stored(text, subject.format());
        let value = stored.text.as_ref().and_then(parse).ok_or_else(|| {
            Failure::rejected(
                format!("the value of {} is not a JSON object of texts", subject.id()),
                "set `value.format: text` in its manifest, or replace the value with `goldenpath \
                 value set --replace`",
            )
        })?;
        let mut command = Command::new(&args.command[0]);
        command.args(&args.command[1..]);
        for (key, text) in value.texts() {
            let key = if args.upper { key.to_uppercase() } else { key.to_owned() };
            let name = format!("{}{key}", args.prefix);
            if !is_variable(&name) {
                context
                    .streams
                    .message(&format!("Note: `{name}` is left out: not a valid variable name."));
            } else if text.expose_secret().contains('\0') {
                context.streams.message(&format!(
                    "Note: `{name}` is left out: a variable cannot contain a NUL character."
                ));
            } else {
                command.env(name, text.expose_secret());
            }
        }
        ready = Some(command);
        Ok(Outcome::Done)
    })?;
    let Some(command) = ready else { return Ok(Outcome::Failed) };
    replace_process(command, &args.command[0])
}

/// Returns whether Kubernetes and every shell accept the name of an environment variable.
fn is_variable(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

/// Replaces this process, so that the program gets the terminal, signals and exit code.
#[cfg(unix)]
fn replace_process(mut command: Command, name: &std::ffi::OsStr) -> Result<Outcome, Failure> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(Failure::io(&format!("cannot run `{}`", name.to_string_lossy()), &error))
}

#[cfg(not(unix))]
fn replace_process(mut command: Command, name: &std::ffi::OsStr) -> Result<Outcome, Failure> {
    let ended = command.status();
    let ended = ended.map_err(|error| {
        Failure::io(&format!("cannot run `{}`", name.to_string_lossy()), &error)
    })?;
    std::process::exit(ended.code().unwrap_or(1))
}
