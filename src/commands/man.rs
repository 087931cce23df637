//! `goldenpath man`

use std::path::PathBuf;

use clap_mangen::Man;
use goldenpath_core::files;

use crate::context::Context;
use crate::failure::Failure;
use crate::outcome::Outcome;

/// Print the manual page of a command, or write all pages
#[derive(Debug, clap::Args)]
#[command(after_help = examples!("man":
    "Print the manual page of goldenpath" => "goldenpath man",
    "Print the manual page of a command" => "goldenpath man value set",
    "Write the pages of all commands" => "goldenpath man --out-dir man1",
))]
pub(crate) struct Args {
    /// The words of the command [default: goldenpath itself]
    command: Vec<String>,
    /// Write the pages of all commands to DIR, which is created
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    out_dir: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    let pages = pages((context.command)());
    if let Some(folder) = &args.out_dir {
        let failed = |error: std::io::Error| {
            Failure::io(&format!("cannot write to `{}`", folder.display()), &error)
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        for (name, page) in &pages {
            files::write_atomic(&folder.join(format!("{name}.1")), page.as_bytes())
                .map_err(failed)?;
        }
        context.streams.message(&format!("{} pages in {}", pages.len(), folder.display()));
        return Ok(Outcome::Done);
    }
    let wanted = [&["goldenpath".to_owned()], args.command.as_slice()].concat().join("-");
    match pages.iter().find(|(name, _)| *name == wanted) {
        Some((_, page)) => context.streams.result(page),
        None => {
            return Err(Failure::usage(
                format!("there is no command `{}`", args.command.join(" ")),
                "`goldenpath --help` lists the commands",
            ));
        }
    }
    Ok(Outcome::Done)
}

/// Returns the name and the text of each command's page.
fn pages(mut root: clap::Command) -> Vec<(String, String)> {
    fn add(command: &clap::Command, pages: &mut Vec<(String, String)>) {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        let mut page = Vec::new();
        // Writing to memory does not fail.
        let _ = Man::new(command.clone().disable_help_subcommand(true))
            .title(name.to_uppercase())
            .date(DATE)
            .source(concat!("goldenpath ", env!("CARGO_PKG_VERSION")))
            .manual("goldenpath manual")
            .render(&mut page);
        pages.push((name, clean(&String::from_utf8_lossy(&page))));
        let children = command.get_subcommands().filter(|child| child.get_name() != "help");
        children.for_each(|child| add(child, pages));
    }
    // It gives each command its full name.
    root.build();
    let mut pages = Vec::new();
    add(&root, &mut pages);
    pages
}

/// The day of the pages, the same in every build of a version.
const DATE: &str = "2026-11-30";

/// The width of lines in a page's source, which a formatter fills again. mandoc counts up to eight
/// columns for a character that is not ASCII, and reports lines of more than 80.
const WIDTH: usize = 64;

/// Breaks long lines, and removes blanks and breaks without effect: `mandoc -T lint` reports them.
fn clean(page: &str) -> String {
    // In the source, an empty line is a vertical space.
    let lines = page.lines().map(str::trim_end);
    let lines: Vec<&str> = lines.map(|line| if line.is_empty() { ".sp" } else { line }).collect();
    let mut clean = String::new();
    for (at, line) in lines.iter().enumerate() {
        let next_to = |request: &str| {
            lines.get(at + 1).is_some_and(|next| next.starts_with(request))
                || at > 0 && lines[at - 1].starts_with(request)
        };
        match *line {
            ".br" if next_to(".sp") || next_to(".RE") => {}
            // A request, or words that are filled.
            line if line.starts_with('.') || line.len() <= WIDTH => {
                clean.push_str(line);
                clean.push('\n');
            }
            line => {
                for part in textwrap::wrap(line, textwrap::Options::new(WIDTH).break_words(false)) {
                    // A line that begins with these is a request.
                    let is_request = part.starts_with(['.', '\'']);
                    clean.push_str(if is_request { "\\&" } else { "" });
                    clean.push_str(&part);
                    clean.push('\n');
                }
            }
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_whole_name() {
        let pages = pages(crate::cli::command());
        for name in ["goldenpath", "goldenpath-validate", "goldenpath-value-set"] {
            assert!(pages.iter().any(|(page, _)| page == name), "{name}");
        }
        for (name, page) in &pages {
            assert!(page.contains(&format!(".TH {} 1 {DATE}", name.to_uppercase())), "{name}");
            assert!(page.lines().all(|line| line == line.trim_end()), "{name}");
        }
    }

    #[test]
    fn long_lines_are_broken_between_words_and_no_part_becomes_a_request() {
        let text = format!("{} .hidden\n.br\n.sp\n\nend", "word ".repeat(16).trim_end());
        let clean = clean(&text);
        assert!(clean.lines().all(|line| line.len() <= WIDTH + 2), "{clean}");
        assert!(!clean.lines().any(|line| line == ".hidden" || line == ".br"), "{clean}");
    }
}
