//! The commands: one file or folder each, with its arguments and their help, and a short `run`.

use crate::cli::{Context, Outcome};
use crate::failure::Failure;

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
        pub(crate) enum OneCommand {
            $($variant($module::Args),)*
        }

        impl From<OneCommand> for Command {
            fn from(one: OneCommand) -> Self {
                match one {
                    $(OneCommand::$variant(args) => Self::$variant(args),)*
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
    hook => Hook,
    demo => Demo,
];

impl Command {
    /// Whether exit code 2 means changes, as in Terraform, so that errors of any kind are 1.
    pub(crate) fn two_means_changes(&self) -> bool {
        matches!(self, Self::Plan(args) if args.detailed_exitcode)
    }

    /// Whether nothing may be drawn that a screen reader cannot read.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::New(args) if args.is_plain())
    }
}
