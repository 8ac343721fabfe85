//! Protected resource metadata (RFC 9728 §2, §3).

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, Uri};
use serde_json::{Map, Value, json};

use crate::{
    authorization_server::{altered, supported_scopes},
    behaviour::Published,
    shared::{App, Shared},
};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
pub(crate) const CUSTOM: &str = "/custom/resource-metadata.json";

/// Serves the document wherever the behaviour puts it; 404 elsewhere.
pub(crate) async fn serve(State(app): State<App>, uri: Uri) -> Response {
    let path = uri.path();
    let inserted = format!("{WELL_KNOWN}{}", app.mcp_path);
    let here = match app.behaviour().resource_metadata.published {
        Published::Path => path == inserted,
        Published::Root => path == WELL_KNOWN,
        Published::PathAndRoot => path == inserted || path == WELL_KNOWN,
        Published::Custom => path == CUSTOM,
        Published::Missing => false,
    };
    if here {
        Json(document(&app)).into_response()
    } else {
        (StatusCode::NOT_FOUND, "no metadata here").into_response()
    }
}

/// What the challenge says where the document is, if it says so at all.
pub(crate) fn announced(app: &Shared) -> Option<String> {
    let behaviour = app.behaviour();
    let settings = &behaviour.resource_metadata;
    if settings.unannounced {
        return None;
    }
    let origin = &app.origin;
    let right = match settings.published {
        Published::Path | Published::PathAndRoot => {
            Some(format!("{origin}{WELL_KNOWN}{}", app.mcp_path))
        }
        Published::Root => Some(format!("{origin}{WELL_KNOWN}")),
        Published::Custom => Some(format!("{origin}{CUSTOM}")),
        Published::Missing => None,
    };
    settings.challenge_url.clone().or(right)
}

fn document(app: &Shared) -> Value {
    let behaviour = app.behaviour();
    let settings = &behaviour.resource_metadata;
    let mut document = Map::new();
    let mut set = |name: &str, value: Value| document.insert(name.to_owned(), value);
    set("resource", json!(app.mcp_url()));
    set("authorization_servers", json!([app.issuer()]));
    let scopes: Vec<_> = supported_scopes(app)
        .into_iter()
        .filter(|scope| *scope != "offline_access")
        .collect();
    set("scopes_supported", json!(scopes));
    set("bearer_methods_supported", json!(["header"]));
    set("resource_name", json!("Gatepass demo tools"));
    altered(
        document,
        &settings.omit,
        &settings.replace,
        settings.padding,
    )
}
