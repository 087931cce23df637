//! The answers so far, and who gave each of them.

use std::ops::Range;

use super::{AnswerVerdict, Answers, Constraint, Field};

/// What has been answered so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft(Vec<GivenAnswer>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct GivenAnswer {
    field: Field,
    value: String,
    origin: AnswerOrigin,
}

/// Where an answer comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerOrigin {
    Flag,
    /// Bytes of the file of answers.
    File(Range<usize>),
    /// The manifest that is copied.
    Copied,
    /// The person at the terminal, or what follows from other answers.
    Asked,
}

/// An answer that cannot be taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAnswer {
    pub field: Field,
    pub origin: AnswerOrigin,
    pub why: String,
}

impl Draft {
    /// Adds an answer; only environments take several.
    pub fn answer(&mut self, field: Field, value: impl Into<String>, origin: AnswerOrigin) {
        let value = value.into();
        if field != Field::Environment {
            self.remove(field);
        } else if self.all(field).any(|answered| answered == value) {
            return;
        }
        self.0.push(GivenAnswer { field, value, origin });
    }

    /// Takes an answer back.
    pub fn remove(&mut self, field: Field) {
        self.0.retain(|given| given.field != field);
    }

    /// Adds the answers of `other` to questions that have none yet.
    pub fn fill_from(&mut self, other: Self) {
        let open: Vec<GivenAnswer> =
            other.0.into_iter().filter(|given| self.get(given.field).is_none()).collect();
        self.0.extend(open);
    }

    /// The answer to a question.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&str> {
        self.all(field).next()
    }

    pub(super) fn all(&self, field: Field) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |given| given.field == field).map(|given| given.value.as_str())
    }

    pub fn origin(&self, field: Field) -> Option<&AnswerOrigin> {
        self.0.iter().find(|given| given.field == field).map(|given| &given.origin)
    }

    /// The questions that have neither an answer nor, without anybody to ask, a default that is not a guess.
    #[must_use]
    pub fn missing(&self) -> Vec<Field> {
        use Field::{Environment, Name, Owner, RiskTier, SecretType, Service};
        [Service, Environment, SecretType, Name, Owner, RiskTier]
            .into_iter()
            .filter(|field| self.get(*field).is_none())
            .collect()
    }

    /// The answers that are wrong by themselves, whatever the others are.
    #[must_use]
    pub fn wrong_alone(&self, constraint: &mut Constraint<'_>) -> Vec<InvalidAnswer> {
        self.wrong(|given| match constraint.judge(&Self(vec![given.clone()]), given.field) {
            // Told beside the others, it speaks of their names and not of stand-ins.
            alone @ AnswerVerdict::Wrong(_) => match constraint.judge(self, given.field) {
                AnswerVerdict::Fit | AnswerVerdict::Doubtful(_) => alone,
                together @ AnswerVerdict::Wrong(_) => together,
            },
            fit => fit,
        })
    }

    /// The answers that are wrong beside the others and the catalog.
    #[must_use]
    pub fn wrong_together(&self, constraint: &mut Constraint<'_>) -> Vec<InvalidAnswer> {
        self.wrong(|given| constraint.judge(self, given.field))
    }

    fn wrong(&self, mut judge: impl FnMut(&GivenAnswer) -> AnswerVerdict) -> Vec<InvalidAnswer> {
        let judged = self.0.iter().filter_map(|given| match judge(given) {
            AnswerVerdict::Wrong(why) => {
                Some(InvalidAnswer { field: given.field, origin: given.origin.clone(), why })
            }
            AnswerVerdict::Fit | AnswerVerdict::Doubtful(_) => None,
        });
        judged.collect()
    }

    /// Answers what follows from other answers, where nothing else is said.
    pub fn settle(&mut self, constraint: &mut Constraint<'_>) {
        for field in Field::ALL {
            if self.get(field).is_none()
                && !self.missing().contains(&field)
                && let Some(default) = constraint.default_for(self, field)
            {
                self.answer(field, default, AnswerOrigin::Asked);
            }
        }
    }

    /// The answers, once there is one to each question.
    ///
    /// # Errors
    /// The questions that still need one.
    pub fn finish(&self) -> Result<Answers, Vec<Field>> {
        let missing: Vec<Field> =
            Field::ALL.into_iter().filter(|field| self.get(*field).is_none()).collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let text = |field| self.get(field).unwrap_or_default().to_owned();
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
            // Judged to be a number of days when it was answered.
            ttl_days: text(Field::TtlDays).parse().map_err(|_| vec![Field::TtlDays])?,
            description: Some(text(Field::Description))
                .filter(|description| !description.is_empty()),
        })
    }
}
