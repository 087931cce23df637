//! Values that their issuers made recognisable: tokens with a prefix, JSON Web Tokens, keys in PEM.

use std::ops::Range;

use super::random::{has_variety, is_random_body};

/// A token's prefix, the shortest body behind it, and what it is.
struct Format {
    prefix: &'static str,
    /// Bytes of `[A-Za-z0-9_-]`, or with `/` for a URL; shorter than what is issued, since pastes get cut.
    shortest: usize,
    what: &'static str,
}

const fn format(prefix: &'static str, shortest: usize, what: &'static str) -> Format {
    Format { prefix, shortest, what }
}

const GITHUB: &str = "a GitHub token";
const GITLAB: &str = "a GitLab token";
const SLACK: &str = "a Slack token";
const STRIPE: &str = "a Stripe key";
const WEBHOOK: &str = "a webhook URL, which is a credential by itself";
const SHOPIFY: &str = "a Shopify token";
const GOOGLE: &str = "a Google API key";
const DIGITALOCEAN: &str = "a DigitalOcean token";
const GRAFANA: &str = "a Grafana token";
const VAULT: &str = "a HashiCorp Vault token";
const DOCKER: &str = "a Docker token";
const ATLASSIAN: &str = "an Atlassian token";

/// As their issuers document them. Lengths are lower bounds.
const FORMATS: [Format; 69] = [
    // GitHub, "About authentication to GitHub", token formats
    format("ghp_", 36, GITHUB),
    format("gho_", 36, GITHUB),
    format("ghu_", 36, GITHUB),
    format("ghs_", 36, GITHUB),
    format("ghr_", 36, GITHUB),
    format("github_pat_", 22, GITHUB),
    // GitLab, "Token overview", token prefixes
    format("glpat-", 20, GITLAB),
    format("gloas-", 20, GITLAB),
    format("gldt-", 20, GITLAB),
    format("glrt-", 20, GITLAB),
    format("glrtr-", 20, GITLAB),
    format("glcbt-", 20, GITLAB),
    format("glptt-", 20, GITLAB),
    format("glft-", 20, GITLAB),
    format("glimt-", 20, GITLAB),
    format("glagent-", 20, GITLAB),
    format("glwt-", 20, GITLAB),
    format("glsoat-", 20, GITLAB),
    format("glffct-", 20, GITLAB),
    // Slack, "Token types"; xoxa and xoxr are the older ones, xoxs and xoxc are browsers'
    format("xoxa-", 10, SLACK),
    format("xoxb-", 10, SLACK),
    format("xoxp-", 10, SLACK),
    format("xoxr-", 10, SLACK),
    format("xoxs-", 10, SLACK),
    format("xoxc-", 10, SLACK),
    format("xoxe-", 10, SLACK),
    format("xoxe.xox", 10, SLACK),
    format("xapp-", 10, SLACK),
    // Slack "Incoming webhooks", Discord "Webhook resource", Microsoft Teams
    format("hooks.slack.com/services/", 20, WEBHOOK),
    format("hooks.slack.com/workflows/", 20, WEBHOOK),
    format("hooks.slack.com/triggers/", 20, WEBHOOK),
    format("discord.com/api/webhooks/", 20, WEBHOOK),
    format("discordapp.com/api/webhooks/", 20, WEBHOOK),
    format("webhook.office.com/webhookb2/", 20, WEBHOOK),
    // Stripe, "API keys" and "Webhooks"; pk_ is publishable
    format("sk_live_", 16, STRIPE),
    format("sk_test_", 16, STRIPE),
    format("rk_live_", 16, STRIPE),
    format("rk_test_", 16, STRIPE),
    format("whsec_", 24, "a webhook's signing secret"),
    // Google Cloud, "API keys"; OAuth 2.0 client secrets and access tokens
    format("AIza", 35, GOOGLE),
    format("GOCSPX-", 20, "a Google OAuth client secret"),
    format("ya29.", 20, "a Google OAuth access token"),
    // Package registries
    format("npm_", 36, "an npm token"),
    format("pypi-", 32, "a PyPI token"),
    format("rubygems_", 40, "a RubyGems token"),
    // OpenAI (sk-, sk-proj-, sk-svcacct-), Anthropic (sk-ant-), and those that took the form over
    format("sk-", 20, "an API key of the form `sk-…`"),
    format("gsk_", 32, "a Groq API key"),
    format("hf_", 30, "a Hugging Face token"),
    format("ABSK", 60, "an Amazon Bedrock API key"),
    // Clouds and services
    format("dop_v1_", 40, DIGITALOCEAN),
    format("doo_v1_", 40, DIGITALOCEAN),
    format("dor_v1_", 40, DIGITALOCEAN),
    format("shpat_", 32, SHOPIFY),
    format("shpss_", 32, SHOPIFY),
    format("shpca_", 32, SHOPIFY),
    format("shppa_", 32, SHOPIFY),
    format("SG.", 20, "a SendGrid API key"),
    format("dapi", 32, "a Databricks token"),
    format("hvs.", 24, VAULT),
    format("hvb.", 24, VAULT),
    format("hvr.", 24, VAULT),
    format("dckr_pat_", 20, DOCKER),
    format("dckr_oat_", 20, DOCKER),
    format("glsa_", 32, GRAFANA),
    format("glc_", 32, GRAFANA),
    format("lin_api_", 32, "a Linear API key"),
    format("ATATT3", 40, ATLASSIAN),
    format("ATCTT3", 40, ATLASSIAN),
    format("AGE-SECRET-KEY-1", 50, "an age private key"),
];

/// Where three bytes with which something begins that is looked for hash to. Nearly every word of a manifest is told
/// apart by this one look, which is what keeps the rule cheap.
const STARTS: [bool; 2048] = {
    let mut starts = [false; 2048];
    let mut row = 0;
    while row < FORMATS.len() {
        let prefix = FORMATS[row].prefix.as_bytes();
        starts[slot(prefix[0], prefix[1], prefix[2])] = true;
        row += 1;
    }
    starts[slot(b'e', b'y', b'J')] = true;
    starts[slot(b'A', b'K', b'I')] = true;
    starts[slot(b'A', b'S', b'I')] = true;
    starts[slot(b'-', b'-', b'-')] = true;
    starts
};

const fn slot(first: u8, second: u8, third: u8) -> usize {
    (first as usize ^ ((second as usize) << 3) ^ ((third as usize) << 6)) & 2047
}

/// How much of a body is looked at, in bytes, so that time stays linear in a text of prefixes.
const LOOK_AHEAD: usize = 128;

/// What begins at a byte of the text.
pub(super) enum Found {
    Secret(Range<usize>, &'static str),
    /// An access key ID of AWS, whose secret key may stand near it.
    AwsKeyId(Range<usize>),
    /// A certificate or a public key: long, random, and nothing to hide.
    Public(usize),
}

/// What has been looked for and need not be again.
#[derive(Default)]
pub(super) struct Memory {
    /// No JSON Web Token begins before this byte.
    no_web_token_before: usize,
    /// No `-----END` stands at or after this byte.
    no_end_after: Option<usize>,
}

/// Whether anything that is looked for may begin with these bytes.
#[inline]
pub(super) fn may_start(text: &[u8]) -> bool {
    matches!(text, [first, second, third, ..] if STARTS[slot(*first, *second, *third)])
}

/// What begins at `start`, where a word does.
pub(super) fn at(text: &str, start: usize, memory: &mut Memory) -> Option<Found> {
    let rest = &text.as_bytes()[start..];
    match rest {
        [b'-', ..] => return memory.block(text, start),
        [b'e', b'y', b'J', ..] => return memory.web_token(rest, start),
        [b'A', b'K' | b'S', b'I', b'A', ..] => return aws_key_id(rest, start),
        _ => {}
    }
    FORMATS.iter().find_map(|format| {
        let body = rest.strip_prefix(format.prefix.as_bytes())?;
        let with_slash = format.prefix.ends_with('/');
        let length = |limit: usize| {
            let belongs = |byte: u8| is_base64url(byte) || (with_slash && byte == b'/');
            body.iter().take(limit).take_while(|&&byte| belongs(byte)).count()
        };
        let seen = length(LOOK_AHEAD);
        if seen < format.shortest || !is_random_body(&body[..seen]) {
            return None;
        }
        // SendGrid's, Vault's, GitLab's and Google's go on behind a dot.
        let rest = body.iter().take_while(|&&byte| is_base64url(byte) || b"./+=".contains(&byte)).count();
        let end = start + format.prefix.len() + rest.max(length(usize::MAX));
        Some(Found::Secret(start..end, format.what))
    })
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// `AKIA…` and `ASIA…` (temporary) with 16 capitals and digits (AWS, "IAM identifiers"). The keys of AWS's own
/// documentation, which end in EXAMPLE, are reported too: they can be replaced by a better placeholder, and a rule with
/// an exception can be got around.
fn aws_key_id(rest: &[u8], start: usize) -> Option<Found> {
    let body = rest.get(4..20)?;
    let ends = rest.get(20).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let fits = body.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (ends && fits && has_variety(body)).then_some(Found::AwsKeyId(start..start + 20))
}

impl Memory {
    /// The JWS Compact Serialization (RFC 7515, section 7.1): base64url of `{"`, a dot, and the next part. The
    /// signature is empty where `alg` is none; JWE (RFC 7516) has five parts.
    fn web_token(&mut self, rest: &[u8], start: usize) -> Option<Found> {
        if start < self.no_web_token_before {
            return None;
        }
        let part = |text: &[u8], limit: usize| text.iter().take(limit).take_while(|&&byte| is_base64url(byte)).count();
        let header = part(rest, usize::MAX);
        let payload = rest.get(header + 1..).map_or(0, |rest| part(rest, 16));
        if rest.get(header) != Some(&b'.') || payload < 10 {
            self.no_web_token_before = start + header;
            return None;
        }
        if header < 16 {
            return None;
        }
        let end = rest.iter().take_while(|&&byte| is_base64url(byte) || byte == b'.').count();
        Some(Found::Secret(start..start + end, "a JSON Web Token"))
    }

    /// A block of RFC 7468, of OpenSSH, of PGP (RFC 9580), or of SSH2 (RFC 4716, which has four hyphens).
    fn block(&mut self, text: &str, start: usize) -> Option<Found> {
        let rest = &text.as_bytes()[start..];
        let label = rest.strip_prefix(b"-----BEGIN ").or_else(|| rest.strip_prefix(b"---- BEGIN "))?;
        let length = label.iter().take(64).position(|&byte| byte == b'-' || byte == b'\n')?;
        let label = &label[..length];
        let says = |word: &[u8]| label.windows(word.len()).any(|window| window == word);
        if says(b"PRIVATE KEY") {
            let end = self.end(text, start).unwrap_or_else(|| body_end(text, start));
            return Some(Found::Secret(start..end, "a private key"));
        }
        if says(b"CERTIFICATE") || says(b"PUBLIC KEY") {
            // Without its end, what follows is looked at like anything else.
            return self.end(text, start).map(Found::Public);
        }
        None
    }

    /// Behind the line `-----END …-----` after `start`.
    fn end(&mut self, text: &str, start: usize) -> Option<usize> {
        if self.no_end_after.is_some_and(|from| start >= from) {
            return None;
        }
        let bytes = text.as_bytes();
        let is_end = |at: &usize| bytes[..*at].ends_with(b"-----") || bytes[..*at].ends_with(b"---- ");
        let Some(end) = text[start..].match_indices("END ").map(|(at, _)| start + at).find(is_end) else {
            self.no_end_after = Some(start);
            return None;
        };
        let label = end + "END ".len();
        let limit = (label + 64).min(bytes.len());
        let mut at = label;
        while at < limit && !matches!(bytes[at], b'-' | b'\n' | b'\r') {
            at += 1;
        }
        while at < limit && bytes[at] == b'-' {
            at += 1;
        }
        Some(text.ceil_char_boundary(at))
    }
}

/// Where a block that was cut ends: behind the last line that can belong to it.
fn body_end(text: &str, start: usize) -> usize {
    let mut lines = text[start..].split_inclusive('\n');
    let mut end = start + lines.next().map_or(0, |line| line.trim_end().len());
    let mut at = start + text[start..].split_inclusive('\n').next().map_or(0, str::len);
    for line in lines {
        let body = line.trim_matches(|c: char| c.is_whitespace() || c == '#');
        let header = body.starts_with("Proc-Type:") || body.starts_with("DEK-Info:") || body.starts_with("Comment:");
        if !header && !body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)) {
            break;
        }
        end = at + line.trim_end().len();
        at += line.len();
    }
    end
}
