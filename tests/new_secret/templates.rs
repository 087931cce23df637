//! A catalog's own template for manifests.

use goldenpath_testkit::{Key, Repository};

use super::{catalog, new_secret, says};

/// The shape of the built-in template, with an added comment.
const OWN_TEMPLATE: &str = "\
# Ask #platform before you change this.
apiVersion: goldenpath.io/v1
kind: SecretRequest
metadata:
  id: {{ id }}
  name: {{ name }}
  owner: {{ owner }}
  service: {{ service }}
  environment: {{ environment }}
spec:
  provider: {{ provider }}
  secretType: {{ secretType }}
  risk: { tier: {{ riskTier }} }
  rotation: { rotationClass: {{ rotationClass }} }
  lifecycle: { status: {{ status }} }
  access: { namespace: {{ namespace }}, k8sSecretName: {{ k8sSecretName }} }
  ttlDays: {{ ttlDays }}
";
const TEMPLATE: &str = "templates/secret_request.yaml.j2";

#[test]
fn the_catalog_s_own_template_wins() {
    let repository = Repository::new();
    repository.write(TEMPLATE, OWN_TEMPLATE);
    new_secret(&repository, &[]).run().success();
    let made = repository.read("catalogs/secrets/payments/dev/SEC-0001.yaml");
    assert!(made.starts_with("# Ask #platform before you change this.\n"), "{made}");
    assert!(
        made.contains("access: { namespace: payments, k8sSecretName: payments-psp-token }"),
        "{made}"
    );
}

#[test]
fn a_template_that_drops_or_alters_an_answer_is_refused() {
    for (from, to, words) in [
        ("  owner: {{ owner }}\n", "", "owner"),
        ("  owner: {{ owner }}\n", "  owner: sre-team\n", "`owner` should be `team-payments`"),
        ("id: {{ id }}", "id: SEC-0042", "`id` should be `SEC-0001`"),
        ("status: {{ status }}", "status: decommissioned", "`status` should be `active`"),
        ("{{ provider }}", "gcp-secret-manager", "gcp-secret-manager"),
        ("ttlDays: {{ ttlDays }}", "ttlDays: 9", "`ttlDays` should be `90`"),
        ("{{ environment }}", "prod", "`environment` should be `dev`"),
        ("kind: SecretRequest", "kind: [", "GP001"),
    ] {
        let repository = Repository::new();
        assert!(OWN_TEMPLATE.contains(from));
        repository.write(TEMPLATE, &OWN_TEMPLATE.replace(from, to));
        let outcome = new_secret(&repository, &[]).run().fails_with(1);
        says(&outcome, words);
        assert_eq!(catalog(&repository), [""; 0], "{to}");
    }
    // Our template has no place for a description: dropping it silently would change the answers.
    let repository = Repository::new();
    repository.write(TEMPLATE, OWN_TEMPLATE);
    let outcome = new_secret(&repository, &["--description", "kept"]).run().fails_with(1);
    says(&outcome, "`description` should be `kept`");
}

#[test]
fn an_error_in_a_template_shows_its_place() {
    for (from, to, words, place) in [
        ("{{ owner }}", "{{ ownr }}", "undefined", "  owner: {{ ownr }}"),
        ("{{ service }}", "{{ service", "expected end of variable block", "  service: {{ service"),
        ("{{ owner }}", "{{ owner | shout }}", "shout", "  owner: {{ owner | shout }}"),
        ("{{ owner }}", "{{ owner.team }}", "undefined", "  owner: {{ owner.team }}"),
        (
            "kind:",
            "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}\n\
             kind:",
            "fuel",
            "{% for a in range(9999) %}",
        ),
        ("kind:", "{% include 'other' %}\nkind:", "other", "{% include 'other' %}"),
    ] {
        let repository = Repository::new();
        repository.write(TEMPLATE, &OWN_TEMPLATE.replace(from, to));
        let outcome = new_secret(&repository, &[]).run();
        assert!([1, 2].contains(&outcome.code), "{}", outcome.code);
        says(&outcome, "cannot render the template `secret_request.yaml.j2`");
        says(&outcome, words);
        assert!(outcome.stderr.contains(place), "{}", outcome.stderr);
        assert_eq!(catalog(&repository), [""; 0]);
    }
}

/// Where a catalog keeps its own schema.
pub(super) const SCHEMA: &str = "schemas/secret_request.schema.json";

/// Returns the built-in schema with labels and a custom field.
pub(super) fn custom_schema() -> String {
    let repository = Repository::new();
    repository.goldenpath(&["init"]).run().success();
    let mut schema: serde_json::Value = serde_json::from_str(&repository.read(SCHEMA)).unwrap();
    let properties = &mut schema["properties"];
    properties["metadata"]["properties"]["labels"] =
        serde_json::json!({ "type": "object", "additionalProperties": { "type": "string" } });
    properties["spec"]["properties"]["costCenter"] =
        serde_json::json!({ "type": "string", "pattern": "^[0-9]{4}$" });
    format!("{schema:#}")
}

#[test]
fn labels_and_custom_fields_need_a_schema_that_has_them() {
    let template = OWN_TEMPLATE
        .replace(
            "spec:\n",
            "  labels:\n    team: {{ owner }}   # for the dashboards\n    \
             managed: \"true\"\nspec:\n",
        )
        .replace("  ttlDays:", "  costCenter: {{ \"0042\" | quote }}\n  ttlDays:");
    let repository = Repository::new();
    repository.write(TEMPLATE, &template);
    let outcome = new_secret(&repository, &[]).run().fails_with(1);
    says(&outcome, "GP102");
    says(&outcome, "`labels`");
    says(&outcome, "`costCenter`");
    says(&outcome, "Nothing was written.");
    assert_eq!(catalog(&repository), [""; 0]);

    repository.write(SCHEMA, &custom_schema());
    new_secret(&repository, &[]).run().success();
    let made = repository.read("catalogs/secrets/payments/dev/SEC-0001.yaml");
    assert!(
        made.contains("    team: team-payments   # for the dashboards\n    managed: \"true\"\n"),
        "{made}"
    );
    assert!(made.contains("  costCenter: \"0042\"\n"), "{made}");
    repository.goldenpath(&["validate"]).run().success();

    // The custom field is validated too.
    repository.write(TEMPLATE, &template.replace("0042", "42"));
    says(&new_secret(&repository, &["--env", "prod"]).run().fails_with(1), "costCenter");
    assert_eq!(catalog(&repository).len(), 1);
}

#[test]
fn owners_that_the_schema_leaves_open_may_be_new() {
    let repository = Repository::new();
    let mut schema: serde_json::Value = serde_json::from_str(&custom_schema()).unwrap();
    schema["properties"]["metadata"]["properties"]["owner"] =
        serde_json::json!({ "type": "string", "minLength": 3 });
    repository.write(SCHEMA, &format!("{schema:#}"));
    let flags = [
        "--service",
        "web",
        "--env",
        "dev",
        "--type",
        "api-key",
        "--name",
        "web-key",
        "--risk",
        "low",
    ];
    let mut terminal =
        repository.goldenpath(&[&["new", "secret"], &flags[..]].concat()).in_terminal(80, 24);
    terminal
        .wait_for("or type a new one")
        .send("guild-of-keys")
        .key(Key::Enter)
        .wait_for("Owner · guild-of-keys");
    terminal.wait_for("Rotation class").key(Key::CtrlC);
    assert_eq!(terminal.wait(), 130);
}
