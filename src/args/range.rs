//! What `validate` and the hooks share: which state is judged, against which one before it, and by whose rules.

use std::collections::BTreeMap;
use std::mem;

use clap::ValueEnum;
use rayon::prelude::*;

use crate::cli::{Context, Outcome};
use crate::failure::Failure;
use crate::output::findings::{findings_for_people, fixable, summary};
use crate::output::upstream::warn_of_additions;
use goldenpath_core::catalog::{
    Catalog, ConfigFile, Entry, Project, ProjectError, RuleChange, Selection, Side, Step,
};
use goldenpath_core::fixes;
use goldenpath_core::fixes::Ground;
use goldenpath_core::ids::Mine;
use goldenpath_core::projection;
use goldenpath_core::projection::{Projection, ProjectionTemplate};
use goldenpath_core::report::{
    count, debug_for_github, findings_as_json, findings_as_sarif, findings_for_github,
};
use goldenpath_core::rules;
use goldenpath_core::rules::{Finding, RuleSet, Severity};
use goldenpath_core::sanitize::harmless_json;
use goldenpath_core::trail;
use goldenpath_core::trail::{Commits, Delivery, Fault};
use goldenpath_core::vcs::{Change, Repository, Snapshot, SourceError, TargetBranch};

/// What is judged.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    /// What it comes from; None where only the state itself is judged.
    before: Option<Snapshot>,
    after: Snapshot,
    rules_from: Snapshot,
    /// Whose history tells which IDs were used before; by default that of `before`.
    past: Option<Snapshot>,
    /// The commit whose history tells how long manifests have been there; without one, the rules of time keep silent.
    line: Option<Snapshot>,
    trails: Trails,
}

/// How the audit trails of a range are judged.
#[derive(Debug, Clone)]
struct Trails {
    delivery: Delivery,
    /// The last commit of the range.
    tip: Option<Snapshot>,
    /// The ref that is pushed to, by its full name.
    reference: Option<String>,
    /// Commits that were judged before, besides those of the branch that the rules are from.
    known: Vec<Snapshot>,
}

/// What was read, and what is wrong with it.
pub(crate) struct Judged {
    pub(crate) project: Project,
    pub(crate) catalog: Catalog,
    pub(crate) findings: Vec<Finding>,
}

/// How to print the findings.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Format {
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
    pub(crate) fn newcomers(&self) -> Vec<Mine> {
        let before = self.catalog.before.as_ref();
        let is_changed =
            |entry: &&Entry| before.is_none_or(|before| before.changed.contains(&entry.path));
        let had = |mine: &Mine| {
            let id = mine.id.to_string();
            before.is_some_and(|before| {
                before.entries.iter().any(|entry| entry.claimed_id() == Some(&id))
            })
        };
        self.catalog
            .selected()
            .filter(is_changed)
            .filter_map(Mine::of)
            .filter(|mine| !had(mine))
            .collect()
    }
}

impl Range {
    /// The state that is judged.
    pub(crate) fn after(&self) -> Snapshot {
        self.after
    }

    /// The files on disk.
    pub(crate) fn work_tree() -> Self {
        let trails = Trails::proposed(None);
        Self {
            before: None,
            after: Snapshot::WorkTree,
            rules_from: Snapshot::WorkTree,
            past: None,
            line: None,
            trails,
        }
    }

    /// The index against HEAD.
    pub(crate) fn staged(repository: &Repository) -> Result<Self, Failure> {
        let before = match repository.head() {
            Ok(head) => Some(head),
            Err(SourceError::NoCommit) => None,
            Err(error) => return Err(error.into()),
        };
        // What was tried and dropped on this branch alone uses up nothing.
        let past = repository.upstream();
        let trails = Trails::proposed(None);
        Ok(Self {
            before,
            after: Snapshot::Index,
            rules_from: Snapshot::Index,
            past,
            line: None,
            trails,
        })
    }

    /// What `to` adds since its history left that of `from`, judged by the rules of `from`.
    pub(crate) fn since(
        repository: &Repository,
        from: Option<Snapshot>,
        to: Snapshot,
    ) -> Result<Self, Failure> {
        let before = from.map(|from| repository.merge_base(from, to)).transpose()?.flatten();
        let trails = Trails::proposed(Some(to));
        Ok(Self {
            before,
            after: to,
            rules_from: from.unwrap_or(to),
            past: None,
            line: None,
            trails,
        })
    }

    /// The move of a branch from one commit to another, whatever lies between: what the new one lacks is lost.
    pub(crate) fn moved(from: Snapshot, to: Snapshot) -> Self {
        let trails = Trails::proposed(Some(to));
        Self { before: Some(from), after: to, rules_from: from, past: None, line: None, trails }
    }

    /// What the branch `target` gains when `to` is merged into it, judged by its rules.
    pub(crate) fn merged(
        repository: &Repository,
        target: Snapshot,
        to: Snapshot,
    ) -> Result<Self, Failure> {
        let after = repository.merge(target, to)?;
        let trails = Trails::proposed(Some(to));
        Ok(Self { before: Some(target), after, rules_from: target, past: None, line: None, trails })
    }

    /// The same, of commits that the branch that merges go to has already, if it has.
    pub(crate) fn merged_before(mut self, repository: &Repository) -> Result<Self, Failure> {
        if let (Some(tip), Some(default)) = (self.trails.tip, repository.certain_default_tip())
            && repository.contains(default, tip)?
        {
            self.trails.delivery = Delivery::Recorded;
        }
        Ok(self)
    }

    /// The same, pushed to the ref `name`. `moves_to` is where the branch that merges go to will be
    /// after that push.
    pub(crate) fn pushed_to(
        mut self,
        name: &str,
        target: Option<&TargetBranch>,
        moves_to: Option<Snapshot>,
    ) -> Self {
        self.trails.reference = Some(name.to_owned());
        if target.is_some_and(|target| target.name == name) {
            self.trails.delivery = Delivery::Recorded;
        } else {
            self.trails.known.extend(moves_to);
        }
        self
    }

    /// Whether judging this range judges the `other` one of the same push too.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let (own, others) = (self.trails.delivery, other.trails.delivery);
        (self.before, self.after, self.rules_from) == (other.before, other.after, other.rules_from)
            && (own == others || own == Delivery::Recorded)
    }

    /// The same, judged by the rules of time too. Not so in hooks: they are to be fast, and a calendar has no say in
    /// whether somebody may commit or push.
    pub(crate) fn over_time(self, repository: &Repository) -> Self {
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

    /// The changes of audit trails that apply did not make.
    fn trail_faults(
        &self,
        repository: &Repository,
        project: &Project,
    ) -> Result<Vec<Fault>, Failure> {
        let Some(before) = self.before else { return Ok(Vec::new()) };
        if self.after == Snapshot::Index {
            return Ok(trail::staged_changes(repository, Some(before), repository.upstream())?);
        }
        let Trails { mut delivery, tip, reference, known } = self.trails.clone();
        let mut known = [vec![self.rules_from], known].concat();
        if let Some(branch) = &project.config.audit.branch {
            if reference.is_some_and(|name| name == format!("refs/heads/{branch}")) {
                delivery = Delivery::Recorded;
            }
            let remote = project.config.audit.remote.as_deref().unwrap_or("origin");
            known.extend(repository.tip_of(remote, branch));
        }
        Ok(trail::changes(
            repository,
            before,
            self.after,
            Commits { delivery, tip, known: &known },
        )?)
    }

    /// What the rule files of the change are held against; None where a state is judged by itself.
    fn origin(&self) -> Option<Snapshot> {
        (self.rules_from != self.after).then(|| self.before.unwrap_or(self.rules_from))
    }

    /// The same range, judged by the head's own rules where the base has nothing of goldenpath: no
    /// configuration, no rule files and no manifests. What any other base lacks is built in.
    fn with_rules(self, repository: &Repository, config: &ConfigFile) -> Result<Self, Failure> {
        let sets_up = self.rules_from != self.after
            && Project::is_blank(repository, self.rules_from, config)?;
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
            Some(folder) => {
                self.move_catalog(repository, &mut change, &project.config.catalog, folder)?
            }
            None => false,
        };
        let hides = |path: &str| {
            project.has_in_catalog(path) && repository.hides_a_folder(self.after, path)
        };
        let counts = |path: &&String| project.is_manifest(path) || hides(path);
        // A file that goes counts too: what is built in judges from then on.
        let all = is_own && project.rule_files().iter().any(|path| change.touches(path));
        let selection = match all {
            true => Selection::All,
            false => {
                // Without the catalog's own folder there is nothing else to judge, whether this change takes it away or not.
                let whole =
                    project.folders().filter_map(|folder| repository.hides(self.after, folder));
                Selection::Paths(change.after.iter().filter(counts).cloned().chain(whole).collect())
            }
        };
        let has_manifests =
            !is_whole_move && change.before.union(&change.after).any(|path| counts(&path));
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
            Ok(files
                .into_iter()
                .map(|file| (file.path.clone().into_owned(), file))
                .collect::<BTreeMap<_, _>>())
        };
        let is_in = |path: &str, folder: &str| {
            path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        };
        let before =
            self.before.map_or_else(|| Ok(BTreeMap::new()), |before| files(before, old))?;
        let (after, left) = (files(self.after, new)?, files(self.after, old)?);
        change.before.retain(|path| is_in(path, old));
        change.before.extend(before.keys().cloned());
        change.after.extend(after.keys().cloned());
        let moved =
            |path: &str| path.strip_prefix(old).and_then(|rest| after.get(&format!("{new}{rest}")));
        Ok(before.len() == after.len()
            && left.keys().all(|path| is_in(path, new))
            && before
                .iter()
                .all(|(path, file)| moved(path).is_some_and(|other| file.is_same_file(other))))
    }
}

/// What of a range is judged.
struct Scope {
    change: Change,
    selection: Selection,
    /// Whether manifests change.
    has_manifests: bool,
}

impl Trails {
    fn proposed(tip: Option<Snapshot>) -> Self {
        Self { delivery: Delivery::Proposed, tip, reference: None, known: Vec::new() }
    }
}

/// Judges a range and prints what it finds. On the work tree and the index, `selection` says what it is about.
pub(crate) fn judge(
    repository: &Repository,
    range: &Range,
    selection: &Selection,
    format: Format,
    context: &Context,
) -> Result<Outcome, Failure> {
    let Judged { catalog, findings, .. } =
        look_into(repository, range, selection, Some(format), context)?;
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
pub(crate) fn tell(
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
                context.streams.command(&command);
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
pub(crate) type Further<'a> = dyn Fn(&str, &Range, &Judged) -> Result<Vec<Finding>, Failure> + 'a;

/// Judges several ranges, each with its name and by what `further` finds as well, and sums up in one last line.
pub(crate) fn judge_all(
    repository: &Repository,
    ranges: &[(&str, Range)],
    further: &Further<'_>,
    context: &Context,
) -> Result<Outcome, Failure> {
    let look = context.streams.out;
    let (mut files, mut all) = (0, Vec::new());
    for (name, range) in ranges {
        context.streams.talk(&format!("{name}:"));
        let mut judged =
            look_into(repository, range, &Selection::All, Some(Format::Human), context)?;
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

pub(crate) fn outcome(findings: &[Finding]) -> Outcome {
    if count(findings, Severity::Error) > 0 { Outcome::Failed } else { Outcome::Done }
}

/// Reads a range and judges it. With `--verbose`, the files are named in the way of `format`; None where they have been.
pub(crate) fn look_into(
    repository: &Repository,
    range: &Range,
    selection: &Selection,
    format: Option<Format>,
    context: &Context,
) -> Result<Judged, Failure> {
    let config = context.config_file(repository);
    let range = &match range.origin() {
        Some(_) => range.clone().with_rules(repository, &config)?,
        None => range.clone(),
    };
    let mut project = match range.origin() {
        Some(_) => Project::open_with(repository, range.rules_from, &config)?,
        None => context.open(repository, range.rules_from)?,
    };
    let mut head = None;
    let mut rule_change = RuleChange::default();
    if let Some(origin) = range.origin() {
        (rule_change, head) = read_rule_change(repository, range, origin, &mut project)?;
        if head.is_none() {
            project.left_behind = folder_left_behind(repository, range, origin, &project)?;
        }
    }
    let rules = RuleSet::of(&project)?;
    let scope = match range.after {
        Snapshot::WorkTree => None,
        _ => Some(range.change(repository, &project)?),
    };
    let past = |before| range.past.unwrap_or(before);
    let base = match range.after {
        Snapshot::Index => repository.default_tip().or(range.before),
        _ => Some(range.rules_from),
    };
    let step = match scope.as_ref().zip(range.before) {
        None => None,
        Some((scope, before)) => {
            let trails = range.trail_faults(repository, &project)?;
            Some(Step { change: &scope.change, before, past: past(before), base, trails })
        }
    };
    let selected = match &scope {
        None => selection,
        Some(Scope { selection: changed, .. }) => {
            let named = range.after == Snapshot::Index
                && *selection != Selection::All
                && *changed != Selection::All;
            if named { selection } else { changed }
        }
    };
    let mut reading = rules.read(repository, range.after, selected, step.as_ref())?;
    rule_change.manifests = scope.as_ref().is_some_and(|scope| scope.has_manifests);
    reading.catalog.rule_change = rule_change;
    rules.read_texts(
        &mut reading,
        repository,
        selection,
        scope.as_ref().map(|scope| &scope.change),
    )?;
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
            match format {
                // GitHub's runner looks for commands on standard error too.
                Some(Format::Github) => context.streams.talk_command(&debug_for_github(&line)),
                Some(Format::Human | Format::Json | Format::Sarif) => context.streams.talk(&line),
                None => {}
            }
        }
    }
    if let Some(line) = range.line {
        rules.look_back(&mut reading, repository, line, context.now);
    }
    let (catalog, mut findings) = rules.finish(reading)?;
    let is_of_a_rule_file =
        |finding: &Finding| catalog.rule_change.files.iter().any(|file| file.path == finding.path);
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
    // A catalog with errors has something to fix first, and is not applied.
    if count(&findings, Severity::Error) == 0 {
        check_template(repository, range, &project, &catalog)?;
    }
    Ok(Judged { project, catalog, findings })
}

/// Returns the catalog's folder as the branch of a change has it, which does not touch the
/// configuration itself, where the base has moved the catalog since.
fn folder_left_behind(
    repository: &Repository,
    range: &Range,
    origin: Snapshot,
    project: &Project,
) -> Result<Option<String>, Failure> {
    let own = match origin != range.rules_from {
        true => Some(origin),
        // The result of a merge has the base's configuration, and the commit that is merged its own.
        false => range.trails.tip.filter(|tip| *tip != range.after),
    };
    let Some(own) = own else { return Ok(None) };
    match Project::open_with(repository, own, &project.config_file) {
        Ok(own) => Ok(Some(own.config.catalog).filter(|folder| *folder != project.config.catalog)),
        Err(ProjectError::Source(error)) => Err(error.into()),
        // Rules of then that this version does not take name no folder.
        Err(_) => Ok(None),
    }
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
        let opened =
            Project::open_with(repository, range.after, &project.config_file).map_err(in_head)?;
        RuleSet::of(&opened).map_err(|error| in_head(error.into()))?;
        if opened.config.catalog != project.config.catalog {
            project.moved_to = Some(opened.config.catalog.clone());
        }
        head = Some(opened);
    }
    Project::check_templates(repository, range.after, |path| touched.touches(path))
        .map_err(in_head)?;
    let old = Side { project, snapshot: origin };
    let new = Side { project: head.as_ref().unwrap_or(project), snapshot: range.after };
    Ok((RuleChange::read(repository, &touched, old, new)?, head))
}

/// Renders the projections of the manifests that are judged by the catalog's own template, where it
/// has one: of all manifests where the change touches the template.
fn check_template(
    repository: &Repository,
    range: &Range,
    project: &Project,
    catalog: &Catalog,
) -> Result<(), Failure> {
    let Some(own) = Project::template_at(repository, range.after, projection::TEMPLATE)? else {
        return Ok(());
    };
    let template = ProjectionTemplate::compile(Some(&own))?;
    let before = match range.before {
        Some(before) => Project::template_at(repository, before, projection::TEMPLATE)?,
        None => Some(own.clone()),
    };
    let whole = match before.as_ref() == Some(&own) {
        true => None,
        false => Some(
            RuleSet::of(project)?.read(repository, range.after, &Selection::All, None)?.catalog,
        ),
    };
    let entries: Vec<&Entry> = whole.as_ref().unwrap_or(catalog).selected().collect();
    let refusal = entries.par_iter().find_map_first(|entry| {
        let error = Projection::of(entry.request()?, project, &template).err()?;
        Some(error.reworded(|text| rules::conceal(entry, project, [text])))
    });
    refusal.map_or(Ok(()), |error| Err(error.into()))
}
