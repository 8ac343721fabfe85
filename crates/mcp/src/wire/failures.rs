//! Typed failures, kept beside the message layer, which knows only texts.

use std::{collections::HashMap, sync::Mutex};

use rmcp::model::RequestId;

use super::lock;
use crate::error::McpError;

/// The failures of one session's exchanges, until whoever asked picks them up.
#[derive(Default)]
pub(crate) struct Failures {
    inner: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    by_request: HashMap<RequestId, McpError>,
    /// Of an exchange that belongs to no request: a notification, a resumed stream.
    other: Option<McpError>,
}

/// Most failures kept; nobody picks up those of requests that were abandoned.
const MOST: usize = 256;

impl Failures {
    pub(super) fn keep(&self, request: Option<&RequestId>, error: McpError) {
        let mut kept = lock(&self.inner);
        match request {
            Some(id) => {
                if kept.by_request.len() >= MOST {
                    kept.by_request.clear();
                }
                kept.by_request.insert(id.clone(), error);
            }
            None => kept.other = Some(error),
        }
    }

    /// What went wrong with a request.
    pub(crate) fn of(&self, request: &RequestId) -> Option<McpError> {
        lock(&self.inner).by_request.remove(request)
    }

    /// What went wrong with an exchange of no request.
    pub(crate) fn other(&self) -> Option<McpError> {
        lock(&self.inner).other.take()
    }

    /// What went wrong while connecting, when the ids of requests are not known.
    pub(crate) fn any(&self) -> Option<McpError> {
        let mut kept = lock(&self.inner);
        let first = kept.by_request.keys().next().cloned();
        let own = first.and_then(|id| kept.by_request.remove(&id));
        own.or_else(|| kept.other.take())
    }
}
