//! How we become a client of an authorization server: the ladder preregistered → metadata
//! document → dynamic (RFC 7591) → ask the user.

use bytes::Bytes;
use http::{
    HeaderValue, Method,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::{Map, Value, json};

use crate::{
    client::{ClientAuthMethod, ClientId, Registration, RegistrationKind},
    client_auth::uri,
    es256::Es256Key,
    json,
    metadata::AuthorizationServer,
    oauth_error::OAuthError,
    recovery::Recovery,
    report::Actor,
    scope::Scopes,
    secret::Secret,
    settings::Settings,
    time::Timestamp,
    transport::{Request, Response, TransportError},
    url_policy::is_loopback,
};

/// A client identity somebody gave us (RFC 6749 §2.2): the operator in the configuration, or the
/// user in a form.
#[derive(Clone, Debug)]
pub struct GivenClient {
    /// The client id; never blank, by its type.
    pub client_id: ClientId,
    /// The client secret, for a confidential client.
    pub client_secret: Option<Secret>,
    /// The key of a client that signs instead of sending a secret (`private_key_jwt`).
    pub client_key: Option<Es256Key>,
    /// How it authenticates; chosen from the metadata when not given.
    pub auth_method: Option<ClientAuthMethod>,
}

/// The rung of the ladder that applies to an authorization server (MCP, Client Registration
/// Approaches).
#[derive(Clone, Debug)]
pub enum Rung {
    /// This identity can be used as it is.
    Ready(Registration),
    /// Register dynamically, with [`request`], or use what was registered before.
    Dynamic,
    /// Nothing applies: a person must enter a client id.
    ClientRequired,
}

/// Climbs the ladder. `preregistered` is the operator's client for this issuer, if there is one;
/// it ends the climb, as a configured client must never be bypassed.
pub fn ladder(
    server: &AuthorizationServer,
    preregistered: Option<&GivenClient>,
    settings: &Settings,
) -> Rung {
    if let Some(client) = preregistered {
        return Rung::Ready(given(
            client,
            server,
            RegistrationKind::Preregistered,
            settings,
        ));
    }
    if let Some(registration) = metadata_document(server, settings) {
        return Rung::Ready(registration);
    }
    match server.registration_endpoint {
        Some(_) => Rung::Dynamic,
        None => Rung::ClientRequired,
    }
}

/// A registration of a client identity that was given to us; its method is one the server lists
/// (RFC 8414 §2).
pub fn given(
    client: &GivenClient,
    server: &AuthorizationServer,
    kind: RegistrationKind,
    settings: &Settings,
) -> Registration {
    let secret = client.client_secret.clone().filter(|s| !s.is_blank());
    let auth_method = match (&client.client_key, &secret, client.auth_method) {
        (Some(_), None, _) => ClientAuthMethod::PrivateKeyJwt,
        (Some(_), Some(_), None) => ClientAuthMethod::PrivateKeyJwt,
        (Some(_), _, Some(ClientAuthMethod::PrivateKeyJwt)) => ClientAuthMethod::PrivateKeyJwt,
        (_, None, _) => ClientAuthMethod::None,
        (
            _,
            Some(_),
            Some(
                method @ (ClientAuthMethod::ClientSecretBasic | ClientAuthMethod::ClientSecretPost),
            ),
        ) => method,
        (_, Some(_), _) => method_with_secret(server),
    };
    let signs = auth_method == ClientAuthMethod::PrivateKeyJwt;
    Registration {
        issuer: server.issuer.clone(),
        kind,
        client_id: client.client_id.clone(),
        client_secret: secret.filter(|_| auth_method != ClientAuthMethod::None && !signs),
        client_key: client.client_key.clone().filter(|_| signs),
        secret_expires_at: None,
        auth_method,
        redirect_uri: settings.redirect_uri.clone(),
    }
}

/// Our published document as identity (draft-ietf-oauth-client-id-metadata-document): only where
/// the server advertises it, does not exclude public clients, and our document has an address.
fn metadata_document(server: &AuthorizationServer, settings: &Settings) -> Option<Registration> {
    let url = settings.client_metadata_url.as_ref()?;
    if !may_be_client_id(url) {
        return None;
    }
    let public =
        server.token_auth_methods.is_none() || server.lists_auth_method(ClientAuthMethod::None);
    if !server.client_id_metadata_documents || !public {
        return None;
    }
    Some(Registration {
        issuer: server.issuer.clone(),
        kind: RegistrationKind::MetadataDocument,
        client_id: ClientId::new(url).ok()?,
        client_secret: None,
        client_key: None,
        secret_expires_at: None,
        auth_method: ClientAuthMethod::None,
        redirect_uri: settings.redirect_uri.clone(),
    })
}

/// Whether a URL may be a client id (Client ID Metadata Document §3): https with a path, and no
/// dot segments, fragment or credentials.
fn may_be_client_id(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else {
        return false;
    };
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    // A parser takes dot segments out, so what is left would be another text.
    url.scheme() == "https" && url.path() != "/" && plain && url.as_str() == text
}

/// The method for a client with a secret where nobody said which.
fn method_with_secret(server: &AuthorizationServer) -> ClientAuthMethod {
    let lists = |method| server.lists_auth_method(method);
    if !lists(ClientAuthMethod::ClientSecretBasic) && lists(ClientAuthMethod::ClientSecretPost) {
        ClientAuthMethod::ClientSecretPost
    } else {
        ClientAuthMethod::ClientSecretBasic
    }
}

/// Our client metadata (RFC 7591 §2), as registered and as published.
pub fn client_metadata(settings: &Settings) -> Map<String, Value> {
    let native = url::Url::parse(&settings.redirect_uri).is_ok_and(|url| is_loopback(&url));
    let mut metadata = Map::new();
    metadata.insert("client_name".into(), json!(settings.client_name));
    if let Some(uri) = &settings.client_uri {
        metadata.insert("client_uri".into(), json!(uri));
    }
    metadata.insert("redirect_uris".into(), json!([settings.redirect_uri]));
    metadata.insert(
        "grant_types".into(),
        json!(["authorization_code", "refresh_token"]),
    );
    metadata.insert("response_types".into(), json!(["code"]));
    metadata.insert(
        "application_type".into(),
        json!(if native { "native" } else { "web" }),
    );
    metadata
}

/// The document to publish at `url` (Client ID Metadata Document): `client_id` is the URL itself.
pub fn metadata_document_json(url: &str, settings: &Settings) -> Value {
    let mut document = Map::new();
    document.insert("client_id".into(), json!(url));
    document.extend(client_metadata(settings));
    document.insert("token_endpoint_auth_method".into(), json!("none"));
    Value::Object(document)
}

/// The registration request (RFC 7591 §3.1), if the server has an endpoint for it. The method
/// asked for is one the server lists, a public client wherever it may be.
pub fn request(
    server: &AuthorizationServer,
    scopes: &Scopes,
    settings: &Settings,
) -> Option<Request> {
    let endpoint = server.registration_endpoint.as_ref()?;
    let method = [
        ClientAuthMethod::None,
        ClientAuthMethod::ClientSecretBasic,
        ClientAuthMethod::ClientSecretPost,
    ]
    .into_iter()
    .find(|method| server.token_auth_methods.is_some() && server.lists_auth_method(*method))
    .unwrap_or(ClientAuthMethod::None);
    let mut metadata = client_metadata(settings);
    metadata.insert("token_endpoint_auth_method".into(), json!(method.as_str()));
    if !scopes.is_empty() {
        metadata.insert("scope".into(), json!(scopes.to_string()));
    }
    let mut request = Request::new(Bytes::from(Value::Object(metadata).to_string()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri(endpoint.url());
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(ACCEPT, json.clone());
    request.headers_mut().insert(CONTENT_TYPE, json);
    Some(request)
}

/// Why a registration failed (RFC 7591 §3.2.2).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// No usable answer came.
    #[error("this app could not be registered: {source}")]
    Transport {
        /// The registration endpoint's host.
        host: String,
        /// What went wrong.
        source: TransportError,
    },
    /// The server is in trouble or asks us to slow down.
    #[error("{host} cannot register clients right now (status {status})")]
    Unavailable {
        /// The registration endpoint's host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// How long to wait, if it said.
        after: Option<std::time::Duration>,
    },
    /// The server has no registration endpoint; nothing was sent.
    #[error("{host} does not register apps by itself: a client id must be entered")]
    NotOffered {
        /// The issuer's host.
        host: String,
    },
    /// The server wanted to send the request elsewhere.
    #[error("{host} wanted to redirect the registration; it was not followed")]
    Redirected {
        /// The registration endpoint's host.
        host: String,
    },
    /// The server refused to register us (RFC 7591 §3.2.2).
    #[error("{host} refused to register this app{}", refusal(*.status, .error.as_ref()))]
    Refused {
        /// The registration endpoint's host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What the server said.
        error: Option<OAuthError>,
    },
    /// The answer is no registration.
    #[error("the answer of {host} to the registration cannot be used: {what}")]
    NotUnderstood {
        /// The registration endpoint's host.
        host: String,
        /// What is wrong with it.
        what: String,
        /// Whether it may be a page in between, which goes away by itself.
        temporary: bool,
    },
}

/// What a refusal says, or at least its status.
fn refusal(status: u16, error: Option<&OAuthError>) -> String {
    match error {
        Some(error) => error.because(),
        None => format!(" (status {status})"),
    }
}

impl RegistrationError {
    /// What to do about it.
    pub fn recovery(&self) -> Recovery {
        match self {
            Self::Transport { source, .. } => crate::driver::transport_recovery(source),
            Self::Unavailable { after, .. } => Recovery::Retry { after: *after },
            // A refused registration leaves the way of a client id that somebody enters.
            Self::Refused { .. } | Self::NotOffered { .. } => {
                Recovery::Reconfigure { who: Actor::You }
            }
            Self::Redirected { .. } => Recovery::Refuse,
            Self::NotUnderstood {
                temporary: true, ..
            } => Recovery::Retry { after: None },
            Self::NotUnderstood { .. } => Recovery::Reconfigure { who: Actor::Vendor },
        }
    }
}

/// Reads the answer (RFC 7591 §3.2.1): only `client_id` is required, `null` and blank are absent,
/// unknown values do not matter, 200 is as good as 201. What the server says counts over what was
/// asked; a secret beside the method `none` is ignored.
pub fn process(
    server: &AuthorizationServer,
    response: &Response,
    settings: &Settings,
    now: Timestamp,
) -> Result<Registration, RegistrationError> {
    let host = server
        .registration_endpoint
        .as_ref()
        .map_or_else(|| server.issuer.host(), |endpoint| endpoint.host());
    let status = response.status();
    if status.is_server_error() || status.as_u16() == 429 {
        return Err(RegistrationError::Unavailable {
            host,
            status: status.as_u16(),
            after: crate::driver::retry_after(response.headers()),
        });
    }
    if status.is_redirection() {
        return Err(RegistrationError::Redirected { host });
    }
    let body = json::object(response.headers(), response.body());
    if !status.is_success() {
        return Err(RegistrationError::Refused {
            host,
            status: status.as_u16(),
            error: body.ok().as_ref().and_then(OAuthError::from_json),
        });
    }
    let not_understood = |what: String| RegistrationError::NotUnderstood {
        host: host.clone(),
        what,
        temporary: false,
    };
    let body = body.map_err(|error| RegistrationError::NotUnderstood {
        host: host.clone(),
        what: error.to_string(),
        temporary: error == json::NotAnObject::Html,
    })?;
    if let Some(error) = OAuthError::from_json(&body) {
        return Err(RegistrationError::Refused {
            host,
            status: status.as_u16(),
            error: Some(error),
        });
    }
    let client_id = json::text(&body, "client_id")
        .and_then(|id| ClientId::new(&id).ok())
        .ok_or_else(|| not_understood("it has no client_id".to_owned()))?;
    let secret = json::text(&body, "client_secret").map(Secret::new);
    let auth_method = match json::text(&body, "token_endpoint_auth_method") {
        Some(name) => match ClientAuthMethod::from_name(&name) {
            // We have published no key.
            Some(method) if method != ClientAuthMethod::PrivateKeyJwt => method,
            _ => {
                let name = json::showable(&name, 60);
                return Err(not_understood(format!(
                    "it wants the client to authenticate by “{name}”, which is not supported"
                )));
            }
        },
        None => unnamed_method(server, secret.is_some()),
    };
    let client_secret = secret.filter(|_| auth_method != ClientAuthMethod::None);
    if client_secret.is_none() && auth_method != ClientAuthMethod::None {
        return Err(not_understood(format!(
            "it asks for {} but gives no secret",
            auth_method.as_str()
        )));
    }
    let secret_expires_at = json::seconds(&body, "client_secret_expires_at")
        .filter(|_| client_secret.is_some())
        .and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1000))
        .map(Timestamp::from_millis)
        // A moment already past is a server that means something else by the member.
        .filter(|at| *at > now);
    Ok(Registration {
        issuer: server.issuer.clone(),
        kind: RegistrationKind::Dynamic,
        client_id,
        client_secret,
        client_key: None,
        secret_expires_at,
        auth_method,
        redirect_uri: settings.redirect_uri.clone(),
    })
}

/// The method where the answer names none: RFC 7591 §2 says `client_secret_basic`, unless the
/// metadata says that a secret is no use here.
fn unnamed_method(server: &AuthorizationServer, has_secret: bool) -> ClientAuthMethod {
    if !has_secret {
        return ClientAuthMethod::None;
    }
    let lists = |method| server.lists_auth_method(method);
    if lists(ClientAuthMethod::ClientSecretBasic) {
        ClientAuthMethod::ClientSecretBasic
    } else if lists(ClientAuthMethod::ClientSecretPost) {
        ClientAuthMethod::ClientSecretPost
    } else if lists(ClientAuthMethod::None) {
        ClientAuthMethod::None
    } else {
        ClientAuthMethod::ClientSecretBasic
    }
}
