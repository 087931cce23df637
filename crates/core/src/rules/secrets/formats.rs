//! Values in known formats: tokens with a prefix, JSON Web Tokens, PEM keys.

use std::ops::Range;
use std::sync::LazyLock;

use super::entropy::{has_variety, is_random_body};
use super::gitleaks::TOKENS;

/// The format of a token: its prefix, its body and its description.
pub(super) struct Format {
    prefix: &'static str,
    /// The ASCII characters allowed in the body, as a bit set.
    alphabet: u128,
    /// The minimum and maximum length of the body; 0 for no limit.
    shortest: usize,
    longest: usize,
    what: &'static str,
}

/// Creates a format with at least `shortest` base64url characters, or `/`.
///
/// The minimum is below the real length, since pasted tokens can be truncated.
const fn format(prefix: &'static str, shortest: usize, what: &'static str) -> Format {
    let alphabet =
        if prefix.as_bytes()[prefix.len() - 1] == b'/' { "0-9A-Z_a-z/-" } else { "0-9A-Z_a-z-" };
    token(prefix, alphabet, shortest, 0, what)
}

/// Creates a format; `alphabet` is a character class of a regular expression.
pub(super) const fn token(
    prefix: &'static str,
    alphabet: &'static str,
    shortest: usize,
    longest: usize,
    what: &'static str,
) -> Format {
    let text = alphabet.as_bytes();
    let (mut bits, mut at) = (0, 0);
    while at < text.len() {
        let is_range = at + 2 < text.len() && text[at + 1] == b'-';
        let (first, last) = (text[at], if is_range { text[at + 2] } else { text[at] });
        let mut byte = first;
        while byte <= last {
            bits |= 1 << byte;
            byte += 1;
        }
        at += if is_range { 3 } else { 1 };
    }
    Format { prefix, alphabet: bits, shortest, longest, what }
}

const SLACK: &str = "a Slack token";
const WEBHOOK: &str = "a webhook URL, which is a credential by itself";
const VAULT: &str = "a HashiCorp Vault token";
const DOCKER: &str = "a Docker token";
const ATLASSIAN: &str = "an Atlassian token";
const SONAR: &str = "a SonarQube token";
const BUILDKITE: &str = "a Buildkite token";
const POSTHOG: &str = "a PostHog key";
const RAZORPAY: &str = "a Razorpay key";

/// Formats that [`gitleaks::TOKENS`] lacks, as documented by their issuers.
///
/// Lengths are lower bounds.
const FORMATS: [Format; 75] = [
    // GitLab, "Token overview", token prefixes
    format("glrtr-", 20, "a GitLab token"),
    format("glwt-", 20, "a GitLab token"),
    // Slack, "Token types": xoxs and xoxc are tokens of browsers
    format("xoxb-", 10, SLACK),
    format("xoxp-", 10, SLACK),
    format("xoxs-", 10, SLACK),
    format("xoxe-", 10, SLACK),
    format("xapp-", 10, SLACK),
    format("xoxc-", 10, SLACK),
    format("xoxd-", 10, SLACK),
    format("xoxe.xox", 10, SLACK),
    format("xoxr-", 10, SLACK),
    format("xoxa-", 10, SLACK),
    // Slack "Incoming webhooks", Discord "Webhook resource", Microsoft Teams
    format("hooks.slack.com/services/", 20, WEBHOOK),
    format("hooks.slack.com/workflows/", 20, WEBHOOK),
    format("hooks.slack.com/triggers/", 20, WEBHOOK),
    format("discord.com/api/webhooks/", 20, WEBHOOK),
    format("discordapp.com/api/webhooks/", 20, WEBHOOK),
    format("webhook.office.com/webhookb2/", 20, WEBHOOK),
    // Stripe, "Webhooks"
    format("whsec_", 24, "a webhook's signing secret"),
    // Google OAuth 2.0 client secrets and access tokens
    format("GOCSPX-", 20, "a Google OAuth client secret"),
    format("ya29.", 20, "a Google OAuth access token"),
    // Package registries
    format("pypi-", 32, "a PyPI token"),
    format("CFPAT-", 32, "a Contentful token"),
    // OpenAI (sk-, sk-proj-, sk-svcacct-), Anthropic (sk-ant-), and others with the same format
    format("sk-", 20, "an API key of the form `sk-…`"),
    format("gsk_", 32, "a Groq API key"),
    format("hf_", 30, "a Hugging Face token"),
    format("pplx-", 32, "a Perplexity API key"),
    format("xai-", 32, "an xAI API key"),
    format("nvapi-", 32, "an NVIDIA API key"),
    format("lsv2_pt_", 32, "a LangSmith API key"),
    format("r8_", 32, "a Replicate API token"),
    // Clouds and services
    format("SG.", 20, "a SendGrid API key"),
    // Vault's root tokens are this short
    format("hvs.", 24, VAULT),
    format("hvr.", 24, VAULT),
    format("dckr_pat_", 20, DOCKER),
    format("dckr_oat_", 20, DOCKER),
    format("ATATT3", 40, ATLASSIAN),
    format("ATCTT3", 40, ATLASSIAN),
    format("BBDC-", 32, "a Bitbucket token"),
    format("sqp_", 32, SONAR),
    format("squ_", 32, SONAR),
    format("sqa_", 32, SONAR),
    format("sq0csp-", 32, "a Square application secret"),
    format("NRAK-", 24, "a New Relic API key"),
    format("sntrys_", 40, "a Sentry organization token"),
    format("figd_", 32, "a Figma token"),
    format("nfp_", 32, "a Netlify token"),
    format("sbp_", 32, "a Supabase token"),
    format("tskey-", 24, "a Tailscale key"),
    format("CCIPAT_", 32, "a CircleCI token"),
    format("bkua_", 32, BUILDKITE),
    format("bkaj_", 32, BUILDKITE),
    format("phx_", 32, POSTHOG),
    format("phs_", 32, POSTHOG),
    format("tfp_", 32, "a Typeform token"),
    format("rnd_", 24, "a Render API key"),
    format("rzp_live_", 14, RAZORPAY),
    format("rzp_test_", 14, RAZORPAY),
    // The key of age's plug-ins (age, "Plugins")
    format("AGE-PLUGIN-", 24, "an age private key"),
    // OpenShift's OAuth tokens
    format("sha256~", 40, "an OpenShift token"),
    format("secret_", 40, "a Notion API token"),
    // A UUID follows
    format("sdk-", 36, "a LaunchDarkly SDK key"),
    format("access-production-", 36, "a Plaid access token"),
    format("access-sandbox-", 36, "a Plaid access token"),
    format("pat-na1-", 36, "a HubSpot token"),
    format("pat-eu1-", 36, "a HubSpot token"),
    format("sk-lf-", 36, "a Langfuse secret key"),
    format("pcsk_", 32, "a Pinecone API key"),
    format("PMAK-", 24, "a Postman API key"),
    format("amzn.mws.", 36, "an Amazon MWS token"),
    // Make, "Webhooks"; IFTTT, "Webhooks"
    format("hook.eu1.make.com/", 20, WEBHOOK),
    format("hook.eu2.make.com/", 20, WEBHOOK),
    format("hook.us1.make.com/", 20, WEBHOOK),
    format("hook.us2.make.com/", 20, WEBHOOK),
    format("with/key/", 20, WEBHOOK),
];

/// Hash set of the first three bytes of all formats.
///
/// One lookup rules out nearly every word of a manifest.
const STARTS: [bool; 2048] = {
    let mut starts = [false; 2048];
    let mut row = 0;
    while row < FORMATS.len() + TOKENS.len() {
        let format = if row < FORMATS.len() { &FORMATS[row] } else { &TOKENS[row - FORMATS.len()] };
        let prefix = format.prefix.as_bytes();
        starts[slot(prefix[0], prefix[1], prefix[2])] = true;
        row += 1;
    }
    starts[slot(b'e', b'y', b'J')] = true;
    starts[slot(b'A', b'K', b'I')] = true;
    starts[slot(b'A', b'S', b'I')] = true;
    starts[slot(b'A', b'B', b'I')] = true;
    starts[slot(b'A', b'C', b'C')] = true;
    starts[slot(b'-', b'-', b'-')] = true;
    starts[slot(b'A', b'N', b'S')] = true;
    starts
};

const fn slot(first: u8, second: u8, third: u8) -> usize {
    (first as usize ^ ((second as usize) << 3) ^ ((third as usize) << 6)) & 2047
}

/// The number of bytes read of a body: a limit, so that the time stays linear.
const LOOK_AHEAD: usize = 128;

/// A token that begins at a byte of the text.
pub(super) enum TokenMatch {
    Secret(Range<usize>, &'static str),
    /// An AWS access key ID. Its secret key may be nearby.
    AwsKeyId(Range<usize>),
    /// A certificate or a public key: random, but public.
    Public(usize),
}

/// Results of earlier searches in the same text.
#[derive(Default)]
pub(super) struct FormatCache {
    /// No JSON Web Token begins before this byte.
    no_web_token_before: usize,
    /// There is no `-----END` at or after this byte.
    no_end_after: Option<usize>,
}

/// Returns whether a known format may begin with these bytes.
#[inline]
pub(super) fn may_start(text: &[u8]) -> bool {
    matches!(text, [first, second, third, ..] if STARTS[slot(*first, *second, *third)])
}

/// All formats, grouped by the first byte of their prefix.
static BY_FIRST_BYTE: LazyLock<[Vec<&Format>; 256]> = LazyLock::new(|| {
    let mut formats = [const { Vec::new() }; 256];
    for format in FORMATS.iter().chain(&TOKENS) {
        if let Some(first) = format.prefix.bytes().next() {
            formats[usize::from(first)].push(format);
        }
    }
    formats
});

/// Returns the token at `start`, the beginning of a word.
pub(super) fn at(text: &str, start: usize, format_cache: &mut FormatCache) -> Option<TokenMatch> {
    let rest = &text.as_bytes()[start..];
    match rest {
        [b'-', ..] => return format_cache.block(text, start),
        [b'e', b'y', b'J', ..] => return format_cache.web_token(rest, start),
        [b'A', b'K' | b'S' | b'B', b'I', b'A', ..] | [b'A', b'C', b'C', b'A', ..] => {
            return aws_key_id(rest, start);
        }
        _ => {}
    }
    if let Some(length) = ansible_vault(rest) {
        return Some(TokenMatch::Public(start + length));
    }
    let formats = BY_FIRST_BYTE.get(usize::from(*rest.first()?))?;
    let found = formats.iter().find_map(|format| format.at(rest));
    found.or_else(|| Some((zapier_hook(rest)?, WEBHOOK))).map(|(length, what)| {
        let end = start + length;
        TokenMatch::Secret(start..end, what)
    })
}

/// Returns the length of a Zapier webhook: an account number and a short key.
///
/// The key is too short to look random.
fn zapier_hook(rest: &[u8]) -> Option<usize> {
    let prefix = b"hooks.zapier.com/hooks/catch/".len();
    let body = rest.strip_prefix(b"hooks.zapier.com/hooks/catch/")?;
    let account = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let key = body[account..].strip_prefix(b"/")?;
    let length = key.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let is_key = account > 0 && length >= 6 && has_variety(&body[..account + 1 + length]);
    (is_key && key[..length].iter().any(u8::is_ascii_lowercase))
        .then_some(prefix + account + 1 + length)
}

/// Returns the length of a text encrypted by Ansible Vault.
///
/// It is a header and lines of 80 hexadecimal digits; the last line may be shorter. In quoted text,
/// `\n` separates them. See Ansible, "Format of files encrypted with Ansible Vault".
fn ansible_vault(rest: &[u8]) -> Option<usize> {
    const LINE: usize = 80;
    let header = rest.strip_prefix(b"ANSIBLE_VAULT;")?;
    let mut at = rest.len() - header.len();
    at += header
        .iter()
        .take(128)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b".;_-".contains(byte))
        .count();
    loop {
        let gap = rest[at..]
            .iter()
            .take(LINE)
            .take_while(|byte| byte.is_ascii_whitespace() || **byte == b'#')
            .count();
        let slashes = rest[at + gap..].iter().take(4).take_while(|byte| **byte == b'\\').count();
        let escape = if slashes > 0 && rest.get(at + gap + slashes) == Some(&b'n') {
            slashes + 1
        } else {
            0
        };
        let next = at + gap + escape;
        let length =
            rest[next..].iter().take(LINE + 1).take_while(|byte| byte.is_ascii_hexdigit()).count();
        let ends = rest.get(next + length).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        if next == at || length == 0 || length > LINE || !ends {
            return Some(at);
        }
        at = next + length;
        if length < LINE {
            return Some(at);
        }
    }
}

impl Format {
    /// Returns length and description of the token at the start of `text`, if any.
    fn at(&self, text: &[u8]) -> Option<(usize, &'static str)> {
        let body = text.strip_prefix(self.prefix.as_bytes())?;
        let belongs = |byte: u8| byte.is_ascii() && self.alphabet >> byte & 1 == 1;
        let length =
            |limit: usize| body.iter().take(limit).take_while(|&&byte| belongs(byte)).count();
        let seen = length(LOOK_AHEAD.max(self.longest + 1));
        // Words may follow a token after a dot.
        let is_random = |length: usize| is_random_body(&body[..length.min(seen).min(LOOK_AHEAD)]);
        if seen < self.shortest || (seen > 0 && !is_random(seen) && !is_random(self.shortest)) {
            return None;
        }
        // Many words and digests begin with such letters and digits: check the length.
        if self.longest > 0
            && seen > self.longest
            && self.prefix.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return None;
        }
        // Tokens of SendGrid, Vault, GitLab and Google continue after a dot.
        let rest =
            body.iter().take_while(|&&byte| is_base64url(byte) || b"./+=".contains(&byte)).count();
        Some((self.prefix.len() + rest.max(length(usize::MAX)), self.what))
    }
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Returns an AWS access key ID: a prefix with 16 capitals and digits.
///
/// The prefixes are `AKIA`, `ASIA` (temporary), `ABIA` and `ACCA` (services); see AWS, "IAM
/// identifiers". Keys of the AWS documentation, which end in EXAMPLE, are reported too: an
/// exception could be used to bypass the rule.
fn aws_key_id(rest: &[u8], start: usize) -> Option<TokenMatch> {
    let body = rest.get(4..20)?;
    let ends = rest.get(20).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let fits = body.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (ends && fits && has_variety(body)).then_some(TokenMatch::AwsKeyId(start..start + 20))
}

impl FormatCache {
    /// Returns a JSON Web Token: base64url of `{"`, a dot, and the next part.
    ///
    /// See RFC 7515, section 7.1. The signature is empty if `alg` is none; JWE (RFC 7516) has five
    /// parts.
    fn web_token(&mut self, rest: &[u8], start: usize) -> Option<TokenMatch> {
        if start < self.no_web_token_before {
            return None;
        }
        let part = |text: &[u8], limit: usize| {
            text.iter().take(limit).take_while(|&&byte| is_base64url(byte)).count()
        };
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
        Some(TokenMatch::Secret(start..start + end, "a JSON Web Token"))
    }

    /// Returns a block of PEM (RFC 7468), OpenSSH, PGP or SSH2.
    ///
    /// See RFC 9580 for PGP, and RFC 4716 for SSH2, which has four hyphens.
    fn block(&mut self, text: &str, start: usize) -> Option<TokenMatch> {
        let rest = &text.as_bytes()[start..];
        let label =
            rest.strip_prefix(b"-----BEGIN ").or_else(|| rest.strip_prefix(b"---- BEGIN "))?;
        let length = label.iter().take(64).position(|&byte| byte == b'-' || byte == b'\n')?;
        let label = &label[..length];
        let says = |word: &[u8]| label.windows(word.len()).any(|window| window == word);
        if says(b"PRIVATE KEY") {
            // `-----BEGIN PRIVATE KEY----- (never paste it here)`
            let body =
                rest[..rest.len().min(128)].rsplit(|byte| *byte == b'-').next().unwrap_or_default();
            if body.trim_ascii().starts_with(b"(")
                || body.trim_ascii().starts_with(b"<")
                || body.trim_ascii().starts_with(b"[")
            {
                return None;
            }
            let end = self.end(text, start).unwrap_or_else(|| body_end(text, start));
            return Some(TokenMatch::Secret(start..end, "a private key"));
        }
        // RFC 7468, OpenSSH, OpenSSL, RFC 9580
        const PUBLIC: [&[u8]; 9] = [
            b"CERTIFICATE",
            b"PUBLIC KEY",
            b"X509 CRL",
            b"PKCS7",
            b"CMS",
            b"PARAMETERS",
            b"SIGNATURE",
            b"PGP MESSAGE",
            b"AGE ENCRYPTED FILE",
        ];
        if PUBLIC.into_iter().any(says) {
            // Without an end, the text after it is searched as usual.
            return self.end(text, start).map(TokenMatch::Public);
        }
        None
    }

    /// Returns the end of the line `-----END …-----` after `start`.
    fn end(&mut self, text: &str, start: usize) -> Option<usize> {
        if self.no_end_after.is_some_and(|from| start >= from) {
            return None;
        }
        let bytes = text.as_bytes();
        let is_end =
            |at: &usize| bytes[..*at].ends_with(b"-----") || bytes[..*at].ends_with(b"---- ");
        let Some(end) = text[start..].match_indices("END ").map(|(at, _)| start + at).find(is_end)
        else {
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

/// Returns the end of a truncated block: after the last line that can belong to it.
fn body_end(text: &str, start: usize) -> usize {
    let mut lines = text[start..].split_inclusive('\n');
    let mut end = start + lines.next().map_or(0, |line| line.trim_end().len());
    let mut at = start + text[start..].split_inclusive('\n').next().map_or(0, str::len);
    for line in lines {
        let body = line.trim_matches(|c: char| c.is_whitespace() || c == '#');
        let header = body.starts_with("Proc-Type:")
            || body.starts_with("DEK-Info:")
            || body.starts_with("Comment:");
        if !header
            && !body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        {
            break;
        }
        end = at + line.trim_end().len();
        at += line.len();
    }
    end
}
