//! Endpoints for signed requests, and the host names of AWS Secrets Manager.
//!
//! A repository may name Secrets Manager's own hosts and this machine. Everything else below AWS's
//! domains can be rented (a bucket, a load balancer, a function's URL), so a suffix alone proves
//! nothing.

use std::net::IpAddr;

/// The URL of an endpoint.
///
/// Its grammar is far narrower than that of a URL: it excludes every host that an HTTP client could
/// read differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint<'url> {
    is_encrypted: bool,
    host: &'url str,
    port: Option<u16>,
    path: &'url str,
    is_loopback: bool,
}

/// Why an endpoint is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it means")]
pub enum EndpointError {
    #[error("{0}")]
    Malformed(&'static str),
    #[error("it would send requests without encryption")]
    Unencrypted,
    /// `region` is None if the configuration leaves it to the environment.
    #[error("{}", foreign(region.as_deref()))]
    Foreign { region: Option<String> },
}

/// AWS's partitions.
///
/// Each has a prefix of its region names, DNS suffixes for IPv4 and dual stack, and its name in
/// ARNs.
///
/// From `partitions.json` of botocore 1.44.5. The first matching prefix decides; a region that
/// matches none is in the partition `aws`, as in AWS's own SDKs.
const PARTITIONS: [(&str, &str, &str, &str); 8] = [
    ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn", "aws-cn"),
    ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu", "aws-eusc"),
    ("us-iso-", "c2s.ic.gov", "api.aws.ic.gov", "aws-iso"),
    ("us-isob-", "sc2s.sgov.gov", "api.aws.scloud", "aws-iso-b"),
    ("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", "aws-iso-e"),
    ("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov", "aws-iso-f"),
    ("us-gov-", "amazonaws.com", "api.aws", "aws-us-gov"),
    ("", "amazonaws.com", "api.aws", "aws"),
];

/// The service's names in its host names, without and with FIPS 140.
const SERVICES: [&str; 2] = ["secretsmanager", "secretsmanager-fips"];

/// The maximum length of a label of a host name (RFC 1035, 2.3.4).
const LABEL_LENGTH: usize = 63;

impl<'url> Endpoint<'url> {
    /// # Errors
    /// [`EndpointError::Malformed`]
    pub fn parse(url: &'url str) -> Result<Self, EndpointError> {
        let bad = EndpointError::Malformed;
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| bad("it does not begin with https://"))?;
        let is_encrypted = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(bad("it does not begin with https://")),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(bad("it must not contain credentials"));
        }
        if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte)) {
            return Err(bad("its path contains a character that is not allowed"));
        }
        let (host, port, is_loopback) =
            parse_authority(authority).ok_or_else(|| bad("its host or port is malformed"))?;
        Ok(Self { is_encrypted, host, port, path, is_loopback })
    }

    /// Checks an endpoint set by the user: it must be this machine or use TLS.
    ///
    /// Requests carry a session token, so plain http is for emulators only.
    ///
    /// # Errors
    /// [`EndpointError::Unencrypted`]
    pub fn check_encrypted(&self) -> Result<(), EndpointError> {
        if self.is_encrypted || self.is_loopback { Ok(()) } else { Err(EndpointError::Unencrypted) }
    }

    /// Checks an endpoint from a repository.
    ///
    /// It must be a host of Secrets Manager, or this machine.
    ///
    /// Without `region`, the region in the host name counts.
    ///
    /// # Errors
    /// [`EndpointError::Foreign`] and [`EndpointError::Unencrypted`]
    pub fn check_repository_endpoint(&self, region: Option<&str>) -> Result<(), EndpointError> {
        self.check_encrypted()?;
        let is_plain = matches!(self.port, None | Some(443)) && matches!(self.path, "" | "/");
        let region_of_host = || self.host.split('.').find(|label| is_region(label));
        let is_own = is_plain
            && region
                .or_else(region_of_host)
                .is_some_and(|region| is_allowed_host(self.host, region));
        if self.is_loopback || is_own {
            Ok(())
        } else {
            Err(EndpointError::Foreign { region: region.map(str::to_owned) })
        }
    }
}

/// Returns the hosts that a repository may name for a region, for a message.
#[must_use]
pub fn allowed_hosts(region: Option<&str>) -> String {
    let region = region.filter(|region| is_region(region)).unwrap_or("us-east-1");
    let (suffix, dual_stack) = suffixes_of(region);
    format!(
        "https://secretsmanager.{region}.{suffix} (also `secretsmanager-fips`, and `{dual_stack}` \
         for dual stack), https://vpce-<id>.secretsmanager.{region}.vpce.{suffix}"
    )
}

/// Returns the URL of STS in a region.
#[must_use]
pub fn sts_url(region: &str) -> String {
    let (suffix, _) = suffixes_of(region);
    format!("https://sts.{region}.{suffix}")
}

/// Returns whether `text` has the form of an AWS region.
///
/// The form is two or three words and a number.
///
/// For example `eu-west-2` or `us-gov-east-1`. The region becomes a part of the host name that
/// receives signed requests.
#[must_use]
pub fn is_region(text: &str) -> bool {
    let labels: Vec<&str> = text.split('-').collect();
    let Some((number, words)) = labels.split_last() else { return false };
    let is_word = |word: &&str| {
        (2..=12).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    let is_number =
        (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number && (2..=3).contains(&words.len()) && words.iter().all(is_word)
}

fn is_allowed_host(host: &str, region: &str) -> bool {
    if !is_region(region) {
        return false;
    }
    let (suffix, dual_stack) = suffixes_of(region);
    let is_of_service = SERVICES.iter().any(|service| {
        [suffix, dual_stack].iter().any(|suffix| host == format!("{service}.{region}.{suffix}"))
    });
    // An interface endpoint of AWS PrivateLink, regional or zonal. An endpoint of a rented service
    // has the label `vpce-svc-…` in place of the service's name.
    let vpc_endpoint =
        host.strip_suffix(format!(".secretsmanager.{region}.vpce.{suffix}").as_str());
    is_of_service || vpc_endpoint.is_some_and(is_vpc_endpoint)
}

/// Matches `vpce-0123456789abcdef0-abcdefgh`, optionally followed by a zone.
fn is_vpc_endpoint(label: &str) -> bool {
    let id = label.strip_prefix("vpce-").unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !id.is_empty()
        && label.len() <= LABEL_LENGTH
        && id.bytes().all(allowed)
        && !id.starts_with('-')
        && !id.ends_with('-')
}

/// Returns the suffixes of a region's partition: for IPv4, and for dual stack.
fn suffixes_of(region: &str) -> (&'static str, &'static str) {
    let (_, suffix, dual_stack, _) = partition_row(region);
    (suffix, dual_stack)
}

fn partition_row(
    region: &str,
) -> &'static (&'static str, &'static str, &'static str, &'static str) {
    let partition = PARTITIONS.iter().find(|(prefix, ..)| region.starts_with(prefix));
    partition.unwrap_or(&PARTITIONS[PARTITIONS.len() - 1])
}

/// Returns the name of a region's partition in ARNs, such as `aws-cn`.
#[must_use]
pub fn partition_of(region: &str) -> &'static str {
    partition_row(region).3
}

/// Returns the suffix of a region's host names, such as `amazonaws.com.cn`.
#[must_use]
pub fn dns_suffix_of(region: &str) -> &'static str {
    partition_row(region).1
}

/// Returns host, port, and whether the host is this machine.
///
/// Accepts `host`, `host:port`, `[address]` and `[address]:port`; None for anything else.
fn parse_authority(authority: &str) -> Option<(&str, Option<u16>, bool)> {
    let (host, is_loopback, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let parsed: IpAddr = IpAddr::V6(address.parse().ok()?);
            (address, parsed.is_loopback(), port)
        }
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
            if host.is_empty() || !host.bytes().all(allowed) {
                return None;
            }
            let is_address = host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
            (host, is_address || host.eq_ignore_ascii_case("localhost"), port)
        }
    };
    let port = match port.strip_prefix(':') {
        // `parse` alone accepts a sign.
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().ok()?)
        }
        None if port.is_empty() => None,
        _ => return None,
    };
    Some((host, port, is_loopback))
}

fn foreign(region: Option<&str>) -> String {
    let place = region.map(|region| format!(" in `{region}`")).unwrap_or_default();
    format!("it is neither a host of AWS Secrets Manager{place} nor this machine")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of_the_user(url: &str) -> Result<(), EndpointError> {
        Endpoint::parse(url)?.check_encrypted()
    }

    fn of_a_repository(url: &str, region: &str) -> Result<(), EndpointError> {
        Endpoint::parse(url)?
            .check_repository_endpoint(Some(region).filter(|region| !region.is_empty()))
    }

    #[test]
    fn plain_http_reaches_this_machine_only() {
        for good in [
            "http://localhost",
            "http://LOCALHOST:4566/",
            "http://127.0.0.1:5000",
            "http://127.9.9.9",
            "http://[::1]:5000/moto",
            "https://vpce-0a1b.secretsmanager.eu-west-2.vpce.amazonaws.com",
            "https://[2001:db8::1]:8443/a-b",
        ] {
            assert_eq!(of_the_user(good), Ok(()), "{good}");
        }
        for plain in [
            "http://secretsmanager.us-east-1.amazonaws.com",
            "http://localhost.example.org",
            "http://127.0.0.1.example.org",
            "http://10.0.0.1:5000",
            "http://0.0.0.0:5000",
            "http://0x7f.0.0.1",
            "http://127.1",
            "http://[::ffff:127.0.0.1]",
            "http://[::2]",
        ] {
            assert_eq!(of_the_user(plain), Err(EndpointError::Unencrypted), "{plain}");
            assert_eq!(
                of_a_repository(plain, "us-east-1"),
                Err(EndpointError::Unencrypted),
                "{plain}"
            );
        }
    }

    #[test]
    fn an_endpoint_that_two_parsers_could_read_differently_is_rejected() {
        for bad in [
            "",
            "localhost:5000",
            "ftp://localhost",
            "HTTP://localhost",
            "http:///path",
            "http://localhost\\@example.org",
            "http://localhost#@example.org",
            "http://localhost?.example.org",
            "http://example.org%2f@localhost",
            "http://localhost:99999",
            "http://localhost:+80",
            "http://localhost:5000:5000",
            "http://localhost:",
            "http://[::1",
            "http://[127.0.0.1]",
            "http://[::1%25lo]",
            "http://local host",
            "https://exämple.org",
            "https://host/a\nb",
            " https://localhost",
            "https://localhost ",
        ] {
            assert!(matches!(of_the_user(bad), Err(EndpointError::Malformed(_))), "{bad}");
            assert!(matches!(of_a_repository(bad, ""), Err(EndpointError::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn a_repository_may_name_the_hosts_of_secrets_manager_in_its_region_and_this_machine() {
        for (good, region) in [
            ("https://secretsmanager.us-east-1.amazonaws.com", "us-east-1"),
            ("https://secretsmanager.us-east-1.amazonaws.com/", "us-east-1"),
            ("https://secretsmanager.us-east-1.amazonaws.com:443", "us-east-1"),
            ("https://secretsmanager-fips.us-east-1.amazonaws.com", "us-east-1"),
            ("https://secretsmanager.us-east-1.api.aws", "us-east-1"),
            ("https://secretsmanager-fips.us-east-1.api.aws", "us-east-1"),
            ("https://secretsmanager.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
            ("https://secretsmanager-fips.us-gov-west-1.api.aws", "us-gov-west-1"),
            ("https://secretsmanager.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("https://secretsmanager.cn-north-1.api.amazonwebservices.com.cn", "cn-north-1"),
            ("https://secretsmanager.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
            ("https://secretsmanager.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
            ("https://secretsmanager.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"),
            ("https://secretsmanager.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1"),
            ("https://secretsmanager.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1"),
            (
                "https://vpce-0123456789abcdef0-abcdefgh\
                 .secretsmanager.eu-west-2.vpce.amazonaws.com",
                "eu-west-2",
            ),
            (
                "https://vpce-0123456789abcdef0-abcdefgh-eu-west-2a\
                 .secretsmanager.eu-west-2.vpce.amazonaws.com",
                "",
            ),
            ("https://vpce-1a2b.secretsmanager.cn-north-1.vpce.amazonaws.com.cn", "cn-north-1"),
            ("https://secretsmanager.ap-southeast-7.amazonaws.com", ""),
            ("http://127.0.0.1:5000", "us-east-1"),
            ("http://localhost:4566/aws", ""),
            ("https://[::1]:8443", "us-east-1"),
        ] {
            assert_eq!(of_a_repository(good, region), Ok(()), "{good} in {region:?}");
        }
    }

    #[test]
    fn a_host_that_anyone_can_rent_or_of_another_region_is_foreign() {
        for foreign in [
            "https://secrets.example.com",
            "https://secretsmanager.us-east-1.amazonaws.com.example.com",
            "https://evil-secretsmanager.us-east-1.amazonaws.com",
            "https://evil.secretsmanager.us-east-1.amazonaws.com",
            "https://secretsmanager.us-east-1.amazonaws.com.",
            "https://SECRETSMANAGER.us-east-1.amazonaws.com",
            "https://secretsmanager.us-east-1.amazonaws.com:8443",
            "https://secretsmanager.us-east-1.amazonaws.com:0",
            "https://secretsmanager.us-east-1.amazonaws.com/x",
            "https://secretsmanager.us-east-1.amazonaws.com//",
            "https://secretsmanager.eu-west-2.amazonaws.com",
            "https://secretsmanager.us-east-1.amazonaws.com.cn",
            "https://secretsmanager.us-east-1.c2s.ic.gov",
            "https://secretsmanager.us-east-1.api.amazonwebservices.com.cn",
            "https://secretsmanager.amazonaws.com",
            "https://secretsmanager.s3.amazonaws.com",
            "https://secretsmanager.s3-us-east-1.amazonaws.com",
            "https://secretsmanager.s3.us-east-1.amazonaws.com",
            "https://s3.us-east-1.amazonaws.com",
            "https://sts.us-east-1.amazonaws.com",
            "https://a1b2c3.execute-api.us-east-1.amazonaws.com",
            "https://secretsmanager-1.us-east-1.elb.amazonaws.com",
            "https://a1b2c3.lambda-url.us-east-1.on.aws",
            "https://vpce-0a1b.vpce-svc-0c2d.us-east-1.vpce.amazonaws.com",
            "https://vpce-0a1b.execute-api.us-east-1.vpce.amazonaws.com",
            "https://vpce-0a1b.secretsmanager.us-east-1.vpce.amazonaws.com.cn",
            "https://vpce-0a1b.secretsmanager.us-east-1.amazonaws.com",
            "https://vpce-.secretsmanager.us-east-1.vpce.amazonaws.com",
            "https://vpce-a.b.secretsmanager.us-east-1.vpce.amazonaws.com",
            "https://evil.vpce-0a1b.secretsmanager.us-east-1.vpce.amazonaws.com",
            "https://secretsmanager.us-east-1.vpce.amazonaws.com",
            "https://localhost.example.com",
            "https://127.0.0.1.example.com",
            "https://10.0.0.1",
            "https://169.254.169.254",
            "https://[::ffff:127.0.0.1]",
            "https://xn--secretsmanager-9za.us-east-1.amazonaws.com",
        ] {
            assert!(
                matches!(of_a_repository(foreign, "us-east-1"), Err(EndpointError::Foreign { .. })),
                "{foreign}"
            );
        }
        for foreign in [
            "https://secretsmanager.amazonaws.com",
            "https://secretsmanager.s3.amazonaws.com",
            "https://eu-west-2.s3.us-east-1.amazonaws.com",
            "https://secretsmanager.us-east-1.amazonaws.com.us-east-1.example.com",
        ] {
            assert!(
                matches!(of_a_repository(foreign, ""), Err(EndpointError::Foreign { .. })),
                "{foreign}"
            );
        }
    }

    #[test]
    fn a_region_is_two_or_three_words_and_a_number() {
        for region in [
            "us-east-1",
            "ap-southeast-3",
            "us-gov-west-1",
            "eusc-de-east-1",
            "mx-central-1",
            "us-isob-east-1",
        ] {
            assert!(is_region(region), "{region}");
        }
        for other in [
            "",
            "us-east",
            "us-east-1.example.com",
            "us-east-1/",
            "US-EAST-1",
            "us--east-1",
            "s3",
            "s3-us-east-1",
            "s3-1",
            "us-east-1a",
            "us-east-+1",
            "us-east-123",
            "-us-east-1",
            "us-east-1 ",
            "us-east-١",
            "a-b-1",
            "us.east-1",
            "us-east-1@x",
            "s3-website-us-east-1",
            "us-east-1-",
            "one-two-three-four-1",
        ] {
            assert!(!is_region(other), "{other}");
        }
    }
}
