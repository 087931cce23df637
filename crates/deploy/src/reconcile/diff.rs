//! What a secret needs to be as its manifest says: what is wished for against what is there.

use std::collections::BTreeMap;

use super::desired::{CATALOG, DesiredSecret, MANAGED, MANAGED_BY, POLICY, REPOSITORY};
use super::ownership::Takeover;
use super::{Action, ExpectedTags, Obstacle, SecretOwnership, Step};
use crate::store::{NewSecret, SecretUpdate, StoredSecret};

/// What is known of a secret's resource policy.
#[derive(Debug, Clone, Copy)]
pub(super) enum PolicySeen<'a> {
    /// Only what the tag says of it.
    Unread,
    Read(Option<&'a str>),
}

/// What the secret needs, in the order in which it must happen: nothing, its creation, that it is in the way, or a
/// change or several. `takeover` is what it may be apart from ours.
pub(super) fn secret_actions(
    wish: &DesiredSecret<'_>,
    actual: Option<&StoredSecret>,
    policy: PolicySeen<'_>,
    takeover: Takeover,
) -> Vec<Action> {
    if let Some(reason) = &wish.refusal {
        return vec![action(wish, reason.clone(), Step::Blocked(Obstacle::Conflict))];
    }
    let Some(found) = actual else { return creation(wish) };
    if let Some(reason) = in_the_way(wish, found, takeover) {
        return vec![action(wish, reason, Step::Blocked(Obstacle::Conflict))];
    }
    let steps = [
        found.deletion.map(|when| {
            let when = when.strftime("%Y-%m-%d");
            let reason = format!(
                "it is marked for deletion ({when}), and the manifest is {}",
                wish.request.status
            );
            action(wish, reason, Step::RestoreSecret { key: wish.key.clone() })
        }),
        tagging(wish, found, policy),
        update(wish, found),
        policing(wish, found, policy),
        rotating(wish, found),
    ];
    steps.into_iter().flatten().collect()
}

/// Why a secret that exists must not be touched for this manifest, if so.
pub(super) fn in_the_way(
    wish: &DesiredSecret<'_>,
    found: &StoredSecret,
    takeover: Takeover,
) -> Option<String> {
    SecretOwnership::obstacle(found, &ExpectedTags::of_tags(&wish.tags), wish.request.id, takeover)
}

/// Returns whose a secret is that exists under the manifest's key.
pub(super) fn owner_of(wish: &DesiredSecret<'_>, found: &StoredSecret) -> SecretOwnership {
    SecretOwnership::of(found, &ExpectedTags::of_tags(&wish.tags))
}

fn creation(wish: &DesiredSecret<'_>) -> Vec<Action> {
    let mut tags = wish.tags.clone();
    // A secret that comes to be has no policy, so that this is true from its first moment.
    let unpoliced = wish.policy.as_ref().filter(|policy| policy.text.is_none());
    tags.extend(unpoliced.map(|policy| (POLICY.to_owned(), policy.digest.clone())));
    let new =
        NewSecret { description: wish.description.clone(), tags, kms_key: wish.kms_key.clone() };
    let mut reason = "there is no such secret".to_owned();
    if !wish.make.is_empty() {
        let keys: Vec<&str> = wish.make.iter().map(|key| key.name.as_str()).collect();
        reason.push_str(&format!("; its value is made on the way ({})", keys.join(", ")));
    }
    let create = Step::CreateSecret { key: wish.key.clone(), new, make: wish.make.clone() };
    let policy = wish.policy.as_ref().filter(|policy| policy.text.is_some());
    let steps = [
        Some(action(wish, reason, create)),
        policy.and_then(|_| put_policy(wish, "it has none yet")),
        rotating(wish, &StoredSecret::default()),
    ];
    steps.into_iter().flatten().collect()
}

/// The tags that are missing or say something else. Of the policy the tag may only say what was found to be there.
pub(super) fn tagging(
    wish: &DesiredSecret<'_>,
    found: &StoredSecret,
    policy: PolicySeen<'_>,
) -> Option<Action> {
    let told = match (&wish.policy, policy) {
        (Some(wanted), PolicySeen::Read(there)) if wanted.is(there) => {
            Some((POLICY, wanted.digest.as_str()))
        }
        _ => None,
    };
    let wanted = wish.tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(told);
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
    let becomes = || {
        let catalog = wish.tags.get(CATALOG).map(String::as_str).unwrap_or_default();
        format!(
            "adopts a secret that goldenpath did not make: it becomes {} of {catalog}",
            wish.request.id
        )
    };
    let reason = adopted.then(becomes).into_iter().chain(changes).collect::<Vec<_>>().join(", ");
    Some(action(wish, reason, Step::TagSecret { key: wish.key.clone(), tags }))
}

fn update(wish: &DesiredSecret<'_>, found: &StoredSecret) -> Option<Action> {
    let description = wish
        .request
        .description
        .as_ref()
        .filter(|wanted| found.description.as_ref() != Some(*wanted));
    let kms_key =
        wish.kms_key.as_ref().filter(|wanted| !is_same_key(wanted, found.kms_key.as_deref()));
    let mut reasons = Vec::new();
    reasons.extend(description.map(|_| "the description differs".to_owned()));
    reasons.extend(kms_key.map(|wanted| {
        let now = found.kms_key.as_deref().unwrap_or("the account's own");
        format!("the KMS key: {now} → {wanted}")
    }));
    if reasons.is_empty() {
        return None;
    }
    let update = SecretUpdate { description: description.cloned(), kms_key: kms_key.cloned() };
    Some(action(wish, reasons.join(", "), Step::UpdateSecret { key: wish.key.clone(), update }))
}

fn policing(
    wish: &DesiredSecret<'_>,
    found: &StoredSecret,
    policy: PolicySeen<'_>,
) -> Option<Action> {
    let wanted = wish.policy.as_ref()?;
    let is_there = match policy {
        PolicySeen::Unread => found.tags.get(POLICY) == Some(&wanted.digest),
        PolicySeen::Read(there) => wanted.is(there),
    };
    match (is_there, policy, &wanted.text) {
        (true, ..) => None,
        (false, PolicySeen::Read(None), _) => put_policy(wish, "it has none yet"),
        (false, _, Some(_)) => put_policy(wish, "it has another one"),
        (false, _, None) => {
            let reason = "the manifest lets nobody in by a policy, and it has one".to_owned();
            let step =
                Step::DeletePolicy { key: wish.key.clone(), tag: policy_tag(&wanted.digest) };
            Some(action(wish, reason, step))
        }
    }
}

fn put_policy(wish: &DesiredSecret<'_>, why: &str) -> Option<Action> {
    let wanted = wish.policy.as_ref()?;
    let (policy, tag) = (wanted.text.clone()?, policy_tag(&wanted.digest));
    let step = Step::PutPolicy { key: wish.key.clone(), policy, tag };
    Some(action(wish, format!("{why}; {}", wanted.summary), step))
}

fn policy_tag(digest: &str) -> BTreeMap<String, String> {
    [(POLICY.to_owned(), digest.to_owned())].into()
}

fn rotating(wish: &DesiredSecret<'_>, found: &StoredSecret) -> Option<Action> {
    let wanted =
        wish.rotation.as_ref().filter(|wanted| found.rotation.as_ref() != Some(*wanted))?;
    let now = match &found.rotation {
        None => "it is not rotated".to_owned(),
        Some(now) => {
            let every = now
                .days
                .map_or_else(|| "on a schedule".to_owned(), |days| format!("every {days} days"));
            format!("it is rotated {every} by {}", now.function)
        }
    };
    let days = wanted.days.unwrap_or_default();
    let reason = format!("{now}; from now on every {days} days by {}", wanted.function);
    Some(action(
        wish,
        reason,
        Step::ConfigureRotation { key: wish.key.clone(), rotation: wanted.clone() },
    ))
}

fn action(wish: &DesiredSecret<'_>, reason: String, step: Step) -> Action {
    Action::of(wish.request, wish.key.as_str(), reason, step)
}

/// Whether both name one key. An ID or alias may stand alone or behind the start of an ARN, and a store keeps the words
/// that it was given (DescribeSecret, `KmsKeyId`: "the key ID or alias ARN").
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
    fn a_key_is_the_same_however_it_is_named() {
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
