//! The answers so far, each with its origin.

use std::ops::Range;

use super::{AnswerVerdict, Answers, Constraint, Field};

/// The answers so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft(Vec<GivenAnswer>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct GivenAnswer {
    field: Field,
    value: String,
    origin: AnswerOrigin,
}

/// The origin of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerOrigin {
    /// A flag of the command.
    Flag,
    /// A byte range of the answers file.
    File(Range<usize>),
    /// The copied manifest.
    Copied,
    /// The user at the terminal, or a default derived from other answers.
    Asked,
}

/// A rejected answer, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAnswer {
    /// The question with the rejected answer.
    pub field: Field,
    /// The origin of the rejected answer.
    pub origin: AnswerOrigin,
    /// The reason, as plain text.
    pub why: String,
}

impl Draft {
    /// Adds an answer. Only the environments can have several.
    pub fn answer(&mut self, field: Field, value: impl Into<String>, origin: AnswerOrigin) {
        let value = value.into();
        if field != Field::Environment {
            self.remove(field);
        } else if self.all(field).any(|answered| answered == value) {
            return;
        }
        self.0.push(GivenAnswer { field, value, origin });
    }

    /// Removes the answers to a question.
    pub fn remove(&mut self, field: Field) {
        self.0.retain(|given| given.field != field);
    }

    /// Adds the answers of `other` to unanswered questions.
    pub fn fill_from(&mut self, other: Self) {
        let open: Vec<GivenAnswer> =
            other.0.into_iter().filter(|given| self.get(given.field).is_none()).collect();
        self.0.extend(open);
    }

    /// Returns the answer to a question.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&str> {
        self.all(field).next()
    }

    pub(super) fn all(&self, field: Field) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |given| given.field == field).map(|given| given.value.as_str())
    }

    /// Returns the origin of the answer to a question.
    pub fn origin(&self, field: Field) -> Option<&AnswerOrigin> {
        self.0.iter().find(|given| given.field == field).map(|given| &given.origin)
    }

    /// Returns the unanswered questions whose default would be a guess.
    #[must_use]
    pub fn missing(&self) -> Vec<Field> {
        use Field::{Environment, Name, Owner, RiskTier, SecretType, Service};
        [Service, Environment, SecretType, Name, Owner, RiskTier]
            .into_iter()
            .filter(|field| self.get(*field).is_none())
            .collect()
    }

    /// Returns the answers that are wrong regardless of the others.
    #[must_use]
    pub fn check_each(&self, constraint: &mut Constraint<'_>) -> Vec<InvalidAnswer> {
        self.collect_rejected(|given| {
            match constraint.check_answer(&Self(vec![given.clone()]), given.field) {
                // Checked with the others, the message has their values instead of placeholders.
                alone @ AnswerVerdict::Rejected(_) => {
                    match constraint.check_answer(self, given.field) {
                        AnswerVerdict::Accepted | AnswerVerdict::Questionable(_) => alone,
                        together @ AnswerVerdict::Rejected(_) => together,
                    }
                }
                other => other,
            }
        })
    }

    /// Returns the answers that are wrong together with the others and the catalog.
    #[must_use]
    pub fn check_together(&self, constraint: &mut Constraint<'_>) -> Vec<InvalidAnswer> {
        self.collect_rejected(|given| constraint.check_answer(self, given.field))
    }

    fn collect_rejected(
        &self,
        mut check: impl FnMut(&GivenAnswer) -> AnswerVerdict,
    ) -> Vec<InvalidAnswer> {
        let rejected = self.0.iter().filter_map(|given| match check(given) {
            AnswerVerdict::Rejected(why) => {
                Some(InvalidAnswer { field: given.field, origin: given.origin.clone(), why })
            }
            AnswerVerdict::Accepted | AnswerVerdict::Questionable(_) => None,
        });
        rejected.collect()
    }

    /// Fills unanswered questions with defaults derived from other answers.
    pub fn fill_defaults(&mut self, constraint: &mut Constraint<'_>) {
        for field in Field::ALL {
            if self.get(field).is_none()
                && !self.missing().contains(&field)
                && let Some(default) = constraint.default_for(self, field)
            {
                self.answer(field, default, AnswerOrigin::Asked);
            }
        }
    }

    /// Returns the answers if all questions are answered.
    ///
    /// # Errors
    /// The unanswered questions.
    pub fn finish(&self) -> Result<Answers, Vec<Field>> {
        let missing: Vec<Field> =
            Field::ALL.into_iter().filter(|field| self.get(*field).is_none()).collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let text = |field| self.get(field).unwrap_or_default().to_owned();
        let optional = |field| Some(text(field)).filter(|text| !text.is_empty());
        Ok(Answers {
            service: text(Field::Service),
            environments: self.all(Field::Environment).map(str::to_owned).collect(),
            secret_type: text(Field::SecretType),
            name: text(Field::Name),
            owner: text(Field::Owner),
            risk_tier: text(Field::RiskTier),
            rotation_class: text(Field::RotationClass),
            namespace: text(Field::Namespace),
            k8s_secret_name: text(Field::K8sSecretName),
            // Checked when it was answered.
            ttl_days: text(Field::TtlDays).parse().map_err(|_| vec![Field::TtlDays])?,
            description: optional(Field::Description),
            value_format: optional(Field::ValueFormat),
            value_key: optional(Field::ValueKey),
        })
    }
}
