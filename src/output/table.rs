//! Rows in columns that keep to a terminal's width.

use console::{Style, measure_text_width, pad_str, truncate_str};

use super::style::TerminalStyle;
use goldenpath_core::sanitize::harmless_name;

/// What stands between two columns.
const GAP: &str = "  ";

/// One column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub head: &'static str,
    /// The columns that it may be cut down to; None: it is never cut.
    pub least: Option<usize>,
    /// Where there is no room even so, the column of the highest rank goes first; 0 stays.
    pub rank: u8,
}

/// A text in a table; what could steer a terminal is written out.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// As it is.
    #[must_use]
    pub fn plain(text: &str) -> Self {
        Self::styled(text, Style::new())
    }

    /// In a style of the look that it is drawn for.
    #[must_use]
    pub fn styled(text: &str, style: Style) -> Self {
        Self { text: harmless_name(text).into_owned(), style }
    }

    fn width(&self) -> usize {
        measure_text_width(&self.text)
    }
}

/// The table with its heads, a line a row, each with as many cells as there are columns. At a `width`, columns are cut and
/// at last left out; without one, every cell stands there whole.
#[must_use]
pub fn table(
    columns: &[Column],
    rows: &[Vec<Cell>],
    width: Option<usize>,
    look: TerminalStyle,
) -> String {
    let widths = fitted(columns, &natural(columns, rows), width);
    let end = if look.unicode { "…" } else { "~" };
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
        columns.iter().map(|column| Cell::styled(column.head, look.style().bold())).collect();
    let mut text = line(&mut heads.iter());
    for row in rows {
        text.push_str(&line(&mut row.iter()));
    }
    text
}

fn natural(columns: &[Column], rows: &[Vec<Cell>]) -> Vec<usize> {
    let widest = |number: usize| {
        rows.iter().filter_map(|row| row.get(number)).map(Cell::width).max().unwrap_or(0)
    };
    columns
        .iter()
        .enumerate()
        .map(|(number, column)| widest(number).max(column.head.len()))
        .collect()
}

/// How wide each column is drawn; None for one that is left out.
fn fitted(columns: &[Column], natural: &[usize], width: Option<usize>) -> Vec<Option<usize>> {
    let mut shown: Vec<bool> = vec![true; columns.len()];
    loop {
        let mut widths: Vec<Option<usize>> =
            natural.iter().zip(&shown).map(|(width, shown)| shown.then_some(*width)).collect();
        let Some(room) = width else { return widths };
        let total = |widths: &[Option<usize>]| {
            let gaps = widths.iter().flatten().count().saturating_sub(1) * GAP.len();
            widths.iter().flatten().sum::<usize>() + gaps
        };
        while total(&widths) > room {
            let can_shrink = |number: &usize| {
                columns[*number]
                    .least
                    .is_some_and(|least| widths[*number].is_some_and(|width| width > least))
            };
            let widest = (0..columns.len()).filter(can_shrink).max_by_key(|number| widths[*number]);
            let Some(widest) = widest else { break };
            widths[widest] = widths[widest].map(|width| width - 1);
        }
        let least_needed =
            (0..columns.len()).filter(|number| shown[*number] && columns[*number].rank > 0);
        match least_needed.max_by_key(|number| columns[*number].rank) {
            Some(number) if total(&widths) > room => shown[number] = false,
            _ => return widths,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: TerminalStyle = TerminalStyle { color: false, unicode: true, width: 40 };

    fn drawn(width: Option<usize>) -> String {
        let column = |head, least, rank| Column { head, least, rank };
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
            LOOK,
        )
    }

    #[test]
    fn columns_are_cut_and_then_left_out() {
        assert_eq!(
            drawn(None),
            "ID        NAME         OWNER\nSEC-0001  payments-db  team-payments\nSEC-0002  日本語       a\\u{1b}b\n"
        );
        assert_eq!(drawn(Some(36)), drawn(None));
        assert_eq!(
            drawn(Some(30)),
            "ID        NAME       OWNER\nSEC-0001  payments…  team-pay…\nSEC-0002  日本語     a\\u{1b}b\n"
        );
        assert_eq!(drawn(Some(20)), "ID        NAME\nSEC-0001  payments-…\nSEC-0002  日本語\n");
        for width in 1..60 {
            let widest = drawn(Some(width)).lines().map(measure_text_width).max();
            assert!(widest <= Some(width.max(16)), "{width}");
        }
    }
}
