//! The authorization endpoint: sign-in, consent, and the answer to the client (RFC 6749 §4.1.2,
//! RFC 9207 §2).

use std::time::Duration;

use axum::{
    Json,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;

use super::{
    browser::{self, Browser, SESSION_SECONDS},
    error::OAuthError,
    ledger::{Grant, Session},
    pages,
    request::{AuthorizationRequest, Refused, parameters},
};
use crate::{
    behaviour::{AutoDecision, Iss, StateAnswer, UnknownClient},
    shared::{Account, App, Shared},
};

/// `GET /as/authorize`: who is not signed in signs in, who is decides.
pub(crate) async fn authorize(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let request = match AuthorizationRequest::parse(&app, &query.unwrap_or_default()) {
        Ok(request) => request,
        Err(refused) => return refuse(&app, refused, StatusCode::FOUND),
    };
    if let (Some(decision), Some(account)) = (app.behaviour().authorize.auto, app.accounts.first())
    {
        let allowed = decision == AutoDecision::Allow;
        return decide(&app, request, account, allowed, StatusCode::FOUND);
    }
    let browser = Browser::of(&app, &headers);
    let account = browser.account.as_deref().and_then(|id| app.account(id));
    let token = browser.form_token();
    let mut response = match account {
        Some(account) => pages::consent(&app, &request, account, &token),
        None => pages::sign_in(&app, &request, &token),
    };
    browser.remember(response.headers_mut());
    response
}

/// `POST /as/sign-in`: the demo believes whoever says who they are.
pub(crate) async fn sign_in(State(app): State<App>, headers: HeaderMap, body: String) -> Response {
    let (browser, fields) = match form(&app, &headers, &body) {
        Ok(form) => form,
        Err(response) => return response,
    };
    let Some(account) = fields.get("account").and_then(|id| app.account(id)) else {
        return problem(
            &app,
            "There is no such account",
            "Choose one of the demo accounts.",
        );
    };
    let session = app.fresh("");
    let now = app.now();
    {
        let mut ledger = app.ledger();
        if let Some(previous) = &browser.session {
            ledger.sign_out(previous);
        }
        ledger.sweep(now);
        ledger.sign_in(
            &session,
            Session {
                account: account.id.clone(),
                expires_at: now.after(Duration::from_secs(SESSION_SECONDS)),
            },
        );
    }
    let mut response = back_to_request(fields.get("request").map_or("", String::as_str));
    browser::start_session(response.headers_mut(), &session);
    response
}

/// `POST /as/sign-out`: to use another account.
pub(crate) async fn sign_out(State(app): State<App>, headers: HeaderMap, body: String) -> Response {
    let (browser, fields) = match form(&app, &headers, &body) {
        Ok(form) => form,
        Err(response) => return response,
    };
    if let Some(session) = &browser.session {
        app.ledger().sign_out(session);
    }
    let mut response = back_to_request(fields.get("request").map_or("", String::as_str));
    browser::end_session(response.headers_mut());
    response
}

/// `POST /as/consent`: the user's decision.
pub(crate) async fn consent(State(app): State<App>, headers: HeaderMap, body: String) -> Response {
    let (browser, fields) = match form(&app, &headers, &body) {
        Ok(form) => form,
        Err(response) => return response,
    };
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    // The form is only a copy of what the page showed, so the request is checked from the start.
    let request = match AuthorizationRequest::parse(&app, field("request")) {
        Ok(request) => request,
        Err(refused) => return refuse(&app, refused, StatusCode::SEE_OTHER),
    };
    let account = browser
        .account
        .as_deref()
        .filter(|id| *id == field("account"))
        .and_then(|id| app.account(id));
    let Some(account) = account else {
        // Signed out, or somebody else since the page was shown.
        return back_to_request(field("request"));
    };
    match field("decision") {
        "allow" => decide(&app, request, account, true, StatusCode::SEE_OTHER),
        "deny" => decide(&app, request, account, false, StatusCode::SEE_OTHER),
        _ => problem(&app, "Nothing was decided", "Choose Allow or Deny."),
    }
}

/// The path of clients that found no metadata (MCP 2025-03-26), where that is switched on.
pub(crate) async fn default_endpoint(
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Response {
    if app.behaviour().metadata.default_endpoints {
        found(
            "/as/authorize",
            &query.unwrap_or_default(),
            StatusCode::FOUND,
        )
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

type Fields = std::collections::HashMap<String, String>;

/// A form of our own pages, sent by the browser that got the page.
#[expect(clippy::result_large_err, reason = "the error is the finished answer")]
fn form(app: &Shared, headers: &HeaderMap, body: &str) -> Result<(Browser, Fields), Response> {
    let browser = Browser::of(app, headers);
    let fields = parameters(body)
        .map_err(|error| problem(app, "The form is not valid", &error.description))?;
    if browser.sent(headers, fields.get("csrf").map(String::as_str)) {
        Ok((browser, fields))
    } else {
        Err(pages::problem(
            app,
            StatusCode::FORBIDDEN,
            "This form did not come from our page",
            "Go back to the application you came from and start again. Cookies must be allowed.",
        ))
    }
}

fn problem(app: &Shared, code: &str, description: &str) -> Response {
    pages::problem(app, StatusCode::BAD_REQUEST, code, description)
}

fn back_to_request(query: &str) -> Response {
    found("/as/authorize", query, StatusCode::SEE_OTHER)
}

fn refuse(app: &Shared, refused: Refused, status: StatusCode) -> Response {
    match refused {
        Refused::Here {
            error,
            unknown_client: true,
        } if app.behaviour().authorize.unknown_client == UnknownClient::Json422 => (
            StatusCode::UNPROCESSABLE_ENTITY,
            Json(json!({"code": "client_not_found", "message": error.description})),
        )
            .into_response(),
        Refused::Here { error, .. } => problem(app, error.code, &error.description),
        Refused::Back {
            redirect_uri,
            state,
            error,
        } => answer(
            app,
            &redirect_uri,
            state.as_deref(),
            &[
                ("error", error.code),
                ("error_description", &error.description),
            ],
            status,
        ),
    }
}

fn decide(
    app: &Shared,
    request: AuthorizationRequest,
    account: &Account,
    allowed: bool,
    status: StatusCode,
) -> Response {
    let redirect_uri = request.redirect_uri.clone();
    let state = request.state.clone();
    if !allowed {
        let denied = OAuthError::new("access_denied", "the user did not allow it");
        let refused = Refused::Back {
            redirect_uri,
            state,
            error: denied,
        };
        return refuse(app, refused, status);
    }
    let behaviour = app.behaviour();
    let code = app.fresh("gpd_code_");
    let lifetime = Duration::from_secs(behaviour.authorize.code_lifetime_seconds);
    let mut scopes = request.scopes;
    if let Some(only) = &behaviour.authorize.grant_only {
        scopes.retain(|scope| only.contains(scope));
    }
    app.ledger().add_code(
        &code,
        Grant {
            client_id: request.client.id,
            account: account.id.clone(),
            resource: request.resource,
            scopes,
        },
        request.redirect_uri,
        request.challenge,
        app.now().after(lifetime),
    );
    answer(
        app,
        &redirect_uri,
        state.as_deref(),
        &[("code", &code)],
        status,
    )
}

/// Sends the browser back to the client.
fn answer(
    app: &Shared,
    redirect_uri: &str,
    state: Option<&str>,
    parameters: &[(&str, &str)],
    status: StatusCode,
) -> Response {
    let behaviour = app.behaviour();
    let issuer = app.issuer();
    let iss = match &behaviour.authorize.iss {
        Iss::Sent | Iss::Unadvertised => Some(issuer.as_str()),
        Iss::Wrong(other) => Some(other.as_str()),
        Iss::Missing | Iss::NotAdvertised => None,
    };
    let state = match behaviour.authorize.state {
        StateAnswer::Echoed => state,
        StateAnswer::Wrong => Some("not-the-state-you-sent"),
        StateAnswer::Missing => None,
    };
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    if let Some(state) = state {
        query.append_pair("state", state);
    }
    if let Some(iss) = iss {
        query.append_pair("iss", iss);
    }
    found(redirect_uri, &query.finish(), status)
}

/// A redirect that keeps what the URI already has in its query.
fn found(uri: &str, query: &str, status: StatusCode) -> Response {
    let separator = if uri.contains('?') { '&' } else { '?' };
    let Ok(location) = HeaderValue::from_str(&format!("{uri}{separator}{query}")) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let mut response = (status, [(header::LOCATION, location)]).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
