//! The pages a person sees. Everything that comes from outside is escaped by the templates.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use url::Url;

use super::{metadata::SCOPES, request::AuthorizationRequest};
use crate::shared::{Account, Shared};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    client: &'a str,
    accounts: &'a [Account],
    query: &'a str,
    token: &'a str,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct Consent<'a> {
    client: &'a str,
    named: bool,
    destination: &'a str,
    local: bool,
    scopes: Vec<&'a str>,
    resource: &'a str,
    account: &'a Account,
    query: &'a str,
    token: &'a str,
}

#[derive(Template)]
#[template(path = "error.html")]
struct Problem<'a> {
    code: &'a str,
    description: &'a str,
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    mcp_url: &'a str,
    issuer: &'a str,
    model_url: &'a str,
    accounts: &'a [Account],
}

pub(crate) fn sign_in(app: &Shared, request: &AuthorizationRequest, token: &str) -> Response {
    page(
        app,
        StatusCode::OK,
        &SignIn {
            client: client_name(request),
            accounts: &app.accounts,
            query: &request.query,
            token,
        },
        Some(&request.redirect_uri),
    )
}

pub(crate) fn consent(
    app: &Shared,
    request: &AuthorizationRequest,
    account: &Account,
    token: &str,
) -> Response {
    let (destination, local) = destination(&request.redirect_uri);
    let scopes = request
        .scopes
        .iter()
        .map(|scope| {
            SCOPES
                .iter()
                .find(|(name, _)| name == scope)
                .map_or(scope.as_str(), |(_, words)| words)
        })
        .collect();
    page(
        app,
        StatusCode::OK,
        &Consent {
            client: client_name(request),
            named: request.client.name.is_some(),
            destination: &destination,
            local,
            scopes,
            resource: &request.resource,
            account,
            query: &request.query,
            token,
        },
        Some(&request.redirect_uri),
    )
}

pub(crate) fn problem(app: &Shared, status: StatusCode, code: &str, description: &str) -> Response {
    page(app, status, &Problem { code, description }, None)
}

pub(crate) fn home(app: &Shared) -> Response {
    page(
        app,
        StatusCode::OK,
        &Home {
            mcp_url: &app.mcp_url(),
            issuer: &app.issuer(),
            model_url: &format!("{}/v1", app.origin),
            accounts: &app.accounts,
        },
        None,
    )
}

pub(crate) async fn stylesheet() -> impl IntoResponse {
    (
        [
            (header::CONTENT_TYPE, "text/css; charset=utf-8"),
            (header::CACHE_CONTROL, "max-age=3600"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ],
        include_str!("../../assets/style.css"),
    )
}

fn client_name(request: &AuthorizationRequest) -> &str {
    request.client.name.as_deref().unwrap_or(&request.client.id)
}

/// Where the user will be sent, as a person should read it, and whether that is this computer.
fn destination(redirect_uri: &str) -> (String, bool) {
    match Url::parse(redirect_uri) {
        Ok(uri) if matches!(uri.scheme(), "http" | "https") => {
            let host = uri.host_str().unwrap_or_default();
            let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
            let shown = uri
                .port()
                .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
            (shown, local)
        }
        Ok(uri) => (format!("the app for {}: links", uri.scheme()), true),
        Err(_) => (redirect_uri.to_owned(), false),
    }
}

/// Browsers apply `form-action` to the redirects that follow a form, so the client's origin must
/// be in it or the answer never arrives.
fn form_target(redirect_uri: &str) -> String {
    match Url::parse(redirect_uri) {
        Ok(uri) if matches!(uri.scheme(), "http" | "https") => uri.origin().ascii_serialization(),
        Ok(uri) => format!("{}:", uri.scheme()),
        Err(_) => String::new(),
    }
}

fn page(
    app: &Shared,
    status: StatusCode,
    template: &impl Template,
    redirect_uri: Option<&str>,
) -> Response {
    let Ok(html) = template.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let target = redirect_uri.map(form_target).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action 'self' {target}; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if app.behaviour().authorize.cross_origin_opener_policy {
        headers.insert(
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        );
    }
    response
}
