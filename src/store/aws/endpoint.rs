//! Which addresses requests may go to, and through which proxy.

use std::net::IpAddr;

use aws_smithy_http_client::proxy::ProxyConfig;

use crate::store::StoreError;

/// Checks an endpoint that somebody set: https, or http to this machine.
///
/// Requests carry a session token, so plain http is for emulators only. The grammar is far narrower than a URL's:
/// what the HTTP client could read as another host than this check does is not in it.
///
/// # Errors
/// [`StoreError::PlainHttp`] and [`StoreError::BadEndpoint`].
pub(super) fn check(endpoint: &str) -> Result<(), StoreError> {
    // What stands before an @ may be a password, so none of it is shown.
    let shown = (!endpoint.contains('@')).then(|| endpoint.escape_debug().to_string());
    let bad = |reason: &str| StoreError::BadEndpoint { endpoint: shown.clone(), reason: reason.to_owned() };
    let (scheme, rest) = endpoint.split_once("://").ok_or_else(|| bad("it does not begin with https://"))?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(bad("credentials do not belong in it"));
    }
    if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte)) {
        return Err(bad("its path has a character that cannot stand there"));
    }
    let loopback = loopback(authority).ok_or_else(|| bad("its host or port cannot be read"))?;
    match scheme {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        "http" => Err(StoreError::PlainHttp { endpoint: endpoint.to_owned() }),
        _ => Err(bad("it does not begin with https://")),
    }
}

/// Whether `host`, `host:port`, `[address]` or `[address]:port` is this machine; None where it is none of these.
fn loopback(authority: &str) -> Option<bool> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let address: IpAddr = IpAddr::V6(address.parse().ok()?);
            (address.is_loopback(), port)
        }
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
            if host.is_empty() || !host.bytes().all(label) {
                return None;
            }
            let address = host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
            (address || host.eq_ignore_ascii_case("localhost"), port)
        }
    };
    match port.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok().then_some(host),
        None => port.is_empty().then_some(host),
    }
}

/// The proxy that the environment names for https, by the names that curl and the AWS CLI read.
///
/// HTTP_PROXY is not read: plain http goes to this machine (an emulator) or to the metadata service of the instance
/// or container, and a proxy's idea of either is another one's.
///
/// # Errors
/// [`StoreError::BadProxy`]: to go around a proxy that somebody asked for would be worse than to stop.
pub(super) fn proxy(variable: impl Fn(&str) -> Option<String>) -> Result<ProxyConfig, StoreError> {
    let set = |name: &'static str| variable(name).filter(|value| !value.is_empty());
    let found = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
        .into_iter()
        .find_map(|name| set(name).map(|value| (name, value)));
    let Some((variable, address)) = found else {
        return Ok(ProxyConfig::disabled());
    };
    let address = if address.contains("://") { address } else { format!("http://{address}") };
    let proxy = ProxyConfig::https(address).map_err(|_| StoreError::BadProxy { variable })?;
    Ok(match set("no_proxy").or_else(|| set("NO_PROXY")) {
        Some(exempt) => proxy.no_proxy(exempt),
        None => proxy,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
            assert!(check(good).is_ok(), "{good}");
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
            assert!(matches!(check(plain), Err(StoreError::PlainHttp { .. })), "{plain}");
        }
    }

    #[test]
    fn an_endpoint_that_two_parsers_could_read_differently_is_refused() {
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
            "http://localhost:5000:5000",
            "http://localhost:",
            "http://[::1",
            "http://[127.0.0.1]",
            "http://[::1%25lo]",
            "http://local host",
            "https://exämple.org",
            "https://host/a\nb",
        ] {
            assert!(matches!(check(bad), Err(StoreError::BadEndpoint { .. })), "{bad}");
        }
    }

    #[test]
    fn a_credential_in_an_endpoint_is_never_shown() {
        for leaky in ["https://AKIA:hunter2@localhost", "http:///AKIA:hunter2@localhost", "AKIA:hunter2@localhost"] {
            let error = check(leaky).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_proxy_is_taken_from_the_environment_or_refused_without_showing_it() {
        let with =
            |name: &'static str, value: &'static str| proxy(move |asked| (asked == name).then(|| value.to_owned()));
        assert!(proxy(|_| None).unwrap().is_disabled());
        assert!(with("HTTPS_PROXY", "").unwrap().is_disabled());
        assert!(with("HTTP_PROXY", "http://proxy:3128").unwrap().is_disabled());
        assert!(!with("HTTPS_PROXY", "proxy.example.org:3128").unwrap().is_disabled());
        assert!(!with("all_proxy", "http://user:hunter2@proxy:3128").unwrap().is_disabled());
        let error = with("https_proxy", "socks5://user:hunter2@proxy").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}
