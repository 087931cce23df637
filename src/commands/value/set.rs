//! `goldenpath value set`

use super::change::{Confirmation, PreviousValue, ValueChange};
use super::input;
use super::input::FromFile;
use super::secret::WorkTreeCatalog;
use crate::context::{Context, block_on};
use crate::failure::Failure;
use crate::interrupt;
use crate::outcome::Outcome;
use crate::prompt::Prompter;
use goldenpath_deploy::store;
use goldenpath_deploy::store::ValueSource;
use goldenpath_deploy::value::{SecretValue, ValueError, ValueKeyChange};

/// Set a value, or some of its keys
///
/// Asks for each key of the secret's type without showing the input, or reads a JSON object or
/// lines of KEY=VALUE from standard input. Keys that are not given keep their text. For a manifest
/// with `value.format: text`, standard input is the text; one line loses its line break. Shows
/// which keys would change, never a value, and asks before writing. One version is written, and
/// none if the value was changed concurrently.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("value":
    "Type each key" => "goldenpath value set SEC-0001",
    "Read a JSON object or lines of KEY=VALUE from a file" =>
        "goldenpath value set SEC-0001 --yes < value.json",
    "Read one key from a file and generate the others" =>
        "goldenpath value set SEC-0001 --from-file tls.key=server.key --generate",
))]
pub(crate) struct Args {
    /// The ID, such as SEC-0007
    id: String,
    /// Read the text of a key from a file, such as tls.key=server.key
    ///
    /// May be repeated. Standard input is then read only with --stdin.
    #[arg(long = "from-file", value_name = "KEY=PATH", value_parser = FromFile::parse)]
    files: Vec<FromFile>,
    /// Read standard input in addition to --from-file
    #[arg(long)]
    stdin: bool,
    /// Generate the required keys that are not given and have a recipe
    #[arg(long)]
    generate: bool,
    /// Replace the whole value: keys not given are removed
    ///
    /// The current value is not read.
    #[arg(long)]
    replace: bool,
    /// Write without confirmation
    #[arg(short, long)]
    yes: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    interrupt::listen();
    let asks_for_keys = args.files.is_empty() && !args.stdin && !input::has_piped_stdin();
    let prompter = if asks_for_keys { Prompter::on_terminal(context.streams.err) } else { None };
    if asks_for_keys && prompter.is_none() {
        return Err(Failure::usage(
            "cannot ask for the value: there is no terminal",
            "give the value on standard input or with --from-file",
        ));
    }
    let confirmation = Confirmation::new(args.yes, context)?;
    let catalog = WorkTreeCatalog::read(context)?;
    block_on(async {
        let subject = catalog.target_to_change(&args.id).await?;
        input::check_keys(&subject, args.files.iter().map(|file| file.key.as_str()))?;
        subject.print_destination(context);
        let before = if args.replace {
            PreviousValue::unread(&subject)
        } else {
            PreviousValue::read(&subject).await?
        };
        let reads_stdin = args.stdin || (args.files.is_empty() && prompter.is_none());
        let mut given =
            if reads_stdin { input::from_stdin(&subject)? } else { SecretValue::default() };
        input::from_files(&args.files, &mut given)?;
        let kept = before.value.as_ref().filter(|_| !args.replace);
        if let Some(prompter) = &prompter {
            input::ask(&subject, kept, prompter, &mut given)?;
            context.streams.message("");
        }
        input::check_keys(&subject, given.names().into_iter())?;
        let mut generated: Vec<String> = Vec::new();
        if args.generate || prompter.is_some() {
            let has = |key: &str| {
                given.text(key).is_some() || kept.is_some_and(|kept| kept.text(key).is_some())
            };
            let missing: Vec<_> = subject
                .secret_type
                .keys
                .iter()
                .filter(|key| key.required && !has(&key.name))
                .collect();
            let new = store::generate(&subject.store, ValueSource::Os, missing).await?;
            generated = new.names().into_iter().map(str::to_owned).collect();
            given = new.merge_over(&given);
        }
        if given.is_empty() {
            return Err(ValueError::Nothing.into());
        }
        let names: Vec<String> = given.names().into_iter().map(str::to_owned).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let value = match kept {
            Some(kept) => given.merge_over(kept),
            None => given,
        };
        let mut key_changes = value.key_changes(before.value.as_ref(), &names);
        for (key, change) in &mut key_changes {
            if generated.contains(key) {
                *change = ValueKeyChange::Generated;
            }
        }
        let replaces = before.version.clone();
        drop(before);
        ValueChange { origin: None, action: "set-value", value, key_changes, replaces }
            .apply(&subject, &confirmation, context)
            .await
    })
}
