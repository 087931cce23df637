//! Questions for screen readers and for terminals that only write lines.
//!
//! Each question is a line without escape sequences, and nothing is redrawn. The answer is a line
//! in the terminal's own editing mode.

use std::io::{self, BufRead, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::hidden::HiddenAnswer;
use super::input_guard::InputGuard;
use super::{PromptError, Question};
use goldenpath_core::sanitize::{sanitize, sanitize_name};

/// The question that waits for a line, which Ctrl-C ends.
static WAITING: Mutex<Option<Sender<InputEvent>>> = Mutex::new(None);

/// The longest line that is read, in bytes; terminals give at most 4096.
const MAX_LINE: u64 = 64 * 1024;

/// The longest line of a terminal with its end; longer lines are cut (termios(3), `ICANON`).
const TERMINAL_LINE: usize = 4096;

/// How many suggestions are shown.
const SUGGESTIONS: usize = 9;

/// The start of a line with the reason why an answer is rejected.
pub(crate) const NOT_ACCEPTED: &str = "Not accepted: ";

enum InputEvent {
    Line(io::Result<Zeroizing<Vec<u8>>>),
    Interrupt,
}

/// Ends the open question; returns false if there is none.
pub(crate) fn interrupt() -> bool {
    let waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner).take();
    waiting.is_some_and(|waiting| waiting.send(InputEvent::Interrupt).is_ok())
}

/// Asks for a line of text that `check` accepts.
pub(crate) fn text(
    question: &Question<'_>,
    check: &mut dyn FnMut(&str) -> Result<(), String>,
) -> Result<String, PromptError> {
    let Question { words, default, suggestions, accepts_new_value, .. } = *question;
    let mut prompt = words.to_owned();
    let shown = if accepts_new_value {
        &suggestions[..suggestions.len().min(SUGGESTIONS)]
    } else {
        suggestions
    };
    if !shown.is_empty() {
        let more = match suggestions.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let new = if accepts_new_value { ", or a new one" } else { "" };
        prompt.push_str(&format!(". {}{more}{new}", number_choices(shown)));
    }
    if let Some(default) = default.filter(|default| !default.is_empty()) {
        prompt.push_str(&format!(". Default {}", sanitize_name(default)));
    }
    ask(question, &prompt, |answer| {
        let answer = match answer {
            "" => default.unwrap_or_default(),
            answer => find_choice(answer, shown).map_or(answer, |index| shown[index].as_str()),
        };
        check(answer).map(|()| answer.to_owned())
    })
}

/// Asks for one of the suggestions; returns its index.
pub(crate) fn one(
    question: &Question<'_>,
    check: &mut dyn FnMut(usize) -> Result<(), String>,
) -> Result<usize, PromptError> {
    let (choices, default) = (question.suggestions, default_index(question));
    let prompt =
        format!("{}. {}. Default {}", question.words, numbered(question), name(choices, default));
    ask(question, &prompt, |answer| {
        let index = if answer.is_empty() { default } else { parse_choice(answer, choices)? };
        check(index).map(|()| index)
    })
}

/// Asks for at least one of the suggestions; returns their indices in the order of the list.
pub(crate) fn several(
    question: &Question<'_>,
    check: &mut dyn FnMut(&[usize]) -> Result<(), String>,
) -> Result<Vec<usize>, PromptError> {
    let (choices, default) = (question.suggestions, default_index(question));
    let prompt = format!(
        "{}, one or several, separated by commas. {}. Default {}",
        question.words,
        numbered(question),
        name(choices, default)
    );
    ask(question, &prompt, |answer| {
        let mut chosen = Vec::new();
        for part in answer.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            chosen.push(parse_choice(part, choices)?);
        }
        if answer.is_empty() {
            chosen.push(default);
        } else if chosen.is_empty() {
            return Err("give at least one".to_owned());
        }
        chosen.sort_unstable();
        chosen.dedup();
        check(&chosen).map(|()| chosen)
    })
}

/// Returns the index of the default, which is the first suggestion if there is none.
fn default_index(question: &Question<'_>) -> usize {
    let is_default = |choice: &String| Some(choice.as_str()) == question.default;
    question.suggestions.iter().position(is_default).unwrap_or(0)
}

/// Asks a question with the answers yes and no.
pub(crate) fn confirm(words: &str, default: bool) -> Result<bool, PromptError> {
    let prompt = format!("{words} yes or no. Default {}", if default { "yes" } else { "no" });
    ask(&Question::default(), &prompt, |answer| match answer.to_lowercase().as_str() {
        "" => Ok(default),
        "y" | "yes" => Ok(true),
        "n" | "no" => Ok(false),
        _ => Err("answer yes or no".to_owned()),
    })
}

/// Asks for a text that is not shown.
pub(crate) fn hidden(words: &str) -> Result<HiddenAnswer, PromptError> {
    let text = ask_with(
        InputGuard::for_hidden_lines,
        &format!("{words}. The input is not shown"),
        |answer| {
            if answer.len() + 1 < TERMINAL_LINE {
                return Ok(SecretString::from(answer));
            }
            Err("the terminal may have cut the line: give the value on standard input".to_owned())
        },
    )?;
    Ok(HiddenAnswer { text, is_pasted: false })
}

/// The answer that returns to the question before.
pub(crate) const BACK: &str = "<";

/// Asks until `parse` accepts an answer; prints the reason of each rejection.
fn ask<T>(
    question: &Question<'_>,
    prompt: &str,
    mut parse: impl FnMut(&str) -> Result<T, String>,
) -> Result<T, PromptError> {
    ask_with(InputGuard::for_lines, prompt, |answer| {
        if question.can_go_back && answer == BACK {
            return Ok(None);
        }
        parse(answer).map(Some)
    })?
    .ok_or(PromptError::Back)
}

/// Asks as [`ask`] does, in the terminal mode of `guard`.
fn ask_with<T>(
    guard: fn() -> InputGuard,
    prompt: &str,
    mut parse: impl FnMut(&str) -> Result<T, String>,
) -> Result<T, PromptError> {
    let broken = |error: io::Error| PromptError::Terminal(error.to_string());
    let print = |text: &str| {
        let mut err = io::stderr().lock();
        err.write_all(text.as_bytes()).and_then(|()| err.flush()).map_err(broken)
    };
    loop {
        // Ctrl-C must work as soon as the question is shown.
        let channel = listen();
        let guard = guard();
        let is_hidden = !guard.echoes();
        print(&format!("{}: ", sanitize(prompt)))?;
        let line = match wait_for_input(&channel) {
            InputEvent::Line(line) => line.map_err(broken)?,
            InputEvent::Interrupt => {
                guard.forget_line();
                drop(guard);
                print("\n")?;
                return Err(PromptError::Interrupted);
            }
        };
        drop(guard);
        // The line break of a hidden line is hidden, too.
        if is_hidden && line.ends_with(b"\n") {
            print("\n")?;
        }
        // After the end of the input, the cursor is still in the line of the question.
        if !line.ends_with(b"\n") {
            print("\n")?;
            return Err(PromptError::Canceled);
        }
        if line.contains(&0x1b) {
            return Err(PromptError::Canceled);
        }
        let answer = match str::from_utf8(&line) {
            Ok(line) => parse(line.trim()),
            Err(_) => Err("the answer is not UTF-8".to_owned()),
        };
        match answer {
            Ok(answer) => return Ok(answer),
            Err(why) => print(&format!("{NOT_ACCEPTED}{}\n", sanitize(&why)))?,
        }
    }
}

/// Registers a channel that Ctrl-C is sent to.
fn listen() -> (Sender<InputEvent>, Receiver<InputEvent>) {
    let (sender, receiver) = channel();
    *WAITING.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender.clone());
    (sender, receiver)
}

/// Waits for the next line, or Ctrl-C before it.
///
/// Another thread reads the line, because a read cannot be canceled. After Ctrl-C, no further
/// question is asked.
fn wait_for_input((sender, receiver): &(Sender<InputEvent>, Receiver<InputEvent>)) -> InputEvent {
    let sender = sender.clone();
    thread::spawn(move || {
        // Allocated at full size: a growing line would leave copies of the answer behind.
        let mut line = Zeroizing::new(Vec::with_capacity(TERMINAL_LINE));
        let read = io::stdin().lock().take(MAX_LINE).read_until(b'\n', &mut line);
        // After Ctrl-C, the receiver is gone.
        let _ = sender.send(InputEvent::Line(read.map(|_| line)));
    });
    let event = receiver.recv().unwrap_or(InputEvent::Interrupt);
    *WAITING.lock().unwrap_or_else(PoisonError::into_inner) = None;
    event
}

/// Returns the choices with their numbers: `1 dev, 2 test`.
fn number_choices(choices: &[String]) -> String {
    let question = Question { suggestions: choices, ..Question::default() };
    numbered(&question)
}

/// Returns the suggestions with their numbers and meanings: `1 low: at most 365 days, 2 high`.
fn numbered(question: &Question<'_>) -> String {
    let numbered = question.suggestions.iter().enumerate().map(|(index, choice)| {
        let meaning = question.meanings.get(index).filter(|meaning| !meaning.is_empty());
        let meaning = meaning.map(|meaning| format!(": {}", sanitize_name(meaning)));
        format!("{} {}{}", index + 1, sanitize_name(choice), meaning.unwrap_or_default())
    });
    numbered.collect::<Vec<_>>().join(", ")
}

fn name(choices: &[String], index: usize) -> String {
    choices.get(index).map(|choice| sanitize_name(choice).into_owned()).unwrap_or_default()
}

/// Returns the choice with this name, or else with this number.
fn find_choice(answer: &str, choices: &[String]) -> Option<usize> {
    let number =
        || answer.parse::<usize>().ok()?.checked_sub(1).filter(|index| *index < choices.len());
    choices.iter().position(|choice| choice == answer).or_else(number)
}

/// As [`chosen`], with an error for an unknown answer.
fn parse_choice(answer: &str, choices: &[String]) -> Result<usize, String> {
    find_choice(answer, choices).ok_or_else(|| {
        let suggestion =
            goldenpath_core::suggest::did_you_mean(answer, choices.iter().map(String::as_str));
        let help = suggestion.unwrap_or_else(|| {
            format!("answer with a number from 1 to {}, or the word", choices.len())
        });
        format!("`{answer}` is not one of the choices; {help}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_found_by_its_word_before_its_number() {
        let choices: Vec<String> = ["dev", "1", "prod"].map(str::to_owned).into();
        assert_eq!(find_choice("prod", &choices), Some(2));
        assert_eq!(find_choice("3", &choices), Some(2));
        assert_eq!(find_choice("1", &choices), Some(1), "the word wins");
        for unknown in ["0", "4", "-1", "", "99999999999999999999"] {
            assert_eq!(find_choice(unknown, &choices), None, "{unknown}");
        }
        assert_eq!(
            parse_choice("prd", &choices),
            Err("`prd` is not one of the choices; did you mean `prod`?".to_owned())
        );
    }
}
