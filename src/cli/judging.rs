//! What `validate` and the hooks share: which state is judged, against which one before it, and by whose rules.

use std::collections::BTreeMap;
use std::mem;

use clap::ValueEnum;

use super::upstream::warn_of_additions;
use super::{Context, Failure, Outcome};
use crate::catalog::{Catalog, ConfigFile, Entry, Project, ProjectError, RuleChange, Selection, Side, Step};
use crate::diagnostics::{
    count, debug_for_github, findings_as_json, findings_as_sarif, findings_for_github, findings_for_people, fixable,
    summary,
};
use crate::fixes::{self, Ground};
use crate::ids::Mine;
use crate::rules::{Finding, RuleSet, Severity};
use crate::source::{Change, Repository, Snapshot, SourceError};
use crate::terminal::harmless_json;

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// What it comes from; None where only the state itself is judged.
    before: Option<Snapshot>,
    after: Snapshot,
    rules_from: Snapshot,
    /// Whose history tells which IDs were used before; by default that of `before`.
    past: Option<Snapshot>,
    /// The commit whose history tells how long manifests have been there; without one, the rules of time keep silent.
    line: Option<Snapshot>,
}

/// What was read, and what is wrong with it.
pub(super) struct Judged {
    pub(super) project: Project,
    pub(super) catalog: Catalog,
    pub(super) findings: Vec<Finding>,
}

/// How to print the findings.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(super) enum Format {
    /// Drawn into the file's text
    #[default]
    Human,
    /// One JSON object
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands, which GitHub Actions shows as annotations
    Github,
}

impl Judged {
    /// The manifests that the change brings in under an ID that nothing had before it.
    pub(super) fn newcomers(&self) -> Vec<Mine> {
        let before = self.catalog.before.as_ref();
        let is_changed = |entry: &&Entry| before.is_none_or(|before| before.changed.contains(&entry.path));
        let had = |mine: &Mine| {
            let id = mine.id.to_string();
            before.is_some_and(|before| before.entries.iter().any(|entry| entry.claimed_id() == Some(&id)))
        };
        self.catalog.selected().filter(is_changed).filter_map(Mine::of).filter(|mine| !had(mine)).collect()
    }
}

impl Range {
    /// The state that is judged.
    pub(super) fn after(&self) -> Snapshot {
        self.after
    }

    /// The files on disk.
    pub(super) fn work_tree() -> Self {
        Self { before: None, after: Snapshot::WorkTree, rules_from: Snapshot::WorkTree, past: None, line: None }
    }

    /// The index against HEAD.
    pub(super) fn staged(repository: &Repository) -> Result<Self, Failure> {
        let before = match repository.head() {
            Ok(head) => Some(head),
            Err(SourceError::NoCommit) => None,
            Err(error) => return Err(error.into()),
        };
        // What was tried and dropped on this branch alone uses up nothing.
        let past = repository.upstream();
        Ok(Self { before, after: Snapshot::Index, rules_from: Snapshot::Index, past, line: None })
    }

    /// What `to` adds since its history left that of `from`, judged by the rules of `from`.
    pub(super) fn since(repository: &Repository, from: Option<Snapshot>, to: Snapshot) -> Result<Self, Failure> {
        let before = from.map(|from| repository.merge_base(from, to)).transpose()?.flatten();
        Ok(Self { before, after: to, rules_from: from.unwrap_or(to), past: None, line: None })
    }

    /// The move of a branch from one commit to another, whatever lies between: what the new one lacks is lost.
    pub(super) fn moved(from: Snapshot, to: Snapshot) -> Self {
        Self { before: Some(from), after: to, rules_from: from, past: None, line: None }
    }

    /// What the branch `target` gains when `to` is merged into it, judged by its rules.
    pub(super) fn merged(repository: &Repository, target: Snapshot, to: Snapshot) -> Result<Self, Failure> {
        let after = repository.merge(target, to)?;
        Ok(Self { before: Some(target), after, rules_from: target, past: None, line: None })
    }

    /// The same, judged by the rules of time too. Not so in hooks: they are to be fast, and a calendar has no say in
    /// whether somebody may commit or push.
    pub(super) fn over_time(self, repository: &Repository) -> Self {
        let line = match self.after {
            Snapshot::WorkTree => repository.head().ok(),
            Snapshot::Commit(_) => Some(self.after),
            Snapshot::Merge(_) => self.before,
            Snapshot::Index => None,
        };
        Self { line, ..self }
    }

    /// What fixes what can be fixed in it.
    fn fixing_command(&self) -> &'static str {
        match self.after {
            Snapshot::Index => "goldenpath validate --staged --fix",
            _ => "goldenpath validate --fix",
        }
    }

    /// What the rule files of the change are held against; None where a state is judged by itself.
    fn origin(&self) -> Option<Snapshot> {
        (self.rules_from != self.after).then(|| self.before.unwrap_or(self.rules_from))
    }

    /// The same range, judged by the head's own rules where the base has nothing of goldenpath: no
    /// configuration, no rule files and no manifests. What any other base lacks is built in.
    fn with_rules(self, repository: &Repository, config: &ConfigFile) -> Result<Self, Failure> {
        let sets_up = self.rules_from != self.after && Project::is_blank(repository, self.rules_from, config)?;
        Ok(if sets_up { Self { rules_from: self.after, ..self } } else { self })
    }

    /// What changes, and so which manifests are judged: all of them when what judges them changes
    /// with them, and all of the new folder when the catalog moves.
    fn change(&self, repository: &Repository, project: &Project) -> Result<Scope, Failure> {
        let is_own = self.rules_from == self.after;
        let mut under: Vec<&str> = project.folders().collect();
        if is_own {
            under.extend(project.rule_files());
        }
        let mut change = repository.change(self.before, self.after, &under)?;
        let is_whole_move = match &project.moved_to {
            Some(folder) => self.move_catalog(repository, &mut change, &project.config.catalog, folder)?,
            None => false,
        };
        let hides = |path: &str| project.has_in_catalog(path) && repository.hides_a_folder(self.after, path);
        let counts = |path: &&String| project.is_manifest(path) || hides(path);
        // A file that goes counts too: what is built in judges from then on.
        let all = is_own && project.rule_files().iter().any(|path| change.touches(path));
        let selection = match all {
            true => Selection::All,
            false => {
                // Without the catalog's own folder there is nothing else to judge, whether this change takes it away or not.
                let whole = project.folders().filter_map(|folder| repository.hides(self.after, folder));
                Selection::Paths(change.after.iter().filter(counts).cloned().chain(whole).collect())
            }
        };
        let has_manifests = !is_whole_move && change.before.union(&change.after).any(|path| counts(&path));
        if self.after == Snapshot::Index
            && let Some(upstream) = repository.upstream()
        {
            // What has not merged yet is its author's to change: only what the upstream branch holds is a promise.
            repository.leave_out_settled(&mut change, upstream)?;
        }
        Ok(Scope { change, selection, has_manifests })
    }

    /// Makes `change` lead from the catalog in its old folder to the one in its new folder,
    /// whatever differs in those folders: a file that was in the new one before comes into the
    /// catalog as a new file does, one that stays behind is gone from it, and one that lies in both
    /// has another place in it. Returns whether the catalog moves as a whole, each file as it was.
    fn move_catalog(
        &self,
        repository: &Repository,
        change: &mut Change,
        old: &str,
        new: &str,
    ) -> Result<bool, Failure> {
        let files = |snapshot: Snapshot, folder: &str| -> Result<_, Failure> {
            let files = repository.blobs_below(snapshot, folder)?.unwrap_or_default();
            Ok(files.into_iter().map(|file| (file.path.clone().into_owned(), file)).collect::<BTreeMap<_, _>>())
        };
        let is_in = |path: &str, folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        let before = self.before.map_or_else(|| Ok(BTreeMap::new()), |before| files(before, old))?;
        let (after, left) = (files(self.after, new)?, files(self.after, old)?);
        change.before.retain(|path| is_in(path, old));
        change.before.extend(before.keys().cloned());
        change.after.extend(after.keys().cloned());
        let moved = |path: &str| path.strip_prefix(old).and_then(|rest| after.get(&format!("{new}{rest}")));
        Ok(before.len() == after.len()
            && left.keys().all(|path| is_in(path, new))
            && before.iter().all(|(path, file)| moved(path).is_some_and(|other| file.is_same_file(other))))
    }
}

/// What of a range is judged.
struct Scope {
    change: Change,
    selection: Selection,
    /// Whether manifests change.
    has_manifests: bool,
}

/// Judges a range and prints what it finds. On the work tree and the index, `selection` says what it is about.
pub(super) fn judge(
    repository: &Repository,
    range: &Range,
    selection: &Selection,
    format: Format,
    context: &Context,
) -> Result<Outcome, Failure> {
    let Judged { catalog, findings, .. } = look_into(repository, range, selection, Some(format), context)?;
    tell(&catalog, &findings, format, context, || {
        if matches!(format, Format::Human)
            && let Some(hint) = fixable(&findings, range.fixing_command())
        {
            context.streams.result(&hint);
        }
    });
    // This is the end of the process, which takes all memory back at once and not manifest by manifest.
    mem::forget(catalog);
    Ok(outcome(&findings))
}

/// Prints findings, and what is to be said before the last line.
pub(super) fn tell(
    catalog: &Catalog,
    findings: &[Finding],
    format: Format,
    context: &Context,
    before_the_last: impl FnOnce(),
) {
    let (files, look) = (catalog.selected().count(), context.streams.out);
    match format {
        Format::Human => {
            for drawn in findings_for_people(findings, catalog, look) {
                context.streams.result(&drawn);
            }
            before_the_last();
            context.streams.result(&summary(files, findings, look));
        }
        Format::Github => {
            for command in findings_for_github(findings) {
                context.streams.result(&command);
            }
            before_the_last();
            context.streams.result(&summary(files, findings, look));
        }
        Format::Sarif => {
            context.streams.result(&format!("{}\n", findings_as_sarif(files, findings, catalog)));
            before_the_last();
        }
        Format::Json => {
            let json = format!("{:#}", findings_as_json(files, findings));
            context.streams.result(&format!("{}\n", harmless_json(&json)));
            before_the_last();
        }
    }
}

/// What is found in a range, called by its name, beside what its rules find.
pub(super) type Further<'a> = dyn Fn(&str, &Range, &Judged) -> Result<Vec<Finding>, Failure> + 'a;

/// Judges several ranges, each with its name and by what `further` finds as well, and sums up in one last line.
pub(super) fn judge_all(
    repository: &Repository,
    ranges: &[(&str, Range)],
    further: &Further<'_>,
    context: &Context,
) -> Result<Outcome, Failure> {
    let look = context.streams.out;
    let (mut files, mut all) = (0, Vec::new());
    for (name, range) in ranges {
        context.streams.talk(&format!("{name}:"));
        let mut judged = look_into(repository, range, &Selection::All, Some(Format::Human), context)?;
        let more = further(name, range, &judged)?;
        judged.findings.extend(more);
        for drawn in findings_for_people(&judged.findings, &judged.catalog, look) {
            context.streams.result(&drawn);
        }
        files += judged.catalog.selected().count();
        all.extend(judged.findings);
    }
    context.streams.result(&summary(files, &all, look));
    Ok(outcome(&all))
}

pub(super) fn outcome(findings: &[Finding]) -> Outcome {
    if count(findings, Severity::Error) > 0 { Outcome::Failed } else { Outcome::Done }
}

/// Reads a range and judges it. With `--verbose`, the files are named in the way of `format`; None where they have been.
pub(super) fn look_into(
    repository: &Repository,
    range: &Range,
    selection: &Selection,
    format: Option<Format>,
    context: &Context,
) -> Result<Judged, Failure> {
    let config = context.config_file(repository);
    let range = &match range.origin() {
        Some(_) => range.with_rules(repository, &config)?,
        None => *range,
    };
    let mut project = match range.origin() {
        Some(_) => Project::open_with(repository, range.rules_from, &config)?,
        None => context.open(repository, range.rules_from)?,
    };
    let mut head = None;
    let mut rule_change = RuleChange::default();
    if let Some(origin) = range.origin() {
        (rule_change, head) = read_rule_change(repository, range, origin, &mut project)?;
    }
    let rules = RuleSet::of(&project)?;
    let scope = match range.after {
        Snapshot::WorkTree => None,
        _ => Some(range.change(repository, &project)?),
    };
    let past = |before| range.past.unwrap_or(before);
    let step = scope.as_ref().zip(range.before);
    let step = step.map(|(scope, before)| Step { change: &scope.change, before, past: past(before) });
    let selected = match &scope {
        None => selection,
        Some(Scope { selection: changed, .. }) => {
            let named = range.after == Snapshot::Index && *selection != Selection::All && *changed != Selection::All;
            if named { selection } else { changed }
        }
    };
    let mut reading = rules.read(repository, range.after, selected, step.as_ref())?;
    rule_change.manifests = scope.as_ref().is_some_and(|scope| scope.has_manifests);
    reading.catalog.rule_change = rule_change;
    let catalog = &reading.catalog;
    if *selection != Selection::All && catalog.selected().next().is_none() {
        let folder = &project.config.catalog;
        context.streams.talk(&match range.after {
            Snapshot::Index => {
                format!("no manifest there in the index (`git add` stages one); the catalog is `{folder}`")
            }
            _ => format!("no manifest there: the catalog is `{folder}`"),
        });
    }
    if context.streams.verbose {
        for entry in catalog.selected() {
            let line = format!("checking {}", entry.path);
            context.streams.talk(&match format {
                // GitHub's runner looks for commands on standard error too.
                Some(Format::Github) => debug_for_github(&line),
                Some(Format::Human | Format::Json | Format::Sarif) => line,
                None => continue,
            });
        }
    }
    if let Some(line) = range.line {
        rules.look_back(&mut reading, repository, line, context.now);
    }
    let (catalog, mut findings) = rules.finish(reading)?;
    let is_of_a_rule_file = |finding: &Finding| catalog.rule_change.files.iter().any(|file| file.path == finding.path);
    if let Some(head) = head.filter(|_| !findings.iter().all(is_of_a_rule_file)) {
        let by_its_rules = RuleSet::of(&head)?;
        let reading = by_its_rules.read(repository, range.after, selected, step.as_ref())?;
        let (_, by_head) = by_its_rules.finish(reading)?;
        rules.note_additions(&mut findings, &catalog, &by_head);
    }
    if matches!(range.after, Snapshot::WorkTree | Snapshot::Index) {
        warn_of_additions(repository, range.after, &project, catalog.selected(), context);
    }
    fixes::settle(&mut findings, &catalog, &project, &Ground::of(repository));
    Ok(Judged { project, catalog, findings })
}

/// Reads what a change does to the rule files, and the head's rules where it touches those that are
/// judged by. A catalog that moves is judged in both of its folders.
fn read_rule_change(
    repository: &Repository,
    range: &Range,
    origin: Snapshot,
    project: &mut Project,
) -> Result<(RuleChange, Option<Project>), Failure> {
    let touched = RuleChange::touched(repository, project, origin, range.after)?;
    if touched == Change::default() {
        return Ok((RuleChange::default(), None));
    }
    // A head whose rules cannot be read would stop every run after the merge.
    let in_head = |error: ProjectError| Failure::from(error.in_head(range.after));
    let mut head = None;
    if RuleChange::touches_project(project, &touched) {
        let opened = Project::open_with(repository, range.after, &project.config_file).map_err(in_head)?;
        RuleSet::of(&opened).map_err(|error| in_head(error.into()))?;
        if opened.config.catalog != project.config.catalog {
            project.moved_to = Some(opened.config.catalog.clone());
        }
        head = Some(opened);
    }
    Project::check_templates(repository, range.after, |path| touched.touches(path)).map_err(in_head)?;
    let old = Side { project, snapshot: origin };
    let new = Side { project: head.as_ref().unwrap_or(project), snapshot: range.after };
    Ok((RuleChange::read(repository, &touched, old, new)?, head))
}
