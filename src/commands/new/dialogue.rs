//! The dialogue of `new secret`: asks for the missing answers of a draft.

use crate::prompt::{PromptError, Prompter, Question};
use goldenpath_core::config::{Governance, Tier};
use goldenpath_core::scaffold::{AnswerOrigin, AnswerVerdict, Constraint, Draft, Field};

/// Asks those of `questions` that have no valid answer in `draft`, in their order.
///
/// Defaults follow from earlier answers, and each answer is checked at once. Shift-Tab returns to
/// the question before, and Escape asks before answers are lost. `source` is the
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
    // The questions that were asked, with the index of each, to go back to.
    let mut asked: Vec<usize> = Vec::new();
    let mut next = 0;
    let mut kept: Option<String> = None;
    while let Some(&field) = questions.get(next) {
        let mut default = kept.take();
        if let Some(answered) = draft.get(field).map(str::to_owned) {
            let AnswerVerdict::Rejected(why) = constraint.check_answer(draft, field) else {
                next += 1;
                continue;
            };
            prompter.reject(&format!("{}: {why}", describe(draft, field, &answered)))?;
            draft.remove(field);
            if matches!(field, Field::Name | Field::K8sSecretName) {
                default = Some(constraint.find_free_name(draft, field, &answered));
            }
        }
        let default = default.or_else(|| constraint.default_for(draft, field));
        let context =
            QuestionContext { default: default.as_deref(), source, is_first: asked.is_empty() };
        match ask_field(prompter, field, &context, draft, constraint) {
            Ok(answers) => {
                for answer in answers {
                    draft.answer(field, answer, AnswerOrigin::Asked);
                }
                if let AnswerVerdict::Questionable(why) = constraint.check_answer(draft, field) {
                    prompter.note(&format!("Warning: {why}"))?;
                }
                asked.push(next);
                next += 1;
            }
            Err(PromptError::Back) => {
                let Some(before) = asked.pop() else { continue };
                next = before;
                kept = draft.get(questions[before]).map(str::to_owned);
                draft.remove(questions[before]);
            }
            // The same question again, unless the answers may be lost.
            Err(PromptError::Canceled) if !asked.is_empty() => confirm_loss(prompter)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Asks whether the answers may be lost.
///
/// # Errors
/// They may, or the terminal is gone.
pub(super) fn confirm_loss(prompter: &Prompter) -> Result<(), PromptError> {
    if prompter.confirm("Discard the answers?", false)? {
        Err(PromptError::Canceled)
    } else {
        Ok(())
    }
}

/// The circumstances of a question.
struct QuestionContext<'a> {
    default: Option<&'a str>,
    /// The environment of a copied manifest, which is not offered as a target.
    source: Option<&'a str>,
    /// Whether no question was asked before this one.
    is_first: bool,
}

/// Asks one question. Only the question for environments has several answers.
fn ask_field(
    prompter: &Prompter,
    field: Field,
    context: &QuestionContext<'_>,
    draft: &Draft,
    constraint: &mut Constraint<'_>,
) -> Result<Vec<String>, PromptError> {
    let QuestionContext { default, source, is_first } = *context;
    let mut choices = constraint.suggestions(draft, field);
    if field == Field::Environment && choices.iter().any(|choice| Some(choice.as_str()) != source) {
        choices.retain(|choice| Some(choice.as_str()) != source);
    }
    let accepts_new_value = choices.is_empty() || constraint.accepts_new_value(field);
    let project = constraint.project();
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
    let meanings: Vec<String> =
        choices.iter().map(|choice| describe_choice(&project.governance, field, choice)).collect();
    let question = Question {
        words: field.question(),
        default,
        suggestions: &choices,
        meanings: &meanings,
        accepts_new_value,
        can_go_back: !is_first,
    };
    match field {
        Field::Environment => {
            let first = choices.first().map(String::as_str);
            let question =
                Question { accepts_new_value: false, default: default.or(first), ..question };
            let chosen = prompter.several(&question, |chosen| {
                check(&chosen.iter().map(|index| choices[*index].as_str()).collect::<Vec<_>>())
            })?;
            Ok(chosen.into_iter().map(|index| choices[index].clone()).collect())
        }
        Field::RiskTier | Field::RotationClass => {
            let question = Question { accepts_new_value: false, ..question };
            let chosen = prompter.one(&question, |index| check(&[choices[index].as_str()]))?;
            Ok(vec![choices[chosen].clone()])
        }
        _ => Ok(vec![prompter.text(&question, |answer| check(&[answer]))?]),
    }
}

/// Returns what a risk tier or a rotation class means; an empty text for other choices.
fn describe_choice(governance: &Governance, field: Field, choice: &str) -> String {
    match field {
        Field::RiskTier => governance.tiers.get(choice).map(Tier::to_string).unwrap_or_default(),
        Field::RotationClass => match governance.rotation_interval_days.get(choice) {
            Some(days) => format!("a new value at least every {days} days"),
            None if choice == "none" => "the value stays until someone changes it".to_owned(),
            None => String::new(),
        },
        _ => String::new(),
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
