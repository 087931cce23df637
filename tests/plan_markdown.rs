//! `plan --format markdown`: the comment of a pipeline on a pull request.

use rusqlite::{Connection, params};

use goldenpath_testkit::{Platform, SEED, every_harmful_character, is_harmful, request};

const MARKER: &str = "<!-- goldenpath plan -->\n";

fn comment(platform: &Platform) -> String {
    platform.plan(&["--format", "markdown", "-q"]).run().success().stdout
}

/// Returns the text that GitHub parses as Markdown, with `_` for each code span (GitHub Flavored
/// Markdown, "Code spans").
fn outside_code(text: &str) -> String {
    let mut outside = String::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some(start) = rest.find('`') {
            outside.push_str(&rest[..start]);
            let run = rest[start..].len() - rest[start..].trim_start_matches('`').len();
            let after = &rest[start + run..];
            let mut end = 0;
            let span = loop {
                let from = end
                    + after[end..]
                        .find('`')
                        .unwrap_or_else(|| panic!("an open code span in {line:?}"));
                end = from + (after[from..].len() - after[from..].trim_start_matches('`').len());
                if end - from == run {
                    break end;
                }
            };
            outside.push('_');
            rest = &after[span..];
        }
        outside.push_str(rest);
        outside.push('\n');
    }
    outside
}

#[test]
fn a_comment_says_what_changes_and_how_many_must_approve() {
    let platform = Platform::local();
    platform.seed();
    platform.catalog.write(
        "catalogs/secrets/payments/dev/SEC-0008.yaml",
        &request("SEC-0008", "orders-key")
            .replace("tier: medium", "tier: high")
            .replace(": standard", ": high"),
    );
    platform.catalog.commit_all("SEC-0008");
    let text = comment(&platform);
    assert!(
        text.starts_with(&format!("{MARKER}## Plan: 4 to create, 0 to change, 0 blocked\n")),
        "{text}"
    );
    assert!(text.contains("**Approvals required by the governance table: 2**"), "{text}");
    assert!(
        text.contains("\n- risk tier `high`: 2 (1 changed)\n- risk tier `medium`: 1 (1 changed)\n"),
        "{text}"
    );
    let (_, folded) =
        text.split_once("<details>\n<summary>Changes of 2 manifests</summary>\n\n").unwrap();
    let (folded, _) = folded.split_once("\n</details>\n").unwrap();
    let action =
        "  - `+` `create-secret` `goldenpath/payments/dev/orders-key`: `the secret does not exist`";
    assert!(folded.contains(&format!("\n- `SEC-0008` (`dev`)\n{action}\n")), "{folded}");

    platform.apply().run().success();
    let done = comment(&platform);
    assert!(done.contains("\nNothing to do: 2 checked.\n"), "{done}");
    assert!(!done.contains("Approvals") && !done.contains("Changes of"), "{done}");
}

#[test]
fn what_is_blocked_is_not_folded_and_asks_for_no_approval() {
    let platform = Platform::local();
    platform.seed();
    let file = "kustomize/overlays/dev/apps/payments/externalsecrets/SEC-0007.yaml";
    platform.apply().run().success();
    platform.gitops.write(file, "theirs\n").commit_all("Theirs");
    let text = comment(&platform);
    assert!(text.contains("## Plan: 0 to create, 0 to change, 1 blocked\n"), "{text}");
    assert!(
        text.contains(&format!(
            "\n### Blocked\n\n- `SEC-0007` (`dev`), `{file}`: `another file exists at this path"
        )),
        "{text}"
    );
    assert!(!text.contains("Changes of") && !text.contains("Approvals"), "{text}");
}

#[test]
fn an_unreadable_account_and_warnings_are_reported() {
    let platform = Platform::local();
    platform.seed_changed("rotationClass: standard", "rotationClass: none");
    let prod =
        SEED.replace("SEC-0007", "SEC-0008").replace("environment: dev", "environment: prod");
    platform.catalog.write("catalogs/secrets/payments/prod/SEC-0008.yaml", &prod);
    let configuration = platform.catalog.read("goldenpath.yaml");
    let own = "environments:\n  prod:\n    store: { backend: local, path: broken.db }\n";
    platform
        .catalog
        .write("goldenpath.yaml", &format!("{configuration}{own}"))
        .commit_all("Two accounts");
    platform.catalog.write("broken.db", "No database\n");
    let outcome = platform.plan(&["--format", "markdown"]).run().fails_with(1);
    let text = outcome.stdout;
    assert!(
        text.contains(
            "\n### Not checked, so nothing is applied there\n\n\
             - `prod` (`local store broken.db`): `"
        ),
        "{text}"
    );
    assert!(
        text.contains(
            "<summary>1 warning</summary>\n\n- `catalogs/secrets/payments/dev/SEC-0007.yaml`, line "
        ),
        "{text}"
    );
    assert!(text.contains(": `GP202` `"), "{text}");
}

/// Inserts a secret of this catalog without a manifest into the store.
fn orphan(store: &Connection, name: &str, id: &str) {
    let insert = "INSERT INTO secrets (name, description, created_at) VALUES (?1, '', \
                  '2026-01-02T03:04:05Z')";
    store.execute(insert, [name]).unwrap();
    let tags = [
        ("managed-by", "goldenpath"),
        ("catalog", "acme-platform"),
        ("id", id),
        ("environment", id),
    ];
    for (key, value) in tags {
        let insert =
            "INSERT INTO tags (secret, key, value) VALUES (?1, 'goldenpath.io/' || ?2, ?3)";
        store.execute(insert, params![name, key, value]).unwrap();
    }
}

#[test]
fn markup_in_a_manifest_stays_text() {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    let store = Connection::open(platform.catalog.path().join(".goldenpath/store.db")).unwrap();
    let with = |text: &str| {
        store.execute("DELETE FROM tags WHERE secret LIKE 'orphan%'", []).unwrap();
        store.execute("DELETE FROM secrets WHERE name LIKE 'orphan%'", []).unwrap();
        orphan(&store, &format!("orphan{text}"), text);
        store
            .execute("UPDATE tags SET value = ?1 WHERE key = 'goldenpath.io/owner'", [text])
            .unwrap();
        comment(&platform)
    };
    let plain = outside_code(&with("plain"));
    assert!(plain.contains("1 in the store without a manifest"), "{plain}");
    for hostile in [
        "@acme/platform see #1 https://example.org",
        "</details><script>alert(1)</script><img src=x onerror=y>",
        "![x](https://example.org/pixel) [a](javascript:b)",
        "a\n\n# Heading\n\n<details>\n",
        "`code` ``more`` ```\n```sh\nrm\n```",
        "`",
        "| a | b |\n|---|---|",
        "{{ approvals }} {% raw %}",
        "<!-- goldenpath plan -->",
        "\u{1b}[2J\u{202e}txt.exe\u{2028}- item",
        &every_harmful_character(),
        " ",
        "",
        "\\`**bold**",
    ] {
        let text = with(hostile);
        assert_eq!(outside_code(&text), plain, "{hostile:?}\n{text}");
        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count(), "{text}");
        assert_eq!(text.matches(MARKER.trim_end()).count(), 1, "{text}");
        assert!(!text.contains(is_harmful), "{text:?}");
    }
}

#[test]
fn a_comment_stays_below_github_s_limit_and_says_what_is_left_out() {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    // The longest reasons: a policy that adds forty roles.
    let roles: String = (0..40)
        .map(|n| format!("      - arn:aws:iam::123456789012:role/a-role-with-a-long-name-{n:03}\n"))
        .collect();
    for number in 100..500 {
        let text = request(&format!("SEC-0{number}"), &format!("key-{number}"));
        let text = text.replace("  ttlDays", &format!("    readPrincipals:\n{roles}  ttlDays"));
        platform.catalog.write(format!("catalogs/secrets/payments/dev/SEC-0{number}.yaml"), &text);
    }
    platform.catalog.commit_all("Many");
    let fits = |text: &str| {
        assert!((60_000..65_536).contains(&text.encode_utf16().count()), "{}", text.len());
        let outside = outside_code(text);
        assert_eq!(outside.matches("<details>").count(), outside.matches("</details>").count());
    };
    let text = comment(&platform);
    fits(&text);
    let (_, changes) = text.split_once("<summary>Changes of 400 manifests</summary>").unwrap();
    let (changes, rest) = changes.split_once("</details>").unwrap();
    let shown = changes.matches("\n- `SEC-").count();
    assert!(shown > 10, "{shown}");
    let (_, awaiting) = rest.split_once("<summary>401 without a value</summary>").unwrap();
    let line = "\n- `SEC-0007` (`dev`), `goldenpath/payments/dev/payments-db-credentials`: \
                `goldenpath value set SEC-0007`\n";
    assert!(awaiting.contains(line) && awaiting.contains("\n- … and 381 more"), "{awaiting}");
    assert!(changes.contains(&format!("\n- … and {} more, not shown\n", 400 - shown)), "{text}");
    assert!(text.trim_end().ends_with("Run `goldenpath plan` to see the rest."), "{text}");

    // In addition, thousands of orphans, whose names take more space than their characters.
    let mut store = Connection::open(platform.catalog.path().join(".goldenpath/store.db")).unwrap();
    let transaction = store.transaction().unwrap();
    for number in 0..5000 {
        orphan(&transaction, &format!("orphan-{number:04}-🗝🗝🗝🗝🗝🗝"), "SEC-0001");
    }
    transaction.commit().unwrap();
    let text = comment(&platform);
    fits(&text);
    assert!(
        text.contains("<summary>5000 in the store without a manifest, not changed</summary>"),
        "{text}"
    );
}

#[test]
fn a_catalog_may_bring_its_own_comment() {
    let platform = Platform::local();
    platform.seed();
    let own = |text: &str| {
        platform.catalog.write("templates/plan.md.j2", text).commit_all("Our own comment");
        platform.plan(&["--format", "markdown", "-q"])
    };
    let text = own(
        "{{ summary.create }} new\n{% for one in changed.shown %}\n* {{ one.id }}\n{% endfor %}\n",
    )
    .run();
    let text = text.success().stdout;
    let (header, rest) = text.split_once("\n---\n\n").unwrap();
    assert!(
        header.starts_with(&format!("{MARKER}## Plan: 2 to create, 0 to change, 0 blocked\n")),
        "{header}"
    );
    assert_eq!(rest, "2 new\n* `SEC-0007`\n");
    let wrong = own("{{ sumary.create }}").run().fails_with(2);
    assert!(
        wrong.stderr.contains("plan.md.j2") && wrong.stderr.contains("summary"),
        "{}",
        wrong.stderr
    );
    let endless = own(&"x".repeat(70_000)).run().success();
    assert!(
        endless.stdout.starts_with(&format!("{MARKER}## Plan: 2 to create")),
        "{}",
        endless.stdout
    );
    assert!(
        endless.stdout.contains("too long to be shown") && endless.stdout.len() < 1000,
        "{}",
        endless.stdout
    );
}

#[test]
fn a_pull_request_shows_its_own_secrets_without_a_value_and_no_others() {
    let platform = Platform::local();
    platform.seed();
    platform.apply().run().success();
    platform.catalog.git(&["branch", "base"]);
    platform.write("SEC-0008", "orders-key");
    platform.catalog.commit_all("one more");
    platform.apply().run().success();
    let plan = |more: &[&str]| platform.plan(&[&["--from-ref", "base"], more].concat()).run();
    for format in ["human", "markdown"] {
        let text = plan(&["--format", format]).success().stdout;
        assert!(text.contains("`goldenpath value set SEC-0008`"), "{format}: {text}");
        assert!(!text.contains("SEC-0007"), "{format}: {text}");
    }
    let all = plan(&["--format", "json"]).success().json();
    assert_eq!(all["awaitingValue"].as_array().map(Vec::len), Some(2), "{all}");
}
