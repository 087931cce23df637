//! Relative links and their anchors lead somewhere, and each page is reached from `docs/README.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::{pages, root};

/// The lines of a page outside of code blocks, without code spans.
fn prose(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let mut is_code = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            lines.push(line.split('`').step_by(2).collect());
        }
    }
    lines
}

/// The targets of a page's relative links: the file and the anchor, which may be empty.
fn links(page: &Path) -> Vec<(PathBuf, String)> {
    let folder = page.parent().unwrap();
    let text = prose(page).join("\n");
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets
        .filter(|target| !target.contains("://"))
        .map(|target| {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { page.to_path_buf() } else { folder.join(file) };
            (normalized(&file), anchor.to_owned())
        })
        .collect()
}

/// The path without `..`.
fn normalized(path: &Path) -> PathBuf {
    let mut normalized = PathBuf::new();
    for component in path.components() {
        if component == Component::ParentDir {
            normalized.pop();
        } else {
            normalized.push(component);
        }
    }
    normalized
}

/// The anchors that GitHub gives the headings of a page: lower case, no punctuation, hyphens for
/// spaces, and a number at the end of a repeated one.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).unwrap();
    let mut is_code = false;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        is_code ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        if is_code || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let slug: String = heading
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let times = seen.entry(slug.clone()).or_default();
        anchors.insert(if *times == 0 { slug } else { format!("{slug}-{times}") });
        *times += 1;
    }
    anchors
}

#[test]
fn every_relative_link_and_anchor_leads_somewhere() {
    let mut broken = Vec::new();
    let mut checked = 0;
    for page in pages() {
        for (target, anchor) in links(&page) {
            checked += 1;
            let name = format!("{} → {}#{anchor}", page.display(), target.display());
            if !target.exists() || (!anchor.is_empty() && !anchors(&target).contains(&anchor)) {
                broken.push(name);
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(checked > 200, "only {checked} links were found");
}

#[test]
fn every_page_is_reached_from_the_index() {
    let mut reached = BTreeSet::new();
    let mut open = vec![root().join("docs/README.md")];
    while let Some(page) = open.pop() {
        if page.extension().is_some_and(|extension| extension == "md")
            && reached.insert(page.clone())
        {
            open.extend(links(&page).into_iter().map(|(target, _)| target));
        }
    }
    let orphans: Vec<_> = pages()
        .into_iter()
        .filter(|page| page.starts_with(root().join("docs")) && !reached.contains(page))
        .collect();
    assert_eq!(orphans, Vec::<PathBuf>::new());
}

#[test]
fn the_readme_links_to_the_index() {
    assert!(
        links(&root().join("README.md")).contains(&(root().join("docs/README.md"), String::new()))
    );
}
