//! What a flow's cookie holds, and finding the flow that a callback belongs to.

use axum::http::HeaderMap;
use gatepass_connections::{FlowId, Owner, Sealed};
use mcp_oauth_client::{PendingAuthorization, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{app::App, pages::return_to::ReturnTo};

/// The name of a flow's cookie begins with this; its id follows.
pub const COOKIE: &str = "flow-";
/// Most flow cookies a browser holds for us, since servers bound the size of all cookies together.
const MOST: usize = 8;

/// How a person is sent to the authorization server and comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// In a window of its own, which ends with a small page.
    Popup,
    /// In the page's own window, which comes back to `returnTo`.
    Redirect,
}

/// What a flow's cookie holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct FlowRecord {
    /// How the person comes back.
    pub mode: Mode,
    /// Where to, in redirect mode.
    pub return_to: ReturnTo,
    /// Whether the registration was made for this flow and is kept once it has worked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unproved: bool,
    /// The protocol's part.
    pub pending: PendingAuthorization,
}

/// The flows of the request's cookies that open for this owner.
fn open(app: &App, owner: &Owner, headers: &HeaderMap) -> Vec<(FlowId, FlowRecord)> {
    app.cookies
        .starting(headers, COOKIE)
        .take(4 * MOST)
        .filter_map(|(id, value)| {
            let id = FlowId::parse(id)?;
            let record = app
                .flows
                .open_cookie(owner, &id, &Sealed::from_text(value))
                .ok()?;
            Some((id, record))
        })
        .collect()
}

/// The flow that a callback's `state` belongs to; states are compared in constant time.
pub fn find(
    app: &App,
    owner: &Owner,
    headers: &HeaderMap,
    state: &Secret,
) -> Option<(FlowId, FlowRecord)> {
    open(app, owner, headers)
        .into_iter()
        .find(|(_, record)| record.pending.state == *state)
}

/// The names of flow cookies to remove before another is set: those that do not open or have
/// ended, and the oldest if there would be too many.
pub fn surplus(app: &App, owner: &Owner, headers: &HeaderMap, now: Timestamp) -> Vec<String> {
    let mut live = open(app, owner, headers);
    live.retain(|(_, record)| record.pending.expires_at() > now);
    live.sort_by_key(|(_, record)| std::cmp::Reverse(record.pending.started_at));
    live.truncate(MOST - 1);
    app.cookies
        .starting(headers, COOKIE)
        .map(|(id, _)| id)
        .filter(|id| live.iter().all(|(kept, _)| kept.as_str() != *id))
        .map(|id| format!("{COOKIE}{id}"))
        .collect()
}
