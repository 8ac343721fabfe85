//! The user's browser: cookies of the sign-in session, and tokens that tie forms to it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header};

use crate::{secrets, shared::Shared};

/// Identifies the browser before anybody signs in; form tokens are derived from it.
const BROWSER: &str = "gatepass_demo_browser";
/// The sign-in session.
const SESSION: &str = "gatepass_demo_session";
/// Cookies do not know ports: on localhost they must not reach anything but these pages.
const PATH: &str = "/as";
pub(crate) const SESSION_SECONDS: u64 = 8 * 60 * 60;

#[derive(Debug)]
pub(crate) struct Browser {
    id: String,
    fresh: bool,
    pub(crate) session: Option<String>,
    /// The account signed in.
    pub(crate) account: Option<String>,
}

impl Browser {
    /// Recognises the browser, or gives it an identity.
    pub(crate) fn of(app: &Shared, headers: &HeaderMap) -> Self {
        let known = cookie(headers, BROWSER).filter(|id| id.len() == 43);
        let session = cookie(headers, SESSION);
        let account = session
            .as_deref()
            .and_then(|session| app.ledger().signed_in(session, app.now()));
        Self {
            fresh: known.is_none(),
            id: known.unwrap_or_else(|| app.fresh("")),
            session,
            account,
        }
    }

    /// What this browser's forms must send back.
    pub(crate) fn form_token(&self) -> String {
        URL_SAFE_NO_PAD.encode(secrets::hash(&format!("form:{}", self.id)))
    }

    /// Whether a form was sent by a page we gave this browser.
    pub(crate) fn sent(&self, headers: &HeaderMap, token: Option<&str>) -> bool {
        let site = headers
            .get("sec-fetch-site")
            .and_then(|value| value.to_str().ok());
        let same_site = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
        let right = token
            .is_some_and(|token| secrets::same(token.as_bytes(), self.form_token().as_bytes()));
        !self.fresh && same_site && right
    }

    /// Adds the cookie that carries the browser's identity, if it has none yet.
    pub(crate) fn remember(&self, headers: &mut HeaderMap) {
        if self.fresh {
            set(headers, BROWSER, &self.id, SESSION_SECONDS);
        }
    }
}

pub(crate) fn start_session(headers: &mut HeaderMap, session: &str) {
    set(headers, SESSION, session, SESSION_SECONDS);
}

pub(crate) fn end_session(headers: &mut HeaderMap) {
    set(headers, SESSION, "", 0);
}

// Lax, not Strict: the user comes here by a navigation from the client's site.
fn set(headers: &mut HeaderMap, name: &str, value: &str, seconds: u64) {
    let cookie = format!("{name}={value}; Path={PATH}; Max-Age={seconds}; HttpOnly; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        headers.append(header::SET_COOKIE, cookie);
    }
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
        .filter(|value| !value.is_empty())
}
