//! Authorization server identifiers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::url_policy::{UrlError, UrlPolicy, shorten};

/// An authorization server's issuer identifier (RFC 8414 §2), kept and compared byte for byte:
/// case, default ports and trailing slashes all count (RFC 9207 §2.4).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Issuer(String);

impl Issuer {
    /// Keeps an identifier exactly as published, after checking that metadata may be fetched from
    /// it: an absolute URL allowed by the policy, with no query and no fragment.
    pub fn parse(text: &str, policy: UrlPolicy) -> Result<Self, UrlError> {
        let endpoint = policy.endpoint(text)?;
        if endpoint.url().query().is_some() {
            return Err(UrlError::NotAUrl(shorten(text)));
        }
        Ok(Self(text.to_owned()))
    }

    /// The identifier's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host a person recognises; the whole identifier if it has none.
    pub fn host(&self) -> String {
        match url::Url::parse(&self.0) {
            Ok(url) => match (url.host_str(), url.port()) {
                (Some(host), Some(port)) => format!("{host}:{port}"),
                (Some(host), None) => host.to_owned(),
                (None, _) => self.0.clone(),
            },
            Err(_) => self.0.clone(),
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
