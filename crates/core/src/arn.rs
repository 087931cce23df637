//! Amazon Resource Names in manifests and configuration files.
//!
//! Sources: AWS General Reference, "Amazon Resource Names"; IAM, "IAM identifiers".

/// The maximum length of a role's or user's name, in characters (IAM quotas).
const NAME_LENGTH: usize = 64;

/// The maximum length of an ARN's path, both slashes included (IAM quotas).
const PATH_LENGTH: usize = 512;

/// Checks the ARN of a principal that a resource policy can admit.
///
/// A principal is a role, a user, or an account's root, which admits every identity that the
/// account itself allows.
///
/// # Errors
/// A sentence that says why `text` is rejected.
pub fn check_principal(text: &str) -> Result<(), String> {
    const FORM: &str = "give the ARN of a role, a user or an account's root: \
                        arn:aws:iam::123456789012:role/payments";
    if text.contains(['*', '?']) {
        return Err("a wildcard admits every identity: name each principal".to_owned());
    }
    let arn = Arn::parse(text).ok_or(FORM)?;
    if arn.service == "sts" {
        return Err(
            "this is a role's session: name the role itself, arn:aws:iam::<account>:role/<name>"
                .to_owned(),
        );
    }
    if arn.service != "iam" || !arn.region.is_empty() {
        return Err(FORM.to_owned());
    }
    match arn.resource.split_once('/') {
        None if arn.resource == "root" => Ok(()),
        Some(("role" | "user", name)) => check_name(name),
        Some(("group", _)) => {
            Err("a group cannot be a principal: name its users, or a role that they assume"
                .to_owned())
        }
        _ => Err(FORM.to_owned()),
    }
}

/// Checks the ARN of a role that can be assumed.
///
/// # Errors
/// A sentence that says why `text` is rejected.
pub fn check_role(text: &str) -> Result<(), String> {
    let arn = Arn::parse(text).filter(|arn| arn.service == "iam" && arn.region.is_empty());
    match arn.and_then(|arn| arn.resource.strip_prefix("role/")) {
        Some(name) => check_name(name),
        None => Err("a role reads like arn:aws:iam::123456789012:role/goldenpath-apply".to_owned()),
    }
}

/// Returns the account of an ARN, or None if `text` is not one.
#[must_use]
pub fn account(text: &str) -> Option<&str> {
    Some(Arn::parse(text)?.account)
}

/// Checks the ARN of a Lambda function.
///
/// # Errors
/// A sentence that says why `text` is rejected.
pub fn check_function(text: &str) -> Result<(), String> {
    let arn = Arn::parse(text).filter(|arn| arn.service == "lambda" && !arn.region.is_empty());
    let name = arn.and_then(|arn| arn.resource.strip_prefix("function:"));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:$".contains(&byte);
    match name {
        Some(name) if !name.is_empty() && name.bytes().all(allowed) => Ok(()),
        _ => Err(
            "a function reads like arn:aws:lambda:eu-west-2:123456789012:function:rotate-database"
                .to_owned(),
        ),
    }
}

struct Arn<'text> {
    service: &'text str,
    region: &'text str,
    account: &'text str,
    resource: &'text str,
}

impl<'text> Arn<'text> {
    /// Parses `text`; None if it is not an ARN.
    ///
    /// An ARN has six parts, one of AWS's partitions and a 12-digit account.
    fn parse(text: &'text str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [scheme, partition, service, region, account, resource] = parts[..] else {
            return None;
        };
        let in_small =
            |text: &str| text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let good = scheme == "arn"
            && partition.starts_with("aws")
            && in_small(partition)
            && in_small(region);
        (good && is_account).then_some(Self { service, region, account, resource })
    }
}

/// Checks a name with its path.
fn check_name(text: &str) -> Result<(), String> {
    let name = text.rsplit('/').next().unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte);
    if text.split('/').any(str::is_empty) {
        return Err("a part of its name is empty".to_owned());
    }
    if let Some(character) = text.chars().find(|c| !c.is_ascii() || !allowed(*c as u8)) {
        return Err(format!(
            "`{}` is not allowed in the name of a role or user",
            character.escape_debug()
        ));
    }
    if name.len() > NAME_LENGTH || text.len() - name.len() > PATH_LENGTH {
        return Err(format!(
            "its name has {} characters, the maximum is {NAME_LENGTH}",
            name.len()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_roles_users_and_roots() {
        for good in [
            "arn:aws:iam::123456789012:root",
            "arn:aws:iam::123456789012:role/payments",
            "arn:aws-us-gov:iam::123456789012:role/a/path/x+=,.@-_y",
            "arn:aws-cn:iam::123456789012:user/Ann",
        ] {
            assert_eq!(check_principal(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "*",
            "123456789012",
            "arn:aws:iam::12345678901:root",
            "arn:aws:iam:eu-west-2:123456789012:root",
            "arn:aws:iam::123456789012:roots",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role//x",
            "arn:aws:iam::123456789012:role/*",
            "arn:aws:iam::123456789012:role/ü",
            "arn:aws:iam::123456789012:group/admins",
            "arn:aws:sts::123456789012:assumed-role/x/y",
            "arn:aws:s3::123456789012:role/x",
            "ARN:aws:iam::123456789012:root",
            "arn:aws:iam::123456789012:role/payments ",
            &format!("arn:aws:iam::123456789012:role/{}", "x".repeat(65)),
        ] {
            assert!(check_principal(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn roles_and_functions_are_distinguished_from_other_resources() {
        assert!(check_role("arn:aws:iam::123456789012:role/ci/goldenpath-apply").is_ok());
        assert!(check_role("arn:aws:iam::123456789012:user/ann").is_err());
        assert!(
            check_function("arn:aws:lambda:eu-west-2:123456789012:function:rotate:live").is_ok()
        );
        assert!(check_function("arn:aws:lambda::123456789012:function:rotate").is_err());
        assert!(check_function("rotate").is_err());
    }
}
