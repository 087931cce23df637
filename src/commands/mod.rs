//! The commands: one file or folder each, with its arguments, their help and a short `run`.

use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;

/// Returns the end of a command's help: examples with comments, and its page of the reference.
///
/// A constant text, because every start of the program builds the help of all commands.
macro_rules! examples {
    ($page:literal: $($comment:literal => $line:literal,)+) => {
        concat!(
            "Examples:\n",
            $("  # ", $comment, "\n  ", $line, "\n",)+
            "\nReference: docs/reference/commands/", $page, ".md",
        )
    };
}

/// Declares each command's module, its variant of [`Command`] and its call: the one place where a
/// command is registered. Help lists the commands in this order.
macro_rules! commands {
    ($($module:ident => $variant:ident,)*) => {
        $(mod $module;)*

        #[derive(Debug, clap::Subcommand)]
        pub(crate) enum Command {
            $($variant($module::Args),)*
        }

        /// The same commands, of which clap learns the arguments when one is named.
        #[derive(Debug, clap::Subcommand)]
        #[command(defer = true)]
        pub(crate) enum NamedCommand {
            $($variant($module::Args),)*
        }

        impl From<NamedCommand> for Command {
            fn from(one: NamedCommand) -> Self {
                match one {
                    $(NamedCommand::$variant(args) => Self::$variant(args),)*
                }
            }
        }

        impl Command {
            pub(crate) fn run(self, context: &Context) -> Result<Outcome, Failure> {
                match self {
                    $(Self::$variant(args) => $module::run(&args, context),)*
                }
            }
        }
    };
}

commands![
    init => Init,
    new => New,
    edit => Edit,
    validate => Validate,
    explain => Explain,
    render => Render,
    plan => Plan,
    apply => Apply,
    list => List,
    show => Show,
    due => Due,
    report => Report,
    lifecycle => Lifecycle,
    value => Value,
    id => Id,
    audit => Audit,
    codeowners => Codeowners,
    iam => Iam,
    doctor => Doctor,
    hook => Hook,
    schema => Schema,
    completions => Completions,
    man => Man,
    demo => Demo,
];

pub(crate) use completions::answer_shell;

impl Command {
    /// Returns whether exit code 2 means changes, as in Terraform, and every error is 1.
    pub(crate) fn reports_changes(&self) -> bool {
        matches!(self, Self::Plan(args) if args.detailed_exitcode)
    }

    /// Returns whether the command applies the configuration of the current repository.
    pub(crate) fn reads_configuration(&self) -> bool {
        !matches!(
            self,
            Self::Init(_) | Self::Explain(_) | Self::Completions(_) | Self::Man(_) | Self::Demo(_)
        )
    }

    /// Returns whether the output must suit a screen reader: no colors, nothing redrawn.
    pub(crate) fn is_plain(&self) -> bool {
        match self {
            Self::Init(args) => args.plain,
            Self::New(args) => args.is_plain(),
            _ => false,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {

    use crate::cli;

    /// Returns all commands and their subcommands, each with its full name.
    fn commands() -> Vec<(String, clap::Command)> {
        fn add(name: &str, command: &clap::Command, all: &mut Vec<(String, clap::Command)>) {
            for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
                let name = format!("{name} {}", child.get_name());
                all.push((name.clone(), child.clone()));
                add(&name, child, all);
            }
        }
        let mut all = Vec::new();
        add("goldenpath", &cli::command(), &mut all);
        all
    }

    fn footer(name: &str, command: &clap::Command) -> String {
        let footer = command.get_after_long_help().or(command.get_after_help());
        footer.unwrap_or_else(|| panic!("{name} has no examples")).to_string()
    }

    #[test]
    fn every_command_has_two_to_four_examples_and_its_page_of_the_reference() {
        for (name, command) in commands() {
            let footer = footer(&name, &command);
            let examples = footer.lines().filter(|line| line.starts_with("  # ")).count();
            assert!((2..=4).contains(&examples), "{name}: {examples} examples");
            let page = name.split(' ').nth(1).unwrap();
            let last = format!("Reference: docs/reference/commands/{page}.md");
            assert_eq!(footer.lines().last(), Some(last.as_str()), "{name}");
        }
    }

    #[test]
    fn every_example_is_a_command_line_that_the_program_takes() {
        for (name, command) in commands() {
            let footer = footer(&name, &command);
            let lines =
                footer.lines().filter(|line| line.starts_with("  ") && !line.contains("# "));
            for line in lines {
                let line = line.rsplit(" | ").next().unwrap().split(" > ").next().unwrap();
                let line = line.split(" < ").next().unwrap().trim();
                let arguments: Vec<String> =
                    line.split(' ').map(|word| word.replace('\'', "")).collect();
                let parsed = cli::command().try_get_matches_from(&arguments);
                assert!(parsed.is_ok(), "{name}: `{line}`: {}", parsed.unwrap_err());
                assert!(line.starts_with("goldenpath "), "{name}: {line}");
            }
        }
    }

    #[test]
    fn the_first_line_of_every_help_text_has_at_most_80_characters() {
        for (name, command) in commands() {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(!about.is_empty() && about.len() <= 80, "{name}: {about}");
            for argument in command.get_arguments() {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                let first = help.lines().next().unwrap_or_default();
                assert!(first.chars().count() <= 80, "{name} {}: {first}", argument.get_id());
            }
        }
    }
}
