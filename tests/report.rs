//! `goldenpath report`: a self-contained page, on which no text of a manifest is markup. The tests
//! open it in headless Chromium if that is installed.

use std::path::Path;

use sha2::{Digest, Sha256};

use goldenpath_testkit::{Outcome, Platform, Repository, SEED, SEED_PATH, request, skip};

fn path(id: &str) -> String {
    format!("catalogs/secrets/payments/dev/{id}.yaml")
}

/// Returns three secrets in three states, one of them overdue.
fn catalog() -> Repository {
    let repository = Repository::new();
    for (id, status) in [
        ("SEC-0002", "deprecated"),
        ("SEC-0010", "active"),
        ("SEC-12000", "decommission_requested"),
    ] {
        let text = request(id, &format!("{}-key", id.to_lowercase()))
            .replace("status: active", &format!("status: {status}"));
        repository.write(path(id), &text);
    }
    repository.commit_all_days_ago(40, "Three");
    repository
}

fn report(repository: &Repository) -> Outcome {
    repository.goldenpath(&["report", "--out", "site"]).run()
}

fn page(repository: &Repository) -> String {
    assert_eq!(report(repository).success().stdout, "site/index.html\n");
    repository.read("site/index.html")
}

#[test]
fn one_file_holds_the_catalog_what_is_due_and_the_lifecycle() {
    let repository = catalog();
    let html = page(&repository);
    assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"), "{html}");
    for id in ["SEC-0002", "SEC-0010", "SEC-12000"] {
        assert_eq!(html.matches(&format!("<article id=\"{id}\">")).count(), 1);
        assert!(html.contains(&format!("<a href=\"#{id}\">{id}</a>")));
    }
    assert!(html.contains(
        "<desc id=\"lifecycle-words\">active: 1. deprecated: 1. decommission_requested: 1. \
         decommissioned: 0. "
    ));
    assert_eq!(
        html.matches("<strong class=\"overdue\">overdue</strong>").count(),
        3,
        "and one whose end can come"
    );
    assert!(html.contains("10 days ago"), "{html}");
    assert!(html.contains("<title>Secrets of "), "{html}");
    assert_eq!(std::fs::read_dir(repository.path().join("site")).unwrap().count(), 1);
    assert_eq!(page(&repository), html, "the same again");
}

#[test]
fn it_asks_the_network_for_nothing_and_runs_nothing_else() {
    let html = page(&catalog());
    for outside in [
        "http:", "https:", "src=", "@import", "url(http", "//cdn", "<iframe", "style=\"",
        " onclick", " onload",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }
    let policy = html.split("http-equiv=\"Content-Security-Policy\" content=\"").nth(1).unwrap();
    let policy = policy.split('"').next().unwrap().replace("&#x27;", "'").replace("&#x2f;", "/");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for tag in ["style", "script"] {
        assert_eq!(html.matches(&format!("<{tag}>")).count(), 1);
        let text = html
            .split(&format!("<{tag}>"))
            .nth(1)
            .unwrap()
            .split(&format!("</{tag}>"))
            .next()
            .unwrap();
        let digest = base64(&Sha256::digest(text.as_bytes()));
        assert!(
            policy.contains(&format!("{tag}-src 'sha256-{digest}'")),
            "{tag} {digest}\n{policy}"
        );
    }
}

/// RFC 4648, section 4, implemented independently.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3)
            .fold(0u32, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let sextet = usize::try_from(bits >> (18 - 6 * at) & 63).unwrap();
            text.push(if at <= chunk.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    text
}

const HOSTILE: &str = "</article></script><script>document.title='gone'</script><img src=x \
                       onerror=\"document.title='gone'\">' {{ 1 }} \u{202e}&lt;";

/// Returns a manifest with markup in its description and owner.
fn hostile() -> Repository {
    let repository = catalog();
    let enums = include_str!("../crates/core/schemas/metadata/enums.yaml");
    let quoted = serde_json::Value::from(HOSTILE).to_string();
    repository.write("schemas/metadata/enums.yaml", &enums.replacen("team-payments", &quoted, 1));
    let text = SEED
        .replace("owner: team-payments ", &format!("description: {quoted}\n  owner: {quoted} "));
    repository.write(SEED_PATH, &text);
    repository
}

#[test]
fn what_a_manifest_says_stays_text() {
    let html = page(&hostile());
    assert_eq!(html.matches("<script>").count(), 1);
    assert_eq!(html.matches("<img").count(), 0);
    assert_eq!(html.matches("</article>").count(), html.matches("<article ").count());
    assert!(html.contains("&lt;img src=x onerror=&quot;"), "{html}");
    assert!(html.contains("\\u{202e}&amp;lt;") && !html.contains('\u{202e}'), "{html}");
}

#[test]
fn no_value_is_in_it() {
    let value = ["AKIA", "Q3EGRIZ5", "WPLM4V2T"].concat();
    let repository = catalog();
    repository.write(
        SEED_PATH,
        &SEED.replace("  owner:", &format!("  description: use {value} for it\n  owner:")),
    );
    let html = page(&repository);
    assert!(html.contains("use [hidden] for it") && !html.contains(&value), "{html}");
}

#[test]
fn another_file_is_kept_and_an_older_page_is_replaced() {
    let repository = catalog();
    repository.write("site/index.html", "<p>mine</p>");
    let refused = report(&repository).fails_with(2);
    assert!(refused.stderr.contains("goldenpath did not write it"), "{}", refused.stderr);
    assert_eq!(repository.read("site/index.html"), "<p>mine</p>");
    std::fs::remove_file(repository.path().join("site/index.html")).unwrap();
    let first = page(&repository);
    repository.write(SEED_PATH, SEED);
    assert_ne!(page(&repository), first);
    repository.write("file", "");
    assert_eq!(repository.goldenpath(&["report", "--out", "file"]).run().code, 1);
}

#[cfg(unix)]
#[test]
fn it_is_not_written_through_a_link() {
    let repository = catalog();
    repository
        .write("elsewhere.html", "<meta name=\"generator\" content=\"goldenpath\">")
        .write("site/x", "");
    std::os::unix::fs::symlink("../elsewhere.html", repository.path().join("site/index.html"))
        .unwrap();
    let refused = report(&repository).fails_with(2);
    assert!(refused.stderr.contains("symbolic link"), "{}", refused.stderr);
}

#[test]
fn a_part_of_the_catalog_and_a_store_that_cannot_be_asked() {
    let platform = Platform::with_store("backend: aws\nregion: us-east-1");
    platform.seed();
    platform.write("SEC-0099", "other");
    platform.catalog.write("catalogs/secrets/x/dev/SEC-0100.yaml", "metadata: [");
    let html = page(&platform.catalog);
    assert!(
        html.contains("<strong>Not queried:</strong> dev: no usable AWS credentials"),
        "{html}"
    );
    assert!(html.contains("<strong>Left out:</strong> 1 with errors"), "{html}");
    let part = platform
        .catalog
        .goldenpath(&["report", "--out", "part", "--ref", "HEAD", "--offline"])
        .run()
        .success();
    assert!(part.stderr.contains("Wrote a page with 1 secret."), "{}", part.stderr);
    let html = platform.catalog.read("part/index.html");
    assert!(
        !html.contains("SEC-0099") && !html.contains("Not queried") && html.contains(" in commit "),
        "{html}"
    );
}

/// Returns Chromium, if it is installed.
fn chromium() -> Option<&'static str> {
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        std::process::Command::new(name)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        skip("there is no Chromium here to look at the page with");
    }
    found
}

/// Returns the page after its script has run, and Chromium's messages.
fn seen(program: &str, repository: &Repository, fragment: &str) -> (String, String) {
    let url = format!("file://{}{fragment}", repository.path().join("site/index.html").display());
    let profile = format!("--user-data-dir={}", repository.home().join("chromium").display());
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--enable-logging=stderr",
        &profile,
        "--virtual-time-budget=3000",
        "--dump-dom",
        &url,
    ];
    let outcome = repository.program(program, &arguments).run().success();
    (outcome.stdout, outcome.stderr)
}

/// Returns the IDs of the catalog's rows in order, and whether each is visible.
fn listed(dom: &str) -> Vec<(String, bool)> {
    let table =
        dom.split("<table id=\"catalog\">").nth(1).unwrap().split("</table>").next().unwrap();
    let rows = table.split("<tr data-status=").skip(1);
    rows.map(|row| {
        let id = row.split("href=\"#").nth(1).unwrap().split('"').next().unwrap();
        (id.to_owned(), !row.split('>').next().unwrap().contains("hidden"))
    })
    .collect()
}

#[test]
fn in_a_browser_it_is_searched_and_sorted_and_the_policy_holds() {
    let Some(program) = chromium() else { return };
    let repository = catalog();
    page(&repository);
    let (dom, said) = seen(program, &repository, "");
    assert!(dom.contains("class=\"js\"") && dom.contains("3 of 3 shown"), "{dom}\n{said}");
    assert_eq!(dom.matches("aria-sort=\"ascending\"").count(), 1, "{dom}");
    assert_eq!(dom.matches("<button type=\"button\">").count(), 8, "{dom}");
    assert!(!said.contains("CONSOLE"), "{said}");

    let row = |id: &str, shown| (id.to_owned(), shown);
    let (dom, _) = seen(program, &repository, "#?q=payments+0010");
    assert!(dom.contains("1 of 3 shown"), "{dom}");
    assert_eq!(
        listed(&dom),
        [row("SEC-0002", false), row("SEC-0010", true), row("SEC-12000", false)]
    );
    let (dom, _) = seen(program, &repository, "#?sort=id&order=descending&status=deprecated");
    assert_eq!(
        listed(&dom),
        [row("SEC-12000", false), row("SEC-0010", false), row("SEC-0002", true)]
    );
    assert!(dom.contains("aria-sort=\"descending\""), "{dom}");
}

#[test]
fn in_a_browser_nothing_that_a_manifest_says_is_run() {
    let Some(program) = chromium() else { return };
    let repository = hostile();
    page(&repository);
    let (dom, said) = seen(program, &repository, "#?q=onerror");
    assert!(dom.contains("<title>Secrets of ") && !dom.contains("<title>gone"), "{dom}");
    assert!(dom.contains("1 of 4 shown") && !dom.contains("<img"), "{dom}");
    assert!(!said.contains("CONSOLE"), "{said}");
}

#[test]
fn the_page_s_sources_are_small_and_name_no_host() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/report");
    let mut total = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("://"), "{text}");
        total += text.len();
    }
    assert!(total < 24 * 1024, "{total}");
}
