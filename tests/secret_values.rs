//! GP501: values that it must find, texts that it must accept, and that no output shows a value.
//!
//! The values are generated at run time from a prefix and a body that no issuer gave out, so that
//! other secret scanners do not report this repository.

use serde_json::Value;

use goldenpath_testkit::{Aws, Outcome, Repository, sample};

const BASE62: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE36: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &[u8] = b"0123456789abcdef";
const DIGITS: &[u8] = b"0123456789";

/// Pseudo-random text, the same on every run.
fn noise(alphabet: &[u8], length: usize, seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x2545_f491_4f6c_dd1d);
    let mut next = || {
        // xorshift64* (Marsaglia; Vigna)
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize
    };
    (0..length).map(|_| char::from(alphabet[next() % alphabet.len()])).collect()
}

/// Tokens that are recognized by their form, each with a part that must never be shown.
fn tokens(seed: u64) -> Vec<(&'static str, String)> {
    let of = |prefix: &str, alphabet, length| format!("{prefix}{}", noise(alphabet, length, seed));
    vec![
        ("AWS", of("AKIA", BASE32, 16)),
        ("AWS", of("ASIA", BASE32, 16)),
        // The example of AWS's documentation: a false positive is better than an exception in the
        // rule
        ("AWS", ["AKIA", "IOSFODNN7", "EXAMPLE"].concat()),
        ("GitHub", of("ghp_", BASE62, 36)),
        ("GitHub", of("gho_", BASE62, 36)),
        ("GitHub", of("ghu_", BASE62, 36)),
        ("GitHub", of("ghs_", BASE62, 36)),
        ("GitHub", of("ghr_", BASE62, 36)),
        ("GitHub", format!("{}_{}", of("github_pat_", BASE62, 22), noise(BASE62, 59, seed + 1))),
        ("GitLab", of("glpat-", BASE64URL, 20)),
        ("GitLab", format!("{}.01.{}", of("glpat-", BASE64URL, 27), noise(BASE36, 9, seed))),
        ("GitLab", of("gldt-", BASE64URL, 20)),
        ("GitLab", of("glrt-", BASE64URL, 20)),
        ("GitLab", of("glptt-", HEX, 40)),
        (
            "Slack",
            format!(
                "{}-{}-{}",
                of("xoxb-", DIGITS, 12),
                noise(DIGITS, 13, seed),
                noise(BASE62, 24, seed)
            ),
        ),
        (
            "Slack",
            format!(
                "{}-{}-{}",
                of("xoxp-", DIGITS, 12),
                noise(DIGITS, 12, seed),
                noise(HEX, 32, seed)
            ),
        ),
        ("Slack", of("xoxa-2-", BASE62, 24)),
        ("Slack", of("xoxr-", BASE62, 24)),
        ("Slack", format!("{}-{}", of("xoxs-", DIGITS, 12), noise(HEX, 40, seed))),
        (
            "Slack",
            format!(
                "xapp-1-A{}-{}-{}",
                noise(BASE32, 10, seed),
                noise(DIGITS, 13, seed),
                noise(HEX, 64, seed)
            ),
        ),
        (
            "webhook",
            format!(
                "{}/T{}/B{}/{}",
                ["https://hooks.slack", ".com/services"].concat(),
                noise(BASE32, 8, seed),
                noise(BASE32, 8, seed + 1),
                noise(BASE62, 24, seed)
            ),
        ),
        (
            "webhook",
            format!(
                "{}/{}/{}",
                "https://discord.com/api/webhooks",
                noise(DIGITS, 18, seed),
                noise(BASE64URL, 68, seed)
            ),
        ),
        ("Stripe", of("sk_live_", BASE62, 24)),
        ("Stripe", of("sk_test_", BASE62, 99)),
        ("Stripe", of("rk_live_", BASE62, 24)),
        ("webhook", of("whsec_", BASE62, 32)),
        ("Google", of("AIza", BASE64URL, 35)),
        ("Google", of("GOCSPX-", BASE64URL, 28)),
        ("npm", of("npm_", BASE62, 36)),
        ("PyPI", of("pypi-AgEIcHlwaS5vcmc", BASE64URL, 150)),
        ("sk-", of("sk-", BASE62, 48)),
        ("sk-", of("sk-", HEX, 32)),
        ("sk-", of("sk-proj-", BASE64URL, 120)),
        ("sk-", of("sk-ant-api03-", BASE64URL, 95)),
        ("sk-", of("sk-or-v1-", HEX, 64)),
        ("DigitalOcean", of("dop_v1_", HEX, 64)),
        ("Shopify", of("shpat_", HEX, 32)),
        ("SendGrid", format!("{}.{}", of("SG.", BASE64URL, 22), noise(BASE64URL, 43, seed))),
        ("Vault", of("hvs.", BASE64URL, 90)),
        ("Hugging Face", of("hf_", BASE62, 34)),
        (
            "JSON Web Token",
            format!(
                "{}.{}.{}",
                ["eyJhbGciOiJIUzI1NiIs", "InR5cCI6IkpXVCJ9"].concat(),
                ["eyJzdWIiOiIxMjM0NTY3", "ODkwIn0"].concat(),
                noise(BASE64URL, 43, seed)
            ),
        ),
        ("random string", noise(BASE62, 32, seed)),
        ("random string", noise(BASE62, 24, seed)),
        ("random string", noise(BASE36, 40, seed)),
        ("random string", format!("{}==", noise(BASE64, 64, seed))),
        ("random string", noise(HEX, 64, seed)),
        ("random string", noise(HEX, 32, seed)),
    ]
}

/// Texts that contain a value, and the value.
fn sentences() -> Vec<(&'static str, String, String)> {
    let pass = |seed| noise(BASE62, 12, seed);
    let key = |seed| format!("{}==", noise(BASE64, 86, seed));
    let mut sentences = Vec::new();
    let mut add = |what: &'static str, form: &str, value: String| {
        sentences.push((what, form.replace("{}", &value), value));
    };
    add("password in a URL", "postgres://user:{}@host/db", pass(1));
    add("password in a URL", "postgres://user:{}@host/db", ["pa", "ss"].concat());
    add("password in a URL", "mongodb+srv://app:{}@cluster0.example.net/?w=majority", pass(2));
    add("password in a URL", "redis://:{}@cache.internal:6379/0", pass(3));
    add("password in a URL", "amqps://svc:{}@mq.internal:5671/vhost", pass(4));
    add("password in a URL", "https://deploy:{}@git.example.com/a/b.git", pass(5));
    add("password in a URL", "postgres://user:p/{}@host/db", pass(6));
    add("token in a URL", "https://{}@git.example.com/a/b.git", noise(BASE62, 30, 6));
    add("password in a URL", "jdbc:oracle:thin:scott/{}@//db.internal:1521/x", pass(7));
    add("password", "jdbc:postgresql://host/db?user=app&password={}&ssl=true", pass(8));
    add("password", "jdbc:sqlserver://host:1433;user=app;password={};encrypt=true", pass(9));
    add("password", "Server=db;Database=x;User Id=app;Pwd={};", pass(10));
    add(
        "account key",
        "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={};EndpointSuffix=core",
        key(11),
    );
    add(
        "access key",
        "Endpoint=sb://x.example.net/;SharedAccessKeyName=n;SharedAccessKey={}",
        noise(BASE64, 43, 12),
    );
    add("signature", "https://x.blob.example.net/c?sv=2024&sig={}", noise(BASE62, 44, 13));
    add("password", "password = {}", ["hunter", "2"].concat());
    add("password", "password: {}", ["hunter", "2"].concat());
    add("password", "the old password: {} (rotate it)", ["hunter", "2"].concat());
    add("password", "PASSWORD={}", pass(14));
    add("password", "DB_PASS='{}'", pass(15));
    add("API key", "api key: {}", noise(BASE36, 12, 16));
    add("token", "auth_token={}", noise(BASE36, 14, 17));
    add("authorization", "Authorization: Bearer {}", noise(BASE62, 18, 18));
    sentences
}

fn manifest(description: &str) -> String {
    manifest_with(&format!("  description: {description}\n"), "")
}

fn manifest_with(metadata: &str, end: &str) -> String {
    format!(
        "apiVersion: goldenpath.io/v1\nkind: SecretRequest\nmetadata:\n  id: SEC-0007\n  \
         name: payments-db-credentials\n{metadata}  owner: team-payments\n  service: payments\n  \
         environment: dev\nspec:\n  provider: aws-secrets-manager\n  \
         secretType: database-credentials\n  risk:\n    tier: medium\n  rotation:\n    \
         rotationClass: standard\n  lifecycle:\n    status: active\n  access:\n    \
         namespace: payments\n    k8sSecretName: payments-db-creds\n  ttlDays: 30\n{end}"
    )
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// Checks each text as a file outside the catalog, in one run, and returns the findings of each.
fn findings(texts: &[String]) -> Vec<Vec<Value>> {
    let repository = Repository::new();
    let path = |number: usize| format!("files/{number:04}.yaml");
    for (number, text) in texts.iter().enumerate() {
        repository.write(path(number), text);
    }
    repository.write("goldenpath.yaml", "catalog: files\n");
    let report = repository.goldenpath(&["validate", "--format", "json"]).run().json();
    let all = report["findings"].as_array().unwrap();
    (0..texts.len())
        .map(|number| {
            all.iter().filter(|finding| finding["path"] == path(number).as_str()).cloned().collect()
        })
        .collect()
}

fn of_gp501(findings: &[Value]) -> Vec<&Value> {
    findings.iter().filter(|finding| finding["rule"] == "GP501").collect()
}

/// Asserts that each text has a finding with `what`.
#[track_caller]
fn each_is_found(cases: &[(String, String)]) {
    let texts: Vec<String> = cases.iter().map(|(_, text)| text.clone()).collect();
    for ((what, text), findings) in cases.iter().zip(findings(&texts)) {
        let found = of_gp501(&findings);
        let says = |finding: &&Value| finding["message"].as_str().unwrap().contains(what.as_str());
        assert!(found.iter().any(says), "{what} is not found in\n{text}\n{found:#?}");
        assert!(found.iter().all(|finding| finding["severity"] == "error"));
    }
}

#[track_caller]
fn all_are_left_alone(texts: &[String]) {
    for (text, findings) in texts.iter().zip(findings(texts)) {
        assert_eq!(of_gp501(&findings), Vec::<&Value>::new(), "in\n{text}");
    }
}

#[test]
fn every_known_token_is_found_in_any_place() {
    let mut cases = Vec::new();
    for seed in 0..2 {
        for (what, token) in tokens(seed) {
            let mut case = |text: String| cases.push((what.to_owned(), text));
            case(manifest(&quoted(&format!("use {token} for now"))));
            case(manifest_with("", &format!("# {token}\n")));
            case(manifest_with("", &format!("  note: {token}\n")));
            case(manifest_with("", &format!("  list: [a, '{token}']\n")));
            case(manifest_with(&format!("  description: >-\n    some words\n    {token}\n"), ""));
            // Not YAML, and next to a byte that is not UTF-8
            case(format!("metadata: [\n  id: {token}\n"));
            case(format!("\u{1}\nnote=\"{token}\""));
        }
    }
    each_is_found(&cases);
}

#[test]
fn a_key_can_be_a_secret_too() {
    for (_, token) in tokens(9).into_iter().filter(|(what, _)| *what == "GitHub") {
        let text = manifest_with("", &format!("  {token}: here\n"));
        each_is_found(&[("GitHub".to_owned(), text)]);
    }
}

#[test]
fn an_aws_secret_key_is_found_with_and_without_its_id() {
    let id = format!("AKIA{}", noise(BASE32, 16, 1));
    let (random, documented) =
        (noise(BASE64, 40, 2), ["wJalrXUtnFEMI/K7MDENG/", "bPxRfiCYEXAMPLEKEY"].concat());
    each_is_found(&[
        ("random string".to_owned(), manifest(&random)),
        ("AWS secret access key".to_owned(), manifest(&format!("{id} {random}"))),
        (
            "AWS secret access key".to_owned(),
            manifest_with("", &format!("# {id}\n# {documented}\n")),
        ),
        (
            "access key".to_owned(),
            manifest_with("", &format!("# aws_secret_access_key = {documented}\n")),
        ),
    ]);
}

#[test]
fn private_keys_of_every_kind_are_found_and_public_ones_left_alone() {
    let (begin, end) = (["-----", "BEGIN "].concat(), ["-----", "END "].concat());
    let body = |indent: &str| -> String {
        (0..6).map(|line| format!("{indent}{}\n", noise(BASE64, 64, line))).collect::<String>()
    };
    let block = |label: &str, indent: &str| {
        format!("{indent}{begin}{label}-----\n{}{indent}{end}{label}-----\n", body(indent))
    };
    let mut cases = Vec::new();
    for kind in ["", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED "] {
        let label = format!("{kind}PRIVATE KEY");
        let mut case = |text: String| cases.push(("private key".to_owned(), text));
        case(manifest_with(&format!("  description: |\n{}", block(&label, "    ")), ""));
        case(manifest_with("", &block(&label, "# ")));
        case(block(&label, ""));
        case(manifest(&quoted(&block(&label, ""))));
        // Truncated
        case(manifest_with("", &format!("# {begin}{label}-----\n{}", body("# "))));
    }
    cases.push(("private key".to_owned(), block("PGP PRIVATE KEY BLOCK", "# ")));
    let ssh2 = format!("# ---- {} SSH2 ENCRYPTED PRIVATE KEY ----\n{}", "BEGIN", body("# "));
    cases.push(("private key".to_owned(), manifest_with("", &ssh2)));
    each_is_found(&cases);
    all_are_left_alone(&[
        manifest_with("", &block("CERTIFICATE", "# ")),
        manifest_with(&format!("  description: |\n{}", block("PUBLIC KEY", "    ")), ""),
        manifest(&format!(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} me@laptop",
            noise(BASE64, 43, 1)
        )),
    ]);
}

#[test]
fn passwords_in_connection_strings_and_behind_words_are_found() {
    let mut cases = Vec::new();
    for (what, sentence, _) in sentences() {
        cases.push((what.to_owned(), manifest(&quoted(&sentence))));
        cases.push((what.to_owned(), manifest_with("", &format!("# {sentence}\n"))));
        cases.push((what.to_owned(), format!("\t{{ broken:\n# {sentence}\n")));
    }
    each_is_found(&cases);
}

#[test]
fn fields_that_say_so_hold_values() {
    let mut cases = Vec::new();
    for (what, field) in [
        ("password", "password: hunter2"),
        ("password", "password: swordfish"),
        ("password", "password: correct horse battery staple"),
        ("password", "password: correct-horse-battery-staple"),
        ("password", "password: 12345"),
        ("password", "dbPassword: \"hunter2\""),
        ("password", "passwd: 'hun''ter2'"),
        ("password", "DB_PASSWORD_PROD: hunter2"),
        ("password", "password: |\n    hunter2\n    hunter3"),
        ("password", "password: >-\n    hunter2"),
        ("password", "password:\n    hunter2"),
        ("password", "login: {user: app, password: hunter2}"),
        ("password", "passwords: [hunter2, swordfish]"),
        ("password", "passwords:\n    - hunter2"),
        ("secret", "secret: aHVudGVyMg=="),
        ("secret", "clientSecret: Zx81Spectrum"),
        ("token", "token: abcdefgh"),
        ("token", "accessToken: 8675309"),
        ("API key", "apiKey: Zx81Spectrum"),
        ("API key", "api-key: Zx81Spectrum"),
        ("private key", "privateKey: MIIEvQIBADANBg"),
        ("value", "value: hunter2"),
        ("value", "data:\n    username: YXBwbGU="),
        ("value", "stringData:\n    anything:\n      below: hunter2"),
        ("value", "env:\n    - name: X\n      value: hunter2"),
    ] {
        cases.push((what.to_owned(), manifest_with("", &format!("  {field}\n"))));
        cases.push((what.to_owned(), manifest_with("", &format!("  {field}\r\n"))));
    }
    for (what, field) in [
        ("password", "password: hunter2"),
        ("password", "password: \"hunter2"),
        ("password", "password: |\n    hunter2"),
        ("password", "password: &anchor |\n    hunter2"),
        ("password", "password:\n    hunter2"),
        ("password", "- password: hunter2"),
        ("value", "value: hunter2"),
    ] {
        cases.push((what.to_owned(), format!("  {field}\nspec: [\n")));
    }
    each_is_found(&cases);
}

#[test]
fn escapes_hide_nothing() {
    let token = format!("ghp_{}", noise(BASE62, 36, 5));
    let escaped = token.replacen("ghp_", "\\x67hp\\u005f", 1);
    let folded = format!("\"{}\\\n    {}\"", &token[..20], &token[20..]);
    each_is_found(&[
        ("GitHub".to_owned(), manifest(&format!("\"{escaped}\""))),
        ("GitHub".to_owned(), manifest(&folded)),
        ("GitHub".to_owned(), manifest(&format!("\"first\\n{token}\\n\""))),
    ]);
}

#[test]
fn names_and_metadata_are_left_alone() {
    let enums = include_str!("../crates/core/schemas/metadata/enums.yaml");
    let values = enums.lines().filter_map(|line| line.trim().strip_prefix("- ")).map(str::to_owned);
    let mut words: Vec<String> = values.collect();
    words.extend(
        [
            "SEC-0007",
            "SEC-123456789",
            "payments-db-credentials",
            "sk-live-something-service",
            "sk-svc-db-ro-eu-west-1-prod",
            "xoxb-service-bot-tokens-for-payments",
            "glpat-rotation-job-for-payments-2024",
            "payments-api-token",
            "payments-password-reset-secret-key",
            "pypi-publishing-credentials-for-the-payments-team",
            "npm-publishing-credentials-for-payments",
            "a123456789-b123456789-c123456789-d123456789-e123456789-f1234567",
            "payments-db-credentials-for-the-reporting-replica-in-eu-west-1",
            "my-akia-service",
            "AKIARA",
            "AKIAPAYMENTSSERVICEANDMORE",
            "arn:aws:secretsmanager:eu-west-2:123456789012:secret:\
             goldenpath/payments/dev/payments-db-AbCdEf",
            "arn:aws:iam::123456789012:role/aws-reserved/\
             AWSReservedSSO_AdministratorAccess_0123456789abcdef",
            "arn:aws:kms:eu-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:eu-west-2:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab",
            "mrk-1234abcd12ab34cd56ef1234567890ab",
            "alias/payments-secrets",
            "AROA3XFRBF535PLBIFPI4",
            "550e8400-e29b-41d4-a716-446655440000",
            "550E8400-E29B-41D4-A716-446655440000",
            "urn:uuid:550e8400-e29b-41d4-a716-446655440000",
            "3f786850e387550fdab836ed7e6dc881de23001b",
            "3f786850e387",
            "commit 3f786850e387550fdab836ed7e6dc881de23001b",
            "2024-01-31",
            "2024-01-31T10:20:30.123456Z",
            "20240131102030",
            "v1.2.3-rc.1+build.20240131",
            "registry/payments@sha256:\
             9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "md5 9e107d9d372bb6826bd81d3542a419d6",
            "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8",
            "https://jira.example.com/browse/SEC-123?focusedId=10203",
            "https://docs.example.com/document/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/edit",
            "https://wiki.example.com/Payments-rotation-0f1e2d3c4b5a69788796a5b4c3d2e1f0",
            "https://host:8443/path/@me",
            "git@github.com:acme/payments.git",
            "ssh://git@github.com/acme/payments.git",
            "postgres://host/db",
            "postgres://app@host:5432/db",
            "postgres://app:@host/db",
            "postgres://app:<password>@host/db",
            "postgres://app:${PASSWORD}@host/db",
            "postgres://app:***@host/db",
            "jdbc:postgresql://host/db?user=app&password=${PASSWORD}&ssl=true",
            "catalogs/secrets/payments/dev/SEC-0007.yaml",
            "PaymentsServiceDatabaseReadOnly2024",
            "TheQuickBrownFoxJumpsOverTheLazyDog2024",
            "dGhlLXBheW1lbnRz",
            "K8sSecretNameV2Prod01",
            "i-0a1b2c3d4e5f67890 in vpc-0a1b2c3d4e5f67890",
            "pk_live_4242424242424242abcdEFGH",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "AKIAXXXXXXXXXXXXXXXX",
            "+44 20 7946 0958, 4111 1111 1111 1111",
        ]
        .map(str::to_owned),
    );
    let mut texts = Vec::new();
    for word in words {
        texts.push(manifest(&quoted(&word)));
        texts.push(manifest_with("", &format!("# {word}\n")));
        texts.push(manifest_with("", &format!("  note: {}\n", quoted(&word))));
        texts.push(format!("{word}\n}} not YAML: [\n"));
    }
    for field in ["name", "service", "namespace", "k8sSecretName", "secretType"] {
        for word in [
            "api-key",
            "webhook-secret",
            "payments-api-token",
            "sk-live-something-service",
            "password",
        ] {
            texts.push(format!("spec:\n  {field}: {word}\n"));
        }
    }
    all_are_left_alone(&texts);
}

#[test]
fn sentences_about_secrets_are_left_alone() {
    let mut texts = Vec::new();
    for sentence in [
        "password rotation is manual",
        "Password: rotated by hand every 90 days",
        "password: see the runbook",
        "Passwords: kept in 1Password",
        "the password=none",
        "token: JWT, signed by the identity provider",
        "tokens: 5 a minute",
        "API key: issued by the vendor, one per environment",
        "the API key is rotated in the vendor's portal",
        "secret: for the webhook of the payments provider",
        "credentials: database",
        "value: none, it is written by the operator",
        "data: customers and orders",
        "Mandatory: Audit ID (SEC-XXXX)",
        "client_secret and client_id of the OAuth client",
        "password = <password>",
        "password: ${PASSWORD}",
        "password: {{ password }}",
        "password=changeme",
        "password: REDACTED",
        "password: ********",
        "PASSWORD=xxxxxxxx",
        "password: \"\"",
        "apiKey=$API_KEY",
        "Das Datenbankkennwort der Zahlungsdienstleistungsgesellschaft wird vierteljährlich \
         ausgetauscht.",
        "Mot de passe de la base de données des paiements, renouvelé chaque trimestre: voir le \
         guide.",
        "Contraseña de la base de datos de pagos; la rotación es automática: cada noventa días.",
        "データベースのパスワード。四半期ごとに更新されます。password: 手動",
        "Пароль базы данных платежей меняется раз в квартал.",
        "كلمة مرور قاعدة بيانات المدفوعات",
        "Betalingsdatabasewachtwoord voor de rapportageomgeving; eigenaar: team-payments",
    ] {
        texts.push(manifest(&quoted(sentence)));
        texts.push(manifest_with("", &format!("# {sentence}\n")));
        texts.push(manifest_with(&format!("  # {sentence}\n"), ""));
    }
    all_are_left_alone(&texts);
}

#[test]
fn fields_that_hold_no_value_are_left_alone() {
    let mut texts = Vec::new();
    for field in [
        "password:",
        "password: \"\"",
        "password: ~",
        "password: null",
        "password: <password>",
        "password: ${PASSWORD}",
        "password: \"{{ password }}\"",
        "password: changeme",
        "password: CHANGE_ME",
        "password: xxxx",
        "password: '***'",
        "password: REDACTED",
        "password: op://payments/db/password",
        "password: arn:aws:secretsmanager:eu-west-2:123456789012:secret:db-AbCdEf",
        "password: true",
        "passwordPolicy: strict",
        "secretName: payments-db-creds",
        "secretRef: {name: payments-db-creds}",
        "secret: payments-db-creds",
        "secret: {name: payments-db-creds}",
        "secret: payments",
        "secret: api-key",
        "token: payments-api-token",
        "tokenUrl: https://id.example.com/token",
        "tokens: 5",
        "value: 30",
        "value: medium",
        "value: goldenpath/payments/dev/payments-db-credentials",
        "valueFrom: {secretKeyRef: {name: payments-db-creds, key: password}}",
        "apiKey: webhook-secret",
    ] {
        texts.push(manifest_with("", &format!("  {field}\n")));
    }
    all_are_left_alone(&texts);
}

/// Returns texts with a canary in each place that rules quote.
fn canaries() -> Vec<(String, String)> {
    let mut cases: Vec<(String, String)> = Vec::new();
    let chosen = ["zq", "hunter7canary"].concat();
    let mut with = |value: &str, text: String| cases.push((value.to_owned(), text));
    // GP102, for the name and for a similar one
    with(&chosen, manifest_with("", &format!("  password: {chosen}\n")));
    with(&chosen, manifest_with("", &format!("  unknown: 1\n  password: {chosen}\n  other: 2\n")));
    with(&chosen, manifest_with("", &format!("  data:\n    a: {chosen}\n")));
    with(&chosen, manifest_with("", &format!("  passwords: [a, {chosen}]\n  # {chosen} again\n")));
    // As a key, which is part of a finding's pointer in JSON and SARIF
    with(&chosen, manifest_with("", &format!("  password: {chosen}\n  {chosen}: 1\n")));
    with(
        &chosen,
        manifest_with("", &format!("  password: {chosen}\n  x: {{ {chosen}: {{ y: 1 }} }}\n")),
    );
    // GP105, GP103 and GP104 at the place of the value
    let at = |field: &str, value: &str| {
        let text = manifest("x");
        let old = text
            .lines()
            .find(|line| line.trim().starts_with(&format!("{field}:")))
            .unwrap()
            .to_owned();
        text.replace(
            &old,
            &format!("{}{field}: {value}", &old[..old.len() - old.trim_start().len()]),
        )
    };
    for (_, token) in tokens(3) {
        for field in [
            "tier",
            "id",
            "name",
            "ttlDays",
            "namespace",
            "k8sSecretName",
            "owner",
            "apiVersion",
            "kind",
            "service",
        ] {
            with(&token, at(field, &token));
        }
        with(&token, manifest_with("", &format!("  {token}: 1\n  {token}: 2\n")));
        with(&token, manifest_with("", &format!("  {token}: 1\n")));
        with(&token, manifest_with(&format!("  description: {token}\n  colour: red\n"), ""));
    }
    // A lower-case value is a valid name, which GP301 to GP304 quote
    let lower = format!("sk-{}", noise(BASE36, 40, 8));
    for field in ["name", "service", "namespace", "k8sSecretName", "environment"] {
        with(&lower, at(field, &lower));
        with(&lower, at(field, &lower));
    }
    // Not YAML: GP001 and GP002
    with(&chosen, format!("metadata:\n  password: \"{chosen}\n  id: [\n"));
    with(&chosen, format!("password: {chosen}: x\n"));
    with(&chosen, format!("password: *{chosen}\n"));
    with(&chosen, format!("password: &a !t {chosen}\n"));
    with(&chosen, format!("a: 1\npassword: {chosen}\n\tb: 2\n"));
    with(&chosen, format!("\u{1}password: {chosen}\n"));
    with(&chosen, format!("x: 1\nx: 2 # password={chosen}\n"));
    for (_, sentence, value) in sentences().into_iter().filter(|(_, _, value)| value.len() > 4) {
        with(&value, format!("# {sentence}\nmetadata: [\n"));
        with(
            &value,
            manifest_with(&format!("  description: {}\n  colour: red\n", quoted(&sentence)), ""),
        );
    }
    cases
}

#[track_caller]
fn shows_nothing_of(outcome: &Outcome, values: &[&str]) {
    let shown = format!("{}{}", outcome.stdout, outcome.stderr).to_lowercase();
    for value in values {
        let value = value.to_lowercase();
        // Ten characters of it must not be shown either.
        let part = if value.len() > 24 { &value[value.len() - 10..] } else { &value };
        if let Some(at) = shown.find(part) {
            let around = &shown[shown.floor_char_boundary(at.saturating_sub(300))
                ..shown.ceil_char_boundary(at + 100)];
            panic!("{part} of {value} is shown:\n{around}");
        }
    }
}

#[test]
fn no_format_ever_shows_a_value() {
    let cases = sample(canaries(), 4);
    let values: Vec<&str> = cases.iter().map(|(value, _)| value.as_str()).collect();
    let repository = Repository::new();
    for (number, (_, text)) in cases.iter().enumerate() {
        repository.write(format!("catalogs/secrets/payments/dev/{number:04}.yaml"), text);
    }
    let help = repository.goldenpath(&["validate", "--help"]).run().success().stdout;
    let formats = ["human", "json", "sarif", "github"]
        .into_iter()
        .filter(|format| help.contains(&format!("- {format}")));
    let formats: Vec<&str> = formats.collect();
    assert!(formats.contains(&"human") && formats.contains(&"json"), "{help}");
    for format in formats {
        let outcome =
            repository.goldenpath(&["validate", "-v", "--format", format]).run().fails_with(1);
        shows_nothing_of(&outcome, &values);
    }
    // A user who disables the rule for a false positive does not ask to see values.
    repository.write("goldenpath.yaml", "rules: { GP501: off }\n");
    shows_nothing_of(&repository.goldenpath(&["validate"]).run().fails_with(1), &values);
    // Commands that print findings before they do something else
    repository.write("goldenpath.yaml", "store: { backend: local }\n");
    shows_nothing_of(&repository.goldenpath(&["render"]).run().fails_with(1), &values);
    shows_nothing_of(&repository.goldenpath(&["plan", "--work-tree"]).run().fails_with(1), &values);
}

#[test]
fn the_drawn_line_is_masked_and_everything_else_stays_in_its_column() {
    let repository = Repository::new();
    let path = "catalogs/secrets/payments/dev/SEC-0007.yaml";
    repository.write(path, &manifest_with("", "  password: hunter2 # why\n"));
    let shown = repository.goldenpath(&["validate"]).run().fails_with(1).stdout;
    assert!(shown.contains("password: ******* # why"), "{shown}");
    assert!(shown.contains("this looks like a password; never store a value in Git"), "{shown}");
    assert!(shown.contains("rotate it"), "{shown}");
    assert!(shown.contains("`spec` has no field `password`"), "{shown}");
    let found = repository.goldenpath(&["validate", "--format", "json"]).run().json();
    let finding = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["rule"] == "GP501")
        .unwrap();
    assert_eq!(finding["pointer"], "/spec/password");
    assert_eq!(
        (&finding["line"], &finding["column"], &finding["endColumn"]),
        (&22.into(), &13.into(), &20.into())
    );
}

#[test]
fn what_stood_there_before_a_change_is_not_shown_either() {
    let repository = Repository::new();
    let value = format!("sk-{}", noise(BASE36, 40, 8));
    let path = "catalogs/secrets/payments/dev/SEC-0007.yaml";
    let clean = manifest("x");
    repository.write(path, &clean.replace("payments-db-credentials", &value)).commit_all("before");
    repository.write(path, &clean).commit_all("after");
    for format in ["human", "json"] {
        let arguments = ["validate", "--from-ref", "HEAD~1", "--format", format];
        let outcome = repository.goldenpath(&arguments).run().fails_with(1);
        assert!(outcome.stdout.contains("GP402"), "{}", outcome.stdout);
        shows_nothing_of(&outcome, &[&value]);
    }
}

#[test]
fn a_value_that_only_its_place_gave_away_before_a_change_is_not_shown_either() {
    let repository = Repository::new();
    let value = ["zq", "hunter7canary"].concat();
    let path = "catalogs/secrets/payments/dev/SEC-0007.yaml";
    let after = manifest_with("", "  password: another\n");
    // Rules on a change quote these fields; each contains a word of the file's `password`, which is
    // masked.
    let mut before = manifest_with("", &format!("  password: {value}\n"));
    for field in ["owner: team-payments", "environment: dev", "provider: aws-secrets-manager"] {
        let name = field.split(": ").next().unwrap();
        assert!(before.contains(field), "{field}");
        before = before.replace(field, &format!("{name}: {value}"));
    }
    repository.write(path, &before).commit_all("before");
    repository.write(path, &after).commit_all("after");
    for format in ["human", "json", "sarif", "github"] {
        let arguments = ["validate", "--from-ref", "HEAD~1", "--format", format];
        let outcome = repository.goldenpath(&arguments).run().fails_with(1);
        for rule in ["GP402", "GP408"] {
            assert!(outcome.stdout.contains(rule), "{format}: {}", outcome.stdout);
        }
        assert!(outcome.stdout.contains("[hidden]"), "{format}: {}", outcome.stdout);
        shows_nothing_of(&outcome, &[&value]);
    }
}

#[test]
fn a_policy_that_cannot_judge_a_value_does_not_show_it() {
    let repository = Repository::new();
    let policy = "policies:\n  \
                  - {name: p, assert: 'manifest.spec[manifest.metadata.description] == 1', \
                  message: no}\n";
    repository.write("goldenpath.yaml", policy);
    repository.write(
        "catalogs/secrets/payments/dev/SEC-0007.yaml",
        &manifest("\"password: hunter7canary\""),
    );
    let outcome = repository.goldenpath(&["validate"]).run().fails_with(2);
    assert!(outcome.stderr.contains("there is no `password: [hidden]`"), "{}", outcome.stderr);
    shows_nothing_of(&outcome, &["hunter7canary"]);
}

#[test]
fn a_file_in_utf_16_shows_nothing_either() {
    let repository = Repository::new();
    let text = "\u{feff}password: hunter7canary\n";
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let folder = repository.path().join("catalogs/secrets");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a.yaml"), bytes).unwrap();
    let shown = repository.goldenpath(&["validate"]).run().fails_with(1).stdout;
    assert!(shown.contains("GP501"), "{shown}");
    let letters: String = shown.chars().filter(char::is_ascii_alphanumeric).collect();
    assert!(!letters.contains("hunter7"), "{shown}");
}

#[test]
fn a_value_is_refused_while_it_is_typed() {
    let repository = Repository::new();
    let token = format!("ghp_{}", noise(BASE62, 36, 5));
    let arguments = "new secret --service payments --env dev --name db --owner team-payments \
                     --risk low --type generic --yes";
    let arguments: Vec<&str> = arguments.split(' ').chain(["--description", &token]).collect();
    let outcome = repository.goldenpath(&arguments).run();
    assert_ne!(outcome.code, 0);
    assert!(outcome.stderr.contains("GitHub token"), "{}", outcome.stderr);
    shows_nothing_of(&outcome, &[&token]);
    assert!(!repository.exists("catalogs"));
}

#[test]
fn a_file_of_nothing_but_secrets_is_cut_with_a_count() {
    let text: String = (0..300).map(|number| format!("# password: hunter{number}\n")).collect();
    let found = findings(&[text]);
    let found = of_gp501(&found[0]);
    assert_eq!(found.len(), 100);
    assert!(found[99]["message"].as_str().unwrap().contains("200 more places"));
}

#[test]
fn where_the_rule_is_silenced_plan_and_apply_show_nothing_all_the_same() {
    let token = format!("ghp_{}", noise(BASE62, 36, 5));
    let description = manifest_with(&format!("  description: {token}\n"), "");
    for level in ["warn", "off"] {
        let repository = Repository::new();
        repository.write("catalogs/secrets/payments/dev/SEC-0007.yaml", &description);
        let gitops = Repository::new();
        gitops.write("README.md", "words").commit_all("Start");
        // Templates produce the texts of a plan, and a template may use any field.
        let settings = format!(
            "rules: {{ GP501: {level} }}\n\
             store: {{ backend: local, keyTemplate: 'x/{{{{ description }}}}' }}\n\
             gitops: {{ path: {}, file: '{{{{ description }}}}.yaml' }}\n",
            gitops.path().display()
        );
        repository.write("goldenpath.yaml", &settings).commit_all("All");
        let saved = repository.path().with_extension("plan.json");
        let out = saved.display().to_string();
        for arguments in [
            &["plan"][..],
            &["plan", "--format", "json", "-v"],
            &["plan", "--format", "markdown", "--out", &out],
            &["apply", "--yes", "-v", &out],
        ] {
            let outcome = repository.goldenpath(arguments).run().success();
            assert!(outcome.stdout.contains("x/[hidden]"), "{}", outcome.stdout);
            shows_nothing_of(&outcome, &[&token]);
        }
        let saved = std::fs::read_to_string(saved).unwrap();
        assert!(saved.contains("x/[hidden]") && !saved.contains(&token), "{saved}");
        // The actions used the value of the manifest.
        assert!(gitops.exists(format!("{token}.yaml")));

        let template = "kind: ExternalSecret\nmetadata: { namespace: {{ description }} }\n";
        repository.write("templates/external_secret.yaml.j2", template);
        for command in [&["plan", "--work-tree"][..], &["render"]] {
            let outcome = repository.goldenpath(command).run().fails_with(2);
            assert!(
                outcome.stderr.contains("`/metadata/namespace` is `[hidden]`"),
                "{}",
                outcome.stderr
            );
            shows_nothing_of(&outcome, &[&token]);
        }
    }
}

#[test]
fn where_the_rule_is_silenced_a_step_that_fails_shows_nothing_either() {
    let aws = Aws::new("silenced-failure");
    let token = format!("ghp_{}", noise(BASE62, 36, 5));
    aws.platform.catalog.write(
        "catalogs/secrets/payments/dev/SEC-0007.yaml",
        &manifest_with(&format!("  description: {token}\n"), ""),
    );
    let settings =
        "rules: { GP501: off }\nstore: { backend: aws, keyTemplate: 'x/{{ description }}' }\n";
    aws.platform.catalog.write("goldenpath.yaml", settings).commit_all("All");
    let key = format!("x/{token}");
    aws.call("CreateSecret", serde_json::json!({ "Name": key }));
    aws.recorder.refuse(
        "DescribeSecret",
        "",
        1,
        "ResourceNotFoundException",
        "It has not come yet.",
    );
    let outcome = aws.apply().fails_with(1);
    assert!(
        outcome.stderr.contains("the secret `x/[hidden]` already exists"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stdout.contains("create-secret x/[hidden]: the secret `x/[hidden]` already"),
        "{}",
        outcome.stdout
    );
    shows_nothing_of(&outcome, &[&token]);
}
