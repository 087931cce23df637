//! Tables that fit the terminal's width.

use console::{Style, measure_text_width, pad_str, truncate_str};

use super::style::TerminalStyle;
use goldenpath_core::sanitize::sanitize_name;

/// The text between two columns.
const GAP: &str = "  ";

/// One column of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub head: &'static str,
    /// The width that it may be cut to; `None` if it is never cut.
    pub min_width: Option<usize>,
    /// The order of leaving columns out if cutting is not enough: highest first; 0 stays.
    pub rank: u8,
}

/// The text of a cell, with control characters escaped.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Returns a cell without a style.
    #[must_use]
    pub(crate) fn plain(text: &str) -> Self {
        Self::styled(text, Style::new())
    }

    /// Returns a cell in this style.
    #[must_use]
    pub(crate) fn styled(text: &str, style: Style) -> Self {
        Self { text: sanitize_name(text).into_owned(), style }
    }

    fn width(&self) -> usize {
        measure_text_width(&self.text)
    }
}

/// Returns the table: a line with the heads, and a line per row.
///
/// Each row has a cell per column. If the table is wider than `width`, columns are cut, and then
/// left out; without `width`, no cell is cut.
#[must_use]
pub(crate) fn table(
    columns: &[Column],
    rows: &[Vec<Cell>],
    width: Option<usize>,
    terminal: TerminalStyle,
) -> String {
    let widths = fit_widths(columns, &natural_widths(columns, rows), width);
    let end = if terminal.unicode { "…" } else { "~" };
    let line = |cells: &mut dyn Iterator<Item = &Cell>| {
        let mut line = String::new();
        let shown: Vec<(&Cell, usize)> =
            cells.zip(&widths).filter_map(|(cell, width)| Some((cell, (*width)?))).collect();
        for (number, (cell, width)) in shown.iter().enumerate() {
            let text = truncate_str(&cell.text, *width, end);
            let is_last = number + 1 == shown.len();
            let text = if is_last {
                text
            } else {
                pad_str(&text, *width, console::Alignment::Left, None).into_owned().into()
            };
            line.push_str(&cell.style.apply_to(&text).to_string());
            line.push_str(if is_last { "\n" } else { GAP });
        }
        line
    };
    let heads: Vec<Cell> =
        columns.iter().map(|column| Cell::styled(column.head, terminal.style().bold())).collect();
    let mut text = line(&mut heads.iter());
    for row in rows {
        text.push_str(&line(&mut row.iter()));
    }
    text
}

fn natural_widths(columns: &[Column], rows: &[Vec<Cell>]) -> Vec<usize> {
    let widest = |number: usize| {
        rows.iter().filter_map(|row| row.get(number)).map(Cell::width).max().unwrap_or(0)
    };
    columns
        .iter()
        .enumerate()
        .map(|(number, column)| widest(number).max(column.head.len()))
        .collect()
}

/// Returns the width of each column; `None` for a column that is left out.
fn fit_widths(columns: &[Column], natural: &[usize], width: Option<usize>) -> Vec<Option<usize>> {
    let mut shown: Vec<bool> = vec![true; columns.len()];
    loop {
        let mut widths: Vec<Option<usize>> =
            natural.iter().zip(&shown).map(|(width, shown)| shown.then_some(*width)).collect();
        let Some(available) = width else { return widths };
        let total = |widths: &[Option<usize>]| {
            let gaps = widths.iter().flatten().count().saturating_sub(1) * GAP.len();
            widths.iter().flatten().sum::<usize>() + gaps
        };
        while total(&widths) > available {
            let can_shrink = |number: &usize| {
                columns[*number]
                    .min_width
                    .is_some_and(|min_width| widths[*number].is_some_and(|width| width > min_width))
            };
            let widest = (0..columns.len()).filter(can_shrink).max_by_key(|number| widths[*number]);
            let Some(widest) = widest else { break };
            widths[widest] = widths[widest].map(|width| width - 1);
        }
        let optional =
            (0..columns.len()).filter(|number| shown[*number] && columns[*number].rank > 0);
        match optional.max_by_key(|number| columns[*number].rank) {
            Some(number) if total(&widths) > available => shown[number] = false,
            _ => return widths,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMINAL: TerminalStyle = TerminalStyle { color: false, unicode: true, width: 40 };

    fn drawn(width: Option<usize>) -> String {
        let column = |head, min_width, rank| Column { head, min_width, rank };
        let columns =
            [column("ID", None, 0), column("NAME", Some(6), 0), column("OWNER", Some(8), 2)];
        let row = |cells: [&str; 3]| cells.map(Cell::plain).into();
        table(
            &columns,
            &[
                row(["SEC-0001", "payments-db", "team-payments"]),
                row(["SEC-0002", "日本語", "a\u{1b}b"]),
            ],
            width,
            TERMINAL,
        )
    }

    #[test]
    fn columns_are_cut_and_then_left_out() {
        assert_eq!(
            drawn(None),
            "ID        NAME         OWNER\nSEC-0001  payments-db  team-payments\n\
             SEC-0002  日本語       a\\u{1b}b\n"
        );
        assert_eq!(drawn(Some(36)), drawn(None));
        assert_eq!(
            drawn(Some(30)),
            "ID        NAME       OWNER\nSEC-0001  payments…  team-pay…\n\
             SEC-0002  日本語     a\\u{1b}b\n"
        );
        assert_eq!(drawn(Some(20)), "ID        NAME\nSEC-0001  payments-…\nSEC-0002  日本語\n");
        for width in 1..60 {
            let widest = drawn(Some(width)).lines().map(measure_text_width).max();
            assert!(widest <= Some(width.max(16)), "{width}");
        }
    }
}
