//! The dialogue of `new secret`: asks what the draft lacks.

use goldenpath_core::scaffold::{Constraint, Draft, Field, AnswerOrigin, AnswerVerdict};
use crate::prompt::{PromptError, Prompter, Question};

/// Asks those of `questions` that `draft` has no answer to, or none that can be taken, in their order, with the defaults
/// that follow from the answers before; each answer is judged as it is given. `elsewhere` is the environment that a copy
/// comes from, and is not for.
///
/// # Errors
/// The person backs out, or the terminal is gone.
pub fn ask(
    prompter: &Prompter,
    questions: &[Field],
    draft: &mut Draft,
    constraint: &mut Constraint<'_>,
    elsewhere: Option<&str>,
) -> Result<(), PromptError> {
    for &field in questions {
        let mut default = None;
        if let Some(answered) = draft.get(field).map(str::to_owned) {
            let AnswerVerdict::Wrong(why) = constraint.judge(draft, field) else { continue };
            prompter.refuse(&format!("{}: {why}", given(draft, field, &answered)))?;
            draft.remove(field);
            if matches!(field, Field::Name | Field::K8sSecretName) {
                default = Some(constraint.free(draft, field, &answered));
            }
        }
        let default = default.or_else(|| constraint.default_for(draft, field));
        let answers = answers(prompter, field, default.as_deref(), draft, constraint, elsewhere)?;
        for answer in answers {
            draft.answer(field, answer, AnswerOrigin::Asked);
        }
        if let AnswerVerdict::Doubtful(why) = constraint.judge(draft, field) {
            prompter.note(&format!("Warning: {why}"))?;
        }
    }
    Ok(())
}

/// The answers to one question, of which there are several only to that for the environments.
fn answers(
    prompter: &Prompter,
    field: Field,
    default: Option<&str>,
    draft: &Draft,
    constraint: &mut Constraint<'_>,
    elsewhere: Option<&str>,
) -> Result<Vec<String>, PromptError> {
    let mut choices = constraint.suggestions(draft, field);
    if field == Field::Environment
        && choices.iter().any(|choice| Some(choice.as_str()) != elsewhere)
    {
        choices.retain(|choice| Some(choice.as_str()) != elsewhere);
    }
    let at = choices.iter().position(|choice| Some(choice.as_str()) == default).unwrap_or(0);
    let takes_new = choices.is_empty() || constraint.takes_new(field);
    let mut check = |answers: &[&str]| {
        let mut tried = draft.clone();
        for answer in answers {
            tried.answer(field, *answer, AnswerOrigin::Asked);
        }
        match constraint.judge(&tried, field) {
            AnswerVerdict::Wrong(why) => Err(why),
            AnswerVerdict::Fit | AnswerVerdict::Doubtful(_) => Ok(()),
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
            let question = Question { words, default, suggestions: &choices, takes_new };
            Ok(vec![prompter.text(&question, |answer| check(&[answer]))?])
        }
    }
}

/// An answer that nobody was asked for, as the person knows it.
fn given(draft: &Draft, field: Field, answer: &str) -> String {
    match draft.origin(field) {
        Some(AnswerOrigin::Flag) => format!("{} {answer}", field.flag()),
        Some(AnswerOrigin::File(_)) => {
            format!("{}: {answer}, as the file of answers has it", field.variable())
        }
        Some(AnswerOrigin::Copied) => {
            format!("{} {answer}, as in the manifest that is copied", field.question())
        }
        Some(AnswerOrigin::Asked) | None => field.question().to_owned(),
    }
}
