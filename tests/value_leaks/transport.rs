//! Transport of values: encrypted or on this machine only, and only to the store.

use super::scene::{Said, Scene};
use goldenpath_testkit::{Canary, Moto, Recorder};

#[test]
fn an_endpoint_without_tls_that_is_not_this_machine_gets_nothing() {
    let scene = Scene::aws("plain-http");
    for endpoint in [
        "http://10.0.0.1:5000",
        "http://localhost.example.org",
        "http://[::ffff:127.0.0.1]:5000",
        "http://127.0.0.1.example.org:5000",
        "http://secretsmanager.us-east-1.amazonaws.com",
    ] {
        let canary = Canary::new();
        let given = format!("username=app\npassword='{}'\n", canary.text);
        for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER"] {
            for proxy in [None, Some("http://127.0.0.1:9")] {
                let set = scene
                    .value(&["set", "SEC-0007", "--yes"])
                    .stdin(&given)
                    .env(variable, endpoint);
                let set = match proxy {
                    Some(proxy) => set
                        .env("HTTPS_PROXY", proxy)
                        .env("HTTP_PROXY", proxy)
                        .env("ALL_PROXY", proxy),
                    None => set,
                };
                let said = Said::from(set.run());
                assert_ne!(said.code, 0, "{variable}={endpoint}: {}", said.words);
                assert!(
                    said.words.replace("\n  │ ", " ").contains("without encryption"),
                    "{variable}={endpoint}: {}",
                    said.words
                );
                scene.assert_no_leak(endpoint, &canary, &said.words);
            }
        }
    }
    assert!(scene.recorder().requests().is_empty(), "no request was sent");
}

#[test]
fn a_store_that_points_elsewhere_is_not_followed() {
    let scene = Scene::aws("redirect");
    let elsewhere = Recorder::in_front_of(Moto::shared());
    for status in [301, 302, 307, 308] {
        let canary = Canary::new();
        let head = format!("Location: {}/\r\n", elsewhere.endpoint());
        scene.recorder().echo("PutSecretValue", 10, status, &head, "");
        let given = format!("username=app\npassword='{}'\n", canary.text);
        let said = Said::from(scene.value(&["set", "SEC-0007", "--yes"]).stdin(given).run());
        scene.recorder().forget_faults();
        assert_eq!(said.code, 1, "{status}: {}", said.words);
        scene.assert_no_leak("a redirect", &canary, &said.words);
    }
    assert!(elsewhere.requests().is_empty());
}
