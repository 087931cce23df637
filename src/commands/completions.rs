//! `goldenpath completions`, and the answers to a shell that completes a command line.

use std::ffi::OsStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap_complete::aot::{Shell, generate};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};
use clap_complete_nushell::Nushell;
use goldenpath_core::catalog::{Catalog, Project, Selection};
use goldenpath_core::manifest::SecretRequest;
use goldenpath_core::vcs::{Repository, Snapshot};

use crate::context::{CONFIG_VARIABLE, Context};
use crate::failure::Failure;
use crate::outcome::Outcome;

/// Print the completions of a shell
///
/// They complete commands, options, and the IDs, services, environments and owners of the catalog
/// in the current folder.
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("completions":
    "Install for bash" =>
        "goldenpath completions bash > ~/.local/share/bash-completion/completions/goldenpath",
    "Install for zsh, in a folder of `fpath`" =>
        "goldenpath completions zsh > ~/.zfunc/_goldenpath",
    "Install for fish" =>
        "goldenpath completions fish > ~/.config/fish/completions/goldenpath.fish",
))]
pub(crate) struct Args {
    /// The shell
    #[arg(value_parser = shells())]
    shell: String,
}

/// The names of the shells.
const SHELLS: [&str; 6] = ["bash", "elvish", "fish", "nushell", "powershell", "zsh"];

/// The name of the program in command lines.
const PROGRAM: &str = "goldenpath";

/// The variable by which a shell's script asks for candidates.
const VARIABLE: &str = "GOLDENPATH_COMPLETE";

fn shells() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(SHELLS)
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let mut fixed = Vec::new();
    let mut command = (context.command)();
    match args.shell.parse::<Shell>() {
        Ok(shell) => generate(shell, &mut command, PROGRAM, &mut fixed),
        Err(_) => generate(Nushell, &mut command, PROGRAM, &mut fixed),
    }
    let fixed = String::from_utf8_lossy(&fixed).into_owned();
    context.streams.result(&match args.shell.as_str() {
        "bash" => with_candidates("bash", &fixed, BASH)?,
        "zsh" => with_candidates("zsh", &fixed, ZSH)?,
        "fish" => with_candidates("fish", &fixed, FISH)?,
        "nushell" => fixed,
        shell => registration(shell)?,
    });
    Ok(Outcome::Done)
}

/// The ends of the scripts: the candidates of the program, or the fixed ones without the program.
const BASH: &str = r#"
_goldenpath_or_fixed() {
    if type -P goldenpath >/dev/null; then
        _clap_complete_goldenpath "$@"
    else
        _goldenpath "$@"
    fi
}
complete -o nospace -o bashdefault -o nosort -F _goldenpath_or_fixed goldenpath 2>/dev/null ||
    complete -o nospace -o bashdefault -F _goldenpath_or_fixed goldenpath
"#;
const ZSH: &str = r#"
_goldenpath_or_fixed() {
    if (( $+commands[goldenpath] )); then
        _clap_dynamic_completer_goldenpath "$@"
    else
        _goldenpath "$@"
    fi
}
if [ "$funcstack[1]" = "_goldenpath" ]; then
    _goldenpath_or_fixed "$@"
else
    compdef _goldenpath_or_fixed goldenpath
fi
"#;
const FISH: &str = "";

/// Returns the script with the program's candidates in front of the fixed ones.
fn with_candidates(shell: &str, fixed: &str, end: &str) -> Result<String, Failure> {
    let registration = registration(shell)?;
    // The scripts register themselves at their ends; the last registration counts.
    Ok(format!("{fixed}\n{registration}{end}"))
}

/// Returns the script by which a shell asks this program for candidates.
fn registration(shell: &str) -> Result<String, Failure> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let completer = shells.completer(shell);
    let written = completer.map(|completer| {
        completer.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)
    });
    match written {
        Some(Ok(())) => Ok(String::from_utf8_lossy(&script).into_owned()),
        Some(Err(error)) => Err(Failure::io("cannot write the completions", &error)),
        None => Err(Failure::usage(format!("no completions for {shell}"), "give another shell")),
    }
}

/// Answers a shell that asks for candidates, and ends the program; returns if none asks.
pub(crate) fn answer_shell(command: fn() -> clap::Command) {
    CompleteEnv::with_factory(|| with_names(command())).var(VARIABLE).complete();
}

/// Returns the command line with the catalog's names as candidates of its arguments.
fn with_names(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|argument| {
        let names = argument.get_value_names().unwrap_or_default();
        let candidates = match names.first().map(|name| name.as_str()) {
            Some("ID" | "IDS" | "ID|STATUS") => ids,
            Some("ENV" | "ENVIRONMENT") => environments,
            Some("SERVICE") => services,
            Some("OWNER") => owners,
            _ => return argument,
        };
        argument.add(ArgValueCandidates::new(candidates))
    });
    command.mut_subcommands(with_names)
}

fn ids() -> Vec<CompletionCandidate> {
    requests(|request| {
        let help = format!("{} ({}, {})", request.name, request.service, request.environment);
        (request.id.to_string(), Some(help))
    })
}

fn services() -> Vec<CompletionCandidate> {
    requests(|request| (request.service.to_string(), None))
}

fn environments() -> Vec<CompletionCandidate> {
    let project = project().map(|(_, project)| project.enums.environments);
    project.unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
}

fn owners() -> Vec<CompletionCandidate> {
    let project = project().map(|(_, project)| project.enums.owners);
    project.unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
}

/// Returns a word of each manifest, with its help. Without a catalog there are none: a shell shows
/// no errors.
fn requests(
    candidate: impl Fn(&SecretRequest) -> (String, Option<String>),
) -> Vec<CompletionCandidate> {
    let read = || {
        let (repository, project) = project()?;
        Catalog::load(&repository, &project, Snapshot::WorkTree, &Selection::All).ok()
    };
    let Some(catalog) = read() else { return Vec::new() };
    let mut all: Vec<_> = catalog.requests().map(candidate).collect();
    all.sort();
    all.dedup();
    all.into_iter()
        .map(|(word, help)| CompletionCandidate::new(word).help(help.map(Into::into)))
        .collect()
}

fn project() -> Option<(Repository, Project)> {
    let repository = Repository::discover_to_read().ok()?;
    let config = std::env::var_os(CONFIG_VARIABLE).filter(|path| !path.is_empty());
    let config = config.as_deref().map(OsStr::as_ref);
    let project = Project::open(&repository, Snapshot::WorkTree, config).ok()?;
    Some((repository, project))
}
