//! One reader per kind of value; each says what is wrong in words of its own.

use std::{env, net::SocketAddr, path::PathBuf};

use gatepass_egress::{Allowed, AllowedError};
use mcp_oauth_client::{ClientAuthMethod, ClientId, Issuer, Scopes, Secret, ServerUrl, UrlPolicy};
use url::Url;

use super::{
    ClientMetadata, Database, EgressMode, PreregisteredClient, PresetServer,
    file::{ClientEntry, IssuerEntry, ServerEntry},
};

pub(super) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let text = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    text.parse().map_err(|_| {
        format!("“{text}” is not an address and port such as 127.0.0.1:4283 or 0.0.0.0:8080")
    })
}

pub(super) fn database(text: &str) -> Result<Database, String> {
    let text = text.trim();
    let scheme = text.split(':').next().unwrap_or_default();
    match scheme {
        "postgres" | "postgresql" if text.contains("://") => {
            Ok(Database::Postgres(Secret::new(text)))
        }
        "sqlite" => match text.trim_start_matches("sqlite:").trim_start_matches("//") {
            "" => {
                Err("a SQLite URL needs a path, such as sqlite:///var/lib/gatepass.sqlite".into())
            }
            path => Ok(Database::Sqlite(PathBuf::from(path))),
        },
        // The value may hold a password, so it is not repeated.
        _ => Err("the database URL must start with postgres:// or sqlite:".to_owned()),
    }
}

pub(super) fn allowed(text: &str) -> Result<Allowed, String> {
    text.trim()
        .parse()
        .map_err(|error: AllowedError| error.to_string())
}

pub(super) fn egress_mode(text: &str) -> Result<EgressMode, String> {
    match text.trim() {
        "public" => Ok(EgressMode::Public),
        "loopback" => Ok(EgressMode::Loopback),
        _ => Err(format!("“{text}” is neither `public` nor `loopback`")),
    }
}

pub(super) fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim())
        .map_err(|_| format!("“{text}” is not a URL such as https://api.openai.com/v1"))?;
    match url.scheme() {
        "http" | "https" if url.host_str().is_some() => Ok(url),
        other => Err(format!("“{other}:” is not http or https")),
    }
}

/// A client identifier URL needs https and a path (Client ID Metadata Document §3).
pub(super) fn client_metadata(text: &str) -> Result<ClientMetadata, String> {
    let text = text.trim();
    if text == "off" {
        return Ok(ClientMetadata::Off);
    }
    let url = Url::parse(text).map_err(|_| format!("“{text}” is not a URL"))?;
    let usable = url.scheme() == "https"
        && url.path() != "/"
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !usable || url.as_str() != text {
        return Err(format!(
            "“{text}” cannot be a client id: it must be an https URL with a path, written in its \
             normal form, without fragment or user name"
        ));
    }
    Ok(ClientMetadata::At(url))
}

pub(super) fn server(entry: &ServerEntry, policy: UrlPolicy) -> Result<PresetServer, String> {
    if entry.name.trim().is_empty() {
        return Err("a server needs a name".to_owned());
    }
    let url = ServerUrl::parse(&entry.url, policy)
        .map_err(|error| format!("server “{}”: {error}", entry.name))?;
    for (name, value) in &entry.headers {
        let valid = http::HeaderName::from_bytes(name.as_bytes()).is_ok()
            && http::HeaderValue::from_str(value).is_ok();
        if !valid {
            return Err(format!(
                "server “{}”: “{name}” is not a header that can be sent",
                entry.name
            ));
        }
    }
    Ok(PresetServer {
        name: entry.name.trim().to_owned(),
        url,
        description: entry.description.clone(),
        headers: entry
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), Secret::new(value.as_str())))
            .collect(),
    })
}

pub(super) fn client(
    entry: &ClientEntry,
    policy: UrlPolicy,
) -> Result<PreregisteredClient, String> {
    let issuer = Issuer::parse(&entry.issuer, policy).map_err(|error| error.to_string())?;
    let client_id =
        ClientId::new(&entry.client_id).map_err(|error| format!("client of {issuer}: {error}"))?;
    let secret = match (&entry.client_secret, &entry.client_secret_env) {
        (Some(_), Some(_)) => {
            return Err(format!(
                "client of {issuer}: give client_secret or client_secret_env, not both"
            ));
        }
        (Some(secret), None) => Some(Secret::new(secret.trim())),
        (None, Some(name)) => match env::var(name) {
            Ok(secret) => Some(Secret::new(secret.trim())),
            Err(_) => {
                return Err(format!(
                    "client of {issuer}: the variable {name} is not set"
                ));
            }
        },
        (None, None) => None,
    };
    let client_secret = secret.filter(|secret| !secret.is_blank());
    let auth_method = match (&entry.auth_method, &client_secret) {
        (None, None) => ClientAuthMethod::None,
        (None, Some(_)) => ClientAuthMethod::ClientSecretBasic,
        (Some(name), secret) => {
            let method = ClientAuthMethod::from_name(name);
            let method = method.filter(|method| *method != ClientAuthMethod::PrivateKeyJwt);
            let method = method.ok_or_else(|| {
                format!(
                    "client of {issuer}: “{name}” is none of none, client_secret_basic, \
                     client_secret_post"
                )
            })?;
            if (method == ClientAuthMethod::None) == secret.is_some() {
                return Err(match secret {
                    Some(_) => format!("client of {issuer}: auth_method none takes no secret"),
                    None => format!("client of {issuer}: auth_method {name} needs a secret"),
                });
            }
            method
        }
    };
    let scopes = entry
        .scopes
        .as_ref()
        .map(|scopes| scopes.iter().map(String::as_str).collect::<Scopes>());
    Ok(PreregisteredClient {
        issuer,
        client_id,
        client_secret,
        auth_method,
        scopes,
    })
}

pub(super) fn exception(entry: &IssuerEntry, policy: UrlPolicy) -> Result<Option<Issuer>, String> {
    let issuer = Issuer::parse(&entry.issuer, policy).map_err(|error| error.to_string())?;
    Ok(entry.allow_missing_s256.then_some(issuer))
}
