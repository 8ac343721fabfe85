//! Our client identity at one authorization server (RFC 6749 §2, RFC 7591), and how it proves
//! itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    es256::Es256Key, issuer::Issuer, recovery::Recovery, report::Actor, secret::Secret,
    time::Timestamp,
};

/// A client identifier (RFC 6749 §2.2). Never empty or blank: those are no client id at all.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

/// An empty or blank client id was given, which is none (RFC 6749 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client id is empty")]
pub struct BlankClientId;

impl ClientId {
    /// Takes a client id, without the white space that pasting adds around it.
    pub fn new(text: &str) -> Result<Self, BlankClientId> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BlankClientId);
        }
        Ok(Self(text.to_owned()))
    }

    /// The identifier's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ClientId {
    type Error = BlankClientId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a client authenticates at the token and revocation endpoints (RFC 6749 §2.3, RFC 7591 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMethod {
    /// A public client: `client_id` in the body, no secret.
    None,
    /// HTTP Basic with form-encoded id and secret.
    ClientSecretBasic,
    /// Id and secret in the body.
    ClientSecretPost,
    /// An assertion signed with the client's key (RFC 7523 §2.2).
    PrivateKeyJwt,
}

impl ClientAuthMethod {
    /// The registered name (RFC 7591 §4.2; IANA OAuth Token Endpoint Authentication Methods).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// The method of a registered name that we can do.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "client_secret_basic" => Some(Self::ClientSecretBasic),
            "client_secret_post" => Some(Self::ClientSecretPost),
            "private_key_jwt" => Some(Self::PrivateKeyJwt),
            _ => None,
        }
    }
}

/// Where a client identity comes from (MCP, Client Registration Approaches).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegistrationKind {
    /// The operator's configuration, by issuer.
    Preregistered,
    /// Our published document (Client ID Metadata Document).
    MetadataDocument,
    /// Dynamic client registration (RFC 7591).
    Dynamic,
    /// Typed in by the user.
    Manual,
}

impl RegistrationKind {
    /// What to do when the authorization server does not know the client (`invalid_client`,
    /// RFC 6749 §5.2): only a client of our own making can be made again.
    pub(crate) fn recovery_if_unknown(self) -> Recovery {
        match self {
            Self::Dynamic => Recovery::Reregister,
            Self::Manual => Recovery::Reconfigure { who: Actor::You },
            Self::Preregistered | Self::MetadataDocument => {
                Recovery::Reconfigure { who: Actor::Admin }
            }
        }
    }
}

/// Our client identity at one issuer, for one redirect URI (RFC 7591 §3.2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The issuer it belongs to; it is never used at another.
    pub issuer: Issuer,
    /// Where it comes from.
    pub kind: RegistrationKind,
    /// The client id.
    pub client_id: ClientId,
    /// The client secret of a confidential client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// The key of a client that signs instead of sending a secret (RFC 7523 §2.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<Es256Key>,
    /// When the secret stops working (RFC 7591 §3.2.1); `None` for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_expires_at: Option<Timestamp>,
    /// How it authenticates.
    pub auth_method: ClientAuthMethod,
    /// The one redirect URI it is used with.
    pub redirect_uri: String,
}

impl Registration {
    /// Whether the client secret has stopped working at `now` (RFC 7591 §3.2.1).
    pub fn secret_expired(&self, now: Timestamp) -> bool {
        self.secret_expires_at.is_some_and(|at| at <= now)
    }
}
