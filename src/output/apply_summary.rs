//! The last line of `apply`: `Applied: 2 created, 1 changed.`

use goldenpath_deploy::reconcile::Applied;

/// Returns the result of an applied plan in one line.
#[must_use]
pub(crate) fn render_summary(applied: Applied) -> String {
    let Applied { created, changed, deleted, failed, skipped, blocked, not_started, proposed } =
        applied;
    let mut text = format!("Applied: {created} created, {changed} changed");
    for (count, word) in [
        (deleted, "deleted"),
        (failed, "failed"),
        (skipped, "skipped"),
        (blocked, "blocked"),
        (not_started, "not started"),
        (proposed, "waiting for review"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    text.push_str(".\n");
    text
}
