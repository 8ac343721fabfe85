//! Authorization server metadata (RFC 8414 §2, RFC 9207 §3).

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, Uri};
use serde_json::{Map, Value, json};

use crate::{
    behaviour::{
        ClientMetadataDocuments, Iss, MetadataLocation, RefreshTokens, RegistrationPolicy,
    },
    shared::{App, Shared},
};

/// The scopes there are, and what they mean on the consent page.
pub(crate) const SCOPES: [(&str, &str); 4] = [
    (
        "tools",
        "Use the calculator, clock, unit and counting tools",
    ),
    ("notes:read", "Read and search your notes"),
    ("notes:write", "Create notes in your name"),
    ("offline_access", "Stay connected while you are away"),
];

/// The scopes the metadata lists.
pub(crate) fn supported_scopes(app: &Shared) -> Vec<&'static str> {
    let offline = app.behaviour().metadata.offline_access;
    SCOPES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| offline || *name != "offline_access")
        .collect()
}

/// Serves the document wherever the behaviour puts it; 404 elsewhere.
pub(crate) async fn serve(State(app): State<App>, uri: Uri) -> Response {
    let behaviour = app.behaviour();
    let path = behaviour.metadata.issuer_path.trim_end_matches('/');
    let here = behaviour.metadata.locations.iter().any(|location| {
        uri.path()
            == match location {
                MetadataLocation::OauthInserted => {
                    format!("/.well-known/oauth-authorization-server{path}")
                }
                MetadataLocation::OidcInserted => {
                    format!("/.well-known/openid-configuration{path}")
                }
                MetadataLocation::OidcAppended => {
                    format!("{path}/.well-known/openid-configuration")
                }
            }
    });
    if here {
        Json(document(&app)).into_response()
    } else {
        (StatusCode::NOT_FOUND, "no metadata here").into_response()
    }
}

fn document(app: &Shared) -> Value {
    let behaviour = app.behaviour();
    let origin = &app.origin;
    let auth_methods = ["none", "client_secret_basic", "client_secret_post"];
    let mut grants = vec!["authorization_code"];
    if behaviour.token.refresh_tokens != RefreshTokens::None {
        grants.push("refresh_token");
    }
    let mut document = Map::new();
    let mut set = |name: &str, value: Value| document.insert(name.to_owned(), value);
    set("issuer", json!(app.issuer()));
    set(
        "authorization_endpoint",
        json!(format!("{origin}/as/authorize")),
    );
    set("token_endpoint", json!(format!("{origin}/as/token")));
    if behaviour.registration.policy != RegistrationPolicy::Off {
        set(
            "registration_endpoint",
            json!(format!("{origin}/as/register")),
        );
    }
    if behaviour.revocation.offered {
        set("revocation_endpoint", json!(format!("{origin}/as/revoke")));
        set(
            "revocation_endpoint_auth_methods_supported",
            json!(auth_methods),
        );
    }
    set("scopes_supported", json!(supported_scopes(app)));
    set("response_types_supported", json!(["code"]));
    set("response_modes_supported", json!(["query"]));
    set("grant_types_supported", json!(grants));
    set("token_endpoint_auth_methods_supported", json!(auth_methods));
    set("code_challenge_methods_supported", json!(["S256"]));
    if !matches!(
        behaviour.authorize.iss,
        Iss::NotAdvertised | Iss::Unadvertised
    ) {
        set(
            "authorization_response_iss_parameter_supported",
            json!(true),
        );
    }
    if behaviour.registration.metadata_documents != ClientMetadataDocuments::Off {
        set("client_id_metadata_document_supported", json!(true));
    }
    set("service_documentation", json!(format!("{origin}/")));
    let settings = &behaviour.metadata;
    altered(
        document,
        &settings.omit,
        &settings.replace,
        settings.padding,
    )
}

/// Applies a behaviour's changes to a document.
pub(crate) fn altered(
    mut document: Map<String, Value>,
    omit: &[String],
    replace: &Map<String, Value>,
    padding: usize,
) -> Value {
    for (name, value) in replace {
        document.insert(name.clone(), value.clone());
    }
    for name in omit {
        document.remove(name);
    }
    if padding > 0 {
        document.insert("padding".to_owned(), json!("x".repeat(padding)));
    }
    Value::Object(document)
}
