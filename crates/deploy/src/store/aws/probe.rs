//! One small call that shows whether AWS can be reached and used, and what time it is there.

use std::sync::{Arc, Mutex};

use aws_sdk_secretsmanager::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_secretsmanager::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_secretsmanager::error::BoxError;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};

use super::AwsStore;
use crate::store::StoreError;

/// The result of a probe.
#[derive(Debug)]
pub struct StoreProbe {
    /// Whether the caller may list secrets; the first error if not.
    pub list: Result<(), StoreError>,
    /// How far this machine's clock is ahead of AWS's; None without a response that says it.
    pub clock_lead: Option<SignedDuration>,
}

/// Reads the `Date` of each response, also of an error.
#[derive(Debug, Clone, Default)]
struct DateReader(Arc<Mutex<Option<SignedDuration>>>);

impl Intercept for DateReader {
    fn name(&self) -> &'static str {
        "DateReader"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let (Some(lead), Ok(mut found)) = (date.and_then(lead_over), self.0.lock()) {
            *found = Some(lead);
        }
        Ok(())
    }
}

/// Returns how far this machine's clock is ahead of a `Date`.
fn lead_over(date: &str) -> Option<SignedDuration> {
    let theirs = DateTimeParser::new().parse_timestamp(date).ok()?;
    Some(Timestamp::now().duration_since(theirs))
}

impl AwsStore {
    /// Lists one secret.
    pub async fn probe(&self) -> StoreProbe {
        let reader = DateReader::default();
        let send = || {
            let request = self.client.list_secrets().max_results(1);
            request.customize().interceptor(reader.clone()).send()
        };
        let list = self.query("ListSecrets", None, send).await.map(drop);
        let clock_lead = reader.0.lock().map_or(None, |found| *found);
        StoreProbe { list, clock_lead }
    }
}
