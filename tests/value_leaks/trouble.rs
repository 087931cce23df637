//! Stores that reject, fail, do not respond or echo a request, and a program that is killed.

use super::scene::{Said, Scene, Way};
use goldenpath_testkit::{Canary, sample};

/// Responses of a failing store. In the body, `{request}` is replaced with the request's body.
const ANSWERS: [(u16, &str); 7] = [
    (400, r#"{"__type": "AccessDeniedException", "Message": "{quoted} is not authorized"}"#),
    (
        400,
        "{\"__type\": \"ValidationException\", \
         \"message\": \"Value '{quoted}' at 'secretString' failed to satisfy constraint\"}",
    ),
    (400, r#"{"__type": "SignatureDoesNotMatch", "message": "The canonical string was {quoted}"}"#),
    (400, r#"{"__type": "{quoted}", "message": "{quoted}"}"#),
    (500, "{request}"),
    (400, "{request}"),
    (200, "{request} and more"),
];

#[test]
fn a_store_that_sends_back_what_it_was_sent_is_not_quoted() {
    for operation in ["PutSecretValue", "TagResource", "GetSecretValue", "DescribeSecret"] {
        let scene = Scene::aws(&format!("echo-{operation}"));
        let before = Canary::new();
        assert_eq!(Way::Json.set(&scene, &before).code, 0);
        for (status, body) in sample(ANSWERS, 3) {
            let canary = Canary::new();
            // Server errors are retried for half a minute, so one such run is enough.
            let times = if status < 500 || operation == "PutSecretValue" { 10 } else { 1 };
            scene.recorder().echo(operation, times, status, "", body);
            let said = Way::Json.set(&scene, &canary);
            scene.recorder().forget_faults();
            let what = format!("{operation} {status} {body}");
            scene.assert_no_leak(&what, &canary, &said.words);
            scene.assert_no_leak(&what, &before, &said.words);
            // The value is set even if its time cannot be recorded; no other error is ignored.
            if operation != "TagResource" && times > 1 {
                assert_eq!(said.code, 1, "{what}: {}", said.words);
            }
        }
    }
}

#[test]
fn a_value_that_the_store_has_and_that_cannot_be_read_is_not_quoted() {
    let scene = Scene::aws("stored-oddly");
    for form in
        ["CANARY", "{\"password\": [\"CANARY\"]}", "{\"password\": \"CANARY\"", "[\"CANARY\"]"]
    {
        let canary = Canary::new();
        scene.store(&form.replace("CANARY", &canary.text.replace(['"', '\\'], "")));
        let said = Way::Json.set(&scene, &Canary::new());
        assert_eq!(said.code, 1, "{form}: {}", said.words);
        scene.assert_no_leak(form, &canary, &said.words);
        let said = Said::from(scene.value(&["status", "SEC-0007", "--keys"]).run().success());
        scene.assert_no_leak(form, &canary, &said.words);
    }
}

#[test]
fn answers_that_are_lost_and_connections_that_are_cut_leave_nothing_behind() {
    for operation in ["PutSecretValue", "TagResource", "GetSecretValue", "DescribeSecret"] {
        let scene = Scene::aws(&format!("cut-{operation}"));
        for times in [1, 10] {
            let canary = Canary::new();
            scene.recorder().lose_answers(operation, "", times);
            scene.recorder().reset_connections(operation, times);
            let said = Way::Dotenv.set(&scene, &canary);
            scene.recorder().forget_faults();
            scene.assert_no_leak(&format!("{operation} {times}"), &canary, &said.words);
        }
    }
}

#[test]
fn a_panic_and_an_abort_leave_nothing_behind() {
    for scene in [Scene::aws("panic"), Scene::local()] {
        for (variable, code) in [("GOLDENPATH_PANIC_AT", 101), ("GOLDENPATH_CRASH_AT", -1)] {
            for point in ["value: begun", "value: written"] {
                let canary = Canary::new();
                let given = format!("username=app\npassword='{}'\n", canary.text);
                let ended = scene
                    .value(&["set", "SEC-0007", "--yes"])
                    .stdin(given)
                    .env(variable, point)
                    .run();
                assert!(
                    ended.code == code || (code < 0 && ended.code != 0),
                    "{variable} {point}: {}",
                    ended.code
                );
                let said = Said::from(ended);
                if code > 0 {
                    assert!(said.words.contains("internal error at "), "{}", said.words);
                }
                scene.assert_no_leak(&format!("{variable} {point}"), &canary, &said.words);
            }
        }
    }
}
