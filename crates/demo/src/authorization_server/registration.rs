//! Clients: registered dynamically (RFC 7591), in advance, or by a metadata document whose URL is
//! their id.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use super::{
    error::{OAuthError, no_store},
    ledger::Client,
    metadata::altered,
};
use crate::{
    behaviour::{
        AuthMethod, ClientMetadataDocuments, PreregisteredClient, RegistrationPolicy, Secrets,
    },
    secrets,
    shared::{App, Shared},
};

const MAX_REDIRECT_URIS: usize = 10;
const MAX_NAME: usize = 200;

/// The members of a registration request that matter here; others are ignored (RFC 7591 §2).
#[derive(Debug, Deserialize)]
struct ClientMetadata {
    redirect_uris: Option<Vec<String>>,
    client_name: Option<String>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    application_type: Option<String>,
    scope: Option<String>,
}

pub(crate) async fn serve(State(app): State<App>, body: Bytes) -> Response {
    register(&app, &body).unwrap_or_else(IntoResponse::into_response)
}

fn register(app: &Shared, body: &[u8]) -> Result<Response, OAuthError> {
    let behaviour = app.behaviour();
    let settings = &behaviour.registration;
    match settings.policy {
        RegistrationPolicy::Off => return Ok(StatusCode::NOT_FOUND.into_response()),
        RegistrationPolicy::Refused => {
            return Err(OAuthError::new(
                "access_denied",
                "this server does not let clients register themselves",
            )
            .with_status(StatusCode::FORBIDDEN));
        }
        _ => {}
    }
    let metadata: ClientMetadata = serde_json::from_slice(body).map_err(|error| {
        invalid_metadata(format!(
            "the registration is not valid JSON metadata: {error}"
        ))
    })?;
    let redirect_uris = checked_redirect_uris(&metadata, &settings.policy)?;
    if metadata
        .response_types
        .as_ref()
        .is_some_and(|types| types != &["code"])
    {
        return Err(invalid_metadata("response_types may only be [\"code\"]"));
    }
    let grants = metadata
        .grant_types
        .clone()
        .unwrap_or_else(|| vec!["authorization_code".to_owned()]);
    if !grants.iter().any(|grant| grant == "authorization_code") {
        return Err(invalid_metadata(
            "grant_types must include authorization_code",
        ));
    }
    if metadata
        .client_name
        .as_ref()
        .is_some_and(|name| name.chars().count() > MAX_NAME)
    {
        return Err(invalid_metadata("client_name is too long"));
    }
    let asked = auth_method(metadata.token_endpoint_auth_method.as_deref())?;
    let method = match (asked, settings.secrets) {
        (AuthMethod::None, Secrets::Always) => AuthMethod::ClientSecretBasic,
        (method, _) => method,
    };
    let secret = (method != AuthMethod::None || settings.secrets == Secrets::EvenForNone)
        .then(|| app.fresh("gpd_secret_"));
    let now = app.now();
    let secret_expires_at = settings
        .secret_lifetime_seconds
        .map(|seconds| now.after(Duration::from_secs(seconds)));
    let client = Client {
        id: app.fresh("gpd_client_"),
        name: metadata.client_name.clone(),
        redirect_uris: redirect_uris.clone(),
        secret: secret
            .as_deref()
            .filter(|_| method != AuthMethod::None)
            .map(secrets::hash),
        secret_expires_at,
        auth_method: method,
        refresh_tokens: grants.iter().any(|grant| grant == "refresh_token"),
        application_type: metadata.application_type.clone(),
    };

    let mut answer = Map::new();
    let mut set = |name: &str, value: Value| answer.insert(name.to_owned(), value);
    set("client_id", json!(client.id));
    set("client_id_issued_at", json!(now.as_millis() / 1000));
    if let Some(secret) = secret {
        let expires = secret_expires_at.map_or(0, |at| at.as_millis() / 1000);
        set("client_secret", json!(secret));
        set("client_secret_expires_at", json!(expires));
    }
    if let Some(name) = &client.name {
        set("client_name", json!(name));
    }
    set("redirect_uris", json!(redirect_uris));
    set("grant_types", json!(grants));
    set("response_types", json!(["code"]));
    set("token_endpoint_auth_method", json!(method));
    if let Some(kind) = &client.application_type {
        set("application_type", json!(kind));
    }
    if let Some(scope) = &metadata.scope {
        set("scope", json!(scope));
    }
    let answer = altered(answer, &settings.omit, &settings.replace, 0);
    app.ledger().register(client);
    let status = StatusCode::from_u16(settings.status).unwrap_or(StatusCode::CREATED);
    let mut response = (status, Json(answer)).into_response();
    no_store(&mut response);
    Ok(response)
}

fn checked_redirect_uris(
    metadata: &ClientMetadata,
    policy: &RegistrationPolicy,
) -> Result<Vec<String>, OAuthError> {
    let uris = metadata.redirect_uris.clone().unwrap_or_default();
    if uris.is_empty() || uris.len() > MAX_REDIRECT_URIS {
        return Err(invalid_redirect(format!(
            "redirect_uris must have 1 to {MAX_REDIRECT_URIS} entries"
        )));
    }
    for uri in &uris {
        check_redirect_uri(uri, metadata.application_type.as_deref(), policy)?;
    }
    Ok(uris)
}

fn check_redirect_uri(
    text: &str,
    application_type: Option<&str>,
    policy: &RegistrationPolicy,
) -> Result<(), OAuthError> {
    let uri =
        Url::parse(text).map_err(|_| invalid_redirect("a redirect URI is not an absolute URI"))?;
    if uri.fragment().is_some() {
        return Err(invalid_redirect("a redirect URI must not have a fragment"));
    }
    let host = uri.host_str().unwrap_or_default();
    let loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    match uri.scheme() {
        "https" => {}
        "http" if loopback => {
            if application_type == Some("web") {
                return Err(invalid_redirect(
                    "http redirect URIs on loopback are for application_type native",
                ));
            }
        }
        // Private-use schemes are reversed domain names (RFC 8252 §7.1).
        scheme if scheme.contains('.') => {}
        _ => {
            return Err(invalid_redirect(
                "redirect URIs must be https, or http on loopback",
            ));
        }
    }
    match policy {
        RegistrationPolicy::LoopbackOnly if !loopback => Err(invalid_redirect(
            "only redirect URIs on loopback can be registered",
        )),
        RegistrationPolicy::RedirectHosts(hosts) if !hosts.iter().any(|known| known == host) => {
            Err(invalid_redirect(format!(
                "redirect URIs on {host} are not on this server's list"
            )))
        }
        _ => Ok(()),
    }
}

fn auth_method(name: Option<&str>) -> Result<AuthMethod, OAuthError> {
    match name {
        Some("none") => Ok(AuthMethod::None),
        // The default of RFC 7591 §2.
        None | Some("client_secret_basic") => Ok(AuthMethod::ClientSecretBasic),
        Some("client_secret_post") => Ok(AuthMethod::ClientSecretPost),
        Some(_) => Err(invalid_metadata(
            "token_endpoint_auth_method is not supported",
        )),
    }
}

fn invalid_metadata(description: impl Into<String>) -> OAuthError {
    OAuthError::new("invalid_client_metadata", description)
}

fn invalid_redirect(description: impl Into<String>) -> OAuthError {
    OAuthError::new("invalid_redirect_uri", description)
}

/// A client by its id, whichever way it became known.
pub(crate) fn find(app: &Shared, id: &str) -> Option<Client> {
    let behaviour = app.behaviour();
    let settings = &behaviour.registration;
    if let Some(known) = settings.preregistered.iter().find(|c| c.client_id == id) {
        return Some(preregistered(known));
    }
    if let ClientMetadataDocuments::Known(documents) = &settings.metadata_documents
        && let Some(document) = documents.get(id)
    {
        return from_document(id, document);
    }
    app.ledger().client(id).cloned()
}

fn preregistered(known: &PreregisteredClient) -> Client {
    Client {
        id: known.client_id.clone(),
        name: known.client_name.clone(),
        redirect_uris: known.redirect_uris.clone(),
        secret: known.client_secret.as_deref().map(secrets::hash),
        secret_expires_at: None,
        auth_method: known.auth_method,
        refresh_tokens: true,
        application_type: None,
    }
}

/// A client from its metadata document. The document must name its own URL, byte for byte, must
/// list redirect URIs, and cannot hold a shared secret.
fn from_document(id: &str, document: &Value) -> Option<Client> {
    let url = Url::parse(id).ok()?;
    let metadata = ClientMetadata::deserialize(document).ok()?;
    let proper = url.scheme() == "https" && url.path() != "/" && url.fragment().is_none();
    let own = document["client_id"].as_str() == Some(id);
    let public = matches!(
        metadata.token_endpoint_auth_method.as_deref(),
        None | Some("none")
    );
    let redirect_uris = metadata.redirect_uris.filter(|uris| !uris.is_empty())?;
    (proper && own && public).then(|| Client {
        id: id.to_owned(),
        name: metadata.client_name,
        redirect_uris,
        secret: None,
        secret_expires_at: None,
        auth_method: AuthMethod::None,
        refresh_tokens: metadata
            .grant_types
            .is_none_or(|grants| grants.iter().any(|grant| grant == "refresh_token")),
        application_type: metadata.application_type,
    })
}
