//! A secret's end, in the seed's order (section 5): the projection goes, the gates are looked at, the secret is marked for
//! deletion, and when its recovery window has ended, the manifest says that it is gone.

use super::desired::DesiredSecret;
use super::diff::{PolicySeen, in_the_way, owner_of, tagging};
use super::gates::{Gates, day};
use super::ownership::{SecretOwnership, Takeover};
use super::{Action, Obstacle, ReconcileError, Step, World};
use crate::gitops::FileState;
use crate::store::StoredSecret;

/// What the next step towards a secret's end is, or why there is none yet.
pub(super) async fn actions(
    world: &World<'_>,
    wish: &DesiredSecret<'_>,
    actual: Option<&StoredSecret>,
    gates: &mut Gates,
) -> Result<Vec<Action>, ReconcileError> {
    let (key, file) = (wish.key.as_str(), wish.projection.file.as_str());
    let action =
        |target: &str, reason: String, step| Action::of(wish.request, target, reason, step);
    let waits = |reason: String| action(key, reason, Step::Blocked(Obstacle::Waiting));
    let gitops = world.gitops(wish.request.environment.as_str());
    let removal = match gitops.map(|gitops| gitops.removal(&wish.projection)).transpose()? {
        None | Some(FileState::Missing) => None,
        Some(FileState::Unlistable(why)) => {
            return Ok(vec![action(file, why, Step::Blocked(Obstacle::Conflict))]);
        }
        Some(_) => {
            let step = Step::RemoveProjection { projection: wish.projection.clone() };
            Some(action(
                file,
                "its end is asked for: the cluster lets go of it first".to_owned(),
                step,
            ))
        }
    };
    let Some(found) = actual else {
        let step = Step::MarkDecommissioned { file: wish.entry.path.clone() };
        let mark = action(&wish.entry.path, "its secret is gone".to_owned(), step);
        return Ok(vec![removal.unwrap_or(mark)]);
    };
    let takeover = Takeover { unmanaged: false, repository: world.options.rebind_catalog };
    if let Some(reason) = in_the_way(wish, found, takeover) {
        let foreign = action(key, reason, Step::Blocked(Obstacle::Conflict));
        // Where the secret belongs to another catalog, repository or manifest, so may the ExternalSecret.
        let removal = removal.filter(|_| owner_of(wish, found) == SecretOwnership::Unmanaged);
        return Ok(removal.into_iter().chain([foreign]).collect());
    }
    // One of another repository is bound to this one first, and the run after that deletes it.
    if in_the_way(wish, found, Takeover::default()).is_some() {
        let tagging = tagging(wish, found, PolicySeen::Unread);
        return Ok(removal.into_iter().chain(tagging).collect());
    }
    if let Some(end) = found.deletion {
        let words = format!(
            "it is marked for deletion and gone on {}; until then, `goldenpath lifecycle set {} deprecated` brings it back",
            day(end),
            wish.request.id
        );
        return Ok(removal.into_iter().chain([waits(words)]).collect());
    }
    let verdicts = gates.look(world, wish, found).await;
    let is_passed = |gate| world.options.overrides.contains_key(&gate);
    let closed = verdicts.iter().filter(|verdict| !verdict.is_open && !is_passed(verdict.gate));
    let mut blocked: Vec<Action> =
        closed.map(|verdict| waits(format!("gate {}: {}", verdict.gate, verdict.words))).collect();
    if removal.is_some() && blocked.is_empty() {
        blocked.push(waits(
            "the ExternalSecret goes first; the run after that deletes the secret".to_owned(),
        ));
    }
    if removal.is_some() || !blocked.is_empty() {
        return Ok(removal.into_iter().chain(blocked).collect());
    }
    let mut overridden = Vec::new();
    let mut seen = Vec::new();
    for verdict in verdicts {
        match world.options.overrides.get(&verdict.gate).filter(|_| !verdict.is_open) {
            None => seen.push(verdict.words),
            Some(reason) => {
                seen.push(format!(
                    "{} is passed by ({reason}), though {}",
                    verdict.gate, verdict.words
                ));
                overridden.push((verdict.gate, reason.clone()));
            }
        }
    }
    let days = world
        .project
        .governance
        .tiers
        .get(&wish.request.risk_tier)
        .map_or(30, |tier| tier.recovery_window_days);
    let reason = format!("{}; it can be brought back for {days} days", seen.join("; "));
    Ok(vec![action(key, reason, Step::DeleteSecret { key: wish.key.clone(), days, overridden })])
}
