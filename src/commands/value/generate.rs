//! `goldenpath value generate` and `goldenpath value rotate`

use clap::ValueEnum;

use super::change::{Confirmation, PreviousValue, ValueChange, run_recorded};
use super::input;
use super::secret::{ValueTarget, WorkTreeCatalog};
use crate::context::{Context, block_on};
use crate::failure::Failure;
use crate::outcome::Outcome;
use goldenpath_core::config::KeyDefinition;
use goldenpath_deploy::store;
use goldenpath_deploy::store::{SecretStore, ValueSource};
use goldenpath_deploy::value::SecretValue;

/// Generate a first value, or the missing keys of a value
///
/// Uses the recipes of the secret's type in schemas/metadata/secret_types.yaml. Keys that have a
/// text keep it; `goldenpath value rotate` replaces them.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("value":
    "Generate a first value" => "goldenpath value generate SEC-0001",
    "Generate one key without asking" => "goldenpath value generate SEC-0001 --key password --yes",
))]
pub(crate) struct Args {
    /// The ID, such as SEC-0007
    id: String,
    /// Generate this key; may be repeated [default: the required keys]
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
    #[command(flatten)]
    generate: GenerateArgs,
}

/// Generate new keys of a value, or go back to the previous version
///
/// Writes one new version; other keys keep their text. The previous version keeps the label
/// AWSPREVIOUS, and --rollback makes it the current one again. Rotates the value in its store
/// only: update the database or service that uses it.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("value":
    "Rotate all generated keys" => "goldenpath value rotate SEC-0001",
    "Rotate one key" => "goldenpath value rotate SEC-0001 --key password",
    "Go back to the previous version" => "goldenpath value rotate SEC-0001 --rollback",
))]
pub(crate) struct RotateArgs {
    /// The ID, such as SEC-0007
    id: String,
    /// Rotate this key; may be repeated [default: keys with a recipe, without `once`]
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
    /// Make the previous version the current one again
    #[arg(long, conflicts_with_all = ["keys", "source"])]
    rollback: bool,
    #[command(flatten)]
    generate: GenerateArgs,
}

#[derive(Debug, clap::Args)]
struct GenerateArgs {
    /// Generate with the operating system, or with AWS (GetRandomPassword)
    #[arg(long, value_enum, default_value_t, value_name = "SOURCE")]
    source: Generator,
    /// Write without confirmation
    #[arg(short, long)]
    yes: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Generator {
    #[default]
    Os,
    Aws,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let confirmation = Confirmation::new(args.generate.yes, context)?;
    let catalog = WorkTreeCatalog::read(context)?;
    block_on(async {
        let subject = catalog.target_to_change(&args.id).await?;
        let before = PreviousValue::read(&subject).await?;
        let has = |key: &KeyDefinition| {
            before.value.as_ref().is_some_and(|before| before.text(&key.name).is_some())
        };
        let selected = select_keys(&subject, &args.keys, |key| key.required)?;
        if let Some(key) = selected.iter().find(|key| !args.keys.is_empty() && has(key)) {
            return Err(Failure::rejected(
                format!("{} already has a `{}`, which is kept", subject.id(), key.name),
                format!(
                    "run `goldenpath value rotate {} --key {}` to replace it",
                    subject.id(),
                    key.name
                ),
            ));
        }
        let missing: Vec<&KeyDefinition> = selected.into_iter().filter(|key| !has(key)).collect();
        if missing.is_empty() && before.version.is_some() {
            context.streams.message(&format!(
                "No changes: {} has all keys that can be generated.",
                subject.id()
            ));
            return Ok(Outcome::Done);
        }
        check_given_keys(&subject, before.value.as_ref())?;
        let options = (args.generate.source, &confirmation);
        write(&subject, "generate-value", missing, before, options, context).await
    })
}

pub(crate) fn rotate(args: &RotateArgs, context: &Context) -> Result<Outcome, Failure> {
    let confirmation = Confirmation::new(args.generate.yes, context)?;
    let catalog = WorkTreeCatalog::read(context)?;
    block_on(async {
        let subject = catalog.target_to_change(&args.id).await?;
        if args.rollback {
            return roll_back(&subject, &confirmation, context).await;
        }
        let before = PreviousValue::read(&subject).await?;
        if before.version.is_none() {
            return Err(Failure::rejected(
                format!("{} has no value to rotate", subject.id()),
                format!(
                    "run `goldenpath value generate {0}` or `goldenpath value set {0}` first",
                    subject.id()
                ),
            ));
        }
        let is_rotated = |key: &KeyDefinition| {
            let has = before.value.as_ref().is_some_and(|before| before.text(&key.name).is_some());
            has && key.generate.as_ref().is_some_and(|recipe| !recipe.once)
        };
        let keys = select_keys(&subject, &args.keys, is_rotated)?;
        if keys.is_empty() {
            return Err(Failure::rejected(
                format!(
                    "no key of {} can be generated: the issuer of a `{}` creates it",
                    subject.id(),
                    subject.request.secret_type
                ),
                format!(
                    "get a new one from the issuer and run `goldenpath value set {}`",
                    subject.id()
                ),
            ));
        }
        let options = (args.generate.source, &confirmation);
        let outcome = write(&subject, "rotate-value", keys, before, options, context).await?;
        if outcome == Outcome::Done {
            context.streams.message(
                "Rotated in the store only. Update the database or service that uses the value.",
            );
        }
        Ok(outcome)
    })
}

/// Returns the keys of these names, or else those with a recipe that `is_selected`.
fn select_keys<'a>(
    subject: &'a ValueTarget<'_>,
    names: &[String],
    is_selected: impl Fn(&KeyDefinition) -> bool,
) -> Result<Vec<&'a KeyDefinition>, Failure> {
    input::check_keys(subject, names.iter().map(String::as_str))?;
    let with_recipe = || subject.secret_type.keys.iter().filter(|key| key.generate.is_some());
    if names.is_empty() {
        let selected: Vec<&KeyDefinition> = with_recipe().filter(|key| is_selected(key)).collect();
        let is_required = subject.secret_type.keys.iter().any(|key| key.required);
        // A secret needs a first value even if its type requires no key.
        return Ok(if selected.is_empty() && !is_required && subject.had_no_value() {
            with_recipe().collect()
        } else {
            selected
        });
    }
    let mut keys = Vec::new();
    for name in names {
        let key = with_recipe().find(|key| key.name == *name).ok_or_else(|| {
            Failure::rejected(
                format!(
                    "cannot generate `{name}`: the type `{}` has no recipe for it",
                    subject.request.secret_type
                ),
                "add a recipe (`generate`) in schemas/metadata/secret_types.yaml, or run \
                 `goldenpath value set`",
            )
        })?;
        keys.push(key);
    }
    Ok(keys)
}

/// Rejects a value that lacks required keys without a recipe.
fn check_given_keys(
    subject: &ValueTarget<'_>,
    before: Option<&SecretValue>,
) -> Result<(), Failure> {
    let needed = subject.secret_type.required_keys_without_recipe();
    let missing: Vec<&str> = needed
        .into_iter()
        .filter(|key| before.is_none_or(|before| before.text(key).is_none()))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::rejected(
        format!(
            "a value of type `{}` needs {}, which cannot be generated",
            subject.request.secret_type,
            missing.join(" and ")
        ),
        format!(
            "run `goldenpath value set {} --generate` to give them and generate the others",
            subject.id()
        ),
    ))
}

async fn write(
    subject: &ValueTarget<'_>,
    action: &'static str,
    keys: Vec<&KeyDefinition>,
    before: PreviousValue,
    (generator, confirmation): (Generator, &Confirmation),
    context: &Context,
) -> Result<Outcome, Failure> {
    subject.print_destination(context);
    let source = match generator {
        Generator::Os => ValueSource::Os,
        Generator::Aws => ValueSource::Store,
    };
    let generated = store::generate(&subject.store, source, keys).await?;
    let names: Vec<String> = generated.names().into_iter().map(str::to_owned).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let value = match &before.value {
        Some(before) => generated.merge_over(before),
        None => generated,
    };
    let key_changes = value.key_changes(before.value.as_ref(), &names);
    let replaces = before.version;
    drop(before.value);
    ValueChange { origin: None, action, value, key_changes, replaces }
        .apply(subject, confirmation, context)
        .await
}

/// Makes the previous version the current one.
async fn roll_back(
    subject: &ValueTarget<'_>,
    confirmation: &Confirmation,
    context: &Context,
) -> Result<Outcome, Failure> {
    let id = subject.id();
    let versions = subject.store.versions(&subject.key).await?;
    let current = versions.iter().find(|version| version.is_current());
    let previous = versions.iter().find(|version| version.is_previous());
    let (Some(current), Some(previous)) = (current, previous) else {
        return Err(Failure::rejected(
            format!("{id} has no previous version"),
            format!("run `goldenpath value status {id}` to see its versions"),
        ));
    };
    subject.print_destination(context);
    let of = |version: &store::ValueVersion| match version.created {
        Some(created) => format!("{} of {}", version.id, created.strftime("%Y-%m-%d %H:%M")),
        None => version.id.clone(),
    };
    context.streams.result(&format!(
        "- current   {}\n+ current   {}\n\n",
        of(current),
        of(previous)
    ));
    if !confirmation.ask(&format!("Make the previous version of {id} the current one?"))? {
        context.streams.message("Nothing was changed.");
        return Ok(Outcome::Failed);
    }
    let reason = format!("from version {} to version {}", current.id, previous.id);
    let done = format!("{id}: version {} is the current one again.", previous.id);
    let since = previous.created.unwrap_or(context.now);
    let work = subject.store.make_current(&subject.key, &previous.id, &current.id);
    let action = subject.action("rollback-value", reason, &previous.id);
    run_recorded(subject, action, work, since, &done, context).await
}
