//! `cargo xtask site`: the documentation as a site in `target/site`, with search and `llms.txt`.
//!
//! The pages are copied, because they link to files of the repository outside `docs/`: those are
//! copied below `project/`, and the links follow.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use crate::root;

/// The sections of the navigation: the title, and a folder of `docs/`.
const SECTIONS: [(&str, &str); 4] = [
    ("Tutorials", "tutorials"),
    ("How-to guides", "how-to"),
    ("Reference", "reference"),
    ("Explanation", "explanation"),
];

/// The folder of copied files of the repository, in the site.
const PROJECT: &str = "project";

const REQUIREMENTS: &str = "xtask/requirements-site.txt";

/// A page: its path below `docs/`, its title and its first sentence.
struct Page {
    path: String,
    title: String,
    summary: String,
}

/// Builds the site.
pub(crate) fn run() -> Result<(), String> {
    let generator = generator()?;
    let stage = root().join("target/site-source");
    let site = root().join("target/site");
    for folder in [&stage, &site] {
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(|error| place(folder, &error))?;
        }
    }
    let pages = stage_pages(&stage.join("pages"))?;
    let config = read(&root().join("zensical.toml"))?;
    let config = config.replace("[project]\n", &format!("[project]\n{}", navigation(&pages)));
    write(&stage.join("zensical.toml"), &config)?;
    let built = Command::new(generator).arg("build").current_dir(&stage).output();
    let built = built.map_err(|error| format!("cannot run zensical: {error}"))?;
    let said = String::from_utf8_lossy(&[built.stdout, built.stderr].concat()).into_owned();
    if !built.status.success() || said.contains("does not exist") {
        return Err(format!("zensical reports\n{said}"));
    }
    fs::rename(stage.join("site"), &site).map_err(|error| place(&site, &error))?;
    write(&site.join("llms.txt"), &index_for_models(&pages))?;
    println!("built {} pages in {}", pages.len(), site.display());
    Ok(())
}

/// Copies the pages, and the files of the repository that they link to.
fn stage_pages(to: &Path) -> Result<Vec<Page>, String> {
    let docs = root().join("docs");
    let mut files = Vec::new();
    add_files(&docs, &mut files)?;
    let mut outside: BTreeSet<String> =
        ["CHANGELOG.md", "CONTRIBUTING.md"].map(str::to_owned).into();
    let mut pages = Vec::new();
    for file in &files {
        let path = file.strip_prefix(&docs).unwrap_or(file).to_string_lossy().into_owned();
        let target = to.join(&path);
        if file.extension().is_none_or(|extension| extension != "md") {
            copy(file, &target)?;
            continue;
        }
        let text = read(file)?;
        let (text, linked) = relink(&text, &format!("docs/{path}"));
        outside.extend(linked);
        write(&target, &text)?;
        pages.push(Page::of(&path, &text));
    }
    // A copied page may link to others.
    let mut copied = BTreeSet::new();
    while let Some(path) = outside.pop_first() {
        if !copied.insert(path.clone()) {
            continue;
        }
        let (from, target) = (root().join(&path), to.join(PROJECT).join(&path));
        if path.ends_with(".md") {
            let (text, linked) = relink(&read(&from)?, &path);
            outside.extend(linked);
            write(&target, &text)?;
        } else {
            copy(&from, &target)?;
        }
    }
    pages.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(pages)
}

/// Returns a page of the repository with the links of the site, and the paths of the linked files
/// outside `docs/`.
fn relink(text: &str, path: &str) -> (String, Vec<String>) {
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let here = site_folder(path);
    let (mut changed, mut outside, mut rest) = (String::new(), Vec::new(), text);
    while let Some(start) = rest.find("](") {
        let (before, link) = rest.split_at(start + 2);
        changed.push_str(before);
        let end = link.find([')', ' ', '\n']).unwrap_or(link.len());
        let (link, after) = link.split_at(end);
        let (file, anchor) = link.split_at(link.find('#').unwrap_or(link.len()));
        let is_local = !file.is_empty() && !file.contains(':');
        let target =
            resolve(&folder.join(file)).filter(|target| is_local && root().join(target).is_file());
        match target {
            Some(target) => {
                if !target.starts_with("docs/") {
                    outside.push(target.clone());
                }
                changed.push_str(&format!("{}{anchor}", relative(&here, &site_path(&target))));
            }
            None => changed.push_str(link),
        }
        rest = after;
    }
    changed.push_str(rest);
    (changed, outside)
}

/// Returns the place in the site of a file of the repository.
fn site_path(path: &str) -> PathBuf {
    match path.strip_prefix("docs/") {
        Some(page) => PathBuf::from(page),
        None => Path::new(PROJECT).join(path),
    }
}

fn site_folder(path: &str) -> PathBuf {
    site_path(path).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Returns a path without `.` and `..`; None if it leads out of the repository.
fn resolve(path: &Path) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()?),
            Component::Normal(name) => parts.push(name.to_str()?),
            _ => {}
        }
    }
    Some(parts.join("/"))
}

/// Returns the link from a page in the folder `from` to a file, both from the site's root.
fn relative(from: &Path, to: &Path) -> String {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let same = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - same);
    let down = to[same..].iter().map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

impl Page {
    fn of(path: &str, text: &str) -> Self {
        let title = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(path);
        let prose = text
            .split("\n\n")
            .map(str::trim)
            .find(|part| part.starts_with(|first: char| first.is_alphabetic()));
        let prose = prose.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let end = prose.find(". ").map_or(prose.len(), |end| end + 1);
        Self {
            path: path.to_owned(),
            title: title.replace('`', ""),
            summary: without_links(&prose[..end]),
        }
    }
}

/// Returns a text with the words of its links alone.
fn without_links(text: &str) -> String {
    let (mut plain, mut rest) = (String::new(), text);
    while let Some(start) = rest.find("](") {
        plain.push_str(&rest[..start]);
        rest = rest[start..].split_once(')').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain.replace('[', "")
}

/// Returns the pages of a section; those of a folder in it last.
fn of_section<'a>(pages: &'a [Page], folder: &str) -> Vec<&'a Page> {
    let prefix = format!("{folder}/");
    let mut found: Vec<&Page> =
        pages.iter().filter(|page| page.path.starts_with(&prefix)).collect();
    found.sort_by_key(|page| (page.path.matches('/').count(), page.path.clone()));
    found
}

/// Returns the navigation in the configuration's TOML.
fn navigation(pages: &[Page]) -> String {
    let item = |title: &str, path: &str| format!("    {{ {title:?} = {path:?} }},\n");
    let mut nav = "nav = [\n".to_owned();
    nav.push_str(&item("Documentation", "README.md"));
    for (title, folder) in SECTIONS {
        nav.push_str(&format!("  {{ {title:?} = [\n"));
        for page in of_section(pages, folder) {
            nav.push_str(&item(&page.title, &page.path));
        }
        nav.push_str("  ] },\n");
    }
    for page in pages.iter().filter(|page| !page.path.contains('/') && page.path != "README.md") {
        nav.push_str(&item(&page.title, &page.path));
    }
    nav.push_str(&item("Changelog", &format!("{PROJECT}/CHANGELOG.md")));
    nav.push_str(&item("Contributing", &format!("{PROJECT}/CONTRIBUTING.md")));
    nav.push_str("]\n");
    nav
}

/// Returns `llms.txt`: a list of the pages for programs that read for people.
fn index_for_models(pages: &[Page]) -> String {
    let mut text = "# goldenpath\n\n> From a developer's intent to a secret in a Kubernetes \
                    cluster on AWS, and back out again: one small manifest in git, checked at \
                    commit, applied after the merge.\n"
        .to_owned();
    for (title, folder) in SECTIONS {
        text.push_str(&format!("\n## {title}\n\n"));
        for Page { path, title, summary } in of_section(pages, folder) {
            let url = path.replace("README.md", "").replace(".md", "/");
            text.push_str(&format!("- [{title}]({url}): {summary}\n"));
        }
    }
    text
}

/// Returns zensical in a virtual environment of the pinned packages, which is created if needed.
fn generator() -> Result<PathBuf, String> {
    let requirements = root().join(REQUIREMENTS);
    let venv = root().join("target/site-venv");
    let stamp = venv.join("installed.txt");
    let wanted = read(&requirements)?;
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&wanted) {
        let pip = venv.join("bin/pip");
        let make = Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv).status();
        let install = || {
            let mut command = Command::new(&pip);
            command.args(["install", "--quiet", "--no-deps", "--requirement"]).arg(&requirements);
            command.status()
        };
        let is_done = make.is_ok_and(|status| status.success())
            && install().is_ok_and(|status| status.success());
        if !is_done {
            return Err("cannot install zensical: it needs Python 3 with venv, and a package \
                        index that pip can reach"
                .to_owned());
        }
        write(&stamp, &wanted)?;
    }
    Ok(venv.join("bin/zensical"))
}

fn add_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    for entry in fs::read_dir(folder).map_err(|error| place(folder, &error))? {
        let path = entry.map_err(|error| place(folder, &error))?.path();
        if path.is_dir() { add_files(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| place(path, &error))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    make_folder_of(path)?;
    fs::write(path, text).map_err(|error| place(path, &error))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    make_folder_of(to)?;
    fs::copy(from, to).map(drop).map_err(|error| place(from, &error))
}

fn make_folder_of(path: &Path) -> Result<(), String> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|error| place(folder, &error))
}

fn place(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
