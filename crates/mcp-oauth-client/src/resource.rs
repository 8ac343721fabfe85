//! MCP server URLs and RFC 8707 resource identifiers.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::url_policy::{Endpoint, UrlError, UrlPolicy};

/// The URL of an MCP server as requests are sent to it: absolute, no fragment, no credentials.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerUrl(Endpoint);

impl ServerUrl {
    /// Reads a server URL under a policy. Surrounding white space is ignored and a fragment is
    /// dropped, since neither is ever sent.
    pub fn parse(text: &str, policy: UrlPolicy) -> Result<Self, UrlError> {
        let text = text.trim();
        let text = text.split('#').next().unwrap_or(text);
        policy.endpoint(text).map(Self)
    }

    /// The parsed URL.
    pub fn url(&self) -> &Url {
        self.0.url()
    }

    /// The URL's text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Host and non-default port, for people.
    pub fn host(&self) -> String {
        self.0.host()
    }

    /// Scheme, host and port, without a trailing slash: the issuer that 2025-03-26 servers imply.
    pub fn origin(&self) -> String {
        self.0.url().origin().ascii_serialization()
    }

    /// The identifier to use where a server publishes none: the URL, without the slash that a
    /// URL parser adds to a bare origin (MCP authorization, Canonical Server URI).
    pub fn canonical_resource(&self) -> ResourceId {
        let text = self.as_str();
        let bare = self.url().path() == "/" && self.url().query().is_none();
        let text = if bare {
            text.trim_end_matches('/')
        } else {
            text
        };
        ResourceId(text.to_owned())
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An RFC 8707 resource identifier, kept byte for byte as published.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceId(String);

impl ResourceId {
    /// Keeps an identifier exactly as published.
    pub fn verbatim(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The identifier's bytes as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a token for this resource may be asked for, and sent, when talking to `server`:
    /// the identifier is the server's URL, or has its origin and a path that is a prefix of the
    /// server's path at a segment boundary; a query must be the same or absent (RFC 9728 §3.3 as
    /// MCP servers in the field need it). Never another origin.
    pub fn covers(&self, server: &ServerUrl) -> bool {
        if self.0 == server.as_str() {
            return true;
        }
        let Ok(own) = Url::parse(&self.0) else {
            return false;
        };
        let same_origin = own.origin().is_tuple() && own.origin() == server.url().origin();
        let plain = own.username().is_empty() && own.password().is_none();
        if !same_origin || !plain || own.fragment().is_some() {
            return false;
        }
        if own.query().is_some() && own.query() != server.url().query() {
            return false;
        }
        let prefix = own.path().trim_end_matches('/');
        match server.url().path().strip_prefix(prefix) {
            Some(rest) => rest.is_empty() || rest.starts_with('/'),
            None => false,
        }
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
