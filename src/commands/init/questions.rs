//! Questions about a setup, and the form of their answers.

use goldenpath_core::config::is_account_id;
use goldenpath_core::endpoint;
use goldenpath_core::manifest::{DnsLabel, check_one_line};
use goldenpath_core::vcs::Repository;

use super::pipeline::PipelineHost;
use crate::prompt::{PromptError, Prompter, Question};

/// Asks for one of `names`; returns its index.
pub(super) fn ask_one(
    prompter: &Prompter,
    words: &str,
    names: &[&str],
    meanings: &[String],
    default: usize,
) -> Result<usize, PromptError> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let question = Question {
        words,
        default: names.get(default).map(String::as_str),
        suggestions: &names,
        meanings,
        ..Question::default()
    };
    prompter.one(&question, |_| Ok(()))
}

/// Asks for a text that `check` accepts; None if it stays empty.
pub(super) fn ask_text(
    prompter: &Prompter,
    words: &str,
    default: &str,
    check: impl Fn(&str) -> Result<String, String>,
) -> Result<Option<String>, PromptError> {
    let question = Question {
        words,
        default: Some(default).filter(|default| !default.is_empty()),
        accepts_new_value: true,
        ..Question::default()
    };
    let answer = prompter.text(&question, |answer| match answer.trim() {
        "" => Ok(()),
        answer => check(answer).map(drop),
    })?;
    Ok(Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty()))
}

/// Asks for texts that `check` accepts, separated by commas; each once, in their order.
pub(super) fn ask_list(
    prompter: &Prompter,
    words: &str,
    default: &str,
    check: impl Fn(&str) -> Result<String, String>,
) -> Result<Vec<String>, PromptError> {
    let split = |answer: &str| {
        let mut items: Vec<String> = Vec::new();
        for item in answer.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            if !items.iter().any(|known| known == item) {
                items.push(item.to_owned());
            }
        }
        items
    };
    let answer = ask_text(prompter, words, default, |answer| {
        split(answer).iter().try_for_each(|item| check(item).map(drop))?;
        Ok(answer.to_owned())
    })?;
    Ok(answer.map(|answer| split(&answer)).unwrap_or_default())
}

pub(super) fn ask_pipeline(
    prompter: &Prompter,
    repository: &Repository,
) -> Result<Option<PipelineHost>, PromptError> {
    let default = match PipelineHost::of(repository) {
        None => 0,
        Some(PipelineHost::Github) => 1,
        Some(PipelineHost::Gitlab) => 2,
    };
    let meanings = [
        "write none".to_owned(),
        PipelineHost::Github.path().to_owned(),
        PipelineHost::Gitlab.path().to_owned(),
    ];
    let hosts = ["none", "github", "gitlab"];
    Ok(match ask_one(prompter, "Pipeline", &hosts, &meanings, default)? {
        1 => Some(PipelineHost::Github),
        2 => Some(PipelineHost::Gitlab),
        _ => None,
    })
}

/// Parses the number of an AWS account.
pub(super) fn account_id(text: &str) -> Result<String, String> {
    if is_account_id(text) {
        Ok(text.to_owned())
    } else {
        Err("give the 12 digits of the account, such as 123456789012".to_owned())
    }
}

/// Parses an AWS region.
pub(super) fn region(text: &str) -> Result<String, String> {
    if endpoint::is_region(text) {
        Ok(text.to_owned())
    } else {
        Err("give a region as AWS writes it, such as eu-west-2".to_owned())
    }
}

/// Parses the name of an environment.
pub(super) fn environment(text: &str) -> Result<String, String> {
    DnsLabel::parse(text).map(|name| name.to_string())
}

/// Parses a text that is not empty.
pub(super) fn one_line(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("give a text".to_owned());
    }
    check_one_line(text).map(|()| text.to_owned())
}

/// Parses a code owner, whose form the configuration checks.
pub(super) fn code_owner(text: &str) -> Result<String, String> {
    if text.contains('@') && !text.contains(char::is_whitespace) {
        one_line(text)
    } else {
        Err("give @organization/team, @user or an email address".to_owned())
    }
}
