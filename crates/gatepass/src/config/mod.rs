//! The effective configuration: flag, else environment, else file, else default.

mod describe;
mod error;
mod file;
mod public_url;
mod read;
mod settings;
mod value;

use std::{net::SocketAddr, path::PathBuf};

use gatepass_egress::Allowed;
use mcp_oauth_client::{ClientAuthMethod, ClientId, Issuer, Scopes, Secret, ServerUrl, UrlPolicy};
use url::Url;

pub use error::ConfigError;
pub use file::{Limits, ModelEntry};
pub use public_url::PublicUrl;
pub use settings::Settings;
pub use value::{Origin, Setting};

/// Which addresses may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EgressMode {
    /// Public addresses, https only.
    Public,
    /// Loopback targets over http as well.
    Loopback,
}

/// Where connections and conversations are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A SQLite file in the data folder.
    Sqlite(PathBuf),
    /// PostgreSQL; the URL holds a password.
    Postgres(Secret),
}

/// Whether and where our client metadata document (CIMD) is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMetadata {
    /// At our own public URL, if that is public https; else not at all.
    Own,
    /// Hosted elsewhere.
    At(Url),
    /// Never offered.
    Off,
}

/// A server that the operator offers to everyone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresetServer {
    /// Its name in the UI.
    pub name: String,
    /// Its MCP endpoint.
    pub url: ServerUrl,
    /// One line about it.
    pub description: Option<String>,
    /// Headers to send to it; never shown to the page.
    pub headers: Vec<(String, Secret)>,
}

/// A client that the operator registered by hand at one issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreregisteredClient {
    /// The issuer it belongs to, byte for byte.
    pub issuer: Issuer,
    /// The client id.
    pub client_id: ClientId,
    /// The secret of a confidential client.
    pub client_secret: Option<Secret>,
    /// How it authenticates at the token endpoint.
    pub auth_method: ClientAuthMethod,
    /// Scopes to ask for instead of those that the server names.
    pub scopes: Option<Scopes>,
}

/// The effective configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the server listens.
    pub listen: Setting<SocketAddr>,
    /// What people open; `None` until the port is known (see [`Config::public_url`]).
    pub public_url: Setting<Option<PublicUrl>>,
    /// Folder of the database and the key file.
    pub data_dir: Setting<PathBuf>,
    /// The file of the master keys.
    pub key_file: Setting<PathBuf>,
    /// Where things are kept.
    pub database: Setting<Database>,
    /// Whether client addresses come from `X-Forwarded-For`.
    pub behind_proxy: Setting<bool>,
    /// Whether the demo runs too.
    pub demo: Setting<bool>,
    /// The OpenAI-compatible endpoint.
    pub model_url: Setting<Option<Url>>,
    /// Its key.
    pub model_key: Setting<Option<Secret>>,
    /// Which addresses may be connected to.
    pub egress: Setting<EgressMode>,
    /// Hosts and CIDR blocks allowed besides.
    pub egress_allow: Setting<Vec<Allowed>>,
    /// A proxy for everything but this machine; then it decides what may be reached.
    pub egress_proxy: Setting<Option<Url>>,
    /// PEM files with certificate authorities to trust besides the system's.
    pub tls_ca: Setting<Vec<PathBuf>>,
    /// Whether and where our client metadata document is published.
    pub client_metadata: Setting<ClientMetadata>,
    /// The configuration file that was read.
    pub file: Option<PathBuf>,
    /// What to log.
    pub log: Setting<String>,
    /// Servers offered to everyone.
    pub servers: Vec<PresetServer>,
    /// Clients registered by hand.
    pub clients: Vec<PreregisteredClient>,
    /// Models to offer; empty for what the endpoint lists.
    pub models: Vec<ModelEntry>,
    /// Issuers that may leave S256 out of their metadata.
    pub issuers_without_s256: Vec<Issuer>,
    /// Rates, sizes and times.
    pub limits: Limits,
}

impl Config {
    /// Reads and checks every value.
    pub fn resolve(settings: Settings) -> Result<Self, ConfigError> {
        settings.resolve()
    }

    /// The public URL, given the address actually bound (its port may have been chosen by the
    /// system).
    pub fn public_url(&self, bound: SocketAddr) -> PublicUrl {
        match &self.public_url.value {
            Some(url) => url.clone(),
            None => PublicUrl::localhost(bound.port()),
        }
    }

    /// Whether only this machine reaches the installation: it listens on loopback and people open
    /// it by a loopback name.
    pub fn is_personal(&self) -> bool {
        let public_url = self.public_url.value.as_ref();
        self.listen.value.ip().is_loopback() && public_url.is_none_or(PublicUrl::is_loopback)
    }

    /// Which URLs may be used, as far as their text tells.
    pub fn url_policy(&self) -> UrlPolicy {
        let plain = self.egress_allow.value.is_empty();
        match self.egress.value {
            EgressMode::Public if plain && !self.demo.value => UrlPolicy::HttpsOnly,
            _ if plain => UrlPolicy::AllowLoopbackHttp,
            // The operator has listed hosts; the transport refuses http to any other.
            _ => UrlPolicy::DangerouslyAllowHttp,
        }
    }
}
