//! The proxy for requests.

use aws_smithy_http_client::proxy::ProxyConfig;

use crate::store::StoreError;

/// Returns the proxy for https from the environment.
///
/// The variables are those of curl and the AWS CLI. HTTP_PROXY is ignored: plain http goes to an
/// emulator on this machine or to the metadata service of the instance or container, and a proxy
/// would reach other ones.
///
/// # Errors
/// [`StoreError::BadProxy`], because bypassing a configured proxy would be worse than stopping.
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
    fn a_proxy_comes_from_the_environment_or_is_rejected_without_showing_it() {
        let with = |name: &'static str, value: &'static str| {
            proxy(move |variable| (variable == name).then(|| value.to_owned()))
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
