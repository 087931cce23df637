//! `completions` and `man`: what shells and manual readers get.

use std::process::{Command as Program, Stdio};

use goldenpath_testkit::{Repository, skip};

/// Runs a program of the system on a file; `None` if there is none of this name.
#[track_caller]
fn checked_by(program: &str, arguments: &[&str]) -> Option<String> {
    let ran = Program::new(program).args(arguments).stdin(Stdio::null()).output();
    let Ok(output) = ran else {
        skip(&format!("there is no `{program}` (on Debian: apt-get install {program})"));
        return None;
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{program}: {text}");
    Some(text)
}

#[test]
fn each_shell_has_completions_with_the_options_of_validate() {
    let repository = Repository::new();
    for shell in ["bash", "zsh", "fish", "nushell"] {
        let script = repository.goldenpath(&["completions", shell]).run().success().stdout;
        assert!(script.contains("from-ref") && script.contains("validate"), "{shell}");
        repository.write(format!("completions.{shell}"), &script);
    }
    for shell in ["elvish", "powershell"] {
        let script = repository.goldenpath(&["completions", shell]).run().success().stdout;
        assert!(script.contains("GOLDENPATH_COMPLETE"), "{shell}: {script}");
    }
    let file =
        |shell: &str| repository.path().join(format!("completions.{shell}")).display().to_string();
    for (shell, flag) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        checked_by(shell, &[flag, &file(shell)]);
    }
    let refused = repository.goldenpath(&["completions", "tcsh"]).run().fails_with(2).stderr;
    assert!(refused.contains("powershell"), "{refused}");
}

/// Returns what bash offers for a line, whose words are separated by blanks; the last is completed.
fn completed(repository: &Repository, line: &str, path: &str) -> Vec<String> {
    let script = repository.goldenpath(&["completions", "bash"]).run().success().stdout;
    repository.write("completions.bash", &script);
    let ask = r#"
        source completions.bash
        COMP_WORDS=($1); [[ $1 == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_TYPE=9
        function=$(complete -p goldenpath | sed 's/.*-F \([^ ]*\).*/\1/')
        $function goldenpath "${COMP_WORDS[COMP_CWORD]}" goldenpath
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let command = repository.program("bash", &["--norc", "-c", ask, "-", line]);
    let answers = command.env("PATH", path).run().success().stdout;
    answers.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[test]
fn bash_completes_commands_options_and_the_names_of_the_catalog() {
    let repository = Repository::with_seed();
    let path = crate::hooks::path_with_goldenpath();
    let path = path.to_str().unwrap();
    assert_eq!(completed(&repository, "goldenpath vali", path), ["validate"]);
    let options = completed(&repository, "goldenpath validate --fr", path);
    assert_eq!(options, ["--from-ref"]);
    assert_eq!(completed(&repository, "goldenpath show SEC", path), ["SEC-0007"]);
    assert_eq!(completed(&repository, "goldenpath value set SEC", path), ["SEC-0007"]);
    assert_eq!(completed(&repository, "goldenpath list --service ", path), ["payments"]);
    assert_eq!(completed(&repository, "goldenpath plan --env st", path), ["staging"]);
    assert!(
        completed(&repository, "goldenpath list --owner ", path).contains(&"sre-team".to_owned())
    );
    // Without the program, the script has the commands and options.
    assert_eq!(completed(&repository, "goldenpath vali", "/usr/bin:/bin"), ["validate"]);
}

#[test]
fn outside_a_repository_a_shell_gets_no_names_and_no_error() {
    let repository = Repository::new();
    std::fs::remove_dir_all(repository.path().join(".git")).unwrap();
    let path = crate::hooks::path_with_goldenpath();
    let none: [String; 0] = [];
    assert_eq!(completed(&repository, "goldenpath show SEC", path.to_str().unwrap()), none);
}

#[test]
fn every_manual_page_is_clean() {
    let repository = Repository::new();
    repository.goldenpath(&["man", "--out-dir", "man1"]).run().success();
    let folder = repository.path().join("man1");
    let mut pages: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|page| page.unwrap().path().display().to_string())
        .collect();
    pages.sort();
    let all: Vec<&str> = pages.iter().map(String::as_str).collect();
    assert!(all.len() > 30, "one for each command: {}", all.len());
    let Some(reported) = checked_by("mandoc", &[&["-T", "lint"], &all[..]].concat()) else {
        return;
    };
    assert_eq!(reported, "");
    let page = folder.join("goldenpath-value-set.1");
    let text = checked_by("mandoc", &["-T", "ascii", page.to_str().unwrap()]).unwrap();
    assert!(text.contains("goldenpath value set"), "{text}");
}

#[test]
fn one_manual_page_is_printed() {
    let repository = Repository::new();
    let page = |words: &[&str]| repository.goldenpath(&[&["man"], words].concat()).run();
    assert!(page(&[]).success().stdout.starts_with(".ie"), "roff");
    assert!(page(&["value", "set"]).success().stdout.contains("GOLDENPATH-VALUE-SET"));
    assert!(page(&["fly"]).fails_with(2).stderr.contains("there is no command `fly`"));
}
