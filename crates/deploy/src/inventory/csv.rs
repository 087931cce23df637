//! The catalog as CSV (RFC 4180), with a header line.

use super::CatalogRow;
use goldenpath_core::sanitize::sanitize_name;

const HEADS: [&str; 16] = [
    "id",
    "name",
    "service",
    "environment",
    "owner",
    "status",
    "riskTier",
    "secretType",
    "rotationClass",
    "ttlDays",
    "namespace",
    "k8sSecretName",
    "provider",
    "storeKey",
    "path",
    "description",
];

/// Returns the rows as CSV. No cell is a formula for a spreadsheet.
#[must_use]
pub fn as_csv(rows: &[CatalogRow]) -> String {
    let mut text = csv_line(HEADS);
    for row in rows {
        let ttl = row.ttl_days.to_string();
        text.push_str(&csv_line([
            &row.id.to_string(),
            &row.name,
            &row.service,
            &row.environment,
            &row.owner,
            row.status.as_str(),
            &row.risk_tier,
            &row.secret_type,
            &row.rotation_class,
            &ttl,
            &row.namespace,
            &row.k8s_secret_name,
            &row.provider,
            row.store_key.as_deref().unwrap_or_default(),
            &row.path,
            row.description.as_deref().unwrap_or_default(),
        ]));
    }
    text
}

/// Returns a line of CSV. No cell is a formula for a spreadsheet.
#[must_use]
pub fn csv_line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    format!("{}\r\n", cells.join(","))
}

/// Returns one field.
///
/// Spreadsheets evaluate a cell that starts like a formula (OWASP, "CSV Injection"). A leading
/// apostrophe makes it text.
fn cell(text: &str) -> String {
    let shown = sanitize_name(text);
    let is_formula = shown.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let shown = if is_formula { format!("'{shown}") } else { shown.into_owned() };
    if shown.contains(['"', ',', '\r', '\n', ';']) || is_formula {
        format!("\"{}\"", shown.replace('"', "\"\""))
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_field_is_quoted_and_is_not_a_formula() {
        for (text, expected) in [
            ("plain words", "plain words"),
            ("a,b", "\"a,b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("-2", "\"'-2\""),
            (" +cmd|' /C calc'!A0", "\"' +cmd|' /C calc'!A0\""),
            ("\t=1", "\\t=1"),
            ("a\nb", "a\\nb"),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }
}
