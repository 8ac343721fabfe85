//! Who we are and what we accept.

use std::collections::BTreeSet;

use crate::{issuer::Issuer, url_policy::UrlPolicy};

/// How far to go for servers of the 2025-03-26 revision, which publish no protected resource
/// metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Legacy {
    /// Not at all.
    Off,
    /// The server's origin is tried as issuer; it must publish metadata.
    #[default]
    Metadata,
    /// As `Metadata`, and without any metadata the default endpoints `/authorize`, `/token` and
    /// `/register` are assumed. PKCE support cannot be verified there.
    AssumeEndpoints,
}

/// Who we are as a client (RFC 7591 §2), and which servers we accept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name shown on consent pages.
    pub client_name: String,
    /// Our home page, for consent pages.
    pub client_uri: Option<String>,
    /// The exact redirect URI of every flow.
    pub redirect_uri: String,
    /// Where our Client ID Metadata Document is published, if it can be fetched from outside.
    pub client_metadata_url: Option<String>,
    /// Which endpoint URLs are accepted.
    pub url_policy: UrlPolicy,
    /// Issuers that the operator has listed as supporting S256 without saying so.
    pub s256_exceptions: BTreeSet<Issuer>,
    /// How far to go for 2025-03-26 servers.
    pub legacy: Legacy,
}

impl Settings {
    /// Settings of a client with a name and a redirect URI: https only, no exceptions.
    pub fn new(client_name: impl Into<String>, redirect_uri: impl Into<String>) -> Self {
        Self {
            client_name: client_name.into(),
            client_uri: None,
            redirect_uri: redirect_uri.into(),
            client_metadata_url: None,
            url_policy: UrlPolicy::HttpsOnly,
            s256_exceptions: BTreeSet::new(),
            legacy: Legacy::default(),
        }
    }
}
