//! `goldenpath hook`

use std::cell::OnceCell;
use std::io::Read;
use std::path::Path;

use clap::Subcommand;

use crate::check_report::{Format, check_all, check_and_print};
use crate::context::Context;
use crate::failure::Failure;
use crate::git_hooks;
use crate::git_hooks::{HookChange, HookError, HookName, PushedRef};
use crate::outcome::Outcome;
use goldenpath_core::catalog::{ConfigFile, Selection};
use goldenpath_core::check::{Checked, Range};
use goldenpath_core::ids;
use goldenpath_core::ids::{IdConflict, ReservationRemote};
use goldenpath_core::rules::RuleSet;
use goldenpath_core::vcs::{Branch, Repository, SourceError};

/// Install native git hooks, without a hook framework
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("hook":
    "Check every commit and push" => "goldenpath hook install",
    "Remove the hooks" => "goldenpath hook uninstall",
))]
pub(crate) struct Args {
    #[command(subcommand)]
    command: HookCommand,
}

#[derive(Debug, Subcommand)]
enum HookCommand {
    /// Install hooks into git's hooks folder
    ///
    /// Without NAMES, installs pre-commit, pre-merge-commit and pre-push, or pre-receive in a bare
    /// repository. An existing hook is kept and runs first. core.hooksPath is respected. With
    /// `--config FILE`, the hooks check by FILE.
    #[command(after_help = examples!("hook":
        "Install the hooks for commits and pushes" => "goldenpath hook install",
        "Install one hook" => "goldenpath hook install pre-commit",
        "Install for a catalog with its own configuration"
            => "goldenpath --config platform/goldenpath.yaml hook install",
        "Install on a git server" => "goldenpath -C /srv/git/catalog.git hook install pre-receive",
    ))]
    Install {
        /// The hooks to install
        names: Vec<HookName>,
        /// Install into a hooks folder that other repositories use, too
        #[arg(long)]
        shared: bool,
    },
    /// Remove goldenpath's hooks and restore the previous ones
    #[command(after_help = examples!("hook":
        "Remove all hooks of goldenpath" => "goldenpath hook uninstall",
        "Remove one hook" => "goldenpath hook uninstall pre-push",
    ))]
    Uninstall {
        /// The hooks to remove [default: all hooks of goldenpath]
        names: Vec<HookName>,
    },
    /// Run a hook; called by git
    #[command(after_help = examples!("hook":
        "Check staged manifests from a hook of your own" => "goldenpath hook run pre-commit",
        "Check a push from a hook of your own" => "goldenpath hook run pre-push -- origin URL",
    ))]
    Run {
        /// The hook
        name: HookName,
        /// The arguments of git: REF OLD NEW for update, REMOTE URL for pre-push
        arguments: Vec<String>,
    },
}

/// The longest input of a hook, in bytes: enough for a mirror push of 100,000 refs.
const MAX_INPUT: u64 = 32 * 1024 * 1024;

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    match &args.command {
        HookCommand::Install { names, shared } => install(names, *shared, context),
        HookCommand::Uninstall { names } => uninstall(names, context),
        HookCommand::Run { name, arguments } => run_hook(*name, arguments, context),
    }
}

/// Installs hooks into the folder that git uses; without `names`, those for commits and pushes.
pub(super) fn install(
    names: &[HookName],
    shared: bool,
    context: &Context,
) -> Result<Outcome, Failure> {
    use HookName::{PreCommit, PreMergeCommit, PrePush, PreReceive};
    let repository = Repository::discover_any()?;
    let names = match names {
        [] if repository.is_bare() => &[PreReceive][..],
        [] => &[PreCommit, PreMergeCommit, PrePush],
        names => names,
    };
    let (folder, is_shared) = repository.hooks_folder()?.ok_or(HookError::NoFolder)?;
    // Many set /dev/null to turn hooks off.
    if folder.exists() && !folder.is_dir() {
        return Err(HookError::NotAFolder { path: folder }.into());
    }
    if is_shared && !shared {
        return Err(HookError::Shared { folder }.into());
    }
    let config =
        context.config.as_deref().map(|path| hook_config(&repository, path)).transpose()?;
    for &name in names {
        let line = match git_hooks::install(&folder, name, config.as_deref())? {
            HookChange::Chained(before) => format!(
                "installed {} (the previous hook runs first, as {})",
                folder.join(name.as_str()).display(),
                before.display()
            ),
            HookChange::Updated => format!("updated {}", folder.join(name.as_str()).display()),
            HookChange::Called => {
                format!(
                    "unchanged {}: it already runs `goldenpath hook run {name}`",
                    folder.join(name.as_str()).display(),
                    name = name.as_str()
                )
            }
            HookChange::Unchanged => format!("unchanged {}", folder.join(name.as_str()).display()),
            _ => format!("installed {}", folder.join(name.as_str()).display()),
        };
        context.streams.result(&format!("{line}\n"));
    }
    Ok(Outcome::Done)
}

/// Returns `--config FILE` as a hook can use it, which git starts at the root.
fn hook_config(repository: &Repository, path: &Path) -> Result<String, Failure> {
    let path = match ConfigFile::of(repository, Some(path)) {
        ConfigFile::Tracked(inside) => return Ok(inside),
        ConfigFile::OnDisk(path) => path,
    };
    let whole = path.canonicalize().map_err(|error| {
        Failure::usage(
            format!("cannot read the configuration file `{}`: {error}", path.display()),
            "name a file that can be read with `--config`",
        )
    })?;
    match whole.to_str() {
        Some(text) if !text.contains(['\n', '\r']) => Ok(text.to_owned()),
        _ => Err(Failure::usage(
            format!("a hook cannot name `{}`: its path is not a line of UTF-8", whole.display()),
            "move the configuration file to another path",
        )),
    }
}

fn uninstall(names: &[HookName], context: &Context) -> Result<Outcome, Failure> {
    let repository = Repository::discover_any()?;
    let (folder, _) = repository.hooks_folder()?.ok_or(HookError::NoFolder)?;
    let all = <HookName as clap::ValueEnum>::value_variants();
    let mut found = false;
    for &name in if names.is_empty() { all } else { names } {
        let path = folder.join(name.as_str());
        match git_hooks::uninstall(&folder, name)? {
            HookChange::Restored => {
                context.streams.result(&format!("restored the previous {}\n", path.display()))
            }
            HookChange::Removed => context.streams.result(&format!("removed {}\n", path.display())),
            _ if !names.is_empty() => {
                context.streams.message(&format!("{} is not a hook of goldenpath", path.display()))
            }
            _ => continue,
        }
        found = true;
    }
    if !found {
        context.streams.message(&format!("no hook of goldenpath in {}", folder.display()));
    }
    Ok(Outcome::Done)
}

fn run_hook(name: HookName, arguments: &[String], context: &Context) -> Result<Outcome, Failure> {
    match (name, arguments) {
        (HookName::PreCommit | HookName::PreMergeCommit, _) => {
            let repository = Repository::discover_to_read()?;
            check_and_print(
                &repository,
                &Range::staged(&repository)?.with_config(context.config.as_deref()),
                &Selection::All,
                Format::Human,
                &context.streams,
            )
        }
        (HookName::PrePush | HookName::PreReceive, _) => {
            let mut lines = String::new();
            let read = std::io::stdin().lock().take(MAX_INPUT).read_to_string(&mut lines);
            read.map_err(|error| Failure::io("cannot read git's input of the hook", &error))?;
            // A server's hooks have no arguments, and a user's own hook may not pass them on.
            refs(
                name,
                &git_hooks::of_lines(&lines)?,
                arguments.first().map(String::as_str),
                context,
            )
        }
        (HookName::Update, [reference, from, to]) => refs(
            name,
            &git_hooks::of_update(reference, from, to)?.into_iter().collect::<Vec<_>>(),
            None,
            context,
        ),
        (HookName::Update, _) => Err(Failure::usage(
            "`goldenpath hook run update` needs the ref and its old and new object IDs",
            "let git call it: `goldenpath hook install update`; see githooks(5)",
        )),
    }
}

/// Checks the commits of each ref and prints one summary.
///
/// The default branch must lose no manifest; any other ref is checked for what the default branch
/// does not have. `remote` is the name or URL that is pushed to.
fn refs(
    hook: HookName,
    pushed: &[PushedRef],
    remote: Option<&str>,
    context: &Context,
) -> Result<Outcome, Failure> {
    let repository = Repository::discover_any()?;
    let target = match hook {
        HookName::PreReceive | HookName::Update => repository.own_branch(),
        // For a URL, or a remote that was never fetched, there are no branches in this clone.
        _ => remote
            .and_then(|remote| repository.branch_of(remote))
            .or_else(|| repository.upstream_branch()),
    };
    // Another ref may have the commits that the default branch gets in the same push.
    let is_target =
        |one: &&PushedRef| target.as_ref().is_some_and(|target| target.name == one.name);
    let moves_to = pushed.iter().find(is_target).and_then(|one| repository.commit(&one.to).ok());
    let mut ranges: Vec<(&str, Range)> = Vec::new();
    for one in pushed {
        let to = match repository.commit(&one.to) {
            Ok(to) => to,
            // A tag on a blob or a tree has no manifests.
            Err(SourceError::NoSuchCommit { .. }) if repository.has_object(&one.to) => continue,
            Err(error) => return Err(error.into()),
        };
        // A commit of the remote since the last fetch is unknown here; the server knows it.
        let from = one.from.as_ref().and_then(|id| repository.commit(id).ok());
        let range = match (from, &target) {
            (Some(from), Some(target)) if target.name == one.name => Range::moved(from, to),
            (from, target) => {
                Range::since(&repository, target.as_ref().map(|target| target.tip).or(from), to)?
            }
        };
        let range = range
            .pushed_to(&one.name, target.as_ref(), moves_to)
            .with_config(context.config.as_deref());
        // A branch and a tag on it are checked once.
        if !ranges.iter().any(|(_, known)| known.covers(&range)) {
            ranges.push((&one.name, range));
        }
    }
    let branches = OnceCell::new();
    let check_remote = |name: &str, range: &Range, checked: &Checked| {
        let mine = checked.new_ids();
        let Some(remote) = remote.filter(|_| hook == HookName::PrePush && !mine.is_empty()) else {
            return Ok(Vec::new());
        };
        let branches = match branches.get() {
            Some(branches) => branches,
            None => {
                let found = branches_of(&repository, remote, context)?;
                branches.get_or_init(|| found)
            }
        };
        // The pushed branch does not collide with its own earlier state on the remote.
        let shown = ReservationRemote::at(&repository, remote).name;
        let own = name.strip_prefix("refs/heads/").map(|name| format!("{shown}/{name}"));
        let others: Vec<Branch> =
            branches.iter().filter(|branch| Some(&branch.name) != own.as_ref()).cloned().collect();
        let rules = RuleSet::of(&checked.project)?;
        let clashes = ids::find_conflicts(
            &repository,
            &checked.project.config.catalog,
            &mine,
            Some(range.after()),
            &others,
        )?;
        let finding = |clash: &IdConflict| {
            rules.branch_conflict(
                &checked.catalog,
                &clash.mine.path,
                &clash.branch.name,
                &clash.path,
            )
        };
        Ok(clashes.iter().filter_map(finding).collect())
    };
    check_all(&repository, &ranges, &check_remote, &context.streams)
}

/// Returns the branches of the remote, or as of the last fetch if it cannot be queried.
fn branches_of(
    repository: &Repository,
    remote: &str,
    context: &Context,
) -> Result<Vec<Branch>, Failure> {
    ReservationRemote::at(repository, remote).branches().or_else(|error| {
        context
            .streams
            .message(&format!("Warning: only fetched branches are checked for IDs: {error}."));
        let prefix = format!("{remote}/");
        let mut branches = repository.branches()?;
        branches.retain(|branch| branch.name.starts_with(&prefix));
        Ok(branches)
    })
}
