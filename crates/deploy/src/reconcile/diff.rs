//! Compares the desired state of a secret with its actual state.

use std::collections::{BTreeMap, BTreeSet};

use super::desired::{CATALOG, DesiredSecret, MANAGED, MANAGED_BY, POLICY, REPOSITORY};
use super::kms::is_same_key;
use super::ownership::AllowedTakeovers;
use super::{Action, BlockReason, ExpectedTags, SecretOwnership, Step};
use crate::store::{NewSecret, SecretUpdate, StoredSecret};
use goldenpath_core::arn;
use goldenpath_core::config::TAGS;
use goldenpath_core::manifest::ValueFormat;

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
/// ours may be taken over. An absent secret is created.
pub(super) fn secret_actions(
    desired: &DesiredSecret<'_>,
    actual: Option<&StoredSecret>,
    policy: ObservedPolicy<'_>,
    takeover: AllowedTakeovers,
) -> Vec<Action> {
    if let Some(reason) = &desired.refusal {
        return vec![action(desired, reason.clone(), Step::Blocked(BlockReason::Conflict))];
    }
    let Some(found) = actual else {
        if desired.is_service_owned {
            let reason = format!(
                "the secret does not exist, and only the AWS service that rotates secrets of the \
                 type `{}` can create it: create it there, or remove `rotation: managed` from the \
                 type",
                desired.request.secret_type
            );
            return vec![action(desired, reason, Step::Blocked(BlockReason::Conflict))];
        }
        return create(desired, None);
    };
    let obstacle = find_obstacle(desired, found, takeover);
    if let Some(reason) = obstacle.or_else(|| too_many_tags(desired, found)) {
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
    ];
    steps.into_iter().flatten().collect()
}

/// Returns why an existing secret must not be changed for this manifest, if so.
pub(super) fn find_obstacle(
    desired: &DesiredSecret<'_>,
    found: &StoredSecret,
    takeover: AllowedTakeovers,
) -> Option<String> {
    if let Some(primary) = &found.replica_of {
        return Some(format!(
            "a replica of a secret in {primary} has this name, and only that secret can be changed"
        ));
    }
    let foreign = SecretOwnership::find_obstacle(
        found,
        &ExpectedTags::of_tags(&desired.tags),
        desired.request.id,
        takeover,
    );
    foreign.or_else(|| find_service_obstacle(desired, found))
}

/// Returns why a secret does not fit the rotation of its type, if it is one of an AWS service.
///
/// Such a secret is changed by its service (Secrets Manager User Guide, "Secrets managed by other
/// AWS services").
fn find_service_obstacle(desired: &DesiredSecret<'_>, found: &StoredSecret) -> Option<String> {
    let kind = &desired.request.secret_type;
    match &found.owning_service {
        Some(service) if !desired.is_service_owned => Some(format!(
            "the AWS service `{service}` owns and rotates the secret: choose a type with \
             `rotation: managed`, which `{kind}` does not have"
        )),
        None if desired.is_service_owned => Some(format!(
            "secrets of the type `{kind}` are rotated by an AWS service (`rotation: managed`), but \
             no service owns this one: choose another type"
        )),
        _ => None,
    }
}

/// Returns the owner of the existing secret with the manifest's key.
pub(super) fn owner_of(desired: &DesiredSecret<'_>, found: &StoredSecret) -> SecretOwnership {
    SecretOwnership::of(found, &ExpectedTags::of_tags(&desired.tags))
}

/// Returns why the secret cannot get its tags, if it would have more than AWS allows.
///
/// AWS's own tags do not count (Tagging resources, "Tag naming limits and requirements").
fn too_many_tags(desired: &DesiredSecret<'_>, found: &StoredSecret) -> Option<String> {
    let policy = desired.policy.as_ref().map(|_| POLICY);
    let ours: BTreeSet<&str> = desired.tags.keys().map(String::as_str).chain(policy).collect();
    let theirs = found
        .tags
        .keys()
        .filter(|name| !name.starts_with("aws:") && !ours.contains(name.as_str()))
        .count();
    let is_changed = ours.iter().any(|name| !found.tags.contains_key(*name));
    (is_changed && theirs + ours.len() > TAGS).then(|| {
        format!(
            "the secret has {theirs} other tags, and goldenpath needs {}: AWS allows {TAGS} in \
             all; remove {} of the others first",
            ours.len(),
            theirs + ours.len() - TAGS
        )
    })
}

/// Returns the actions that create a secret; for a lost one, `recreate` is the reason.
pub(super) fn create(desired: &DesiredSecret<'_>, recreate: Option<&str>) -> Vec<Action> {
    let mut tags = desired.tags.clone();
    // A new secret has no policy, so this tag is correct from the start.
    let unpoliced = desired.policy.as_ref().filter(|policy| policy.text.is_none());
    tags.extend(unpoliced.map(|policy| (POLICY.to_owned(), policy.digest.clone())));
    let new = NewSecret {
        description: desired.description.clone(),
        tags,
        // Without a key, AWS uses the one that it manages.
        kms_key: desired.kms_key.clone().filter(|key| !arn::is_default_kms_key(Some(key))),
        external_type: desired.external_type.clone(),
    };
    let mut reason = "the secret does not exist".to_owned();
    if !desired.generate.is_empty() {
        let keys: Vec<&str> = desired.generate.iter().map(|key| key.name.as_str()).collect();
        reason.push_str(&format!("; its value is generated ({})", keys.join(", ")));
    }
    if let Some(why) = recreate {
        reason.push_str(&format!("; it is created again ({why})"));
    }
    let create = Step::CreateSecret {
        key: desired.key.clone(),
        new,
        generate: desired.generate.clone(),
        format: desired.request.value_format.clone(),
        recreate: recreate.map(str::to_owned),
    };
    let policy = desired.policy.as_ref().filter(|policy| policy.text.is_some());
    let steps = [
        Some(action(desired, reason, create)),
        policy.and_then(|_| put_policy(desired, "no policy yet")),
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
    let id = desired.request.id;
    let adoption = || {
        let catalog = desired.tags.get(CATALOG).map(String::as_str).unwrap_or_default();
        format!("adopts an unmanaged secret: it becomes {id} of {catalog}")
    };
    let mut reason =
        adopted.then(adoption).into_iter().chain(changes).collect::<Vec<_>>().join(", ");
    // Planning reads no value. A text is projected whatever it is.
    if adopted && found.has_value() && desired.request.value_format == ValueFormat::Json {
        reason.push_str(&format!("; format unknown: `goldenpath value status {id} --keys`"));
    }
    Some(action(desired, reason, Step::TagSecret { key: desired.key.clone(), tags }))
}

fn update_action(desired: &DesiredSecret<'_>, found: &StoredSecret) -> Option<Action> {
    // Its description and key are the service's to change.
    if found.owning_service.is_some() {
        return None;
    }
    let description = desired
        .request
        .description
        .as_ref()
        .filter(|wanted| found.description.as_ref() != Some(*wanted));
    let kms_key =
        desired.kms_key.as_ref().filter(|wanted| !is_same_key(wanted, found.kms_key.as_deref()));
    let shown = |key: Option<&str>| {
        let key = key.filter(|_| !arn::is_default_kms_key(key));
        key.unwrap_or("the account's default").to_owned()
    };
    let mut reasons = Vec::new();
    reasons.extend(description.map(|wanted| match &found.description {
        Some(old) if !old.is_empty() => format!("description: \"{old}\" → \"{wanted}\""),
        _ => format!("description: \"{wanted}\" is missing"),
    }));
    reasons.extend(kms_key.map(|wanted| {
        format!("KMS key: {} → {}", shown(found.kms_key.as_deref()), shown(Some(wanted)))
    }));
    let external_type = desired
        .external_type
        .as_ref()
        .filter(|wanted| found.external_type.as_ref() != Some(*wanted));
    reasons.extend(external_type.map(|wanted| {
        let now = found.external_type.as_deref().unwrap_or("none");
        format!("managed external secret: {now} → {wanted}")
    }));
    if reasons.is_empty() {
        return None;
    }
    let update = SecretUpdate {
        description: description.cloned(),
        kms_key: kms_key.cloned(),
        external_type: external_type.cloned(),
    };
    Some(action(
        desired,
        reasons.join(", "),
        Step::UpdateSecret { key: desired.key.clone(), update, has_value: found.has_value() },
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

pub(super) fn action(desired: &DesiredSecret<'_>, reason: String, step: Step) -> Action {
    Action::of(desired.request, desired.key.as_str(), reason, step)
}
