//! Which URLs from outside may be used at all.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::json::showable;

/// Which schemes and hosts an endpoint may have (OAuth 2.1 §1.5). This judges the URL's text; the
/// transport judges the address it resolves to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UrlPolicy {
    /// `https` only: what a server in production uses (OAuth 2.1 §1.5).
    #[default]
    HttpsOnly,
    /// `https`, and `http` for loopback hosts: development and personal installations.
    AllowLoopbackHttp,
    /// `https`, and `http` anywhere: only where the operator has put the host on an allow-list
    /// and the transport enforces it.
    DangerouslyAllowHttp,
}

/// Why a URL may not be used (OAuth 2.1 §1.5).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It does not parse as an absolute URL.
    #[error("“{0}” is not a URL")]
    NotAUrl(String),
    /// The scheme is neither `https` nor an allowed `http`.
    #[error("{0} does not use https")]
    NotHttps(String),
    /// A scheme that no server endpoint has, such as `javascript:` or `ftp:`.
    #[error("“{0}:” is not a web address; only https can be used")]
    Scheme(String),
    /// A user name or password is part of the URL.
    #[error("the URL carries a user name or password")]
    Userinfo,
    /// The URL has a fragment, which no endpoint has.
    #[error("the URL has a fragment (#…)")]
    Fragment,
    /// The URL is longer than 2,048 bytes.
    #[error("the URL is too long")]
    TooLong,
}

const LONGEST: usize = 2048;

impl UrlPolicy {
    /// Parses an endpoint URL from metadata (or typed by a user) and refuses what must not be
    /// used: other schemes than the policy allows, credentials, fragments.
    pub fn endpoint(self, text: &str) -> Result<Endpoint, UrlError> {
        if text.len() > LONGEST {
            return Err(UrlError::TooLong);
        }
        let url = Url::parse(text).map_err(|_| UrlError::NotAUrl(shorten(text)))?;
        match url.scheme() {
            "https" => {}
            "http" => {
                let allowed = match self {
                    Self::HttpsOnly => false,
                    Self::AllowLoopbackHttp => is_loopback(&url),
                    Self::DangerouslyAllowHttp => true,
                };
                if !allowed {
                    return Err(UrlError::NotHttps(shorten(text)));
                }
            }
            other => return Err(UrlError::Scheme(shorten(other))),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlError::Userinfo);
        }
        if url.fragment().is_some() {
            return Err(UrlError::Fragment);
        }
        Ok(Endpoint(url))
    }
}

/// Whether the URL's host is `localhost`, a name below it (RFC 6761 §6.3), or a loopback address.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A URL from outside, fit to show in a sentence.
pub(crate) fn shorten(text: &str) -> String {
    showable(text, 120)
}

/// A URL that a request may be sent to or a browser may be sent to (RFC 6749 §3): checked by
/// [`UrlPolicy`]. Stored ones are read back only if they could have passed the most permissive
/// policy.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint(Url);

impl TryFrom<String> for Endpoint {
    type Error = UrlError;

    fn try_from(text: String) -> Result<Self, UrlError> {
        UrlPolicy::DangerouslyAllowHttp.endpoint(&text)
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.0.into()
    }
}

impl Endpoint {
    /// The parsed URL.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The URL's text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URL with fields added to its query; those it has are kept (RFC 6749 §3.1), except
    /// ones of the same name.
    #[must_use]
    pub fn with_query(&self, fields: &[(&str, String)]) -> Self {
        let kept: Vec<(String, String)> = self
            .0
            .query_pairs()
            .filter(|(name, _)| fields.iter().all(|(own, _)| own != name))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let mut url = self.0.clone();
        url.query_pairs_mut()
            .clear()
            .extend_pairs(kept)
            .extend_pairs(fields);
        Self(url)
    }

    /// Host and, if it is not the default, port: what a person recognises.
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        match self.0.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}
