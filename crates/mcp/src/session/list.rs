//! Listing tools: every page, within bounds.

use std::{collections::HashSet, sync::Arc, time::Duration};

use rmcp::{
    model::{
        ClientRequest, ListToolsRequest, ListToolsResult, PaginatedRequestParams, ServerResult,
    },
    service::PeerRequestOptions,
};
use serde_json::Value;

use super::Session;
use crate::{
    error::McpError,
    token_source::TokenSource,
    tool::{MOST_TOOLS, Tool, ToolList},
};

/// Most pages asked for.
const MOST_PAGES: usize = 100;
/// Longest time a list may be kept, whatever the server says.
const LONGEST_FRESH: Duration = Duration::from_secs(60 * 60);

struct Page {
    tools: Vec<Tool>,
    unreadable: usize,
    next: Option<String>,
    fresh_for: Option<Duration>,
}

impl Session {
    /// Every tool the server offers.
    pub async fn list_tools(
        &self,
        tokens: Option<&Arc<dyn TokenSource>>,
    ) -> Result<ToolList, McpError> {
        let mut list = ToolList::default();
        let mut asked = HashSet::new();
        let mut cursor = None;
        for page in 0..MOST_PAGES {
            let answer = self.page(cursor.take(), tokens).await?;
            list.fresh_for = match (page, list.fresh_for) {
                (0, _) => answer.fresh_for,
                (_, fresh_for) => fresh_for.min(answer.fresh_for),
            };
            list.take(answer.tools);
            if answer.unreadable > 0 {
                list.note(format!(
                    "{} tools were left out: their descriptions cannot be read.",
                    answer.unreadable
                ));
            }
            match answer.next {
                None => return Ok(list),
                Some(_) if list.tools.len() >= MOST_TOOLS => return Ok(list),
                Some(next) if !asked.insert(next.clone()) => {
                    list.note("The server's list of tools goes round in a circle.".to_owned());
                    return Ok(list);
                }
                Some(next) => cursor = Some(next),
            }
        }
        list.note(format!(
            "The server's list has more than {MOST_PAGES} pages; the rest was left out."
        ));
        Ok(list)
    }

    async fn page(
        &self,
        cursor: Option<String>,
        tokens: Option<&Arc<dyn TokenSource>>,
    ) -> Result<Page, McpError> {
        let params =
            cursor.map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
        let request = ClientRequest::ListToolsRequest(ListToolsRequest {
            method: Default::default(),
            params,
            extensions: Default::default(),
        });
        let options = PeerRequestOptions::with_timeout(self.limits.answer);
        let handle = self.request(request, tokens, options).await?;
        let id = handle.id.clone();
        let result = handle.await_response().await;
        match result.map_err(|error| self.failed(Some(&id), error))? {
            ServerResult::ListToolsResult(result) => Ok(typed(result)),
            ServerResult::CustomResult(result) => untyped(&result.0)
                .ok_or_else(|| self.unexpected(&ServerResult::CustomResult(result))),
            other => Err(self.unexpected(&other)),
        }
    }
}

fn typed(result: ListToolsResult) -> Page {
    let tools = result.tools.into_iter().map(|tool| {
        let annotations = tool.annotations;
        Tool {
            name: tool.name.into_owned(),
            title: tool
                .title
                .or_else(|| annotations.as_ref().and_then(|own| own.title.clone())),
            description: tool.description.map(std::borrow::Cow::into_owned),
            input_schema: Arc::unwrap_or_clone(tool.input_schema),
            annotations: annotations.and_then(|own| serde_json::to_value(own).ok()),
        }
    });
    Page {
        tools: tools.collect(),
        unreadable: 0,
        next: result.next_cursor,
        fresh_for: fresh_for(result.ttl_ms),
    }
}

/// A page in which one tool is not as it should be must not cost the others.
fn untyped(result: &Value) -> Option<Page> {
    let all = result.get("tools")?.as_array()?;
    let tools: Vec<Tool> = all
        .iter()
        .filter_map(|tool| serde_json::from_value(tool.clone()).ok())
        .collect();
    Some(Page {
        unreadable: all.len() - tools.len(),
        tools,
        next: result
            .get("nextCursor")
            .and_then(Value::as_str)
            .map(str::to_owned),
        fresh_for: fresh_for(result.get("ttlMs").and_then(Value::as_u64)),
    })
}

fn fresh_for(ttl_ms: Option<u64>) -> Option<Duration> {
    ttl_ms.map(|millis| Duration::from_millis(millis).min(LONGEST_FRESH))
}
