//! The dialogue of `new secret`: asks for the missing answers of a draft.

use crate::prompt::{PromptError, Prompter, Question};
use goldenpath_core::scaffold::{AnswerOrigin, AnswerVerdict, Constraint, Draft, Field};

/// Asks those of `questions` that have no valid answer in `draft`, in their order.
///
/// Defaults follow from earlier answers, and each answer is checked at once. `source` is the
/// environment of a copied manifest, which is not offered as a target.
///
/// # Errors
/// The user cancels, or the terminal is gone.
pub(super) fn ask(
    prompter: &Prompter,
    questions: &[Field],
    draft: &mut Draft,
    constraint: &mut Constraint<'_>,
    source: Option<&str>,
) -> Result<(), PromptError> {
    for &field in questions {
        let mut default = None;
        if let Some(answered) = draft.get(field).map(str::to_owned) {
            let AnswerVerdict::Rejected(why) = constraint.check_answer(draft, field) else {
                continue;
            };
            prompter.reject(&format!("{}: {why}", describe(draft, field, &answered)))?;
            draft.remove(field);
            if matches!(field, Field::Name | Field::K8sSecretName) {
                default = Some(constraint.find_free_name(draft, field, &answered));
            }
        }
        let default = default.or_else(|| constraint.default_for(draft, field));
        let answers = ask_field(prompter, field, default.as_deref(), draft, constraint, source)?;
        for answer in answers {
            draft.answer(field, answer, AnswerOrigin::Asked);
        }
        if let AnswerVerdict::Questionable(why) = constraint.check_answer(draft, field) {
            prompter.note(&format!("Warning: {why}"))?;
        }
    }
    Ok(())
}

/// Asks one question. Only the question for environments has several answers.
fn ask_field(
    prompter: &Prompter,
    field: Field,
    default: Option<&str>,
    draft: &Draft,
    constraint: &mut Constraint<'_>,
    source: Option<&str>,
) -> Result<Vec<String>, PromptError> {
    let mut choices = constraint.suggestions(draft, field);
    if field == Field::Environment && choices.iter().any(|choice| Some(choice.as_str()) != source) {
        choices.retain(|choice| Some(choice.as_str()) != source);
    }
    let at = choices.iter().position(|choice| Some(choice.as_str()) == default).unwrap_or(0);
    let accepts_new_value = choices.is_empty() || constraint.accepts_new_value(field);
    let mut check = |answers: &[&str]| {
        let mut candidate = draft.clone();
        for answer in answers {
            candidate.answer(field, *answer, AnswerOrigin::Asked);
        }
        match constraint.check_answer(&candidate, field) {
            AnswerVerdict::Rejected(why) => Err(why),
            AnswerVerdict::Accepted | AnswerVerdict::Questionable(_) => Ok(()),
        }
    };
    let words = field.question();
    match field {
        Field::Environment => {
            let chosen = prompter.several(words, &choices, at, |chosen| {
                check(&chosen.iter().map(|index| choices[*index].as_str()).collect::<Vec<_>>())
            })?;
            Ok(chosen.into_iter().map(|index| choices[index].clone()).collect())
        }
        Field::RiskTier | Field::RotationClass => {
            let chosen =
                prompter.one(words, &choices, at, |index| check(&[choices[index].as_str()]))?;
            Ok(vec![choices[chosen].clone()])
        }
        _ => {
            let question = Question { words, default, suggestions: &choices, accepts_new_value };
            Ok(vec![prompter.text(&question, |answer| check(&[answer]))?])
        }
    }
}

/// Describes an answer from a flag, a file or a copied manifest, as the user wrote it.
fn describe(draft: &Draft, field: Field, answer: &str) -> String {
    match draft.origin(field) {
        Some(AnswerOrigin::Flag) => format!("{} {answer}", field.flag()),
        Some(AnswerOrigin::File(_)) => {
            format!("{}: {answer}, from the file of answers", field.variable())
        }
        Some(AnswerOrigin::Copied) => {
            format!("{} {answer}, from the copied manifest", field.question())
        }
        Some(AnswerOrigin::Asked) | None => field.question().to_owned(),
    }
}
