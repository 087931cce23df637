//! The dialogue of `new secret`: asks what the draft lacks.

use super::{Draft, Field};
use crate::catalog::Project;
use crate::terminal::{PromptError, Prompter};

/// Asks those of `questions` that `draft` has no answer to, in their order, with the defaults that follow from the
/// answers before; each answer is checked as it is given.
///
/// # Errors
/// The person backs out, or the terminal is gone.
pub fn ask(prompter: &Prompter, questions: &[Field], draft: &mut Draft, project: &Project) -> Result<(), PromptError> {
    for &field in questions {
        if draft.get(field).is_some() {
            continue;
        }
        let default = draft.default_for(field, project);
        match field.choices(project) {
            Some(choices) => {
                let at = choices.iter().position(|choice| Some(choice) == default.as_ref()).unwrap_or(0);
                let chosen = match field {
                    Field::Environment => prompter.several(field.question(), choices, at)?,
                    _ => vec![prompter.one(field.question(), choices, at)?],
                };
                for index in chosen {
                    draft.answer(field, &choices[index]);
                }
            }
            None => {
                let may_be_empty = field == Field::Description;
                let default = default.filter(|default| !default.is_empty());
                let answer = prompter.text(field.question(), default.as_deref(), may_be_empty, |answer| {
                    if may_be_empty && answer.is_empty() { Ok(()) } else { field.check(answer, project) }
                })?;
                draft.answer(field, answer);
            }
        }
    }
    Ok(())
}
