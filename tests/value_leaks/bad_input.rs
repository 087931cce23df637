//! Input that is rejected as a value is not shown.

use super::scene::{Said, Scene};
use goldenpath_testkit::Canary;

#[test]
fn what_cannot_be_taken_is_not_quoted() {
    for scene in [Scene::aws("bad-input"), Scene::local()] {
        for form in [
            "CANARY",
            "\"CANARY\"",
            "{\"password\": \"CANARY",
            "{\"password\": \"CANARY\" \"CANARY\"}",
            "{\"password\": {\"nested\": \"CANARY\"}}",
            "{\"password\": [\"CANARY\"]}",
            "{\"password\": \"CANARY\", \"password\": \"CANARY\"}",
            "{\"CANARY\": \"password\"}",
            "[\"CANARY\"]",
            "password=\"CANARY",
            "password='CANARY' CANARY",
            "password=\"\\CANARY\"",
            "CANARY=password",
            "CANARY=",
            "CANARY==",
            "pasword=CANARY",
            "password=CANARY",
            "username=app\npassword=CANARY\nCANARY",
        ] {
            // A value without special characters of a manifest, a shell or a password manager.
            let canary = Canary::new();
            let plain: String = canary.text.chars().filter(char::is_ascii_alphanumeric).collect();
            let canary = Canary::of(&plain);
            let given = form.replace("CANARY", &plain);
            let said = Said::from(scene.value(&["set", "SEC-0007", "--yes"]).stdin(&given).run());
            assert_eq!(said.code, 1, "{form}: {}", said.words);
            scene.assert_no_leak(form, &canary, &said.words);
        }
    }
}

#[test]
fn what_is_too_large_or_no_text_is_not_quoted() {
    let scene = Scene::local();
    let canary = Canary::new();
    let large = format!("username=app\npassword='{}{}'", canary.text, "x".repeat(65_536));
    let huge = format!("{}{}", canary.text, "x".repeat(1024 * 1024));
    let not_utf8 = [b"password=", canary.text.as_bytes(), b"\xff"].concat();
    for given in [large.into_bytes(), huge.into_bytes(), not_utf8.clone()] {
        let said = Said::from(
            scene.value(&["set", "SEC-0007", "--yes"]).stdin(&given).run().fails_with(1),
        );
        scene.assert_no_leak("standard input", &canary, &said.words);
    }
    let file = scene.file("");
    std::fs::write(&file, not_utf8).unwrap();
    let from = format!("password={file}");
    let said = Said::from(
        scene.value(&["set", "SEC-0007", "--yes", "--from-file", &from]).run().fails_with(1),
    );
    scene.assert_no_leak("a file", &canary, &said.words);
}
