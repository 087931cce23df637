//! Compares the desired state of a secret with its actual state.

use std::collections::BTreeMap;

use super::desired::{CATALOG, DesiredSecret, MANAGED, MANAGED_BY, POLICY, REPOSITORY};
use super::ownership::AllowedTakeovers;
use super::{Action, BlockReason, ExpectedTags, SecretOwnership, Step};
use crate::store::{NewSecret, SecretUpdate, StoredSecret};

/// The known state of a secret's resource policy.
#[derive(Debug, Clone, Copy)]
pub(super) enum ObservedPolicy<'a> {
    /// Not read: only the tag is known.
    Unread,
    Read(Option<&'a str>),
}

/// Returns the actions for a secret, in order of execution.
///
/// These are none, a creation, a conflict, or changes. `takeover` says which secrets that are not
/// ours may be taken over.
pub(super) fn secret_actions(
    desired: &DesiredSecret<'_>,
    actual: Option<&StoredSecret>,
    policy: ObservedPolicy<'_>,
    takeover: AllowedTakeovers,
) -> Vec<Action> {
    if let Some(reason) = &desired.refusal {
        return vec![action(desired, reason.clone(), Step::Blocked(BlockReason::Conflict))];
    }
    let Some(found) = actual else { return create(desired) };
    if let Some(reason) = find_obstacle(desired, found, takeover) {
        return vec![action(desired, reason, Step::Blocked(BlockReason::Conflict))];
    }
    let steps = [
        found.deletion.map(|when| {
            let when = when.strftime("%Y-%m-%d");
            let reason = format!(
                "marked for deletion ({when}), but the manifest is {}",
                desired.request.status
            );
            action(desired, reason, Step::RestoreSecret { key: desired.key.clone() })
        }),
        tag_action(desired, found, policy),
        update_action(desired, found),
        policy_action(desired, found, policy),
        rotation_action(desired, found),
    ];
    steps.into_iter().flatten().collect()
}

/// Returns why an existing secret must not be changed for this manifest, if so.
pub(super) fn find_obstacle(
    desired: &DesiredSecret<'_>,
    found: &StoredSecret,
    takeover: AllowedTakeovers,
) -> Option<String> {
    SecretOwnership::find_obstacle(
        found,
        &ExpectedTags::of_tags(&desired.tags),
        desired.request.id,
        takeover,
    )
}

/// Returns the owner of the existing secret with the manifest's key.
pub(super) fn owner_of(desired: &DesiredSecret<'_>, found: &StoredSecret) -> SecretOwnership {
    SecretOwnership::of(found, &ExpectedTags::of_tags(&desired.tags))
}

fn create(desired: &DesiredSecret<'_>) -> Vec<Action> {
    let mut tags = desired.tags.clone();
    // A new secret has no policy, so this tag is correct from the start.
    let unpoliced = desired.policy.as_ref().filter(|policy| policy.text.is_none());
    tags.extend(unpoliced.map(|policy| (POLICY.to_owned(), policy.digest.clone())));
    let new = NewSecret {
        description: desired.description.clone(),
        tags,
        kms_key: desired.kms_key.clone(),
    };
    let mut reason = "the secret does not exist".to_owned();
    if !desired.generate.is_empty() {
        let keys: Vec<&str> = desired.generate.iter().map(|key| key.name.as_str()).collect();
        reason.push_str(&format!("; its value is generated ({})", keys.join(", ")));
    }
    let create =
        Step::CreateSecret { key: desired.key.clone(), new, generate: desired.generate.clone() };
    let policy = desired.policy.as_ref().filter(|policy| policy.text.is_some());
    let steps = [
        Some(action(desired, reason, create)),
        policy.and_then(|_| put_policy(desired, "no policy yet")),
        rotation_action(desired, &StoredSecret::default()),
    ];
    steps.into_iter().flatten().collect()
}

/// Returns the action that sets missing or different tags.
///
/// The policy's tag is set only if the policy was read and matches.
pub(super) fn tag_action(
    desired: &DesiredSecret<'_>,
    found: &StoredSecret,
    policy: ObservedPolicy<'_>,
) -> Option<Action> {
    let policy_tag = match (&desired.policy, policy) {
        (Some(wanted), ObservedPolicy::Read(there)) if wanted.is(there) => {
            Some((POLICY, wanted.digest.as_str()))
        }
        _ => None,
    };
    let wanted =
        desired.tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(policy_tag);
    let tags: BTreeMap<String, String> = wanted
        .filter(|(name, value)| found.tags.get(*name).map(String::as_str) != Some(*value))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    if tags.is_empty() {
        return None;
    }
    let adopted = found.tags.get(MANAGED_BY).map(String::as_str) != Some(MANAGED);
    let changes = tags.iter().filter_map(|(name, value)| match found.tags.get(name) {
        Some(old) if name == REPOSITORY => {
            Some(format!("{name}: {old} → {value} (--rebind-catalog)"))
        }
        Some(old) => Some(format!("{name}: {old} → {value}")),
        None => (!adopted).then(|| format!("{name}: {value} is missing")),
    });
    let adoption = || {
        let catalog = desired.tags.get(CATALOG).map(String::as_str).unwrap_or_default();
        format!("adopts an unmanaged secret: it becomes {} of {catalog}", desired.request.id)
    };
    let reason = adopted.then(adoption).into_iter().chain(changes).collect::<Vec<_>>().join(", ");
    Some(action(desired, reason, Step::TagSecret { key: desired.key.clone(), tags }))
}

fn update_action(desired: &DesiredSecret<'_>, found: &StoredSecret) -> Option<Action> {
    let description = desired
        .request
        .description
        .as_ref()
        .filter(|wanted| found.description.as_ref() != Some(*wanted));
    let kms_key =
        desired.kms_key.as_ref().filter(|wanted| !is_same_key(wanted, found.kms_key.as_deref()));
    let mut reasons = Vec::new();
    reasons.extend(description.map(|_| "the description differs".to_owned()));
    reasons.extend(kms_key.map(|wanted| {
        let now = found.kms_key.as_deref().unwrap_or("the account's default");
        format!("KMS key: {now} → {wanted}")
    }));
    if reasons.is_empty() {
        return None;
    }
    let update = SecretUpdate { description: description.cloned(), kms_key: kms_key.cloned() };
    Some(action(
        desired,
        reasons.join(", "),
        Step::UpdateSecret { key: desired.key.clone(), update },
    ))
}

fn policy_action(
    desired: &DesiredSecret<'_>,
    found: &StoredSecret,
    policy: ObservedPolicy<'_>,
) -> Option<Action> {
    let wanted = desired.policy.as_ref()?;
    let is_current = match policy {
        ObservedPolicy::Unread => found.tags.get(POLICY) == Some(&wanted.digest),
        ObservedPolicy::Read(found) => wanted.is(found),
    };
    match (is_current, policy, &wanted.text) {
        (true, ..) => None,
        (false, ObservedPolicy::Read(None), _) => put_policy(desired, "no policy yet"),
        (false, _, Some(_)) => put_policy(desired, "the policy differs"),
        (false, _, None) => {
            let reason = "the manifest grants no access, but the secret has a policy".to_owned();
            let step =
                Step::DeletePolicy { key: desired.key.clone(), tag: policy_tag(&wanted.digest) };
            Some(action(desired, reason, step))
        }
    }
}

fn put_policy(desired: &DesiredSecret<'_>, why: &str) -> Option<Action> {
    let wanted = desired.policy.as_ref()?;
    let (policy, tag) = (wanted.text.clone()?, policy_tag(&wanted.digest));
    let step = Step::PutPolicy { key: desired.key.clone(), policy, tag };
    Some(action(desired, format!("{why}; {}", wanted.summary), step))
}

fn policy_tag(digest: &str) -> BTreeMap<String, String> {
    [(POLICY.to_owned(), digest.to_owned())].into()
}

fn rotation_action(desired: &DesiredSecret<'_>, found: &StoredSecret) -> Option<Action> {
    let wanted =
        desired.rotation.as_ref().filter(|wanted| found.rotation.as_ref() != Some(*wanted))?;
    let now = match &found.rotation {
        None => "not rotated yet".to_owned(),
        Some(now) => {
            let every = now
                .days
                .map_or_else(|| "on a schedule".to_owned(), |days| format!("every {days} days"));
            format!("rotated {every} by {}", now.function)
        }
    };
    let days = wanted.days.unwrap_or_default();
    let reason = format!("{now}; from now on every {days} days by {}", wanted.function);
    Some(action(
        desired,
        reason,
        Step::ConfigureRotation { key: desired.key.clone(), rotation: wanted.clone() },
    ))
}

fn action(desired: &DesiredSecret<'_>, reason: String, step: Step) -> Action {
    Action::of(desired.request, desired.key.as_str(), reason, step)
}

/// Returns whether both name the same key.
///
/// An ID or alias may be given alone or as part of an ARN, and a store returns the form that was
/// set (DescribeSecret, `KmsKeyId`: "the key ID or alias ARN").
fn is_same_key(wanted: &str, found: Option<&str>) -> bool {
    fn short(key: &str) -> &str {
        let resource =
            if key.starts_with("arn:") { key.rsplit(':').next().unwrap_or(key) } else { key };
        resource.strip_prefix("key/").unwrap_or(resource)
    }
    let Some(found) = found else { return false };
    match (wanted.starts_with("arn:"), found.starts_with("arn:")) {
        (true, true) => wanted == found,
        _ => short(wanted) == short(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_by_id_alias_and_arn() {
        let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
        let arn = format!("arn:aws:kms:eu-west-2:123456789012:key/{id}");
        let other = format!("arn:aws:kms:us-east-1:123456789012:key/{id}");
        let alias = "arn:aws:kms:eu-west-2:123456789012:alias/secrets";
        for (one, two) in
            [(id, id), (id, &arn), (&arn, id), ("alias/secrets", alias), (alias, "alias/secrets")]
        {
            assert!(is_same_key(one, Some(two)), "{one} {two}");
        }
        for (one, two) in [
            (id, None),
            ("alias/secrets", Some("alias/other")),
            (&arn, Some(other.as_str())),
            (id, Some(alias)),
        ] {
            assert!(!is_same_key(one, two), "{one} {two:?}");
        }
    }
}
