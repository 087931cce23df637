//! `--shard`: several independent jobs share the work of a catalog.

use std::collections::BTreeSet;

use goldenpath_testkit::{Command, Platform, request};

const SERVICES: [&str; 8] =
    ["billing", "orders", "payments", "search", "shipping", "stock", "users", "web"];

/// Returns two secrets per service.
fn platform() -> Platform {
    let platform = Platform::local();
    for (number, service) in SERVICES.iter().enumerate() {
        for item in 1..=2 {
            let id = format!("SEC-{:04}", number * 2 + item);
            let text = request(&id, &format!("{service}-{item}-key"))
                .replace("service: payments", &format!("service: {service}"))
                .replace("namespace: payments", &format!("namespace: {service}"));
            platform.catalog.write(format!("catalogs/secrets/{service}/dev/{id}.yaml"), &text);
        }
    }
    platform.catalog.commit_all("Sixteen");
    platform
}

fn ids(plan: Command) -> BTreeSet<String> {
    let plan = plan.run().success().json();
    plan["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn shards_take_each_service_once_and_together_take_all() {
    let platform = platform();
    let mut all = Vec::new();
    for index in 1..=3 {
        let ids = ids(platform.plan(&["--format", "json", "--shard", &format!("{index}/3")]));
        let number = |id: &String| id[4..].parse::<usize>().unwrap();
        assert!(
            ids.iter().all(|id| ids.contains(&format!("SEC-{:04}", ((number(id) - 1) ^ 1) + 1))),
            "{ids:?}"
        );
        assert!(ids.len() < 16, "{ids:?}");
        all.extend(ids);
    }
    assert_eq!(all.len(), 16, "{all:?}");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 16);

    for index in 1..=3 {
        let shard = format!("{index}/3");
        let outcome =
            platform.catalog.goldenpath(&["apply", "--yes", "--shard", &shard]).run().success();
        assert!(
            outcome.stderr.contains(&format!("Shard    {shard}, by service")),
            "{}",
            outcome.stderr
        );
    }
    assert!(platform.apply().run().success().stdout.starts_with("Nothing to do."));
}

#[test]
fn an_indexed_job_says_itself_which_shard_it_is() {
    let platform = platform();
    let auto = |index: &str, count: &str| {
        platform
            .plan(&["--format", "json", "--shard", "auto"])
            .env("JOB_COMPLETION_INDEX", index)
            .env("GOLDENPATH_SHARD_COUNT", count)
    };
    for index in 0..3 {
        let same =
            ids(platform.plan(&["--format", "json", "--shard", &format!("{}/3", index + 1)]));
        assert_eq!(ids(auto(&index.to_string(), "3")), same);
    }
    for (index, count, words) in [
        ("3", "3", "JOB_COMPLETION_INDEX 3 is not below GOLDENPATH_SHARD_COUNT 3"),
        ("18446744073709551615", "3", "is not below GOLDENPATH_SHARD_COUNT 3"),
        ("0", "0", "is not below GOLDENPATH_SHARD_COUNT 0"),
        ("", "3", "`--shard auto` needs the numbers"),
        ("0", "many", "`--shard auto` needs the numbers"),
    ] {
        let outcome = auto(index, count).run().fails_with(2);
        let shown = outcome.stderr.replace("\n  │ ", " ");
        assert!(shown.contains(words), "{shown}");
    }
    let outcome = platform.plan(&["--shard", "4/3"]).run().fails_with(2);
    assert!(outcome.stderr.contains("counted from 1"), "{}", outcome.stderr);
}

#[test]
fn an_orphan_is_shown_by_one_shard_and_an_adoption_is_taken_by_all() {
    let platform = platform();
    platform.apply().run().success();
    platform.catalog.git(&["rm", "--quiet", "catalogs/secrets/orders/dev/SEC-0003.yaml"]);
    platform.catalog.commit_all("Gone");
    let orphans = |index: usize| {
        let arguments =
            ["--format", "json", "--adopt", "SEC-0001", "--shard", &format!("{index}/3")];
        let plan = platform.plan(&arguments).run().success().json();
        plan["orphans"].as_array().unwrap().len()
    };
    assert_eq!((1..=3).map(orphans).sum::<usize>(), 1);
}
