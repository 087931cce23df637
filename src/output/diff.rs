//! Changes of a file as a unified diff with git's headers.

use crate::output::style::TerminalStyle;
use goldenpath_core::sanitize::{sanitize_in_place, sanitize_name};

/// A file before and after a change, both with confidential parts masked.
#[derive(Debug)]
pub struct FileDiff<'a> {
    pub from: &'a str,
    pub to: &'a str,
    pub before: &'a str,
    pub after: &'a str,
}

/// Returns the unified diff; a moved file has git's headers of a rename.
#[must_use]
pub fn diff_for_people(difference: &FileDiff<'_>, terminal: TerminalStyle) -> String {
    let FileDiff { before, after, .. } = difference;
    let (from, to) = (sanitize_name(difference.from), sanitize_name(difference.to));
    let mut lines = vec![format!("diff --git a/{from} b/{to}\n")];
    if from != to {
        if before == after {
            lines.push("similarity index 100%\n".to_owned());
        }
        lines.push(format!("rename from {from}\n"));
        lines.push(format!("rename to {to}\n"));
    }
    if before != after {
        lines.push(format!("--- a/{from}\n"));
        lines.push(format!("+++ b/{to}\n"));
    }
    let head: String =
        lines.iter().map(|line| style_line(line, &terminal.style().bold())).collect();
    head + &hunks(before, after, terminal)
}

/// Returns the changed lines with their context.
///
/// libgit2 fails only if memory runs out; then nothing is shown.
pub(crate) fn hunks(before: &str, after: &str, terminal: TerminalStyle) -> String {
    let mut shown = String::new();
    let patch = git2::Patch::from_buffers(before.as_bytes(), None, after.as_bytes(), None, None);
    let Ok(mut patch) = patch else { return shown };
    let print =
        &mut |_: git2::DiffDelta<'_>, _: Option<git2::DiffHunk<'_>>, line: git2::DiffLine<'_>| {
            let text = String::from_utf8_lossy(line.content());
            let text = sanitize_line(&text);
            let style = terminal.style();
            match line.origin() {
                'F' => {}
                'H' => shown.push_str(&style_line(&text, &style.cyan())),
                '+' => shown.push_str(&style_line(&format!("+{text}"), &style.green())),
                '-' => shown.push_str(&style_line(&format!("-{text}"), &style.red())),
                ' ' => shown.push_str(&format!(" {text}")),
                // "\ No newline at end of file"
                _ => shown.push_str(&text),
            }
            true
        };
    let _ = patch.print(print);
    shown
}

/// Styles a line but not its line break, which pagers need.
fn style_line(line: &str, style: &console::Style) -> String {
    let words = line.trim_end_matches(['\r', '\n']);
    format!("{}{}", style.apply_to(words), &line[words.len()..])
}

/// Escapes the control characters of a line.
///
/// A Windows line break stays, so that `git apply` accepts the diff.
fn sanitize_line(line: &str) -> String {
    let end = if line.ends_with("\r\n") { "\r\n" } else { "\n" };
    match line.strip_suffix(end) {
        Some(words) => sanitize_in_place(words) + end,
        None => sanitize_in_place(line),
    }
}
