//! Renders due secrets as tables.

use goldenpath_deploy::inventory::{Due, DueList, DueReason, day};

use super::style::TerminalStyle;
use super::table::{Cell, Column, table};

/// Renders two tables and a summary line. A `width` in columns limits the tables.
#[must_use]
pub(crate) fn render_due_list(
    due_list: &DueList,
    width: Option<usize>,
    terminal: TerminalStyle,
) -> String {
    let (overdue, soon) = due_list.split();
    let within = format!(
        "within {}",
        if due_list.within == 1 { "1 day".to_owned() } else { format!("{} days", due_list.within) }
    );
    if due_list.due.is_empty() {
        return format!("Nothing is due {within}.\n");
    }
    let mut text = String::new();
    for (heading, list, style) in [
        ("Overdue", &overdue, terminal.style().red().bold()),
        ("Soon", &soon, terminal.style().yellow().bold()),
    ] {
        if !list.is_empty() {
            text.push_str(&format!(
                "{}\n{}\n",
                style.apply_to(heading),
                rows(list, width, terminal)
            ));
        }
    }
    text.push_str(&format!("{} overdue, {} {within}.\n", overdue.len(), soon.len()));
    text
}

fn rows(list: &[&Due], width: Option<usize>, terminal: TerminalStyle) -> String {
    let column = |head, min_width, rank| Column { head, min_width, rank };
    let columns = [
        column("DUE", None, 0),
        column("ID", None, 0),
        column("NAME", Some(10), 3),
        column("SERVICE", Some(8), 2),
        column("ENV", Some(4), 1),
        column("OWNER", Some(8), 4),
        column("WHY", Some(20), 0),
    ];
    let reason_and_command = |reason: &DueReason| match reason.remedy() {
        Some(command) => format!("{}: {command}", reason.describe()),
        None => reason.describe(),
    };
    let cells = |due: &&Due| {
        vec![
            Cell::plain(&day(due.when)),
            Cell::plain(&due.row.id.to_string()),
            Cell::plain(&due.row.name),
            Cell::plain(&due.row.service),
            Cell::plain(&due.row.environment),
            Cell::plain(&due.row.owner),
            Cell::plain(&reason_and_command(&due.reason)),
        ]
    };
    table(&columns, &list.iter().map(cells).collect::<Vec<_>>(), width, terminal)
}
