//! The page at the end of a sign-in: says how it went, tells the page that started it, and closes.
//!
//! It carries the flow's id and nothing else: the page that started the flow asks the server for
//! the result. Neither message is needed for that, because that page also waits on the server
//! (an authorization server's `Cross-Origin-Opener-Policy` cuts the opener off).

use askama::Template;
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{SCRIPT, STYLE, html, return_to::ReturnTo};
use crate::problem::{Action, Problem};

/// How a flow ended, as far as this page shows it.
#[derive(Clone, Debug)]
pub enum Ending<'a> {
    /// Connected to this host.
    Authorized {
        /// The MCP server's host.
        host: &'a str,
    },
    /// Not connected.
    Failed(&'a Problem),
    /// Not connected yet: the same address may be opened again.
    NotYet(&'a Problem),
}

#[derive(Template)]
#[template(path = "callback.html")]
struct CallbackPage<'a> {
    title: &'a str,
    text: &'a str,
    advice: &'a str,
    slug: &'a str,
    flow: &'a str,
    close: bool,
    ok: bool,
    style: &'static str,
    script: &'static str,
}

/// The page for a popup, or for anyone whose flow cannot be told.
pub fn page(flow_id: Option<&str>, ending: &Ending<'_>) -> Response {
    let flow = flow_id.unwrap_or_default();
    let connected;
    let (status, page) = match ending {
        Ending::Authorized { host } => {
            connected = format!("Gatepass is connected to {host}.");
            let page = CallbackPage {
                title: "Connected",
                text: &connected,
                advice: "You can close this window and go back to Gatepass.",
                slug: "",
                flow,
                close: true,
                ok: true,
                style: STYLE,
                script: SCRIPT,
            };
            (StatusCode::OK, page)
        }
        Ending::Failed(problem) | Ending::NotYet(problem) => {
            let kind = problem.kind();
            let page = CallbackPage {
                title: kind.title(),
                text: problem.detail(),
                advice: match ending {
                    Ending::NotYet(_) => "Reload this page in a moment to go on.",
                    _ => advice(problem),
                },
                slug: kind.slug(),
                flow,
                // Who said no knows what happened; anything else is worth reading here.
                close: kind == crate::problem::Kind::AccessDenied && flow_id.is_some(),
                ok: false,
                style: STYLE,
                script: SCRIPT,
            };
            // People read this page in a browser; the flow's own status carries the error. A
            // success status keeps browsers from replacing the page by one of their own.
            (StatusCode::OK, page)
        }
    };
    let mut response = html(status, &page);
    // Any other value would cut this page off from the one that opened it.
    response.headers_mut().insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("unsafe-none"),
    );
    response
}

/// Back to the page that started a full-page flow; the fragment never reaches a server.
pub fn redirect(return_to: &ReturnTo, flow_id: &str) -> Response {
    let target = format!("{}#flow={flow_id}", return_to.as_str());
    match HeaderValue::try_from(target) {
        Ok(target) => (
            StatusCode::SEE_OTHER,
            [
                (header::LOCATION, target),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ],
        )
            .into_response(),
        Err(error) => Problem::internal(error).into_response(),
    }
}

fn advice(problem: &Problem) -> &'static str {
    match problem.action() {
        Action::Retry => "Close this window and try again in a moment.",
        Action::Authorize => "Close this window and start again from Gatepass.",
        Action::EnterClient => "Close this window and check the client id in Gatepass.",
        Action::AskAdmin => {
            "Close this window. This has to be put right by whoever runs the server or this \
             installation; Gatepass shows a report to send to them."
        }
        Action::None => "Close this window and go back to Gatepass.",
    }
}
