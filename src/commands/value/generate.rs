//! `goldenpath value generate` and `goldenpath value rotate`

use clap::ValueEnum;

use super::change::{Asking, PreviousValue, ValueChange, carry_out};
use super::input;
use super::secret::{WorkTreeCatalog, ValueTarget};
use crate::args::plan::block_on;
use crate::cli::{Context, Outcome};
use crate::failure::Failure;
use goldenpath_core::config::Key;
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
    making: Making,
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
    making: Making,
}

#[derive(Debug, clap::Args)]
struct Making {
    /// Generate with the operating system, or with AWS (GetRandomPassword)
    #[arg(long, value_enum, default_value_t, value_name = "WHO")]
    source: Who,
    /// Write without asking
    #[arg(short, long)]
    yes: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Who {
    #[default]
    Os,
    Aws,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let asking = Asking::new(args.making.yes, context)?;
    let ground = WorkTreeCatalog::read(context)?;
    block_on(async {
        let subject = ground.subject(&args.id).await?;
        let before = PreviousValue::read(&subject).await?;
        let has = |key: &Key| {
            before.value.as_ref().is_some_and(|before| before.text(&key.name).is_some())
        };
        let chosen = chosen(&subject, &args.keys, |key| key.required)?;
        if let Some(key) = chosen.iter().find(|key| !args.keys.is_empty() && has(key)) {
            return Err(Failure::refused(
                format!("{} has a `{}` already, which stays", subject.id(), key.name),
                format!(
                    "`goldenpath value rotate {} --key {}` makes a new one",
                    subject.id(),
                    key.name
                ),
            ));
        }
        let missing: Vec<&Key> = chosen.into_iter().filter(|key| !has(key)).collect();
        if missing.is_empty() && before.version.is_some() {
            context
                .streams
                .talk(&format!("Nothing changes: {} has all that can be made.", subject.id()));
            return Ok(Outcome::Done);
        }
        only_given(&subject, before.value.as_ref())?;
        write(&subject, "generate-value", missing, before, (args.making.source, &asking), context)
            .await
    })
}

pub(crate) fn rotate(args: &RotateArgs, context: &Context) -> Result<Outcome, Failure> {
    let asking = Asking::new(args.making.yes, context)?;
    let ground = WorkTreeCatalog::read(context)?;
    block_on(async {
        let subject = ground.subject(&args.id).await?;
        if args.rollback {
            return roll_back(&subject, &asking, context).await;
        }
        let before = PreviousValue::read(&subject).await?;
        if before.version.is_none() {
            return Err(Failure::refused(
                format!("{} has no value that could be renewed", subject.id()),
                format!(
                    "`goldenpath value generate {0}` or `goldenpath value set {0}` gives it one",
                    subject.id()
                ),
            ));
        }
        let is_renewed = |key: &Key| {
            let has = before.value.as_ref().is_some_and(|before| before.text(&key.name).is_some());
            has && key.generate.as_ref().is_some_and(|recipe| !recipe.once)
        };
        let keys = chosen(&subject, &args.keys, is_renewed)?;
        if keys.is_empty() {
            return Err(Failure::refused(
                format!(
                    "no key of {} can be made: a `{}` comes from somebody else",
                    subject.id(),
                    subject.request.secret_type
                ),
                format!(
                    "get a new one there, and put it in with `goldenpath value set {}`",
                    subject.id()
                ),
            ));
        }
        let outcome =
            write(&subject, "rotate-value", keys, before, (args.making.source, &asking), context)
                .await?;
        if outcome == Outcome::Done {
            context
                .streams
                .talk("Only the stored value is new: whoever accepts it has to be told, too.");
        }
        Ok(outcome)
    })
}

/// The keys of these names, or else those with a recipe that `is_meant`.
fn chosen<'a>(
    subject: &'a ValueTarget<'_>,
    names: &[String],
    is_meant: impl Fn(&Key) -> bool,
) -> Result<Vec<&'a Key>, Failure> {
    input::check_keys(subject, names.iter().map(String::as_str))?;
    let with_recipe = || subject.secret_type.keys.iter().filter(|key| key.generate.is_some());
    if names.is_empty() {
        let meant: Vec<&Key> = with_recipe().filter(|key| is_meant(key)).collect();
        let is_needed = subject.secret_type.keys.iter().any(|key| key.required);
        // A type that needs no key has a value all the same.
        return Ok(if meant.is_empty() && !is_needed && subject.found_none() {
            with_recipe().collect()
        } else {
            meant
        });
    }
    let mut keys = Vec::new();
    for name in names {
        let key = with_recipe().find(|key| key.name == *name).ok_or_else(|| {
            Failure::refused(
                format!("the type `{}` does not say how `{name}` is made", subject.request.secret_type),
                "give it a recipe (`generate`) in schemas/metadata/secret_types.yaml, or put it in with `goldenpath value set`",
            )
        })?;
        keys.push(key);
    }
    Ok(keys)
}

/// Refuses to make a part of a value that would then still be none.
fn only_given(subject: &ValueTarget<'_>, before: Option<&SecretValue>) -> Result<(), Failure> {
    let needed = subject.secret_type.only_given();
    let missing: Vec<&str> = needed
        .into_iter()
        .filter(|key| before.is_none_or(|before| before.text(key).is_none()))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(
        format!(
            "a value of type `{}` needs {}, which nobody can make",
            subject.request.secret_type,
            missing.join(" and ")
        ),
        format!(
            "`goldenpath value set {} --generate` asks for them, and makes the rest",
            subject.id()
        ),
    ))
}

async fn write(
    subject: &ValueTarget<'_>,
    action: &'static str,
    keys: Vec<&Key>,
    before: PreviousValue,
    (who, asking): (Who, &Asking),
    context: &Context,
) -> Result<Outcome, Failure> {
    subject.say_where(context);
    let source = match who {
        Who::Os => ValueSource::Os,
        Who::Aws => ValueSource::Store,
    };
    let made = store::generate(&subject.store, source, keys).await?;
    let names: Vec<String> = made.names().into_iter().map(str::to_owned).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let value = match &before.value {
        Some(before) => made.over(before),
        None => made,
    };
    let fates = value.fates(before.value.as_ref(), &names);
    let replaces = before.version;
    drop(before.value);
    ValueChange { action, value, fates, replaces }.make(subject, asking, context).await
}

/// Makes the version before the current one.
async fn roll_back(
    subject: &ValueTarget<'_>,
    asking: &Asking,
    context: &Context,
) -> Result<Outcome, Failure> {
    let id = subject.id();
    let versions = subject.store.versions(&subject.key).await?;
    let current = versions.iter().find(|version| version.is_current());
    let previous = versions.iter().find(|version| version.is_previous());
    let (Some(current), Some(previous)) = (current, previous) else {
        return Err(Failure::refused(
            format!("{id} has no version before the current one"),
            format!("`goldenpath value status {id}` shows the versions that there are"),
        ));
    };
    subject.say_where(context);
    let of = |version: &store::ValueVersion| match version.created {
        Some(created) => format!("{} of {}", version.id, created.strftime("%Y-%m-%d %H:%M")),
        None => version.id.clone(),
    };
    context.streams.result(&format!(
        "- current   {}\n+ current   {}\n\n",
        of(current),
        of(previous)
    ));
    if !asking.agrees(&format!("Make the version before the current one of {id} again?"))? {
        context.streams.talk("Nothing was changed.");
        return Ok(Outcome::Failed);
    }
    let reason = format!("from version {} to version {}", current.id, previous.id);
    let done = format!("{id}: version {} is the current one again.", previous.id);
    let since = previous.created.unwrap_or(context.now);
    let work = subject.store.make_current(&subject.key, &previous.id, &current.id);
    carry_out(subject, ("rollback-value", reason), work, since, &done, context).await
}
