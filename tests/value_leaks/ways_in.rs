//! All ways to set a value, without errors.

use serde_json::json;

use super::scene::{Said, Scene, Way};
use goldenpath_testkit::Canary;

fn every_way_in(scene: &Scene) {
    // The first one sets a first value; the others change an existing one in part.
    let mut before = Canary::new();
    for way in Way::ALL {
        let canary = Canary::new();
        let said = way.set(scene, &canary);
        assert_eq!(said.code, 0, "{way:?}: {}", said.words);
        assert_eq!(scene.stored()["password"], canary.text.as_str(), "{way:?}: {}", said.words);
        scene.assert_no_leak(&format!("{way:?}"), &canary, &said.words);
        scene.assert_no_leak(&format!("before {way:?}"), &before, &said.words);
        before = canary;
    }
    for arguments in [&["status"][..], &["status", "SEC-0007", "--format", "json"]] {
        let said = Said::from(scene.value(arguments).run().success());
        scene.assert_no_leak("status", &before, &said.words);
    }
}

#[test]
fn a_value_goes_into_aws_by_every_way_and_is_in_one_request_alone() {
    let scene = Scene::aws("ways-in");
    every_way_in(&scene);
    let carried = scene.recorder().bodies("PutSecretValue").len();
    assert_eq!(carried, Way::ALL.len(), "one request each");
}

#[test]
fn a_value_goes_into_a_local_store_by_every_way_and_is_nowhere_readable() {
    every_way_in(&Scene::local());
}

#[test]
fn a_generated_value_is_nowhere_else() {
    for scene in [Scene::aws("made"), Scene::local()] {
        let mut before: Vec<Canary> = Vec::new();
        for arguments in [
            &["generate", "SEC-0007", "--yes"][..],
            &["rotate", "SEC-0007", "--yes"],
            &["rotate", "SEC-0007", "--yes", "--key", "username"],
            &["rotate", "SEC-0007", "--yes", "--rollback"],
        ] {
            let said = Said::from(scene.value(arguments).run().success());
            let stored = scene.stored();
            before.extend(
                ["username", "password"].map(|key| Canary::of(stored[key].as_str().unwrap())),
            );
            for canary in &before {
                scene.assert_no_leak(&format!("{arguments:?}"), canary, &said.words);
            }
        }
        let password = |at: usize| before[at].text.as_str();
        assert_ne!(password(1), password(3), "the password was renewed");
        assert_ne!(password(2), password(4), "and the name of the user");
        assert_eq!(password(2), password(6), "and taken back");
    }
}

#[test]
fn a_copied_value_is_nowhere_else() {
    for scene in [Scene::aws("copied"), Scene::local()] {
        scene.platform.write("SEC-0008", "copy").catalog.commit_all("SEC-0008");
        scene.loud(scene.platform.apply()).run().success();
        let canary = Canary::new();
        assert_eq!(Way::Json.set(&scene, &canary).code, 0);
        let copy = scene.value(&["copy", "SEC-0007", "SEC-0008", "--yes"]);
        let said = Said::from(copy.run().success());
        scene.assert_no_leak("copy", &canary, &said.words);
    }
}

#[test]
fn a_text_is_nowhere_else() {
    for scene in [Scene::aws("text"), Scene::local()] {
        let text = "  value: { format: text, key: password }\n  access:\n";
        scene.platform.seed_changed("  access:\n", text);
        let canary = Canary::new();
        let set = scene.value(&["set", "SEC-0007", "--yes"]).stdin(&canary.text);
        let said = Said::from(set.run().success());
        scene.assert_no_leak("text", &canary, &said.words);
        let said = Said::from(scene.value(&["status", "SEC-0007", "--keys"]).run().success());
        scene.assert_no_leak("status", &canary, &said.words);
    }
}

#[test]
fn a_value_that_aws_generates_is_nowhere_else() {
    let scene = Scene::aws("made-by-aws");
    let canary = Canary::new();
    let password: String = canary.text.chars().filter(char::is_ascii_alphanumeric).collect();
    scene.recorder().answer(
        "GetRandomPassword",
        1,
        &json!({ "RandomPassword": "abcdefghijklmnop" }),
    );
    scene.recorder().answer("GetRandomPassword", 1, &json!({ "RandomPassword": password }));
    let said = Said::from(scene.value(&["generate", "SEC-0007", "--yes", "--source", "aws"]).run());
    assert_eq!(said.code, 0, "{}", said.words);
    assert_eq!(scene.stored()["password"], password);
    scene.assert_no_leak("generate", &canary, &said.words);
    assert_eq!(scene.carried(&canary), 1);

    // A generated value without the requested form is rejected, and not shown.
    let canary = Canary::new();
    scene.recorder().answer("GetRandomPassword", 1, &json!({ "RandomPassword": canary.text }));
    let said = Said::from(scene.value(&["rotate", "SEC-0007", "--yes", "--source", "aws"]).run());
    assert_eq!(said.code, 1, "{}", said.words);
    scene.assert_no_leak("rotate", &canary, &said.words);
}

#[test]
fn a_program_gets_the_value_and_goldenpath_does_not_print_it() {
    let scene = Scene::local();
    let canary = Canary::new();
    Way::Json.set(&scene, &canary);
    let own = "printf %s \"$password\" | wc -c; printf %s \"$password\" >\"$0\"";
    let kept = scene.file("");
    let said =
        Said::from(scene.value(&["env", "SEC-0007", "--", "sh", "-c", own, &kept]).run().success());
    assert_eq!(std::fs::read_to_string(kept).unwrap(), canary.text);
    scene.assert_no_leak("env", &canary, &said.words);
    let said =
        Said::from(scene.value(&["env", "SEC-0007", "--", "no-such-program"]).run().fails_with(1));
    scene.assert_no_leak("env", &canary, &said.words);
}
