//! The proxy that requests go through.

use aws_smithy_http_client::proxy::ProxyConfig;

use crate::store::StoreError;

/// The proxy that the environment names for https, by the names that curl and the AWS CLI read.
///
/// HTTP_PROXY is not read: plain http goes to this machine (an emulator) or to the metadata service
/// of the instance or container, and a proxy's idea of either is another one's.
///
/// # Errors
/// [`StoreError::BadProxy`]: to go around a proxy that somebody asked for would be worse than to
/// stop.
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
    fn a_proxy_is_taken_from_the_environment_or_refused_without_showing_it() {
        let with = |name: &'static str, value: &'static str| {
            proxy(move |asked| (asked == name).then(|| value.to_owned()))
        };
        assert!(proxy(|_| None).unwrap().is_disabled());
        assert!(with("HTTPS_PROXY", "").unwrap().is_disabled());
        assert!(with("HTTP_PROXY", "http://proxy:3128").unwrap().is_disabled());
        assert!(!with("HTTPS_PROXY", "proxy.example.org:3128").unwrap().is_disabled());
        assert!(!with("all_proxy", "http://user:hunter2@proxy:3128").unwrap().is_disabled());
        let error = with("https_proxy", "socks5://user:hunter2@proxy").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}
