//! Derives defaults and suggestions from earlier answers and from the catalog.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{AnswerOrigin, AnswerVerdict, Constraint, Draft, Field};
use crate::config::{NamespacePattern, Rotation, UnlistedPolicy};
use crate::manifest::{LABEL_LENGTH, SecretRequest, to_label};

/// The default ttl of a new secret, in days.
const TTL_DAYS: u32 = 90;

/// The highest number to try after a name. If all are taken, there is no number.
const TRIES: u32 = 99;

/// The rotation class of secrets without rotation.
const NO_ROTATION: &str = "none";

impl Constraint<'_> {
    /// Derives a default from the answers so far.
    ///
    /// The name is derived from service and type, the namespace from the service and its list in
    /// `ownership`, the Kubernetes Secret from the name, the rotation class from type and tier, the
    /// ttl from the tier, and the owner from the service's other manifests and its list in
    /// `ownership`. A name that is taken gets a number.
    #[must_use]
    pub fn default_for(&mut self, draft: &Draft, field: Field) -> Option<String> {
        match field {
            Field::Name => {
                let words =
                    format!("{}-{}", draft.get(Field::Service)?, draft.get(Field::SecretType)?);
                Some(self.find_free_name(draft, field, &to_label(&words)))
            }
            Field::Owner => self.owners(draft).into_iter().next(),
            Field::RiskTier => {
                let tiers = &self.project().enums.risk_tiers;
                tiers.iter().find(|tier| *tier == "medium").or(tiers.first()).cloned()
            }
            Field::RotationClass => self.rotation(draft),
            Field::Namespace => self.namespace(draft.get(Field::Service)?),
            Field::K8sSecretName => {
                let name = to_label(draft.get(Field::Name)?);
                Some(self.find_free_name(draft, field, &name))
            }
            Field::TtlDays => {
                let tier = self.project().governance.tiers.get(draft.get(Field::RiskTier)?);
                Some(tier.map_or(TTL_DAYS, |tier| tier.max_ttl_days.min(TTL_DAYS)).to_string())
            }
            Field::Description | Field::ValueFormat | Field::ValueKey => Some(String::new()),
            Field::Service | Field::Environment | Field::SecretType => None,
        }
    }

    /// Returns `name`, or the first of `name-2`, `name-3`, … that the rules accept.
    #[must_use]
    pub fn find_free_name(&mut self, draft: &Draft, field: Field, name: &str) -> String {
        let numbered = (2..=TRIES).map(|number| {
            let suffix = format!("-{number}");
            let stem: String = name.chars().take(LABEL_LENGTH - suffix.len()).collect();
            format!("{}{suffix}", stem.trim_end_matches(['-', '.']))
        });
        let mut tried = draft.clone();
        let mut fits = |name: &String| {
            tried.answer(field, name, AnswerOrigin::Asked);
            !matches!(self.check_answer(&tried, field), AnswerVerdict::Rejected(_))
        };
        let whole = name.to_owned();
        std::iter::once(whole.clone()).chain(numbered).find(|name| fits(name)).unwrap_or(whole)
    }

    /// Returns the suggestions for a question.
    ///
    /// Services: sorted by number of manifests, then as in `ownership`. Owners: sorted by number of
    /// the service's manifests, then as in `ownership` or the enums. Namespaces: those that
    /// `ownership` lists for the service. Other fields: the values of the enums.
    #[must_use]
    pub fn suggestions(&self, draft: &Draft, field: Field) -> Vec<String> {
        match field {
            Field::Service => self.services(),
            Field::Owner => self.owners(draft),
            Field::Namespace => draft
                .get(Field::Service)
                .map(|service| self.namespaces(service))
                .unwrap_or_default(),
            _ => field.choices(self.project()).unwrap_or_default().to_vec(),
        }
    }

    /// Returns the service's owner if `ownership` lists exactly one.
    #[must_use]
    pub fn only_owner(&self, draft: &Draft) -> Option<String> {
        match self.project().ownership.owners(draft.get(Field::Service)?)? {
            [only] => Some(only.clone()),
            _ => None,
        }
    }

    /// Returns the services of the catalog and of `ownership`, without denied ones.
    fn services(&self) -> Vec<String> {
        let ownership = &self.project().ownership;
        let mut services = most_used(self.requests().map(|request| request.service.as_str()));
        services.retain(|service| ownership.unlisted_policy(service) != Some(UnlistedPolicy::Deny));
        let others: Vec<String> = ownership
            .services()
            .filter(|name| !services.iter().any(|one| one == name))
            .map(str::to_owned)
            .collect();
        services.extend(others);
        services
    }

    /// Returns the namespaces that `ownership` lists for a service, without patterns.
    fn namespaces(&self, service: &str) -> Vec<String> {
        let listed = self.project().ownership.namespaces(service).into_iter().flatten();
        listed.filter_map(NamespacePattern::name).map(str::to_owned).collect()
    }

    /// Returns the default namespace of a service.
    ///
    /// That is the service's name if `ownership` allows it, or else the first namespace that it
    /// lists by name. None if it lists only patterns that do not match the service's name.
    fn namespace(&self, service: &str) -> Option<String> {
        let own = to_label(service);
        match self.project().ownership.namespaces(service) {
            Some(listed) if !listed.iter().any(|pattern| pattern.matches(&own)) => {
                self.namespaces(service).into_iter().next()
            }
            _ => Some(own),
        }
    }

    fn owners(&self, draft: &Draft) -> Vec<String> {
        let service = draft.get(Field::Service);
        let of_service =
            self.requests().filter(|request| Some(request.service.as_str()) == service);
        let listed = service.and_then(|service| self.project().ownership.owners(service));
        let known = listed.unwrap_or(&self.project().enums.owners);
        let mut owners = most_used(
            of_service
                .map(|request| request.owner.as_str())
                .filter(|owner| known.iter().any(|known| known == owner)),
        );
        let others: Vec<String> =
            known.iter().filter(|owner| !owners.contains(owner)).cloned().collect();
        owners.extend(others);
        owners
    }

    fn requests(&self) -> impl Iterator<Item = &SecretRequest> {
        self.catalog().entries.iter().filter_map(|entry| entry.request())
    }

    /// Returns the stricter of the rotation classes that the type and the tier require.
    ///
    /// The governance table has the class of the type. A tier requires the class with its own name,
    /// or else the class with the longest interval; a free tier requires none.
    fn rotation(&self, draft: &Draft) -> Option<String> {
        let (enums, governance) = (&self.project().enums, &self.project().governance);
        let class = |name: &str| enums.rotation_classes.iter().find(|class| *class == name);
        let tier = draft.get(Field::RiskTier)?;
        let of_type = draft
            .get(Field::SecretType)
            .and_then(|name| governance.rotation_class_by_type.get(name));
        let of_type = of_type.and_then(|name| class(name));
        // A class without an interval is the least strict.
        let interval = |class: &String| governance.rotation_interval(class).unwrap_or(u16::MAX);
        let of_tier = match governance.tiers.get(tier).map(|tier| tier.rotation) {
            Some(Rotation::Free) | None => return of_type.or_else(|| class(NO_ROTATION)).cloned(),
            Some(Rotation::Required | Rotation::Recommended) => class(tier).or_else(|| {
                let rotating = enums
                    .rotation_classes
                    .iter()
                    .filter(|class| governance.rotation_interval(class).is_some());
                rotating.max_by_key(|class| interval(class))
            }),
        };
        of_tier.into_iter().chain(of_type).min_by_key(|class| interval(class)).cloned()
    }
}

/// Deduplicates names, and sorts them by frequency, then alphabetically.
fn most_used<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut names: Vec<(&str, usize)> = counts.into_iter().collect();
    names.sort_by_key(|(_, count)| Reverse(*count));
    names.into_iter().map(|(name, _)| name.to_owned()).collect()
}
